"""The waveform with what is heard when: broken into lines like text, so that an hour fits a phone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from .clips import waveform_envelope
from .clock import clock
from .emotion_marks import display_name
from .probability_figure import percent


_LINE_SECONDS = (30, 60, 120, 300, 600, 900, 1800, 3600)
_MOST_LINES = 12
_BINS = 300  # of the waveform in a line
_MOST_TICKS = 6  # that fit a phone
_TICK_SECONDS = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600)
_LAST_TICK = 0.88  # of a line: later ones would be cut off
_HEIGHT = 40  # of half a waveform, in the drawing
_COMPRESSION = 0.6  # so that quiet speech is seen beside a shout
_SMALLEST = 0.02  # share of the height of silence, so that it can be seen
_MOST_SPOKEN = 8  # segments in the text for screen readers; the table has all


def line_seconds(duration: float) -> float:
    """
    How much of a recording stands in one line: all of it up to 30 s, then a round number, for at most twelve lines.

    Example:

    ```python
    >>> from hf_emotion.demo.recognition.timeline_figure import line_seconds
    >>> line_seconds(12.5), line_seconds(45), line_seconds(600), line_seconds(3600)
    (12.5, 30, 60, 300)

    ```
    """
    if duration <= _LINE_SECONDS[0]:
        return duration
    fitting = (seconds for seconds in _LINE_SECONDS if duration <= seconds * _MOST_LINES)
    return next(fitting, math.ceil(duration / _MOST_LINES))


def timeline_html(
    samples: np.ndarray,
    duration: float,
    segments: Sequence[Mapping[str, Any]],
    hues: Mapping[str, str],
    short: Mapping[str, str],
    caption: str,
) -> str:
    """
    Waveform, segments and times of a recording.

    Args:
        samples (`np.ndarray` of shape `(num_samples,)`): The recording.
        duration (`float`): Its seconds.
        segments (`Sequence[Mapping]`): `start`, `end` (seconds), `label` and `score`; none for models without classes.
        hues, short (`Mapping[str, str]`): Hue and short form of each label.
        caption (`str`): What is shown.
    """
    length = line_seconds(duration)
    num_lines = max(1, math.ceil(duration / length - 1e-6))
    num_bins = max(1, round(_BINS * duration / length))
    envelope = waveform_envelope(samples, num_bins) ** _COMPRESSION
    lines = ""
    for index in range(num_lines):
        start = index * length
        shown = [row for row in segments if row["end"] > start and row["start"] < start + length]
        bins = envelope[index * _BINS : (index + 1) * _BINS]
        strip = _strip(shown, start, length, hues, short) if segments else ""
        waveform, axis = _waveform(bins, shown, start, length, hues), _axis(start, length, duration)
        lines += f'<div class="line">{waveform}{strip}{axis}</div>'
    return (
        f'<figure class="timeline"><figcaption>{escape(caption)}</figcaption>'
        f'<div role="img" aria-label="{escape(_spoken(duration, segments))}">{lines}</div></figure>'
    )


def _waveform(
    envelope: np.ndarray, segments: Sequence[Mapping[str, Any]], start: float, length: float, hues: Mapping[str, str]
) -> str:
    """A line of the waveform, each part in the hue of its emotion."""
    paths = "".join(
        f'<path class="hue-{hue}" d="{_outline(envelope, first, last)}"/>'
        for first, last, hue in _coloured_parts(len(envelope), segments, start, length, hues)
        if last > first
    )
    return (
        f'<svg class="waveform" viewBox="0 0 {_BINS} {2 * _HEIGHT}" preserveAspectRatio="none" aria-hidden="true">'
        f"{paths}</svg>"
    )


def _coloured_parts(
    num_bins: int, segments: Sequence[Mapping[str, Any]], start: float, length: float, hues: Mapping[str, str]
) -> Iterator[tuple[int, int, str]]:
    """Bins from one change of hue to the next; grey where nothing is known."""
    position = 0
    for row in segments:
        first, last = (
            min(max(round((row[end] - start) / length * _BINS), position), num_bins) for end in ("start", "end")
        )
        yield position, first, "grey"
        yield first, last, hues[row["label"]]
        position = last
    yield position, num_bins, "grey"


def _outline(envelope: np.ndarray, first: int, last: int) -> str:
    """A closed path around bins, mirrored; it reaches the next bin, so that parts touch."""
    heights = _HEIGHT * np.maximum(envelope[first:last], _SMALLEST)
    upper = [f"{first + index} {_HEIGHT - height:.1f}" for index, height in enumerate(heights)]
    lower = [f"{first + index} {_HEIGHT + height:.1f}" for index, height in enumerate(heights)]
    end = [f"{last} {_HEIGHT - heights[-1]:.1f}", f"{last} {_HEIGHT + heights[-1]:.1f}"]
    return f"M{'L'.join([*upper, *end, *reversed(lower)])}z"


def _strip(
    segments: Sequence[Mapping[str, Any]],
    start: float,
    length: float,
    hues: Mapping[str, str],
    short: Mapping[str, str],
) -> str:
    """Names below the waveform: the whole name, the short one or none, as there is room."""
    spans = ""
    for row in segments:
        left = max(row["start"] - start, 0) / length
        width = min(row["end"] - start, length) / length - left
        name = display_name(row["label"])
        title = f"{name}, {clock(row['start'], 1)} to {clock(row['end'], 1)}, {percent(row['score'])}"
        spans += (
            f'<span class="segment hue-{hues[row["label"]]}" title="{escape(title)}" '
            f'style="left: {100 * left:.3f}%; width: {100 * width:.3f}%; --long: {len(name)}; '
            f'--short: {len(short[row["label"]])}"><b class="long">{escape(name)}</b>'
            f'<b class="short">{escape(short[row["label"]])}</b></span>'
        )
    return f'<div class="strip">{spans}</div>'


def _axis(start: float, length: float, duration: float) -> str:
    """Times below a line, at round places."""
    step = next((step for step in _TICK_SECONDS if length / step <= _MOST_TICKS), length / _MOST_TICKS)
    digits = 1 if step < 1 else 0
    end = min(length, duration - start)
    ticks = [index * step for index in range(int(end / step + 1e-6) + 1) if index * step <= _LAST_TICK * length]
    marks = "".join(
        f'<span style="left: {100 * tick / length:.3f}%">{clock(start + tick, digits)}</span>' for tick in ticks
    )
    return f'<div class="axis">{marks}</div>'


def _spoken(duration: float, segments: Sequence[Mapping[str, Any]]) -> str:
    """The figure in words."""
    text = f"Waveform of {clock(duration, 1)}."
    for row in segments[:_MOST_SPOKEN]:
        text += f" {display_name(row['label'])} from {clock(row['start'], 1)} to {clock(row['end'], 1)}."
    return text + (" The table has all." if len(segments) > _MOST_SPOKEN else "")
