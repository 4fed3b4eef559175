"""From predictions of segments to predictions of the files that they were cut from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from .predictions import (
    METADATA_COLUMNS,
    PREDICTED_PREFIX,
    PROBABILITY_PREFIX,
    predicted_classes,
    predicted_dimensions,
    predictions_table,
    with_metadata,
)


def aggregate_segments(table: pd.DataFrame, file_ids: Sequence[str]) -> pd.DataFrame:
    """
    Average the class probabilities, and ratings where there are any, over the segments of each file.

    Args:
        table (`pd.DataFrame`): Predictions table of segments, see
            [`~hf_emotion.evaluation.predictions.predictions_table`].
        file_ids (`Sequence[str]`): File of each row: the column `file_id` of
            [`~hf_emotion.data.segmentation.segment_dataset`]. Equal ids of different corpora are different files.

    Returns:
        `pd.DataFrame`: Predictions table with one row for each file, in order of first occurrence. Its `utterance_id`
        is the file id, `prediction` the class with the highest mean; a true rating is the mean of those known.

    Raises:
        ValueError: There is not one id for each row, or segments of a file have different labels.

    Example:

    ```python
    >>> from hf_emotion.evaluation.file_predictions import aggregate_segments
    >>> from hf_emotion.evaluation.predictions import predictions_table
    >>> rows = [{"utterance_id": f"call#000{number}", "corpus": "toy"} for number in range(2)]
    >>> scores = [[0.4, 0.6], [0.9, 0.1]]
    >>> table = predictions_table(rows, labels=[0, 0], classes=["sad", "joy"], probabilities=scores)
    >>> aggregate_segments(table, ["call", "call"])[["utterance_id", "prediction", "probability_sad"]].values.tolist()
    [['call', 'sad', 0.65]]

    ```
    """
    if len(file_ids) != len(table):
        raise ValueError(f"{len(table)} rows of segments need as many file ids, found {len(file_ids)}.")
    classes, dimensions = predicted_classes(table), predicted_dimensions(table)
    grouped = with_metadata(table).assign(utterance_id=list(file_ids)).groupby(["corpus", "utterance_id"], sort=False)
    num_labels = grouped["label"].nunique()
    if (num_labels > 1).any():
        corpus, file_id = num_labels.index[int((num_labels > 1).argmax())]
        raise ValueError(
            f"The segments of {file_id!r} of {corpus} have {num_labels.max()} different labels: they cannot be one "
            "prediction. Score the segments themselves, or give the file one label."
        )
    # `head` instead of `first`, which would skip missing speakers
    first = grouped.head(1).reset_index(drop=True)
    scores = [PROBABILITY_PREFIX + name for name in classes]
    means = grouped[[*scores, *dimensions, *(PREDICTED_PREFIX + name for name in dimensions)]].mean()
    return predictions_table(
        first[list(METADATA_COLUMNS)],
        labels=first["label"].tolist(),
        classes=classes,
        probabilities=means[scores].to_numpy(dtype=np.float64),
        ratings={name: means[name].to_numpy() for name in dimensions},
        predicted_ratings={name: means[PREDICTED_PREFIX + name].to_numpy() for name in dimensions},
    )
