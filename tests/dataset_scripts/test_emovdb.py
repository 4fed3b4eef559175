"""EmoV-DB: three folder layouts, capitals and underscores in file names, sentences of CMU ARCTIC."""

from pathlib import Path

from tests.data.fake_audio import write_noise
from tests.dataset_scripts.corpus_case import CorpusCase


NUMBERS = {"bea": "1", "jenie": "2", "josh": "3", "sam": "4"}
FILES = (
    ("bea", "Amused", "amused_141_168_0155"),
    ("bea", "Angry", "anger_1-28_0024"),
    ("bea", "Neutral", "Neutral_1-28_0014"),
    ("bea", "Neutral", "neutral_197-364_0257"),
    ("jenie", "Amused", "amused_57-84_0057"),
    ("jenie", "Angry", "anger_1-28_0024"),
    ("jenie", "Sleepy", "sleepiness_57-84_0061"),
    ("josh", "Amused", "amused_1-28_0026"),
    ("josh", "Amused", "amused_225_252_0026"),
    ("josh", "Neutral", "neutral_1-28_0001"),
    ("josh", "Sleepy", "sleepiness_113_140_0113"),
    ("sam", "Disgusted", "Disgust_169_196_0177"),
    ("sam", "Disgusted", "disgust_1-28_0001"),
    ("sam", "Neutral", "neutral_197_224_0207"),
)
PROMPTS = """( arctic_a0001 "Author of the danger trail, Philip Steels, etc." )
( arctic_a0057 "Was it the rendezvous of those who were striving to work his ruin." )
( arctic_b0001 "Gad, your letter came just in time." )
"""


class TestEmovdb(CorpusCase):
    name = "emovdb"
    files = {
        "sorted": tuple(f"EmoV-DB_sorted/{speaker}/{style}/{stem}.wav" for speaker, style, stem in FILES),
        "openslr": tuple(f"{speaker}_{style}/{stem}.wav" for speaker, style, stem in FILES),
        "numbered": tuple(f"EMOV-DB/{NUMBERS[speaker]}/{stem}.wav" for speaker, _, stem in FILES),
    }
    utterance_ids = tuple(f"{speaker}_{stem}" for speaker, _, stem in FILES)
    expected = {
        "jenie_amused_57-84_0057": {
            "raw_label": "amused",
            "emotion": "amusement",
            "arousal_valence": "high_positive",
            "speaker_id": "jenie",
            "gender": "female",
            "text": "Was it the rendezvous of those who were striving to work his ruin.",
        },
        "sam_disgust_1-28_0001": {
            "raw_label": "disgust",
            "speaker_id": "sam",
            "gender": "male",
            "text": "Author of the danger trail, Philip Steels, etc.",
        },
        "sam_Disgust_169_196_0177": {"raw_label": "disgust", "emotion": "disgust", "text": None},
        "bea_Neutral_1-28_0014": {"raw_label": "neutral", "emotion": "neutral", "gender": "female"},
        "josh_sleepiness_113_140_0113": {"raw_label": "sleepiness", "emotion": "sleepiness", "gender": "male"},
        "bea_anger_1-28_0024": {"raw_label": "anger", "speaker_id": "bea"},
        "jenie_anger_1-28_0024": {"raw_label": "anger", "speaker_id": "jenie"},
    }

    def annotate(self, root: Path) -> None:
        (root / "cmuarctic.data").write_text(PROMPTS, encoding="utf-8")

    def test_texts_are_null_without_the_prompts(self, scratch, tmp_path):
        (scratch / "cmuarctic.data").unlink()
        assert {row["text"] for row in self.load(scratch, tmp_path / "cache").values()} == {None}

    def test_other_recordings_below_the_folder_are_not_taken_for_the_corpus(self, scratch, tmp_path, rows):
        write_noise(scratch / "annotations" / "anger_1-28_0011.wav")
        write_noise(scratch / "bea_Angry" / "anger_1-28.wav")
        assert set(self.load(scratch, tmp_path / "cache")) == set(rows)
