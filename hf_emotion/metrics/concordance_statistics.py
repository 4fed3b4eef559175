"""Agreement of two raters read off moments, for one set of utterances or a whole stack of them at once.

Moments are the sums over utterances of products of `(1, reference, prediction)`: symmetric matrices of shape
`(..., 3, 3)`. Those of several speakers or corpora add up, as confusion matrices do, which lets a bootstrap or a
permutation test score all its replicates in one call. The scores have the shape `(...)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .confidence_interval import resampling_units


# Rounding leaves a constant with a variance of about 1e-16 of its square.
_SMALLEST_VARIANCE = 1e-12
_DRAWS_AT_ONCE = 4_000_000  # numbers in memory


def unit_moments(references: np.ndarray, predictions: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Moments of each speaker, or whatever else is drawn as a whole.

    Args:
        references (`np.ndarray` of shape `(num_utterances,)`): True values.
        predictions (`np.ndarray` of shape `(num_utterances,)`): Predicted values.
        units (`np.ndarray` of shape `(num_utterances,)`): Unit of each utterance, from 0.

    Returns:
        `np.ndarray` of shape `(num_units, 3, 3)`: Moments.

    Example:

    ```python
    >>> unit_moments(np.array([1.0, 2.0]), np.array([3.0, 5.0]), np.array([0, 0]))[0].tolist()
    [[2.0, 3.0, 8.0], [3.0, 5.0, 13.0], [8.0, 13.0, 34.0]]

    ```
    """
    rows = np.stack([np.ones(len(references)), references, predictions], axis=1)
    total = np.zeros((int(units.max()) + 1, 3, 3))
    np.add.at(total, units, rows[:, :, None] * rows[:, None, :])
    return total


def concordance_correlation_coefficient(moments: np.ndarray) -> np.ndarray:
    """Lin's coefficient, as the metric of the same name: 0 where one side is constant, NaN where both are the same.

    Args:
        moments (`np.ndarray` of shape `(..., 3, 3)`): Sums over utterances.

    Returns:
        `np.ndarray` of shape `(...)`: Between -1 and 1.

    Example: an offset of one, 2 * (2 / 3) / (2 / 3 + 2 / 3 + 1).

    ```python
    >>> truth = np.array([1.0, 2.0, 3.0])
    >>> moments = unit_moments(truth, truth + 1, np.zeros(3, dtype=int))[0]
    >>> round(float(concordance_correlation_coefficient(moments)), 4)
    0.5714

    ```
    """
    offset, variances, covariance = _central(moments)
    return _ratio(2 * covariance, variances.sum(axis=-1) + offset**2)


def pearson_correlation(moments: np.ndarray) -> np.ndarray:
    """Pearson's correlation; NaN where one side is constant.

    Args:
        moments (`np.ndarray` of shape `(..., 3, 3)`): Sums over utterances.

    Returns:
        `np.ndarray` of shape `(...)`: Between -1 and 1.
    """
    _, variances, covariance = _central(moments)
    return _ratio(covariance, np.sqrt(variances.prod(axis=-1)))


def bootstrap_moments(
    references: np.ndarray,
    predictions: np.ndarray,
    *,
    groups: Sequence | None = None,
    num_resamples: int = 1000,
    generator: np.random.Generator,
) -> tuple[np.ndarray, str]:
    """Moments of bootstrap replicates: [`~hf_emotion.metrics.confidence_interval.bootstrap_confusions`] for values.

    Args:
        references (`np.ndarray` of shape `(num_utterances,)`): True values.
        predictions (`np.ndarray` of shape `(num_utterances,)`): Predicted values.
        groups (`Sequence`, *optional*): Speaker of each utterance. With fewer than three speakers, with a speaker
            missing or without `groups`, single utterances are resampled.
        num_resamples (`int`, *optional*, defaults to 1000): Number of replicates.
        generator (`np.random.Generator`): Source of randomness.

    Returns:
        `tuple`: Moments of shape `(num_resamples, 3, 3)` and the resampled unit, `"speaker"` or `"utterance"`.
    """
    unit, ids = resampling_units(groups, len(references))
    return resampled_moments(unit_moments(references, predictions, ids), unit, num_resamples, generator), unit


def resampled_moments(
    moments: np.ndarray, unit: str, num_resamples: int, generator: np.random.Generator
) -> np.ndarray:
    """Moments of units drawn with replacement.

    Args:
        moments (`np.ndarray` of shape `(num_units, ...)`): Moments of each unit.
        unit (`str`): What they are, `"speaker"` or `"utterance"`.
        num_resamples (`int`): Number of replicates.
        generator (`np.random.Generator`): Source of randomness.

    Returns:
        `np.ndarray` of shape `(num_resamples, ...)`: Sums over the drawn units.
    """
    num_units, flat = len(moments), moments.reshape(len(moments), -1)

    def draws(size: int) -> np.ndarray:
        if unit == "speaker":
            return generator.multinomial(num_units, np.full(num_units, 1 / num_units), size=size)
        # the same distribution, several times faster for many units
        rows = (generator.integers(num_units, size=num_units) for _ in range(size))
        return np.stack([np.bincount(row, minlength=num_units) for row in rows])

    return in_portions(lambda size: draws(size) @ flat, num_resamples, num_units).reshape(-1, *moments.shape[1:])


def exchanged_moments(moments: np.ndarray, num_permutations: int, generator: np.random.Generator) -> np.ndarray:
    """Moments of two models after their answers to some units, each with probability 1/2, have been exchanged.

    Args:
        moments (`np.ndarray` of shape `(num_units, 2, 3, 3)`): Moments of both models for each unit.
        num_permutations (`int`): Number of random exchanges.
        generator (`np.random.Generator`): Source of randomness.

    Returns:
        `np.ndarray` of shape `(num_permutations, 2, 3, 3)`: Sums over the units.
    """
    num_units, total = len(moments), moments.sum(axis=0)
    change = (moments[:, 1] - moments[:, 0]).reshape(num_units, 9)

    def changes(size: int) -> np.ndarray:
        bits = np.frombuffer(generator.bytes(size * -(-num_units // 8)), dtype=np.uint8).reshape(size, -1)
        return np.unpackbits(bits, axis=1, count=num_units).astype(np.float64) @ change

    first = total[0] + in_portions(changes, num_permutations, num_units).reshape(-1, 3, 3)
    return np.stack([first, total.sum(axis=0) - first], axis=1)


def in_portions(draw: Callable[[int], np.ndarray], count: int, num_units: int) -> np.ndarray:
    """`draw(count)` in several calls: each draw takes memory for all units, of which there may be many."""
    size = max(1, _DRAWS_AT_ONCE // num_units)
    return np.concatenate([draw(min(size, count - start)) for start in range(0, count, size)])


def _central(moments):
    """Difference of the means, both variances (last axis) and covariance; of constants exactly 0."""
    means = moments / moments[..., :1, :1]
    first = means[..., 0, 1:]
    second = np.stack([means[..., 1, 1], means[..., 2, 2]], axis=-1)
    variances = second - first**2
    variances = np.where(variances > _SMALLEST_VARIANCE * second, variances, 0.0)
    covariance = means[..., 1, 2] - first[..., 0] * first[..., 1]
    covariance = np.where((variances > 0).all(axis=-1), covariance, 0.0)
    offset = first[..., 1] - first[..., 0]
    return np.where(offset**2 > _SMALLEST_VARIANCE * second.max(axis=-1), offset, 0.0), variances, covariance


def _ratio(numerator, denominator):
    return np.divide(
        numerator, denominator, out=np.full(np.shape(denominator), np.nan), where=np.asarray(denominator) > 0
    )
