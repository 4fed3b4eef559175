"""DEMoS: prototypical and other samples, and neutral speech in its own folder."""

from hf_emotion.data.loading import corpus_facts
from tests.dataset_scripts.corpus_case import CorpusCase


EMOTIONS = ("rab", "tri", "gio", "pau", "dis", "col", "sor")


class TestDemos(CorpusCase):
    name = "demos"
    files = (
        *(f"DEMOS/PR_f_01_{emotion}00a.wav" for emotion in EMOTIONS),
        *(f"DEMOS/NP_m_02_{emotion}01b.wav" for emotion in EMOTIONS),
        *(f"DEMOS/NP_m_58_{emotion}12c.wav" for emotion in EMOTIONS),
        "NEU/f_01_neu00a.wav",
        "NEU/m_02_neu01b.wav",
        "NEU/m_58_neu02a.wav",
    )
    expected = {
        "PR_f_01_col00a": {
            "raw_label": "col",
            "emotion": "guilt",
            "arousal_valence": "low_negative",
            "language": "it",
            "speaker_id": "01",
            "gender": "female",
        },
        "NP_m_58_sor12c": {"emotion": "surprise", "speaker_id": "58", "gender": "male"},
        "m_02_neu01b": {"emotion": "neutral", "speaker_id": "02", "gender": "male"},
    }

    def test_the_published_split_tests_the_last_twelve_speaker_ids(self):
        [fold] = corpus_facts("demos").published_splits["nkululeko"].folds
        assert fold["test"] == ("58", "59", "60", "61", "62", "63", "64", "65", "66", "67", "68", "69")
