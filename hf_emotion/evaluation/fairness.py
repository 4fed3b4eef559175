"""For whom does a model work worse? Gaps of recall between genders, languages and speakers.

A gap is the best group's score minus the worst group's. The interval is that of the difference between these two
groups, from a bootstrap over speakers within each corpus. With more than two groups, best and worst are picked because
they look it, so that the gap is larger than it would be on new speakers. Where a group is more frequent in some
corpora than in others, its gap is partly one between corpora: look at single corpora then.
"""

from __future__ import annotations

import textwrap
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..data.loading import corpus_facts, list_corpora
from ..metrics import confusion_statistics as statistics
from ..metrics.confidence_interval import percentile_interval, resampling_units


MIN_GROUP_SPEAKERS = 3
# Recall on fewer utterances moves by more than ten points with each answer.
MIN_CLASS_UTTERANCES = 10
MIN_SPEAKER_UTTERANCES = 10
NUM_WORST_SPEAKERS = 5
_NUM_SHOWN = 3  # of them in a terminal
_UNBROKEN = "\N{NO-BREAK SPACE}"
_WIDTH = 79  # columns of the text

_ATTRIBUTES = ("gender", "language")


def fairness_gaps(
    frame: pd.DataFrame,
    classes: Sequence[str],
    *,
    seed: int = 0,
    num_resamples: int = 1000,
    confidence: float = 0.95,
) -> dict[str, Any]:
    """Compare groups of speakers by their unweighted average recall (UAR) and by the recall of each class.

    Groups are compared on the classes of which each of them has at least ten utterances: a group without "fear" would
    otherwise be scored on an easier task. Groups of fewer than three known speakers are named and not scored. The
    language of an utterance is that of the column `language` where that is known, else that of its corpus if the
    corpus is published in one language only; regions do not count (`en-US` and `en-GB` are `en`).

    Args:
        frame (`pd.DataFrame`): A predictions table, see [`~hf_emotion.evaluation.predictions.predictions_table`].
        classes (`Sequence[str]`): Class names in model order.
        seed (`int`, *optional*, defaults to 0): Seed of the bootstrap.
        num_resamples (`int`, *optional*, defaults to 1000): Bootstrap resamples.
        confidence (`float`, *optional*, defaults to 0.95): Coverage of the intervals.

    Returns:
        `dict`: Under `gender` and `language` a dict with `groups` (per group `uar` and `recall` on the compared
        classes, `num_utterances`, `num_speakers`), `too_small` (per group why it is not scored), `num_unknown`
        (utterances whose group is unknown), `classes` compared, and `uar` and `recall` (per class) with the gap:
        `best`, `worst`, `gap`, `interval`; `None` with fewer than two groups or classes. Under `speaker`: see
        [`speaker_scores`]. Scores between 0 and 1.
    """
    frame = frame.assign(language=_languages(frame)).reset_index(drop=True)
    report: dict[str, Any] = {
        attribute: _compare_groups(frame, attribute, list(classes), seed, num_resamples, confidence)
        for attribute in _ATTRIBUTES
    }
    report["speaker"] = speaker_scores(frame, classes)
    return report


def speaker_scores(frame: pd.DataFrame, classes: Sequence[str]) -> dict[str, Any]:
    """The spread of speakers' UARs, and the speakers for whom the model works worst.

    Args:
        frame (`pd.DataFrame`): A predictions table.
        classes (`Sequence[str]`): Class names in model order.

    Returns:
        `dict`: `num_scored`, `num_too_small` (speakers of fewer than ten utterances or of one class only, which are
        not scored), `num_unknown` (utterances of unknown speakers), `gap` (best minus worst speaker), `lowest_tenth`
        (the UAR that nine in ten speakers reach), and `worst`: up to five speakers with `corpus`, `speaker_id`, `uar`
        (over the classes that they have), `num_utterances` and `num_classes`, the worst first. Gap and tenth are
        `None` with fewer than three speakers.
    """
    known = frame[frame["speaker_id"].notna()]
    groups = known.groupby(["corpus", "speaker_id"], sort=True)
    confusions = _stacked_confusions(known, classes, groups.ngroup().to_numpy(), groups.ngroups)
    uars = statistics.unweighted_average_recall(confusions)
    scored: list[dict[str, Any]] = []
    for (corpus, speaker), uar, support in zip(groups.size().index, uars, confusions.sum(axis=-1), strict=True):
        if support.sum() < MIN_SPEAKER_UTTERANCES or (support > 0).sum() < 2:
            continue
        scored.append(
            {
                "corpus": str(corpus),
                "speaker_id": str(speaker),
                "uar": float(uar),
                "num_utterances": int(support.sum()),
                "num_classes": int((support > 0).sum()),
            }
        )
    scored.sort(key=lambda speaker: speaker["uar"])
    is_enough = len(scored) >= MIN_GROUP_SPEAKERS
    return {
        "num_scored": len(scored),
        "num_too_small": groups.ngroups - len(scored),
        "num_unknown": len(frame) - len(known),
        "gap": scored[-1]["uar"] - scored[0]["uar"] if is_enough else None,
        "lowest_tenth": float(np.quantile([speaker["uar"] for speaker in scored], 0.1)) if is_enough else None,
        "worst": scored[:NUM_WORST_SPEAKERS] if is_enough else [],
    }


def format_fairness(report: Mapping[str, Any]) -> str:
    """Lay out gaps for a terminal of 80 columns; scores in percent.

    Args:
        report (`Mapping`): What [`fairness_gaps`] returns.

    Returns:
        `str`: Gaps with all groups, the best first, and groups that are too small; empty if there is nothing to
        compare.
    """
    lines = [line for attribute in _ATTRIBUTES for line in _attribute_lines(attribute, report[attribute])]
    lines += _speaker_lines(report["speaker"])
    header = f"{'gaps between':<20} {'UAR, best - worst':<22} groups (UAR, speakers)"
    return "\n".join([header, "-" * 79, *lines]) if lines else ""


def _attribute_lines(attribute: str, entry: Mapping[str, Any]) -> Iterator[str]:
    gap = entry["uar"]
    if len(entry["groups"]) + len(entry["too_small"]) < 2:
        return
    if gap is not None:
        low, high = (100 * end for end in gap["interval"])
        ranked = sorted(entry["groups"].items(), key=lambda item: -item[1]["uar"])
        groups = [f"{name} {100 * group['uar']:.1f} ({group['num_speakers']})" for name, group in ranked]
        yield from _wrapped(attribute, f"{100 * gap['gap']:5.1f} [{low:+.1f}, {high:+.1f}]", groups)
        yield f"  on the {len(entry['classes'])} classes that all groups have"
    elif len(entry["groups"]) > 1:
        yield f"{attribute:<20} not compared: fewer than two classes with {MIN_CLASS_UTTERANCES} utterances"
    else:
        yield f"{attribute:<20} not compared: fewer than two groups are large enough"
    for name, reason in entry["too_small"].items():
        yield f"  {name} not scored: {reason}"
    if entry["num_unknown"]:
        yield f"  unknown for {_counted(entry['num_unknown'], 'utterance')}"


def _speaker_lines(entry: Mapping[str, Any]) -> Iterator[str]:
    if entry["gap"] is None:
        return
    worst = [f"{one['speaker_id']} of {one['corpus']} {100 * one['uar']:.1f}" for one in entry["worst"][:_NUM_SHOWN]]
    score = f"{100 * entry['gap']:5.1f}"
    yield from _wrapped(
        "speakers", score, [f"nine in ten of {entry['num_scored']} reach {100 * entry['lowest_tenth']:.1f}"]
    )
    yield from _wrapped("  worst", "", worst)


def _wrapped(name: str, score: str, items: Sequence[str]) -> list[str]:
    """Two columns, and the items in as many lines of a third as they need, none broken that fits in a line."""
    start = f"{name:<20} {score:<22} "
    room = _WIDTH - len(start) - len(",")
    text = ", ".join(item.replace(" ", _UNBROKEN) if len(item) <= room else item for item in items)
    indent = " " * len(start)
    lines = textwrap.wrap(text, _WIDTH, initial_indent=start, subsequent_indent=indent, break_on_hyphens=False)
    return [line.replace(_UNBROKEN, " ") for line in lines]


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun if number == 1 else noun + 's'}"


def _compare_groups(frame, attribute, classes, seed, num_resamples, confidence) -> dict[str, Any]:
    members = {str(name): rows for name, rows in frame.groupby(attribute, sort=True)}
    too_small = {name: reason for name, rows in members.items() if (reason := _why_too_small(rows)) is not None}
    names = [name for name in members if name not in too_small]
    confusions = np.array([_confusion(members[name], classes) for name in names])
    compared = _compared_classes(confusions, len(classes))
    scores: dict[str, dict[str, Any]] = {
        name: {
            "uar": float(recall[compared].mean()) if compared else None,
            "recall": {classes[index]: float(recall[index]) for index in compared},
            "num_utterances": len(members[name]),
            "num_speakers": _num_speakers(members[name]),
        }
        for name, recall in zip(names, statistics.recalls(confusions) if names else [], strict=True)
    }
    report: dict[str, Any] = {
        "groups": scores,
        "too_small": too_small,
        "num_unknown": int(frame[attribute].isna().sum()),
        "classes": [classes[index] for index in compared],
        "uar": None,
        "recall": {},
    }
    if len(names) < 2 or not compared:
        return report
    rows = frame[frame[attribute].astype(str).isin(names)]
    replicates = statistics.recalls(_resampled(rows, attribute, names, classes, seed, num_resamples))[..., compared]
    if len(compared) > 1:
        report["uar"] = _gap({name: entry["uar"] for name, entry in scores.items()}, replicates.mean(-1), confidence)
    for position, name in enumerate(report["classes"]):
        values = {group: entry["recall"][name] for group, entry in scores.items()}
        report["recall"][name] = _gap(values, replicates[..., position], confidence)
    return report


def _why_too_small(rows: pd.DataFrame) -> str | None:
    if rows["speaker_id"].isna().any():
        return f"{int(rows['speaker_id'].isna().sum())} of {len(rows)} utterances are by unknown speakers"
    speakers = _num_speakers(rows)
    if speakers >= MIN_GROUP_SPEAKERS:
        return None
    return f"{_counted(speakers, 'speaker')}, fewer than {MIN_GROUP_SPEAKERS}"


def _compared_classes(confusions: np.ndarray, num_classes: int) -> list[int]:
    """Classes of which each group has enough utterances."""
    if len(confusions) < 2:
        return [] if len(confusions) == 0 else np.flatnonzero(confusions[0].sum(axis=1)).tolist()
    return np.flatnonzero((confusions.sum(axis=-1) >= MIN_CLASS_UTTERANCES).all(axis=0)).tolist()


def _gap(values: Mapping[str, float], replicates: np.ndarray, confidence: float) -> dict[str, Any]:
    """Gap between the best and the worst group; `replicates` of shape `(num_groups, num_resamples)`."""
    names = list(values)
    best, worst = max(names, key=values.__getitem__), min(names, key=values.__getitem__)
    differences = replicates[names.index(best)] - replicates[names.index(worst)]
    return {
        "best": best,
        "worst": worst,
        "gap": values[best] - values[worst],
        "interval": list(percentile_interval(differences, confidence)),
    }


def _resampled(frame, attribute, names, classes, seed, num_resamples) -> np.ndarray:
    """Confusion matrices per group, shape `(num_groups, num_resamples, num_classes, num_classes)`.

    The same draw of a corpus's speakers serves all groups, since one speaker may speak several languages.
    """
    num_cells = len(names) * len(classes) ** 2
    total = np.zeros((num_resamples, num_cells))
    for corpus, rows in frame.groupby("corpus", sort=True):
        _, ids = resampling_units(rows["speaker_id"].tolist(), len(rows))
        group = pd.Categorical(rows[attribute].astype(str), categories=names).codes.astype(np.int64)
        cells = (group * len(classes) + _ids(rows["label"], classes)) * len(classes)
        cells = ids * num_cells + cells + _ids(rows["prediction"], classes)
        num_units = int(ids.max()) + 1
        counts = np.bincount(cells, minlength=num_units * num_cells).reshape(num_units, num_cells)
        generator = np.random.default_rng([seed, zlib.crc32(f"{attribute}\n{corpus}".encode())])
        draws = generator.multinomial(num_units, np.full(num_units, 1 / num_units), size=num_resamples)
        total += draws.astype(np.float64) @ counts.astype(np.float64)
    return total.reshape(num_resamples, len(names), len(classes), len(classes)).swapaxes(0, 1)


def _languages(frame: pd.DataFrame) -> pd.Series:
    stated = frame["language"] if "language" in frame.columns else pd.Series(None, index=frame.index, dtype=object)
    languages = stated.map(_primary_language, na_action="ignore").astype(object)
    known = set(list_corpora())
    for corpus in frame["corpus"][languages.isna()].unique():
        tags = {_primary_language(tag) for tag in corpus_facts(corpus).languages} if corpus in known else set()
        if len(tags) == 1:
            languages[languages.isna() & (frame["corpus"] == corpus)] = tags.pop()
    return languages


def _primary_language(tag: str) -> str:
    return str(tag).replace("_", "-").split("-")[0].lower()


def _stacked_confusions(
    frame: pd.DataFrame, classes: Sequence[str], groups: np.ndarray, num_groups: int
) -> np.ndarray:
    """Confusion matrices of groups of utterances, shape `(num_groups, num_classes, num_classes)`."""
    size = len(classes)
    cells = (groups * size + _ids(frame["label"], classes)) * size + _ids(frame["prediction"], classes)
    return np.bincount(cells, minlength=num_groups * size**2).reshape(num_groups, size, size)


def _num_speakers(frame: pd.DataFrame) -> int:
    return len(frame[["corpus", "speaker_id"]].drop_duplicates())


def _confusion(rows: pd.DataFrame, classes: Sequence[str]) -> np.ndarray:
    return statistics.confusion_counts(_ids(rows["label"], classes), _ids(rows["prediction"], classes), len(classes))


def _ids(names: pd.Series, classes: Sequence[str]) -> np.ndarray:
    return pd.Categorical(names, categories=classes).codes.astype(np.int64)
