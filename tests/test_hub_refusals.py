"""What a push refuses, and what it finds out before it uploads anything. Needs no Hub."""

import json
from dataclasses import replace
from pathlib import Path

import datasets
import pytest

from hf_emotion.data.loading import corpus_facts, load_corpus
from hf_emotion.data.splits import split_corpus
from hf_emotion.data.splits.split_info import describe_split
from hf_emotion.hub import prepare_push, push_corpus
from tests.data.fake_audio import write_noise
from tests.small_corpora import write_manifest, write_ravdess


@pytest.fixture(scope="module")
def ravdess_dir(tmp_path_factory) -> Path:
    return write_ravdess(tmp_path_factory.mktemp("archives") / "ravdess")


@pytest.fixture(scope="module")
def ravdess(ravdess_dir, tmp_path_factory) -> datasets.DatasetDict:
    return load_corpus("ravdess", ravdess_dir, cache_dir=tmp_path_factory.mktemp("cache"))


@pytest.mark.parametrize("name", ["urdu", "savee", "abc", "meld"])
def test_a_corpus_whose_terms_do_not_allow_it_is_not_published(name):
    terms = corpus_facts(name).licence
    with pytest.raises(ValueError, match=f"{name} cannot be pushed to a public repository") as error:
        prepare_push(name, "user/x", data_dir="nowhere")
    assert repr(terms) in str(error.value) if terms else "No licence is on record" in str(error.value)
    assert "private=True" in str(error.value)


def test_private_is_allowed_and_the_card_says_that_it_must_stay_so(tmp_path):
    push = prepare_push("manifest", "user/x", data_dir=write_manifest(tmp_path / "mine"), private=True)
    assert push.private is True
    assert "**This repository must stay private.** No licence is on record." in push.card().text


def test_the_users_own_recordings_take_a_licence(tmp_path):
    push = prepare_push("manifest", "user/x", data_dir=write_manifest(tmp_path / "mine"), licence="cc-by-4.0")
    assert push.card().data.license == "cc-by-4.0"
    assert "must stay private" not in push.card().text
    with pytest.raises(ValueError, match="mine cannot be pushed.*All rights reserved.*private=True"):
        prepare_push("manifest", "user/x", data_dir=tmp_path / "mine", licence="All rights reserved")


def test_a_stated_licence_does_not_override_that_of_the_publishers(ravdess):
    with pytest.raises(ValueError, match="ravdess is under 'CC BY-NC-SA 4.0', as its publishers state"):
        prepare_push(ravdess, "user/x", licence="cc-by-4.0")


def test_rows_of_a_restricted_corpus_do_not_get_out_through_a_manifest(tmp_path):
    data_dir = write_manifest(tmp_path / "mine", corpus="urdu")
    with pytest.raises(ValueError, match="research only"):
        prepare_push("manifest", "user/x", data_dir=data_dir, licence="cc-by-4.0")


def test_rows_of_a_restricted_corpus_do_not_get_out_in_a_mixture(tmp_path, ravdess):
    urdu = load_corpus("manifest", write_manifest(tmp_path / "u", corpus="urdu"), cache_dir=tmp_path / "cache")
    mixture = datasets.concatenate_datasets([ravdess["train"], urdu["train"]])
    with pytest.raises(ValueError, match="It holds rows of urdu: Its terms"):
        prepare_push(mixture, "user/x", licence="cc-by-nc-sa-4.0")


def test_a_mixture_takes_the_strictest_of_its_licences(tmp_path, ravdess):
    mine = load_corpus("manifest", write_manifest(tmp_path / "mine"), cache_dir=tmp_path / "cache")
    mixture = datasets.concatenate_datasets([ravdess["train"], mine["train"]])
    with pytest.raises(ValueError, match="rows of ravdess; with 'cc-by-4.0' their terms make 'cc-by-nc-sa-4.0'"):
        prepare_push(mixture, "user/x", licence="cc-by-4.0")
    copy = prepare_push(mixture, "user/x", licence="cc-by-nc-sa-4.0").copy
    assert (copy.redistribution.allowed, copy.facts.name) == (True, "x")


def test_a_noderivatives_licence_covers_the_published_files_only(tmp_path, monkeypatch):
    facts = replace(corpus_facts("ravdess"), licence="CC BY-NC-ND 4.0")
    monkeypatch.setattr("hf_emotion.hub.corpus_facts", lambda name: facts)
    for rate in (48_000, 16_000):
        write_ravdess(tmp_path / str(rate), rate)
    same = load_corpus("ravdess", tmp_path / "48000", cache_dir=tmp_path / "cache")
    assert prepare_push(same, "user/x").copy.redistribution.allowed
    resampled = load_corpus("ravdess", tmp_path / "16000", cache_dir=tmp_path / "cache")
    with pytest.raises(ValueError, match="unchanged copies only; these files have 16000 Hz instead of 48000"):
        prepare_push(resampled, "user/x")


def test_paths_of_this_machine_in_a_column_are_refused(tmp_path):
    write_manifest(tmp_path / "audio")
    path = tmp_path / "audio" / "a_joy.wav"
    (tmp_path / "manifest.csv").write_text(f"path,label\n{path},joy\n")
    with pytest.raises(ValueError, match="'utterance_id' holds .* a path of this machine"):
        prepare_push("manifest", "user/x", data_dir=tmp_path, licence="cc-by-4.0")


def test_files_that_are_missing_are_named(tmp_path):
    data_dir = write_manifest(tmp_path / "mine")
    rows = load_corpus("manifest", data_dir, cache_dir=tmp_path / "cache")
    (data_dir / "b_joy.wav").unlink()
    with pytest.raises(FileNotFoundError, match="1 audio files are missing, the first is .*b_joy.wav"):
        prepare_push(rows, "user/x", licence="cc-by-4.0")


def test_mixed_sampling_rates_leave_the_column_without_one(tmp_path):
    data_dir = write_manifest(tmp_path / "mine")
    write_noise(data_dir / "a_joy.wav", sampling_rate=22_050)
    push = prepare_push("manifest", "user/x", data_dir=data_dir, licence="cc-by-4.0")
    assert push.copy.audio.sampling_rate is None
    assert push.copy.audio.sampling_rates == {16_000: 5, 22_050: 1}


def test_parts_that_the_user_made_keep_their_description(ravdess):
    parts = split_corpus(ravdess, "speaker_independent", seed=3)
    described = describe_split(parts, "speaker_independent", seed=3)
    assert prepare_push(parts, "user/x", split=described).copy.split == described
    with pytest.raises(ValueError, match="The parts are not those of the split 'speaker_independent-seed3'"):
        prepare_push(ravdess, "user/x", split=described)
    assert prepare_push(parts, "user/x").copy.split.name == "given"


def test_parts_that_an_archive_says_are_official_and_empty_ones_are_left_out(tmp_path):
    data_dir = write_manifest(tmp_path / "mine")
    rows = [json.loads(line) for line in (data_dir / "manifest.jsonl").read_text().splitlines()]
    lines = [json.dumps(row | {"split": "test" if row["speaker_id"] == "c" else "train"}) for row in rows]
    (data_dir / "manifest.jsonl").write_text("\n".join(lines))
    copy = prepare_push("manifest", "user/x", data_dir=data_dir, licence="cc-by-4.0").copy
    assert (copy.split.name, copy.split.sizes) == ("official", {"train": 4, "test": 2})


@pytest.mark.parametrize("repo_id", ["ravdess", "a/b/c", "user/with space"])
def test_a_repository_is_owner_and_name(ravdess, repo_id):
    with pytest.raises(ValueError, match="'owner/name'"):
        prepare_push(ravdess, repo_id)


def test_other_tables_are_refused(ravdess):
    with pytest.raises(ValueError, match="lacks the columns speaker_id"):
        prepare_push(ravdess["train"].remove_columns("speaker_id"), "user/x")
    with pytest.raises(ValueError, match="it has no rows"):
        prepare_push(ravdess["train"].select([]), "user/x")
    with pytest.raises(ValueError, match="not a IterableDataset"):
        prepare_push(ravdess["train"].to_iterable_dataset(), "user/x")


def test_without_a_token_nothing_is_tried(ravdess, monkeypatch, tmp_path):
    monkeypatch.setattr("hf_emotion.publishing.errors.stored_token", lambda: None)
    with pytest.raises(PermissionError, match="hf auth login"):
        push_corpus(ravdess, "user/x")


def test_an_impossible_shard_size_is_refused_at_once(ravdess):
    with pytest.raises(ValueError, match="valid format"):
        push_corpus(ravdess, "user/x", token="hf_x", max_shard_size="many")
