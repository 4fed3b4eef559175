# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""Inputs in, results out in the same order; in between, windows of many clips wait for batches of similar length."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from .clip_reading import ClipReader, read_ahead
from .clip_result import TrackResult
from .recognition_options import RecognitionOptions
from .scoring import Scorer
from .windowing import WindowPlan


if TYPE_CHECKING:
    from .recognizer import SpeechEmotionRecognizer

# Windows that wait for a batch: ten minutes of audio are 38 MB at 16 kHz.
LOOK_AHEAD_SECONDS = 600
_MAX_CLIPS_READ_AHEAD = 32
# What a bad input raises.
_INPUT_ERRORS = (OSError, TypeError, ValueError)


@dataclass
class _Entry:
    """An input on its way."""

    reader: ClipReader | None = None
    tracks: list[TrackResult] = field(default_factory=list)
    is_read: bool = False
    error: str | None = None

    @property
    def is_done(self) -> bool:
        return self.error is not None or (self.is_read and all(track.is_complete for track in self.tracks))


@dataclass
class _Window:
    """Samples that wait for the network, and where its answer goes."""

    waveform: np.ndarray
    entry: _Entry
    track: TrackResult
    number: int
    condition: Any


class RecognitionQueue:
    """
    Runs a recognizer on inputs.

    Args:
        recognizer ([`SpeechEmotionRecognizer`]): The network.
        options ([`RecognitionOptions`]): What was asked for.
        scorer ([`Scorer`]): Makes results of numbers.
        plan ([`WindowPlan`]): How clips are cut.
        max_waiting (`int`, *optional*): How many windows may wait for a batch; by default ten minutes of audio.
    """

    def __init__(
        self,
        recognizer: SpeechEmotionRecognizer,
        options: RecognitionOptions,
        scorer: Scorer,
        plan: WindowPlan,
        max_waiting: int | None = None,
    ):
        self._recognizer, self._options, self._scorer, self._plan = recognizer, options, scorer, plan
        # one by one, nothing is gained by waiting
        self._max_waiting = 1 if options.batch_size == 1 else max_waiting
        self._max_samples = LOOK_AHEAD_SECONDS * recognizer.sampling_rate
        self._windows: list[_Window] = []
        self._num_samples = 0

    def results(self, inputs: Iterable[Any], conditions: Iterable[Any]) -> Iterator[dict[str, Any]]:
        """Results of inputs, in their order. `conditions` is what is known of each of them beside the audio."""
        depth = min(2 * self._options.batch_size, _MAX_CLIPS_READ_AHEAD)
        waiting_conditions: collections.deque = collections.deque()

        def noted() -> Iterator[Any]:
            for audio, condition in zip(inputs, conditions, strict=False):
                waiting_conditions.append(condition)
                yield audio

        entries: collections.deque[_Entry] = collections.deque()
        for open_clip in read_ahead(noted(), self._open, depth):
            entry = _Entry()
            entries.append(entry)
            for _ in self._read(entry, open_clip, waiting_conditions.popleft()):
                self._run()
                yield from self._finished(entries)
            yield from self._finished(entries)
        self._run()
        yield from self._finished(entries)

    def result(self, audio: Any, condition: Any) -> dict[str, Any]:
        """Result of one input, read in this thread."""
        entry = _Entry()
        for _ in self._read(entry, lambda: self._open(audio), condition):
            self._run()
        self._run()
        return self._result(entry)

    def _open(self, audio: Any) -> ClipReader:
        keeps_channels = self._options.channels == "each"
        return ClipReader(audio, self._recognizer.sampling_rate, self._plan, keeps_channels)

    def _read(self, entry: _Entry, open_clip: Callable[[], ClipReader], condition: Any) -> Iterator[None]:
        """Put the windows of an input into the queue; yields whenever the queue is full."""
        try:
            entry.reader = open_clip()
            entry.tracks = [TrackResult(self._scorer) for _ in range(entry.reader.num_channels)]
            for start, samples in entry.reader.windows():
                for track, waveform in zip(entry.tracks, samples, strict=True):
                    number = track.expect(start, len(waveform))
                    self._windows.append(_Window(waveform, entry, track, number, condition))
                    self._num_samples += len(waveform)
                    if self._is_full():
                        yield
        except _INPUT_ERRORS as error:
            self._refuse(entry, error)
        entry.is_read = True

    def _is_full(self) -> bool:
        too_many = self._max_waiting is not None and len(self._windows) >= self._max_waiting
        return too_many or self._num_samples >= self._max_samples

    def _refuse(self, entry: _Entry, error: Exception) -> None:
        if self._options.on_error == "raise":
            raise error
        entry.error = str(error)

    def _run(self) -> None:
        """Let the network hear what waits."""
        windows = [window for window in self._windows if window.entry.error is None]
        self._windows, self._num_samples = [], 0
        if not windows:
            return
        outputs = self._recognizer.unchecked_outputs(
            [window.waveform for window in windows],
            self._options.batch_size,
            wants_embeddings=self._options.return_embeddings,
            conditions=[window.condition for window in windows],
        )
        is_finite = outputs.is_finite()
        columns = (self._scorer.scores(outputs.logits), outputs.dimensions, outputs.embeddings)
        for row, window in enumerate(windows):
            if is_finite[row]:
                window.track.put(window.number, *(None if column is None else column[row] for column in columns))
            elif window.entry.reader is not None:
                self._refuse(window.entry, not_finite(window.entry.reader.name))

    def _finished(self, entries: collections.deque[_Entry]) -> Iterator[dict[str, Any]]:
        while entries and entries[0].is_done:
            yield self._result(entries.popleft())

    def _result(self, entry: _Entry) -> dict[str, Any]:
        if entry.error is not None or entry.reader is None:
            return {"error": entry.error}
        rate, reader = self._recognizer.sampling_rate, entry.reader
        plan = None if reader.is_whole else self._plan
        results = [track.result(rate, plan) for track in entry.tracks]
        duration = reader.num_samples / rate
        if self._options.channels == "each":
            return {"duration": duration, "channels": results}
        return {**results[0], "duration": duration}


def not_finite(name: str) -> ValueError:
    """What to say where the network returns no numbers."""
    return ValueError(
        f"The model returns NaN or infinite values for {name}. Load it in float32 if it runs in half precision; "
        "otherwise its weights are damaged."
    )
