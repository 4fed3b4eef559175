"""PAVOQUE: the files that the tasks of its repository cut, the same prompt in several styles."""

from pathlib import Path

from tests.data.fake_audio import write_noise
from tests.dataset_scripts.corpus_case import CorpusCase


PROMPTS = {"m0001": "Das ist ein Satz.", "spike0001": "Ich bin Spike.", "poppy0001": "Hi, ich heiße Poppy."}
STEMS = (
    *(f"m0001-{style}" for style in ("angry", "happy", "poker", "sad")),
    *("a0001-neutral", "a0014a-neutral", "e0001-neutral", "prudence0001-neutral"),
    *("spike0001-angry", "poppy0001-happy", "obadiah0001-sad", "poker_n0010-poker", "poker_f0002b-happy"),
)


class TestPavoque(CorpusCase):
    name = "pavoque"
    files = tuple(f"build/wav/{stem}.wav" for stem in STEMS)
    shared_speakers = True  # one speaker
    expected = {
        "poppy0001-happy": {
            "raw_label": "happy",
            "emotion": "happiness",
            "arousal_valence": "high_positive",
            "speaker_id": "stefan_roettig",
            "gender": "male",
            "text": "Hi, ich heiße Poppy.",
            "language": "de",
        },
        "m0001-poker": {"raw_label": "poker", "emotion": "neutral", "text": "Das ist ein Satz."},
        "m0001-sad": {"raw_label": "sad", "emotion": "sadness", "text": "Das ist ein Satz."},
        "a0014a-neutral": {"raw_label": "neutral", "text": None},
        "poker_f0002b-happy": {"raw_label": "happy"},
    }

    def annotate(self, root: Path) -> None:
        (root / "build" / "text").mkdir()
        for prompt, text in PROMPTS.items():
            (root / "build" / "text" / f"{prompt}.txt").write_text(text, encoding="utf-8")

    def test_the_long_recordings_are_not_taken_for_utterances(self, scratch, tmp_path, rows):
        write_noise(scratch / "pavoque-poker.flac")
        assert set(self.load(scratch, tmp_path / "cache")) == set(rows)
