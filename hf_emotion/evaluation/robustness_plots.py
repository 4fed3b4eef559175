"""Figure of a robustness test: scores over the signal-to-noise ratio, and losses under the other conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.degradation import CLEAN, KINDS
from .comparison import METRIC_TITLES
from .plots import COLOURS, GREY


if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SNR_UNIT = "dB SNR"
_MARKS = "osD"
_ROW_HEIGHT = 0.24  # inches per condition
_SIGNIFICANT = 0.05


def robustness_figure(report: Mapping[str, Any], metric: str = "uar") -> Figure:
    """Draw a score over the SNR for each kind of noise, and bars of the difference to clean for all other conditions.

    Args:
        report (`Mapping`): What [`~hf_emotion.evaluation.robustness.robustness_report`] returns.
        metric (`str`, *optional*, defaults to `"uar"`): `"uar"`, `"macro_f1"` or `"accuracy"`.

    Returns:
        `matplotlib.figure.Figure`: The figure, over all utterances; see
        [`~hf_emotion.evaluation.plots.save_figure`]. Panels without conditions are left out.

    Raises:
        ValueError: There are clean clips only.
    """
    from matplotlib.figure import Figure

    clean = next(entry for entry in report["conditions"] if entry["kind"] == CLEAN)
    noisy = [entry for entry in report["conditions"] if entry["unit"] == _SNR_UNIT]
    others = [entry for entry in report["conditions"] if entry not in noisy and entry["kind"] != CLEAN]
    heights = [*([3.0] if noisy else []), *([0.75 + _ROW_HEIGHT * len(others)] if others else [])]
    if not heights:
        raise ValueError("The report holds clean clips only: there is nothing to draw. Test further conditions.")
    figure = Figure(figsize=(7.2, 0.5 + sum(heights)), layout="constrained")
    panels = list(figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0])
    if noisy:
        _draw_curves(panels[0], clean, noisy, metric)
    if others:
        _draw_differences(panels[-1], others, metric)
    confidence = f"{100 * report['settings']['confidence']:g} % intervals"
    unit = clean["overall"]["interval_unit"]
    figure.suptitle(
        f"{METRIC_TITLES[metric]} of {clean['overall']['num_utterances']} utterances; {confidence} over {unit}s",
        fontsize=9,
    )
    return figure


def _draw_curves(axes: Axes, clean: Mapping[str, Any], noisy: Sequence[Mapping[str, Any]], metric: str) -> None:
    """Best SNR on the left; clean clips stand for an infinite one."""
    ratios = sorted({entry["value"] for entry in noisy}, reverse=True)
    gaps = -np.diff(ratios)
    step = float(gaps.max()) if len(gaps) else 10.0
    clean_at = -(ratios[0] + step)
    kinds = list(dict.fromkeys(entry["kind"] for entry in noisy))
    for index, kind in enumerate(kinds):
        entries = sorted((entry for entry in noisy if entry["kind"] == kind), key=lambda entry: -entry["value"])
        # side by side: intervals at the same SNR would hide each other
        offset = 0.03 * step * (index - (len(kinds) - 1) / 2)
        positions = [-entry["value"] + offset for entry in entries]
        values, errors = _values([entry["overall"]["metrics"][metric] for entry in entries])
        colour = COLOURS[index % len(COLOURS)]
        clean_value = 100 * clean["overall"]["metrics"][metric]["value"]
        axes.plot([clean_at, positions[0]], [clean_value, values[0]], color=colour, linewidth=1.0, linestyle=":")
        axes.errorbar(
            positions, values, yerr=errors, color=colour, marker=_MARKS[index % len(_MARKS)], markersize=5,
            linewidth=1.6, elinewidth=1.1, capsize=2.5, label=KINDS[kind].title,
        )  # fmt: skip
    values, errors = _values([clean["overall"]["metrics"][metric]])
    axes.errorbar(
        [clean_at], values, yerr=errors, color="black", marker="o", markersize=5, elinewidth=1.1, capsize=2.5
    )
    if metric == "uar":
        chance = 100 * clean["overall"]["chance_level"]
        axes.axhline(chance, color=GREY, linewidth=0.9, linestyle="--", label="chance level")
    axes.set_xticks([clean_at, *(-ratio for ratio in ratios)], ["clean", *(f"{ratio:g}" for ratio in ratios)])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("signal-to-noise ratio (dB)", fontsize=9)
    axes.set_ylabel(f"{METRIC_TITLES[metric]} (%)", fontsize=9)
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc="lower left")  # scores fall to the right, and the axis starts at 0


def _draw_differences(axes: Axes, entries: Sequence[Mapping[str, Any]], metric: str) -> None:
    rows = np.arange(len(entries))
    scores = [entry["overall"]["metrics"][metric] for entry in entries]
    values, errors = _values(scores, "difference", "difference_interval")
    colours = [
        GREY if score["p_value"] >= _SIGNIFICANT else COLOURS[0] if score["difference"] > 0 else COLOURS[1]
        for score in scores
    ]
    axes.barh(rows, values, height=0.62, color=colours, alpha=0.55)
    axes.errorbar(
        values, rows, xerr=errors, color="black", linestyle="none", marker="o", markersize=3, elinewidth=1.1, capsize=2
    )
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_yticks(rows, [_named(entry) for entry in entries], fontsize=8)
    axes.set_ylim(len(entries) - 0.4, -0.6)
    axes.set_xlabel(
        f"{METRIC_TITLES[metric]} - clean (points); coloured: p < {_SIGNIFICANT} before adjustment", fontsize=9
    )
    axes.grid(axis="x", color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=8)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _values(
    scores: Sequence[Mapping[str, Any]], value: str = "value", interval: str = "interval"
) -> tuple[np.ndarray, np.ndarray]:
    """Values in percent, and how far their intervals reach down and up; no interval has no reach."""
    values = np.array([100 * score[value] for score in scores])
    ends = np.array([[100 * end for end in score[interval] or (score[value],) * 2] for score in scores])
    # the percentile interval of a bootstrap need not hold the value itself
    return values, np.maximum(0, np.stack([values - ends[:, 0], ends[:, 1] - values]))


def _named(entry: Mapping[str, Any]) -> str:
    title = KINDS[entry["kind"]].title
    return title if entry["value"] is None else f"{title}, {entry['value']:g} {entry['unit']}"
