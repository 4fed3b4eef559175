"""EMO-SUPERB's label files: soft labels, folds, speakers and genders of one setting, as its authors published them.

A folder holds `labels_consensus_<fold>.csv`, one file per fold with *all* utterances and the part of each in its last
column, and `config.json` with the order of the classes. The labels are smoothed votes, see
[`~hf_emotion.data.soft_labels.smooth_labels`]; those of train, development and test alike.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd


PARTS = {"Train": "train", "Development": "validation", "Test": "test"}
_FILE = re.compile(r"^labels_consensus_(?P<fold>\d+)\.csv$")
_CONFIG_FILE = "config.json"
_SUM_TOLERANCE = 1e-4  # of labels with six decimals
_GENDERS = {"Male": "male", "Female": "female"}


@dataclass(frozen=True)
class LabelFolder:
    """
    What the files of a setting say.

    Args:
        classes (`tuple[str, ...]`): Class names in the order of the columns.
        utterances (`pd.DataFrame`): `utterance_id` (file name with suffix), `speaker_id` and `gender` (`"female"`,
            `"male"` or None). IEMOCAP and MSP-IMPROV have the session where others have the speaker.
        labels (`np.ndarray` of shape `(num_utterances, num_classes)`): Soft labels as stored, float64.
        parts (`dict[int, np.ndarray]`): For each fold, from 1, the part of each utterance: `"train"`, `"validation"`
            or `"test"`.
        digest (`str`): SHA-256 of the files.
    """

    classes: tuple[str, ...]
    utterances: pd.DataFrame
    labels: np.ndarray
    parts: dict[int, np.ndarray]
    digest: str


def read_label_folder(folder: str | Path) -> LabelFolder:
    """
    Read the label files of a setting.

    Args:
        folder (`str` or `Path`): Such as `EMO-SUPERB-submission/data/CREMA-D/Primary`.

    Returns:
        [`LabelFolder`]: The rows are in the order of the first fold's file.

    Raises:
        FileNotFoundError: The folder or its files are missing; says where they are published.
        ValueError: A file lacks a column, repeats an utterance, has labels that are no distribution or a part that is
            unknown, or differs from another fold's in more than the parts.
    """
    source = Path(folder)
    files = {int(match["fold"]): path for path in source.glob("*.csv") if (match := _FILE.match(path.name))}
    if not files or not (source / _CONFIG_FILE).is_file():
        raise FileNotFoundError(
            f"{source} holds no label files: labels_consensus_<fold>.csv and {_CONFIG_FILE} are needed. They are in "
            "the folder `data` of github.com/EMOsuperb/EMO-SUPERB-submission (the podcasts' by Git LFS)."
        )
    classes = _classes(source / _CONFIG_FILE)
    tables = {fold: _read_table(path, classes) for fold, path in sorted(files.items())}
    first = tables[min(tables)]
    for fold, table in tables.items():
        if set(table.index) != set(first.index):
            raise ValueError(f"{files[fold]} and {files[min(tables)]} list different utterances.")
        tables[fold] = table = table.loc[first.index]
        if not np.array_equal(table[list(classes)], first[list(classes)]):
            raise ValueError(f"{files[fold]} and {files[min(tables)]} give different labels to the same utterances.")
    digest = hashlib.sha256(b"".join(files[fold].read_bytes() for fold in sorted(files)))
    speakers = first["SpkrID"].map(str).to_list() if "SpkrID" in first else [None] * len(first)
    genders = first["Gender"].map(_GENDERS).to_list() if "Gender" in first else [None] * len(first)
    rows = {"utterance_id": list(first.index), "speaker_id": speakers, "gender": genders}
    return LabelFolder(
        classes,
        pd.DataFrame(rows, dtype=object),
        first[list(classes)].to_numpy(dtype=np.float64),
        {fold: table["part"].to_numpy(dtype=object) for fold, table in tables.items()},
        digest.hexdigest(),
    )


def _classes(path: Path) -> tuple[str, ...]:
    try:
        classes = json.loads(path.read_text(encoding="utf-8"))["categorical"]["emo_type"]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} must state the classes under categorical, emo_type; it does not ({error})."
        ) from error
    return tuple(map(str, classes))


def _read_table(path: Path, classes: tuple[str, ...]) -> pd.DataFrame:
    # ids such as "01" are names, not numbers
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    # the first header cell of NNIME is empty
    table = table.rename(columns={table.columns[0]: "FileName"}).set_index("FileName")
    if missing := [name for name in (*classes, "Split_Set") if name not in table.columns]:
        raise ValueError(f"{path} lacks the columns {missing}; it has {list(table.columns)}.")
    if repeated := table.index[table.index.duplicated()].to_list():
        raise ValueError(f"{path} lists {len(repeated)} utterances more than once, first {repeated[0]!r}.")
    for name in classes:
        table[name] = pd.to_numeric(table[name], errors="coerce")
    labels = table[list(classes)].to_numpy(dtype=np.float64)
    bad = (
        ~np.isfinite(labels).all(axis=1) | (labels < 0).any(axis=1) | (np.abs(labels.sum(axis=1) - 1) > _SUM_TOLERANCE)
    )
    if bad.any():
        raise ValueError(
            f"{path}: the labels of {int(bad.sum())} utterances are no distribution, first {table.index[bad][0]!r}: "
            f"{labels[bad][0].tolist()}. They must be numbers from 0 that sum to 1."
        )
    table["part"] = table["Split_Set"].map(PARTS)
    if (unknown := table["part"].isna()).any():
        raise ValueError(
            f"{path}: Split_Set of {table.index[unknown][0]!r} is {table['Split_Set'][unknown].iloc[0]!r}; it must be "
            f"one of {', '.join(PARTS)}."
        )
    return table
