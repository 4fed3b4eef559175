"""EMOVO: emotion, speaker and sentence from the file name."""

from hf_emotion.data.loading import corpus_facts
from tests.dataset_scripts.corpus_case import CorpusCase


EMOTIONS = ("dis", "gio", "neu", "pau", "rab", "sor", "tri")


class TestEmovo(CorpusCase):
    name = "emovo"
    files = (
        *(
            f"EMOVO/{speaker}/{emotion}-{speaker}-b1.wav"
            for speaker in ("f1", "f2", "m1", "m3")
            for emotion in EMOTIONS
        ),
        "EMOVO/m3/rab-m3-n5.wav",
        "EMOVO/m3/rab-m3-d2.wav",
    )
    expected = {
        "gio-f1-b1": {
            "raw_label": "gio",
            "emotion": "joy",
            "arousal_valence": "high_positive",
            "language": "it",
            "speaker_id": "f1",
            "gender": "female",
            "text": "Gli operai si alzano presto",
        },
        "rab-m3-n5": {
            "emotion": "anger",
            "gender": "male",
            "text": "Uno quarantatré dieci mille cinquantasette venti",
        },
        "rab-m3-d2": {"speaker_id": "m3", "text": "Porti con te quella cosa?"},
    }

    def test_every_speaker_is_tested_in_one_fold_of_emobox(self):
        folds = corpus_facts("emovo").published_splits["emobox"].folds
        assert sorted(fold["test"] for fold in folds) == [("f1",), ("f2",), ("f3",), ("m1",), ("m2",), ("m3",)]
