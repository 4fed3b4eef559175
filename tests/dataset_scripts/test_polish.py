"""Emotions in Polish speech: a dot in the file name, five folds of one speaker each."""

from hf_emotion.data.loading import corpus_facts
from tests.dataset_scripts.corpus_case import CorpusCase


class TestPolish(CorpusCase):
    name = "polish"
    files = tuple(
        f"{speaker}.{emotion}_{word}_{repetition}.wav"
        for speaker in ("m1", "m2", "m5")
        for emotion in "ans"
        for word, repetition in (("nie", 2), ("trzymaj", 5))
    )
    expected = {
        "m1.a_nie_2": {
            "raw_label": "a",
            "emotion": "anger",
            "arousal_valence": "high_negative",
            "speaker_id": "m1",
            "gender": "male",
            "text": "nie",
            "language": "pl",
        },
        "m5.s_trzymaj_5": {"raw_label": "s", "emotion": "fear", "speaker_id": "m5", "text": "trzymaj"},
        "m2.n_nie_2": {"raw_label": "n", "emotion": "neutral"},
    }

    def test_every_speaker_is_tested_in_one_fold_of_emobox(self):
        folds = corpus_facts("polish").published_splits["emobox"].folds
        assert sorted(fold["test"] for fold in folds) == [("m1",), ("m2",), ("m3",), ("m4",), ("m5",)]
