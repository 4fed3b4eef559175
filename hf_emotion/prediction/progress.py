"""A bar that measures progress in seconds of audio, since recordings differ in length."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from ..data.archive import header_duration
from .recordings import Recording


_UNKNOWN_SECONDS = 5.0  # counted for what has no header to read


class ProgressBar:
    """
    Shows on a terminal how much of the audio is predicted, how fast, and how long it will take; elsewhere nothing.

    Args:
        recordings (`Sequence[Recording]`): What is to be predicted. Their headers are read if the bar is shown.
    """

    def __init__(self, recordings: Sequence[Recording]):
        from tqdm import tqdm

        is_shown = sys.stderr.isatty()
        self._seconds = {recording.name: _seconds(recording) for recording in recordings} if is_shown else {}
        self._num_files, self._num_done, self._started = len(recordings), 0, time.monotonic()
        self._bar = tqdm(
            total=sum(self._seconds.values()),
            desc="predicting",
            bar_format="{desc} {percentage:3.0f} %|{bar:12}| {elapsed} < {remaining}{postfix}",
            leave=False,
            disable=not is_shown,
        )

    def advance(self, name: str) -> None:
        """Count a recording as done."""
        self._num_done += 1
        if self._bar.disable:
            return
        self._bar.update(self._seconds.get(name, 0.0))
        speed = self._bar.n / max(time.monotonic() - self._started, 1e-9)
        text = f"{self._num_done:,}/{self._num_files:,} files, {speed:.0f} x real time"
        self._bar.set_postfix_str(text, refresh=False)

    def note(self, text: str) -> None:
        """Write a line to standard error, above the bar."""
        self._bar.write(text, file=sys.stderr)

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.close()


def _seconds(recording: Recording) -> float:
    if recording.num_bytes is None:
        return _UNKNOWN_SECONDS
    try:
        return header_duration(recording.name)
    except ValueError:  # the recogniser says what is wrong with it
        return _UNKNOWN_SECONDS
