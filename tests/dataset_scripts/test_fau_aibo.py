"""FAU Aibo: labels in a file, two schools with the same speaker numbers, turns beside chunks."""

from pathlib import Path

import pytest

from hf_emotion.data.loading import corpus_facts, load_corpus
from tests.data.fake_audio import write_noise
from tests.dataset_scripts.corpus_case import CorpusCase


SPEAKERS = ("Mont_01", "Mont_02", "Ohm_01", "Ohm_02", "Ohm_32")
CHUNKS = {f"{speaker}_{turn:03}_00": label for speaker in SPEAKERS for turn, label in enumerate("AENPR")}
LABELS = "labels/IS2009EmotionChallenge"


class TestFauAibo(CorpusCase):
    name = "fau_aibo"
    files = tuple(f"wav/{chunk}.wav" for chunk in (*CHUNKS, "Ohm_01_009_01"))
    expected = {
        "Ohm_01_000_00": {
            "raw_label": "A",
            "emotion": "anger",
            "arousal_valence": "high_negative",
            "speaker_id": "Ohm_01",
            "session": "Ohm",
            "split": "train",
            "gender": None,
            "language": "de",
        },
        "Mont_01_001_00": {"emotion": "emphatic", "speaker_id": "Mont_01", "session": "Mont", "split": "test"},
        "Mont_02_003_00": {"raw_label": "P", "emotion": "motherese", "arousal_valence": None},
        "Ohm_02_004_00": {"raw_label": "R", "emotion": "rest", "arousal_valence": None},
        "Ohm_01_009_01": {"raw_label": None, "emotion": None, "speaker_id": "Ohm_01"},
    }

    def annotate(self, root: Path) -> None:
        folder = root / LABELS
        folder.mkdir(parents=True)
        lines = [f"{chunk} {label} {0.5 + number % 6 / 10:g}" for number, (chunk, label) in enumerate(CHUNKS.items())]
        (folder / "chunk_labels_5cl_corpus.txt").write_text("\n".join(lines) + "\n")
        two_classes = [f"{chunk} {'NEG' if label in 'AE' else 'IDL'} 1" for chunk, label in CHUNKS.items()]
        (folder / "chunk_labels_2cl_corpus.txt").write_text("\n".join(two_classes) + "\n")

    def test_the_labels_may_lie_beside_the_audio(self, scratch, tmp_path, rows):
        (scratch / LABELS / "chunk_labels_5cl_corpus.txt").rename(scratch / "chunk_labels_5cl_corpus.txt")
        (scratch / "wav").rename(scratch / "default")
        found = self.load(scratch, tmp_path / "cache")
        assert {name: row["raw_label"] for name, row in found.items()} == {
            name: row["raw_label"] for name, row in rows.items()
        }

    def test_whole_turns_are_not_utterances(self, scratch, tmp_path, rows):
        write_noise(scratch / "wav" / "Ohm_01_000.wav")
        assert set(self.load(scratch, tmp_path / "cache")) == set(rows)

    def test_audio_without_labels_is_refused(self, scratch, tmp_path):
        (scratch / LABELS / "chunk_labels_5cl_corpus.txt").unlink()
        with pytest.raises(FileNotFoundError, match="labels/IS2009EmotionChallenge/chunk_labels_5cl_corpus.txt"):
            load_corpus("fau_aibo", scratch, cache_dir=tmp_path / "cache")

    def test_the_published_parts_name_speakers_as_the_loader_does(self, rows):
        [fold] = corpus_facts("fau_aibo").published_splits["autrainer"].folds
        assert {row["speaker_id"] for row in rows.values() if row["split"] == "test"} <= set(fold["test"])
        assert "Ohm_32" in fold["validation"]
        assert len(fold["test"]) == 25
