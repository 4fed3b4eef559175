"""From a predictions table to a report: scores with confidence intervals, per corpus and per gender."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..metrics import confusion_statistics as statistics
from ..metrics.confidence_interval import bootstrap_confusions, percentile_interval
from ..metrics.equal_error_rate import class_equal_error_rates
from ..metrics.expected_calibration_error import calibration_error
from .dimension_scores import dimension_scores, format_dimensions, mean_corpus_dimensions
from .fairness import fairness_gaps, format_fairness
from .predictions import (
    PROBABILITY_PREFIX,
    check_predictions,
    load_predictions,
    num_speakers,
    predicted_classes,
    predictions_table,
    save_predictions,
)


__all__ = [
    "evaluate_predictions",
    "format_report",
    "load_metrics",
    "load_predictions",
    "predictions_table",
    "save_metrics",
    "save_predictions",
]


_UTTERANCE_MARK = "*"
_NAME_WIDTH = 20  # characters of the first column of the terminal table

# Scores that come with an interval: quick to recompute from a confusion matrix.
INTERVAL_STATISTICS = {
    "uar": statistics.unweighted_average_recall,
    "macro_f1": statistics.macro_f1,
    "accuracy": statistics.accuracy,
}


def evaluate_predictions(
    frame: pd.DataFrame,
    classes: Sequence[str] | None = None,
    *,
    seed: int = 0,
    num_resamples: int = 1000,
    confidence: float = 0.95,
) -> dict[str, Any]:
    """Score a predictions table as a whole, per corpus, per gender and per gender of each corpus.

    Every part holds `uar`, `macro_f1`, `weighted_f1`, `micro_f1`, `accuracy`, `eer`, `ece`, `num_utterances`,
    `num_speakers`, `num_classes` (classes with references), `chance_level` (their inverse: the UAR of a guess),
    `recall` and `support` per class, `intervals` of UAR, macro-F1 and accuracy, and `interval_unit`. None stands for
    "undefined". Intervals resample speakers, or utterances where fewer than three speakers are known, separately
    within each corpus, so that the mixture of corpora stays as it is. `mean_corpus_uar` is the mean of the corpora's
    UARs, the "average" of the ExHuBERT paper (Table 1). `fairness` holds the gaps between groups of speakers, see
    [`~hf_emotion.evaluation.fairness.fairness_gaps`]. Where the table has predicted ratings, `dimensions` of a part
    holds their concordance, see [`~hf_emotion.evaluation.dimension_scores.dimension_scores`], and
    `mean_corpus_dimensions` its mean over the corpora; both are empty otherwise.

    Args:
        frame (`pd.DataFrame`): A predictions table, see [`predictions_table`].
        classes (`Sequence[str]`, *optional*): Class names in model order; by default those of the probability columns.
        seed (`int`, *optional*, defaults to 0): Seed of the bootstrap. A corpus gets the same interval in any company.
        num_resamples (`int`, *optional*, defaults to 1000): Bootstrap resamples.
        confidence (`float`, *optional*, defaults to 0.95): Coverage of the intervals.

    Returns:
        `dict`: Keys `classes, overall, mean_corpus_uar, mean_corpus_dimensions, per_corpus, per_gender,
        per_corpus_gender, fairness, confusion, bootstrap`; plain numbers, strings, lists and None throughout, so that
        it can be written as JSON.

    Raises:
        ValueError: See [`check_predictions`].
    """
    classes = predicted_classes(frame) if classes is None else list(classes)
    check_predictions(frame, classes)
    frame = frame.sort_values(["corpus", "utterance_id"])  # sums of floats depend on the order of the rows
    scorer = _Scorer(classes, seed, num_resamples, confidence)
    corpora = {str(name): part for name, part in frame.groupby("corpus", sort=True)}
    genders = {str(name): part for name, part in frame.groupby("gender", sort=True)}
    return {
        "classes": classes,
        "overall": scorer.score(frame),
        "mean_corpus_uar": scorer.mean_corpus_uar(corpora),
        "mean_corpus_dimensions": _plain(mean_corpus_dimensions(corpora, **scorer.bootstrap)),
        "per_corpus": {name: scorer.score(part) for name, part in corpora.items()},
        "per_gender": {name: scorer.score(part) for name, part in genders.items()},
        "per_corpus_gender": {
            name: {str(gender): scorer.score(rows) for gender, rows in part.groupby("gender", sort=True)}
            for name, part in corpora.items()
        },
        "fairness": _plain(fairness_gaps(frame, classes, **scorer.bootstrap)),
        "confusion": {
            "overall": scorer.confusion(frame).tolist(),
            "per_corpus": {name: scorer.confusion(part).tolist() for name, part in corpora.items()},
        },
        "bootstrap": {"method": "percentile", **scorer.bootstrap},
    }


def save_metrics(report: Mapping[str, Any], path: str | Path) -> None:
    """Write a report as JSON: keys in their given order, NaN and infinity as null."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(_plain(report), indent=2, ensure_ascii=False, allow_nan=False)
    Path(path).write_text(text + "\n", encoding="utf-8")


def load_metrics(path: str | Path) -> dict[str, Any]:
    """Read a report that [`save_metrics`] wrote."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def format_report(report: Mapping[str, Any]) -> str:
    """Lay out a report as a table for a terminal of 80 columns; scores in percent.

    Args:
        report (`Mapping`): What [`evaluate_predictions`] returns.

    Returns:
        `str`: Lines for each corpus, the corpora together and each gender, then the emotion dimensions, if there are
        any, and the gaps between groups of speakers.
    """
    coverage = f"{100 * report['bootstrap']['confidence']:g} % CI"
    header = _line("corpus", f"UAR [{coverage}]", "macro-F1", "acc.", "chance", "utts.", "spk.")
    rows, rule = list(_report_rows(report)), "-" * len(header)
    dimensions = format_dimensions(report)
    is_marked = any(_UTTERANCE_MARK in row for row in [*rows, *dimensions.splitlines()])
    note = f"Intervals: percentile bootstrap, {report['bootstrap']['num_resamples']} resamples of speakers"
    if is_marked:
        note += f"\n{_UTTERANCE_MARK} utterances resampled where a corpus has fewer than three known speakers"
    gaps = format_fairness(report["fairness"]) if "fairness" in report else ""  # older reports have none
    blocks = [text for text in (dimensions, gaps, note) if text]
    return "\n".join([header, rule, *(row or rule for row in rows), *(f"{rule}\n{text}" for text in blocks)])


def _report_rows(report: Mapping[str, Any]) -> Iterator[str]:
    for name, part in report["per_corpus"].items():
        yield _part_line(name, part)
    yield ""
    mean = report["mean_corpus_uar"]
    label = f"mean of {mean['num_corpora']} corpora" if mean["num_corpora"] > 1 else "mean of 1 corpus"
    yield _line(
        label,
        _with_interval(mean["value"], mean["interval"], mean["interval_unit"]),
        "",
        "",
        _percent(mean["chance_level"]),
        "",
        "",
    )
    yield _part_line("all utterances", report["overall"])
    for gender, part in report["per_gender"].items():
        yield _part_line(f"  {gender}", part)


def _part_line(name, part):
    uar = _with_interval(part["uar"], part["intervals"]["uar"], part["interval_unit"])
    speakers = "?" if part["num_speakers"] is None else str(part["num_speakers"])
    return _line(
        name,
        uar,
        _percent(part["macro_f1"]),
        _percent(part["accuracy"]),
        _percent(part["chance_level"]),
        str(part["num_utterances"]),
        speakers,
    )


def _line(name, uar, macro_f1, accuracy, chance, utterances, speakers):
    name = name if len(name) <= _NAME_WIDTH else name[: _NAME_WIDTH - 1] + "…"
    line = f"{name:<{_NAME_WIDTH}} {uar:<22} {macro_f1:>8} {accuracy:>5} {chance:>6} {utterances:>7} {speakers:>5}"
    return line.rstrip()


def _with_interval(value, interval, unit):
    if interval is None:
        return f"{_percent(value):>5}"
    mark = f" {_UTTERANCE_MARK}" if "utterance" in unit else ""
    return f"{_percent(value):>5} [{_percent(interval[0])}, {_percent(interval[1])}]{mark}"


def _percent(value):
    return "-" if value is None else f"{100 * value:.1f}"


class _Scorer:
    """Scores parts of a predictions table with the same classes and bootstrap settings."""

    def __init__(self, classes, seed, num_resamples, confidence):
        self.classes, self.seed = classes, seed
        self.num_resamples, self.confidence = num_resamples, confidence
        self.bootstrap = {"num_resamples": num_resamples, "confidence": confidence, "seed": seed}

    def score(self, frame):
        confusion = self.confusion(frame)
        support = confusion.sum(axis=1)
        truth, scores = self._ids(frame["label"]), self._scores(frame)
        rates = class_equal_error_rates(scores, truth)
        num_classes = int((support > 0).sum())
        return _plain(
            {
                "uar": statistics.unweighted_average_recall(confusion),
                "macro_f1": statistics.macro_f1(confusion),
                "weighted_f1": statistics.weighted_f1(confusion),
                "micro_f1": statistics.accuracy(confusion),
                "accuracy": statistics.accuracy(confusion),
                "eer": math.nan if np.isnan(rates).all() else np.nanmean(rates),
                "ece": calibration_error(scores, truth),
                "num_utterances": len(frame),
                "num_speakers": num_speakers(frame),
                "num_classes": num_classes,
                "chance_level": 1 / num_classes,
                "recall": dict(zip(self.classes, statistics.recalls(confusion), strict=True)),
                "support": dict(zip(self.classes, support, strict=True)),
                **self._intervals(frame),
                "dimensions": dimension_scores(frame, **self.bootstrap),
            }
        )

    def confusion(self, frame):
        return statistics.confusion_counts(
            self._ids(frame["label"]), self._ids(frame["prediction"]), len(self.classes)
        )

    def mean_corpus_uar(self, corpora):
        replicates, units = [], set()
        for part in corpora.values():
            confusions, unit = self._replicates(part)
            replicates.append(statistics.unweighted_average_recall(confusions))
            units.add(unit)
        values = [statistics.unweighted_average_recall(self.confusion(part)) for part in corpora.values()]
        return _plain(
            {
                "value": np.mean(values),
                "interval": percentile_interval(np.mean(replicates, axis=0), self.confidence),
                "interval_unit": " or ".join(sorted(units)),
                "num_corpora": len(corpora),
                "chance_level": np.mean([1 / part["label"].nunique() for part in corpora.values()]),
            }
        )

    def _intervals(self, frame):
        if len(frame) < 2:
            return {"intervals": dict.fromkeys(INTERVAL_STATISTICS), "interval_unit": None}
        parts = [self._replicates(part) for _, part in frame.groupby("corpus", sort=True)]
        confusions = sum(part for part, _ in parts)
        intervals = {
            name: percentile_interval(statistic(confusions), self.confidence)
            for name, statistic in INTERVAL_STATISTICS.items()
        }
        return {"intervals": intervals, "interval_unit": " or ".join(sorted({unit for _, unit in parts}))}

    def _replicates(self, frame):
        """Bootstrap confusion matrices of rows of one corpus, independent of those of any other corpus."""
        corpus_key = zlib.crc32(str(frame["corpus"].iloc[0]).encode())
        confusions, unit, _ = bootstrap_confusions(
            self._ids(frame["label"]),
            self._ids(frame["prediction"]),
            len(self.classes),
            groups=frame["speaker_id"].tolist(),
            num_resamples=self.num_resamples,
            generator=np.random.default_rng([self.seed, corpus_key]),
        )
        return confusions, unit

    def _ids(self, names):
        return pd.Categorical(names, categories=self.classes).codes.astype(np.int64)

    def _scores(self, frame):
        return frame[[PROBABILITY_PREFIX + name for name in self.classes]].to_numpy(dtype=np.float64)


def _plain(value):
    """Python numbers instead of NumPy's, None instead of NaN."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
