"""Figures of benchmarks: systems over settings, layer weights, and what a setting's scores hide.

As in [`~hf_emotion.evaluation.plots`], whose [`~hf_emotion.evaluation.plots.save_figure`] writes them, all functions
return a `matplotlib.figure.Figure` that no pyplot state knows of.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..evaluation.plots import COLOURS, GREY, readable_class
from .scores import calibration_error_of
from .soft_predictions import labels_of, probabilities_of


if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DASHES = ("-", "--", ":")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_FEWEST_AXES = 3
_LOWEST = 0.15  # radius of the lowest score on relative axes: at the centre all lines would meet
_NUM_BINS = 15
_LEGEND: dict[str, Any] = {"frameon": False, "fontsize": 8}


def radar_chart(
    scores: Mapping[str, Mapping[str, float | None]],
    *,
    settings: Sequence[str] | None = None,
    is_relative: bool = False,
    title: str | None = None,
) -> Figure:
    """Draw systems over settings, one axis for each setting.

    Args:
        scores (`Mapping[str, Mapping[str, float]]`): Macro-F1, between 0 and 1, by system and setting. What a system
            lacks, or has as None, leaves a gap in its line.
        settings (`Sequence[str]`, *optional*): The axes, clockwise from the top; by default all that are mentioned.
        is_relative (`bool`, *optional*, defaults to `False`): Whether each axis runs from the lowest to the highest
            score drawn on it, which tells apart systems that are close. By default all run from 0 to one limit.
        title (`str`, *optional*): Title of the figure.

    Returns:
        `matplotlib.figure.Figure`: The figure.

    Raises:
        ValueError: There is no score, or there are fewer than three settings.
    """
    from matplotlib.figure import Figure

    axes_names = list(settings or dict.fromkeys(name for row in scores.values() for name in row))
    table = np.array([[_number(row.get(name)) for name in axes_names] for row in scores.values()], dtype=np.float64)
    if len(axes_names) < _FEWEST_AXES or not np.isfinite(table).any():
        raise ValueError(
            f"A radar chart needs a score and at least {_FEWEST_AXES} settings, found {len(scores)} systems and the "
            f"settings {axes_names}. Show the scores as a table instead."
        )
    figure = Figure(figsize=(8.8, 5.4))  # layout engines misjudge the labels around a circle
    axes: Any = figure.add_axes((1.5 / 8.8, 0.6 / 5.4, 4.1 / 8.8, 4.1 / 5.4), projection="polar")
    low, high = np.nanmin(np.vstack([table, np.full(table.shape[1], np.inf)]), axis=0), _column_maxima(table)
    limit = max(0.1, math.ceil(10 * float(np.nanmax(table))) / 10)
    _prepare_radar(axes, axes_names, low if is_relative else None, high, limit)
    heights = _between(table, low, high) if is_relative else table / limit
    for index, (name, values) in enumerate(zip(scores, heights, strict=True)):
        _draw_polygon(axes, values, index, name)
    figure.legend(loc="center left", bbox_to_anchor=(6.8 / 8.8, 0.5), **_LEGEND)
    if title:
        axes.set_title(title, fontsize=11, pad=24)
    return figure


def layer_weight_figure(
    weights: Mapping[str, Mapping[str, Sequence[float]]],
    spreads: Mapping[str, Mapping[str, Sequence[float] | None]] | None = None,
    *,
    title: str | None = None,
) -> Figure:
    """Draw the learned shares of hidden states over the layers, one panel per system and one line per setting.

    Args:
        weights (`Mapping[str, Mapping[str, Sequence[float]]]`): By panel and line, the share of each hidden state,
            the input of the first layer first. Systems and settings may change places.
        spreads (`Mapping[str, Mapping[str, Sequence[float]]]`, *optional*): Standard deviation of each share, drawn as
            a band; a line may lack them.
        title (`str`, *optional*): Title of the figure.

    Returns:
        `matplotlib.figure.Figure`: The figure. The grey line is the share that all have before training.

    Raises:
        ValueError: There are no weights.
    """
    from matplotlib.figure import Figure

    panels = {panel: lines for panel, lines in weights.items() if lines}
    if not panels:
        raise ValueError("There are no layer weights to draw: these systems average no layers.")
    columns = min(math.ceil(math.sqrt(len(panels))), 4)
    num_rows = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(1.9 + max(4.6, 3.1 * columns), 0.9 + 2.5 * num_rows), layout="constrained")
    grid = figure.subplots(num_rows, columns, squeeze=False)
    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    for axes, (panel, lines) in zip(grid.flat, panels.items(), strict=False):
        for name, shares in lines.items():
            spread = (spreads or {}).get(panel, {}).get(name)
            _draw_shares(axes, shares, spread, names.index(name), name)
        _finish_layer_panel(axes, panel, max(map(len, lines.values())))
        axes.set_ylim(bottom=0)  # shares that hardly differ must look so
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    figure.supxlabel("hidden state (0: of most encoders the input of the first layer)", fontsize=9)
    figure.supylabel("share of the layer (%)", fontsize=9)
    figure.legend(*_legend_entries(grid.flat), loc="outside right center", **_LEGEND)
    if title:
        figure.suptitle(title, fontsize=11)
    return figure


def layer_heatmap_figure(weights: Mapping[str, Sequence[float]], *, title: str | None = None) -> Figure:
    """Draw layer weights of encoders of any depth as colours over the normalised depth.

    Args:
        weights (`Mapping[str, Sequence[float]]`): For each row, the share of each hidden state, the input of the first
            layer first.
        title (`str`, *optional*): Title of the figure.

    Returns:
        `matplotlib.figure.Figure`: The figure. Colours are the share times the number of states, so that 1 is an equal
        share whatever the depth.

    Raises:
        ValueError: There are no weights.
    """
    from matplotlib.figure import Figure

    if not weights:
        raise ValueError("There are no layer weights to draw: these systems average no layers.")
    ratios = {name: np.asarray(shares) * len(shares) for name, shares in weights.items()}
    farthest = max(0.05, max(float(np.abs(row - 1).max()) for row in ratios.values()))
    figure = Figure(figsize=(8.0, max(2.6, 1.5 + 0.34 * len(weights))), layout="constrained")
    axes = figure.add_subplot()
    for row, values in enumerate(ratios.values()):
        edges = np.linspace(0, 1, len(values) + 1)
        mesh = axes.pcolormesh(
            edges, [row - 0.46, row + 0.46], values[None], cmap="PuOr_r", norm=_around_one(farthest)
        )
        mesh.set_edgecolor("face")
    axes.set_yticks(range(len(weights)), list(weights), fontsize=8)
    axes.set_ylim(len(weights) - 0.4, -0.6)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    axes.set_xlabel("depth (0 = input of the first layer, 1 = last layer)", fontsize=9)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=8)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(mesh, ax=axes, fraction=0.05, pad=0.02)
    bar.set_label("share (1 = equal shares)", fontsize=9)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)  # type: ignore[operator]
    if title:
        axes.set_title(title, fontsize=11)
    return figure


def soft_reliability_figure(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw whether probabilities are the shares of votes: mean soft label over probability, one column per table.

    Args:
        tables (`Mapping[str, pd.DataFrame]`): Soft predictions table by title.

    Returns:
        `matplotlib.figure.Figure`: The figure; its calibration error is that of
        [`~hf_emotion.benchmark.scores.calibration_error_of`].

    Raises:
        ValueError: There is no table.
    """
    from matplotlib.figure import Figure

    if not tables:
        raise ValueError("There are no predictions to draw a reliability diagram of.")
    figure = Figure(figsize=(0.8 + 3.2 * len(tables), 4.4), layout="constrained")
    panels = figure.subplots(2, len(tables), sharex=True, sharey="row", squeeze=False, height_ratios=[3, 1])
    for column, (title, frame) in enumerate(tables.items()):
        _draw_soft_reliability(panels[0, column], panels[1, column], frame)
        panels[0, column].set_title(
            f"{title}\ncalibration error {100 * calibration_error_of(frame):.1f} %", fontsize=9
        )
        panels[1, column].set_xlabel("probability of a class", fontsize=9)
    panels[0, 0].set_ylabel("mean soft label", fontsize=9)
    panels[1, 0].set_ylabel("predictions (%)", fontsize=9)
    panels[0, 0].legend(loc="upper left", **_LEGEND)
    for panel in panels.flat:
        panel.tick_params(labelsize=8)
        panel.spines[["top", "right"]].set_visible(False)
    return figure


def multi_label_confusion_figure(
    confusion: Sequence[Sequence[float]] | np.ndarray,
    classes: Sequence[str],
    *,
    support: Sequence[int] | None = None,
    title: str | None = None,
) -> Figure:
    """Draw what is predicted where a class is present. Rows do not sum to 100 %: utterances have several classes.

    Args:
        confusion (`np.ndarray` of shape `(num_classes, num_classes)`): `[i][j]` is the share of the utterances with
            class i in which class j is predicted.
        classes (`Sequence[str]`): Class names.
        support (`Sequence[int]`, *optional*): Number of utterances with each class.
        title (`str`, *optional*): Title of the figure.

    Returns:
        `matplotlib.figure.Figure`: The figure.

    Raises:
        ValueError: The matrix has another shape than `classes` asks for.
    """
    from matplotlib.figure import Figure

    shares = 100 * np.asarray(confusion, dtype=np.float64)
    if shares.shape != (len(classes), len(classes)):
        raise ValueError(f"{len(classes)} classes need a square matrix of that size, found shape {shares.shape}.")
    side = max(2.6, 0.52 * len(classes))
    figure = Figure(figsize=(side + 2.6, side + 1.5), layout="compressed")
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
    for (row, column), share in np.ndenumerate(shares):
        colour = "white" if share > 70 else "black"  # contrast stays above 4.3 : 1 on this map
        weight = "bold" if row == column else "normal"
        axes.text(column, row, f"{share:.0f}", ha="center", va="center", fontsize=8, color=colour, weight=weight)
    names = [readable_class(name) for name in classes]
    counted = names if support is None else [f"{name} ({n:,})" for name, n in zip(names, support, strict=True)]
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor", fontsize=8)
    axes.set_yticks(range(len(names)), counted, fontsize=8)
    axes.set_xlabel("predicted class", fontsize=9)
    axes.set_ylabel("class present", fontsize=9)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if title:
        axes.set_title(title, fontsize=11, pad=10)
    bar = figure.colorbar(image, ax=axes, fraction=0.046, pad=0.03, ticks=[0, 25, 50, 75, 100])
    bar.set_label("share of utterances with the class (%)", fontsize=9)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)  # type: ignore[operator]
    return figure


def line_style(index: int) -> dict[str, Any]:
    """Colour, dashes and marker of the line with this number: 21 that remain distinct, also in print without colour.

    Example:

    ```python
    >>> line_style(0) == line_style(7), line_style(0)["color"] == line_style(7)["color"]
    (False, True)

    ```
    """
    num_colours = len(COLOURS)
    return {
        "color": COLOURS[index % num_colours],
        "linestyle": _DASHES[index // num_colours % len(_DASHES)],
        "marker": _MARKERS[(index + index // num_colours) % len(_MARKERS)],
    }


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _column_maxima(table: np.ndarray) -> np.ndarray:
    """Largest known score of each setting; minus infinity where none is known."""
    return np.where(np.isfinite(table), table, -np.inf).max(axis=0)


def _between(table: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Height on axes that run from the lowest to the highest score; half way where all are equal."""
    width = np.where(high > low, high - low, 1.0)
    place = np.where(high > low, (table - low) / width, np.where(np.isfinite(table), 0.5, np.nan))
    return _LOWEST + (1 - _LOWEST) * place


def _prepare_radar(axes: Any, names: Sequence[str], low: np.ndarray | None, high: np.ndarray, limit: float) -> None:
    axes.set_theta_zero_location("N")
    axes.set_theta_direction(-1)
    angles = np.linspace(0, 2 * np.pi, len(names), endpoint=False)
    labels = list(names)
    if low is not None:
        labels = [
            f"{name}\n{a:.3f} to {b:.3f}" if a <= b else name for name, a, b in zip(names, low, high, strict=True)
        ]
    axes.set_xticks(angles, labels, fontsize=8)
    for label, side in zip(axes.get_xticklabels(), np.round(np.sin(angles), 6), strict=True):
        label.set_horizontalalignment("left" if side > 0 else "right" if side < 0 else "center")
    axes.tick_params(axis="x", pad=4)
    axes.set_ylim(0, 1)
    if low is None:
        step = 0.1 if limit <= 0.5 else 0.2
        ticks = np.arange(step, limit + 0.01, step)
        axes.set_yticks(ticks / limit, [f"{tick:.1f}" for tick in ticks], fontsize=7, color=GREY, zorder=4)
    else:
        axes.set_yticks([_LOWEST, (1 + _LOWEST) / 2, 1], [""] * 3)
    axes.set_rlabel_position(180 / len(names))  # between two axes
    axes.grid(color="#DDDDDD", linewidth=0.6)
    axes.spines["polar"].set_color("#BBBBBB")


def _draw_polygon(axes: Any, values: np.ndarray, index: int, name: str) -> None:
    angles = np.linspace(0, 2 * np.pi, len(values) + 1)
    closed = np.append(values, values[0])
    # later lines are thinner, so that one below another still shows
    width, size = max(1.2, 2.4 - 0.3 * index), max(3.0, 6.0 - 0.7 * index)
    axes.plot(
        angles, closed, linewidth=width, markersize=size, label=name, zorder=3, clip_on=False, **line_style(index)
    )


def _draw_shares(axes: Axes, shares: Sequence[float], spread: Sequence[float] | None, index: int, name: str) -> None:
    style, layers = line_style(index), np.arange(len(shares))
    values = 100 * np.asarray(shares, dtype=np.float64)
    step = max(1, len(shares) // 12)
    marks = slice(index % step, None, step)  # of different lines at different layers
    axes.plot(layers, values, linewidth=1.3, markersize=3.5, markevery=marks, label=name, zorder=3, **style)
    if spread is not None:
        width = 100 * np.asarray(spread, dtype=np.float64)
        low = np.maximum(values - width, 0)  # there are no negative shares
        axes.fill_between(layers, low, values + width, color=style["color"], alpha=0.12, linewidth=0, zorder=1)


def _finish_layer_panel(axes: Axes, title: str, num_states: int) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.axhline(100 / num_states, color=GREY, linewidth=0.8, zorder=2)
    axes.set_title(title, fontsize=10)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=9))
    axes.grid(color="#EEEEEE", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _legend_entries(panels: Any) -> tuple[list[Any], list[str]]:
    """Each line once, although it is in several panels."""
    entries: dict[str, Any] = {}
    for axes in panels:
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(name, handle)
    return list(entries.values()), list(entries)


def _around_one(farthest: float) -> Any:
    from matplotlib.colors import TwoSlopeNorm

    return TwoSlopeNorm(vmin=max(0, 1 - farthest), vcenter=1, vmax=1 + farthest)


def _draw_soft_reliability(upper: Axes, lower: Axes, frame: pd.DataFrame) -> None:
    probabilities, labels = probabilities_of(frame).ravel(), labels_of(frame).ravel()
    bins = np.minimum((probabilities * _NUM_BINS).astype(int), _NUM_BINS - 1)
    counts = np.bincount(bins, minlength=_NUM_BINS)
    filled = np.flatnonzero(counts)
    left, width = filled / _NUM_BINS, 1 / _NUM_BINS
    label, probability = (
        np.bincount(bins, values, minlength=_NUM_BINS)[filled] / counts[filled] for values in (labels, probabilities)
    )
    style: dict[str, Any] = {"width": width, "align": "edge", "edgecolor": "white", "linewidth": 0.5}
    gap, agreed = probability - label, np.minimum(probability, label)
    upper.bar(left, agreed, color=COLOURS[0], **style)
    upper.bar(left, np.maximum(gap, 0), bottom=agreed, color="#F2BE94", label="probability too high", **style)
    upper.bar(left, np.maximum(-gap, 0), bottom=agreed, color=COLOURS[5], label="probability too low", **style)
    upper.plot([0, 1], [0, 1], color="black", linewidth=0.8, linestyle="--")
    upper.set_xlim(0, 1)
    upper.set_ylim(0, 1.02)
    lower.bar(left, 100 * counts[filled] / len(bins), color="#BBBBBB", **style)
