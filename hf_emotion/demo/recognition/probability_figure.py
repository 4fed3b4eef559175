"""Probabilities of the classes: bars, or a grid where the classes are cells of the arousal-valence plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ...emotions import AROUSAL_VALENCE_CLASSES
from .emotion_marks import display_name


_LEVELS = ("high", "low")  # rows of the grid, from the top
_VALENCES = ("negative", "neutral", "positive")


def percent(score: float) -> str:
    """A share as people read it."""
    return f"{100 * score:.0f} %" if score == 0 or score >= 0.01 else "<1 %"


def bars_html(scores: Sequence[Mapping[str, Any]], hues: Mapping[str, str], caption: str) -> str:
    """
    One bar for each class.

    Args:
        scores (`Sequence[Mapping]`): `label` and `score`, best first.
        hues (`Mapping[str, str]`): Hue of each label.
        caption (`str`): What the bars mean.
    """
    items = "".join(
        f'<li class="hue-{hues[row["label"]]}"><span class="name">{escape(display_name(row["label"]))}</span>'
        f'<span class="track" aria-hidden="true"><span style="width: {100 * row["score"]:.2f}%"></span></span>'
        f'<span class="value">{escape(percent(row["score"]))}</span></li>'
        for row in scores
    )
    return (
        f'<figure class="bars" aria-label="{escape(caption)}"><figcaption>{escape(caption)}</figcaption>'
        f'<ol role="list">{items}</ol></figure>'
    )


def grid_html(scores: Sequence[Mapping[str, Any]]) -> str:
    """
    The six arousal x valence classes as a table; the darker a cell, the more probable.

    Args:
        scores (`Sequence[Mapping]`): `label` and `score` of all six.
    """
    shares = {row["label"]: row["score"] for row in scores}
    best = max(shares, key=lambda label: shares[label])
    head = "".join(f'<th scope="col">{name}</th>' for name in _VALENCES)
    rows = ""
    for level in _LEVELS:
        cells = ""
        for valence in _VALENCES:
            label = f"{level}_{valence}"
            mark = ' class="best"' if label == best else ""
            cells += f'<td{mark} style="--share: {100 * shares[label]:.1f}%">{escape(percent(shares[label]))}</td>'
        rows += f'<tr><th scope="row">{level}</th>{cells}</tr>'
    caption = "Arousal (rows) and valence (columns)"
    return (
        f'<figure class="grid-plane"><figcaption>{caption}</figcaption><table aria-label="{caption}">'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table></figure>"
    )


def has_plane_classes(labels: Sequence[str]) -> bool:
    """Whether classes are the six of the arousal-valence plane."""
    return set(labels) == set(AROUSAL_VALENCE_CLASSES)
