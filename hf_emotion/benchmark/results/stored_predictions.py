"""Predictions as a results store keeps them: one Parquet file per entry and setting, all with the same columns.

`entry, utterance_id, speaker_id, gender, fold, seed` (seeds are numbered from 0), then `label_<class>`,
`probability_<class>` (null where only decisions are known) and `decision_<class>`. So `datasets.load_dataset` can put
the files of all entries together.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ...evaluation.predictions import PROBABILITY_PREFIX
from ..scores import macro_f1_of
from ..soft_predictions import (
    DECISION_PREFIX,
    LABEL_PREFIX,
    METADATA_COLUMNS,
    check_soft_predictions,
    classes_of,
    decisions_of,
    has_probabilities,
)


_SCORE_TOLERANCE = 1e-9


def predictions_to_parquet(entry_id: str, folds: Mapping[int, Sequence[pd.DataFrame]]) -> bytes:
    """
    Predictions of a setting as the content of a Parquet file.

    Args:
        entry_id (`str`): Id of the entry that they belong to.
        folds (`Mapping[int, Sequence[pd.DataFrame]]`): Soft predictions tables by fold, one for each seed.
    """
    classes = classes_of(next(iter(folds.values()))[0])
    tables = []
    for fold, frames in sorted(folds.items()):
        for seed, frame in enumerate(frames):
            stored = frame[[*METADATA_COLUMNS, *(LABEL_PREFIX + name for name in classes)]].copy()
            decisions = decisions_of(frame)
            for column, name in enumerate(classes):
                soft = PROBABILITY_PREFIX + name
                stored[soft] = frame[soft] if has_probabilities(frame) else np.nan
                stored[DECISION_PREFIX + name] = decisions[:, column]
            stored["entry"], stored["fold"], stored["seed"] = entry_id, fold, seed
            tables.append(pa.Table.from_pandas(stored, _schema(classes), preserve_index=False))
    content = io.BytesIO()
    pq.write_table(pa.concat_tables(tables), content, write_page_checksum=True)
    return content.getvalue()


def read_stored_predictions(path: Path, entry_id: str) -> dict[int, list[pd.DataFrame]]:
    """
    What [`predictions_to_parquet`] has written: tables by fold, one for each seed.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged, or belongs to another entry.
    """
    if not path.is_file():
        raise FileNotFoundError(f"The results store lacks {path}. Add the entry {entry_id} again.")
    try:
        table = pq.ParquetFile(path, page_checksum_verification=True).read()
        frame = table.to_pandas()
        if set(frame["entry"]) != {entry_id}:
            raise ValueError(f"it belongs to {sorted(set(frame['entry']))}")
        folds: dict[int, list[pd.DataFrame]] = {}
        for (fold, _seed), part in frame.groupby(["fold", "seed"]):  # sorted
            folds.setdefault(int(fold), []).append(_without_absent_columns(part))
    except (pa.ArrowException, KeyError, OSError, ValueError) as error:
        raise ValueError(
            f"{path} in the results store is damaged ({error}). Add the entry {entry_id} again."
        ) from error
    return folds


def check_score(folds: Mapping[int, Sequence[pd.DataFrame]], macro_f1: float, where: str) -> None:
    """
    Refuse a score that is not that of the predictions.

    Raises:
        ValueError: It is not; `where` says what the score is of.
    """
    found = float(np.mean([[macro_f1_of(frame) for frame in frames] for frames in folds.values()]))
    if abs(found - macro_f1) > _SCORE_TOLERANCE:
        raise ValueError(
            f"{where}: macro-F1 is {macro_f1:.6f}, but its predictions give {found:.6f}. Score those that you add."
        )


def _schema(classes: Sequence[str]) -> pa.Schema:
    fields = [(name, pa.string()) for name in ("entry", *METADATA_COLUMNS)]
    fields += [(name, pa.int64()) for name in ("fold", "seed")]
    fields += [(LABEL_PREFIX + name, pa.float64()) for name in classes]
    fields += [(PROBABILITY_PREFIX + name, pa.float64()) for name in classes]
    fields += [(DECISION_PREFIX + name, pa.bool_()) for name in classes]
    return pa.schema(fields)


def _without_absent_columns(part: pd.DataFrame) -> pd.DataFrame:
    """The table as it was before it was stored: with probabilities or decisions, not both."""
    classes = classes_of(part)
    soft = [PROBABILITY_PREFIX + name for name in classes]
    decided = [DECISION_PREFIX + name for name in classes]
    kept = decided if part[soft].isna().all(axis=None) else soft
    frame = part[[*METADATA_COLUMNS, *(LABEL_PREFIX + name for name in classes), *kept]].reset_index(drop=True)
    frame[list(METADATA_COLUMNS)] = frame[list(METADATA_COLUMNS)].astype(object).where(frame.notna(), None)
    return check_soft_predictions(frame)
