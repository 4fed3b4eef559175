"""VIVAE: the full set once, whatever the core set repeats; a surprise that is positive."""

import shutil

import pytest

from tests.data.fake_audio import write_noise
from tests.dataset_scripts.corpus_case import CorpusCase


EMOTIONS = ("achievement", "anger", "fear", "pain", "pleasure", "surprise")
STEMS = (
    *(f"S01_{emotion}_low_01" for emotion in EMOTIONS),
    *(f"S02_{emotion}_moderate_02" for emotion in EMOTIONS),
    *("S04_anger_strong_7", "S11_pleasure_peak_103"),
)


class TestVivae(CorpusCase):
    name = "vivae"
    files = {
        "published": tuple(f"full_set/{stem}.wav" for stem in STEMS),
        "flat": tuple(f"{stem}.wav" for stem in STEMS),
    }
    expected = {
        "S01_surprise_low_01": {
            "raw_label": "surprise",
            "emotion": "surprise",
            "arousal_valence": "high_positive",
            "speaker_id": "S01",
            "gender": None,
            "text": None,
            "language": "zxx",
        },
        "S04_anger_strong_7": {"emotion": "anger", "arousal_valence": "high_negative", "speaker_id": "S04"},
        "S11_pleasure_peak_103": {"emotion": "pleasure", "arousal_valence": "low_positive", "speaker_id": "S11"},
    }

    @pytest.mark.parametrize("are_same_bytes", [True, False])
    def test_the_core_set_adds_nothing(self, scratch, tmp_path, rows, are_same_bytes):
        (scratch / "core_set").mkdir()
        for stem in STEMS[:4]:
            shutil.copy(scratch / "full_set" / f"{stem}.wav", scratch / "core_set")
            if not are_same_bytes:
                write_noise(scratch / "core_set" / f"{stem}.wav", seconds=0.1)
        loaded = self.load(scratch, tmp_path / "cache")
        assert set(loaded) == set(rows)
        assert all("/full_set/" in row["audio"]["path"] for row in loaded.values())

    def test_the_core_set_alone_can_be_loaded(self, scratch, tmp_path, rows):
        (scratch / "full_set").rename(scratch / "core_set")
        assert set(self.load(scratch, tmp_path / "cache")) == set(rows)
