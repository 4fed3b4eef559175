"""Promises about the corpora of an experiment: which ones a list names, how they are labelled, split and described."""

import csv
import json
import re
from collections import Counter

import datasets
import pytest

from hf_emotion.arguments import DataArguments
from hf_emotion.data.loading import corpora_of_set
from hf_emotion.emotions import AROUSAL_VALENCE_CLASSES
from hf_emotion.experiment.corpora import (
    declared_label_names,
    label_names,
    load_experiment_corpora,
    requested_corpora,
    subsample_labels,
)
from tests.data.fake_audio import write_noise


@pytest.fixture
def manifest(tmp_path):
    """Writes `<tmp_path>/<name>/manifest.csv`: utterances of `labels`, spoken in turn by `speakers`."""

    def write(name, labels, speakers=("a", "b", "c", "d", "e"), **columns):
        folder = tmp_path / name
        rows = []
        for number, label in enumerate(labels):
            path = write_noise(folder / f"{number:02d}.wav")
            speaker = speakers[number % len(speakers)] if speakers else ""
            rows.append({"path": path.name, "label": label, "speaker_id": speaker})
            rows[-1] |= {column: values[number] for column, values in columns.items()}
        with (folder / "manifest.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
        return {"name": "manifest", "data_dir": str(folder)}

    return write


@pytest.fixture
def load(tmp_path):
    def load_corpora(*corpora, seed=0, **options):
        return load_experiment_corpora(
            DataArguments(corpora=list(corpora), cache_dir=str(tmp_path / "cache"), **options), seed
        )

    return load_corpora


def data_args(*corpora, **options):
    return DataArguments(corpora=list(corpora), **options)


class TestRequest:
    @pytest.mark.parametrize(("name", "number"), [("emoset", 26), ("emoset_plus_plus", 37), ("exhubert_unseen", 6)])
    def test_a_set_stands_for_its_corpora(self, name, number):
        corpora = requested_corpora(data_args(name))
        assert [corpus.name for corpus in corpora] == corpora_of_set(name)
        assert len(corpora) == number

    def test_the_fields_of_a_set_hold_for_its_corpora(self):
        entry = {"name": "exhubert_unseen", "data_dir": "archives", "weight": 2, "split": "random"}
        aesi, *_, vivae = requested_corpora(data_args(entry))
        assert (aesi.data_dir, vivae.data_dir) == ("archives/aesi", "archives/vivae")
        assert (vivae.weight, vivae.split) == (2.0, "random")

    def test_sets_names_and_manifests_add_up(self):
        entries = (
            "ravdess",
            "exhubert_unseen",
            {"name": "manifest", "data_dir": "a"},
            {"name": "manifest", "data_dir": "b"},
        )
        assert len(requested_corpora(data_args(*entries))) == 1 + 6 + 2

    @pytest.mark.parametrize(
        ("entries", "message"),
        [
            ((), "`corpora` is empty: name corpora .*ravdess.* or sets .*emoset"),
            (("ravdes",), r"Unknown corpora \['ravdes'\]. Did you mean 'ravdess'"),
            (("emoset_plus",), "Did you mean 'emoset_plus_5'"),
            (("ravdess", "ravdess"), "names ravdess twice; a larger share is a larger `weight`"),
            (("emoset_plus_plus", {"name": "ravdess", "data_dir": "x"}), "names ravdess twice"),
            (({"name": "manifest", "data_dir": "x"},) * 2, "names manifest twice"),
        ],
    )
    def test_what_cannot_be_meant_is_refused(self, entries, message):
        with pytest.raises(ValueError, match=message):
            requested_corpora(data_args(*entries))

    def test_a_corpus_without_a_folder_is_asked_for(self, load):
        with pytest.raises(ValueError, match="Where is ravdess.*`data_dir`, or set `corpora_dir`"):
            load("ravdess")


class TestLoading:
    def test_corpora_dir_holds_a_folder_for_each_corpus(self, load, tmp_path):
        with pytest.raises(FileNotFoundError, match="urdu"):
            load("urdu", corpora_dir=str(tmp_path / "archives"))

    def test_all_missing_corpora_are_named_at_once_and_can_be_skipped(self, load, manifest, tmp_path, caplog):
        named = ("urdu", manifest("calls", ["anger", "joy"] * 10), "savee")
        with pytest.raises(
            FileNotFoundError, match=r"(?s)2 of 3 corpora not found:.*urdu.*savee.*skip_missing_corpora"
        ):
            load(*named, corpora_dir=str(tmp_path / "archives"))
        (corpus,) = load(*named, corpora_dir=str(tmp_path / "archives"), skip_missing_corpora=True)
        assert corpus.name == "calls"
        assert "runs without corpora that it names. 2 of 3" in caplog.text
        with pytest.raises(FileNotFoundError, match="1 of 1"):
            load("urdu", corpora_dir=str(tmp_path / "archives"), skip_missing_corpora=True)

    def test_parts_share_no_speaker_and_the_split_is_described(self, load, manifest):
        (corpus,) = load(manifest("calls", ["anger", "joy"] * 10))
        speakers = [set(corpus.parts[part]["speaker_id"][:]) for part in ("train", "validation", "test")]
        assert sum(map(len, speakers)) == len(set.union(*speakers)) == 5
        assert (corpus.name, corpus.loader, corpus.weight) == ("calls", "manifest", 1.0)
        assert corpus.split.name == "speaker_independent-validation0.1-test0.2-seed0"
        assert corpus.split.sizes == {part: len(rows) for part, rows in corpus.parts.items()}

    @pytest.mark.parametrize(
        ("options", "speakers", "name", "test_size"),
        [
            ({}, None, "random-validation0.1-seed0", 2),  # 10 % of 20, the rule of EmoSet++
            ({"test_size": 0.3}, None, "random-validation0.1-test0.3-seed0", 6),
            ({"split": "random"}, None, "random-validation0.1-test0.2-seed0", 4),
            ({"split": "k_fold", "num_folds": 5, "fold": 1}, "abcde", "k_fold-5-fold1-validation0.1-seed0", 4),
            (
                {"split": "leave_one_speaker_out", "fold": 2},
                "abcde",
                "leave_one_speaker_out-fold2-validation0.1-seed0",
                4,
            ),
        ],
    )
    def test_a_split_is_named_by_what_has_a_say_in_it(self, load, manifest, options, speakers, name, test_size):
        (corpus,) = load(manifest("calls", ["anger", "joy"] * 10, speakers), **options)
        assert corpus.split.name == name
        assert len(corpus.parts["test"]) == test_size

    def test_official_parts_depend_on_nothing(self, load, manifest):
        parts = ["train"] * 6 + ["validation"] * 2 + ["test"] * 2
        (corpus,) = load(manifest("calls", ["anger", "joy"] * 5, None, split=parts))
        assert corpus.split.name == "official"
        assert corpus.split.sizes == {"train": 6, "validation": 2, "test": 2}

    def test_a_corpus_may_have_a_split_of_its_own(self, load, manifest):
        alba = manifest("alba", ["anger", "joy"] * 10) | {"split": "leave_one_speaker_out", "fold": 3}
        first, second = load(alba, manifest("brio", ["anger", "joy"] * 10), split_seed=1)
        assert set(first.parts["test"]["speaker_id"][:]) == {"d"}
        assert second.split.name == "speaker_independent-validation0.1-test0.2-seed1"

    def test_a_corpus_may_be_split_by_a_file(self, load, manifest, tmp_path):
        parts = ["train"] * 6 + ["validation"] * 2 + ["test"] * 2
        lines = ["utterance_id,split", *(f"{number:02d},{part}" for number, part in enumerate(parts))]
        (tmp_path / "folds.csv").write_text("\n".join(lines))
        entry = manifest("calls", ["anger", "joy"] * 5) | {"partition_file": str(tmp_path / "folds.csv")}
        (corpus,) = load(entry | {"split": "partition_file"})
        assert corpus.split.sizes == {"train": 6, "validation": 2, "test": 2}
        assert re.fullmatch("partition_file-folds-[0-9a-f]{8}", corpus.split.name)
        assert corpus.split.leak.startswith("2 of the 2 speakers of test are in train")
        with pytest.raises(ValueError, match="partition_file is read with strategy='partition_file' only"):
            load(entry)

    def test_utterances_without_a_label_are_left_out_and_counted(self, load, manifest, caplog):
        caplog.set_level("INFO")
        # `question` has no arousal x valence class
        (corpus,) = load(manifest("calls", ["anger", "joy", "question", "sadness"] * 5))
        labels = [label for rows in corpus.parts.values() for label in rows["arousal_valence"][:]]
        assert Counter(labels) == {"high_negative": 5, "high_positive": 5, "low_negative": 5}
        assert "calls: 5 utterances have no arousal_valence and are left out" in caplog.text
        assert sum(corpus.split.sizes.values()) == 20

    def test_the_user_reads_labels_in_another_way(self, load, tmp_path):
        for actor in range(1, 7):
            for emotion in ("01", "02", "05"):
                name = f"03-01-{emotion}-01-01-01-{actor:02d}.wav"
                write_noise(tmp_path / "ravdess" / f"Actor_{actor:02d}" / name)
        (tmp_path / "labels.yaml").write_text('ravdess: {"02": neutral, "01": null}')
        options = {"label_column": "emotion", "label_overrides": str(tmp_path / "labels.yaml")}
        (corpus,) = load("ravdess", corpora_dir=str(tmp_path), **options)
        assert {label for rows in corpus.parts.values() for label in rows["emotion"]} == {"neutral", "anger"}
        assert "neutral" in declared_label_names(data_args("ravdess", **options))
        assert "calm" not in declared_label_names(data_args("ravdess", **options))

    def test_utterances_without_a_vote_for_an_emotion_are_left_out_and_counted(self, load, tmp_path, caplog):
        caplog.set_level("INFO")
        ballots = [{"anger": 2, "joy": 1}, {"other": 3}, None, {"sadness": 1, "other": 2}, {"joy": 0, "fear": 1}] * 4
        for number in range(20):
            write_noise(tmp_path / "calls" / f"{number:02d}.wav")
        rows = [
            {"path": f"{number:02d}.wav", "label": "other", "votes": ballot} for number, ballot in enumerate(ballots)
        ]
        (tmp_path / "calls" / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)))
        (corpus,) = load({"name": "manifest", "data_dir": str(tmp_path / "calls")}, label_column="votes")
        assert sum(map(len, corpus.parts.values())) == 12
        assert "calls: 8 utterances have no votes and are left out" in caplog.text
        assert label_names(data_args(label_column="votes"), [corpus]) == ["anger", "joy", "fear", "sadness"]

    def test_a_corpus_without_any_label_is_refused(self, load, manifest):
        with pytest.raises(
            ValueError, match="calls has no training utterance with a label in column 'arousal_valence'"
        ):
            load(manifest("calls", ["question", "other"] * 5))

    def test_one_manifest_may_hold_several_corpora(self, load, manifest):
        names = ["day", "night"] * 10
        day, night = load(manifest("calls", ["anger", "anger", "joy", "joy"] * 5, corpus=names))
        assert (day.name, night.name) == ("day", "night")
        assert set(night.parts["train"]["corpus"][:]) == {"night"}
        assert sum(day.split.sizes.values()) == sum(night.split.sizes.values()) == 10

    def test_two_corpora_of_one_name_are_refused(self, load, manifest):
        one, two = (manifest(name, ["anger", "joy"] * 5, corpus=["calls"] * 10) for name in ("one", "two"))
        with pytest.raises(ValueError, match="Two entries of `corpora` hold a corpus called 'calls'"):
            load(one, two)


class TestSubsampling:
    def test_every_label_is_as_frequent_as_the_rarest(self):
        rows = datasets.Dataset.from_dict(
            {"emotion": ["joy"] * 5 + ["anger"] * 2 + ["fear"] * 3, "n": list(range(10))}
        )
        drawn = subsample_labels(rows, "emotion", seed=0)
        assert Counter(drawn["emotion"][:]) == {"joy": 2, "anger": 2, "fear": 2}
        assert drawn["n"][:] == sorted(set(drawn["n"][:]))
        assert subsample_labels(rows, "emotion", seed=0)["n"][:] == drawn["n"][:]
        assert any(subsample_labels(rows, "emotion", seed=seed)["n"][:] != drawn["n"][:] for seed in (1, 2, 3))

    def test_it_concerns_the_training_part_alone(self, load, manifest):
        entry = manifest("calls", ["anger"] * 20 + ["joy"] * 10)
        (whole,), (subsampled,) = load(entry), load(entry, subsample_labels=True)
        counts = Counter(subsampled.parts["train"]["arousal_valence"][:])
        assert len(set(counts.values())) == 1
        assert len(subsampled.parts["train"]) < len(whole.parts["train"])
        assert subsampled.parts["test"]["utterance_id"][:] == whole.parts["test"]["utterance_id"][:]
        assert subsampled.split == whole.split


class TestLabels:
    def test_six_classes_keep_their_published_order_whatever_occurs(self, load, manifest):
        args = data_args("ravdess")
        assert label_names(args, load(manifest("calls", ["joy", "anger"] * 5))) == list(AROUSAL_VALENCE_CLASSES)
        assert declared_label_names(args) == list(AROUSAL_VALENCE_CLASSES)

    @pytest.mark.parametrize(
        ("column", "expected"),
        [("emotion", ["anger", "joy", "sadness"]), ("raw_label", ["Angry", "Zeal", "joy", "sadness"])],
    )
    def test_labels_of_the_data_have_a_fixed_order(self, load, manifest, column, expected):
        # `Zeal` is no emotion that is known, so that it counts as a label of the corpus only
        corpora = load(manifest("calls", ["sadness", "joy", "Angry", "Zeal"] * 5), label_column=column)
        assert label_names(data_args(label_column=column), corpora) == expected

    def test_one_label_is_no_task(self, load, manifest):
        corpora = load(manifest("calls", ["joy"] * 10), label_column="emotion")
        with pytest.raises(ValueError, match=r"the label\(s\) \['joy'\] in column 'emotion'; it takes two or more"):
            label_names(data_args(label_column="emotion"), corpora)

    def test_labels_are_declared_by_the_corpora_as_far_as_they_know(self):
        urdu = declared_label_names(data_args("urdu", label_column="emotion"))
        assert sorted(urdu) == ["anger", "happiness", "neutral", "sadness"]
        assert set(urdu) < set(declared_label_names(data_args("urdu", "ravdess", label_column="emotion")))
        assert declared_label_names(data_args("urdu", label_column="raw_label")) == ["A", "H", "N", "S"]
        assert declared_label_names(data_args("urdu", "manifest", label_column="emotion")) is None

    def test_votes_for_no_emotion_are_no_class(self):
        emotions, votes = (
            declared_label_names(data_args("iemocap", label_column=name)) for name in ("emotion", "votes")
        )
        assert set(emotions) - set(votes) <= {"other", "unknown"}
        assert not set(votes) & {"other", "unknown"}


class TestRatings:
    def corpora(self, tmp_path, **arguments):
        folder = tmp_path / "msp_podcast"
        for n in range(6):
            write_noise(folder / "Audios" / f"MSP-PODCAST_{n:04d}_0001.wav")
        rows = [f"MSP-PODCAST_{n:04d}_0001.wav,{'AN'[n % 2]},{1 + n},7,4,S{n},Female,{part}" for n, part in
                enumerate(["Train", "Train", "Development", "Development", "Test1", "Test1"])]  # fmt: skip
        header = "FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set"
        (folder / "Labels").mkdir()
        (folder / "Labels" / "labels_consensus.csv").write_text("\n".join([header, *rows]) + "\n")
        data_args = DataArguments(
            corpora=["msp_podcast"], corpora_dir=str(tmp_path), label_column="emotion", split="official", **arguments
        )
        (corpus,) = load_experiment_corpora(data_args, seed=0)
        return corpus.parts

    def test_are_mapped_to_the_unit_interval_where_they_are_predicted(self, tmp_path):
        parts = self.corpora(tmp_path, dimensions=["arousal", "valence"])
        assert parts["train"]["arousal"][:] == pytest.approx([0, 1 / 6])
        assert parts["test"]["arousal"][:] == pytest.approx([4 / 6, 5 / 6])
        assert parts["train"]["valence"][:] == [1, 1]
        assert parts["train"]["dominance"][:] == [4, 4]

    def test_stay_as_they_are_otherwise(self, tmp_path):
        assert self.corpora(tmp_path)["train"]["arousal"][:] == [1, 2]
