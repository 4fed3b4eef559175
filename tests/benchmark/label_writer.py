"""Label files in EMO-SUPERB's format, out of votes that a reader can count."""

import json
from pathlib import Path

import pandas as pd

from hf_emotion.data.soft_labels import PUBLISHED_DECIMALS, smooth_labels


CLASSES = ("angry", "sad", "neutral")
PARTS = ("Train", "Development", "Test")


def write_labels(folder: Path, votes: dict[str, tuple[int, ...]], parts: list[dict[str, str]]) -> Path:
    """
    Args:
        folder: where to write.
        votes: votes for each of `CLASSES` by file name; the speaker is what the name starts with, before "_".
        parts: for each fold the part of each speaker.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"categorical": {"emo_type": list(CLASSES)}}))
    for number, part_of in enumerate(parts, start=1):
        rows = []
        for name, counts in votes.items():
            labels = smooth_labels([count / sum(counts) for count in counts]).round(PUBLISHED_DECIMALS)
            speaker = name.split("_")[0]
            gender = "Female" if speaker.startswith("f") else "Male"
            rows.append([name, *labels, speaker, gender, part_of[speaker]])
        columns = ["FileName", *CLASSES, "SpkrID", "Gender", "Split_Set"]
        pd.DataFrame(rows, columns=columns).to_csv(folder / f"labels_consensus_{number}.csv", index=False)
    return folder


def rotating_parts(speakers: list[str], num_folds: int) -> list[dict[str, str]]:
    """Each speaker is tested in one fold, and validates in the one before."""
    parts = []
    for fold in range(num_folds):
        part_of = {}
        for index, speaker in enumerate(speakers):
            part_of[speaker] = {0: "Test", 1: "Development"}.get((index - fold) % num_folds, "Train")
        parts.append(part_of)
    return parts
