"""MER2023: two places of the label tables, three test parts, a part without valence, unlabelled clips."""

from pathlib import Path

import pytest

from hf_emotion.data.loading import corpus_facts, load_corpus
from tests.data.fake_audio import write_noise
from tests.dataset_scripts.corpus_case import CorpusCase


LABELS = ("neutral", "angry", "sad", "happy", "worried", "surprise")
CLIPS = {
    "train": tuple(f"sample_0000{number}" for number in range(1000, 1006)),
    "test1": ("sample_00001998", "sample_00003564"),
    "test2": ("sample_00005474",),
    "test3": ("samplenew_00006611", "sample_00000743"),
}
# Where the parts lie as the challenge hands them out; its baseline code has them side by side.
FOLDERS = {"train": "mer2023train/train", "test1": "test1", "test2": "test2", "test3": "mer2023train/test3"}


class TestMer2023(CorpusCase):
    name = "mer2023"
    files = {
        "baseline": tuple(f"{part}/{clip}.wav" for part, clips in CLIPS.items() for clip in clips),
        "handed_out": tuple(f"{FOLDERS[part]}/{clip}.wav" for part, clips in CLIPS.items() for clip in clips),
    }
    shared_speakers = True  # nobody is named
    expected = {
        "sample_00001001": {
            "raw_label": "angry",
            "emotion": "anger",
            "arousal_valence": "high_negative",
            "valence": -2.5,
            "arousal": None,
            "speaker_id": None,
            "session": "train",
            "language": "zh",
            "split": "train",
        },
        "sample_00003564": {"raw_label": "angry", "valence": -2.5, "session": "test1", "split": "test"},
        "sample_00005474": {"raw_label": "neutral", "session": "test2", "split": "test"},
        "samplenew_00006611": {"raw_label": "neutral", "valence": None, "session": "test3", "split": "test"},
    }

    def annotate(self, root: Path) -> None:
        handed_out = (root / "mer2023train").is_dir()
        for part, clips in CLIPS.items():
            path = root / f"{part}-label.csv"
            if handed_out:
                path = root / ("mer2023train" if part == "train" else "test-labels") / path.name
            path.parent.mkdir(exist_ok=True)
            rows = ["name,discrete" if part == "test3" else "name,discrete,valence"]
            for number, clip in enumerate(clips):
                rows.append(f"{clip},{LABELS[number]}" + ("" if part == "test3" else ",-2.5"))
            path.write_text("\n".join(rows) + "\n", encoding="utf-8")

    def test_a_folder_above_the_parts_as_handed_out_works_as_well(self, archives, cache_dir, rows):
        assert set(self.load(archives["handed_out"].parent, cache_dir)) == set(rows)

    def test_unlabelled_clips_are_left_out(self, scratch, tmp_path, rows):
        write_noise(scratch / "test3" / "sample_00099999.wav")
        assert set(self.load(scratch, tmp_path / "cache")) == set(rows)

    def test_without_its_tables_the_corpus_is_not_found(self, scratch, tmp_path):
        for table in sorted(scratch.glob("*-label.csv")):
            table.unlink()
        with pytest.raises(FileNotFoundError, match="-label.csv"):
            load_corpus(self.name, scratch, cache_dir=tmp_path / "cache")

    def test_emobox_trains_on_train_and_tests_on_test1_only(self):
        split = corpus_facts("mer2023").published_splits["emobox"]
        assert split.by == "session"
        assert split.folds == ({"train": ("train",), "test": ("test1",)},)
