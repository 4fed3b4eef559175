"""TextGrids of Praat in the long text format (manual of Praat, "TextGrid file formats"), UTF-8.

The tiers of a grid cover all of its time without gaps or overlaps, as Praat's own do: what nothing is said of is an
interval with empty text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..spans import channel_results, segments, timeline


Interval = tuple[float, float, str]


def textgrid(row: dict[str, Any], file_duration: float | None = None) -> str:
    """
    A tier `emotion` with the segments of a recording, and one for each dimension with its values as text.

    Args:
        row (`dict`): Result of a recording. Of several channels, each has tiers of its own (`emotion 1` ...).
        file_duration (`float`, *optional*): Where the grid is to end, in seconds: that of the result is rounded to
            samples at the rate of the model.

    Returns:
        `str`: Content of a file `.TextGrid`.
    """
    duration = row["duration"] if file_duration is None else file_duration
    tiers = [
        (name, [(start, duration if end == row["duration"] else end, text) for start, end, text in spans])
        for channel, result in channel_results(row)
        for name, spans in _tiers(result, channel)
    ]
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', ""]
    lines += [*_limits(0.0, duration), "tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for number, (name, spans) in enumerate(tiers, 1):
        lines += [f"    item [{number}]:", *(f"        {line}" for line in _tier(name, spans, duration))]
    return "\n".join(lines) + "\n"


def _tiers(result: dict[str, Any], channel: int | None) -> Iterator[tuple[str, list[Interval]]]:
    suffix = "" if channel is None else f" {channel}"
    spans = segments(result)
    if spans:
        yield f"emotion{suffix}", [(span["start"], span["end"], span["label"]) for span in spans]
    for name in result.get("dimensions", {}):
        cells = timeline(result)
        values = [(cell["start"], cell["end"], f"{cell['dimensions'][name]:.3f}") for cell in cells]
        yield f"{name}{suffix}", values


def _tier(name: str, spans: Sequence[Interval], duration: float) -> Iterator[str]:
    intervals = list(contiguous(spans, duration))
    yield 'class = "IntervalTier"'
    yield f"name = {_quoted(name)}"
    yield from _limits(0.0, duration)
    yield f"intervals: size = {len(intervals)}"
    for number, (start, end, text) in enumerate(intervals, 1):
        yield f"intervals [{number}]:"
        yield from (f"    {line}" for line in (*_limits(start, end), f"text = {_quoted(text)}"))


def contiguous(spans: Iterable[Interval], duration: float) -> Iterator[Interval]:
    """
    Spans that cover the time from 0 to the duration: gaps are filled with empty text, and where two overlap, the
    earlier ends.

    Example:

    ```python
    >>> from hf_emotion.prediction.formats.textgrid import contiguous
    >>> list(contiguous([(0.0, 2.0, "joy"), (1.5, 3.0, "fear")], 4.0))
    [(0.0, 1.5, 'joy'), (1.5, 3.0, 'fear'), (3.0, 4.0, '')]

    ```
    """
    ordered = sorted((max(start, 0.0), min(end, duration), text) for start, end, text in spans)
    ordered = [span for span in ordered if span[0] < span[1]]
    next_starts = [*(start for start, _, _ in ordered[1:]), duration]
    reached = 0.0
    for (start, end, text), next_start in zip(ordered, next_starts, strict=False):  # no span, no next start
        if start > reached:
            yield reached, start, ""
        reached = min(end, next_start)
        if reached > start:
            yield start, reached, text
    if reached < duration:
        yield reached, duration, ""


def _limits(start: float, end: float) -> tuple[str, str]:
    return f"xmin = {float(start)!r}", f"xmax = {float(end)!r}"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
