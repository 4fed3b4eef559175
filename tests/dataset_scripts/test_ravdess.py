"""RAVDESS: published tree, nested copy, song channel, flat FLAC copies, folder too high or too low."""

import logging
import shutil
from collections import Counter

import pytest

from hf_emotion.data.loading import corpus_facts, load_corpus
from tests.data.fake_audio import write_noise
from tests.dataset_scripts.corpus_case import CorpusCase


STEMS = (
    *("03-01-01-01-01-01-01", "03-01-06-02-02-01-02", "03-01-08-01-01-02-24"),
    *(f"03-01-{code:02d}-01-01-01-{actor}" for actor in ("11", "12") for code in range(1, 9)),
)


class TestRavdess(CorpusCase):
    name = "ravdess"
    files = tuple(f"Actor_{stem[-2:]}/{stem}.wav" for stem in STEMS)
    expected = {
        "03-01-01-01-01-01-01": {
            "raw_label": "01",
            "emotion": "neutral",
            "arousal_valence": "low_neutral",
            "speaker_id": "01",
            "gender": "male",
            "text": "Kids are talking by the door",
            "language": "en-CA",
        },
        "03-01-06-02-02-01-02": {
            "raw_label": "06",
            "emotion": "fear",
            "arousal_valence": "high_negative",
            "speaker_id": "02",
            "gender": "female",
            "text": "Dogs are sitting by the door",
        },
        "03-01-08-01-01-02-24": {
            "raw_label": "08",
            "emotion": "surprise",
            "arousal_valence": "high_neutral",
            "speaker_id": "24",
            "gender": "female",
        },
    }

    def test_song_video_sound_and_hidden_files_are_left_out(self, scratch, tmp_path, rows):
        write_noise(scratch / "Actor_01" / "03-02-01-01-01-01-01.wav")  # song
        write_noise(scratch / "Actor_01" / "01-01-01-01-01-01-01.wav")  # audio-visual
        write_noise(scratch / "Actor_01" / "._03-01-02-01-01-01-01.wav")
        write_noise(scratch / "__MACOSX" / "03-01-03-01-01-01-01.wav")
        (scratch / ".DS_Store").touch()
        assert set(self.load(scratch, tmp_path / "cache")) == set(rows)

    def test_the_second_tree_of_the_kaggle_zip_is_ignored(self, scratch, tmp_path, rows, caplog):
        shutil.copytree(scratch, scratch / "audio_speech_actors_01-24")
        with caplog.at_level(logging.INFO, logger="hf_emotion"):
            loaded = self.load(scratch, tmp_path / "cache")
        assert set(loaded) == set(rows)
        assert not any("audio_speech" in row["audio"]["path"] for row in loaded.values())
        assert f"holds second copies of {len(rows)} files" in caplog.text

    def test_two_different_files_with_one_name_are_a_conflict(self, scratch, tmp_path):
        write_noise(scratch / "converted" / f"{STEMS[0]}.flac")
        with pytest.raises(ValueError, match=rf"{STEMS[0]}: .*Actor_01.*\.wav and .*converted.*\.flac"):
            self.load(scratch, tmp_path / "cache")

    def test_another_corpus_beside_it_does_not_matter(self, scratch, tmp_path, rows):
        write_noise(scratch.parent / "emodb" / "wav" / "03a01Fa.wav")
        assert set(self.load(scratch.parent, tmp_path / "cache")) == set(rows)

    def test_a_folder_too_low_loads_with_a_warning_that_says_what_is_missing(self, archive, tmp_path, caplog):
        assert len(self.load(archive / "Actor_24", tmp_path)) == 1
        assert "found 1 of 1440" in caplog.text
        assert "1439 missing: 03-01-01-01-01-01-01" in caplog.text
        assert "one folder too low" in caplog.text

    def test_each_actor_is_tested_in_one_fold_of_emobox(self):
        folds = corpus_facts("ravdess").published_splits["emobox"].folds
        assert sorted(actor for fold in folds for actor in fold["test"]) == [f"{actor:02d}" for actor in range(1, 25)]


@pytest.mark.real_data
def test_the_real_archive_is_complete(real_data_dir, tmp_path, caplog):
    rows = load_corpus("ravdess", real_data_dir / "ravdess", split="train", cache_dir=tmp_path / "cache")
    assert not caplog.text
    assert len(rows) == 1440
    assert Counter(rows["raw_label"]) == {"01": 96} | {f"{code:02d}": 192 for code in range(2, 9)}
    assert Counter(rows["speaker_id"]) == {f"{actor:02d}": 60 for actor in range(1, 25)}
    assert Counter(rows["gender"]) == {"female": 720, "male": 720}
    assert sum(rows["duration"]) / 3600 == pytest.approx(1.48, abs=0.005)
