"""The predictions table: one row per utterance, what was said to be felt and what the model made of it.

Columns `utterance_id, corpus, speaker_id, gender, language, label, prediction` and `probability_<class>` for each
class, in class order; of models that regress emotion dimensions also `arousal` (true, NaN where unknown) and
`predicted_arousal`, and so on. It is the hand-over from a model to everything that scores it, and every reported
number can be recomputed from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import softmax


# In the folder of a run: the test parts, and the validation parts where something was fitted on them.
PREDICTIONS_FILE = "predictions.parquet"
VALIDATION_PREDICTIONS_FILE = "validation_predictions.parquet"
METADATA_COLUMNS = ("utterance_id", "corpus", "speaker_id", "gender", "language")
PROBABILITY_PREFIX = "probability_"
DIMENSIONS = ("arousal", "valence", "dominance")
PREDICTED_PREFIX = "predicted_"

_ADDED_LATER = ("language",)  # older tables lack it


def predictions_table(
    metadata: pd.DataFrame | Sequence[Mapping[str, Any]],
    *,
    labels: Sequence[int] | Sequence[str],
    classes: Sequence[str],
    logits: np.ndarray | None = None,
    probabilities: np.ndarray | None = None,
    ratings: Mapping[str, Sequence[float] | np.ndarray] | None = None,
    predicted_ratings: Mapping[str, Sequence[float] | np.ndarray] | None = None,
) -> pd.DataFrame:
    """Put model output beside the utterances it belongs to.

    Args:
        metadata (`pd.DataFrame` or `Sequence[Mapping]`): Rows with `utterance_id` and `corpus`, and where known
            `speaker_id`, `gender` and `language` (BCP 47 tag). From a `datasets.Dataset` take
            `dataset.select_columns(list(METADATA_COLUMNS)).to_pandas()`.
        labels (`Sequence`): True class of each utterance, as a name or as an index into `classes`.
        classes (`Sequence[str]`): Class names in the order of the model's outputs.
        logits (`np.ndarray` of shape `(num_utterances, num_classes)`, *optional*): Raw outputs; a softmax is applied.
        probabilities (`np.ndarray` of shape `(num_utterances, num_classes)`, *optional*): Instead of `logits`.
        ratings (`Mapping[str, Sequence[float]]`, *optional*): True value of each utterance by dimension, out of
            `"arousal"`, `"valence"` and `"dominance"`, on the scale of its corpus; NaN or None where unknown.
        predicted_ratings (`Mapping[str, Sequence[float]]`, *optional*): Predicted values of the same dimensions.

    Returns:
        `pd.DataFrame`: The predictions table, checked by [`check_predictions`].

    Raises:
        ValueError: Both or neither of `logits` and `probabilities`, sizes or dimensions that differ, or what
            [`check_predictions`] finds.

    Example:

    ```python
    >>> rows = [{"utterance_id": "u1", "corpus": "toy"}, {"utterance_id": "u2", "corpus": "toy"}]
    >>> table = predictions_table(rows, labels=[0, 1], classes=["sad", "joy"], probabilities=[[0.9, 0.1], [0.6, 0.4]])
    >>> table[["label", "prediction", "probability_joy"]].values.tolist()
    [['sad', 'sad', 0.1], ['joy', 'sad', 0.4]]

    ```
    """
    if (logits is None) == (probabilities is None):
        raise ValueError("Pass either `logits` or `probabilities`, not both and not neither.")
    if probabilities is None:
        probabilities = softmax(np.asarray(logits, dtype=np.float64), axis=-1)
    scores = np.asarray(probabilities)
    frame = pd.DataFrame(metadata).reindex(columns=list(METADATA_COLUMNS)).reset_index(drop=True)
    if scores.shape != (len(frame), len(classes)) or len(labels) != len(frame):
        raise ValueError(
            f"{len(frame)} utterances and {len(classes)} classes need {len(frame)} labels and scores of shape "
            f"({len(frame)}, {len(classes)}), found {len(labels)} labels and scores of shape {scores.shape}."
        )
    frame["label"] = _class_names(labels, classes)
    frame["prediction"] = [classes[index] for index in scores.argmax(axis=1)]
    for index, name in enumerate(classes):
        frame[PROBABILITY_PREFIX + name] = scores[:, index].astype(np.float64)
    _add_ratings(frame, ratings or {}, predicted_ratings or {})
    return check_predictions(frame, classes)


def predicted_classes(frame: pd.DataFrame) -> list[str]:
    """Class names of a predictions table, in the order of its probability columns."""
    return [column[len(PROBABILITY_PREFIX) :] for column in frame.columns if column.startswith(PROBABILITY_PREFIX)]


def predicted_dimensions(frame: pd.DataFrame) -> list[str]:
    """Emotion dimensions of a predictions table, in the order arousal, valence, dominance; empty for most."""
    return [name for name in DIMENSIONS if PREDICTED_PREFIX + name in frame.columns]


def check_predictions(frame: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Refuse a predictions table that cannot be scored.

    Args:
        frame (`pd.DataFrame`): A predictions table.
        classes (`Sequence[str]`): Class names in the order of the model's outputs.

    Returns:
        `pd.DataFrame`: The same table.

    Raises:
        ValueError: No rows, a missing column, an utterance listed twice, a label outside `classes`, probabilities
            that are not finite or do not sum to one, a dimension without predictions or without true ratings, or
            ratings that are not finite.
    """
    metadata = [column for column in METADATA_COLUMNS if column not in _ADDED_LATER]
    columns = [*metadata, "label", "prediction", *(PROBABILITY_PREFIX + name for name in classes)]
    absent = [column for column in columns if column not in frame.columns]
    if absent:
        raise ValueError(f"The predictions table lacks the columns {absent}; it has {list(frame.columns)}.")
    if frame.empty:
        raise ValueError("The predictions table is empty: there is nothing to evaluate. Is the test split empty?")
    if frame["corpus"].isna().any() or frame["utterance_id"].isna().any():
        raise ValueError(
            "Every row of the predictions table needs a `corpus` and an `utterance_id`; some are missing."
        )
    repeated = frame[frame.duplicated(["corpus", "utterance_id"])]
    if len(repeated):
        raise ValueError(
            f"{len(repeated)} utterances are listed more than once, first {repeated['utterance_id'].iloc[0]!r} of "
            f"{repeated['corpus'].iloc[0]}. Were the padded last batches of several processes not cut off?"
        )
    for column in ("label", "prediction"):
        unknown = sorted(set(frame[column].map(str)) - set(classes))
        if unknown:
            raise ValueError(f"Column `{column}` holds {unknown}, which are not among the classes {list(classes)}.")
    _check_probabilities(frame, classes)
    for name in DIMENSIONS:
        _check_ratings(frame, name)
    return frame


def save_predictions(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a predictions table as Parquet, after checking it.

    Raises:
        ValueError: See [`check_predictions`].
    """
    check_predictions(frame, predicted_classes(frame))
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(path, index=False)


def load_predictions(path: str | Path) -> pd.DataFrame:
    """Read a predictions table from Parquet, and check it. Older tables get the columns added since, empty.

    Raises:
        ValueError: The file holds no predictions table; see [`check_predictions`].
    """
    frame = pd.read_parquet(path)
    check_predictions(frame, predicted_classes(frame))
    return with_metadata(frame)


def num_speakers(frame: pd.DataFrame) -> int | None:
    """Number of speakers, None if a speaker is unknown; the same id in two corpora is two people."""
    if frame["speaker_id"].isna().any():
        return None
    return len(frame[["corpus", "speaker_id"]].drop_duplicates())


def with_metadata(frame: pd.DataFrame) -> pd.DataFrame:
    """A predictions table with all metadata columns, those that it lacks being empty."""
    if set(METADATA_COLUMNS) <= set(frame.columns):
        return frame
    others = [column for column in frame.columns if column not in METADATA_COLUMNS]
    return frame.reindex(columns=[*METADATA_COLUMNS, *others])


def _class_names(labels, classes):
    names = []
    for position, label in enumerate(labels):
        if isinstance(label, str):
            names.append(label)
        elif label is not None and label in range(len(classes)):
            names.append(classes[int(label)])
        else:
            raise ValueError(
                f"Label {label} of utterance {position} is neither a class name nor an index 0 to "
                f"{len(classes) - 1}; drop unlabelled utterances before evaluating."
            )
    return names


def _check_probabilities(frame, classes):
    scores = frame[[PROBABILITY_PREFIX + name for name in classes]].to_numpy(dtype=np.float64)
    bad = ~np.isfinite(scores).all(axis=1)
    if bad.any():
        raise ValueError(
            f"The model's output for {int(bad.sum())} of {len(frame)} utterances is not finite, first "
            f"{frame['utterance_id'].iloc[int(bad.argmax())]!r}. Did the training diverge?"
        )
    sums = scores.sum(axis=1)
    # Softmax in half precision leaves row sums off by about 1e-3.
    if scores.min() < 0 or np.abs(sums - 1).max() > 5e-3:
        row = int(np.abs(sums - 1).argmax())
        raise ValueError(
            f"The probabilities of {frame['utterance_id'].iloc[row]!r} sum to {sums[row]:.4g} and the smallest of all "
            f"is {scores.min():.4g}. Pass `logits=` if these are raw outputs."
        )


def _add_ratings(frame, ratings, predicted_ratings):
    unknown = sorted({*ratings, *predicted_ratings} - set(DIMENSIONS))
    if unknown or set(ratings) != set(predicted_ratings):
        raise ValueError(
            f"`ratings` hold the dimensions {sorted(ratings)}, `predicted_ratings` {sorted(predicted_ratings)}; pass "
            f"both for the same ones out of {', '.join(DIMENSIONS)}."
        )
    for name in DIMENSIONS:
        if name not in ratings:
            continue
        for column, given in ((name, ratings[name]), (PREDICTED_PREFIX + name, predicted_ratings[name])):
            values = np.asarray(given, dtype=np.float64)
            if values.shape != (len(frame),):
                raise ValueError(
                    f"{len(frame)} utterances need as many values in `{column}`, found the shape {values.shape}."
                )
            frame[column] = values


def _check_ratings(frame, name):
    columns = [name, PREDICTED_PREFIX + name]
    absent = [column for column in columns if column not in frame.columns]
    if len(absent) == 1:
        raise ValueError(f"The predictions table lacks the column `{absent[0]}`: a dimension needs {columns}.")
    if absent:
        return
    rated, predicted = (frame[column].to_numpy(dtype=np.float64) for column in columns)
    for column, bad in ((columns[0], np.isinf(rated)), (columns[1], ~np.isfinite(predicted))):
        if bad.any():
            raise ValueError(
                f"`{column}` of {int(bad.sum())} of {len(frame)} utterances is not finite, first "
                f"{frame['utterance_id'].iloc[int(bad.argmax())]!r}. A model predicts every utterance, and unknown "
                "ratings are NaN."
            )
