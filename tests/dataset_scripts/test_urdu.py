"""URDU: names, uneven speakers, and clips that are cuts of one recording."""

from collections import Counter

import numpy as np
import pytest

from hf_emotion.data.audio import load_audio
from hf_emotion.data.loading import corpus_facts, load_corpus
from tests.data.fake_audio import rows_by_id, write_noise


def load(data_dir, tmp_path):
    return load_corpus("urdu", data_dir, split="train", cache_dir=tmp_path / "cache")


def test_the_name_gives_label_speaker_and_gender(tmp_path):
    for path in ("Angry/SM1_F10_A010", "Sad/SF11_F2_S08", "Happy/SM1_F3_H5", "Neutral/SF1_F1_N1"):
        write_noise(tmp_path / "urdu" / f"{path}.wav")
    rows = rows_by_id(load(tmp_path / "urdu", tmp_path))
    columns = ("speaker_id", "gender", "raw_label", "emotion", "arousal_valence")
    assert {key: tuple(row[column] for column in columns) for key, row in rows.items()} == {
        "SM1_F10_A010": ("SM1", "male", "A", "anger", "high_negative"),
        "SF11_F2_S08": ("SF11", "female", "S", "sadness", "low_negative"),
        "SM1_F3_H5": ("SM1", "male", "H", "happiness", "high_positive"),
        "SF1_F1_N1": ("SF1", "female", "N", "neutral", "low_neutral"),
    }


def test_one_emotion_folder_alone_is_called_incomplete(tmp_path, caplog):
    write_noise(tmp_path / "urdu" / "Angry" / "SM1_F10_A010.wav")
    load(tmp_path / "urdu" / "Angry", tmp_path)
    assert "A 1 of 100, H 0 of 100, N 0 of 100, S 0 of 100" in caplog.text


@pytest.mark.real_data
def test_the_real_archive_is_complete_and_has_29_speakers(real_data_dir, tmp_path, caplog):
    rows = load(real_data_dir / "urdu", tmp_path)
    assert not caplog.text
    assert Counter(rows["raw_label"]) == {"A": 100, "H": 100, "N": 100, "S": 100}
    by_speaker = Counter(rows["speaker_id"])
    assert len(by_speaker) == 29
    assert by_speaker.most_common(4) == [("SM5", 80), ("SM4", 48), ("SM25", 40), ("SM24", 38)]
    assert sum(rows["duration"]) / 3600 == pytest.approx(0.277, abs=0.001)
    labels_of = {speaker: set() for speaker in by_speaker}
    for speaker, label in zip(rows["speaker_id"], rows["raw_label"], strict=True):
        labels_of[speaker].add(label)
    assert sum(len(labels) == 1 for labels in labels_of.values()) == 26


@pytest.mark.real_data
def test_one_real_recording_has_two_speaker_ids(real_data_dir, tmp_path):
    rows = rows_by_id(load(real_data_dir / "urdu", tmp_path))
    first, second = (load_audio(rows[key]["audio"]) for key in ("SF1_F4_H04", "SF4_F3_H019"))
    # The first clip starts 4832 samples (0.302 s at 16 kHz) after the second.
    overlap = len(second) - 4832
    assert np.corrcoef(first[:overlap], second[4832:])[0, 1] > 0.99
    assert any("SF1_F4_H04 and SF4_F3_H019" in pitfall for pitfall in corpus_facts("urdu").pitfalls)
