"""What a system reaches on a setting: macro-F1 with an interval over speakers, by class and gender, and calibration.

Predictions of a cell are scored over its whole test part, and the score of a setting is the mean over folds and seeds,
as EMO-SUPERB describes it. What its code logs is something else, the mean of macro-F1 over *batches*, which is lower.
The label files alone suggest that its Table 3 holds these: a constant answer, which FBANK's head must give, has
exactly the printed scores of FBANK as a mean over batches, in all five settings whose files can be had, and higher
ones over the whole test part (`benchmarks/studies/constant_predictor.py`). So [`macro_f1_of_batches`] is given too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..metrics.confidence_interval import percentile_interval, resampling_units
from ..metrics.multi_label_statistics import (
    ACTUAL,
    class_f1,
    class_precision,
    class_recall,
    multi_label_counts,
    multi_label_macro_f1,
)
from ..metrics.significance import permutation_p_value
from .soft_predictions import classes_of, decisions_of, has_probabilities, labels_of, probabilities_of, truth_of


Folds = Mapping[int, Sequence[pd.DataFrame]]  # by number of the fold, one table for each seed
_NUM_BINS = 15
_MIN_UTTERANCES_OF_GENDER = 10


def macro_f1_of(frame: pd.DataFrame) -> float:
    """Multi-label macro-F1 of a soft predictions table at the threshold 1/C, over all of its rows."""
    return float(multi_label_macro_f1(multi_label_counts(truth_of(frame), decisions_of(frame))))


def macro_f1_of_batches(frame: pd.DataFrame, batch_size: int = 32) -> float:
    """Mean over batches, in the order of the file names, of their macro-F1: the "acc" that EMO-SUPERB's code logs.

    Neighbours are alike, so a batch lacks many classes, which count as 0: this is lower than [`macro_f1_of`].
    """
    frame = frame.sort_values("utterance_id")
    batches = np.arange(len(frame)) // batch_size
    return float(multi_label_macro_f1(multi_label_counts(truth_of(frame), decisions_of(frame), batches)).mean())


def calibration_error_of(frame: pd.DataFrame) -> float:
    """
    Expected calibration error of the single probabilities against the soft labels, in 15 bins of equal width.

    With soft labels there is no "right" class: a probability of 0.3 is calibrated if annotators give the class 30 % of
    their votes, on average over the cells (utterance, class) that get about this probability.
    """
    probabilities, labels = probabilities_of(frame).ravel(), labels_of(frame).ravel()
    bins = np.minimum((probabilities * _NUM_BINS).astype(int), _NUM_BINS - 1)
    gaps = np.bincount(bins, probabilities - labels, minlength=_NUM_BINS)
    return float(np.abs(gaps).sum() / len(probabilities))


def setting_scores(
    folds: Folds, *, num_resamples: int = 1000, confidence: float = 0.95, seed: int = 0
) -> dict[str, Any]:
    """
    All scores of a system on a setting.

    Args:
        folds (`Mapping[int, Sequence[pd.DataFrame]]`): Soft predictions tables of the test part by fold, one per seed.
        num_resamples (`int`, *optional*, defaults to 1000): Bootstrap replicates.
        confidence (`float`, *optional*, defaults to 0.95): Coverage of the interval.
        seed (`int`, *optional*, defaults to 0): Seed of the bootstrap.

    Returns:
        `dict`: `macro_f1` (mean over folds and seeds), `interval` (of speakers of each fold, or of utterances where
        there are fewer than three), `unit`, `num_utterances`, `folds` (mean over seeds by fold),
        `std_of_seeds` (of the mean over folds; None with one seed), `per_class` (`f1`, `precision`, `recall`,
        `support`), `per_gender` (macro-F1), `gender_gap` (largest minus smallest; None without two genders),
        `calibration_error` (None where only decisions are known), `macro_f1_of_batches` and `confusion` (`[i][j]`: of
        the utterances in which class i is present, the share in which class j is predicted).

    Raises:
        ValueError: There is no fold, or folds have other classes or numbers of seeds.
    """
    counts, units = _unit_counts(folds)
    per_cell = {fold: multi_label_macro_f1(values.sum(axis=1)) for fold, values in counts.items()}
    drawn = _resampled(counts, num_resamples, np.random.default_rng(seed))
    frames = [frame for tables in folds.values() for frame in tables]
    total = np.sum([values.sum(axis=(0, 1)) for values in counts.values()], axis=0)
    per_seed = np.mean(list(per_cell.values()), axis=0)
    genders = _gender_scores(folds)
    is_soft = all(has_probabilities(frame) for frame in frames)
    return {
        "macro_f1": float(per_seed.mean()),
        "interval": list(percentile_interval(drawn, confidence)),
        "unit": " or ".join(sorted(set(units))),
        "num_utterances": sum(len(tables[0]) for tables in folds.values()),
        "folds": {str(fold): float(values.mean()) for fold, values in per_cell.items()},
        "std_of_seeds": float(per_seed.std(ddof=1)) if len(per_seed) > 1 else None,
        "per_class": _class_scores(total, classes_of(frames[0]), len(per_seed)),
        "per_gender": genders,
        "gender_gap": max(genders.values()) - min(genders.values()) if len(genders) > 1 else None,
        "calibration_error": float(np.mean([calibration_error_of(frame) for frame in frames])) if is_soft else None,
        "macro_f1_of_batches": float(np.mean([macro_f1_of_batches(frame) for frame in frames])),
        "confusion": _confusion(frames),
    }


def compare_settings(
    first: Folds,
    second: Folds,
    *,
    num_resamples: int = 1000,
    num_permutations: int = 9999,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, Any]:
    """
    Is the second system better than the first on the same utterances? The answers to a speaker are exchanged, or
    resampled, as a whole.

    Args:
        first, second (`Mapping[int, Sequence[pd.DataFrame]]`): Soft predictions tables by fold, one per seed. Numbers
            of seeds may differ: each system is the mean over its own.
        num_resamples, num_permutations, confidence, seed: Of bootstrap and permutation test.

    Returns:
        `dict`: `a`, `b` (macro-F1), `difference` (b - a), `interval`, `p_value`, `unit`, `num_utterances`.

    Raises:
        ValueError: Folds, utterances or classes differ.
    """
    _check_pairs(first, second)
    pairs = {fold: (_fold_counts(first[fold])[0], *_fold_counts(second[fold])) for fold in sorted(first)}
    generator = np.random.default_rng(seed)
    scores = [
        np.mean([_mean_score(counts.sum(axis=1)) for counts in side])
        for side in ([a for a, _, _ in pairs.values()], [b for _, b, _ in pairs.values()])
    ]
    drawn, permuted = [], []
    for a, b, _unit in pairs.values():
        draws = generator.multinomial(a.shape[1], np.full(a.shape[1], 1 / a.shape[1]), size=num_resamples)
        drawn.append(_mean_score(_weighted(draws, b)) - _mean_score(_weighted(draws, a)))
        swaps = generator.integers(2, size=(num_permutations, a.shape[1]))
        permuted.append(_exchanged_difference(a, b, swaps))
    difference = float(scores[1] - scores[0])
    return {
        "a": float(scores[0]),
        "b": float(scores[1]),
        "difference": difference,
        "interval": list(percentile_interval(np.mean(drawn, axis=0), confidence)),
        "p_value": permutation_p_value(difference, np.mean(permuted, axis=0)),
        "unit": " or ".join(sorted({unit for *_, unit in pairs.values()})),
        "num_utterances": sum(len(tables[0]) for tables in first.values()),
    }


def _fold_counts(tables: Sequence[pd.DataFrame]) -> tuple[np.ndarray, str]:
    """Counts `(num_seeds, num_units, num_classes, 3)`, and what a unit is."""
    unit, ids = resampling_units(tables[0]["speaker_id"].to_list(), len(tables[0]))
    counts = np.stack([multi_label_counts(truth_of(frame), decisions_of(frame), ids) for frame in tables])
    return counts.astype(np.float64), unit


def _unit_counts(folds: Folds) -> tuple[dict[int, np.ndarray], list[str]]:
    if not folds or any(not tables for tables in folds.values()):
        raise ValueError("There are no predictions to score: a setting needs a fold, and a fold a table.")
    if len({tuple(classes_of(frame)) for tables in folds.values() for frame in tables}) > 1:
        raise ValueError("The tables have different classes, so that no mean of their scores exists.")
    if len(sizes := {len(tables) for tables in folds.values()}) > 1:
        raise ValueError(f"Folds were trained with different numbers of seeds, {sorted(sizes)}: finish the others.")
    found = {fold: _fold_counts(tables) for fold, tables in sorted(folds.items())}
    return {fold: counts for fold, (counts, _) in found.items()}, [unit for _, unit in found.values()]


def _weighted(draws: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Counts `(num_seeds, num_units, C, 3)` under draws `(num_draws, num_units)`; `(num_seeds, num_draws, C, 3)`."""
    flat = counts.reshape(*counts.shape[:2], -1)
    return (draws.astype(np.float64) @ flat).reshape(len(counts), len(draws), *counts.shape[2:])


def _mean_score(counts: np.ndarray) -> np.ndarray:
    """Mean over seeds, the first axis, of macro-F1."""
    return multi_label_macro_f1(counts).mean(axis=0)


def _resampled(counts: Mapping[int, np.ndarray], num_resamples: int, generator: np.random.Generator) -> np.ndarray:
    """The score of the setting on resamples, each fold's units drawn with replacement."""
    scores = []
    for values in counts.values():
        size = values.shape[1]
        draws = generator.multinomial(size, np.full(size, 1 / size), size=num_resamples)
        scores.append(_mean_score(_weighted(draws, values)))
    return np.mean(scores, axis=0)


def _exchanged_difference(a: np.ndarray, b: np.ndarray, swaps: np.ndarray) -> np.ndarray:
    """Score of b minus that of a when the units that `swaps` marks change sides; seeds are paired in turn."""
    size = math.lcm(len(a), len(b))  # so that each seed counts as often as the others of its side
    a, b = a[np.arange(size) % len(a)], b[np.arange(size) % len(b)]
    first = _weighted(1 - swaps, a) + _weighted(swaps, b)
    second = _weighted(1 - swaps, b) + _weighted(swaps, a)
    return _mean_score(second) - _mean_score(first)


def _check_pairs(first: Folds, second: Folds) -> None:
    if set(first) != set(second):
        raise ValueError(f"The systems have the folds {sorted(first)} and {sorted(second)}: only equal ones compare.")
    for fold in first:
        tables = [*first[fold], *second[fold]]
        if any(list(table["utterance_id"]) != list(tables[0]["utterance_id"]) for table in tables):
            raise ValueError(f"The systems were tested on other utterances in fold {fold}, so they cannot be paired.")


def _class_scores(total: np.ndarray, classes: Sequence[str], num_seeds: int) -> dict[str, dict[str, float]]:
    scores = (class_f1(total), class_precision(total), class_recall(total), total[:, ACTUAL] / num_seeds)
    return {
        name: {"f1": float(f1), "precision": float(precision), "recall": float(recall), "support": int(support)}
        for name, f1, precision, recall, support in zip(classes, *scores, strict=True)
    }


def _gender_scores(folds: Folds) -> dict[str, float]:
    """Macro-F1 over the utterances of each gender: mean over seeds of all folds together."""
    found = {}
    joined = [pd.concat(tables) for tables in zip(*folds.values(), strict=True)]
    for gender in sorted(set(joined[0]["gender"].dropna())):
        parts = [frame[frame["gender"] == gender] for frame in joined]
        if len(parts[0]) >= _MIN_UTTERANCES_OF_GENDER:
            found[gender] = float(np.mean([macro_f1_of(part) for part in parts]))
    return found


def _confusion(frames: Sequence[pd.DataFrame]) -> list[list[float]]:
    together = sum(truth_of(frame).astype(np.float64).T @ decisions_of(frame) for frame in frames)
    present = sum(truth_of(frame).sum(axis=0) for frame in frames)
    return (together / np.maximum(present, 1)[:, None]).tolist()
