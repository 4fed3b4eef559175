"""SyntAct: audformat tables with official parts, voices whose gender the database swaps."""

import pytest

from tests.data.fake_audio import write_noise
from tests.dataset_scripts.corpus_case import CorpusCase


WORDS = {
    "angry": "anger",
    "bored": "boredom",
    "scared": "fear",
    "happy": "happiness",
    "neutral": "neutral",
    "sad": "sadness",
}
STEMS = tuple(f"{voice}_{word}_p000000" for voice in ("de1", "de2", "de6", "de7") for word in WORDS)
DB = """speaker:
  labels:
    de1: {gender: male, language: deu}
    de2: {gender: female, language: deu}
"""


class TestSyntact(CorpusCase):
    name = "syntact"
    files = tuple(f"synthesized_audio/{stem}.wav" for stem in STEMS)
    expected = {
        "de1_angry_p000000": {
            "raw_label": "anger",
            "emotion": "anger",
            "arousal_valence": "high_negative",
            "speaker_id": "de1",
            "gender": "female",
            "split": "train",
            "language": "de",
        },
        "de2_scared_p000000": {"raw_label": "fear", "gender": "male", "split": "train"},
        "de6_sad_p000000": {"speaker_id": "de6", "gender": "male", "split": "test"},
        "de7_bored_p000000": {"emotion": "boredom", "gender": "female", "split": "test"},
    }

    def annotate(self, root):
        path = {stem: f"./synthesized_audio/{stem}.wav" for stem in STEMS}
        files = [f"{path[stem]},{stem[:3]}" for stem in STEMS]
        (root / "db.files.csv").write_text("\n".join(["file,speaker", *files]) + "\n")
        for part, voices in (("train", ("de1", "de2")), ("test", ("de6", "de7"))):
            rows = [f"{path[stem]},{WORDS[stem.split('_')[1]]}" for stem in STEMS if stem.startswith(voices)]
            (root / f"db.emotion.categories.{part}.desired.csv").write_text("\n".join(["file,emotion", *rows]) + "\n")
        (root / "db.yaml").write_text(DB)

    def test_files_of_no_table_are_left_out(self, scratch, tmp_path, rows):
        # the database of dimensions has such names
        write_noise(scratch / "synthesized_audio" / "de1_p000000_0.301_0.576.wav")
        assert set(self.load(scratch, tmp_path / "cache")) == set(rows)

    @pytest.mark.parametrize("missing", ["speaker_id", "gender"])
    def test_without_the_file_table_voices_are_not_known(self, scratch, tmp_path, missing):
        (scratch / "db.files.csv").unlink()
        assert {row[missing] for row in self.load(scratch, tmp_path / "cache").values()} == {None}
