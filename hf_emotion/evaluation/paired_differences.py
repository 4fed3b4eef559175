"""Differences between two runs with intervals and p-values, and those of their emotion dimensions."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..metrics.concordance_statistics import (
    concordance_correlation_coefficient,
    exchanged_moments,
    resampled_moments,
    unit_moments,
)
from ..metrics.confidence_interval import percentile_interval, resampling_units
from ..metrics.significance import (
    PairedUnits,
    holm_adjusted,
    joined_units,
    permutation_p_value,
    permuted_confusions,
    score_differences,
)
from .predictions import PREDICTED_PREFIX, num_speakers


def difference_entry(
    scores: Sequence[float] | np.ndarray,
    resampled: np.ndarray,
    permuted: np.ndarray,
    weights: np.ndarray | None,
    confidence: float,
) -> dict[str, Any]:
    """Both scores, their difference B - A, its bootstrap interval and the p-value of the permutation test.

    Args:
        scores (`Sequence[float]`): Scores of A and B.
        resampled (`np.ndarray` of shape `(num_resamples,)`): Differences on bootstrap replicates.
        permuted (`np.ndarray` of shape `(num_permutations,)`): Differences after exchanges.
        weights (`np.ndarray`, *optional*): Probability of each exchange where all are enumerated.
        confidence (`float`): Coverage of the interval.

    Returns:
        `dict`: `a, b, difference, interval, p_value, is_exact`.
    """
    first, second = (float(score) for score in scores)
    return {
        "a": first,
        "b": second,
        "difference": second - first,
        "interval": list(percentile_interval(resampled, confidence)),
        "p_value": permutation_p_value(second - first, permuted, weights),
        "is_exact": weights is not None,
    }


def add_adjusted_p_values(entries: Sequence[dict[str, Any]]) -> None:
    """Add Holm's adjustment for the number of entries to each, as `p_value_holm`."""
    for entry, value in zip(entries, holm_adjusted([entry["p_value"] for entry in entries]), strict=True):
        entry["p_value_holm"] = value


def named_generator(seed: int, *names: str) -> np.random.Generator:
    """Randomness of one corpus, independent of all others, so that it gets the same numbers in any company."""
    return np.random.default_rng([seed, zlib.crc32("\n".join(names).encode())])


def compare_dimensions(
    pairs: pd.DataFrame,
    dimensions: Sequence[str],
    *,
    seed: int = 0,
    num_resamples: int = 1000,
    num_permutations: int = 9999,
    confidence: float = 0.95,
) -> dict[str, dict[str, Any]]:
    """Compare the concordance (CCC) of two runs by dimension, as their recall is compared: speakers are exchanged and
    resampled as a whole.

    Args:
        pairs (`pd.DataFrame`): What [`~hf_emotion.evaluation.comparison.paired_table`] returns.
        dimensions (`Sequence[str]`): Emotion dimensions that both runs predict.
        seed, num_resamples, num_permutations, confidence: See
            [`~hf_emotion.evaluation.comparison.compare_predictions`].

    Returns:
        `dict[str, dict]`: For each dimension with two or more rated utterances whose concordance is defined for both
        runs: `per_corpus` and `overall`, entries of [`difference_entry`] with `num_utterances`, `num_speakers` and
        `unit`, and `mean_of_corpora`, an entry, or `None` with one corpus.
    """
    comparer = _DimensionComparer(seed, num_resamples, num_permutations, confidence)
    report = {}
    for name in dimensions:
        rated = {str(corpus): rows for corpus, rows in pairs[pairs[name].notna()].groupby("corpus", sort=True)}
        units = {corpus: _paired_moments(rows, name) for corpus, rows in rated.items() if len(rows) > 1}
        units = {corpus: part for corpus, part in units.items() if np.isfinite(_concordance(part)).all()}
        if not units:
            continue
        per_corpus = {corpus: comparer.entry(rated[corpus], {corpus: part}) for corpus, part in units.items()}
        add_adjusted_p_values(list(per_corpus.values()))
        report[name] = {
            "overall": comparer.entry(pd.concat([rated[corpus] for corpus in units]), units),
            "mean_of_corpora": comparer.mean_of_corpora(units) if len(units) > 1 else None,
            "per_corpus": per_corpus,
        }
    return report


class _DimensionComparer:
    """Compares the concordance of parts of a paired table with the same settings."""

    def __init__(self, seed: int, num_resamples: int, num_permutations: int, confidence: float):
        self.seed, self.confidence = seed, confidence
        self.num_resamples, self.num_permutations = num_resamples, num_permutations

    def entry(self, rows: pd.DataFrame, units: Mapping[str, PairedUnits]) -> dict[str, Any]:
        joined = joined_units(list(units.values()))
        drawn = np.sum([self._resampled(corpus, part) for corpus, part in units.items()], axis=0)
        permuted, weights = self._permuted(joined, "permutation", *sorted(units))
        scores = _concordance(joined), _differences(drawn), _differences(permuted)
        return {
            **difference_entry(*scores, weights, self.confidence),
            "num_utterances": len(rows),
            "num_speakers": num_speakers(rows),
            "unit": joined.unit,
        }

    def mean_of_corpora(self, units: Mapping[str, PairedUnits]) -> dict[str, Any]:
        """Each corpus counts the same however large it is: the mean of the corpora's scores."""
        parts = [
            (
                _concordance(part),
                _differences(self._resampled(corpus, part)),
                _differences(self._permuted(part, "mean", corpus, is_exact_allowed=False)[0]),
            )
            for corpus, part in units.items()
        ]
        scores, resampled, permuted = (np.mean(values, axis=0) for values in zip(*parts, strict=True))
        return difference_entry(scores, resampled, permuted, None, self.confidence)

    def _resampled(self, corpus: str, units: PairedUnits) -> np.ndarray:
        generator = named_generator(self.seed, "bootstrap", corpus)
        return resampled_moments(units.confusions, units.unit, self.num_resamples, generator)

    def _permuted(
        self, units: PairedUnits, *names: str, is_exact_allowed: bool = True
    ) -> tuple[np.ndarray, np.ndarray | None]:
        generator = named_generator(self.seed, *names)
        if is_exact_allowed and 2**units.num_units <= self.num_permutations:
            return permuted_confusions(units, self.num_permutations, generator)
        return exchanged_moments(units.confusions, self.num_permutations, generator), None


def _paired_moments(rows: pd.DataFrame, dimension: str) -> PairedUnits:
    """Moments of both runs per speaker, which add up as confusion matrices do."""
    unit, ids = resampling_units(rows["speaker_id"].tolist(), len(rows))
    truth = rows[dimension].to_numpy(dtype=np.float64)
    predicted = (rows[f"{PREDICTED_PREFIX}{dimension}_{run}"].to_numpy(dtype=np.float64) for run in "ab")
    moments = np.stack([unit_moments(truth, values, ids) for values in predicted], axis=1)
    return PairedUnits(moments, np.ones(len(moments), dtype=np.int64), unit)


def _concordance(units: PairedUnits) -> np.ndarray:
    """Scores of both runs."""
    return concordance_correlation_coefficient(units.total)


def _differences(moments: np.ndarray) -> np.ndarray:
    return score_differences(moments, concordance_correlation_coefficient)
