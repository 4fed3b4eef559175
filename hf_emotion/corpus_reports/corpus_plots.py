"""Figures about corpora: how many utterances have which label, duration, level or bandwidth.

As in `plots`, every function returns a `matplotlib.figure.Figure` that no pyplot state knows of. Figures are narrow,
so that their text stays readable on a phone.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..evaluation.plots import COLOURS, GREY, readable_class


if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 3.9  # inches
FONT_SIZE = 9
LINE_STYLES = ("-", "--", ":", "-.")
_MAX_STACKED = 6


def label_figure(counts: Mapping[str, Mapping[str, int]]) -> Figure:
    """
    Draw the labels of each part as bars: the share of the part, with the number of utterances beside it.

    Args:
        counts (`Mapping[str, Mapping[str, int]]`): Utterances per label, by part.

    Returns:
        `matplotlib.figure.Figure`: The figure.
    """
    labels = list(dict.fromkeys(label for part in counts.values() for label in part))
    thickness = 0.8 / len(counts)
    figure, axes = _figure(0.9 + len(labels) * max(0.26, 0.17 * len(counts)))
    for number, (part, found) in enumerate(counts.items()):
        total = sum(found.values())
        shares = [100 * found.get(label, 0) / max(1, total) for label in labels]
        places = np.arange(len(labels)) + (number - (len(counts) - 1) / 2) * thickness
        bars = axes.barh(places, shares, 0.9 * thickness, color=COLOURS[number % len(COLOURS)], label=part)
        axes.bar_label(bars, [f"{found.get(label, 0):,}" for label in labels], padding=2, fontsize=FONT_SIZE - 2)
    axes.set_yticks(range(len(labels)), [readable_class(label) for label in labels])
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("share of the utterances (%); numbers: utterances", fontsize=FONT_SIZE)
    _legend(axes, counts)
    return figure


def distribution_figure(
    values: Mapping[str, Sequence[float]], edges: Sequence[float] | np.ndarray, xlabel: str
) -> Figure:
    """
    Draw a histogram: bars for a single series, outlines of the shares for several.

    Args:
        values (`Mapping[str, Sequence[float]]`): Values by part. What lies outside `edges` is counted in the outermost
            bins.
        edges (`Sequence[float]`): Edges of the bins.
        xlabel (`str`): What the values are, with their unit.

    Returns:
        `matplotlib.figure.Figure`: The figure.
    """
    figure, axes = _figure(2.5)
    edges = np.asarray(edges, dtype=float)
    inside = edges[0], np.nextafter(edges[-1], edges[0])
    for number, (part, series) in enumerate(values.items()):
        heights = np.histogram(np.clip(series, *inside), edges)[0]
        if len(values) == 1:
            axes.bar(edges[:-1], heights, np.diff(edges), align="edge", color=COLOURS[0], edgecolor="white", lw=0.4)
        else:
            shares = 100 * heights / max(1, heights.sum())
            style = LINE_STYLES[number % len(LINE_STYLES)]
            axes.stairs(shares, edges, color=COLOURS[number % len(COLOURS)], linestyle=style, lw=1.6, label=part)
    axes.set_xlabel(xlabel, fontsize=FONT_SIZE)
    axes.set_ylabel("utterances" if len(values) == 1 else "share of the part (%)", fontsize=FONT_SIZE)
    axes.set_xlim(edges[0], edges[-1])
    _legend(axes, values)
    return figure


def duration_figure(histograms: Mapping[str, Sequence[int]], last: int) -> Figure:
    """
    Draw durations in bins of one second, corpora on top of each other (Figure 1 of ExHuBERT, Amiriparian et al.,
    Interspeech 2024, which stops at 6 s).

    Args:
        histograms (`Mapping[str, Sequence[int]]`): Utterances that last 0 to 1 s, 1 to 2 s and so on, by corpus.
        last (`int`): Start of the last bin in seconds, which also holds everything longer.

    Returns:
        `matplotlib.figure.Figure`: The figure.
    """
    figure, axes = _figure(3.0, width=6.4)
    binned = {name: [*counts[:last], sum(counts[last:])] for name, counts in histograms.items()}
    binned = {name: [*counts, *[0] * (last + 1 - len(counts))] for name, counts in binned.items()}
    if len(binned) > _MAX_STACKED:
        binned = {f"{len(binned)} corpora": list(map(sum, zip(*binned.values(), strict=True)))}
    bottom = np.zeros(last + 1)
    for number, (name, counts) in enumerate(binned.items()):
        bars = axes.bar(
            range(last + 1), counts, 0.88, bottom, color=COLOURS[number], edgecolor="white", lw=0.3, label=name
        )
        bottom += counts
    axes.bar_label(bars, [f"{int(total):,}" for total in bottom], padding=2, fontsize=FONT_SIZE - 1)
    longer = any(len(counts) > last + 1 for counts in histograms.values())
    names = [f"{second}-{second + 1}" for second in range(last)] + [f"≥ {last}" if longer else f"{last}-{last + 1}"]
    axes.set_xticks(range(last + 1), names)
    axes.margins(y=0.1)
    axes.set_xlabel("duration (s)", fontsize=FONT_SIZE)
    axes.set_ylabel("utterances", fontsize=FONT_SIZE)
    _legend(axes, binned)
    return figure


def svg_data_uri(figure: Figure) -> str:
    """A figure as `data:image/svg+xml;base64,...`, the same for the same figure."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    file = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "hf-emotion"}):
        FigureCanvasSVG(figure).print_svg(file, metadata={"Date": None, "Creator": None})
    return "data:image/svg+xml;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def _figure(height: float, width: float = WIDTH) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure
    from matplotlib.ticker import StrMethodFormatter

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=FONT_SIZE - 1, color=GREY)
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    return figure, axes


def _legend(axes: Axes, parts: Mapping) -> None:
    if len(parts) > 1:
        axes.figure.legend(
            *axes.get_legend_handles_labels(),
            loc="outside upper center",
            ncols=min(len(parts), 4),
            frameon=False,
            fontsize=FONT_SIZE - 1,
        )
