"""Segments line by line: RTTM of NIST, and label tracks of Audacity."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..spans import channel_results, segments


def rttm_lines(row: dict[str, Any], identifier: str) -> Iterator[str]:
    """
    `SPEAKER file channel onset duration <NA> <NA> label confidence <NA>`: the fields of NIST's evaluations (Rich
    Transcription 2009, appendix A), with the emotion in the place of the speaker's name.

    Fields are separated by white space, which names therefore have `_` for.

    Example:

    ```python
    >>> from hf_emotion.prediction.formats.label_lines import rttm_lines
    >>> row = {"duration": 2.5, "label": "joy", "score": 0.875}
    >>> print(*rttm_lines(row, "session 1/a"))
    SPEAKER session_1/a 1 0.000 2.500 <NA> <NA> joy 0.8750 <NA>

    ```
    """
    for channel, result in channel_results(row):
        for segment in segments(result):
            start, seconds = segment["start"], segment["end"] - segment["start"]
            what = f"{start:.3f} {seconds:.3f} <NA> <NA> {_word(segment['label'])} {segment['score']:.4f} <NA>"
            yield f"SPEAKER {_word(identifier)} {channel or 1} {what}"


def audacity_lines(row: dict[str, Any]) -> Iterator[str]:
    """
    `start`, `end` and label with tabs in between, in seconds with six decimals, as Audacity exports label tracks.
    Of several channels the label names the channel.

    Example:

    ```python
    >>> from hf_emotion.prediction.formats.label_lines import audacity_lines
    >>> next(audacity_lines({"duration": 2.5, "label": "joy", "score": 0.875})).split("\\t")
    ['0.000000', '2.500000', 'joy']

    ```
    """
    for channel, result in channel_results(row):
        prefix = "" if channel is None else f"channel {channel}: "
        for segment in segments(result):
            label = " ".join(f"{prefix}{segment['label']}".split())
            yield f"{segment['start']:.6f}\t{segment['end']:.6f}\t{label}"


def _word(text: str) -> str:
    return re.sub(r"\s+", "_", text.strip())
