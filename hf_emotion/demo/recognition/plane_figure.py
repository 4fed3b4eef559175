"""Arousal and valence as a place on a plane, and every dimension as a meter."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from .clock import clock


PLANE = ("valence", "arousal")  # x and y
# Scales that ratings are on, narrowest first: shares, signed shares, five and seven points.
_SCALES = ((0.0, 1.0), (-1.0, 1.0), (1.0, 5.0), (1.0, 7.0))
_OVERSHOOT = 0.15  # of its width that a regression may leave its scale
_SIDE, _LEFT, _TOP, _EDGE = 260, 30, 12, 24  # of the drawing
_MOST_STEPS = 8  # of a path that can still be followed
# Words of Russell's circumplex: x and y in shares of the side, text anchor.
_CORNERS = (
    ("tense, angry", 0.03, 0.06, "start"),
    ("excited, joyful", 0.97, 0.06, "end"),
    ("sad, bored", 0.03, 0.97, "start"),
    ("calm, content", 0.97, 0.97, "end"),
)


def rating_scale(values: Sequence[float]) -> tuple[float, float]:
    """
    Ends of the scale that values seem to be on: the narrowest usual one that holds them, or whole
    numbers around them.

    Example:

    ```python
    >>> from hf_emotion.demo.recognition.plane_figure import rating_scale
    >>> rating_scale([0.2, 1.05]), rating_scale([3.1, 6.0]), rating_scale([-0.4, 0.3]), rating_scale([-3.2, 30.0])
    ((0.0, 1.0), (1.0, 7.0), (-1.0, 1.0), (-4, 30))

    ```
    """
    low, high = min(values), max(values)
    for start, end in _SCALES:
        tolerance = _OVERSHOOT * (end - start)
        if start - tolerance <= low and high <= end + tolerance:
            return start, end
    return math.floor(low), math.ceil(high)


def plane_html(
    place: Mapping[str, float], scale: tuple[float, float], timeline: Sequence[Mapping[str, Any]] = ()
) -> str:
    """
    A recording on the arousal-valence plane, with its path over time.

    Args:
        place (`Mapping[str, float]`): Dimensions of the recording, `arousal` and `valence` among them.
        scale (`tuple[float, float]`): Ends of the axes.
        timeline (`Sequence[Mapping]`, *optional*): `start`, `end` and `dimensions` of its windows.
    """
    places = [row["dimensions"] for row in timeline]
    path = mean_path(places, _MOST_STEPS)
    trail = _trail(places, path, scale) if len(path) > 1 else ""
    x, y = _point(place, scale)
    mean = f'<circle class="mean" cx="{x:.1f}" cy="{y:.1f}" r="9"/>'
    ends = f"{scale[0]:g} to {scale[1]:g}"
    alt = f"Valence {place['valence']:.2f}, arousal {place['arousal']:.2f}, on axes from {ends}."
    if trail:
        first, last = path[0], path[-1]
        alt += f" From valence {first['valence']:.2f}, arousal {first['arousal']:.2f} at the start"
        alt += f" to valence {last['valence']:.2f}, arousal {last['arousal']:.2f} at {clock(timeline[-1]['end'])}."
    width, height = _LEFT + _SIDE + _TOP, _TOP + _SIDE + _EDGE
    return (
        f'<figure class="plane"><figcaption>Arousal and valence ({ends})</figcaption>'
        f'<svg role="img" aria-label="{escape(alt)}" viewBox="0 0 {width} {height}">{_axes(scale)}{trail}{mean}</svg>'
        f"{_key(bool(trail))}</figure>"
    )


def mean_path(places: Sequence[Mapping[str, float]], num_steps: int) -> list[dict[str, float]]:
    """
    The way through places in at most so many steps, each the mean of as many places.

    Example:

    ```python
    >>> from hf_emotion.demo.recognition.plane_figure import mean_path
    >>> mean_path([{"valence": value, "arousal": 0.5} for value in (0.0, 0.5, 1.0, 0.0)], 2)
    [{'valence': 0.25, 'arousal': 0.5}, {'valence': 0.5, 'arousal': 0.5}]

    ```
    """
    count = min(num_steps, len(places))
    groups = (places[index * len(places) // count : (index + 1) * len(places) // count] for index in range(count))
    return [{name: sum(row[name] for row in group) / len(group) for name in PLANE} for group in groups]


def meters_html(dimensions: Mapping[str, float], scale: tuple[float, float]) -> str:
    """All dimensions with their figures; `scale` has the ends of the bars."""
    low, high = scale
    items = ""
    for name, value in dimensions.items():
        share = min(max((value - low) / ((high - low) or 1), 0), 1)
        items += (
            f'<li><span class="name">{escape(name)}</span><span class="track" aria-hidden="true">'
            f'<span style="width: {100 * share:.1f}%"></span></span><span class="value">{value:.2f}</span></li>'
        )
    caption = f"Dimensions ({low:g} to {high:g})"
    return (
        f'<figure class="bars meters" aria-label="{caption}"><figcaption>{caption}</figcaption>'
        f'<ol role="list">{items}</ol></figure>'
    )


def _point(dimensions: Mapping[str, float], scale: tuple[float, float]) -> tuple[float, float]:
    """Place in the drawing; what is beyond the axes stands on their edge."""
    low, high = scale
    x, y = (min(max((dimensions[name] - low) / ((high - low) or 1), 0), 1) for name in PLANE)
    return _LEFT + x * _SIDE, _TOP + (1 - y) * _SIDE


def _trail(
    places: Sequence[Mapping[str, float]], path: Sequence[Mapping[str, float]], scale: tuple[float, float]
) -> str:
    """All windows as dots, and the way through their means."""
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2"/>' for x, y in (_point(row, scale) for row in places))
    points = [_point(row, scale) for row in path]
    (x0, y0), (x1, y1) = points[0], points[-1]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return (
        f'<g class="windows">{dots}</g><polyline class="trail" points="{line}"/>'
        f'<circle class="start" cx="{x0:.1f}" cy="{y0:.1f}" r="5"/>'
        f'<path class="end" d="M{x1:.1f} {y1 - 6:.1f}l6 6-6 6-6-6z"/>'
    )


def _axes(scale: tuple[float, float]) -> str:
    centre_x, centre_y, bottom = _LEFT + _SIDE / 2, _TOP + _SIDE / 2, _TOP + _SIDE
    words = "".join(
        f'<text class="corner" x="{_LEFT + x * _SIDE:.0f}" y="{_TOP + y * _SIDE:.0f}" '
        f'text-anchor="{anchor}">{text}</text>'
        for text, x, y, anchor in (_CORNERS if scale in _SCALES else ())  # elsewhere the centre is no neutral place
    )
    return (
        f'<rect class="frame" x="{_LEFT}" y="{_TOP}" width="{_SIDE}" height="{_SIDE}" rx="4"/>'
        f'<path class="cross" d="M{centre_x} {_TOP}v{_SIDE}M{_LEFT} {centre_y}h{_SIDE}"/>{words}'
        f'<text x="{centre_x}" y="{bottom + 17}" text-anchor="middle">valence: unpleasant → pleasant</text>'
        f'<text transform="translate({_LEFT - 14} {centre_y}) rotate(-90)" text-anchor="middle">'
        "arousal: quiet → agitated</text>"
    )


def _key(has_trail: bool) -> str:
    """What the marks mean, in their shapes."""
    marks = [('<circle class="mean" cx="9" cy="9" r="7"/>', "whole recording")]
    if has_trail:
        marks += [
            ('<g class="windows"><circle cx="9" cy="9" r="2"/></g>', "moments"),
            ('<circle class="start" cx="9" cy="9" r="5"/>', "start"),
            ('<path class="end" d="M9 3l6 6-6 6-6-6z"/>', "end"),
        ]
    items = "".join(f'<li><svg viewBox="0 0 18 18" aria-hidden="true">{mark}</svg>{text}</li>' for mark, text in marks)
    return f'<ul class="key" role="list">{items}</ul>'
