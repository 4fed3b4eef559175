"""JL-Corpus: names, and the sentence in the text file beside the audio."""

from hf_emotion.data.loading import corpus_facts
from tests.dataset_scripts.corpus_case import CorpusCase


FOLDER = "Raw JL corpus (unchecked and unannotated)/JL(wav+txt)"
PRIMARY = ("angry", "sad", "neutral", "happy", "excited")
SECONDARY = ("anxious", "apologetic", "assertive", "concerned", "encouraging")


class TestJlCorpus(CorpusCase):
    name = "jl_corpus"
    files = (
        *(f"{FOLDER}/{speaker}_{emotion}_15b_2.wav" for speaker in ("male1", "female2") for emotion in PRIMARY),
        *(f"{FOLDER}/{speaker}_{emotion}_1a_1.wav" for speaker in ("male1", "female1") for emotion in SECONDARY),
    )
    expected = {
        "male1_angry_15b_2": {
            "raw_label": "angry",
            "emotion": "anger",
            "arousal_valence": "high_negative",
            "speaker_id": "male1",
            "gender": "male",
            "text": "A sentence.",
            "language": "en-NZ",
        },
        "female1_apologetic_1a_1": {"speaker_id": "female1", "gender": "female", "emotion": "apology", "text": None},
    }

    def annotate(self, root):
        (root / FOLDER / "male1_angry_15b_2.txt").write_text("A sentence.\n")

    def test_each_speaker_is_tested_in_one_fold_of_emobox(self):
        folds = corpus_facts("jl_corpus").published_splits["emobox"].folds
        assert sorted(speaker for fold in folds for speaker in fold["test"]) == [
            "female1",
            "female2",
            "male1",
            "male2",
        ]
