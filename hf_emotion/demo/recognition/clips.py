"""Recordings that visitors hand in, read within limits."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...pipelines.audio_decoding import open_audio
from ...pipelines.audio_reader import AudioReader
from .clock import spoken_duration


logger = logging.getLogger(__name__)

FORMATS = "WAV, FLAC, MP3, OGG or OPUS"  # read wherever this runs; others, such as M4A, need torchcodec


@dataclass(frozen=True)
class Clip:
    """
    A recording in memory.

    Args:
        name (`str`): What its file is called.
        samples (`np.ndarray` of shape `(num_samples,)`): Mono, float32.
        sampling_rate (`int`): Hz.
    """

    name: str
    samples: np.ndarray
    sampling_rate: int

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.samples) / self.sampling_rate


def read_clip(path: str | os.PathLike[str], sampling_rate: int, max_seconds: float) -> Clip:
    """
    Decode a file, and stop as soon as it turns out to be too long, whatever its header says.

    Args:
        path (`str` or `os.PathLike`): The file.
        sampling_rate (`int`): Rate of the clip in Hz.
        max_seconds (`float`): Duration of the longest recording that is read.

    Returns:
        [`Clip`]: The mean of the channels.

    Raises:
        ValueError: The file is no audio, holds no samples, or is too long. The message has its name, not its folder.
    """
    name = Path(path).name
    with _opened(path, sampling_rate) as reader:
        if reader.is_duration_certain and reader.duration is not None and reader.duration > max_seconds:
            raise ValueError(_too_long(f"{name} lasts {spoken_duration(reader.duration)}", max_seconds))
        blocks: list[np.ndarray] = []
        num_samples = 0
        for block in reader.blocks():
            blocks.append(block[0])
            num_samples += block.shape[1]
            if num_samples > max_seconds * sampling_rate:
                raise ValueError(_too_long(f"{name} is too long", max_seconds))
    return Clip(name, np.concatenate(blocks), sampling_rate)


def _opened(path: str | os.PathLike[str], sampling_rate: int) -> AudioReader:
    """The file; the reason why it cannot be opened is for whoever runs the server, not for visitors."""
    try:
        return open_audio(path, sampling_rate, mono=True)
    except (OSError, ValueError) as error:
        logger.info("A recording cannot be opened: %s", error)
        raise ValueError(
            f"{Path(path).name} cannot be read as audio. Save it as {FORMATS}, or record here."
        ) from error


def _too_long(found: str, max_seconds: float) -> str:
    return f"{found}; recordings up to {spoken_duration(max_seconds)} can be heard here. Cut it into pieces."


def waveform_envelope(samples: np.ndarray, num_bins: int) -> np.ndarray:
    """
    Peak of each of `num_bins` equal parts of a clip, as a share of the largest.

    Args:
        samples (`np.ndarray` of shape `(num_samples,)`): The clip; parts of a clip with fewer samples repeat them.
        num_bins (`int`): Number of parts.

    Returns:
        `np.ndarray` of shape `(num_bins,)`: From 0 to 1; zeros for silence.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_emotion.demo.recognition.clips import waveform_envelope
    >>> waveform_envelope(np.array([0.0, -0.5, 0.25, 0.1]), 2).tolist()
    [1.0, 0.5]

    ```
    """
    starts = np.arange(num_bins) * len(samples) // num_bins
    peaks = np.maximum.reduceat(np.abs(samples), starts)
    return peaks / max(float(peaks.max()), np.finfo(np.float32).tiny)
