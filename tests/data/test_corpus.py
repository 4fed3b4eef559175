"""Promises of the builder base: harmonised labels, unique ids, nothing lost silently, no torchcodec, honest cache."""

import json
import logging
import os
import shutil
from pathlib import Path

import datasets
import pyarrow.parquet
import pytest
from datasets.table import embed_table_storage

from hf_emotion.data import corpus, header_index
from hf_emotion.data.archive import header_duration
from hf_emotion.data.columns import AudioFile
from hf_emotion.data.corpus import COLUMNS, Corpus, EmotionCorpus, Utterance

from .fake_audio import rows_by_id, write_noise


FACTS = {
    "name": "toy",
    "full_name": "Toy corpus",
    "languages": ("en",),
    "labels": {"A": "anger", "N": "neutral", "X": None, "S": "surprise"},
    "arousal_valence": {"S": ("high_positive", "vivae_design")},
    "layout": "<speaker>_<label><nn>.wav",
    "how_to_obtain": "ask the toy maker",
    "licence": "CC0",
    "access": "open",
    "homepage": "https://example.org/toy",
}


def corpus_class(utterances, facts=FACTS, published_ids=()):
    """A builder class whose `utterances(root)` is the given function."""
    members = {
        "facts": Corpus(**facts),
        "utterances": lambda self, root: utterances(root),
        "published_ids": lambda self, root: published_ids,
    }
    return type("Toy", (EmotionCorpus,), members)


def by_stem(root):
    return [
        Utterance(path=path, raw_label=path.stem[2], speaker_id=path.stem[0]) for path in sorted(root.glob("*.wav"))
    ]


@pytest.fixture
def archive(tmp_path):
    for stem in ("a_A01", "a_N02", "b_X03", "b_S04"):
        write_noise(tmp_path / "archive" / f"{stem}.wav", seconds=0.25)
    return tmp_path / "archive"


def load(builder_class, archive, tmp_path, **kwargs):
    builder = builder_class(data_dir=archive, cache_dir=tmp_path / "cache")
    builder.download_and_prepare()
    return builder.as_dataset(split="train", **kwargs)


def test_rows_have_the_fixed_columns_and_null_where_the_corpus_does_not_say(archive, tmp_path):
    dataset = load(corpus_class(by_stem), archive, tmp_path)
    assert tuple(dataset.column_names) == COLUMNS
    assert dataset[0] == {
        "audio": {"bytes": None, "path": str(archive / "a_A01.wav")},
        "utterance_id": "a_A01",
        "corpus": "toy",
        "language": "en",
        "speaker_id": "a",
        "gender": None,
        "session": None,
        "text": None,
        "raw_label": "A",
        "emotion": "anger",
        "arousal_valence": "high_negative",
        "arousal": None,
        "valence": None,
        "dominance": None,
        "votes": None,
        "duration": 0.25,
    }


def test_raw_labels_become_emotions_and_classes_with_the_exceptions_of_the_corpus(archive, tmp_path):
    rows = rows_by_id(load(corpus_class(by_stem), archive, tmp_path))
    found = {row["raw_label"]: (row["emotion"], row["arousal_valence"]) for row in rows.values()}
    assert found == {
        "A": ("anger", "high_negative"),
        "N": ("neutral", "low_neutral"),
        "X": (None, None),
        "S": ("surprise", "high_positive"),
    }


def test_all_that_an_utterance_says_arrives_and_votes_become_canonical(archive, tmp_path):
    def utterances(root):
        yield Utterance(
            path=root / "a_A01.wav",
            raw_label="A",
            utterance_id="one",
            speaker_id="s",
            gender="female",
            session="1",
            text="hello",
            language="de",
            corpus="other",
            split="train",
            arousal=1.5,
            valence=2.5,
            dominance=3.5,
            votes={"N": 2, "A": 3, "S": 0},
        )
        yield Utterance(path=root / "a_N02.wav", emotion="joy")
        yield Utterance(path=root / "b_X03.wav", raw_label="X", arousal_valence="low_positive")

    one, two, three = load(corpus_class(utterances), archive, tmp_path)
    said = {"gender": "female", "session": "1", "text": "hello", "language": "de", "corpus": "other"}
    assert one | said | {"arousal": 1.5, "valence": 2.5, "dominance": 3.5} == one
    assert one["votes"] == [{"label": "anger", "count": 3}, {"label": "neutral", "count": 2}]
    assert (two["utterance_id"], two["raw_label"], two["arousal_valence"]) == ("a_N02", None, "high_positive")
    assert (three["emotion"], three["arousal_valence"]) == (None, "low_positive")


def test_official_splits_become_splits_in_the_usual_order(archive, tmp_path):
    parts = {"a_A01": "test", "a_N02": "validation", "b_X03": "train", "b_S04": "train"}

    def utterances(root):
        return [Utterance(path=root / f"{stem}.wav", split=part) for stem, part in parts.items()]

    builder = corpus_class(utterances)(data_dir=archive, cache_dir=tmp_path / "cache")
    builder.download_and_prepare()
    assert {part: len(rows) for part, rows in builder.as_dataset().items()} == {"train": 2, "validation": 1, "test": 1}


@pytest.mark.parametrize(
    ("utterance", "message"),
    [
        ({"raw_label": "Q"}, r"toy has no label 'Q'; known labels: \['A', 'N', 'S', 'X'\]"),
        ({"gender": "f"}, "gender is 'f'"),
        ({"split": "dev"}, "split is 'dev'"),
    ],
)
def test_what_the_facts_do_not_know_is_an_error_that_names_the_file(archive, utterance, message):
    with pytest.raises(ValueError, match=rf"a_A01\.wav: .*{message}"):
        corpus_class(lambda root: [Utterance(path=root / "a_A01.wav", **utterance)])(data_dir=archive)


def test_two_files_with_one_id_are_an_error_that_names_both(archive):
    write_noise(archive / "again" / "a_A01.wav")
    with pytest.raises(ValueError, match=r"a_A01: .*archive/a_A01\.wav and .*again/a_A01\.wav"):
        corpus_class(lambda root: [Utterance(path=path) for path in sorted(root.rglob("a_A01.wav"))])(data_dir=archive)


def test_one_file_may_stand_for_two_utterances(archive, tmp_path):
    twice = [Utterance(path=archive / "a_A01.wav", utterance_id=name) for name in ("one", "two")]
    assert load(corpus_class(lambda root: twice), archive, tmp_path)["utterance_id"][:] == ["one", "two"]


def test_one_file_listed_twice_is_an_error(archive):
    with pytest.raises(ValueError, match=r"a_A01\.wav is listed 2 times"):
        corpus_class(lambda root: [Utterance(path=root / "a_A01.wav")] * 2)(data_dir=archive)


@pytest.mark.parametrize(
    ("data_dir", "found"),
    [("nowhere", "the path does not exist"), ("empty", "the folder is empty"), ("wrong", "it holds notes.txt, sub/")],
)
def test_a_missing_archive_says_what_was_found_what_is_expected_and_where_to_get_it(tmp_path, data_dir, found):
    (tmp_path / "empty").mkdir()
    (tmp_path / "wrong" / "sub").mkdir(parents=True)
    (tmp_path / "wrong" / "notes.txt").touch()
    with pytest.raises(FileNotFoundError) as error:
        corpus_class(by_stem)(data_dir=tmp_path / data_dir)
    for part in (found, str(tmp_path / data_dir), "<speaker>_<label><nn>.wav", "ask the toy maker", "CC0", "open"):
        assert part in str(error.value)


def test_data_dir_is_required():
    with pytest.raises(FileNotFoundError, match="no data_dir was given"):
        corpus_class(by_stem)()


def damage(archive):
    (archive / "a_N02.wav").write_bytes(b"")
    (archive / "b_X03.wav").write_bytes(b"RIFF but not really")
    write_noise(archive / "b_S04.wav", seconds=0)


def test_broken_files_are_left_out_named_counted_and_listed_also_from_the_cache(archive, tmp_path, caplog):
    damage(archive)
    for _ in ("prepared", "cached"):
        caplog.clear()
        dataset = load(corpus_class(by_stem), archive, tmp_path)
        assert dataset["utterance_id"][:] == ["a_A01"]
        assert "3 of 4 files are broken" in caplog.text
        for name in ("a_N02.wav: file of 0 bytes", "b_X03.wav: unreadable header", "b_S04.wav: no samples"):
            assert name in caplog.text
    builder = corpus_class(by_stem)(data_dir=archive, cache_dir=tmp_path / "cache")
    assert sorted(os.path.basename(path) for path in builder.left_out()) == ["a_N02.wav", "b_S04.wav", "b_X03.wav"]


def test_a_file_that_can_be_read_again_is_told_apart_from_broken_ones(archive, tmp_path, caplog):
    sound, state = (archive / "a_N02.wav").read_bytes(), (archive / "a_N02.wav").stat()
    damage(archive)
    (archive / "a_N02.wav").write_bytes(b"x" * len(sound))
    os.utime(archive / "a_N02.wav", ns=(state.st_atime_ns, state.st_mtime_ns))
    assert len(load(corpus_class(by_stem), archive, tmp_path)) == 1
    (archive / "a_N02.wav").write_bytes(sound)  # as if a disk had failed: same size, same time
    os.utime(archive / "a_N02.wav", ns=(state.st_atime_ns, state.st_mtime_ns))
    caplog.clear()
    load(corpus_class(by_stem), archive, tmp_path)
    assert "a_N02.wav" not in caplog.text
    assert (
        f"1 files could not be read when the corpus was prepared and can be read now: delete {tmp_path}" in caplog.text
    )


def test_an_archive_of_broken_files_only_is_an_error(archive, tmp_path):
    damage(archive)
    (archive / "a_A01.wav").write_bytes(b"")
    with pytest.raises(ValueError, match="none of the 4 files can be read"):
        load(corpus_class(by_stem), archive, tmp_path)


def test_streaming_leaves_broken_files_out_with_a_warning_each(archive, caplog):
    damage(archive)
    stream = corpus_class(by_stem)(data_dir=archive).as_streaming_dataset(split="train")
    assert [row["utterance_id"] for row in stream] == ["a_A01"]
    assert caplog.text.count("left out") == 3


def test_a_corpus_without_any_label_is_asked_for_its_tables(archive, tmp_path, caplog):
    load(corpus_class(by_stem), archive, tmp_path)
    assert "no utterance has a label" not in caplog.text
    unlabelled = corpus_class(lambda root: [Utterance(path=path) for path in sorted(root.glob("*.wav"))])
    assert load(unlabelled, archive, tmp_path)["emotion"][:] == [None] * 4
    assert "no utterance has a label. Are the tables of labels missing" in caplog.text
    assert "Expected: <speaker>_<label><nn>.wav" in caplog.text


def test_counts_that_differ_from_the_published_ones_are_warned_about_with_names(archive, tmp_path, caplog):
    facts = FACTS | {"num_utterances": 6, "label_counts": {"A": 2, "N": 2, "X": 1, "S": 1}}
    load(corpus_class(by_stem, facts, ["a_A01", "a_A05", "a_N06"]), archive, tmp_path)
    assert "found 4 of 6 published utterances" in caplog.text
    assert "A 1 of 2, N 1 of 2." in caplog.text
    assert "2 missing: a_A05, a_N06." in caplog.text


def test_a_complete_archive_loads_without_a_word(archive, tmp_path, caplog):
    facts = FACTS | {"num_utterances": 4, "label_counts": {"A": 1, "N": 1, "X": 1, "S": 1}}
    with caplog.at_level(logging.INFO, logger="hf_emotion"):
        load(corpus_class(by_stem, facts), archive, tmp_path)
    assert caplog.text == ""


@pytest.mark.parametrize(
    "wrong",
    [
        {"labels": {"A": "angry"}},
        {"arousal_valence": {"A": ("negative", "derived")}},
        {"arousal_valence": {"A": ("high_negative", "hearsay")}},
        {"arousal_valence": {"B": ("high_negative", "derived")}},
        {"label_counts": {"B": 1}},
    ],
)
def test_facts_that_contradict_themselves_are_refused(wrong):
    with pytest.raises(ValueError, match="toy: labels map to a canonical emotion"):
        Corpus(**FACTS | wrong)


def test_a_changed_archive_is_not_answered_from_the_cache(archive, tmp_path):
    builder_class = corpus_class(by_stem)
    assert len(load(builder_class, archive, tmp_path)) == 4
    write_noise(archive / "c_A05.wav")
    assert len(load(builder_class, archive, tmp_path)) == 5
    write_noise(archive / "c_A05.wav", seconds=0.5)
    assert rows_by_id(load(builder_class, archive, tmp_path))["c_A05"]["duration"] == 0.5


def test_an_unchanged_archive_is_answered_from_the_cache(archive, tmp_path, monkeypatch):
    builder_class = corpus_class(by_stem)
    load(builder_class, archive, tmp_path)
    monkeypatch.setattr(corpus, "read_durations", lambda *_, **__: pytest.fail("prepared again"))
    assert len(load(builder_class, archive, tmp_path)) == 4


@pytest.fixture
def headers_read(monkeypatch):
    """Paths whose headers were read, by the base or by the index."""
    read = []

    def duration(path):
        read.append(os.path.basename(path))
        return header_duration(path)

    monkeypatch.setattr(corpus, "header_duration", duration)
    monkeypatch.setattr(header_index, "header_duration", duration)
    return read


def test_headers_that_were_read_once_are_not_read_again_for_another_table(archive, tmp_path, headers_read):
    damage(archive)
    load(corpus_class(by_stem), archive, tmp_path)
    headers_read.clear()
    other_reading = FACTS | {"labels": FACTS["labels"] | {"A": "hot_anger"}}
    assert load(corpus_class(by_stem, other_reading), archive, tmp_path)["emotion"][:] == ["hot_anger"]
    assert "a_A01.wav" not in headers_read  # the broken ones are tried again
    assert set(headers_read) == {"a_N02.wav", "b_S04.wav", "b_X03.wav"}


def test_a_stream_reads_one_header_at_a_time_and_writes_nothing(archive, tmp_path, headers_read):
    builder = corpus_class(by_stem)(data_dir=archive, cache_dir=tmp_path / "cache")
    rows = iter(builder.as_streaming_dataset(split="train"))
    assert headers_read == []
    next(rows)
    assert headers_read == ["a_A01.wav"]
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.suffix in (".arrow", ".jsonl")]


def test_listing_an_archive_opens_no_file(archive, headers_read):
    builder = corpus_class(by_stem)(data_dir=archive)
    assert builder.num_utterances == 4
    assert [(row["utterance_id"], row["split"], row["duration"]) for row in builder.rows] == [
        (name, "train", None) for name in ("a_A01", "a_N02", "b_S04", "b_X03")
    ]
    assert headers_read == []


def test_the_number_of_threads_arrives_at_the_index(archive, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        corpus, "read_durations", lambda files, _, num_threads, title: asked.append(num_threads) or [1.0] * len(files)
    )
    corpus_class(by_stem)(data_dir=archive, cache_dir=tmp_path / "cache", num_threads=3).load()
    assert asked == [3]


def test_values_become_the_type_of_their_column(archive, tmp_path):
    def utterances(root):
        yield Utterance(path=root / "a_A01.wav", session=1, speaker_id=7, arousal="2.5", votes={"A": 2.0})

    [row] = load(corpus_class(utterances), archive, tmp_path)
    assert (row["session"], row["speaker_id"], row["arousal"]) == ("1", "7", 2.5)
    assert row["votes"] == [{"label": "anger", "count": 2}]


def test_a_path_that_is_not_utf8_is_named(archive):
    odd = os.fsdecode(os.fsencode(archive) + b"/d\xe9j\xe0.wav")
    with pytest.raises(ValueError, match=r"d\\udce9j\\udce0\.wav' is not UTF-8.* Rename the file"):
        corpus_class(lambda root: [Utterance(path=Path(odd))])(data_dir=archive)


def test_preparing_a_corpus_neither_decodes_nor_copies_audio(archive, tmp_path):
    size_of_audio = sum(path.stat().st_size for path in archive.iterdir())
    dataset = load(corpus_class(by_stem), archive, tmp_path)
    assert all(row["audio"]["bytes"] is None for row in dataset)
    arrow = sum(path.stat().st_size for path in (tmp_path / "cache").rglob("*.arrow"))
    assert 0 < arrow < size_of_audio


def test_fresh_and_cached_datasets_concatenate_and_map_without_torchcodec(archive, tmp_path):
    fresh = load(corpus_class(by_stem), archive, tmp_path)
    cached = load(corpus_class(by_stem), archive, tmp_path)
    both = datasets.concatenate_datasets([fresh, cached]).map(lambda row: {"half": row["duration"] / 2})
    assert both["half"][:] == [0.125] * 8
    assert both.features["audio"] == datasets.Audio(decode=False)


def test_audio_file_is_an_audio_feature_for_everyone_else():
    feature = AudioFile(decode=False)
    assert feature == datasets.Audio(decode=False)
    assert datasets.Audio(decode=False) == feature
    assert feature != datasets.Audio()
    assert repr(feature) == repr(datasets.Audio(decode=False))
    assert datasets.Features({"audio": feature}).to_dict() == {"audio": {"decode": False, "_type": "Audio"}}


def test_parquet_for_the_hub_embeds_the_audio_and_says_audio(archive, tmp_path):
    dataset = load(corpus_class(by_stem), archive, tmp_path)
    content = (archive / "a_A01.wav").read_bytes()
    # What Dataset.push_to_hub does before it uploads.
    embedded = (
        dataset.cast_column("audio", datasets.Audio()).with_format("arrow").map(embed_table_storage, batched=True)
    )
    embedded.with_format(None).to_parquet(tmp_path / "shard.parquet")
    shutil.rmtree(archive)
    table = pyarrow.parquet.read_table(tmp_path / "shard.parquet")
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert features["audio"] == {"_type": "Audio"}
    assert table["audio"][0].as_py() == {"bytes": content, "path": "a_A01.wav"}
