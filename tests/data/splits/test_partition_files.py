"""Promises of splits by published file lists: every format is read, and whatever does not fit is said."""

import csv
import hashlib
import json
from collections import Counter
from pathlib import Path

import datasets
import pytest

from hf_emotion.data.loading import load_corpus
from hf_emotion.data.splits import describe_split, parameters_with_a_say, split_corpus
from hf_emotion.data.splits.partition_files import read_partition
from tests.data.splits.toy_corpus import assert_partition, corpus, ids, speakers


SPLIT_SETS = {"train": "Train", "validation": "Development", "test": "Test"}
SETTINGS = {"num_folds": 5, "fold": 0, "validation_size": 0.1, "test_size": 0.2, "seed": 3}


def by_speaker(dataset, **parts):
    """Utterance ids of parts that are given as numbers of speakers."""
    return {
        part: [row["utterance_id"] for row in dataset if int(row["speaker_id"][1:]) in numbers]
        for part, numbers in parts.items()
    }


def write_own(path: Path, parts: dict[str, list[str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["utterance_id", "split"])
        writer.writerows((name, part) for part, names in parts.items() for name in names)
    return path


def write_emo_superb(path: Path, parts: dict[str, list[str]], first_cell: str = "FileName") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{first_cell},angry,happy,SpkrID,Gender,Split_Set"]
    lines += [f"{name}.wav,0.95,0.05,01,Male,{SPLIT_SETS[part]}" for part, names in parts.items() for name in names]
    path.write_text("\n".join(lines) + "\n")
    return path


def write_emobox(folder: Path, fold: int, parts: dict[str, list[str]], name="toy", underscore="_") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for part, names in parts.items():
        rows = [
            {
                "key": f"{name}-{stem}",
                "dataset": name,
                "wav": f"downloads/{name}/wav/{stem}.wav",
                "length": 2.1,
                "emo": "x",
            }
            for stem in names
        ]
        word = {"validation": "valid"}.get(part, part)
        file = folder / f"{name}_{word}_fold{underscore}{fold}.jsonl"
        file.write_text("\n".join(json.dumps(row) for row in rows) + "\n")
    return folder


def split(dataset, path, **options):
    return split_corpus(dataset, "partition_file", partition_file=path, **options)


class TestOwnFormat:
    def test_the_listed_utterances_make_the_parts(self, tmp_path):
        dataset = corpus(4)
        listed = by_speaker(dataset, train=(0, 1), validation=(2,), test=(3,))
        parts = split(dataset, write_own(tmp_path / "folds.csv", listed))
        assert_partition(parts, dataset)
        assert ids(parts) == {part: sorted(names) for part, names in listed.items()}

    def test_parts_may_be_called_as_elsewhere(self, tmp_path):
        dataset = corpus(4)
        listed = by_speaker(dataset, Training=(), train=(0, 1), Development=(2,), TEST=(3,))
        parts = split(dataset, write_own(tmp_path / "folds.csv", listed))
        assert [speakers(rows) for rows in parts.values()] == [{"s00", "s01"}, {"s02"}, {"s03"}]

    def test_without_a_validation_list_whole_speakers_of_train_are_taken(self, tmp_path):
        dataset = corpus(10)
        path = write_own(tmp_path / "folds.csv", by_speaker(dataset, train=range(8), test=(8, 9)))
        parts = split(dataset, path, validation_size=0.2)
        assert_partition(parts, dataset)
        assert len(speakers(parts["validation"])) == 2
        assert not speakers(parts["validation"]) & speakers(parts["train"])

    def test_the_rows_of_an_audio_column_are_found_by_their_files(self, tmp_path):
        rows = [
            {
                "utterance_id": f"u{n}",
                "corpus": "toy",
                "audio": {"path": f"/archive/{n // 2}/{n % 2}.wav", "bytes": None},
            }
            for n in range(4)
        ]
        dataset = datasets.Dataset.from_list(rows).cast_column("audio", datasets.Audio())
        listed = {"train": ["x/0/0.wav", "x/0/1.wav", "x/1/0.wav"], "test": ["x/1/1.wav"]}
        parts = split(dataset.select([3, 2, 1, 0]), write_own(tmp_path / "folds.csv", listed), validation_size=0)
        assert ids(parts) == {"train": ["u0", "u1", "u2"], "validation": [], "test": ["u3"]}


class TestEmoSuperb:
    @pytest.mark.parametrize("first_cell", ["FileName", ""])
    def test_file_names_and_split_sets_make_the_parts(self, tmp_path, first_cell):
        dataset = corpus(4)
        listed = by_speaker(dataset, train=(0, 1), validation=(2,), test=(3,))
        parts = split(dataset, write_emo_superb(tmp_path / "labels_consensus_1.csv", listed, first_cell))
        assert ids(parts) == {part: sorted(names) for part, names in listed.items()}

    def test_the_fold_chooses_the_file_of_a_folder(self, tmp_path):
        dataset = corpus(4)
        for fold in range(4):
            others = [(fold + step) % 4 for step in (1, 2, 3)]
            listed = by_speaker(dataset, train=others[:2], validation=others[2:], test=(fold,))
            write_emo_superb(tmp_path / f"labels_consensus_{fold + 1}.csv", listed)
        for fold in range(4):
            parts = split(dataset, tmp_path, fold=fold)
            assert speakers(parts["test"]) == {f"s{fold:02d}"}
        with pytest.raises(FileNotFoundError, match=r"has no fold 4 \(number 5 of its source\); it has 0, 1, 2, 3"):
            split(dataset, tmp_path, fold=4)

    def test_a_file_is_its_own_fold(self, tmp_path):
        dataset = corpus(4)
        path = tmp_path / "labels_consensus_3.csv"
        write_emo_superb(path, by_speaker(dataset, train=(0, 1), validation=(2,), test=(3,)))
        assert ids(split(dataset, path)) == ids(split(dataset, path, fold=2))
        with pytest.raises(ValueError, match=r"fold=1 was asked for, but .* is fold 2 \(number 3 of its source\)"):
            split(dataset, path, fold=1)


class TestEmoBox:
    @pytest.fixture
    def listed(self):
        return by_speaker(corpus(6), train=range(5), test=(5,))

    def test_paths_make_the_parts_and_a_random_fifth_of_train_is_validation(self, tmp_path, listed, caplog):
        dataset = corpus(6)
        parts = split(dataset, write_emobox(tmp_path / "fold_1", 1, listed), seed=1)
        assert_partition(parts, dataset)
        assert [len(rows) for rows in parts.values()] == [80, 20, 20]
        assert Counter(parts["validation"]["emotion"]) == dict.fromkeys(("anger", "joy", "neutral", "sadness"), 5)
        assert speakers(parts["test"]) == {"s05"}
        assert "5 of the 5 speakers of validation are in train" in caplog.text
        again = split(dataset.shuffle(seed=2), tmp_path / "fold_1", seed=1)
        assert ids(again) == ids(parts) != ids(split(dataset, tmp_path / "fold_1", seed=2))

    def test_a_validation_list_is_taken_where_there_is_one(self, tmp_path):
        dataset = corpus(4)
        listed = by_speaker(dataset, train=(0, 1), validation=(2,), test=(3,))
        assert ids(split(dataset, write_emobox(tmp_path / "fold_1", 1, listed))) == {
            part: sorted(names) for part, names in listed.items()
        }

    def test_the_fold_chooses_the_folder_of_a_corpus(self, tmp_path):
        dataset = corpus(3)
        for fold in range(3):
            others = [(fold + step) % 3 for step in (1, 2)]
            write_emobox(tmp_path / f"fold_{fold + 1}", fold + 1, by_speaker(dataset, train=others, test=(fold,)))
        for fold in range(3):
            expected = {f"s{fold:02d}"}
            assert speakers(split(dataset, tmp_path, fold=fold)["test"]) == expected
            assert speakers(split(dataset, tmp_path / f"fold_{fold + 1}")["test"]) == expected
            assert (
                speakers(split(dataset, tmp_path / f"fold_{fold + 1}" / f"toy_test_fold_{fold + 1}.jsonl")["test"])
                == expected
            )

    def test_of_two_spellings_of_a_fold_the_one_of_all_corpora_is_read(self, tmp_path, listed):
        """EMO-DB has `emodb_train_fold1.jsonl` beside `emodb_train_fold_1.jsonl`."""
        dataset = corpus(6)
        write_emobox(tmp_path, 1, listed)
        write_emobox(tmp_path, 1, by_speaker(dataset, train=range(1, 6), test=(0,)), underscore="")
        assert speakers(split(dataset, tmp_path)["test"]) == {"s05"}

    def test_segments_of_long_files_are_named_by_their_keys(self, tmp_path):
        """PAVOQUE is six files with segments."""
        segments = ["n0010-poker", "n0012-poker", "n0013-angry"]
        dataset = datasets.Dataset.from_dict({"utterance_id": segments})
        for part, names in (("train", segments[:2]), ("test", segments[2:])):
            rows = [
                {
                    "key": f"pavoque-{name}",
                    "dataset": "pavoque",
                    "wav": "pavoque-poker.flac",
                    "start_time": 0.5,
                    "end_time": 1,
                }
                for name in names
            ]
            path = tmp_path / f"pavoque_{part}_fold_1.jsonl"
            path.write_text("\n".join(json.dumps(row) for row in rows))
        assert ids(split(dataset, tmp_path))["test"] == ["n0013-angry"]

    def test_files_beside_the_parts_are_ignored(self, tmp_path, listed):
        write_emobox(tmp_path, 1, listed)
        for name in ("toy_test2_fold_1.jsonl", "toy_train_fold_1.json", "toy.jsonl"):
            (tmp_path / name).write_text("not read")
        assert speakers(split(corpus(6), tmp_path)["test"]) == {"s05"}


class TestReports:
    def test_listed_utterances_that_the_dataset_lacks_are_counted_and_named(self, tmp_path, caplog):
        dataset = corpus(4)
        listed = by_speaker(dataset, train=(0, 1), validation=(2,), test=(3,))
        listed["test"] += [f"absent{number}" for number in range(7)]
        split(dataset, write_own(tmp_path / "folds.csv", listed))
        names = "absent0, absent1, absent2, absent3, absent4, ..."
        assert f"7 of 87 utterances that folds lists are not in the dataset: {names}." in caplog.text

    def test_utterances_that_are_not_listed_are_left_out_counted_and_named(self, tmp_path, caplog):
        dataset = corpus(5)
        listed = by_speaker(dataset, train=(0, 1), validation=(2,), test=(3,))
        parts = split(dataset, write_own(tmp_path / "folds.csv", listed))
        assert sum(map(len, parts.values())) == 80
        names = ", ".join(f"toy-04-anger-{number}" for number in range(5))
        assert f"20 of 100 utterances are not listed by folds and left out: {names}, ...." in caplog.text

    def test_shared_speakers_are_counted(self, tmp_path, caplog):
        dataset = corpus(4)
        listed = by_speaker(dataset, train=(0, 1, 2), validation=(), test=(3,))
        listed["test"].append(listed["train"].pop())
        parts = split(dataset, write_own(tmp_path / "folds.csv", listed), validation_size=0)
        assert "not independent. What they share: 1 of the 2 speakers of test are in train." in caplog.text
        assert describe_split(parts, "partition_file").leak == "1 of the 2 speakers of test are in train"

    def test_a_clean_list_is_read_without_a_word(self, tmp_path, caplog):
        dataset = corpus(4)
        split(
            dataset, write_own(tmp_path / "folds.csv", by_speaker(dataset, train=(0, 1), validation=(2,), test=(3,)))
        )
        assert caplog.text == ""

    def test_the_name_has_the_file_and_the_start_of_its_hash(self, tmp_path):
        dataset = corpus(6)
        listed = by_speaker(dataset, train=range(5), test=(5,))
        own = write_own(tmp_path / "my folds.csv", listed)
        parts = split(dataset, own)
        digest = hashlib.sha256(own.read_bytes()).hexdigest()
        parameters = parameters_with_a_say(dataset, "partition_file", SETTINGS | {"partition_file": own})
        name = describe_split(parts, "partition_file", **parameters).name
        assert name == f"partition_file-my folds-{digest[:8]}-validation0.1-seed3"
        emobox = write_emobox(tmp_path / "fold_2", 2, listed)
        digest = hashlib.sha256(
            b"".join((emobox / f"toy_{part}_fold_2.jsonl").read_bytes() for part in ("train", "test"))
        ).hexdigest()
        parameters = parameters_with_a_say(dataset, "partition_file", SETTINGS | {"partition_file": emobox})
        assert (
            describe_split(parts, "partition_file", **parameters).name
            == f"partition_file-toy_fold_2-{digest[:8]}-seed3"
        )
        complete = write_emo_superb(tmp_path / "labels_consensus_1.csv", listed | {"validation": ["x"]})
        parameters = parameters_with_a_say(dataset, "partition_file", SETTINGS | {"partition_file": complete})
        digest = hashlib.sha256(complete.read_bytes()).hexdigest()
        assert (
            describe_split(parts, "partition_file", **parameters).name
            == f"partition_file-labels_consensus_1-{digest[:8]}"
        )


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (
                "utterance_id,split\na,train\nb,holdout\n",
                r"folds.csv, line 3: expected utterance_id, split with a part",
            ),
            ("utterance_id,split\na\n", r"folds.csv, line 2: expected utterance_id, split"),
            ("utterance_id,part\na,train\n", "is no partition: its header is 'utterance_id,part'"),
            ("name,Split_Set\na,Train\n", "is no partition: its header is 'name,Split_Set'"),
            ("", "is no partition: its header is ''. A partition file is a CSV file with the columns"),
            ("utterance_id,split\na,train\n", "lists no utterance for test"),
            ("utterance_id,split\na,dev\n", "lists no utterance for test and train"),
            ("utterance_id,split\na,train\nb,test\na,test\n", "lists a in train and in test"),
        ],
    )
    def test_a_file_that_is_no_partition(self, tmp_path, text, message):
        path = tmp_path / "folds.csv"
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            read_partition(path)

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            (
                '{"key": "toy-a", "dataset": "toy"}',
                r"toy_test_fold_1.jsonl, line 2: not an utterance of EmoBox .*KeyError",
            ),
            ('{"key": "toy-a", ', r"toy_test_fold_1.jsonl, line 2: not an utterance of EmoBox .*JSONDecodeError"),
            ("[]", "line 2: not an utterance of EmoBox"),
        ],
    )
    def test_a_line_that_is_no_utterance(self, tmp_path, line, message):
        write_emobox(tmp_path, 1, {"train": ["a"], "test": ["b"]})
        with (tmp_path / "toy_test_fold_1.jsonl").open("a") as file:
            file.write(line)
        with pytest.raises(ValueError, match=message):
            read_partition(tmp_path)

    def test_a_folder_that_is_no_partition(self, tmp_path):
        write_emobox(tmp_path, 1, {"train": ["a"]})
        with pytest.raises(
            ValueError, match=r"is no partition: it holds \['toy_train_fold_1.jsonl'\]. A partition file"
        ):
            read_partition(tmp_path)

    def test_a_missing_file(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="There is no partition file .*absent.csv. A partition file is"):
            read_partition(tmp_path / "absent.csv")

    def test_a_fold_of_a_file_without_folds(self, tmp_path):
        path = write_own(tmp_path / "folds.csv", {"train": ["a"], "test": ["b"]})
        with pytest.raises(ValueError, match="fold=2 was asked for, but .*folds.csv is one partition"):
            read_partition(path, fold=2)

    def test_the_list_of_another_corpus(self, tmp_path):
        path = write_own(tmp_path / "folds.csv", {"train": ["a"], "test": ["b", "toy-00-anger-0"]})
        with pytest.raises(
            ValueError, match="folds leaves train empty: it lists a, b, toy-00-anger-0, the dataset has toy-0"
        ):
            split(corpus(2), path)

    def test_an_ambiguous_name(self, tmp_path):
        both = datasets.concatenate_datasets([corpus(2), corpus(2)])
        path = write_own(tmp_path / "folds.csv", by_speaker(corpus(2), train=(0,), test=(1,)))
        with pytest.raises(ValueError, match="'toy-00-anger-0' is ambiguous: it fits 2 utterances"):
            split(both, path)


@pytest.mark.real_data
@pytest.mark.parametrize("fold", range(5))
def test_the_published_files_of_crema_d_are_its_published_lists(fold, real_data_dir, emo_superb_labels_dir, tmp_path):
    dataset = load_corpus("crema_d", real_data_dir / "crema_d", split="train", cache_dir=tmp_path)
    files = split(dataset, emo_superb_labels_dir / "CREMA-D" / "Primary", fold=fold)
    lists = split_corpus(dataset, "emosuperb_code", fold=fold)
    assert describe_split(files, "files").hash == describe_split(lists, "lists").hash
    assert sum(map(len, files.values())) == len(dataset)
