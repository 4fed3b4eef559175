"""What the metrics of this folder accept as input, and the errors for everything else."""

from __future__ import annotations

from collections.abc import Sequence

import datasets
import numpy as np


def label_features() -> list[datasets.Features]:
    """Feature options of a metric on class labels: strings, or integer class ids."""
    string = datasets.Value("string")
    # float64 although ids are integers: `evaluate` casts to an integer feature by truncation, which would turn
    # probabilities handed in by mistake into class 0 without a word. `check_labels` refuses them instead.
    number = datasets.Value("float64")
    return [
        datasets.Features({"predictions": string, "references": string}),
        datasets.Features({"predictions": number, "references": number}),
    ]


def score_features() -> datasets.Features:
    """Features of a metric on class scores: one row of scores and one class id per utterance."""
    return datasets.Features(
        {"predictions": datasets.List(datasets.Value("float64")), "references": datasets.Value("float64")}
    )


def check_labels(predictions: Sequence, references: Sequence) -> tuple[np.ndarray, np.ndarray]:
    """Turn labels into two arrays of strings or of integers.

    Args:
        predictions (`Sequence[str | float]`): Predicted label of each utterance.
        references (`Sequence[str | float]`): True label of each utterance.

    Returns:
        `tuple[np.ndarray, np.ndarray]`: Predictions and references, each of shape `(num_utterances,)`.

    Raises:
        ValueError: A missing label, or a number that is no class id.
    """
    return _label_array("predictions", predictions), _label_array("references", references)


def check_scores(predictions: Sequence, references: Sequence) -> tuple[np.ndarray, np.ndarray]:
    """Turn rows of class scores and class ids into arrays.

    Args:
        predictions (`Sequence[Sequence[float]]`): One score per class and utterance.
        references (`Sequence[float]`): True class id of each utterance.

    Returns:
        `tuple[np.ndarray, np.ndarray]`: Scores of shape `(num_utterances, num_classes)` and ids of shape
        `(num_utterances,)`.

    Raises:
        ValueError: No utterance, rows of different lengths, a score that is not finite, or an id without a column.
    """
    if len(references) == 0:
        raise ValueError("There is nothing to score: `predictions` and `references` are empty.")
    row_lengths = sorted({len(row) for row in predictions})
    if len(row_lengths) > 1:
        raise ValueError(
            f"Each row of `predictions` must hold one score per class, but row lengths are {row_lengths}."
        )
    if row_lengths[0] < 2:
        raise ValueError(f"`predictions` must hold scores of at least two classes, found {row_lengths[0]}.")
    scores = check_finite("predictions", predictions)
    ids = _label_array("references", references)
    outside = np.setdiff1d(ids, np.arange(scores.shape[1]))
    if outside.size:
        raise ValueError(
            f"`references` holds the class ids {outside.tolist()}, but `predictions` has {scores.shape[1]} columns, "
            f"that is the ids 0 to {scores.shape[1] - 1}. Score the utterances with the model's own label2id."
        )
    return scores, ids


def check_finite(name: str, values: Sequence) -> np.ndarray:
    """Turn numbers into a float64 array.

    Raises:
        ValueError: A value is missing, NaN or infinite.
    """
    array = np.asarray(values, dtype=np.float64)  # None becomes NaN
    bad = np.flatnonzero(~np.isfinite(array.reshape(len(array), -1)).all(axis=1))
    if bad.size:
        raise ValueError(
            f"`{name}` holds values that are missing, NaN or infinite for {bad.size} of {len(array)} utterances "
            f"(first at position {bad[0]}). Did the training diverge, or does the corpus lack this annotation?"
        )
    return array


def classes_to_average(references: np.ndarray, labels: Sequence | None) -> np.ndarray:
    """Classes that occur in the references, restricted to `labels` when given.

    Raises:
        ValueError: None of `labels` occurs in the references.
    """
    present = np.unique(references)
    if labels is None:
        return present
    chosen = [label for label in present.tolist() if label in set(labels)]
    if not chosen:
        raise ValueError(
            f"None of labels={list(labels)} occurs in `references`, which holds {present.tolist()}. "
            "Pass labels of the same kind (all names or all ids)."
        )
    return np.asarray(chosen)


def _label_array(name: str, values: Sequence) -> np.ndarray:
    missing = [position for position, value in enumerate(values) if value is None]
    if missing:
        raise ValueError(
            f"`{name}` lacks the label of {len(missing)} of {len(values)} utterances, first at position {missing[0]}. "
            "Drop unlabelled utterances before scoring."
        )
    array = np.asarray(values)
    if array.dtype.kind == "U":
        return array
    if not np.array_equal(array, np.floor(array)):  # NaN is unequal to itself
        odd = array[array != np.floor(array)][0]
        raise ValueError(
            f"`{name}` must hold class ids or class names, found {odd}. Take the argmax of logits or "
            "probabilities first."
        )
    return array.astype(np.int64)
