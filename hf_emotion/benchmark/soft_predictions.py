"""The soft predictions table: one row per utterance, how annotators voted and what a model made of it.

Columns `utterance_id, speaker_id, gender`, then `label_<class>` (soft label) for each class, then
`probability_<class>`. A class counts as present, and as predicted, above chance: 1/C for C classes.

Where nothing but the decisions of a system is known, `decision_<class>` (bool) take the place of the probabilities.
Such a table can be scored by all that looks at decisions, which is everything but calibration.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..data.soft_labels import threshold_labels
from ..evaluation.predictions import PROBABILITY_PREFIX


METADATA_COLUMNS = ("utterance_id", "speaker_id", "gender")
LABEL_PREFIX = "label_"
DECISION_PREFIX = "decision_"
_SUM_TOLERANCE = 1e-3


def soft_predictions_table(
    utterances: pd.DataFrame, labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]
) -> pd.DataFrame:
    """
    Put labels and probabilities beside the utterances they belong to.

    Args:
        utterances (`pd.DataFrame`): Rows with `utterance_id`, `speaker_id` and `gender`.
        labels (`np.ndarray` of shape `(num_utterances, num_classes)`): Soft labels.
        probabilities (`np.ndarray` of shape `(num_utterances, num_classes)`): Of the model.
        classes (`Sequence[str]`): Class names in the order of the columns.

    Raises:
        ValueError: What [`check_soft_predictions`] finds.

    Example:

    ```python
    >>> rows = pd.DataFrame({"utterance_id": ["a", "b"], "speaker_id": ["1", "2"], "gender": [None, "female"]})
    >>> table = soft_predictions_table(rows, [[0.95, 0.05]] * 2, [[0.4, 0.6], [0.7, 0.3]], ["angry", "sad"])
    >>> decisions_of(table).tolist()
    [[False, True], [True, False]]

    ```
    """
    frame = utterances[list(METADATA_COLUMNS)].reset_index(drop=True)
    parts = [
        pd.DataFrame(np.asarray(values, dtype=np.float64), columns=[prefix + name for name in classes])
        for prefix, values in ((LABEL_PREFIX, labels), (PROBABILITY_PREFIX, probabilities))
    ]
    return check_soft_predictions(pd.concat([frame, *parts], axis=1))


def decisions_table(
    utterances: pd.DataFrame, labels: np.ndarray, decisions: np.ndarray, classes: Sequence[str]
) -> pd.DataFrame:
    """
    As [`soft_predictions_table`], of a system of which only the decisions are known.

    Args:
        decisions (`np.ndarray` of shape `(num_utterances, num_classes)`): Which classes are predicted, bool.

    Example:

    ```python
    >>> rows = pd.DataFrame({"utterance_id": ["a", "b"], "speaker_id": ["1", "2"], "gender": [None, "female"]})
    >>> table = decisions_table(rows, [[0.95, 0.05]] * 2, [[True, True], [False, False]], ["angry", "sad"])
    >>> has_probabilities(table), decisions_of(table).tolist()
    (False, [[True, True], [False, False]])

    ```
    """
    frame = utterances[list(METADATA_COLUMNS)].reset_index(drop=True)
    soft = pd.DataFrame(np.asarray(labels, dtype=np.float64), columns=[LABEL_PREFIX + name for name in classes])
    made = pd.DataFrame(np.asarray(decisions, dtype=bool), columns=[DECISION_PREFIX + name for name in classes])
    return check_soft_predictions(pd.concat([frame, soft, made], axis=1))


def check_soft_predictions(frame: pd.DataFrame) -> pd.DataFrame:
    """
    Refuse a table that cannot be scored.

    Returns:
        `pd.DataFrame`: The same table.

    Raises:
        ValueError: No rows, a missing column, an utterance listed twice, or labels or probabilities that are no
            distribution.
    """
    classes = classes_of(frame)
    is_soft = has_probabilities(frame)
    columns = [*METADATA_COLUMNS, *((PROBABILITY_PREFIX if is_soft else DECISION_PREFIX) + name for name in classes)]
    if absent := [column for column in columns if column not in frame.columns]:
        raise ValueError(f"The table lacks the columns {absent}; it has {list(frame.columns)}.")
    if frame.empty or len(classes) < 2:
        raise ValueError(f"A table of {len(frame)} utterances and {len(classes)} classes has nothing to score.")
    if repeated := frame["utterance_id"][frame["utterance_id"].duplicated()].to_list():
        raise ValueError(f"{len(repeated)} utterances are listed more than once, first {repeated[0]!r}.")
    for prefix in (LABEL_PREFIX, PROBABILITY_PREFIX) if is_soft else (LABEL_PREFIX,):
        values = _values(frame, prefix)
        bad = ~np.isfinite(values).all(axis=1) | (values < 0).any(axis=1)
        bad |= np.abs(values.sum(axis=1) - 1) > _SUM_TOLERANCE
        if bad.any():
            raise ValueError(
                f"The columns {prefix}<class> of {int(bad.sum())} utterances are no distribution, first "
                f"{frame['utterance_id'][bad].iloc[0]!r}: {values[bad][0].tolist()}. They must sum to 1."
            )
    return frame


def classes_of(frame: pd.DataFrame) -> list[str]:
    """Class names of a table, in the order of its columns."""
    return [column.removeprefix(LABEL_PREFIX) for column in frame.columns if column.startswith(LABEL_PREFIX)]


def has_probabilities(frame: pd.DataFrame) -> bool:
    """Whether a table holds probabilities, and not decisions only."""
    return not any(column.startswith(DECISION_PREFIX) for column in frame.columns)


def labels_of(frame: pd.DataFrame) -> np.ndarray:
    """Soft labels, shape `(num_utterances, num_classes)`, float64."""
    return _values(frame, LABEL_PREFIX)


def probabilities_of(frame: pd.DataFrame) -> np.ndarray:
    """
    Probabilities, shape `(num_utterances, num_classes)`, float64.

    Raises:
        ValueError: The table holds decisions only.
    """
    if not has_probabilities(frame):
        raise ValueError("Only the decisions of this system are known, not its probabilities.")
    return _values(frame, PROBABILITY_PREFIX)


def truth_of(frame: pd.DataFrame) -> np.ndarray:
    """Which classes are present, `label > 1/C`; shape `(num_utterances, num_classes)`, bool."""
    return threshold_labels(labels_of(frame))


def decisions_of(frame: pd.DataFrame) -> np.ndarray:
    """Which classes are predicted, `probability > 1/C`; shape `(num_utterances, num_classes)`, bool."""
    if not has_probabilities(frame):
        return frame[[DECISION_PREFIX + name for name in classes_of(frame)]].to_numpy(dtype=bool)
    return threshold_labels(probabilities_of(frame))


def _values(frame: pd.DataFrame, prefix: str) -> np.ndarray:
    columns = [prefix + name for name in classes_of(frame)]
    return frame[columns].to_numpy(dtype=np.float64)
