"""Is an archive what was published: counts, missing speakers and utterances, extra and broken files."""

import dataclasses
import shutil
from pathlib import Path

import pytest

from hf_emotion.data.completeness import Completeness, Count, check_completeness
from hf_emotion.data.loading import corpus_builder, corpus_builder_class
from tests.data.fake_audio import write_noise


STEMS = [
    f"03-01-{emotion}-{intensity}-{text}-{repetition}-{actor:02d}"
    for actor in range(1, 25)
    for emotion in ("01", "02", "03", "04", "05", "06", "07", "08")
    for intensity in ("01", "02")
    for text in ("01", "02")
    for repetition in ("01", "02")
    if (emotion, intensity) != ("01", "02")
]


@pytest.fixture(scope="module")
def whole_archive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "ravdess"
    clip = write_noise(folder.parent / "clip.wav")
    for stem in STEMS:
        path = folder / f"Actor_{stem[-2:]}" / f"{stem}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(clip, path)
    return folder


@pytest.fixture
def archive(whole_archive, tmp_path):
    return Path(shutil.copytree(whole_archive, tmp_path / "ravdess"))


def check(name, folder, **facts) -> Completeness:
    changed = dataclasses.replace(corpus_builder_class(name).facts, **facts)
    return check_completeness(corpus_builder_class(name)(data_dir=folder, facts=changed, cache_dir=folder / "cache"))


def test_a_whole_archive_is_complete_and_sound(archive):
    result = check("ravdess", archive)
    assert (result.is_complete, result.is_sound) == (True, True)
    assert (result.utterances, result.speakers) == (Count(1440, 1440), Count(24, 24))
    assert result.labels["01"] == Count(96, 96)
    assert (result.missing_speakers, result.missing_ids, result.extra, result.broken) == ({}, (), {}, {})


def test_missing_utterances_are_named_and_missing_speakers_instead_of_theirs(archive):
    shutil.rmtree(archive / "Actor_07")
    shutil.rmtree(archive / "Actor_24")
    (archive / "Actor_03" / "03-01-08-02-02-02-03.wav").unlink()
    result = check("ravdess", archive)
    assert result.is_complete is False
    assert result.missing_speakers == {"07": 60, "24": 60}
    assert result.missing_ids == ("03-01-08-02-02-02-03",)
    assert (result.utterances, result.speakers) == (Count(1319, 1440), Count(22, 24))
    assert result.labels["08"] == Count(192 - 2 * 8 - 1, 192)


def test_files_that_are_not_used_have_a_reason(archive):
    copy = archive / "audio_speech_actors_01-24" / "Actor_01" / f"{STEMS[0]}.wav"
    copy.parent.mkdir(parents=True)
    shutil.copy(archive / "Actor_01" / f"{STEMS[0]}.wav", copy)
    song = write_noise(archive / "Actor_01" / "03-02-01-01-01-01-01.wav")
    result = check("ravdess", archive)
    assert result.extra == {
        str(song): "its name does not follow the scheme of the corpus",
        str(copy): f"second copy of {archive / 'Actor_01' / STEMS[0]}.wav",
    }
    assert (result.is_complete, result.is_sound) == (True, True), "extra files do no harm"


def test_broken_files_have_a_reason(archive):
    broken = archive / "Actor_01" / f"{STEMS[0]}.wav"
    broken.write_bytes(b"")
    result = check("ravdess", archive)
    assert (result.is_complete, result.is_sound) == (True, False)
    assert result.broken == {str(broken): "file of 0 bytes"}


def test_without_published_ids_counts_decide(tmp_path):
    """EMO-DB does not list its utterances."""
    for stem in ("03a01Wa", "03a01Nc", "08a01Wa"):
        write_noise(tmp_path / "wav" / f"{stem}.wav")
    short = check("emodb", tmp_path)
    assert (short.is_complete, short.missing_ids, short.utterances) == (False, (), Count(3, 535))
    exact = check("emodb", tmp_path, num_utterances=3, label_counts={"W": 2, "N": 1})
    assert (exact.is_complete, exact.speakers) == (True, Count(2, 10)), "all files are there: speaker ids differ"
    assert check("emodb", tmp_path, num_utterances=3, label_counts={"W": 1, "N": 2}).is_complete is False
    grown = check("emodb", tmp_path, num_utterances=2, label_counts={})
    assert grown.is_complete is True
    assert check("emodb", tmp_path, num_utterances=None, label_counts={}).is_complete is False, "2 of 10 speakers"
    unknown = check("emodb", tmp_path, num_utterances=None, num_speakers=None, label_counts={})
    assert unknown.is_complete is None


def test_speakers_are_found_in_ids_without_separators(tmp_path, monkeypatch):
    for stem in ("03a01Wa", "03a01Nc", "08a01Wa"):
        write_noise(tmp_path / "wav" / f"{stem}.wav")
    published = ("03a01Wa", "03a01Nc", "08a01Wa", "08a02Wa", "11a01Wa", "11a02Na")
    monkeypatch.setattr(corpus_builder_class("emodb"), "published_ids", lambda self, root: published)
    result = check("emodb", tmp_path)
    assert (result.missing_speakers, result.missing_ids) == ({"11": 2}, ("08a02Wa",))


def test_without_speakers_every_missing_utterance_is_named(tmp_path, monkeypatch):
    (tmp_path / "manifest.csv").write_text("path,label\na.wav,anger\n")
    write_noise(tmp_path / "a.wav")
    monkeypatch.setattr(corpus_builder_class("manifest"), "published_ids", lambda self, root: ("a", "b_1", "c_1"))
    other = write_noise(tmp_path / "other.wav")
    result = check("manifest", tmp_path)
    assert (result.missing_speakers, result.missing_ids) == ({}, ("b_1", "c_1"))
    assert result.extra == {str(other): "the manifest does not list it"}


@pytest.mark.real_data
def test_the_missing_half_of_real_crema_d_is_named_by_its_actors(real_data_dir, tmp_path):
    builder = corpus_builder("crema_d", real_data_dir / "crema_d", cache_dir=tmp_path)
    result = check_completeness(builder)
    assert result.is_complete is False
    assert result.utterances == Count(3760, 7442)
    assert list(result.missing_speakers) == [str(actor) for actor in range(1002, 1091, 2)]
    assert sum(result.missing_speakers.values()) == 7442 - 3760
    assert (result.missing_ids, result.extra, result.broken) == ((), {}, {})


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["ravdess", "emodb", "urdu"])
def test_complete_real_corpora_are_complete(real_data_dir, tmp_path, name):
    result = check_completeness(corpus_builder(name, real_data_dir / name, cache_dir=tmp_path))
    assert (result.is_complete, result.is_sound, result.extra) == (True, True, {})
