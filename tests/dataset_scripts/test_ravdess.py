"""RAVDESS: published tree, nested copy, song channel, flat FLAC copies, folder too high or too low."""

import logging
import shutil
from collections import Counter

import pytest

from hf_emotion.data.loading import load_corpus
from tests.data.fake_audio import rows_by_id, write_noise


STEMS = ("03-01-01-01-01-01-01", "03-01-06-02-02-01-02", "03-01-08-01-01-02-24")


@pytest.fixture
def archive(tmp_path):
    for stem in STEMS:
        write_noise(tmp_path / "ravdess" / f"Actor_{stem[-2:]}" / f"{stem}.wav", sampling_rate=48_000)
    return tmp_path / "ravdess"


def load(data_dir, tmp_path):
    return load_corpus("ravdess", data_dir, split="train", cache_dir=tmp_path / "cache")


def test_the_file_name_gives_label_speaker_gender_and_sentence(archive, tmp_path):
    rows = rows_by_id(load(archive, tmp_path))
    assert set(rows) == set(STEMS)
    found = [
        tuple(rows[stem][column] for column in ("speaker_id", "gender", "raw_label", "emotion", "arousal_valence"))
        for stem in STEMS
    ]
    assert found == [
        ("01", "male", "01", "neutral", "low_neutral"),
        ("02", "female", "06", "fear", "high_negative"),
        ("24", "female", "08", "surprise", "high_neutral"),
    ]
    assert rows[STEMS[0]]["text"] == "Kids are talking by the door"
    assert rows[STEMS[1]]["text"] == "Dogs are sitting by the door"
    assert rows[STEMS[0]]["language"] == "en-CA"


def test_song_video_sound_and_hidden_files_are_left_out(archive, tmp_path):
    write_noise(archive / "Actor_01" / "03-02-01-01-01-01-01.wav")  # song
    write_noise(archive / "Actor_01" / "01-01-01-01-01-01-01.wav")  # audio-visual
    write_noise(archive / "Actor_01" / "._03-01-02-01-01-01-01.wav")
    write_noise(archive / "__MACOSX" / "03-01-03-01-01-01-01.wav")
    (archive / ".DS_Store").touch()
    assert len(load(archive, tmp_path)) == 3


def test_the_second_tree_of_the_kaggle_zip_is_ignored(archive, tmp_path, caplog):
    shutil.copytree(archive, archive / "audio_speech_actors_01-24")
    with caplog.at_level(logging.INFO, logger="hf_emotion"):
        rows = load(archive, tmp_path)
    assert len(rows) == 3
    assert not any("audio_speech" in row["audio"]["path"] for row in rows)
    assert "holds second copies of 3 files" in caplog.text


def test_two_different_files_with_one_name_are_a_conflict(archive, tmp_path):
    write_noise(archive / "converted" / f"{STEMS[0]}.flac")
    with pytest.raises(ValueError, match=rf"{STEMS[0]}: .*Actor_01.*\.wav and .*converted.*\.flac"):
        load(archive, tmp_path)


def test_the_folder_may_be_one_level_too_high(archive, tmp_path):
    write_noise(archive.parent / "emodb" / "wav" / "03a01Fa.wav")
    assert len(load(archive.parent, tmp_path)) == 3


def test_a_folder_too_low_loads_with_a_warning_that_says_what_is_missing(archive, tmp_path, caplog):
    assert len(load(archive / "Actor_24", tmp_path)) == 1
    assert "found 1 of 1440" in caplog.text
    assert "1439 missing: 03-01-01-01-01-01-01" in caplog.text
    assert "one folder too low" in caplog.text


@pytest.mark.real_data
def test_the_real_archive_is_complete(real_data_dir, tmp_path, caplog):
    rows = load(real_data_dir / "ravdess", tmp_path)
    assert not caplog.text
    assert len(rows) == 1440
    assert Counter(rows["raw_label"]) == {"01": 96} | {f"{code:02d}": 192 for code in range(2, 9)}
    assert Counter(rows["speaker_id"]) == {f"{actor:02d}": 60 for actor in range(1, 25)}
    assert Counter(rows["gender"]) == {"female": 720, "male": 720}
    assert sum(rows["duration"]) / 3600 == pytest.approx(1.48, abs=0.005)
