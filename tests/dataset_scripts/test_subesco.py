"""SUBESCO: numbers that repeat across genders, the stray bracket, the folds of EmoBox."""

import pytest

from hf_emotion.data.loading import corpus_facts
from tests.data.fake_audio import write_noise
from tests.dataset_scripts.corpus_case import CorpusCase


EMOTIONS = ("ANGRY", "DISGUST", "FEAR", "HAPPY", "NEUTRAL", "SAD", "SURPRISE")
SPEAKERS = ("F_01_OISHI", "F_02_MONIKA", "M_01_BASHIR", "M_10_EVAN")
NAMES = tuple(f"{speaker}_S_{n}_{emotion}_{n}" for n in (2, 3) for speaker in SPEAKERS for emotion in EMOTIONS)
BRACKET = "F_02_MONIKA_S_2_SURPRISE_3"


class TestSubesco(CorpusCase):
    name = "subesco"
    files = (
        *(f"SUBESCO/{name}.wav" for name in NAMES),
        f"SUBESCO/{BRACKET}].wav",
        "SUBESCO/F_10_FAHMEE_S_10_SAD_5.wav",
    )
    utterance_ids = (*NAMES, BRACKET, "F_10_FAHMEE_S_10_SAD_5")
    expected = {
        BRACKET: {
            "raw_label": "SURPRISE",
            "emotion": "surprise",
            "arousal_valence": "high_neutral",
            "speaker_id": "F_02",
            "gender": "female",
            "language": "bn",
            "text": None,
        },
        "F_01_OISHI_S_2_HAPPY_2": {"speaker_id": "F_01", "gender": "female", "emotion": "happiness"},
        "M_01_BASHIR_S_3_ANGRY_3": {"speaker_id": "M_01", "gender": "male", "arousal_valence": "high_negative"},
        "F_10_FAHMEE_S_10_SAD_5": {"speaker_id": "F_10", "emotion": "sadness"},
    }

    def test_the_file_with_and_without_its_bracket_is_a_conflict(self, scratch, tmp_path):
        write_noise(scratch / "SUBESCO" / f"{BRACKET}.wav", seconds=0.1)
        with pytest.raises(ValueError, match=rf"{BRACKET}: .*{BRACKET}"):
            self.load(scratch, tmp_path / "cache")

    def test_an_unknown_emotion_is_refused(self, scratch, tmp_path):
        write_noise(scratch / "SUBESCO" / "F_01_OISHI_S_1_BORED_1.wav")
        with pytest.raises(ValueError, match="subesco has no label 'BORED'"):
            self.load(scratch, tmp_path / "cache")

    def test_the_folds_of_emobox_test_every_speaker_once(self):
        folds = corpus_facts("subesco").published_splits["emobox"].folds
        tested = sorted(speaker for fold in folds for speaker in fold["test"])
        assert tested == [f"{gender}_{number:02}" for gender in "FM" for number in range(1, 11)]
