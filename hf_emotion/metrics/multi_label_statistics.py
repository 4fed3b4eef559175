"""Macro-F1 where several classes may be present at once, read off counts, for one test set or a stack of resamples.

Counts have the shape `(..., num_classes, 3)`: true positives, predicted positives and actual positives of each class.
They add up over utterances, so those of resampled speakers are one matrix product.
"""

from __future__ import annotations

import numpy as np


TRUE_POSITIVES, PREDICTED, ACTUAL = range(3)


def multi_label_counts(references: np.ndarray, predictions: np.ndarray, units: np.ndarray | None = None) -> np.ndarray:
    """Count true, predicted and actual positives of each class.

    Args:
        references (`np.ndarray` of shape `(num_utterances, num_classes)`): Which classes are present, bool.
        predictions (`np.ndarray` of shape `(num_utterances, num_classes)`): Which are said to be, bool.
        units (`np.ndarray` of shape `(num_utterances,)`, *optional*): Speaker of each utterance, numbered from 0.

    Returns:
        `np.ndarray` of shape `(num_classes, 3)`, or `(num_units, num_classes, 3)` with `units`; int64.

    Example:

    ```python
    >>> truth, guess = np.array([[1, 0], [1, 1]], dtype=bool), np.array([[1, 0], [0, 1]], dtype=bool)
    >>> multi_label_counts(truth, guess).tolist()
    [[1, 1, 2], [1, 1, 1]]

    ```
    """
    truth, guess = np.asarray(references, dtype=bool), np.asarray(predictions, dtype=bool)
    cells = np.stack([truth & guess, guess, truth], axis=-1).astype(np.int64)
    if units is None:
        return cells.sum(axis=0)
    counts = np.zeros((int(units.max()) + 1, *cells.shape[1:]), dtype=np.int64)
    np.add.at(counts, units, cells)
    return counts


def class_f1(counts: np.ndarray) -> np.ndarray:
    """F1 of each class, shape `(..., num_classes)`; 0 for a class that is neither present nor predicted."""
    return _ratio(2 * counts[..., TRUE_POSITIVES], counts[..., PREDICTED] + counts[..., ACTUAL])


def class_precision(counts: np.ndarray) -> np.ndarray:
    """Precision of each class, shape `(..., num_classes)`; 0 for a class that is never predicted."""
    return _ratio(counts[..., TRUE_POSITIVES], counts[..., PREDICTED])


def class_recall(counts: np.ndarray) -> np.ndarray:
    """Recall of each class, shape `(..., num_classes)`; 0 for a class that is never present."""
    return _ratio(counts[..., TRUE_POSITIVES], counts[..., ACTUAL])


def multi_label_macro_f1(counts: np.ndarray) -> np.ndarray:
    """Mean F1 of all classes, absent ones included: the "macro avg" of scikit-learn's `classification_report` with
    `zero_division=0`, which EMO-SUPERB reports.

    Args:
        counts (`np.ndarray` of shape `(..., num_classes, 3)`): Those of [`multi_label_counts`].

    Returns:
        `np.ndarray` of shape `(...)`.

    Example:

    ```python
    >>> float(multi_label_macro_f1(np.array([[1, 1, 1], [0, 0, 4]])))
    0.5

    ```
    """
    return class_f1(counts).mean(axis=-1)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    zeros = np.zeros(np.shape(denominator))
    return np.divide(numerator, denominator, out=zeros, where=np.asarray(denominator) > 0)
