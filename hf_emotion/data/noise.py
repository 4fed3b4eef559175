"""Noise at a known distance from speech: the active level of a clip, generated noise, and noise recordings."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from scipy.signal import lfilter

from .archive import AUDIO_SUFFIXES, audio_files
from .audio import load_audio


_LOWEST_PINK = 20.0  # Hz, below which pink noise is flat: its power would be infinite at 0
_NOISE_DRAWS = 20  # segments of noise files tried until one is not silent
# ITU-T P.56, method B
_TIME_CONSTANT, _HANGOVER, _MARGIN = 0.03, 0.2, 15.9  # s, s, dB


def active_speech_level(waveform: np.ndarray, sampling_rate: int) -> float:
    """
    Level of a clip while someone speaks: method B of ITU-T P.56 (2011), so that pauses do not lower it.

    The envelope (the magnitude, smoothed twice with a time constant of 30 ms) is compared with thresholds `c` that are
    6 dB apart. Samples above a threshold, and the 0.2 s after them, are active: `a(c)` samples. The level is
    `10 log10(sum(x**2) / a(c))` at the threshold that lies 15.9 dB below it, interpolated. Thresholds are relative to
    the peak of the clip, not to full scale, so that the level follows a gain exactly.

    Args:
        waveform (`np.ndarray` of shape `(num_samples,)`): Samples, 1.0 is full scale.
        sampling_rate (`int`): Rate in Hz.

    Returns:
        `float`: dB re full scale; `-inf` for digital silence.

    Example: of a pause, only the first 0.3 s count, in which the envelope falls.

    ```python
    >>> from hf_emotion.data.noise import active_speech_level
    >>> speech = np.sin(np.arange(64_000))
    >>> round(active_speech_level(speech, 16_000), 1)
    -3.0
    >>> round(active_speech_level(np.append(speech, np.zeros(32_000)), 16_000), 1)
    -3.3

    ```
    """
    samples = np.asarray(waveform, dtype=np.float64)
    peak = float(np.max(np.abs(samples), initial=0.0))
    if peak == 0:
        return -math.inf
    samples = samples / peak
    decay = math.exp(-1 / (_TIME_CONSTANT * sampling_rate))
    envelope = lfilter([(1 - decay) ** 2], [1, -2 * decay, decay**2], np.abs(samples))
    energy, hangover = float(np.dot(samples, samples)), round(_HANGOVER * sampling_rate)
    level = 10 * math.log10(energy / len(samples))  # of clips too short for the envelope to rise
    previous: tuple[float, float] | None = None
    for exponent in range(16):
        num_active = _num_active(envelope >= 2.0**-exponent, hangover)
        if not num_active:
            continue
        active = 10 * math.log10(energy / num_active)
        distance = active + 20 * exponent * math.log10(2)
        if distance >= _MARGIN:
            share = 1.0 if previous is None else (_MARGIN - previous[1]) / (distance - previous[1])
            level = active if previous is None else previous[0] + share * (active - previous[0])
            break
        previous = active, distance
    return level + 20 * math.log10(peak)


def _num_active(is_above: np.ndarray, hangover: int) -> int:
    positions = np.arange(len(is_above))
    last = np.maximum.accumulate(np.where(is_above, positions, -hangover - 1))
    return int(np.count_nonzero(positions - last <= hangover))


def add_noise(waveform: np.ndarray, noise: np.ndarray, sampling_rate: int, snr: float) -> np.ndarray:
    """
    Add noise so that the active level of the clip lies `snr` dB above the level of the noise.

    `SNR = L(clip) - 10 log10(mean(noise**2))`, with `L` the [`active_speech_level`]. A clip's own background counts as
    signal, so clips that are noisy already end up noisier than `snr` says. Digital silence has no level and comes back
    unchanged. The sum is not clipped.

    Args:
        waveform (`np.ndarray` of shape `(num_samples,)`): The clip.
        noise (`np.ndarray` of shape `(num_samples,)`): Noise that is not silent.
        sampling_rate (`int`): Rate of both in Hz.
        snr (`float`): Signal-to-noise ratio in dB.

    Returns:
        `np.ndarray` of shape `(num_samples,)`: The noisy clip.
    """
    level = active_speech_level(waveform, sampling_rate)
    if level == -math.inf:
        return waveform
    noise = np.asarray(noise, dtype=np.float64)
    return waveform + noise * (10 ** ((level - snr) / 20) / np.sqrt(np.mean(noise**2)))


class NoiseFiles:
    """
    A folder of noise recordings, in any format and rate that libsndfile reads.

    Args:
        folder (`str` or `os.PathLike`): Folder, searched with everything below it.
        sampling_rate (`int`): Rate of the segments in Hz.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: It holds no audio file.
    """

    def __init__(self, folder: str | Path, sampling_rate: int):
        if not Path(folder).is_dir():
            raise FileNotFoundError(f"There is no folder {folder} with noise files.")
        self.folder, self.sampling_rate, self.files = Path(folder), sampling_rate, audio_files(folder)
        if not self.files:
            raise ValueError(
                f"There is no noise file in {folder} (looked for {' '.join(AUDIO_SUFFIXES)}). Name a folder of noise "
                "recordings, or test white_noise and pink_noise only."
            )
        self._last: tuple[Path, np.ndarray] | None = None

    def segment(self, num_samples: int, generator: np.random.Generator) -> np.ndarray:
        """
        A piece of a file, both drawn at random. A recording that is too short is repeated.

        Raises:
            ValueError: Only digital silence was drawn, or a file cannot be decoded.
        """
        for _ in range(_NOISE_DRAWS):
            recording = self._recording(self.files[generator.integers(len(self.files))])
            start = int(generator.integers(max(1, len(recording) - num_samples + 1)))
            piece = np.resize(recording, num_samples) if len(recording) < num_samples else recording[start:]
            if piece[:num_samples].any():
                return piece[:num_samples]
        raise ValueError(f"The noise files in {self.folder} hold stretches of digital silence; cut those out.")

    def _recording(self, path: Path) -> np.ndarray:
        # The conditions of an utterance follow each other and draw the same file.
        if self._last is None or self._last[0] != path:
            self._last = path, load_audio(path, self.sampling_rate)
        return self._last[1]


def white_noise(num_samples: int, generator: np.random.Generator) -> np.ndarray:
    """Gaussian noise with the same power in every Hz."""
    return generator.standard_normal(num_samples)


def pink_noise(num_samples: int, sampling_rate: int, generator: np.random.Generator) -> np.ndarray:
    """Gaussian noise with the same power in every octave (3 dB less per octave and Hz) from 20 Hz upwards."""
    spectrum = np.fft.rfft(generator.standard_normal(num_samples))
    spectrum /= np.sqrt(np.maximum(np.fft.rfftfreq(num_samples, 1 / sampling_rate), _LOWEST_PINK))
    return np.fft.irfft(spectrum, num_samples)
