"""ASED: hyphenated codes, the capital S, gender codes that contradict the speaker."""

import pytest

from hf_emotion.data.loading import corpus_facts
from tests.dataset_scripts.corpus_case import CorpusCase


class TestAsed(CorpusCase):
    name = "ased"
    files = (
        *(f"01Neutral/n1-01-01-{gender}-{speaker}.wav" for gender, speaker in (("01", "01"), ("02", "02"))),
        *(f"02Fearful/f2-03-02-{gender}-{speaker}.wav" for gender, speaker in (("01", "01"), ("02", "65"))),
        *(f"03Happy/h3-07-01-{gender}-{speaker}.wav" for gender, speaker in (("01", "62"), ("02", "50"))),
        *("04Sad/s4-04-01-02-29.wav", "04Sad/S4-04-02-01-29.wav", "04Sad/s4-05-01-02-02.wav"),
        *("05Angry/a5-03-01-02-50.wav", "05Angry/a5-02-01-02-09.wav", "05Angry/a5-02-02-01-09.wav"),
    )
    expected = {
        "n1-01-01-01-01": {
            "raw_label": "n",
            "emotion": "neutral",
            "arousal_valence": "low_neutral",
            "speaker_id": "01",
            "gender": "female",
            "language": "am",
        },
        "f2-03-02-02-65": {"raw_label": "f", "emotion": "fear", "speaker_id": "65", "gender": "male"},
        "h3-07-01-01-62": {"raw_label": "h", "emotion": "happiness", "speaker_id": "62", "gender": "female"},
        "S4-04-02-01-29": {"raw_label": "s", "emotion": "sadness", "speaker_id": "29", "gender": "female"},
        "a5-03-01-02-50": {"raw_label": "a", "emotion": "anger", "speaker_id": "50", "gender": "male"},
    }

    @pytest.mark.parametrize("utterance_id", ["a5-02-01-02-09", "a5-02-02-01-09"])
    def test_a_speaker_has_one_gender_whatever_the_code_of_a_file(self, rows, utterance_id):
        assert rows[utterance_id]["gender"] == "female"

    def test_the_test_speakers_of_nkululeko_are_the_last_ten(self):
        [fold] = corpus_facts("ased").published_splits["nkululeko"].folds
        assert fold["test"] == ("56", "57", "58", "59", "60", "61", "62", "63", "64", "65")
