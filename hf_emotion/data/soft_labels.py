"""Soft labels out of annotators' votes, their binary truth and class weights, as EMO-SUPERB defines them.

Source of all formulas: Wu, Chou et al., "Open-Emotion: A Reproducible EMO-SUPERB for Speech Emotion Recognition
Systems", IEEE SLT 2024, and its released code and label files. Where they differ, this is what the code does.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


# Number of decimals of the soft labels in EMO-SUPERB's files.
PUBLISHED_DECIMALS = 6


def vote_distribution(votes: Sequence[Sequence[Mapping[str, Any]] | None], classes: Sequence[str]) -> np.ndarray:
    """
    Share of the votes that each class has got: `p_j = votes_j / sum_k votes_k`.

    The sum runs over the classes: votes for anything else ("other") do not count. So the shares of an utterance sum to
    1, as those behind the label files of EMO-SUPERB do.

    Args:
        votes (`Sequence[list[dict]]`):
            The column `votes`: per utterance a list of `{"label", "count"}`.
        classes (`Sequence[str]`):
            Class names, as they are in the column: canonical emotions. Their order is that of the columns.

    Returns:
        `np.ndarray` of shape (num_utterances, num_classes), float64.

    Raises:
        `ValueError`: If an utterance has no vote for any of the classes. EMO-SUPERB leaves such utterances out.

    Example:

    ```python
    >>> votes = [[{"label": "anger", "count": 3}, {"label": "joy", "count": 1}, {"label": "other", "count": 2}]]
    >>> vote_distribution(votes, ["joy", "anger"])
    array([[0.25, 0.75]])

    ```
    """
    column = {name: index for index, name in enumerate(classes)}
    if len(column) < len(classes):
        raise ValueError(f"The classes must differ from each other: {list(classes)}.")
    counts = np.zeros((len(votes), len(classes)))
    for row, ballot in enumerate(votes):
        for vote in ballot or ():
            if vote["label"] in column:
                counts[row, column[vote["label"]]] += vote["count"]
    totals = counts.sum(axis=1, keepdims=True)
    if without := np.flatnonzero(totals == 0).tolist():
        raise ValueError(
            f"{len(without)} utterances have no vote for any of {', '.join(classes)}, the first is number "
            f"{without[0]}. Leave them out, as EMO-SUPERB does."
        )
    return counts / totals


def smooth_labels(distribution: ArrayLike, epsilon: float = 0.05) -> np.ndarray:
    """
    Smooth label distributions: `y_j = (1 - epsilon) * p_j + epsilon / (C - 1) * (1 - p_j)` for C classes.

    This is the formula of EMO-SUPERB, which hands what is taken from a class to the others only. The usual one of
    Szegedy et al. (CVPR 2016), `(1 - epsilon) * p_j + epsilon / C`, hands a part back: for C = 6 it turns a unanimous
    vote into 0.958, this one into 0.95. Both keep the sum at 1 and 1/C as it is, so that `p_j > 1/C` if and only if
    `y_j > 1/C`.

    Args:
        distribution (`ArrayLike`):
            Shape (..., num_classes); sums to 1 over the last axis.
        epsilon (`float`, *optional*, defaults to 0.05):
            What a unanimously chosen class gives away; below 1 - 1/C, from where on all classes are alike.

    Returns:
        `np.ndarray` of the same shape. The published files hold it rounded to 6 decimals.

    Raises:
        `ValueError`: If there are fewer than two classes, or `epsilon` is not in [0, 1 - 1/C).

    Example:

    ```python
    >>> smooth_labels([1.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    array([0.95, 0.01, 0.01, 0.01, 0.01, 0.01])

    ```
    """
    shares = np.asarray(distribution, dtype=np.float64)
    num_classes = shares.shape[-1] if shares.ndim else 0
    if num_classes < 2 or not 0 <= epsilon < 1 - 1 / num_classes:
        raise ValueError(
            f"Smoothing takes two or more classes and 0 <= epsilon < 1 - 1/C; found C={num_classes} and {epsilon=}."
        )
    return (1 - epsilon) * shares + epsilon / (num_classes - 1) * (1 - shares)


def threshold_labels(labels: ArrayLike, num_classes: int | None = None, decimals: int | None = None) -> np.ndarray:
    """
    Which classes are said to be present: those above chance, `y_j > 1 / C`.

    EMO-SUPERB makes truth (of soft labels) and prediction (of softmax probabilities) binary this way.

    Trap: its label files are rounded to 6 decimals, and the comparison is made with the exact 1/C. For C = 6 a share
    of 1/6 is stored as 0.166667 and therefore counts as present (10 cells of CREMA-D); with 4, 8, 9, 10, 11 or 16
    classes a share of exactly 1/C does not. `decimals=6` reproduces this from labels that are computed, and makes sure
    that it is not the last bit of a float that decides.

    Args:
        labels (`ArrayLike`):
            Soft labels or probabilities of shape (..., num_classes).
        num_classes (`int`, *optional*, defaults to the size of the last axis):
            C, for labels that hold some of the classes only.
        decimals (`int`, *optional*):
            Round to so many decimals first.

    Returns:
        `np.ndarray` of the same shape, bool.

    Example:

    ```python
    >>> threshold_labels([1 / 6, 5 / 6, 0, 0, 0, 0], decimals=6)
    array([ True,  True, False, False, False, False])

    ```
    """
    values = np.asarray(labels, dtype=np.float64)
    if decimals is not None:
        values = np.round(values, decimals)
    return values > 1 / (num_classes or values.shape[-1])


def effective_number_weights(labels: ArrayLike, num_utterances: int | None = None) -> np.ndarray:
    """
    Class-balanced weights by the effective number of samples (Cui et al., CVPR 2019), as EMO-SUPERB uses them.

    With n_j utterances of class j among N: `w_j = (1 - beta) / (1 - beta ** n_j)` with `beta = (N - 1) / N`, and then
    `w = C * w / sum(w)`. The paper leaves beta open; (N - 1) / N is what the code takes.

    Args:
        labels (`ArrayLike`):
            Binary labels of the training utterances, shape (num_utterances, num_classes), see [`threshold_labels`]; or
            the number of utterances of each class, shape (num_classes,).
        num_utterances (`int`, *optional*):
            N, needed if `labels` are numbers.

    Returns:
        `np.ndarray` of shape (num_classes,), with mean 1.

    Raises:
        `ValueError`: If a class has no utterance: its weight would be infinite.

    Example:

    ```python
    >>> effective_number_weights([1, 100], num_utterances=100).round(3)
    array([1.969, 0.031])

    ```
    """
    values = np.asarray(labels)
    counts = (values.sum(axis=0) if values.ndim == 2 else values).astype(np.float64)
    total = len(values) if values.ndim == 2 else num_utterances
    if total is None or values.ndim not in (1, 2) or (num_utterances is not None and num_utterances != total):
        raise ValueError(
            f"Give binary labels of shape (num_utterances, num_classes), or numbers per class and num_utterances; "
            f"found the shape {values.shape} and num_utterances={num_utterances}."
        )
    if absent := np.flatnonzero((counts <= 0) | (counts > total)).tolist():
        raise ValueError(
            f"Class {absent[0]} has {counts[absent[0]]:g} of {total} utterances, but a weight takes from 1 to all. "
            f"Train on data that has every class, or leave the class out."
        )
    # 1 - beta ** n without cancellation; the factor 1 - beta is gone after normalisation.
    with np.errstate(divide="ignore"):
        weights = -1 / np.expm1(counts * np.log1p(-1 / total))
    return weights * len(weights) / weights.sum()
