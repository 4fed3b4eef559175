"""URDU: names, uneven speakers, and clips that are cuts of one recording."""

from collections import Counter

import numpy as np
import pytest

from hf_emotion.data.audio import load_audio
from hf_emotion.data.loading import corpus_facts, load_corpus
from tests.data.fake_audio import rows_by_id
from tests.dataset_scripts.corpus_case import CorpusCase


class TestUrdu(CorpusCase):
    name = "urdu"
    files = (
        *("Angry/SM1_F10_A010.wav", "Sad/SF11_F2_S08.wav", "Happy/SM1_F3_H5.wav", "Neutral/SF1_F1_N1.wav"),
        *("Angry/SF11_F1_A1.wav", "Neutral/SM25_F1_N02.wav"),
    )
    expected = {
        "SM1_F10_A010": {
            "speaker_id": "SM1",
            "gender": "male",
            "raw_label": "A",
            "emotion": "anger",
            "arousal_valence": "high_negative",
            "language": "ur",
        },
        "SF11_F2_S08": {
            "speaker_id": "SF11",
            "gender": "female",
            "raw_label": "S",
            "emotion": "sadness",
            "arousal_valence": "low_negative",
        },
        "SM1_F3_H5": {"raw_label": "H", "emotion": "happiness", "arousal_valence": "high_positive"},
        "SF1_F1_N1": {"speaker_id": "SF1", "raw_label": "N", "emotion": "neutral", "arousal_valence": "low_neutral"},
    }

    def test_one_emotion_folder_alone_is_called_incomplete(self, archive, tmp_path, caplog):
        self.load(archive / "Angry", tmp_path)
        assert "A 2 of 100, H 0 of 100, N 0 of 100, S 0 of 100" in caplog.text


def load(data_dir, tmp_path):
    return load_corpus("urdu", data_dir, split="train", cache_dir=tmp_path / "cache")


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
