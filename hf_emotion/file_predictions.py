"""From predictions of segments to predictions of the files that they were cut from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from .predictions import METADATA_COLUMNS, PROBABILITY_PREFIX, predicted_classes, predictions_table


def aggregate_segments(table: pd.DataFrame, file_ids: Sequence[str]) -> pd.DataFrame:
    """
    Average the class probabilities over the segments of each file.

    Args:
        table (`pd.DataFrame`): Predictions table of segments, see [`~hf_emotion.predictions.predictions_table`].
        file_ids (`Sequence[str]`): File of each row: the column `file_id` of
            [`~hf_emotion.data.segmentation.segment_dataset`]. Equal ids of different corpora are different files.

    Returns:
        `pd.DataFrame`: Predictions table with one row for each file, in order of first occurrence. Its `utterance_id`
        is the file id, `prediction` the class with the highest mean.

    Raises:
        ValueError: There is not one id for each row, or segments of a file have different labels.

    Example:

    ```python
    >>> from hf_emotion.file_predictions import aggregate_segments
    >>> from hf_emotion.predictions import predictions_table
    >>> rows = [{"utterance_id": f"call#000{number}", "corpus": "toy"} for number in range(2)]
    >>> scores = [[0.4, 0.6], [0.9, 0.1]]
    >>> table = predictions_table(rows, labels=[0, 0], classes=["sad", "joy"], probabilities=scores)
    >>> aggregate_segments(table, ["call", "call"])[["utterance_id", "prediction", "probability_sad"]].values.tolist()
    [['call', 'sad', 0.65]]

    ```
    """
    if len(file_ids) != len(table):
        raise ValueError(f"{len(table)} rows of segments need as many file ids, found {len(file_ids)}.")
    classes = predicted_classes(table)
    grouped = table.assign(utterance_id=list(file_ids)).groupby(["corpus", "utterance_id"], sort=False)
    num_labels = grouped["label"].nunique()
    if (num_labels > 1).any():
        corpus, file_id = num_labels.index[int((num_labels > 1).argmax())]
        raise ValueError(
            f"The segments of {file_id!r} of {corpus} have {num_labels.max()} different labels: they cannot be one "
            "prediction. Score the segments themselves, or give the file one label."
        )
    # `head` instead of `first`, which would skip missing speakers
    first = grouped.head(1).reset_index(drop=True)
    means = grouped[[PROBABILITY_PREFIX + name for name in classes]].mean()
    return predictions_table(
        first[list(METADATA_COLUMNS)],
        labels=first["label"].tolist(),
        classes=classes,
        probabilities=means.to_numpy(dtype=np.float64),
    )
