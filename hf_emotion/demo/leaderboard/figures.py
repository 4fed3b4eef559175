"""Figures of the leaderboard: entries and predictions in, `matplotlib` figures sized for a phone out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from ...benchmark.plots import (
    layer_weight_figure,
    multi_label_confusion_figure,
    radar_chart,
    soft_reliability_figure,
)
from ...benchmark.results.entries import Entry


if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_SYSTEMS = 5  # that a radar chart keeps apart
FEWEST_AXES = 3
# Figures are as wide as a phone's screen at their natural size, so that their letters stay readable there.
_WIDTH = 4.6


def radar_figure(entries: Sequence[Entry], settings: Sequence[str], *, is_relative: bool = False) -> Figure | None:
    """
    Chosen rows over the settings; None where there is nothing to draw.

    Lines are in the order of the entries, with the style of
    [`~hf_emotion.benchmark.plots.line_style`]. Names are left to a legend outside: those that others chose could be
    taken for formulas.
    """
    # narrow labels leave more room; ranges stand below them already
    labels = {name: name if is_relative else name.replace(" (", "\n(") for name in settings}
    scores = {str(i): {labels[name]: entry.score(name) for name in settings} for i, entry in enumerate(entries)}
    known = any(score is not None for row in scores.values() for score in row.values())
    if len(settings) < FEWEST_AXES or not known:
        return None
    figure = radar_chart(scores, settings=list(labels.values()), is_relative=is_relative)
    return _without_legends(figure, (_WIDTH, _WIDTH))


def layer_figure(weights: Mapping[str, Sequence[float]]) -> Figure | None:
    """Learned layer weights, one line for each setting; None without weights."""
    if not weights:
        return None
    return _without_legends(layer_weight_figure({"": weights}), (_WIDTH, 3.0))


def confusion_figure(confusion: Sequence[Sequence[float]], classes: Sequence[str]) -> Figure:
    """What is predicted where a class is present, without the colour bar, as its numbers are in the cells."""
    figure = multi_label_confusion_figure(confusion, classes)
    figure.axes[-1].remove()
    for text in figure.axes[0].texts:
        text.set_color(
            "#111111" if text.get_color() == "black" else "white"
        )  # not the page's colour: cells keep theirs
    side = max(2.2, 0.4 * len(classes))
    figure.set_size_inches(side + 1.6, side + 1.2)
    return figure


def reliability_figure(predictions: pd.DataFrame) -> Figure:
    """Whether probabilities are the shares of votes, over all folds and seeds."""
    figure = soft_reliability_figure({"": predictions})
    figure.axes[0].set_title("")
    figure.set_size_inches(_WIDTH, 4.0)
    return figure


def _without_legends(figure: Figure, size: tuple[float, float]) -> Figure:
    for holder in (figure, *figure.axes):
        for legend in [*getattr(holder, "legends", []), *filter(None, [getattr(holder, "legend_", None)])]:
            legend.remove()
    figure.set_size_inches(*size)
    return figure
