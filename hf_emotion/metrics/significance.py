"""Is one model better than another on the same utterances? Paired tests and intervals that treat a speaker as one.

Utterances of one speaker are alike, so the two models' answers are exchanged, or resampled, for whole speakers.

- Permutation test: if the models were equally good, it would not matter which of them gave which answers to a
  speaker. The p-value is the share of all exchanges whose score difference is at least as large as the observed one,
  in either direction (Good, Permutation, Parametric and Bootstrap Tests of Hypotheses, 2005). All exchanges are
  enumerated where they are few; otherwise they are drawn, and the observed one is counted in, p = (b + 1) / (m + 1)
  (Phipson and Smyth, 2010).
- Bootstrap: the same drawn speakers are scored for both models (Bisani and Ney, ICASSP 2004).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from .confidence_interval import resampling_units


# Scores are ratios of small integers: differences that are equal on paper differ by rounding only.
_TIE = 1e-12


class PairedUnits(NamedTuple):
    """Confusion matrices of two models, counted per speaker; speakers with equal matrices are listed once.

    Args:
        confusions (`np.ndarray` of shape `(num_kinds, 2, num_classes, num_classes)`): Counts of both models.
        counts (`np.ndarray` of shape `(num_kinds,)`): How many speakers or utterances have these matrices.
        unit (`str`): What one unit is: `"speaker"`, `"utterance"` or `"speaker or utterance"`.
    """

    confusions: np.ndarray
    counts: np.ndarray
    unit: str

    @property
    def num_units(self) -> int:
        """Speakers, or utterances where speakers are unknown or fewer than three."""
        return int(self.counts.sum())

    @property
    def total(self) -> np.ndarray:
        """Confusion matrices of both models, shape `(2, num_classes, num_classes)`."""
        return np.tensordot(self.counts, self.confusions, axes=1)


class PermutedConfusions(NamedTuple):
    """Confusion matrices of both models after exchanges.

    Args:
        confusions (`np.ndarray` of shape `(num_permutations, 2, num_classes, num_classes)`): Counts.
        weights (`np.ndarray` of shape `(num_permutations,)`, *optional*): Probability of each exchange where all are
            enumerated, else `None`.
    """

    confusions: np.ndarray
    weights: np.ndarray | None


def paired_units(
    references: np.ndarray,
    predictions_a: np.ndarray,
    predictions_b: np.ndarray,
    num_classes: int,
    groups: Sequence | None = None,
) -> PairedUnits:
    """Count the answers of two models per speaker.

    Args:
        references (`np.ndarray` of shape `(num_utterances,)`): True class ids.
        predictions_a (`np.ndarray` of shape `(num_utterances,)`): Class ids that the first model predicts.
        predictions_b (`np.ndarray` of shape `(num_utterances,)`): Class ids that the second model predicts.
        num_classes (`int`): Number of classes.
        groups (`Sequence`, *optional*): Speaker of each utterance. Without, with one missing or with fewer than three
            speakers, single utterances are the units.

    Returns:
        [`PairedUnits`]: Matrices of both models.

    Example:

    ```python
    >>> truth, guess_a, guess_b = np.array([[0, 1, 0, 1, 0, 1], [0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]])
    >>> units = paired_units(truth, guess_a, guess_b, 2, groups="aabbcc")
    >>> units.unit, units.num_units, units.total.astype(int).tolist()
    ('speaker', 3, [[[3, 0], [2, 1]], [[3, 0], [3, 0]]])

    ```
    """
    unit, ids = resampling_units(None if groups is None else list(groups), len(references))
    num_units, size = int(ids.max()) + 1, num_classes**2
    per_model = [
        np.bincount(
            ids * size + np.asarray(references) * num_classes + np.asarray(guesses), minlength=num_units * size
        )
        for guesses in (predictions_a, predictions_b)
    ]
    matrices = np.stack([counts.reshape(num_units, size) for counts in per_model], axis=1)
    kinds, counts = np.unique(matrices.reshape(num_units, -1), axis=0, return_counts=True)
    # Matrix products of floats are fast, and exact for counts.
    return PairedUnits(kinds.reshape(-1, 2, num_classes, num_classes).astype(np.float64), counts, unit)


def joined_units(parts: Sequence[PairedUnits]) -> PairedUnits:
    """The units of several corpora as those of one."""
    units = sorted({part.unit for part in parts})
    return PairedUnits(
        np.concatenate([part.confusions for part in parts]),
        np.concatenate([part.counts for part in parts]),
        " or ".join(units),
    )


def permuted_confusions(
    units: PairedUnits, num_permutations: int, generator: np.random.Generator, *, is_exact_allowed: bool = True
) -> PermutedConfusions:
    """Exchange the two models' answers to some speakers: in all ways if there are few, else at random.

    Args:
        units ([`PairedUnits`]): What [`paired_units`] returns.
        num_permutations (`int`): Random exchanges, and the largest number that is enumerated.
        generator (`np.random.Generator`): Source of randomness.
        is_exact_allowed (`bool`, *optional*, defaults to `True`): `False` to draw always, so that the result has
            `num_permutations` rows.

    Returns:
        [`PermutedConfusions`]: Matrices after each exchange.
    """
    # Exchanging equal answers changes nothing.
    differs = (units.confusions[:, 0] != units.confusions[:, 1]).any(axis=(1, 2))
    kinds, counts = units.confusions[differs], units.counts[differs]
    weights = None
    num_exchanges = math.prod((counts + 1).tolist())  # in Python's integers, which do not overflow
    if is_exact_allowed and num_exchanges <= num_permutations:
        exchanged, weights = _all_exchanges(counts)
    else:
        exchanged = generator.binomial(counts, 0.5, size=(num_permutations, len(counts)))
    first = units.total[0] + np.tensordot(exchanged.astype(np.float64), kinds[:, 1] - kinds[:, 0], axes=1)
    return PermutedConfusions(np.stack([first, units.total.sum(axis=0) - first], axis=1), weights)


def resampled_confusions(units: PairedUnits, num_resamples: int, generator: np.random.Generator) -> np.ndarray:
    """Confusion matrices of both models on the same speakers drawn with replacement.

    Args:
        units ([`PairedUnits`]): What [`paired_units`] returns, of one corpus.
        num_resamples (`int`): Number of bootstrap replicates.
        generator (`np.random.Generator`): Source of randomness.

    Returns:
        `np.ndarray` of shape `(num_resamples, 2, num_classes, num_classes)`: Counts.
    """
    draws = generator.multinomial(units.num_units, units.counts / units.num_units, size=num_resamples)
    return np.tensordot(draws.astype(np.float64), units.confusions, axes=1)


def score_differences(confusions: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Score of the second model minus that of the first.

    Args:
        confusions (`np.ndarray` of shape `(..., 2, num_classes, num_classes)`): Counts of both models.
        statistic (`Callable`): From matrices `(..., num_classes, num_classes)` to scores `(...)`, as in
            [`~hf_emotion.metrics.confusion_statistics`].

    Returns:
        `np.ndarray` of shape `(...)`: Differences.
    """
    scores = statistic(confusions)
    return scores[..., 1] - scores[..., 0]


def permutation_p_value(observed: float, permuted: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Two-sided p-value of a paired permutation test.

    Args:
        observed (`float`): Score difference of the models.
        permuted (`np.ndarray` of shape `(num_permutations,)`): Differences after exchanges.
        weights (`np.ndarray` of shape `(num_permutations,)`, *optional*): Probability of each exchange if these are
            all; `None` for a random sample.

    Returns:
        `float`: Above 0, up to 1.

    Example: three speakers, the second model better by 0.1 on each. Two of the eight exchanges differ as much.

    ```python
    >>> signs = np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)])
    >>> permutation_p_value(0.1, (0.1 * signs).mean(axis=1), np.full(8, 1 / 8))
    0.25

    ```
    """
    is_extreme = np.abs(permuted) >= abs(observed) - _TIE
    if weights is None:
        return float((is_extreme.sum() + 1) / (len(permuted) + 1))
    return min(1.0, float(weights[is_extreme].sum()))


def holm_adjusted(p_values: Sequence[float]) -> list[float]:
    """P-values of several tests adjusted so that any one false alarm stays as rare as stated (Holm, 1979).

    Args:
        p_values (`Sequence[float]`): P-values of all tests of the family.

    Returns:
        `list[float]`: Adjusted p-values in the same order.

    Example:

    ```python
    >>> holm_adjusted([0.04, 0.01, 0.03])
    [0.06, 0.03, 0.06]

    ```
    """
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(1, np.maximum.accumulate(factors * np.asarray(p_values, dtype=np.float64)[order]))
    return adjusted.tolist()


def _all_exchanges(counts):
    """How many units of each kind are exchanged, in all combinations, and the probability of each combination."""
    from scipy.stats import binom

    if len(counts) == 0:
        return np.zeros((1, 0)), np.ones(1)
    exchanged = np.indices(counts + 1).reshape(len(counts), -1).T
    return exchanged, binom.pmf(exchanged, counts, 0.5).prod(axis=1)
