# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""Recognition of audio that arrives in chunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import soxr

from .audio_sources import as_array, check_sample_type, scaled_samples
from .recognition_options import check_positive
from .scoring import Scorer
from .windowing import plan_windows


if TYPE_CHECKING:
    from .recognizer import SpeechEmotionRecognizer


class RecognizerStream:
    """
    Estimates for audio that arrives in chunks, see [`SpeechEmotionRecognizer.stream`]; made by
    [`SpeechEmotionRecognizer.open_stream`]. It holds no more audio than a window and a chunk.

    Args:
        recognizer ([`SpeechEmotionRecognizer`]): The network.
        scorer ([`Scorer`]): Makes results of numbers.
        sampling_rate (`int`): Rate of the chunks in Hz.
        window_seconds (`float`): How much of the latest audio is heard at once.
        hop_seconds (`float`): How much audio lies between two estimates.
        smoothing (`float`): Share of the running estimate that is kept at each hop, in [0, 1).

    Raises:
        `ValueError`: If an option cannot work.
    """

    def __init__(
        self,
        recognizer: SpeechEmotionRecognizer,
        scorer: Scorer,
        sampling_rate: int,
        *,
        window_seconds: float,
        hop_seconds: float,
        smoothing: float,
    ):
        check_positive("sampling_rate", sampling_rate, "of Hz")
        if not 0 <= smoothing < 1:
            raise ValueError(f"smoothing must be in [0, 1), got {smoothing!r}.")
        self._recognizer, self._scorer, self._smoothing = recognizer, scorer, smoothing
        self._plan = plan_windows(
            recognizer.sampling_rate,
            window_seconds=window_seconds,
            hop_seconds=hop_seconds,
            max_seconds=recognizer.max_seconds,
            minimum_samples=recognizer.minimum_samples,
        )
        self._resampler: soxr.ResampleStream | None = None
        if sampling_rate != recognizer.sampling_rate:
            self._resampler = soxr.ResampleStream(sampling_rate, recognizer.sampling_rate, 1)
        self._num_channels: int | None = None
        # the latest samples, where they end, and where the latest estimate did
        self._held = np.empty(0, dtype=np.float32)
        self._end = self._last_end = 0
        self._running: list[np.ndarray | None] = []
        self._is_finished = False

    def estimates(self, chunks: Iterable[Any]) -> Iterator[dict[str, Any]]:
        """Feed chunks one after the other, and finish."""
        for chunk in chunks:
            yield from self.feed(chunk)
        yield from self.finish()

    def feed(self, chunk: Any) -> list[dict[str, Any]]:
        """
        Take the next samples, and return the estimates that are due: none or one for small chunks.

        Args:
            chunk (`np.ndarray`): `(num_samples,)` or `(num_channels, num_samples)`, floats or integers; may be empty.
        """
        if self._is_finished:
            raise ValueError("The stream has been finished. Open another one for more audio.")
        samples = self._mono(chunk)
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(samples)
        return self._heard(samples)

    def finish(self) -> list[dict[str, Any]]:
        """End the audio, and return the estimate for what came after the last one, if anything did."""
        self._is_finished = True
        found = []
        if self._resampler is not None:
            found = self._heard(self._resampler.resample_chunk(np.empty(0, dtype=np.float32), last=True))
        return found + ([self._estimate(self._end)] if self._end > self._last_end else [])

    def _mono(self, chunk: Any) -> np.ndarray:
        samples = as_array(chunk)
        check_sample_type(samples)
        if samples.ndim not in (1, 2):
            raise ValueError(
                f"A chunk has the shape {samples.shape}; expected (num_samples,) or (num_channels, num_samples)."
            )
        num_channels = 1 if samples.ndim == 1 else len(samples)
        if self._num_channels not in (None, num_channels):
            raise ValueError(
                f"A chunk has {num_channels} channel(s), the ones before had {self._num_channels}. Chunks are "
                "(num_samples,) or (num_channels, num_samples), all with the same channels."
            )
        self._num_channels = num_channels
        samples = scaled_samples(samples)
        samples = samples if samples.ndim == 1 else samples.mean(axis=0, dtype=np.float32)
        if not np.isfinite(samples).all():
            start = self._end / self._recognizer.sampling_rate
            raise ValueError(f"The chunk at {start:.2f} s holds NaN or infinite samples. Leave it out.")
        return samples

    def _heard(self, samples: np.ndarray) -> list[dict[str, Any]]:
        self._held = np.concatenate([self._held, samples])
        self._end += len(samples)
        found = []
        while self._last_end + self._plan.hop <= self._end:
            found.append(self._estimate(self._last_end + self._plan.hop))
        return found

    def _estimate(self, end: int) -> dict[str, Any]:
        """What the network says about the window that ends at a sample."""
        offset = self._end - len(self._held)
        start = max(0, end - self._plan.window)
        window = self._held[start - offset : end - offset]
        # of the next window, which ends a hop later
        first_needed = max(0, end + 1 - self._plan.window)
        self._held, self._last_end = self._held[max(0, first_needed - offset) :], end
        outputs = self._recognizer.outputs([window])
        scores = self._scorer.scores(outputs.logits)
        latest = [_first(scores), _first(outputs.dimensions)]
        self._running = list(map(self._smoothed, self._running or latest, latest))
        rate = self._recognizer.sampling_rate
        return {
            "start": start / rate,
            "end": end / rate,
            **self._scorer.result(*latest),
            "running": self._scorer.result(*self._running),
        }

    def _smoothed(self, before: np.ndarray | None, latest: np.ndarray | None) -> np.ndarray | None:
        if before is None or latest is None:
            return None
        return self._smoothing * before + (1 - self._smoothing) * latest


def _first(rows: np.ndarray | None) -> np.ndarray | None:
    return None if rows is None else rows[0]
