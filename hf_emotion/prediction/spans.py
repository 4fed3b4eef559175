"""What a result says of which stretch of which channel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any


def channel_results(row: dict[str, Any]) -> Iterator[tuple[int | None, dict[str, Any]]]:
    """
    Results of the channels, counted from 1, or `None` and the result of their mean. All have a duration.

    Example:

    ```python
    >>> from hf_emotion.prediction.spans import channel_results
    >>> list(channel_results({"duration": 2.0, "channels": [{"label": "joy"}, {"label": "fear"}]}))
    [(1, {'duration': 2.0, 'label': 'joy'}), (2, {'duration': 2.0, 'label': 'fear'})]

    ```
    """
    if "channels" not in row:
        yield None, row
        return
    for number, result in enumerate(row["channels"], 1):
        yield number, {"duration": row["duration"], **result}


def segments(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Spans of one label; a clip that was heard as a whole is one. None of a model without classes."""
    if "segments" in result:
        return result["segments"]
    if "label" not in result:
        return []
    return [{"start": 0.0, "end": result["duration"], "label": result["label"], "score": result["score"]}]


def timeline(result: dict[str, Any]) -> list[dict[str, Any]]:
    """The finest spans that there are results for; a clip that was heard as a whole is one."""
    if "timeline" in result:
        return result["timeline"]
    whole = {"start": 0.0, "end": result["duration"]}
    return [whole | {name: result[name] for name in ("scores", "dimensions") if name in result}]


def has_classes(rows: Sequence[dict[str, Any]]) -> bool:
    """Whether the model gives labels, or only ratings."""
    return any("label" in result for row in rows for _, result in channel_results(row))
