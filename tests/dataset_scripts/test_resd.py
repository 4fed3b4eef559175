"""RESD: the letter in the file name, spaces instead of underscores, parts cut out of the same dialogues."""

from pathlib import Path

from hf_emotion.data.loading import corpus_facts
from tests.dataset_scripts.corpus_case import CorpusCase


FILES = (
    "train/happiness_enthusiasm_32/32_happiness_enthusiasm_h_120.wav",
    "train/happiness_enthusiasm_32/32_happiness_enthusiasm_e_110.wav",
    "train/03_disgust_neutral/03_disgust_neutral n_040.wav",
    "train/08_sadness_anger/08_sadness_anger s_140.wav",
    "train/anger_fear_34/34_anger_fear_a_060.wav",
    "test/03_disgust_neutral/03_disgust_neutral d_050.wav",
    "test/anger_fear_34/34_anger_fear_f_010.wav",
    "test/happiness_enthusiasm_32/32_happiness_enthusiasm_h_020.wav",
)
WORDS = {
    "h": "happiness",
    "e": "enthusiasm",
    "n": "neutral",
    "s": "sadness",
    "a": "anger",
    "d": "disgust",
    "f": "fear",
}


class TestResd(CorpusCase):
    name = "resd"
    files = FILES
    shared_speakers = True  # nobody is named
    expected = {
        "32_happiness_enthusiasm_h_120": {
            "raw_label": "happiness",
            "emotion": "happiness",
            "arousal_valence": "high_positive",
            "speaker_id": None,
            "gender": None,
            "session": "32",
            "text": "Привет, как дела?",
            "language": "ru",
            "split": "train",
        },
        "32_happiness_enthusiasm_e_110": {"raw_label": "enthusiasm", "emotion": "enthusiasm"},
        "03_disgust_neutral n_040": {"raw_label": "neutral", "session": "03", "split": "train"},
        "03_disgust_neutral d_050": {"raw_label": "disgust", "session": "03", "split": "test"},
    }

    def annotate(self, root: Path) -> None:
        for part in ("train", "test"):
            rows = ["name,path,emotion,text"]
            for file in FILES:
                folder, path = file.split("/", 1)
                name = Path(path).stem
                if folder == part:
                    rows.append(f'{name},{path},{WORDS[name[-5]]},"Привет, как дела?"')
            (root / f"{part}.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")

    def test_the_leak_of_the_official_parts_is_told_and_real(self, rows):
        assert "dialogues" in corpus_facts("resd").published_splits["official"].leak
        sessions = {
            part: {row["session"] for row in rows.values() if row["split"] == part} for part in ("train", "test")
        }
        assert sessions["train"] & sessions["test"] == {"03", "32", "34"}

    def test_labels_need_no_tables(self, scratch, tmp_path, rows):
        for table in ("train.csv", "test.csv"):
            (scratch / table).unlink()
        left = self.load(scratch, tmp_path / "cache")
        assert {name: row["raw_label"] for name, row in left.items()} == {
            name: row["raw_label"] for name, row in rows.items()
        }
        assert {row["text"] for row in left.values()} == {None}
