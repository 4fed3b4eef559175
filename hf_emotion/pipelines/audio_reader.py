# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""Audio in blocks of bounded size, mixed down and resampled on the way."""

import warnings
from collections.abc import Iterator

import numpy as np
import soxr

from .audio_sources import AudioSource


# Samples of all channels that are decoded, and that come out of the resampler, at a time: 1 MiB.
_CHUNK_SAMPLES = 2**18
# Full scale is 1. The largest integers that audio is stored as are 2**31; squares of much larger ones overflow.
_LARGEST_SAMPLE = 2.0**31
# A header may count samples that an encoder cut off, and a file may end within a packet.
_TRUNCATION_SECONDS = 0.1


class AudioReader:
    """
    Open audio, read once from front to back; what [`open_audio`] returns. Use it in a `with` statement.

    The resampler keeps its state from block to block: joined, the blocks are what
    [`~hf_emotion.pipelines.audio_decoding.load_channels`] returns, bit by bit, whatever their length.

    Args:
        source (`AudioSource`): Where samples come from. It is closed with the reader.
        sampling_rate (`int`): Rate of the blocks in Hz.
        mono (`bool`, *optional*, defaults to `False`): Whether to mix down to the mean of the channels.

    Attributes:
        name (`str`): What messages call the audio.
        num_channels (`int`): Rows of each block.
        duration (`float`, *optional*): Seconds that the header promises; `None` if it does not say.
    """

    def __init__(self, source: AudioSource, sampling_rate: int, mono: bool = False):
        self._source = source
        self._is_started = False
        self._mono = mono
        self.sampling_rate = sampling_rate
        self.name = source.name
        self.num_channels = 1 if mono else source.num_channels
        self.duration = None if source.num_frames is None else source.num_frames / source.sampling_rate

    @property
    def is_duration_certain(self) -> bool:
        """Whether `duration` is known to hold, which it is not for headers of compressed files."""
        return self._source.has_all_frames

    def __enter__(self) -> "AudioReader":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, and remove it if it was downloaded."""
        self._source.close()

    def blocks(self, seconds: float = 10.0) -> Iterator[np.ndarray]:
        """
        The audio from front to back, once.

        Args:
            seconds (`float`, *optional*, defaults to 10.0): Length of each block but the last, which may be shorter.

        Yields:
            `np.ndarray` of shape `(num_channels, num_samples)`, float32.

        Raises:
            `ValueError`: If the audio holds no samples, is too short to be resampled, or holds NaN, infinite or
                absurdly large samples; or if blocks were read from this reader before.
        """
        if not seconds > 0 or round(seconds * self.sampling_rate) < 1:
            raise ValueError(f"Blocks of {seconds} s hold no sample. Pass `seconds` above 0.")
        if self._is_started:
            raise ValueError(f"{self.name} is read from front to back, once. Open it again.")
        self._is_started = True
        return _equal_blocks(self._resampled(), round(seconds * self.sampling_rate))

    def _resampled(self) -> Iterator[np.ndarray]:
        """Arrays `(num_samples, num_channels)` of any length, at least one of them not empty."""
        rate = self._source.sampling_rate
        if rate == self.sampling_rate:
            yield from self._decoded(_CHUNK_SAMPLES)
            return
        num_samples, num_decoded = 0, 0
        resampler = soxr.ResampleStream(rate, self.sampling_rate, self.num_channels)
        for chunk in self._decoded(_CHUNK_SAMPLES * min(1, rate / self.sampling_rate)):
            num_decoded += len(chunk)
            resampled = resampler.resample_chunk(chunk)
            num_samples += len(resampled)
            yield resampled
        resampled = resampler.resample_chunk(np.empty((0, self.num_channels), dtype=np.float32), last=True)
        if num_samples + len(resampled) == 0:
            raise ValueError(
                f"{self.name} is too short, {num_decoded} samples, to be resampled from {rate:g} to "
                f"{self.sampling_rate} Hz. Leave the clip out."
            )
        yield resampled

    def _decoded(self, chunk_samples: float) -> Iterator[np.ndarray]:
        """Checked arrays `(num_frames, num_channels)` at the rate of the source."""
        num_frames, position = max(1, int(chunk_samples / self._source.num_channels)), 0
        while len(chunk := self._source.read(num_frames)):
            self._check(chunk, position)
            position += len(chunk)
            yield chunk.mean(axis=1, keepdims=True) if self._mono and chunk.shape[1] > 1 else chunk
        self._check_end(position)

    def _check(self, chunk: np.ndarray, position: int) -> None:
        peak = np.abs(chunk).max()
        if peak <= _LARGEST_SAMPLE:
            return
        start, end = (place / self._source.sampling_rate for place in (position, position + len(chunk)))
        num_bad = chunk.size - int(np.isfinite(chunk).sum())
        found = f"{num_bad} NaN or infinite samples" if num_bad else f"samples up to {peak:.3g}, full scale being 1,"
        raise ValueError(
            f"{self.name} holds {found} between {start:.2f} and {end:.2f} s. Repair the file or leave the clip out."
        )

    def _check_end(self, num_frames: int) -> None:
        failure, rate = self._source.failure, self._source.sampling_rate
        promised = self._source.promised_frames or 0
        if num_frames == 0:
            reason = f": decoding fails ({failure})" if failure else ""
            raise ValueError(f"{self.name} holds no samples{reason}. Leave the clip out.")
        seconds, promised_seconds = num_frames / rate, promised / rate
        if failure is not None:
            _warn_of_truncation(f"Decoding {self.name} stops after {seconds:.2f} s ({failure})")
        elif promised_seconds - seconds > _TRUNCATION_SECONDS:
            _warn_of_truncation(
                f"{self.name} ends after {seconds:.2f} s; its header promises {promised_seconds:.2f} s"
            )


def _warn_of_truncation(found: str) -> None:
    warnings.warn(f"{found}. The file is truncated or damaged; what could be decoded is used.", stacklevel=2)


def _equal_blocks(chunks: Iterator[np.ndarray], length: int) -> Iterator[np.ndarray]:
    """Arrays `(num_samples, num_channels)` of any length -> `(num_channels, length)`, the last one maybe shorter."""
    waiting: list[np.ndarray] = []
    num_waiting = 0
    for chunk in chunks:
        while num_waiting + len(chunk) >= length:
            taken, chunk = np.split(chunk, [length - num_waiting])
            yield _joined([*waiting, taken])
            waiting, num_waiting = [], 0
        if len(chunk):
            waiting.append(chunk)
            num_waiting += len(chunk)
    if waiting:
        yield _joined(waiting)


def _joined(chunks: list[np.ndarray]) -> np.ndarray:
    return np.ascontiguousarray(np.concatenate(chunks).T)
