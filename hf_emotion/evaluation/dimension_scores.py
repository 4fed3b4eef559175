"""Scores of emotion dimensions (arousal, valence, dominance) that a model regresses beside its classes.

The score is the concordance correlation coefficient (CCC; Lin, 1989) over the utterances that have a rating. Ratings
stay on the scale of their corpus: with several corpora, look at the mean of the corpora's CCCs, because a CCC over all
utterances mixes scales.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..metrics.concordance_statistics import (
    bootstrap_moments,
    concordance_correlation_coefficient,
    pearson_correlation,
    unit_moments,
)
from ..metrics.confidence_interval import percentile_interval
from .predictions import PREDICTED_PREFIX, num_speakers, predicted_dimensions


_UTTERANCE_MARK = "*"
_NAME_WIDTH = 18  # characters of the corpus in the terminal table


def dimension_scores(
    frame: pd.DataFrame, *, seed: int = 0, num_resamples: int = 1000, confidence: float = 0.95
) -> dict[str, dict[str, Any]]:
    """Score the dimensions of a predictions table.

    Args:
        frame (`pd.DataFrame`): A predictions table, see [`~hf_emotion.evaluation.predictions.predictions_table`].
        seed (`int`, *optional*, defaults to 0): Seed of the bootstrap; a corpus gets the same draws of speakers as for
            its recall.
        num_resamples (`int`, *optional*, defaults to 1000): Bootstrap resamples of speakers within each corpus.
        confidence (`float`, *optional*, defaults to 0.95): Coverage of the intervals.

    Returns:
        `dict[str, dict]`: For each dimension with two or more rated utterances `ccc`, its `interval` and
        `interval_unit`, `pearson`, `mae` (mean absolute error on the scale of the ratings), `num_utterances` and
        `num_speakers` (rated ones; `None` if a speaker is unknown). NaN, and `None` as interval, stand for
        "undefined".

    Example:

    ```python
    >>> from hf_emotion.evaluation.predictions import predictions_table
    >>> table = predictions_table(
    ...     [{"utterance_id": str(index), "corpus": "toy"} for index in range(4)],
    ...     labels=[0] * 4,
    ...     classes=["joy"],
    ...     probabilities=np.ones((4, 1)),
    ...     ratings={"arousal": [1.0, 2.0, 3.0, None]},
    ...     predicted_ratings={"arousal": [2.0, 3.0, 4.0, 5.0]},
    ... )
    >>> entry = dimension_scores(table)["arousal"]
    >>> round(entry["ccc"], 3), entry["mae"], entry["num_utterances"]
    (0.571, 1.0, 3)

    ```
    """
    scores = {}
    for name, rows in _rated_parts(frame):
        parts = [_replicates(part, name, seed, num_resamples) for _, part in rows.groupby("corpus", sort=True)]
        rated, predicted = _ratings(rows, name)
        moments = unit_moments(rated, predicted, np.zeros(len(rows), dtype=np.int64))[0]
        replicates = concordance_correlation_coefficient(np.sum([part for part, _ in parts], axis=0))
        scores[name] = {
            "ccc": float(concordance_correlation_coefficient(moments)),
            "interval": _interval(replicates, confidence),
            "interval_unit": " or ".join(sorted({unit for _, unit in parts})),
            "pearson": float(pearson_correlation(moments)),
            "mae": float(np.abs(rated - predicted).mean()),
            "num_utterances": len(rows),
            "num_speakers": num_speakers(rows),
        }
    return scores


def mean_corpus_dimensions(
    corpora: Mapping[str, pd.DataFrame], *, seed: int = 0, num_resamples: int = 1000, confidence: float = 0.95
) -> dict[str, dict[str, Any]]:
    """Mean over corpora of the concordance of each dimension: each corpus counts the same, on its own scale.

    Args:
        corpora (`Mapping[str, pd.DataFrame]`): Predictions table of each corpus.
        seed, num_resamples, confidence: See [`dimension_scores`].

    Returns:
        `dict[str, dict]`: For each dimension `ccc`, `interval`, `interval_unit` and `num_corpora` (those in which it
        is defined).
    """
    values: dict[str, list[tuple[float, np.ndarray, str]]] = {}
    for frame in corpora.values():
        for name, rows in _rated_parts(frame):
            moments = unit_moments(*_ratings(rows, name), np.zeros(len(rows), dtype=np.int64))[0]
            score = float(concordance_correlation_coefficient(moments))
            if np.isfinite(score):
                drawn, unit = _replicates(rows, name, seed, num_resamples)
                values.setdefault(name, []).append((score, concordance_correlation_coefficient(drawn), unit))
    return {
        name: {
            "ccc": float(np.mean([score for score, _, _ in parts])),
            "interval": _interval(np.mean([drawn for _, drawn, _ in parts], axis=0), confidence),
            "interval_unit": " or ".join(sorted({unit for _, _, unit in parts})),
            "num_corpora": len(parts),
        }
        for name, parts in values.items()
    }


def format_dimensions(report: Mapping[str, Any]) -> str:
    """Lay out the dimensions of a report as a table for a terminal of 80 columns.

    Args:
        report (`Mapping`): What [`~hf_emotion.evaluation.report.evaluate_predictions`] returns.

    Returns:
        `str`: A block for each dimension; empty if there is none.
    """
    names = list(report["overall"].get("dimensions", {}))  # reports of older versions have none
    if not names:
        return ""
    coverage = f"CCC [{100 * report['bootstrap']['confidence']:g} % CI]"
    header = _line("dimension", "corpus", coverage, "r", "MAE", "utts.", "spk.")
    lines = [header, "-" * len(header)]
    for name in names:
        for index, (corpus, entry) in enumerate(_rows(report, name)):
            lines.append(_entry_line("" if index else name, corpus, entry))
    if any(
        len(report["per_corpus"]) > 1 and report["mean_corpus_dimensions"][name]["num_corpora"] > 1
        for name in report["mean_corpus_dimensions"]
    ):
        lines.append("all utterances: mixes the scales of the corpora, unlike the mean")
    return "\n".join([*lines, "r: Pearson's correlation; MAE: mean absolute error on the scale of the ratings"])


def _rows(report: Mapping[str, Any], name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    rated = {
        corpus: part["dimensions"][name] for corpus, part in report["per_corpus"].items() if name in part["dimensions"]
    }
    yield from rated.items()
    mean = report["mean_corpus_dimensions"].get(name)
    if mean is not None and mean["num_corpora"] > 1:
        yield f"mean of {mean['num_corpora']} corpora", mean
    if len(rated) != 1:
        yield "all utterances", report["overall"]["dimensions"][name]


def _entry_line(name, corpus, entry):
    interval = entry["interval"]
    score = f"{_number(entry['ccc']):>6}"
    if interval is not None:
        mark = f" {_UTTERANCE_MARK}" if "utterance" in entry["interval_unit"] else ""
        score += f" [{_number(interval[0])}, {_number(interval[1])}]{mark}"
    speakers = "" if "num_speakers" not in entry else "?" if entry["num_speakers"] is None else entry["num_speakers"]
    others = [_number(entry[key]) if key in entry else "" for key in ("pearson", "mae")]
    return _line(name, corpus, score, *others, entry.get("num_utterances", ""), speakers)


def _line(name, corpus, score, pearson, mae, utterances, speakers):
    corpus = corpus if len(corpus) <= _NAME_WIDTH else corpus[: _NAME_WIDTH - 1] + "…"
    line = f"{name:<9} {corpus:<{_NAME_WIDTH}} {score:<25} {pearson:>6} {mae:>5} {utterances:>6} {speakers:>4}"
    return line.rstrip()


def _number(value):
    """Three digits behind the point, fewer of large numbers."""
    return "-" if value is None else f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def _rated_parts(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Dimensions with enough ratings, and the rows that have one."""
    for name in predicted_dimensions(frame):
        rows = frame[frame[name].notna()]
        if len(rows) > 1:
            yield name, rows


def _ratings(rows: pd.DataFrame, name: str) -> tuple[np.ndarray, np.ndarray]:
    return rows[name].to_numpy(dtype=np.float64), rows[PREDICTED_PREFIX + name].to_numpy(dtype=np.float64)


def _replicates(rows: pd.DataFrame, name: str, seed: int, num_resamples: int) -> tuple[np.ndarray, str]:
    """Bootstrap moments of rows of one corpus, independent of those of any other corpus."""
    generator = np.random.default_rng([seed, zlib.crc32(str(rows["corpus"].iloc[0]).encode())])
    return bootstrap_moments(
        *_ratings(rows, name), groups=rows["speaker_id"].tolist(), num_resamples=num_resamples, generator=generator
    )


def _interval(replicates: np.ndarray, confidence: float) -> list[float] | None:
    return list(percentile_interval(replicates, confidence)) if np.isfinite(replicates).any() else None
