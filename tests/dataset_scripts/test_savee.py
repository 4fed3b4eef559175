"""SAVEE: both published layouts, two-letter codes, AIFF content under a .wav name."""

import pytest

from hf_emotion.data.loading import corpus_facts, load_corpus
from tests.data.fake_audio import write_noise
from tests.dataset_scripts.corpus_case import CorpusCase


UTTERANCES = (
    "DC_a01",
    "DC_sa02",
    "DC_h03",
    "KL_su15",
    "KL_d01",
    "KL_a02",
    "JE_n30",
    "JE_f04",
    "JE_sa01",
    "JK_a01",
    "JK_su02",
)


class TestSavee(CorpusCase):
    name = "savee"
    files = {
        "original": tuple(f"AudioData/{utterance.replace('_', '/')}.wav" for utterance in UTTERANCES),
        "kaggle": tuple(f"ALL/{utterance}.wav" for utterance in UTTERANCES),
    }
    utterance_ids = UTTERANCES
    expected = {
        "DC_a01": {"speaker_id": "DC", "raw_label": "a", "emotion": "anger", "gender": "male"},
        "DC_sa02": {"speaker_id": "DC", "raw_label": "sa", "emotion": "sadness", "arousal_valence": "low_negative"},
        "KL_su15": {"speaker_id": "KL", "raw_label": "su", "emotion": "surprise", "arousal_valence": "high_neutral"},
        "JE_n30": {"speaker_id": "JE", "raw_label": "n", "emotion": "neutral"},
    }

    def annotate(self, root):
        (root / "Info.txt").touch()

    def test_all_speakers_are_male(self, rows):
        assert {row["gender"] for row in rows.values()} == {"male"}

    def test_the_folder_of_one_speaker_is_understood_and_called_incomplete(self, tmp_path, caplog):
        write_noise(tmp_path / "AudioData" / "DC" / "a01.wav")
        rows = self.load(tmp_path / "AudioData" / "DC", tmp_path / "cache")
        assert rows["DC_a01"]["speaker_id"] == "DC"
        assert "found 1 of 480 published utterances" in caplog.text
        assert "479 missing: DC_a02" in caplog.text

    def test_aiff_content_under_a_wav_name_is_read(self, tmp_path):
        write_noise(tmp_path / "savee" / "ALL" / "DC_a01.wav", seconds=0.5, format="AIFF")
        assert self.load(tmp_path / "savee", tmp_path / "cache")["DC_a01"]["duration"] == 0.5

    def test_other_speakers_initials_are_not_savee(self, tmp_path):
        write_noise(tmp_path / "savee" / "ALL" / "XY_a01.wav")
        with pytest.raises(FileNotFoundError, match=r"(?s)it holds ALL/.*AudioData/<speaker>.*registration"):
            load_corpus("savee", tmp_path / "savee", cache_dir=tmp_path / "cache")

    def test_each_speaker_is_tested_in_one_fold_of_emobox(self):
        folds = corpus_facts("savee").published_splits["emobox"].folds
        assert sorted(speaker for fold in folds for speaker in fold["test"]) == ["DC", "JE", "JK", "KL"]
