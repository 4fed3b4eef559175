"""GVEESS: described by a manifest."""

from hf_emotion.data.loading import load_corpus
from tests.data.fake_audio import write_noise
from tests.dataset_scripts.corpus_case import ManifestCase


class TestGvess(ManifestCase):
    name = "gvess"

    def test_hot_and_cold_anger_are_told_apart(self, tmp_path):
        write_noise(tmp_path / "a.wav")
        write_noise(tmp_path / "b.wav")
        (tmp_path / "manifest.csv").write_text("path,label\na.wav,hot anger\nb.wav,cold_anger\n")
        rows = load_corpus("gvess", tmp_path, split="train", cache_dir=tmp_path / "cache")
        assert rows["raw_label"] == ["hot anger", "cold anger"]
        assert rows["arousal_valence"] == ["high_negative", "low_negative"]
