"""BIIC-Podcast: EMO-SUPERB's data folder, or a manifest."""

import pytest

from hf_emotion.data.loading import load_corpus
from tests.data.fake_audio import write_noise
from tests.dataset_scripts.corpus_case import CorpusCase


CLASSES = ("angry", "sad", "disgust", "contempt", "fear", "neutral", "surprise", "happy")
CLIPS = {
    **{f"1000_{number:04d}_0003": label for number, label in enumerate(CLASSES)},
    "1001_0001": "neutral",
    "1002_0001": "happy",
}
PARTS = {"1001_0001": "Development", "1002_0001": "Test"}


def soft_label(*top: str) -> str:
    return ",".join("0.4625" if label in top else "0.0125" for label in CLASSES)


class TestBiicPodcast(CorpusCase):
    name = "biic_podcast"
    files = tuple(f"Audios/BIIC-PODCAST_{clip}.wav" for clip in (*CLIPS, "1000_0100"))
    absent_labels = ("other",)
    shared_speakers = True  # speakers are not known
    expected = {
        "BIIC-PODCAST_1000_0005_0003": {
            "raw_label": "neutral",
            "emotion": "neutral",
            "arousal_valence": "low_neutral",
            "session": "1000",
            "split": "train",
            "speaker_id": None,
            "gender": None,
            "language": "zh-TW",
        },
        "BIIC-PODCAST_1001_0001": {"split": "validation"},
        "BIIC-PODCAST_1002_0001": {"split": "test", "emotion": "happiness"},
        # two classes have the largest share
        "BIIC-PODCAST_1000_0100": {"raw_label": None, "emotion": None},
    }

    def annotate(self, root):
        lines = [f"FileName,{','.join(CLASSES)},Split_Set"]
        lines += [f"BIIC-PODCAST_{clip}.wav,{soft_label(CLIPS[clip])},{PARTS.get(clip, 'Train')}" for clip in CLIPS]
        lines.append(f"BIIC-PODCAST_1000_0100.wav,{soft_label('sad', 'fear')},Train")
        (root / "Primary").mkdir()
        (root / "Primary" / "labels_consensus_1.csv").write_text("\n".join(lines) + "\n")

    def test_audio_that_the_table_does_not_list_is_left_out(self, scratch, tmp_path, rows):
        write_noise(scratch / "Audios" / "BIIC-PODCAST_1003_0001.wav")
        assert set(self.load(scratch, tmp_path / "cache")) == set(rows)

    def test_a_manifest_describes_another_layout(self, tmp_path):
        write_noise(tmp_path / "clips" / "a.wav")
        write_noise(tmp_path / "clips" / "b.wav")
        (tmp_path / "manifest.csv").write_text("path,label,split\nclips/a.wav,happy,train\nclips/b.wav,anger,test\n")
        parts = load_corpus("biic_podcast", tmp_path, cache_dir=tmp_path / "cache")
        assert {part: rows["raw_label"] for part, rows in parts.items()} == {"train": ["happy"], "test": ["angry"]}

    def test_audio_without_table_and_manifest_is_refused(self, scratch, tmp_path):
        (scratch / "Primary" / "labels_consensus_1.csv").unlink()
        with pytest.raises(FileNotFoundError, match="labels_consensus_1.csv"):
            load_corpus("biic_podcast", scratch, cache_dir=tmp_path / "cache")
