"""Scores and paired tests of trainings over several folds and seeds.

The score of a setting is the mean over its folds and seeds. Speakers are resampled, or exchanged between two systems,
as a whole and for all seeds at once: who is tested varies, not how often a model was trained.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ...evaluation.paired_differences import difference_entry
from ...evaluation.predictions import predicted_classes
from ...metrics import confusion_statistics as statistics
from ...metrics.confidence_interval import percentile_interval, resampling_units
from ...metrics.significance import PairedUnits, joined_units, permuted_confusions, resampled_confusions


Folds = Mapping[int, Sequence[pd.DataFrame]]  # predictions tables by number of the fold, one for each seed

# Scores of confusion matrices; the others have neither interval nor test here.
STATISTICS = {
    "uar": statistics.unweighted_average_recall,
    "macro_f1": statistics.macro_f1,
    "weighted_f1": statistics.weighted_f1,
    "micro_f1": statistics.accuracy,
    "accuracy": statistics.accuracy,
}
_KEY = ["corpus", "utterance_id"]


def training_interval(
    folds: Folds, metric: str, *, num_resamples: int = 1000, confidence: float = 0.95, seed: int = 0
) -> tuple[tuple[float, float], str]:
    """
    Interval of the mean over folds and seeds: speakers of each corpus and fold are resampled.

    Args:
        folds (`Mapping[int, Sequence[pd.DataFrame]]`): Predictions tables of the test parts by fold, one per seed.
        metric (`str`): One of `uar`, `macro_f1`, `weighted_f1`, `micro_f1` and `accuracy`.
        num_resamples, confidence, seed: Of the bootstrap.

    Returns:
        `tuple`: Both ends, and what was resampled: `"speaker"`, `"utterance"` or both.
    """
    strata = _strata([folds])
    drawn = np.sum(_resampled(strata, num_resamples, seed), axis=0)
    scores = STATISTICS[metric](_square(drawn[:, 0])).mean(axis=-1)
    return percentile_interval(scores, confidence), joined_units(list(strata.values())).unit


def compare_trainings(
    first: Folds,
    second: Folds,
    metric: str,
    *,
    num_resamples: int = 1000,
    num_permutations: int = 9999,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, Any]:
    """
    Is the second system better than the first on the same utterances?

    Args:
        first, second (`Mapping[int, Sequence[pd.DataFrame]]`): Predictions tables by fold, one per seed. Each system
            is the mean over its own seeds, however many.
        metric (`str`): See [`training_interval`].
        num_resamples, num_permutations, confidence, seed: Of bootstrap and permutation test.

    Returns:
        `dict`: `a`, `b`, `difference` (b - a), `interval`, `p_value`, `is_exact`, `unit` and `num_utterances`.

    Raises:
        ValueError: Folds, utterances or labels differ.
    """
    strata = _strata([first, second])
    joined = joined_units(list(strata.values()))

    def scores(confusions: np.ndarray) -> np.ndarray:
        return STATISTICS[metric](_square(confusions)).mean(axis=-1)

    generator = np.random.default_rng([seed, zlib.crc32(b"permutation")])
    permuted, weights = permuted_confusions(joined, num_permutations, generator)
    drawn = scores(np.sum(_resampled(strata, num_resamples, seed), axis=0))
    exchanged = scores(permuted)
    return {
        **difference_entry(
            scores(joined.total), drawn[:, 1] - drawn[:, 0], exchanged[:, 1] - exchanged[:, 0], weights, confidence
        ),
        "unit": joined.unit,
        "num_utterances": sum(len(tables[0]) for tables in first.values()),
    }


def _strata(sides: Sequence[Folds]) -> dict[tuple[int, str], PairedUnits]:
    """Confusion matrices of the units of each fold and corpus: `(num_kinds, num_sides, num_runs, num_classes ** 2)`.

    A run is a seed of a fold: units of one fold count nothing in the runs of the others, so that the score of a run is
    that of its fold, and the mean over runs that over folds and seeds.
    """
    numbers = sorted(sides[0])
    if any(sorted(side) != numbers for side in sides):
        raise ValueError(f"The systems have the folds {' and '.join(str(sorted(side)) for side in sides)}.")
    num_seeds = math.lcm(*(len(tables) for side in sides for tables in side.values()))
    frames = {
        number: [
            [_sorted(tables[index % len(tables)]) for index in range(num_seeds)] for tables in _column(sides, number)
        ]
        for number in numbers
    }
    classes = list(dict.fromkeys(name for side in sides for name in predicted_classes(side[numbers[0]][0])))
    found = {}
    for place, (number, tables) in enumerate(frames.items()):
        _check_same_rows(tables, number)
        corpora = tables[0][0]["corpus"].to_numpy()
        for corpus in sorted(set(corpora)):
            rows = np.flatnonzero(corpora == corpus)
            units = _units([[frame.iloc[rows] for frame in seeds] for seeds in tables], classes)
            padded = np.zeros((*units.confusions.shape[:2], len(numbers), *units.confusions.shape[2:]))
            padded[:, :, place] = units.confusions
            runs = padded.reshape(*padded.shape[:2], len(numbers) * num_seeds, -1)
            found[number, str(corpus)] = units._replace(confusions=runs)
    return found


def _column(sides: Sequence[Folds], number: int) -> list[Sequence[pd.DataFrame]]:
    return [side[number] for side in sides]


def _units(tables: Sequence[Sequence[pd.DataFrame]], classes: Sequence[str]) -> PairedUnits:
    """Matrices of one fold and corpus, `(num_kinds, num_sides, num_seeds, num_classes ** 2)`."""
    first = tables[0][0]
    unit, ids = resampling_units(first["speaker_id"].tolist(), len(first))
    columns = [first["label"], *(frame["prediction"] for seeds in tables for frame in seeds)]
    codes = np.stack([pd.Categorical(column, categories=classes).codes.astype(np.int64) for column in columns])
    if unit == "utterance":  # most are answered as many others are
        codes, counts = np.unique(codes, axis=1, return_counts=True)
        ids = np.arange(codes.shape[1])
    else:
        counts = np.ones(int(ids.max()) + 1, dtype=np.int64)
    size = len(classes) ** 2
    matrices = [
        np.bincount(ids * size + codes[0] * len(classes) + guesses, minlength=len(counts) * size).reshape(-1, size)
        for guesses in codes[1:]
    ]
    confusions = np.stack(matrices, axis=1).astype(np.float64)
    return PairedUnits(confusions.reshape(len(counts), len(tables), -1, size), counts, unit)


def _resampled(strata: Mapping[tuple[int, str], PairedUnits], num_resamples: int, seed: int) -> list[np.ndarray]:
    """Matrices of each fold and corpus, with draws of its own."""
    return [
        resampled_confusions(units, num_resamples, np.random.default_rng([seed, number, zlib.crc32(corpus.encode())]))
        for (number, corpus), units in strata.items()
    ]


def _square(confusions: np.ndarray) -> np.ndarray:
    size = math.isqrt(confusions.shape[-1])
    return confusions.reshape(*confusions.shape[:-1], size, size)


def _sorted(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values(_KEY, ignore_index=True)


def _check_same_rows(tables: Sequence[Sequence[pd.DataFrame]], number: int) -> None:
    first, *others = [frame[[*_KEY, "label"]] for seeds in tables for frame in seeds]
    for other in others:
        if not first.equals(other):
            raise ValueError(
                f"In fold {number} the trainings were tested on other utterances ({len(first)} and {len(other)}), or "
                "with other labels, so that they cannot be paired. Were splits or classes changed in between?"
            )
