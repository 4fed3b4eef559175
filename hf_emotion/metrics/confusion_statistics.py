"""Scores read off confusion matrices, for one matrix or a whole stack of them at once.

Rows are true classes. All functions take counts of shape `(..., num_classes, num_classes)` and return shape `(...)`;
NaN where a matrix is empty. They equal the metrics of the same name and let a bootstrap score all its
replicates in one call.
"""

from __future__ import annotations

import numpy as np


def confusion_counts(references: np.ndarray, predictions: np.ndarray, num_classes: int) -> np.ndarray:
    """Count utterances by true and predicted class id.

    Args:
        references (`np.ndarray` of shape `(num_utterances,)`): True class ids.
        predictions (`np.ndarray` of shape `(num_utterances,)`): Predicted class ids.
        num_classes (`int`): Number of classes.

    Returns:
        `np.ndarray` of shape `(num_classes, num_classes)`: Counts, true classes in rows.

    Example:

    ```python
    >>> confusion_counts(np.array([0, 0, 1]), np.array([0, 1, 1]), num_classes=2).tolist()
    [[1, 1], [0, 1]]

    ```
    """
    cells = np.bincount(np.asarray(references) * num_classes + np.asarray(predictions), minlength=num_classes**2)
    return cells.reshape(num_classes, num_classes)


def recalls(confusions: np.ndarray) -> np.ndarray:
    """Recall of each class, shape `(..., num_classes)`; NaN for a class without references."""
    return _ratio(_diagonal(confusions), confusions.sum(axis=-1))


def unweighted_average_recall(confusions: np.ndarray) -> np.ndarray:
    """Mean recall of the classes that have references.

    Example:

    ```python
    >>> float(unweighted_average_recall(np.array([[3, 1, 0], [1, 1, 0], [0, 0, 0]])))
    0.625

    ```
    """
    return _mean_over_present(recalls(confusions), confusions)


def macro_f1(confusions: np.ndarray) -> np.ndarray:
    """Mean F1 of the classes that have references."""
    return _mean_over_present(_class_f1(confusions), confusions)


def weighted_f1(confusions: np.ndarray) -> np.ndarray:
    """Mean F1 weighted by the number of references."""
    support = confusions.sum(axis=-1)
    return _ratio((np.nan_to_num(_class_f1(confusions)) * support).sum(axis=-1), support.sum(axis=-1))


def accuracy(confusions: np.ndarray) -> np.ndarray:
    """Share of utterances on the diagonal; equal to micro-F1."""
    return _ratio(_diagonal(confusions).sum(axis=-1), confusions.sum(axis=(-2, -1)))


def _class_f1(confusions):
    return _ratio(2 * _diagonal(confusions), confusions.sum(axis=-1) + confusions.sum(axis=-2))


def _mean_over_present(scores, confusions):
    is_present = confusions.sum(axis=-1) > 0
    return _ratio(np.where(is_present, scores, 0.0).sum(axis=-1), is_present.sum(axis=-1))


def _diagonal(confusions):
    return np.diagonal(confusions, axis1=-2, axis2=-1)


def _ratio(numerator, denominator):
    undefined = np.full(np.shape(denominator), np.nan)
    return np.divide(numerator, denominator, out=undefined, where=np.asarray(denominator) > 0)
