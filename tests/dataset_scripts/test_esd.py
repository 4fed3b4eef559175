"""ESD: official parts by folder or by index, transcripts in four encodings."""

import pytest

from hf_emotion.data.loading import corpus_facts
from tests.data.fake_audio import write_noise
from tests.dataset_scripts.corpus_case import CorpusCase


EMOTIONS = ("Neutral", "Angry", "Happy", "Sad", "Surprise")
SPEAKERS = ("0001", "0003", "0011", "0016")
# First and last clip of every part.
POSITIONS = {"evaluation": (1, 20), "test": (21, 50), "train": (51, 350)}
CLIPS = tuple(
    (speaker, emotion, part, f"{speaker}_{350 * block + position:06d}")
    for speaker in SPEAKERS
    for block, emotion in enumerate(EMOTIONS)
    for part, positions in POSITIONS.items()
    for position in positions
)
MANDARIN, ENGLISH = "今天天气很好\uff0c我们出去吧", "We went out, and it rained."
TABLES = {
    "0001": ("gb2312", f"0001_000001\t{MANDARIN}\t中立\r\n\r\n0001_000351\t{MANDARIN}\t生气\r\n"),
    "0003": ("utf-16", f"0003_000001\t{MANDARIN}\t中立\n"),
    "0011": ("utf-8", f"0011_000001\t{ENGLISH}\tNeutral\n0011_000370 {ENGLISH} \tAngry\n"),
    "0016": ("gb2312", "0016_000001\tIt rained\uff0cand we went out .\tNeutral\n"),
}


class TestEsd(CorpusCase):
    name = "esd"
    files = {
        "parts": tuple(f"{speaker}/{emotion}/{part}/{clip}.wav" for speaker, emotion, part, clip in CLIPS),
        "no_parts": tuple(f"{speaker}/{emotion}/{clip}.wav" for speaker, emotion, _, clip in CLIPS),
    }
    utterance_ids = tuple(clip for *_, clip in CLIPS)
    expected = {
        "0001_000001": {
            "raw_label": "Neutral",
            "emotion": "neutral",
            "arousal_valence": "low_neutral",
            "language": "zh",
            "speaker_id": "0001",
            "gender": "female",
            "text": MANDARIN,
            "split": "validation",
        },
        "0001_000351": {"emotion": "anger", "text": MANDARIN, "split": "validation"},
        "0001_000370": {"text": None, "split": "validation"},
        "0003_000001": {"text": MANDARIN, "gender": "female"},
        "0011_000001": {"text": ENGLISH, "language": "en", "gender": "male"},
        "0011_000370": {"text": ENGLISH, "emotion": "anger"},
        "0016_000001": {"text": "It rained\uff0cand we went out .", "gender": "female"},
        "0011_000721": {"emotion": "happiness", "split": "test"},
        "0011_001100": {"emotion": "sadness", "split": "test"},
        "0011_001451": {"emotion": "surprise", "split": "train"},
        "0011_001750": {"split": "train"},
    }
    shared_speakers = True  # all of them, in the official parts

    def annotate(self, root):
        for speaker, (encoding, table) in TABLES.items():
            (root / speaker / f"{speaker}.txt").write_bytes(table.encode(encoding))

    def test_texts_are_found_whatever_folder_is_given(self, archive, tmp_path):
        for folder in (archive.parent, archive / "0011"):
            assert self.load(folder, tmp_path / "cache")["0011_000001"]["text"] == ENGLISH

    @pytest.mark.parametrize("row", ["0011_000002\t\tNeutral", "0011_000002", ""])
    def test_a_row_without_a_text_gives_none_and_never_the_label(self, scratch, tmp_path, row):
        write_noise(scratch / "0011" / "Neutral" / "evaluation" / "0011_000002.wav")
        (scratch / "0011" / "0011.txt").write_text(f"{row}\n0011_000001\t{ENGLISH}\tNeutral\n")
        rows = self.load(scratch, tmp_path / "cache")
        assert rows["0011_000002"]["text"] is None
        assert rows["0011_000001"]["text"] == ENGLISH

    def test_every_speaker_is_tested_in_one_fold_of_emobox(self):
        folds = corpus_facts("esd").published_splits["emobox"].folds
        tested = sorted(speaker for fold in folds for speaker in fold["test"])
        assert tested == [f"{number:04d}" for number in range(1, 21)]
