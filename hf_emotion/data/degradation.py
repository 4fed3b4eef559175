"""Degraded copies of test clips: noise at a known SNR, narrow bands, codecs, shifts, gain and clipping.

Augmentation draws at random what training sees; here the strength is fixed, so that scores can be put over it.
"""

from __future__ import annotations

import io
import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import soundfile
import soxr
from scipy.signal import butter, sosfilt

from ..suggestions import did_you_mean
from .augmentation import Augmentation, check_augmentation
from .noise import NoiseFiles, add_noise, pink_noise, white_noise


CLEAN = "clean"
NOISE_FILES = "noise_files"

_TELEPHONE_RATE = 8000
_TELEPHONE_BAND = (300.0, 3400.0)  # Hz, ITU-T G.712


class Condition(NamedTuple):
    """A kind of degradation and its strength in the unit of the kind; `str()` gives `"white_noise:20"`."""

    kind: str
    value: float | None = None

    def __str__(self) -> str:
        return self.kind if self.value is None else f"{self.kind}:{self.value:g}"


@dataclass(frozen=True)
class Kind:
    """What there is to know of a kind of degradation.

    Args:
        title (`str`): Name for figures.
        apply (`Callable`): From the waveform, its rate in Hz, the value and a generator to the degraded waveform.
        unit (`str`, *optional*): Unit of the value; `None` for a kind without value.
        values (`tuple[float, ...]`): Values that stand for the kind where none is named.
        low, high (`float`): The smallest and the largest value.
        is_default (`bool`): Whether it is tested unless other conditions are named.
    """

    title: str
    apply: Callable[[np.ndarray, int, float, np.random.Generator], np.ndarray]
    unit: str | None = None
    values: tuple[float, ...] = ()
    low: float = -math.inf
    high: float = math.inf
    is_default: bool = True


def _white(waveform, sampling_rate, value, generator):
    return add_noise(waveform, white_noise(len(waveform), generator), sampling_rate, value)


def _pink(waveform, sampling_rate, value, generator):
    return add_noise(waveform, pink_noise(len(waveform), sampling_rate, generator), sampling_rate, value)


def _telephone(subtype: str) -> Callable[..., np.ndarray]:
    """300 to 3400 Hz, 8 kHz, and a codec of libsndfile."""

    def apply(waveform, sampling_rate, value, generator):
        band = butter(4, _TELEPHONE_BAND, "bandpass", fs=sampling_rate, output="sos")
        narrow = soxr.resample(sosfilt(band, waveform), sampling_rate, _TELEPHONE_RATE)
        file = io.BytesIO()
        soundfile.write(file, narrow, _TELEPHONE_RATE, format="WAV", subtype=subtype)
        file.seek(0)
        return soxr.resample(soundfile.read(file)[0], _TELEPHONE_RATE, sampling_rate)

    return apply


def _low_pass(waveform, sampling_rate, value, generator):
    return sosfilt(butter(8, value, "lowpass", fs=sampling_rate, output="sos"), waveform)


def _mp3(waveform, sampling_rate, value, generator):
    return Augmentation(_mp3_entries(value), sampling_rate)(waveform, generator)


def _mp3_entries(bitrate: float) -> list[dict[str, float | str]]:
    return [{"name": "mp3_compression", "p": 1.0, "min_bitrate": bitrate, "max_bitrate": bitrate}]


def _leading_silence(waveform, sampling_rate, value, generator):
    return np.concatenate([np.zeros(round(value / 1000 * sampling_rate), waveform.dtype), waveform])


def _cut(waveform, sampling_rate, value, generator):
    return waveform[min(round(value / 1000 * sampling_rate), len(waveform) // 2) :]


def _gain(waveform, sampling_rate, value, generator):
    return waveform * 10 ** (value / 20)


def _clipping(waveform, sampling_rate, value, generator):
    limit = np.quantile(np.abs(waveform), 1 - value / 100)
    return np.clip(waveform, -limit, limit)


def _unchanged(waveform, sampling_rate, value, generator):
    return waveform


_SNRS = (30.0, 20.0, 10.0, 5.0, 0.0)
_SNR: dict[str, Any] = {"unit": "dB SNR", "values": _SNRS, "low": -30.0, "high": 100.0}
_SHIFT: dict[str, Any] = {"unit": "ms", "values": (10.0, 100.0, 500.0), "low": 0.0, "high": 10_000.0}

KINDS: dict[str, Kind] = {
    CLEAN: Kind("clean", _unchanged),
    "white_noise": Kind("white noise", _white, **_SNR),
    "pink_noise": Kind("pink noise", _pink, **_SNR),
    # `Degradation` adds this noise itself, since it holds the files
    NOISE_FILES: Kind("noise files", _unchanged, **_SNR),
    "telephone": Kind("telephone (mu-law)", _telephone("ULAW")),
    "gsm": Kind("mobile phone (GSM)", _telephone("GSM610")),
    "low_pass": Kind("low-pass", _low_pass, "Hz", (4000.0, 2000.0, 1000.0), 50.0),
    "leading_silence": Kind("leading silence", _leading_silence, **_SHIFT),
    "cut": Kind("start cut off", _cut, **_SHIFT),
    "gain": Kind("gain", _gain, "dB", (-20.0, -10.0, 10.0), -60.0, 60.0),
    "clipping": Kind("clipped samples", _clipping, "%", (1.0, 10.0), 0.0, 99.0),
    "mp3": Kind("MP3", _mp3, "kbit/s", (32.0, 16.0, 8.0), is_default=False),
}


def parse_conditions(names: Sequence[str] | None = None, *, has_noise_files: bool = False) -> list[Condition]:
    """
    Read conditions as one types them: `"white_noise:20"` for one, `"white_noise"` for all usual values of the kind.

    Args:
        names (`Sequence[str]`, *optional*): Conditions; by default the usual values of all kinds but `mp3`, which
            needs further packages.
        has_noise_files (`bool`, *optional*, defaults to `False`): Whether there is a folder of noise files; without
            it `noise_files` is refused, with it part of the default.

    Returns:
        `list[Condition]`: Each once, in the given order, after `clean`, which is always there.

    Raises:
        ValueError: A kind is unknown (with the nearest known one), or a value is missing, superfluous or out of range.

    Example:

    ```python
    >>> from hf_emotion.data.degradation import parse_conditions
    >>> [str(condition) for condition in parse_conditions(["white_noise:15", "telephone", "clipping"])]
    ['clean', 'white_noise:15', 'telephone', 'clipping:1', 'clipping:10']

    ```
    """
    if names is None:
        names = [name for name, kind in KINDS.items() if kind.is_default and (has_noise_files or name != NOISE_FILES)]
    conditions = [Condition(CLEAN), *(condition for name in names for condition in _parsed(name))]
    if not has_noise_files and any(condition.kind == NOISE_FILES for condition in conditions):
        raise ValueError(f"The condition {NOISE_FILES} needs a folder of noise recordings: name it (--noise_dir).")
    return list(dict.fromkeys(conditions))


def _parsed(text: str) -> list[Condition]:
    name, _, number = text.partition(":")
    kind = KINDS.get(name)
    if kind is None:
        raise ValueError(f"There is no condition {name!r}. {did_you_mean(name, KINDS)}Known are {', '.join(KINDS)}.")
    if not number:
        return [Condition(name, value) for value in kind.values] or [Condition(name)]
    if kind.unit is None:
        raise ValueError(f"The condition {name!r} takes no value, but {text!r} has one.")
    try:
        value = float(number)
    except ValueError as error:
        raise ValueError(f"{number!r} in {text!r} is not a number ({kind.unit}).") from error
    if not kind.low <= value <= kind.high:
        raise ValueError(f"{text!r} is out of range: {kind.low:g} to {kind.high:g} {kind.unit}.")
    if name == "mp3":
        check_augmentation(_mp3_entries(value))
    return [Condition(name, value)]


class Degradation:
    """
    Degrades clips under one condition.

    | condition | change |
    |---|---|
    | `clean` | none |
    | `white_noise:20`, `pink_noise:20` | noise at this SNR in dB, see [`~hf_emotion.data.noise.add_noise`] |
    | `noise_files:20` | a random piece of a random file of your own, likewise |
    | `telephone` | 300 to 3400 Hz (Butterworth, 24 dB per octave), 8 kHz, 8-bit mu-law of ITU-T G.711 |
    | `gsm` | the same band with the full-rate codec of GSM (06.10, 13 kbit/s) |
    | `low_pass:4000` | Butterworth low-pass of order 8 at this frequency in Hz |
    | `leading_silence:100` | digital silence of this many ms put in front: the clip starts later |
    | `cut:100` | this many ms cut off the start, at most half of the clip |
    | `gain:-20` | louder or softer by this many dB, without clipping |
    | `clipping:10` | clipped so that this percentage of the samples is at the limits |
    | `mp3:16` | encoded and decoded as MP3 at this bit rate in kbit/s (needs the extra `augment`) |

    Noise is a pure function of the seed, the kind and the key of the clip, and the same at every SNR, so that scores
    over the SNR differ by the SNR alone. A feature extractor that normalises each clip undoes `gain`.

    Args:
        condition ([`Condition`]): Kind and strength.
        sampling_rate (`int`): Rate of the clips in Hz.
        seed (`int`, *optional*, defaults to 0): Seed of the noise.
        noise_files ([`~hf_emotion.data.noise.NoiseFiles`], *optional*): For the condition `noise_files`.

    Raises:
        ValueError: The condition cannot be had at this rate, or noise files are missing.
        ImportError: A package of the extra `augment` is not installed (when a clip is degraded).

    Example:

    ```python
    >>> from hf_emotion.data.degradation import Condition, Degradation
    >>> degrade = Degradation(Condition("leading_silence", 100.0), sampling_rate=16_000)
    >>> degrade(np.ones(16_000, dtype=np.float32), "emodb/03a01Fa").shape
    (17600,)

    ```
    """

    def __init__(
        self, condition: Condition, sampling_rate: int, *, seed: int = 0, noise_files: NoiseFiles | None = None
    ):
        needed = {"telephone": _TELEPHONE_RATE, "gsm": _TELEPHONE_RATE, "low_pass": 2 * (condition.value or 0) + 1}
        if sampling_rate < needed.get(condition.kind, 0):
            raise ValueError(f"The condition {condition} needs clips at a higher rate than {sampling_rate} Hz.")
        if condition.kind == NOISE_FILES and noise_files is None:
            raise ValueError(f"The condition {condition} needs `noise_files`.")
        self.condition, self.sampling_rate, self.seed = condition, sampling_rate, seed
        self.noise_files = noise_files

    def __call__(self, waveform: np.ndarray, key: str) -> np.ndarray:
        """Degrade a clip.

        Args:
            waveform (`np.ndarray` of shape `(num_samples,)`): Samples; they are not changed in place.
            key (`str`): What tells the clip from all others, such as corpus and utterance id.

        Returns:
            `np.ndarray` of shape `(num_degraded_samples,)`, float32. Only shifts change the number of samples.
        """
        kind, value = self.condition
        generator = np.random.default_rng((self.seed, zlib.crc32(f"{kind}/{key}".encode())))
        if self.noise_files is not None and kind == NOISE_FILES:
            noise = self.noise_files.segment(len(waveform), generator)
            degraded = add_noise(waveform, noise, self.sampling_rate, float(value or 0))
        else:
            degraded = KINDS[kind].apply(waveform, self.sampling_rate, float(value or 0), generator)
        if kind not in ("leading_silence", "cut"):
            # codecs and resamplers work in blocks
            degraded = np.pad(degraded[: len(waveform)], (0, max(0, len(waveform) - len(degraded))))
        return np.ascontiguousarray(degraded, dtype=np.float32)
