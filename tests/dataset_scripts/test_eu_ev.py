"""EU-EV: described by a manifest that also says the language."""

from hf_emotion.data.loading import load_corpus
from tests.data.fake_audio import write_noise
from tests.dataset_scripts.corpus_case import ManifestCase


class TestEuEv(ManifestCase):
    name = "eu_ev"

    def test_the_language_of_an_utterance_is_that_of_the_manifest(self, tmp_path):
        write_noise(tmp_path / "a.wav")
        write_noise(tmp_path / "b.wav")
        (tmp_path / "manifest.csv").write_text("path,label,language\na.wav,kind,sv\nb.wav,kind,\n")
        rows = load_corpus("eu_ev", tmp_path, split="train", cache_dir=tmp_path / "cache")
        assert rows["language"] == ["sv", None]
