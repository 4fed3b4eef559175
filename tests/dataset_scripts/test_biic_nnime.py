"""NNIME: targets and speakers of the file names, ratings of EMO-SUPERB's table if it is there."""

import pytest

from tests.dataset_scripts.corpus_case import CorpusCase


STEMS = (
    *("angry_01_A_002", "angry_01_B_003", "frustration_04_B_010", "happy_06_A_001", "neutral_11_B_034"),
    *("sad_14_A_015", "surprise_17_B_020", "happy_22_A_001", "happy_22_B_002"),
)
CLASSES = "angry,frustrated,disappointed,sad,fear,neutral,surprise,excited,happy,relax,joy"
TABLE = f""",{CLASSES},EmoAct,EmoVal,SpkrID,Gender,Split_Set
neutral_11_B_034.wav,{"0.005," * 5}0.95,{"0.005," * 5}1,3,22,Female,Train
sad_14_A_015.wav,{"0.005," * 5}0.95,{"0.005," * 5}1.4,2.8,27,Female,Development
"""


class TestBiicNnime(CorpusCase):
    name = "biic_nnime"
    files = {
        "emo_superb": tuple(f"Audios/{stem}.wav" for stem in STEMS),
        "flat": tuple(f"{stem}.wav" for stem in STEMS),
    }
    expected = {
        "neutral_11_B_034": {
            "raw_label": "neutral",
            "emotion": "neutral",
            "arousal_valence": "low_neutral",
            "speaker_id": "22",
            "gender": "female",
            "session": "11",
            "arousal": 1.0,
            "valence": 3.0,
            "dominance": None,
            "votes": None,
            "text": None,
            "language": "zh-TW",
        },
        # raters heard neutral: the label stays the target of the scene
        "sad_14_A_015": {"raw_label": "sad", "emotion": "sadness", "arousal": 1.4, "valence": 2.8},
        "frustration_04_B_010": {"emotion": "frustration", "speaker_id": "8", "gender": "male", "arousal": None},
        "happy_22_A_001": {"speaker_id": "8", "gender": "male", "session": "22"},
        "happy_22_B_002": {"speaker_id": "43", "gender": "female"},
    }

    def annotate(self, root):
        folder = root / "Secondary" if (root / "Audios").is_dir() else root
        folder.mkdir(exist_ok=True)
        (folder / "labels_consensus_1.csv").write_text(TABLE)

    @pytest.mark.parametrize("column", ["arousal", "valence"])
    def test_without_the_table_there_are_no_ratings(self, scratch, tmp_path, column, rows):
        (scratch / "Secondary" / "labels_consensus_1.csv").unlink()
        without = self.load(scratch, tmp_path / "cache")
        assert {row[column] for row in without.values()} == {None}
        assert {key: row["raw_label"] for key, row in without.items()} == {
            key: row["raw_label"] for key, row in rows.items()
        }
