"""How much a trained classifier loses when the test audio gets worse: noise, narrow bands, shifts, gain, clipping.

Each clip is degraded under each condition and classified, and the scores are compared with those of the clean clips,
utterance by utterance. Derington et al. (Testing correctness, fairness, and robustness of speech emotion recognition
models, arXiv 2312.06270) test models in this way and count the predictions that change, which is done here as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..data.degradation import CLEAN, KINDS, NOISE_FILES, Condition, Degradation, parse_conditions
from ..data.noise import NoiseFiles
from ..data.segmentation import load_segment
from ..metrics.significance import holm_adjusted
from .comparison import COMPARED_METRICS, compare_predictions
from .file_predictions import aggregate_segments
from .predictions import METADATA_COLUMNS, check_predictions, predicted_classes, predictions_table
from .report import evaluate_predictions


if TYPE_CHECKING:
    from ..pipelines.recognizer import SpeechEmotionRecognizer

ROBUSTNESS_FILE = "robustness.json"
ROBUSTNESS_PREDICTIONS_FILE = "robustness_predictions.parquet"

_NAME_WIDTH = 20  # characters of the first column of the terminal table
_CORPORA_PER_BLOCK = 5
_FEW_SPEAKERS = 10  # as in `comparison`: intervals over fewer cover less than they promise


def degraded_predictions(
    classifier: SpeechEmotionRecognizer,
    rows: Iterable[Mapping[str, Any]],
    labels: Sequence[str],
    conditions: Sequence[Condition] | None = None,
    *,
    classes: Sequence[str] | None = None,
    noise_dir: str | Path | None = None,
    max_duration_seconds: float | None = None,
    seed: int = 0,
    batch_size: int = 8,
    show_progress: bool = False,
) -> pd.DataFrame:
    """Classify every clip under every condition.

    Each clip is decoded once; its degraded copies follow each other, so that batches hold clips of one length. The
    classifier sees the audio alone: models that use the gender or the text of an utterance run without them.

    Args:
        classifier ([`~hf_emotion.pipelines.recognizer.SpeechEmotionRecognizer`]): Or any object with `classes`,
            `sampling_rate` and `probabilities(waveforms, batch_size)`, whose rows sum to one.
        rows (`Iterable[Mapping]`): Rows with `audio`, `utterance_id` and `corpus`, and where known `speaker_id` and
            `gender`: a `datasets.Dataset`, or dicts. Segments, which have a `file_id`, are degraded one by one and
            scored as whole files.
        labels (`Sequence[str]`): True class of each row.
        conditions (`Sequence[Condition]`, *optional*): What
            [`~hf_emotion.data.degradation.parse_conditions`] returns, which is called for the default.
        classes (`Sequence[str]`, *optional*): Names for the classes of the classifier, in its order, as `labels`
            spells them; by default its own.
        noise_dir (`str` or `os.PathLike`, *optional*): Folder of noise recordings for the condition `noise_files`.
        max_duration_seconds (`float`, *optional*): Take only the start of longer clips, as a model did that was
            trained with `crop: start`.
        seed (`int`, *optional*, defaults to 0): Seed of the noise.
        batch_size (`int`, *optional*, defaults to 8): Clips per batch.
        show_progress (`bool`, *optional*, defaults to `False`): Draw a progress bar where stderr is a terminal.

    Returns:
        `pd.DataFrame`: A predictions table for each condition, below each other, told apart by the first column,
        `condition`.

    Raises:
        ValueError: A condition cannot be had, the noise folder is empty, or see
            [`~hf_emotion.evaluation.predictions.predictions_table`].
        FileNotFoundError: There is no noise folder.
    """
    conditions = parse_conditions(has_noise_files=noise_dir is not None) if conditions is None else conditions
    rate = classifier.sampling_rate
    uses_files = any(condition.kind == NOISE_FILES for condition in conditions)
    noise_files = NoiseFiles(noise_dir, rate) if uses_files and noise_dir is not None else None
    degradations = [Degradation(condition, rate, seed=seed, noise_files=noise_files) for condition in conditions]
    length = None if max_duration_seconds is None else max(1, round(max_duration_seconds * rate))
    metadata: list[dict[str, Any]] = []
    file_ids: list[str] = []

    def clips() -> Iterator[np.ndarray]:
        for row in rows:
            metadata.append({name: row.get(name) for name in METADATA_COLUMNS})
            file_ids.extend([row["file_id"]] if "file_id" in row else [])
            waveform = load_segment(row, rate)[:length]
            for degrade in degradations:
                yield degrade(waveform, f"{row['corpus']}/{row['utterance_id']}")

    answers = classifier.probabilities(clips(), batch_size)
    if show_progress:
        from tqdm import tqdm

        # disable=None: no bar where stderr is not a terminal
        answers = tqdm(answers, total=len(labels) * len(degradations), unit="clip", leave=False, disable=None)
    scores = np.array(list(answers)).reshape(-1, len(degradations), len(classifier.classes))
    tables = []
    for index, condition in enumerate(conditions):
        table = predictions_table(
            metadata, labels=labels, classes=classes or classifier.classes, probabilities=scores[:, index]
        )
        table = aggregate_segments(table, file_ids) if file_ids else table
        table.insert(0, "condition", str(condition))
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def robustness_report(
    table: pd.DataFrame,
    *,
    seed: int = 0,
    num_resamples: int = 1000,
    num_permutations: int = 9999,
    confidence: float = 0.95,
) -> dict[str, Any]:
    """Score every condition and compare it with the clean clips.

    Scores come with bootstrap intervals over speakers (see [`~hf_emotion.evaluation.report.evaluate_predictions`]).
    The difference `score(condition) - score(clean)` has an interval and a p-value of its own, both paired: the same
    speakers are drawn, or exchanged, on both sides (see [`~hf_emotion.evaluation.comparison.compare_predictions`]).
    That interval is much narrower than the two of the scores let expect, since the same clips are easy in both.

    Args:
        table (`pd.DataFrame`): What [`degraded_predictions`] returns.
        seed (`int`, *optional*, defaults to 0): Seed of the resamplings.
        num_resamples (`int`, *optional*, defaults to 1000): Bootstrap resamples.
        num_permutations (`int`, *optional*, defaults to 9999): Random permutations; up to this many are enumerated.
        confidence (`float`, *optional*, defaults to 0.95): Coverage of the intervals.

    Returns:
        `dict`: Keys `classes, conditions, settings`. Each condition holds `condition, kind, value, unit, overall,
        per_corpus, mean_of_corpora`. A part holds `num_utterances, num_speakers, num_changed` (utterances that are not
        answered as the clean ones), `chance_level, interval_unit` and `metrics`; each of UAR, macro-F1 and accuracy
        has `value, interval, difference, difference_interval, p_value, is_exact, p_value_holm` (Holm's adjustment
        for the number of conditions). `mean_of_corpora` holds the metrics alone, without `interval`; it is `None` with
        one corpus.

    Raises:
        ValueError: There are no clean clips to compare with, or what
            [`~hf_emotion.evaluation.predictions.check_predictions`] finds.
    """
    if "condition" not in table.columns or CLEAN not in set(table["condition"]):
        raise ValueError(
            f"The table has no rows of the condition {CLEAN!r} to compare with; make it with `degraded_predictions`."
        )
    settings: dict[str, Any] = {"seed": seed, "num_resamples": num_resamples, "confidence": confidence}
    parts = {str(name): rows.drop(columns="condition") for name, rows in table.groupby("condition", sort=False)}
    entries = []
    for name, rows in parts.items():
        check_predictions(rows, predicted_classes(rows))
        scores = evaluate_predictions(rows, **settings)
        compared = compare_predictions(parts[CLEAN], rows, num_permutations=num_permutations, **settings)
        entries.append(_entry(name, scores, compared))
    _adjust(entries)
    return {
        "classes": predicted_classes(table),
        "conditions": entries,
        "settings": {**settings, "num_permutations": num_permutations},
    }


def _entry(name: str, scores: Mapping[str, Any], compared: Mapping[str, Any]) -> dict[str, Any]:
    kind, _, value = name.partition(":")
    mean = compared["mean_of_corpora"]
    return {
        "condition": name,
        "kind": kind,
        "value": float(value) if value else None,
        "unit": KINDS[kind].unit if kind in KINDS else None,
        "overall": _part(scores["overall"], compared["overall"]),
        "per_corpus": {
            corpus: _part(part, compared["per_corpus"][corpus]) for corpus, part in scores["per_corpus"].items()
        },
        "mean_of_corpora": None
        if mean is None
        else {metric: {"value": mean[metric]["b"], **_difference(mean[metric])} for metric in COMPARED_METRICS},
    }


def _part(scores: Mapping[str, Any], compared: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{name: scores[name] for name in ("num_utterances", "num_speakers")},
        "num_changed": compared["num_changed"],
        **{name: scores[name] for name in ("chance_level", "interval_unit")},
        "metrics": {
            metric: {
                "value": scores[metric],
                "interval": scores["intervals"][metric],
                **_difference(compared["metrics"][metric]),
            }
            for metric in COMPARED_METRICS
        },
    }


def _difference(compared: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "difference": compared["difference"],
        "difference_interval": compared["interval"],
        "p_value": compared["p_value"],
        "is_exact": compared["is_exact"],
    }


def _adjust(entries: Sequence[dict[str, Any]]) -> None:
    """Holm's adjustment of each p-value for the conditions that are compared with the same clean clips."""

    def metrics_of(entry: dict[str, Any]) -> list[dict[str, Any]]:
        parts = [entry["overall"], *entry["per_corpus"].values()]
        means = [] if entry["mean_of_corpora"] is None else [entry["mean_of_corpora"]]
        return [metrics[metric] for metrics in (*(part["metrics"] for part in parts), *means) for metric in metrics]

    degraded = [metrics_of(entry) for entry in entries if entry["kind"] != CLEAN]
    for family in zip(*degraded, strict=True):
        for scores, adjusted in zip(family, holm_adjusted([each["p_value"] for each in family]), strict=True):
            scores["p_value_holm"] = adjusted
    for scores in (scores for entry in entries if entry["kind"] == CLEAN for scores in metrics_of(entry)):
        scores["p_value_holm"] = scores["p_value"]


def format_robustness(report: Mapping[str, Any]) -> str:
    """Lay out a report as tables for a terminal of 80 columns; scores and differences in percent.

    Args:
        report (`Mapping`): What [`robustness_report`] returns.

    Returns:
        `str`: A line for each condition over all utterances, then the losses in UAR of each corpus if there are
        several.
    """
    coverage = f"{100 * report['settings']['confidence']:g} %"
    header = _line("condition", f"UAR [{coverage} CI]", f"- clean [{coverage} CI]", "p", "F1", "acc.")
    rule = "-" * 80
    lines = [header, rule, *(_condition_line(entry) for entry in report["conditions"]), rule]
    corpora = list(report["conditions"][0]["per_corpus"])
    for start in range(0, len(corpora) if len(corpora) > 1 else 0, _CORPORA_PER_BLOCK):
        lines += [*_corpus_lines(report, corpora[start : start + _CORPORA_PER_BLOCK]), rule]
    return "\n".join([*lines, *_notes(report)])


def _notes(report: Mapping[str, Any]) -> Iterator[str]:
    overall, settings = report["conditions"][0]["overall"], report["settings"]
    num_speakers = overall["num_speakers"]
    yield (
        f"{overall['num_utterances']} utterances, {num_speakers or 'unknown'} speakers; chance level "
        f"{100 * overall['chance_level']:.1f} %. F1: macro-F1."
    )
    if overall["interval_unit"] is not None:
        units = f"{overall['interval_unit'].replace(' or ', 's or ')}s"
        yield f"Resampled: {units}, the same on both sides of a difference."
    if "utterance" in (overall["interval_unit"] or ""):
        yield "Utterances: in corpora with fewer than 3 known speakers; p is rather too small."
    if (num_speakers or 0) < _FEW_SPEAKERS:
        yield f"Fewer than {_FEW_SPEAKERS} known speakers: intervals too narrow."
    yield f"p: paired permutation test (exact, or {settings['num_permutations']} draws), two-sided, not adjusted for"
    yield "the number of conditions (the JSON file has Holm's adjustment)."


def _condition_line(entry: Mapping[str, Any]) -> str:
    metrics = entry["overall"]["metrics"]
    uar = metrics["uar"]
    value = f"{100 * uar['value']:.1f}"
    if uar["interval"] is not None:
        value += f" [{100 * uar['interval'][0]:.1f}, {100 * uar['interval'][1]:.1f}]"
    change, low, high = (_points(end) for end in (uar["difference"], *uar["difference_interval"]))
    is_clean = entry["kind"] == CLEAN
    difference = "" if is_clean else f"{change} [{low}, {high}]"
    p_value = "" if is_clean else f"{uar['p_value']:.4f}"
    others = (f"{100 * metrics[name]['value']:.1f}" for name in ("macro_f1", "accuracy"))
    return _line(entry["condition"], value, difference, p_value, *others)


def _points(difference: float) -> str:
    return f"{round(100 * difference, 1) + 0.0:+.1f}"  # + 0.0: no minus before a zero


def _line(name: str, uar: str, difference: str, p_value: str, macro_f1: str, accuracy: str) -> str:
    return f"{name:<{_NAME_WIDTH}} {uar:<18} {difference:<20} {p_value:>6} {macro_f1:>5} {accuracy:>5}".rstrip()


def _corpus_lines(report: Mapping[str, Any], corpora: Sequence[str]) -> Iterator[str]:
    width = min(20, (80 - _NAME_WIDTH) // len(corpora))

    def row(name: str, cells: Iterable[str]) -> str:
        shortened = (cell if len(cell) < width else f"{cell[: width - 2]}…" for cell in cells)
        return f"{name:<{_NAME_WIDTH}}" + "".join(f"{cell:>{width}}" for cell in shortened)

    yield row("UAR - clean of", corpora)
    for entry in report["conditions"]:
        scores = [entry["per_corpus"][name]["metrics"]["uar"] for name in corpora]
        if entry["kind"] == CLEAN:
            yield row(f"({CLEAN}: UAR)", (f"{100 * score['value']:.1f}" for score in scores))
        else:
            yield row(entry["condition"], (_points(score["difference"]) for score in scores))
