"""From a dry voice to a recording: microphone band, room, noise floor, channels, sampling rate, 16 bits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, fftconvolve, lfilter, resample_poly, sosfilt


@dataclass(frozen=True)
class RecordingConditions:
    """
    Where and how a corpus was recorded.

    Args:
        sampling_rate (`int`): Hz.
        num_channels (`int`, *optional*, defaults to 1): Every channel hears its own room response and noise.
        noise_level (`float`, *optional*, defaults to -65.0): Root mean square of the noise floor, dB re full scale.
        hum_level (`float`, *optional*): Root mean square of 50 Hz mains hum, dB re full scale.
        reverberation_time (`float`, *optional*, defaults to 0.0): Decay time by 60 dB, seconds.
        low_cut (`float`, *optional*, defaults to 60.0): High-pass corner of the microphone, Hz.
        high_cut (`float`, *optional*): Low-pass corner of the microphone, Hz.
    """

    sampling_rate: int
    num_channels: int = 1
    noise_level: float = -65.0
    hum_level: float | None = None
    reverberation_time: float = 0.0
    low_cut: float = 60.0
    high_cut: float | None = None


def impulse_responses(
    conditions: RecordingConditions, sampling_rate: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """
    The room: direct sound plus an exponentially decaying noise tail 14 dB below it, independent per channel.

    Args:
        conditions ([`RecordingConditions`]): Channels and reverberation time are used.
        sampling_rate (`int`): Of the speech that will be convolved, Hz.
        rng (`np.random.Generator`): Draws the tail; the same room needs the same generator state.

    Returns:
        `list[np.ndarray]`: `num_channels` arrays of shape `(num_taps,)`; a single tap without reverberation.
    """
    num_taps = max(1, round(conditions.reverberation_time * sampling_rate))
    responses = []
    for _ in range(conditions.num_channels):
        response = np.zeros(num_taps)
        if num_taps > 1:
            time = np.arange(num_taps) / sampling_rate
            tail = rng.standard_normal(num_taps) * 10 ** (-3 * time / conditions.reverberation_time)
            tail[time < 0.004] = 0.0  # no wall is nearer than a metre or so
            response = tail * 10 ** (-14 / 20) / math.sqrt(np.sum(tail**2))
        response[0] = 1.0
        responses.append(response)
    return responses


def record(
    speech: np.ndarray,
    sampling_rate: int,
    conditions: RecordingConditions,
    room: list[np.ndarray],
    rng: np.random.Generator,
) -> np.ndarray:
    """
    Record dry speech.

    Args:
        speech (`np.ndarray`): Shape `(num_samples,)`, 1.0 is full scale.
        sampling_rate (`int`): Of `speech`, Hz.
        conditions ([`RecordingConditions`]): Microphone, noise and file format.
        room (`list[np.ndarray]`): One impulse response per channel, from [`impulse_responses`].
        rng (`np.random.Generator`): Draws the margins of silence (0.04 to 0.12 s) and the noise.

    Returns:
        `np.ndarray`: int16 of shape `(num_output_samples, num_channels)` at `conditions.sampling_rate`. Speech
        beyond full scale is turned down as a whole, never clipped.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_emotion.data.synthetic.recording_conditions import RecordingConditions, impulse_responses, record
    >>> rng, conditions = np.random.default_rng(0), RecordingConditions(sampling_rate=44_100, num_channels=2)
    >>> room = impulse_responses(conditions, 16_000, rng)
    >>> record(0.1 * np.ones(16_000), 16_000, conditions, room, rng).shape[1]
    2

    ```
    """
    speech = np.pad(speech, [round(rng.uniform(0.04, 0.12) * sampling_rate) for _ in range(2)])
    speech = sosfilt(butter(2, conditions.low_cut, "highpass", fs=sampling_rate, output="sos"), speech)
    if conditions.high_cut is not None:
        speech = sosfilt(butter(6, conditions.high_cut, "lowpass", fs=sampling_rate, output="sos"), speech)
    divisor = math.gcd(conditions.sampling_rate, sampling_rate)
    up, down = conditions.sampling_rate // divisor, sampling_rate // divisor
    channels = []
    for response in room:
        heard = fftconvolve(speech, response)[: len(speech)] if len(response) > 1 else speech
        heard = resample_poly(heard, up, down) if up != down else heard
        channels.append(heard + _noise(len(heard), conditions, rng))
    samples = np.stack(channels, axis=1)
    samples *= min(1.0, 0.98 / np.max(np.abs(samples)))
    return np.round(samples * 32767).astype(np.int16)


def _noise(num_samples: int, conditions: RecordingConditions, rng: np.random.Generator) -> np.ndarray:
    """Reddish room noise, plus mains hum where there is any."""
    noise = lfilter([1.0], [1.0, -0.9], rng.standard_normal(num_samples + 100))[100:]  # past the filter's onset
    noise *= 10 ** (conditions.noise_level / 20) / np.std(noise)
    if conditions.hum_level is not None:
        cycles = 50 * np.arange(num_samples) / conditions.sampling_rate + rng.uniform()
        noise += math.sqrt(2) * 10 ** (conditions.hum_level / 20) * np.sin(2 * math.pi * cycles)
    return noise
