"""Promises about many corpora in one folder: what is there is loaded, what is not is named with where to get it."""

import dataclasses
import logging

import datasets
import pytest

from hf_emotion.data import corpus_collection
from hf_emotion.data.corpus_collection import FoundCorpus, corpora_named, find_corpora, load_corpora
from hf_emotion.data.loading import corpora_of_set, corpus_facts

from .fake_audio import write_noise


@pytest.fixture
def corpora_dir(tmp_path):
    """`urdu` as large as published, four utterances of `emodb`, an empty `savee`; nothing of any other corpus."""
    folder = tmp_path / "corpora"
    content = write_noise(tmp_path / "clip.wav").read_bytes()
    (folder / "urdu").mkdir(parents=True)
    for number in range(400):
        (folder / "urdu" / f"SM1_F{number}_{'AHNS'[number % 4]}{number:03d}.wav").write_bytes(content)
    for letter in "WLEA":
        write_noise(folder / "emodb" / "wav" / f"03a01{letter}a.wav")
    (folder / "savee").mkdir()
    return folder


def test_what_is_found_is_told_apart(corpora_dir):
    found = {corpus.name: corpus for corpus in find_corpora(["urdu", "emodb", "savee", "tess"], corpora_dir)}
    assert list(found) == ["urdu", "emodb", "savee", "tess"]
    assert {name: (corpus.state, corpus.num_utterances, corpus.num_published) for name, corpus in found.items()} == {
        "urdu": ("present", 400, 400),
        "emodb": ("incomplete", 4, 535),
        "savee": ("missing", 0, 480),
        "tess": ("missing", 0, 2800),
    }
    assert found["emodb"].size == "4 of 535"
    assert "the folder is empty" in found["savee"].problem
    assert "the path does not exist" in found["tess"].problem


def test_a_missing_corpus_says_where_to_get_it_and_on_which_terms(corpora_dir):
    [tess] = find_corpora("tess", corpora_dir)
    facts = corpus_facts("tess")
    assert (tess.how_to_obtain, tess.licence, tess.access) == (facts.how_to_obtain, facts.licence, facts.access)
    assert tess.data_dir == str(corpora_dir / "tess")
    for part in (facts.how_to_obtain, facts.licence, facts.access):
        assert part in tess.where_to_get_it


def test_what_was_found_cannot_be_changed(corpora_dir):
    [tess] = find_corpora("tess", corpora_dir)
    with pytest.raises(dataclasses.FrozenInstanceError):
        tess.state = "present"


def test_finding_opens_no_audio_and_writes_nothing(corpora_dir, monkeypatch, caplog):
    before = sorted(corpora_dir.rglob("*"))
    monkeypatch.setattr("soundfile.SoundFile", lambda *_: pytest.fail("opened a file"))
    find_corpora(["urdu", "emodb"], corpora_dir)
    assert sorted(corpora_dir.rglob("*")) == before
    assert caplog.text == ""


def test_sets_and_corpora_are_named_together_and_each_once():
    assert corpora_named("lora_paper") == corpora_of_set("lora_paper")
    assert corpora_named(["urdu", "tess", "lora_paper", "urdu"]) == ["urdu", "tess", "crema_d", "ravdess", "savee"]


@pytest.mark.parametrize(("name", "proposal"), [("CREMA-D", "crema_d"), ("emobxo", "emobox"), ("emoset++", "emoset")])
def test_an_unknown_name_is_refused_with_the_closest_corpus_or_set(name, proposal, tmp_path):
    with pytest.raises(ValueError, match=rf"no corpus or set .*Did you mean .*'{proposal}'.*Corpora: .*Sets: "):
        find_corpora([name], tmp_path)


@pytest.mark.parametrize("function", [find_corpora, load_corpora])
def test_a_folder_that_is_none_is_refused(function, tmp_path):
    with pytest.raises(NotADirectoryError, match=r"corpora_dir='.*nowhere' is not a folder.*nowhere/ravdess"):
        function("lora_paper", tmp_path / "nowhere")


def test_what_is_there_is_loaded_and_the_rest_is_warned_about(corpora_dir, tmp_path, caplog):
    with caplog.at_level(logging.WARNING, logger="hf_emotion.data.corpus_collection"):
        loaded = load_corpora(["urdu", "tess", "emodb", "savee"], corpora_dir, cache_dir=tmp_path / "cache")
    assert {name: parts.num_rows for name, parts in loaded.items()} == {"urdu": {"train": 400}, "emodb": {"train": 4}}
    assert all(isinstance(parts, datasets.DatasetDict) for parts in loaded.values())
    [warning] = [record.message for record in caplog.records if record.name == corpus_collection.__name__]
    assert warning.startswith("2 of 4 corpora not found:\ntess: ")
    assert corpus_facts("savee").how_to_obtain in warning
    assert corpus_facts("tess").how_to_obtain in warning


def test_a_set_is_loaded_as_far_as_it_is_there(corpora_dir, tmp_path):
    assert set(load_corpora("emoset_plus_plus", corpora_dir, cache_dir=tmp_path / "cache")) == {"urdu", "emodb"}


def test_nothing_is_warned_about_when_nothing_is_missing(corpora_dir, tmp_path, caplog):
    load_corpora(["urdu"], corpora_dir, cache_dir=tmp_path / "cache")
    assert caplog.text == ""


def test_strict_refuses_before_anything_is_prepared(corpora_dir, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"(?s)1 of 2 corpora not found:\ntess: .*get it: .*tspace"):
        load_corpora(["urdu", "tess"], corpora_dir, strict=True, cache_dir=tmp_path / "cache")
    assert not list(tmp_path.rglob("*.arrow"))


def test_none_at_all_is_an_error_even_if_not_strict(tmp_path):
    with pytest.raises(FileNotFoundError, match="4 of 4 corpora not found"):
        load_corpora("lora_paper", tmp_path)


def test_streams_and_label_overrides_are_passed_on(corpora_dir):
    streams = load_corpora(
        ["urdu", "emodb"], corpora_dir, streaming=True, label_overrides={"urdu": {"A": {"emotion": "hot_anger"}}}
    )
    assert all(isinstance(parts, datasets.IterableDatasetDict) for parts in streams.values())
    assert next(iter(streams["urdu"]["train"]))["emotion"] == "hot_anger"


def test_missing_label_overrides_are_no_missing_corpus(corpora_dir):
    with pytest.raises(FileNotFoundError, match="no_such_overrides"):
        load_corpora("urdu", corpora_dir, label_overrides="no_such_overrides.yaml")


def test_a_contradictory_archive_is_unreadable_and_never_passed_over(corpora_dir, tmp_path):
    write_noise(corpora_dir / "emodb" / "copy" / "03a01Wa.wav", seconds=0.2)
    [emodb] = find_corpora("emodb", corpora_dir)
    assert emodb.state == "unreadable"
    assert "utterance ids are not unique" in emodb.problem
    with pytest.raises(ValueError, match="emodb: 1 utterance ids are not unique"):
        load_corpora(["urdu", "emodb"], corpora_dir, cache_dir=tmp_path / "cache")


def test_a_size_that_is_not_published_is_left_open():
    corpus = FoundCorpus("ad", "present", "ad", 12, None, "", None, None)
    assert corpus.size == "12"
    assert corpus.where_to_get_it == "unknown (access: unknown, licence: unknown)"
