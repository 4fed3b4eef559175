"""EmotiW 2014: official parts by folder, test clips without labels."""

import shutil

import pytest

from tests.data.fake_audio import write_noise
from tests.dataset_scripts.corpus_case import CorpusCase


EMOTIONS = ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")


def archive_files(train: str, validation: str, test: str) -> tuple[str, ...]:
    return (
        *(f"{train}/{emotion}/00{number}150814.wav" for number, emotion in enumerate(EMOTIONS)),
        *(f"{validation}/{emotion}/01{number}029320.wav" for number, emotion in enumerate(EMOTIONS)),
        *(f"{test}/02{number}113200.wav" for number in range(2)),
    )


class TestEmotiw2014(CorpusCase):
    name = "emotiw2014"
    files = {
        "plain": archive_files("Train", "Val", "Test"),
        "zips": archive_files("Train/Train_AFEW", "Val/Val_AFEW", "Test/Test_vid_Distribute/Test_vid_Distribute"),
    }
    expected = {
        "000150814": {
            "raw_label": "Angry",
            "emotion": "anger",
            "arousal_valence": "high_negative",
            "language": "en",
            "speaker_id": None,
            "split": "train",
        },
        "016029320": {"raw_label": "Surprise", "emotion": "surprise", "split": "validation"},
        "020113200": {"raw_label": None, "emotion": None, "arousal_valence": None, "split": "test"},
    }
    shared_speakers = True  # there are no speaker ids

    def test_an_archive_without_its_test_part_has_the_other_two(self, scratch, tmp_path):
        shutil.rmtree(scratch / "Test")
        parts = {row["split"] for row in self.load(scratch, tmp_path / "cache").values()}
        assert parts == {"train", "validation"}

    @pytest.mark.parametrize("name", ["Train/Faces/000150814.wav", "Labels/000150814.wav", "Test/Audio/000150814.wav"])
    def test_other_folders_are_not_taken_for_clips(self, scratch, tmp_path, rows, name):
        write_noise(scratch / name)
        assert set(self.load(scratch, tmp_path / "cache")) == set(rows)
