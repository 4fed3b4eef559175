"""Oréau: positional codes, gender folders, two versions with the same file names."""

import shutil
import unicodedata

from tests.dataset_scripts.corpus_case import CorpusCase


FILES = (
    *(f"f/sess{code.lower()}/10a0{number}{code}a.wav" for number, code in enumerate("CDJNPST", start=1)),
    *(f"m/sess{code.lower()}/{speaker}a06{code}a.wav" for speaker in ("27", "28", "42") for code in "CDJNPST"),
    "m/sessn/07z03Na.wav",
)


class TestOreau(CorpusCase):
    name = "oreau"
    files = {
        "published": tuple(f"OréauFR_02/{file}" for file in FILES),
        "decomposed": tuple(f"{unicodedata.normalize('NFD', 'OréauFR_02')}/{file}" for file in FILES),
        "bare": FILES,
    }
    expected = {
        "10a03Ja": {
            "raw_label": "J",
            "emotion": "happiness",
            "arousal_valence": "high_positive",
            "speaker_id": "10",
            "gender": "female",
            "text": None,
            "language": "fr",
        },
        "27a06Ca": {"raw_label": "C", "emotion": "anger", "speaker_id": "27", "gender": "male"},
        "28a06Ta": {"raw_label": "T", "emotion": "sadness"},
        "07z03Na": {"raw_label": "N", "emotion": "neutral", "speaker_id": "07"},
        "42a06Pa": {"raw_label": "P", "emotion": "fear"},
    }

    def test_recordings_of_both_versions_count_once(self, scratch, tmp_path, rows):
        shutil.copytree(scratch / "OréauFR_02", scratch / "OréauFR_01")
        assert set(self.load(scratch, tmp_path / "cache")) == set(rows)
