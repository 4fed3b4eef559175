"""Figures of comparisons and of calibration; see [`~hf_emotion.evaluation.plots`] for those of one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .comparison import METRIC_TITLES
from .plots import COLOURS, GREY, readable_class, save_figure


if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW_HEIGHT = 0.32  # inches per corpus or class
_SIGNIFICANT = 0.05


def comparison_figure(report: Mapping[str, Any]) -> Figure:
    """Draw score differences with their intervals, one panel per metric, one row per corpus.

    Args:
        report (`Mapping`): What [`~hf_emotion.evaluation.comparison.compare_predictions`] returns.

    Returns:
        `matplotlib.figure.Figure`: The figure; filled marks have p < 0.05 before any adjustment.
    """
    from matplotlib.figure import Figure

    metrics = list(report["overall"]["metrics"])
    figure = Figure(
        figsize=(2.2 + 2.9 * len(metrics), 1.5 + _ROW_HEIGHT * len(_rows(report, metrics[0]))), layout="constrained"
    )
    panels = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    for panel, metric in zip(panels, metrics, strict=True):
        _draw_differences(panel, _rows(report, metric))
        panel.set_title(METRIC_TITLES[metric], fontsize=10)
    figure.supxlabel("difference B - A (points)", fontsize=9)
    figure.suptitle(_runs(report, "filled differences", "before adjustment"), fontsize=9)
    return figure


def dimension_difference_figure(report: Mapping[str, Any]) -> Figure:
    """Draw differences of the concordance with their intervals, one panel per emotion dimension.

    Args:
        report (`Mapping`): What [`~hf_emotion.evaluation.comparison.compare_predictions`] returns, with dimensions.

    Returns:
        `matplotlib.figure.Figure`: The figure; filled marks have p < 0.05 before any adjustment.
    """
    from matplotlib.figure import Figure

    rows = {name: _dimension_rows(entries) for name, entries in report["dimensions"].items()}
    height = 1.5 + _ROW_HEIGHT * max(map(len, rows.values()))
    figure = Figure(figsize=(0.5 + 3.6 * len(rows), height), layout="constrained")
    # each panel names its rows: corpora need not have the same dimensions
    panels = figure.subplots(1, len(rows), squeeze=False)[0]
    for panel, (name, entries) in zip(panels, rows.items(), strict=True):
        _draw_differences(panel, entries)
        panel.set_title(f"CCC of {name}", fontsize=10)
    figure.supxlabel("difference B - A (times 100)", fontsize=9)
    figure.suptitle(_runs(report, "filled differences", "before adjustment"), fontsize=9)
    return figure


def class_difference_figure(report: Mapping[str, Any]) -> Figure:
    """Draw both runs' recall of each class, and the difference with its interval.

    Args:
        report (`Mapping`): What [`~hf_emotion.evaluation.comparison.compare_predictions`] returns.

    Returns:
        `matplotlib.figure.Figure`: The figure; classes without references are left out.
    """
    from matplotlib.figure import Figure

    entries = {name: entry for name, entry in report["overall"]["recall"].items() if entry is not None}
    figure = Figure(figsize=(7.6, 1.7 + 1.25 * _ROW_HEIGHT * len(entries)), layout="constrained")
    recalls, differences = figure.subplots(1, 2, sharey=True)
    rows = np.arange(len(entries))
    first, second = (np.array([100 * entry[run] for entry in entries.values()]) for run in ("a", "b"))
    recalls.hlines(rows, first, second, color="#BBBBBB", linewidth=1.5, zorder=1)
    recalls.scatter(first, rows, color="white", edgecolor=GREY, linewidth=1.4, s=32, label="A", zorder=2)
    recalls.scatter(second, rows, color=COLOURS[0], s=32, label="B", zorder=3)
    recalls.set_xlim(-2, 102)
    recalls.tick_params(axis="y", labelsize=9)
    recalls.set_xlabel("recall (%)", fontsize=9)
    recalls.legend(frameon=False, fontsize=8, ncols=2, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.1)
    _tidy(recalls)
    _draw_differences(
        differences,
        {f"{readable_class(name)}\n($n$ = {entry['support']})": entry for name, entry in entries.items()},
    )
    differences.set_xlabel("difference B - A (points)", fontsize=9)
    figure.suptitle(_runs(report, "filled differences", "before adjustment"), fontsize=9)
    return figure


def class_heatmap_figure(report: Mapping[str, Any]) -> Figure:
    """Draw the recall difference of each class in each corpus as colours.

    Args:
        report (`Mapping`): What [`~hf_emotion.evaluation.comparison.compare_predictions`] returns.

    Returns:
        `matplotlib.figure.Figure`: The figure; bold numbers have p < 0.05 after Holm's adjustment within the corpus.
    """
    from matplotlib.figure import Figure

    entries = [[part["recall"][name] for name in report["classes"]] for part in report["per_corpus"].values()]
    values = np.array([[np.nan if cell is None else 100 * cell["difference"] for cell in row] for row in entries])
    limit = max(5.0, float(np.nanmax(np.abs(values))))
    figure = Figure(figsize=(2.9 + 0.85 * values.shape[1], 2.0 + 0.42 * values.shape[0]), layout="compressed")
    axes = figure.add_subplot()
    axes.set_facecolor("#EEEEEE")
    image = axes.imshow(values, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        if not np.isnan(value):
            weight = "bold" if entries[row][column]["p_value_holm"] < _SIGNIFICANT else "normal"
            colour = "white" if abs(value) > 0.65 * limit else "black"
            axes.text(column, row, f"{value:+.1f}", ha="center", va="center", fontsize=8, color=colour, weight=weight)
    names = [readable_class(name) for name in report["classes"]]
    axes.set_xticks(range(len(names)), names, rotation=35, ha="right", rotation_mode="anchor", fontsize=9)
    axes.set_yticks(range(len(entries)), list(report["per_corpus"]), fontsize=9)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(_runs(report, "bold", "after Holm's adjustment"), fontsize=9)
    bar = figure.colorbar(image, ax=axes, fraction=0.05, pad=0.03)
    bar.set_label("recall B - A (points)", fontsize=9)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)
    return figure


def reliability_figure(bins: Mapping[str, Sequence[Mapping[str, Any]]], errors: Mapping[str, float]) -> Figure:
    """Draw reliability diagrams side by side: accuracy over confidence, and how many utterances are that confident.

    Args:
        bins (`Mapping[str, Sequence[Mapping]]`): For each title, what
            [`~hf_emotion.evaluation.calibration.reliability_bins`] returns.
        errors (`Mapping[str, float]`): Expected calibration error under each title, between 0 and 1.

    Returns:
        `matplotlib.figure.Figure`: The figure.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(0.6 + 3.2 * len(bins), 4.3), layout="constrained")
    panels = figure.subplots(2, len(bins), sharex=True, sharey="row", squeeze=False, height_ratios=[3, 1])
    for column, (title, rows) in enumerate(bins.items()):
        _draw_reliability(panels[0, column], rows)
        panels[0, column].set_title(f"{title}: ECE {100 * errors[title]:.1f} %", fontsize=10)
        total = sum(row["count"] for row in rows)
        left, widths = [row["low"] for row in rows], [row["high"] - row["low"] for row in rows]
        shares = [100 * row["count"] / total for row in rows]
        panels[1, column].bar(left, shares, widths, align="edge", color="#BBBBBB", edgecolor="white", linewidth=0.5)
        panels[1, column].set_xlabel("confidence", fontsize=9)
    panels[0, 0].set_ylabel("accuracy", fontsize=9)
    panels[1, 0].set_ylabel("utterances (%)", fontsize=9)
    panels[0, 0].legend(frameon=False, fontsize=8, loc="upper left")
    for panel in panels.flat:
        panel.tick_params(labelsize=8)
        panel.spines[["top", "right"]].set_visible(False)
    return figure


def save_comparison_figures(report: Mapping[str, Any], output_dir: str | Path) -> list[Path]:
    """Write the figures of a comparison.

    Args:
        report (`Mapping`): What [`~hf_emotion.evaluation.comparison.compare_predictions`] returns.
        output_dir (`str` or `os.PathLike`): Folder to write into.

    Returns:
        `list[Path]`: `comparison.png`, `comparison_classes.png`, for several corpora `comparison_corpora_classes.png`
        and for emotion dimensions `comparison_dimensions.png`.
    """
    folder = Path(output_dir)
    paths = [
        save_figure(comparison_figure(report), folder / "comparison.png"),
        save_figure(class_difference_figure(report), folder / "comparison_classes.png"),
    ]
    if len(report["per_corpus"]) > 1:
        paths.append(save_figure(class_heatmap_figure(report), folder / "comparison_corpora_classes.png"))
    if report.get("dimensions"):
        paths.append(save_figure(dimension_difference_figure(report), folder / "comparison_dimensions.png"))
    return paths


def save_calibration_figure(report: Mapping[str, Any], output_dir: str | Path) -> Path:
    """Write reliability diagrams before and after scaling, of the test predictions where there are some.

    Args:
        report (`Mapping`): What [`~hf_emotion.evaluation.calibration.calibration_report`] returns.
        output_dir (`str` or `os.PathLike`): Folder to write into.

    Returns:
        `pathlib.Path`: `reliability.png`.
    """
    name = "test" if "test" in report else "validation"
    part, titles = report[name], {"before": f"{name}, T = 1", "after": f"{name}, T = {report['temperature']:.2f}"}
    figure = reliability_figure(
        {titles[key]: bins for key, bins in part["bins"].items()},
        {titles[key]: part[key]["ece"] for key in titles},
    )
    return save_figure(figure, Path(output_dir) / "reliability.png")


def _rows(report: Mapping[str, Any], metric: str) -> dict[str, Mapping[str, Any]]:
    rows = {name: part["metrics"][metric] for name, part in report["per_corpus"].items()}
    if report["mean_of_corpora"] is not None:
        rows |= {
            "mean of corpora": report["mean_of_corpora"][metric],
            "all utterances": report["overall"]["metrics"][metric],
        }
    return rows


def _dimension_rows(entries: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    totals = {"mean of corpora": entries["mean_of_corpora"], "all utterances": entries["overall"]}
    shown = totals if len(entries["per_corpus"]) > 1 else {}
    return {name: entry for name, entry in {**entries["per_corpus"], **shown}.items() if entry is not None}


def _draw_differences(axes: Axes, entries: Mapping[str, Mapping[str, Any]]) -> None:
    axes.axvline(0, color="black", linewidth=0.8)
    for row, entry in enumerate(entries.values()):
        low, high = (100 * end for end in entry["interval"])
        is_significant = entry["p_value"] < _SIGNIFICANT
        colour = (COLOURS[0] if entry["difference"] > 0 else COLOURS[1]) if is_significant else GREY
        axes.hlines(row, low, high, color=colour, linewidth=1.8)
        axes.scatter(
            100 * entry["difference"], row, s=34, color=colour if is_significant else "white", edgecolor=colour,
            linewidth=1.4, zorder=3,
        )  # fmt: skip
    axes.set_yticks(range(len(entries)), list(entries), fontsize=8)
    axes.set_ylim(len(entries) - 0.4, -0.6)
    _tidy(axes)


def _draw_reliability(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    filled = [row for row in rows if row["count"]]
    left, widths = [row["low"] for row in filled], [row["high"] - row["low"] for row in filled]
    style: dict[str, Any] = {"align": "edge", "edgecolor": "white", "linewidth": 0.5}
    accuracy = np.array([row["accuracy"] for row in filled])
    gap = np.array([row["confidence"] for row in filled]) - accuracy
    axes.bar(left, accuracy, widths, color=COLOURS[0], label="accuracy", **style)
    axes.bar(left, gap, widths, bottom=accuracy, color=COLOURS[1], alpha=0.45, label="gap to mean confidence", **style)
    axes.plot([0, 1], [0, 1], color="black", linewidth=0.8, linestyle="--")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)


def _runs(report: Mapping[str, Any], mark: str, when: str) -> str:
    return f"A: {report['runs']['a']}    B: {report['runs']['b']}\n{mark}: p < {_SIGNIFICANT} {when}"


def _tidy(axes: Axes) -> None:
    axes.grid(axis="x", color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=8)
    axes.spines[["top", "right", "left"]].set_visible(False)
