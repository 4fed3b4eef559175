"""Percentile bootstrap intervals that resample speakers.

Utterances of one speaker are alike, so resampling utterances gives intervals that are too narrow for the question
"what if other people had spoken?". Whole speakers are drawn instead (a cluster bootstrap), as Bisani and Ney (ICASSP
2004) do for word error rates and Ferrer and Riera (github.com/luferrer/ConfidenceIntervals) in general. The percentile
method is chapter 13 of Efron and Tibshirani, An Introduction to the Bootstrap (1993).
The test set varies, the trained model does not: spread between training seeds is not part of these intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd


# Two speakers give three distinct resamples: too few for a percentile.
MIN_SPEAKERS = 3


class ConfidenceInterval(NamedTuple):
    """An interval and what it is based on.

    Args:
        low (`float`): Lower end.
        high (`float`): Upper end.
        unit (`str`): What was resampled, `"speaker"` or `"utterance"`.
        num_units (`int`): How many of them the test set holds.
    """

    low: float
    high: float
    unit: str
    num_units: int


def bootstrap_interval(
    statistic: Callable[..., float],
    *arrays: np.ndarray,
    groups: Sequence | None = None,
    num_resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> ConfidenceInterval:
    """Interval of any statistic of utterances; see [`bootstrap_confusions`] for the quick way to UAR, F1 and accuracy.

    Args:
        statistic (`Callable`): Takes the resampled arrays, returns a number.
        arrays (`np.ndarray`): Arrays whose first axis is the utterance, for example labels and predictions.
        groups (`Sequence`, *optional*): Speaker of each utterance. With fewer than three speakers, with a speaker
            missing or without `groups`, single utterances are resampled.
        num_resamples (`int`, *optional*, defaults to 1000): Number of resamples.
        confidence (`float`, *optional*, defaults to 0.95): Coverage of the interval.
        seed (`int`, *optional*, defaults to 0): Seed of the resampling.

    Returns:
        [`ConfidenceInterval`]: Its `unit` says which fallback was used.

    Raises:
        ValueError: Empty arrays or arrays of different lengths, or a statistic without any finite value.

    Example:

    ```python
    >>> is_right = np.array([1, 1, 0, 1, 0, 1, 1, 1])
    >>> interval = bootstrap_interval(np.mean, is_right, groups=["a", "a", "b", "b", "c", "c", "d", "d"])
    >>> interval.low, interval.high, interval.unit
    (0.5, 1.0, 'speaker')

    ```
    """
    lengths = sorted({len(array) for array in arrays})
    if len(lengths) != 1 or lengths[0] == 0:
        raise ValueError(f"A bootstrap needs arrays of one common length above zero, found lengths {lengths}.")
    unit, ids = resampling_units(groups, lengths[0])
    members = np.split(np.argsort(ids, kind="stable"), np.cumsum(np.bincount(ids))[:-1])
    generator = np.random.default_rng(seed)
    replicates = np.empty(num_resamples)
    for index in range(num_resamples):
        rows = np.concatenate([members[draw] for draw in generator.integers(len(members), size=len(members))])
        replicates[index] = statistic(*(np.asarray(array)[rows] for array in arrays))
    return ConfidenceInterval(*percentile_interval(replicates, confidence), unit, len(members))


def bootstrap_confusions(
    references: np.ndarray,
    predictions: np.ndarray,
    num_classes: int,
    *,
    groups: Sequence | None = None,
    num_resamples: int = 1000,
    generator: np.random.Generator,
) -> tuple[np.ndarray, str, int]:
    """Confusion matrices of bootstrap replicates, without touching single utterances more than once.

    A replicate's matrix is the sum of the drawn speakers' matrices, so all replicates are one matrix product.

    Args:
        references (`np.ndarray` of shape `(num_utterances,)`): True class ids.
        predictions (`np.ndarray` of shape `(num_utterances,)`): Predicted class ids.
        num_classes (`int`): Number of classes.
        groups (`Sequence`, *optional*): Speaker of each utterance, as in [`bootstrap_interval`].
        num_resamples (`int`, *optional*, defaults to 1000): Number of replicates.
        generator (`np.random.Generator`): Source of randomness.

    Returns:
        `tuple`: Counts of shape `(num_resamples, num_classes, num_classes)`, the resampled unit (`"speaker"` or
        `"utterance"`) and the number of units.

    Example:

    ```python
    >>> truth, guess = np.array([0, 0, 1, 1, 0, 1]), np.array([0, 1, 1, 1, 0, 0])
    >>> matrices, unit, num_units = bootstrap_confusions(
    ...     truth, guess, 2, groups=list("aabbcc"), num_resamples=100, generator=np.random.default_rng(0)
    ... )
    >>> matrices.shape, unit, num_units
    ((100, 2, 2), 'speaker', 3)

    ```
    """
    cells = np.asarray(references) * num_classes + np.asarray(predictions)
    unit, ids = resampling_units(groups, len(cells))
    if unit == "utterance":
        # Drawing utterances with replacement is drawing cells in proportion to their counts.
        shares = np.bincount(cells, minlength=num_classes**2) / len(cells)
        counts = generator.multinomial(len(cells), shares, size=num_resamples)
        return counts.reshape(-1, num_classes, num_classes), unit, len(cells)
    num_units = int(ids.max()) + 1
    per_unit = np.bincount(ids * num_classes**2 + cells, minlength=num_units * num_classes**2)
    draws = generator.multinomial(num_units, np.full(num_units, 1 / num_units), size=num_resamples)
    counts = draws @ per_unit.reshape(num_units, num_classes**2)
    return counts.reshape(-1, num_classes, num_classes), unit, num_units


def percentile_interval(replicates: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """Central interval of bootstrap replicates; replicates without a value (NaN) are left out.

    Args:
        replicates (`np.ndarray` of shape `(num_resamples,)`): Values of the statistic.
        confidence (`float`, *optional*, defaults to 0.95): Coverage, between 0 and 1.

    Returns:
        `tuple[float, float]`: Low and high end.

    Raises:
        ValueError: `confidence` is not between 0 and 1, or no replicate has a value.

    Example:

    ```python
    >>> percentile_interval(np.arange(101), confidence=0.5)
    (25.0, 75.0)

    ```
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence} is no coverage; choose a number between 0 and 1, such as 0.95.")
    finite = replicates[np.isfinite(replicates)]
    if finite.size == 0:
        raise ValueError("The statistic is undefined on every bootstrap replicate; the test set is too small for it.")
    low, high = np.quantile(finite, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def resampling_units(groups: Sequence | None, num_utterances: int) -> tuple[str, np.ndarray]:
    """Decide what to resample, and number it.

    Args:
        groups (`Sequence`, *optional*): Speaker of each utterance; None or NaN where unknown.
        num_utterances (`int`): Number of utterances.

    Returns:
        `tuple[str, np.ndarray]`: `"speaker"` or `"utterance"`, and the unit of each utterance, from 0.

    Raises:
        ValueError: `groups` has another length.

    Example:

    ```python
    >>> resampling_units(["x", "y", "x", "z"], 4)[0], resampling_units(["x", "y", "x", None], 4)[0]
    ('speaker', 'utterance')

    ```
    """
    utterances = np.arange(num_utterances)
    if groups is None:
        return "utterance", utterances
    if len(groups) != num_utterances:
        raise ValueError(f"`groups` names the speakers of {len(groups)} utterances, but there are {num_utterances}.")
    if pd.isna(np.asarray(groups, dtype=object)).any():
        return "utterance", utterances
    speakers, ids = np.unique([str(speaker) for speaker in groups], return_inverse=True)
    return ("speaker", ids) if len(speakers) >= MIN_SPEAKERS else ("utterance", utterances)
