"""The predictions table of an experiment's model on rows of its corpora."""

from collections.abc import Sequence
from typing import Any

import datasets
import numpy as np
import pandas as pd

from ..evaluation.file_predictions import aggregate_segments
from ..evaluation.predictions import METADATA_COLUMNS, predictions_table


def predict_rows(
    trainer: Any, rows: datasets.Dataset, classes: Sequence[str], labels: Sequence[str] | None = None
) -> pd.DataFrame:
    """
    Predict rows, as whole files where they are segments.

    Args:
        trainer ([`EmotionTrainer`]): holds the model and the collator.
        rows (`datasets.Dataset`): the rows.
        classes (`Sequence[str]`): class names in the order of the outputs.
        labels (`Sequence[str]`, *optional*): true class of each row; by default what the collator says.

    Returns:
        `pd.DataFrame`: a predictions table, see [`~hf_emotion.evaluation.predictions.predictions_table`].
    """
    output = trainer.predict(rows)
    predictions, names = output.predictions, getattr(trainer.model.config, "dimension_names", None) or ()
    logits, *others = predictions if isinstance(predictions, tuple) else (predictions,)
    ratings = {name: np.asarray(rows[name][:], dtype=np.float64) for name in names}
    table = predictions_table(
        rows.select_columns(list(METADATA_COLUMNS)).to_pandas(),
        labels=_class_ids(np.asarray(output.label_ids)) if labels is None else labels,
        classes=classes,
        logits=np.asarray(logits),
        ratings=ratings,
        predicted_ratings=dict(zip(names, np.asarray(others[0]).T, strict=True)) if names else {},
    )
    return aggregate_segments(table, rows["file_id"][:]) if "file_id" in rows.column_names else table


def _class_ids(labels: np.ndarray) -> list[int]:
    """Class ids, or of shares of votes the class with the largest."""
    return (labels.argmax(-1) if labels.ndim > 1 else labels).tolist()
