"""MLEnd: labels, speakers and numerals of the attribute table."""

import pytest

from hf_emotion.data.loading import load_corpus
from tests.data.fake_audio import write_noise
from tests.dataset_scripts.corpus_case import CorpusCase


TABLE = """Public filename,Numeral,Intonation,Speaker
00000,3,excited,59
00001,1000000,question,31
00002,20,neutral,59
00003,7,bored,121
00004,0,neutral,121
99999,1,bored,0
"""
STEMS = tuple(f"{number:05d}" for number in range(5))


class TestMlend(CorpusCase):
    name = "mlend"
    files = {
        "published": tuple(f"MLEndSND_Public/{stem}.wav" for stem in STEMS),
        "kaggle": tuple(f"MLEndSND_Public/MLEndSND_Public/{stem}.wav" for stem in STEMS),
    }
    expected = {
        "00000": {
            "raw_label": "excited",
            "emotion": "excitement",
            "arousal_valence": "high_positive",
            "speaker_id": "59",
            "gender": None,
            "text": "3",
        },
        "00001": {"raw_label": "question", "emotion": "question", "arousal_valence": None, "text": "1000000"},
        "00003": {"emotion": "boredom", "speaker_id": "121"},
    }

    def annotate(self, root):
        (root / "MLEndSND_Audio_Attributes.csv").write_text(TABLE)

    def test_the_table_may_lie_beside_the_audio(self, scratch, tmp_path, rows):
        name = "MLEndSND_Audio_Attributes.csv"
        (scratch / name).rename(scratch / "MLEndSND_Public" / name)
        assert set(self.load(scratch, tmp_path / "cache")) == set(rows)
        assert set(self.load(scratch.parent, tmp_path / "cache")) == set(rows)

    def test_audio_without_a_row_is_left_out(self, scratch, tmp_path, rows):
        write_noise(scratch / "MLEndSND_Public" / "00005.wav")
        assert set(self.load(scratch, tmp_path / "cache")) == set(rows)

    def test_audio_without_the_table_is_refused(self, scratch, tmp_path):
        (scratch / "MLEndSND_Audio_Attributes.csv").unlink()
        with pytest.raises(FileNotFoundError, match="MLEndSND_Audio_Attributes.csv"):
            load_corpus("mlend", scratch, cache_dir=tmp_path / "cache")
