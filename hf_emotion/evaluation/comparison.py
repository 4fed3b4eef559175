"""Two runs on the same test utterances: which is better, by how much, and could it be chance?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..metrics import confusion_statistics as statistics
from ..metrics.significance import (
    PairedUnits,
    joined_units,
    paired_units,
    permuted_confusions,
    resampled_confusions,
    score_differences,
)
from .paired_differences import add_adjusted_p_values, compare_dimensions, difference_entry, named_generator
from .predictions import (
    PREDICTED_PREFIX,
    PREDICTIONS_FILE,
    check_predictions,
    load_predictions,
    num_speakers,
    predicted_classes,
    predicted_dimensions,
    with_metadata,
)


COMPARED_METRICS = {
    "uar": statistics.unweighted_average_recall,
    "macro_f1": statistics.macro_f1,
    "accuracy": statistics.accuracy,
}
METRIC_TITLES = {"uar": "UAR", "macro_f1": "macro-F1", "accuracy": "accuracy"}

_KEY = ["corpus", "utterance_id"]
# In simulations 95 % intervals cover 84 % with 5 speakers, 90 % with 10, 93 % with 20 and 94 % with 40.
_FEW_SPEAKERS = 10
_NAME_WIDTH = 20  # characters of the first column of the terminal table


def load_run_predictions(source: str | Path) -> pd.DataFrame:
    """Read the test predictions of a run.

    Args:
        source (`str` or `os.PathLike`): Folder of a run, or a predictions table (Parquet).

    Returns:
        `pd.DataFrame`: The predictions table, checked.

    Raises:
        FileNotFoundError: There is no such file, or the folder holds no predictions.
        ValueError: The file holds no predictions table, see [`~hf_emotion.evaluation.predictions.check_predictions`].
    """
    path = Path(source)
    if path.is_dir():
        path = path / PREDICTIONS_FILE
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no {path}. Name a run folder that holds {PREDICTIONS_FILE}, or a predictions table; "
            f"`hf-emotion evaluate --output_dir` writes one."
        )
    return load_predictions(path)


def paired_table(frame_a: pd.DataFrame, frame_b: pd.DataFrame, *, intersect: bool = False) -> pd.DataFrame:
    """Put the predictions of two runs for the same utterances side by side.

    Args:
        frame_a (`pd.DataFrame`): Predictions table of the first run.
        frame_b (`pd.DataFrame`): Predictions table of the second run; its rows may be in another order.
        intersect (`bool`, *optional*, defaults to `False`): Leave out utterances that one of the runs lacks.

    Returns:
        `pd.DataFrame`: Columns `corpus, utterance_id, speaker_id, gender, language, label, prediction_a,
        prediction_b`, in the order of corpora and utterances; of emotion dimensions that both runs predict also
        `arousal, predicted_arousal_a, predicted_arousal_b`, and so on. What one run does not know of an utterance is
        taken from the other run.

    Raises:
        ValueError: Runs with different utterances, without common ones, or with different labels, speakers or ratings
            for the same utterance.
    """
    dimensions = _common_dimensions(frame_a, frame_b)
    shared = ["speaker_id", "gender", "language", "label", *dimensions]
    single = ["prediction", *(PREDICTED_PREFIX + name for name in dimensions)]
    tables = [with_metadata(frame)[[*_KEY, *shared, *single]] for frame in (frame_a, frame_b)]
    pairs = tables[0].merge(
        tables[1], on=_KEY, how="outer", suffixes=("_a", "_b"), indicator="found", validate="one_to_one"
    )
    _check_same_utterances(pairs, intersect)
    pairs = pairs[pairs["found"] == "both"].sort_values(_KEY, ignore_index=True)
    for column in shared:
        if column in ("speaker_id", "label", *dimensions):
            _check_same_values(pairs, column)
        pairs[column] = pairs[f"{column}_a"].where(pairs[f"{column}_a"].notna(), pairs[f"{column}_b"])
    return pairs[[*_KEY, *shared, *(f"{column}_{run}" for column in single for run in "ab")]]


def compare_predictions(
    frame_a: pd.DataFrame,
    frame_b: pd.DataFrame,
    *,
    names: Sequence[str] = ("A", "B"),
    metrics: Sequence[str] = tuple(COMPARED_METRICS),
    intersect: bool = False,
    seed: int = 0,
    num_resamples: int = 1000,
    num_permutations: int = 9999,
    confidence: float = 0.95,
) -> dict[str, Any]:
    """Compare two runs: scores, differences B - A with intervals, p-values; overall, per corpus and per class.

    The p-value is that of a paired permutation test over speakers, the interval that of a paired bootstrap over
    speakers within each corpus (see [`~hf_emotion.metrics.significance`]); utterances stand in for speakers in a
    corpus with fewer than three known speakers. With fewer than about ten speakers the intervals are too narrow, and
    the p-value is the better guide. `p_value_holm` is adjusted for the number of corpora, or of classes, looked at.
    Both say how far the result depends on who is in the test set. How far it depends on the training seed they cannot
    say: for that, train with several seeds. Emotion dimensions that both runs predict are compared by their
    concordance in the same way.

    Args:
        frame_a (`pd.DataFrame`): Predictions table of the first run.
        frame_b (`pd.DataFrame`): Predictions table of the second run.
        names (`Sequence[str]`, *optional*): What to call the two.
        metrics (`Sequence[str]`, *optional*): Some of `uar`, `macro_f1` and `accuracy`; all by default.
        intersect (`bool`, *optional*, defaults to `False`): Leave out utterances that one of the runs lacks.
        seed (`int`, *optional*, defaults to 0): Seed of both resamplings. A corpus gets the same numbers in any
            company.
        num_resamples (`int`, *optional*, defaults to 1000): Bootstrap resamples.
        num_permutations (`int`, *optional*, defaults to 9999): Random permutations; up to this many are enumerated.
        confidence (`float`, *optional*, defaults to 0.95): Coverage of the intervals.

    Returns:
        `dict`: Keys `runs, classes, overall, per_corpus, mean_of_corpora, dimensions, settings`. A part holds
        `num_utterances`, `num_speakers`, `num_changed` (utterances that the runs answer differently), `unit`,
        `metrics` and `recall` (per class); each entry of these `a, b, difference, interval, p_value, is_exact,
        p_value_holm`.
        `mean_of_corpora` is `None` with one corpus. `dimensions` is what
        [`~hf_emotion.evaluation.paired_differences.compare_dimensions`] returns.

    Raises:
        ValueError: An unknown metric, or what [`paired_table`] finds.
    """
    unknown = sorted(set(metrics) - set(COMPARED_METRICS))
    if unknown or not metrics:
        raise ValueError(f"There is no metric {unknown} to compare; choose from {', '.join(COMPARED_METRICS)}.")
    classes = list(dict.fromkeys([*predicted_classes(frame_a), *predicted_classes(frame_b)]))
    check_predictions(frame_a, predicted_classes(frame_a))
    check_predictions(frame_b, predicted_classes(frame_b))
    pairs = paired_table(frame_a, frame_b, intersect=intersect)
    comparer = _Comparer(classes, list(metrics), seed, num_resamples, num_permutations, confidence)
    corpora = {str(name): part for name, part in pairs.groupby("corpus", sort=True)}
    units = {name: comparer.units(part) for name, part in corpora.items()}
    per_corpus = {name: comparer.compare(part, {name: units[name]}) for name, part in corpora.items()}
    for metric in metrics:
        add_adjusted_p_values([part["metrics"][metric] for part in per_corpus.values()])
    return {
        "runs": {"a": names[0], "b": names[1]},
        "classes": classes,
        "overall": comparer.compare(pairs, units),
        "mean_of_corpora": comparer.mean_of_corpora(units) if len(units) > 1 else None,
        "per_corpus": per_corpus,
        "dimensions": compare_dimensions(
            pairs,
            _common_dimensions(frame_a, frame_b),
            seed=seed,
            num_resamples=num_resamples,
            num_permutations=num_permutations,
            confidence=confidence,
        ),
        "settings": {
            "seed": seed,
            "num_resamples": num_resamples,
            "num_permutations": num_permutations,
            "confidence": confidence,
            "intersect": intersect,
            "num_left_out": len(frame_a) + len(frame_b) - 2 * len(pairs),
        },
    }


def format_comparison(report: Mapping[str, Any]) -> str:
    """Lay out a comparison as a table for a terminal of 80 columns; scores and differences times 100.

    Args:
        report (`Mapping`): What [`compare_predictions`] returns.

    Returns:
        `str`: A block of lines per metric, per emotion dimension, and one for the classes.
    """
    settings, overall = report["settings"], report["overall"]
    header = _line("", "A", "B", f"B - A [{100 * settings['confidence']:g} % CI]", "p", "utts.", "spk.")
    rule, lines = "-" * 80, [f"A: {report['runs']['a']}", f"B: {report['runs']['b']}"]
    for metric in overall["metrics"]:
        lines += [rule, f"{METRIC_TITLES[metric]}{header[len(METRIC_TITLES[metric]) :]}", rule]
        lines += _metric_lines(report, metric)
    for name, entries in report.get("dimensions", {}).items():  # reports of older versions have none
        title = f"{name} CCC"
        lines += [rule, f"{title}{header[len(title) :]}", rule, *_dimension_lines(entries)]
    lines += [rule, f"recall{header[len('recall') :]}", rule]
    for name, entry in overall["recall"].items():
        if entry is not None:
            lines.append(_entry_line(name, entry, str(entry["support"]), ""))
    return "\n".join([*lines, rule, *_notes(report)])


def _metric_lines(report: Mapping[str, Any], metric: str) -> Iterator[str]:
    for name, part in report["per_corpus"].items():
        yield _part_line(name, part, metric)
    if report["mean_of_corpora"] is not None:
        yield _entry_line(f"mean of {len(report['per_corpus'])} corpora", report["mean_of_corpora"][metric], "", "")
        yield _part_line("all utterances", report["overall"], metric)


def _dimension_lines(entries: Mapping[str, Any]) -> Iterator[str]:
    means = {f"mean of {len(entries['per_corpus'])} corpora": entries["mean_of_corpora"]}
    totals = {"all utterances": entries["overall"]} if len(entries["per_corpus"]) > 1 else {}
    for name, entry in {**entries["per_corpus"], **means, **totals}.items():
        if entry is not None:
            speakers = "?" if entry.get("num_speakers", "") is None else str(entry.get("num_speakers", ""))
            yield _entry_line(name, entry, str(entry.get("num_utterances", "")), speakers)


def _notes(report):
    settings, overall = report["settings"], report["overall"]
    units = {part["unit"] for part in report["per_corpus"].values()}
    yield f"{overall['num_changed']} of {overall['num_utterances']} utterances are answered differently."
    yield f"Exchanged and resampled: {' or '.join(f'{unit}s' for unit in sorted(units))}."
    if "utterance" in units:
        yield "Utterances: in corpora with fewer than 3 known speakers; p is rather too small."
    few = [name for name, part in report["per_corpus"].items() if (part["num_speakers"] or 0) < _FEW_SPEAKERS]
    if few:
        share = f"{len(few)} of {len(report['per_corpus'])} corpora"
        yield f"Fewer than {_FEW_SPEAKERS} known speakers in {share}: intervals too narrow."
    yield f"p: paired permutation test, two-sided (= exact, ~ {settings['num_permutations']} draws),"
    yield "not adjusted for the number of lines (the JSON file has Holm's adjustment)."
    if settings["num_left_out"]:
        yield f"{settings['num_left_out']} utterances left out: only one of the runs has them."


def _part_line(name, part, metric):
    speakers = "?" if part["num_speakers"] is None else str(part["num_speakers"])
    return _entry_line(name, part["metrics"][metric], str(part["num_utterances"]), speakers)


def _entry_line(name, entry, utterances, speakers):
    low, high = entry["interval"]
    difference = f"{100 * entry['difference']:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"
    p_value = f"{'=' if entry['is_exact'] else '~'} {entry['p_value']:.4f}"
    return _line(name, f"{100 * entry['a']:.1f}", f"{100 * entry['b']:.1f}", difference, p_value, utterances, speakers)


def _line(name, a, b, difference, p_value, utterances, speakers):
    name = name if len(name) <= _NAME_WIDTH else name[: _NAME_WIDTH - 1] + "…"
    return f"{name:<{_NAME_WIDTH}} {a:>5} {b:>5}  {difference:<21} {p_value:>8} {utterances:>7} {speakers:>5}".rstrip()


def _check_same_utterances(pairs, intersect):
    only_a, only_b = pairs[pairs["found"] == "left_only"], pairs[pairs["found"] == "right_only"]
    num_common = int((pairs["found"] == "both").sum())
    if not num_common or ((len(only_a) or len(only_b)) and not intersect):
        examples = "; ".join(
            f"only in {name}: {len(rows)}, first {rows['utterance_id'].iloc[0]!r} of {rows['corpus'].iloc[0]}"
            for name, rows in (("A", only_a), ("B", only_b))
            if len(rows)
        )
        advice = (
            "Score both models on the same part of the same split, or pass --intersect to compare on the common ones."
            if num_common
            else "Were the runs tested on different corpora, or are the utterances named differently?"
        )
        raise ValueError(f"The runs have {num_common} utterances in common ({examples}). {advice}")


def _check_same_values(pairs, column):
    first, second = pairs[f"{column}_a"], pairs[f"{column}_b"]
    is_same = np.isclose(first, second) if first.dtype.kind == "f" and second.dtype.kind == "f" else first == second
    differs = pairs[~is_same & first.notna() & second.notna()]
    if len(differs):
        row = differs.iloc[0]
        raise ValueError(
            f"The runs disagree on the {column} of {len(differs)} of {len(pairs)} common utterances, first "
            f"{row['utterance_id']!r} of {row['corpus']}: {row[f'{column}_a']!r} and {row[f'{column}_b']!r}. "
            "They cannot be compared: were they trained on different classes or versions of a corpus?"
        )


class _Comparer:
    """Compares parts of a paired table with the same classes and settings."""

    def __init__(self, classes, metrics, seed, num_resamples, num_permutations, confidence):
        self.classes, self.seed = classes, seed
        self.statistics = {name: COMPARED_METRICS[name] for name in metrics}
        self.num_resamples, self.num_permutations, self.confidence = num_resamples, num_permutations, confidence

    def units(self, pairs: pd.DataFrame) -> PairedUnits:
        truth, first, second = (
            pd.Categorical(pairs[column], categories=self.classes).codes.astype(np.int64)
            for column in ("label", "prediction_a", "prediction_b")
        )
        return paired_units(truth, first, second, len(self.classes), pairs["speaker_id"].tolist())

    def compare(self, pairs: pd.DataFrame, units: Mapping[str, PairedUnits]) -> dict[str, Any]:
        joined = joined_units(list(units.values()))
        generator = named_generator(self.seed, "permutation", *sorted(units))
        permuted, weights = permuted_confusions(joined, self.num_permutations, generator)
        resampled = sum(self._resampled(name, part) for name, part in units.items())

        def entry(statistic):
            return difference_entry(
                statistic(joined.total),
                score_differences(resampled, statistic),
                score_differences(permuted, statistic),
                weights,
                self.confidence,
            )

        support = joined.total[0].sum(axis=1).astype(int)
        recall = {
            name: entry(_class_recall(index)) | {"support": int(support[index])} if support[index] else None
            for index, name in enumerate(self.classes)
        }
        add_adjusted_p_values([value for value in recall.values() if value is not None])
        return {
            "num_utterances": len(pairs),
            "num_speakers": num_speakers(pairs),
            "num_changed": int((pairs["prediction_a"] != pairs["prediction_b"]).sum()),
            "unit": joined.unit,
            "num_units": joined.num_units,
            "metrics": {name: entry(statistic) for name, statistic in self.statistics.items()},
            "recall": recall,
        }

    def mean_of_corpora(self, units: Mapping[str, PairedUnits]) -> dict[str, Any]:
        """Each corpus counts the same however large it is: the mean of the corpora's scores."""
        values: dict[str, list[tuple[np.ndarray, ...]]] = {name: [] for name in self.statistics}
        for corpus, part in units.items():
            generator = named_generator(self.seed, "mean", corpus)
            exchanged, _ = permuted_confusions(part, self.num_permutations, generator, is_exact_allowed=False)
            drawn = self._resampled(corpus, part)
            for name, statistic in self.statistics.items():
                differences = score_differences(drawn, statistic), score_differences(exchanged, statistic)
                values[name].append((statistic(part.total), *differences))
        means = {name: [np.mean(parts, axis=0) for parts in zip(*rows, strict=True)] for name, rows in values.items()}
        return {
            name: difference_entry(scores, resampled, permuted, None, self.confidence)
            for name, (scores, resampled, permuted) in means.items()
        }

    def _resampled(self, corpus, units):
        return resampled_confusions(units, self.num_resamples, named_generator(self.seed, "bootstrap", corpus))


def _common_dimensions(frame_a: pd.DataFrame, frame_b: pd.DataFrame) -> list[str]:
    return [name for name in predicted_dimensions(frame_a) if name in predicted_dimensions(frame_b)]


def _class_recall(index: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda confusions: statistics.recalls(confusions)[..., index]
