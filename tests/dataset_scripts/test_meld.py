"""MELD: three tables, the same clip names in all parts, Windows-1252 texts, clips without a row, shared speakers."""

import csv
import logging
from pathlib import Path

import pytest

from hf_emotion.data.loading import load_corpus
from tests.data.fake_audio import write_noise
from tests.dataset_scripts.corpus_case import CorpusCase


EMOTIONS = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")
COLUMNS = (
    *("Sr No.", "Utterance", "Speaker", "Emotion", "Sentiment"),
    *("Dialogue_ID", "Utterance_ID", "Season", "Episode", "StartTime", "EndTime"),
)
CAST = {"train": ("Chandler", "Ross", "Mona"), "dev": ("Ross", "Tag"), "test": ("Chandler", "Richard\x92s Date")}
FOLDERS = {"train": "train_splits", "dev": "dev_splits_complete", "test": "output_repeated_splits_test"}
CLIPS = [
    (part, dialogue, number, emotion, CAST[part][dialogue])
    for part in CAST
    for dialogue in range(len(CAST[part]))
    for number, emotion in enumerate(EMOTIONS)
]


def clips(folders: dict[str, str]) -> tuple[str, ...]:
    """One clip per row, and clips that no row describes."""
    described = [f"{folders[part]}/dia{dialogue}_utt{number}.wav" for part, dialogue, number, *_ in CLIPS]
    return (*described, f"{folders['test']}/final_videos_testdia0_utt0.wav", f"{folders['dev']}/dia66_utt9.wav")


class TestMeld(CorpusCase):
    name = "meld"
    files = {
        "unpacked in MELD.Raw": clips(FOLDERS),
        "one folder per archive": clips({part: f"{part}/{folder}" for part, folder in FOLDERS.items()}),
        "converted": clips({part: f"{part}_splits_wav" for part in FOLDERS}),
        "plain": clips({part: part for part in FOLDERS}),
    }
    utterance_ids = tuple(f"{part}_dia{dialogue}_utt{number}" for part, dialogue, number, *_ in CLIPS)
    shared_speakers = True  # as published
    expected = {
        "train_dia0_utt0": {
            "raw_label": "anger",
            "emotion": "anger",
            "arousal_valence": "high_negative",
            "speaker_id": "Chandler",
            "session": "train_dia0",
            "text": "It\u2019s \u201cdia0\u201d, line 0 of train \u2014 wait\u2026",
            "split": "train",
            "gender": None,
            "language": "en-US",
        },
        "dev_dia0_utt0": {"speaker_id": "Ross", "session": "dev_dia0", "split": "validation"},
        "test_dia0_utt0": {"speaker_id": "Chandler", "session": "test_dia0", "split": "test"},
        "test_dia1_utt6": {
            "speaker_id": "Richard\u2019s Date",
            "emotion": "surprise",
            "arousal_valence": "high_neutral",
        },
    }

    def annotate(self, root: Path) -> None:
        for part in CAST:
            # In MELD.Raw the table of train lies in a folder, the others beside the folders.
            folder = root / "train" if part == "train" and (root / "train").is_dir() else root
            with open(folder / f"{part}_sent_emo.csv", "w", encoding="utf-8", newline="") as file:
                rows = csv.writer(file)
                rows.writerow(COLUMNS)
                for serial, (_, dialogue, number, emotion, speaker) in enumerate(
                    [clip for clip in CLIPS if clip[0] == part], start=1
                ):
                    text = f"It\x92s \x93dia{dialogue}\x94, line {number} of {part} \x97 wait\x85"
                    time = f"00:00:{number:02},000"
                    rows.writerow([serial, text, speaker, emotion, "neutral", dialogue, number, 8, 21, time, time])

    def test_the_corrected_tables_give_the_same_texts(self, scratch, tmp_path, rows):
        for table in scratch.rglob("*_sent_emo.csv"):
            text = table.read_text(encoding="utf-8")
            for broken, right in zip("\x92\x93\x94\x97\x85", "\u2019\u201c\u201d\u2014\u2026", strict=True):
                text = text.replace(broken, right)
            table.write_text(text, encoding="utf-8")
        found = self.load(scratch, tmp_path / "cache")
        assert {name: row["text"] for name, row in found.items()} == {name: row["text"] for name, row in rows.items()}

    def test_a_missing_clip_is_named(self, scratch, tmp_path, caplog):
        (scratch / "dev_splits_complete" / "dia1_utt6.wav").unlink()
        with caplog.at_level(logging.WARNING, logger="hf_emotion"):
            self.load(scratch, tmp_path / "cache")
        assert "1 missing: dev_dia1_utt6" in caplog.text

    def test_the_second_versions_of_test_clips_are_not_read(self, archive, rows):
        assert (archive / "output_repeated_splits_test" / "final_videos_testdia0_utt0.wav").is_file()
        assert rows["test_dia0_utt0"]["audio"]["path"].endswith("/output_repeated_splits_test/dia0_utt0.wav")

    def test_videos_without_audio_are_answered_with_a_command(self, scratch, tmp_path):
        for path in [*scratch.rglob("*.wav")]:
            path.rename(path.with_suffix(".mp4"))
        with pytest.raises(FileNotFoundError, match="ffmpeg"):
            load_corpus("meld", scratch, cache_dir=tmp_path / "cache")

    def test_a_clip_of_another_part_is_another_utterance(self, scratch, tmp_path, rows):
        write_noise(scratch / "train_splits" / "dia66_utt9.wav")
        assert set(self.load(scratch, tmp_path / "cache")) == set(rows)
