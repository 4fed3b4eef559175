"""A table for people: one line per recording, below it its segments, no wider than the terminal."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

from ..spans import channel_results


_NARROWEST_NAME = 18  # columns of the terminal that a shortened path keeps
_MOST_SEGMENTS = 12  # per recording
_ORDINALS = ("emotion", "2nd", "3rd")


def table_lines(rows: Sequence[dict[str, Any]], top_k: int = 3, width: int | None = None) -> Iterator[str]:
    """
    Lines of a table with name, duration, the best classes with their scores, and dimensions.

    Long paths lose their beginning, since their end tells files apart. Where that is not enough, fewer classes are
    shown.

    Args:
        rows (`Sequence[dict]`): Results of recordings.
        top_k (`int`, *optional*, defaults to 3): Most classes to show.
        width (`int`, *optional*): Columns of the terminal; by default, nothing is shortened.
    """
    table = [_headers(rows, top_k)]
    for row in rows:
        for channel, result in channel_results(row):
            name = row["file"] if channel is None else f"{row['file']} [{channel}]"
            table.append([name, clock(result["duration"]), *_scores(result, table[0]), *_ratings(result, table[0])])
            table += [[*cells, *[""] * (len(table[0]) - len(cells))] for cells in _segment_cells(result)]
    if len(table) > 1:
        yield from _aligned(table, math.inf if width is None else width)


def clock(seconds: float) -> str:
    """
    Seconds as people read them.

    Example:

    ```python
    >>> from hf_emotion.prediction.formats.terminal_table import clock
    >>> clock(2.34), clock(75.0), clock(3723.0)
    ('0:02.3', '1:15.0', '1:02:03')

    ```
    """
    if round(seconds) >= 3600:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
    tenths = round(seconds * 10)
    return f"{tenths // 600}:{tenths % 600 // 10:02d}.{tenths % 10}"


def display_width(text: str) -> int:
    """
    Columns that a text takes on a terminal.

    Example:

    ```python
    >>> from hf_emotion.prediction.formats.terminal_table import display_width
    >>> display_width("joy"), display_width("喜び"), display_width("e\u0301")
    (3, 4, 1)

    ```
    """
    return sum(_character_width(character) for character in text)


def _character_width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Cf", "Me", "Mn"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _headers(rows: Sequence[dict[str, Any]], top_k: int) -> list[str]:
    results = [result for row in rows for _, result in channel_results(row)]
    num_shown = min(top_k, max((len(result.get("scores", [])) for result in results), default=0))
    ordinals = [_ORDINALS[place] if place < 3 else f"{place + 1}th" for place in range(num_shown)]
    return ["file", "time", *ordinals, *(results[0].get("dimensions", {}) if results else ())]


def _is_place(header: str) -> bool:
    return header == "emotion" or header[0].isdigit()


def _scores(result: dict[str, Any], headers: Sequence[str]) -> list[str]:
    scores = result.get("scores", [])
    num_places = sum(map(_is_place, headers))
    cells = [f"{score['label']} {score['score']:.2f}" for score in scores[:num_places]]
    return cells + [""] * (num_places - len(cells))


def _ratings(result: dict[str, Any], headers: Sequence[str]) -> list[str]:
    return [f"{value:.2f}" for name, value in result.get("dimensions", {}).items() if name in headers]


def _segment_cells(result: dict[str, Any]) -> Iterator[list[str]]:
    found = result.get("segments", [])
    for segment in found[:_MOST_SEGMENTS]:
        start, end = segment["start"], segment["end"]
        score = f"{segment['label']} {segment['score']:.2f}"
        yield [f"  {clock(start)} - {clock(end)}", clock(end - start), score]
    if len(found) > _MOST_SEGMENTS:
        yield [f"  and {len(found) - _MOST_SEGMENTS:,} more"]


def _aligned(table: list[list[str]], width: float) -> Iterator[str]:
    table = [list(row) for row in table]
    places = [column for column, header in enumerate(table[0]) if _is_place(header)]
    for column in places:
        _spread_scores(table, column)
    while _width(table) - _name_excess(table) > width and len(places) > 1:
        for row in table:
            del row[places[-1]]
        places.pop()
    name_width = max(_NARROWEST_NAME, _widths(table)[0] - int(max(0, _width(table) - width)))
    for row in table:
        row[0] = _without_beginning(row[0], name_width)
    to_the_right = [column for column in range(1, len(table[0])) if column not in places]
    for row in table:
        cells = zip(row, _widths(table), range(len(row)), strict=True)
        padded = [_padded(cell, size, column in to_the_right) for cell, size, column in cells]
        yield "  ".join(padded).rstrip()


def _spread_scores(table: list[list[str]], column: int) -> None:
    """Put the scores of a column below each other."""
    split = [row[column].rsplit(" ", 1) for row in table[1:]]
    label_width = max(display_width(cell[0]) for cell in split)
    for row, cell in zip(table[1:], split, strict=True):
        row[column] = " ".join([_padded(cell[0], label_width, False), *cell[1:]])


def _widths(table: list[list[str]]) -> list[int]:
    return [max(map(display_width, cells)) for cells in zip(*table, strict=True)]


def _width(table: list[list[str]]) -> int:
    return sum(_widths(table)) + 2 * (len(table[0]) - 1)


def _name_excess(table: list[list[str]]) -> int:
    """Columns that can be taken from the names."""
    return max(0, _widths(table)[0] - _NARROWEST_NAME)


def _padded(text: str, width: int, to_the_right: bool) -> str:
    room = " " * (width - display_width(text))
    return room + text if to_the_right else text + room


def _without_beginning(text: str, width: int) -> str:
    if display_width(text) <= width:
        return text
    while display_width(text) >= width:
        text = text[1:]
    return f"…{text}"
