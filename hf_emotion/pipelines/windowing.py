# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""Windows with overlap over long audio, and the timeline that their results make together."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .recognition_options import check_positive


MAX_WHOLE_SECONDS = 30.0
DEFAULT_WINDOW_SECONDS = 10.0


@dataclass(frozen=True)
class WindowPlan:
    """
    How a clip is cut, in samples.

    Args:
        max_whole (`int`): Clips up to this length are heard as a whole.
        window (`int`): Length of the windows of longer clips.
        hop (`int`): Distance of their starts.
    """

    max_whole: int
    window: int
    hop: int


def plan_windows(
    sampling_rate: int,
    *,
    window_seconds: float | None = None,
    hop_seconds: float | None = None,
    max_seconds: float | None = None,
    minimum_samples: int = 1,
) -> WindowPlan:
    """
    Settle how clips are cut.

    Args:
        sampling_rate (`int`): Hz.
        window_seconds (`float`, *optional*):
            Length of the windows, used for every clip. By default only clips of more than 30 s (or `max_seconds`) are
            cut, into windows of 10 s (or `max_seconds`).
        hop_seconds (`float`, *optional*): Distance of their starts, by default half their length.
        max_seconds (`float`, *optional*): Longest input of the network.
        minimum_samples (`int`, *optional*, defaults to 1): Shortest input of the network.

    Returns:
        [`WindowPlan`]: The plan.

    Raises:
        `ValueError`: If windows are too short or too long for the network, or would leave gaps.
    """
    limit = float("inf") if max_seconds is None else max_seconds
    seconds = min(DEFAULT_WINDOW_SECONDS, limit) if window_seconds is None else window_seconds
    check_positive("window_seconds", seconds, "of seconds")
    if seconds > limit:
        raise ValueError(f"window_seconds={seconds:g} is more than the {limit:g} s that the model hears at once.")
    window = round(seconds * sampling_rate)
    if window < minimum_samples:
        raise ValueError(
            f"window_seconds={seconds:g} gives windows of {window} samples, but the model needs {minimum_samples} "
            f"({minimum_samples / sampling_rate:g} s). Emotions need longer windows: try 4."
        )
    hop = max(1, window // 2)
    if hop_seconds is not None:
        check_positive("hop_seconds", hop_seconds, "of seconds")
        hop = max(1, round(hop_seconds * sampling_rate))
    if hop > window:
        raise ValueError(
            f"hop_seconds={hop_seconds:g} is more than the windows of {seconds:g} s: what lies between them would not "
            "be heard. Choose a smaller hop_seconds or a larger window_seconds."
        )
    max_whole = 0 if window_seconds is not None else int(min(MAX_WHOLE_SECONDS, limit) * sampling_rate)
    return WindowPlan(max_whole, window, hop)


def cut_windows(blocks: Iterable[np.ndarray], window: int, hop: int) -> Iterator[tuple[int, np.ndarray]]:
    """
    Cut audio that is read in blocks; no more of it is held than a window and a block.

    Args:
        blocks (`Iterable[np.ndarray]`): Consecutive samples, `(num_channels, num_samples)` each.
        window (`int`): Length of the windows in samples.
        hop (`int`): Distance of their starts, at most `window`.

    Yields:
        `tuple[int, np.ndarray]`: The first sample of a window, and the window `(num_channels, window)`. The last
        window ends where the audio ends, which may be less than a hop after the one before. Audio that is shorter than
        a window is one of its own length.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_emotion.pipelines.windowing import cut_windows
    >>> [(start, samples[0].tolist()) for start, samples in cut_windows([np.arange(8)[None]], window=4, hop=3)]
    [(0, [0, 1, 2, 3]), (3, [3, 4, 5, 6]), (4, [4, 5, 6, 7])]

    ```
    """
    held, offset = None, 0  # samples from `offset` on
    start = end = last_end = 0
    for block in blocks:
        held = block if held is None else np.concatenate([held, block], axis=1)
        end = offset + held.shape[1]
        while start + window <= end:
            # a copy, so that a window that waits for its batch does not keep the block
            yield start, held[:, start - offset : start - offset + window].copy()
            last_end, start = start + window, start + hop
        num_done = min(start, end - window) - offset
        if num_done > 0:
            held, offset = held[:, num_done:], offset + num_done
    if held is not None and end > last_end:
        first = max(0, end - window)
        yield first, held[:, first - offset :].copy()


def timeline_cells(starts: Sequence[int], ends: Sequence[int], hop: int) -> Iterator[tuple[int, int, slice]]:
    """
    Cut the time that windows cover into cells of a hop.

    Args:
        starts (`Sequence[int]`): First samples of the windows, ascending.
        ends (`Sequence[int]`): Samples behind their last ones, ascending. Windows leave no gaps.
        hop (`int`): Length of the cells in samples; the last one may be shorter.

    Yields:
        `tuple[int, int, slice]`: Start and end of each cell, and which windows its middle lies in: one or more.

    Example:

    ```python
    >>> from hf_emotion.pipelines.windowing import timeline_cells
    >>> [(start, end, (rows.start, rows.stop)) for start, end, rows in timeline_cells([0, 2, 3], [4, 6, 7], hop=2)]
    [(0, 2, (0, 1)), (2, 4, (0, 3)), (4, 6, (1, 3)), (6, 7, (2, 3))]

    ```
    """
    for start in range(0, ends[-1], hop):
        end = min(start + hop, ends[-1])
        middle = (start + end) / 2
        first = int(np.searchsorted(ends, middle, side="right"))
        yield start, end, slice(first, int(np.searchsorted(starts, middle, side="right")))


def merge_segments(timeline: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """
    Merge neighbours with the same best class.

    Args:
        timeline (`Sequence[dict]`): `{"start", "end", "scores"}` in the order of time, `scores` best first.

    Returns:
        `list[dict]`: `{"start", "end", "label", "score"}`, the score being the mean over time.

    Example:

    ```python
    >>> from hf_emotion.pipelines.windowing import merge_segments
    >>> cells = [(0.0, 1.0, "joy", 0.5), (1.0, 2.0, "joy", 0.75), (2.0, 2.5, "anger", 0.5)]
    >>> merge_segments([{"start": a, "end": b, "scores": [{"label": c, "score": s}]} for a, b, c, s in cells])[0]
    {'start': 0.0, 'end': 2.0, 'label': 'joy', 'score': 0.625}

    ```
    """
    segments: list[dict[str, Any]] = []
    for cell in timeline:
        best = cell["scores"][0]
        if not segments or segments[-1]["label"] != best["label"]:
            segments.append({"start": cell["start"], "end": cell["end"], **best})
            continue
        segment = segments[-1]
        before, added = segment["end"] - segment["start"], cell["end"] - cell["start"]
        segment["score"] = (segment["score"] * before + best["score"] * added) / (before + added)
        segment["end"] = cell["end"]
    return segments
