# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""What audio comes as, behind one face: so many channels at a rate, read from front to back."""

import abc
from typing import Any, BinaryIO

import numpy as np


# What torchcodec raises with for a range behind the end.
_END_OF_DECODER = "No audio frames were decoded"
# Samples of all channels that a decoder decodes at once: 128 MiB, or 6 minutes of stereo at 44.1 kHz.
_LONG_FOR_A_DECODER = 2**25


class AudioSource(abc.ABC):
    """
    Audio that is read from front to back.

    Args:
        name (`str`): What messages call it.
        sampling_rate (`float`): Hz.
        num_channels (`int`): Channels.
        num_frames (`int`, *optional*): Samples per channel, as far as one can tell before reading them.
        has_all_frames (`bool`): Whether that is known to hold, which the header of a compressed file alone cannot say.
    """

    def __init__(
        self,
        name: str,
        sampling_rate: float,
        num_channels: int,
        num_frames: int | None,
        has_all_frames: bool,
    ):
        self.name = name
        self.sampling_rate = sampling_rate
        self.num_channels = num_channels
        self.num_frames = num_frames
        self.has_all_frames = has_all_frames
        # Fewer are a sign of damage.
        self.promised_frames = num_frames
        # Why reading stopped before the end, if it did.
        self.failure: str | None = None
        # What samples are read from, closed with the source.
        self.stream: BinaryIO | None = None

    @abc.abstractmethod
    def read(self, num_frames: int) -> np.ndarray:
        """The next samples, `(at most num_frames, num_channels)` in float32; none at the end."""

    def close(self) -> None:
        """Let go of files."""
        if self.stream is not None:
            self.stream.close()


class ArraySource(AudioSource):
    """Samples in memory, `(num_frames, num_channels)` of any type; integers are scaled block by block."""

    def __init__(self, samples: np.ndarray, sampling_rate: float, name: str):
        super().__init__(name, sampling_rate, samples.shape[1], len(samples), has_all_frames=True)
        self._samples = samples
        self._position = 0

    def read(self, num_frames: int) -> np.ndarray:
        block = self._samples[self._position : self._position + num_frames]
        self._position += len(block)
        return scaled_samples(block)


class DecoderSource(AudioSource):
    """
    A decoder of torchcodec, asked for one range of time after the other.

    Args:
        decoder (`torchcodec.decoders.AudioDecoder`): Or what behaves like it.
        name (`str`): What messages call it.
        num_frames (`int`): Samples per channel that are promised.
    """

    def __init__(self, decoder: Any, name: str, num_frames: int):
        metadata = decoder.metadata
        super().__init__(name, float(metadata.sample_rate), metadata.num_channels, num_frames, has_all_frames=False)
        self._decoder = decoder
        self._position = 0

    def read(self, num_frames: int) -> np.ndarray:
        nothing = np.empty((0, self.num_channels), dtype=np.float32)
        if self.failure is not None:
            return nothing
        start, stop = (frame / self.sampling_rate for frame in (self._position, self._position + num_frames))
        try:
            decoded = self._decoder.get_samples_played_in_range(start, stop)
        except RuntimeError as error:
            if _END_OF_DECODER not in str(error):
                self.failure = last_clause(error)
            return nothing
        # The first range may hold fewer samples: a stream need not start at 0 s.
        self._position += num_frames
        return scaled_samples(as_array(decoded.data).T)


def decoder_source(decoder: Any, name: str) -> AudioSource:
    """
    The source that reads a decoder of torchcodec.

    Clips are decoded as a whole: ranges of time lose samples of containers with coarse time stamps, such as WMA. Only
    recordings of more than some minutes are asked for range by range, and clips that cannot be decoded to their end.

    Args:
        decoder (`torchcodec.decoders.AudioDecoder`): Or what behaves like it.
        name (`str`): What messages call it.

    Raises:
        `ValueError`: If it cannot decode.
    """
    metadata: Any = getattr(decoder, "metadata", None)
    # Older versions of torchcodec only know what the header says.
    seconds = getattr(metadata, "duration_seconds", None) or getattr(metadata, "duration_seconds_from_header", None)
    has_ranges = seconds is not None and hasattr(decoder, "get_samples_played_in_range")
    num_frames = round(seconds * metadata.sample_rate) if has_ranges else 0
    if has_ranges and num_frames * metadata.num_channels > _LONG_FOR_A_DECODER:
        return DecoderSource(decoder, name, num_frames)
    try:
        decoded = decoder.get_all_samples()
    except RuntimeError as error:
        if has_ranges:
            return DecoderSource(decoder, name, num_frames)
        raise ValueError(f"{name} cannot be decoded: {last_clause(error)}.") from error
    # torchcodec gives (num_channels, num_samples).
    return ArraySource(as_array(decoded.data).T, float(decoded.sample_rate), name)


def last_clause(error: Exception) -> str:
    """What torchcodec says behind the places in its code."""
    return str(error).strip().rsplit(", ", 1)[-1].rstrip(".") or "damaged data"


def as_array(samples: Any) -> np.ndarray:
    """Array, tensor or list -> array."""
    if hasattr(samples, "detach"):
        samples = samples.detach().cpu()
        # NumPy has no bfloat16.
        samples = (samples.float() if samples.is_floating_point() else samples).numpy()
    return np.asarray(samples)


def check_sample_type(samples: np.ndarray) -> None:
    """
    Refuse what [`scaled_samples`] cannot scale.

    Raises:
        `ValueError`: Integers of 64 bits.
        `TypeError`: Neither integers nor floating point numbers.
    """
    if np.issubdtype(samples.dtype, np.integer):
        if samples.dtype.itemsize > 4:
            raise ValueError(
                f"Samples of type {samples.dtype} have no full scale to divide by. Pass int16, int32 or floats."
            )
    elif not np.issubdtype(samples.dtype, np.floating):
        raise TypeError(f"Samples must be real numbers, got an array of type {samples.dtype}.")


def scaled_samples(samples: np.ndarray) -> np.ndarray:
    """Samples as float32; integers are divided by the full scale of their type, so that they lie in [-1, 1)."""
    if np.issubdtype(samples.dtype, np.floating):
        with np.errstate(over="ignore"):
            return samples.astype(np.float32, copy=False)
    full_scale = 2.0 ** (8 * samples.dtype.itemsize - 1)
    # Unsigned audio has its zero in the middle.
    zero = full_scale if np.issubdtype(samples.dtype, np.unsignedinteger) else 0.0
    return ((samples.astype(np.float64) - zero) / full_scale).astype(np.float32)
