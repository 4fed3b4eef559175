"""Waveform augmentation of training clips through audiomentations, declared as a list in the experiment's YAML.

```yaml
augmentation:
  - {name: pitch_shift, p: 0.3, min_semitones: -2, max_semitones: 2}
  - {name: gaussian_snr, p: 0.5, min_snr_db: 10, max_snr_db: 30}
  - time_mask
```

The label of a clip stays what it was, so keep the changes small: pitch, tempo and loudness carry arousal.
"""

from __future__ import annotations

import importlib
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..suggestions import did_you_mean


# The MP3 encoder refuses shorter clips.
_MP3_MIN_SECONDS = 0.1
# Bit rates in kbit/s that MPEG-2 has at 16 to 24 kHz.
_MP3_BITRATES = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)


@dataclass(frozen=True)
class Number:
    """A field of a transform: its default, and the smallest and largest value it may take."""

    default: float
    low: float
    high: float
    is_integer: bool = False
    choices: tuple[int, ...] = ()


@dataclass(frozen=True)
class Transform:
    """How a transform of audiomentations is declared: its class, our fields, and options that are fixed."""

    class_name: str
    fields: Mapping[str, Number]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    needs: str | None = None
    keeps_level: bool = False
    min_seconds: float = 0.0


_PROBABILITY = Number(0.5, 0.0, 1.0)

TRANSFORMS: dict[str, Transform] = {
    "pitch_shift": Transform(
        "PitchShift", {"min_semitones": Number(-2.0, -24.0, 24.0), "max_semitones": Number(2.0, -24.0, 24.0)}
    ),
    # Below half speed the stretcher draws random phases from a device that cannot be seeded.
    "time_stretch": Transform(
        "TimeStretch",
        {"min_rate": Number(0.9, 0.5, 2.0), "max_rate": Number(1.1, 0.5, 2.0)},
        {"leave_length_unchanged": False},
    ),
    "gaussian_snr": Transform(
        "AddGaussianSNR", {"min_snr_db": Number(10.0, -30.0, 100.0), "max_snr_db": Number(40.0, -30.0, 100.0)}
    ),
    "gain": Transform("Gain", {"min_gain_db": Number(-6.0, -60.0, 60.0), "max_gain_db": Number(6.0, -60.0, 60.0)}),
    # Ray tracing draws its rays from a generator that cannot be seeded; image sources are exact.
    "room": Transform(
        "RoomSimulator",
        {
            "min_absorption_value": Number(0.075, 0.01, 0.99),
            "max_absorption_value": Number(0.4, 0.01, 0.99),
            "min_mic_distance": Number(0.3, 0.05, 3.0),
            "max_mic_distance": Number(1.5, 0.05, 3.0),
            "max_order": Number(6, 1, 10, is_integer=True),
        },
        {"use_ray_tracing": False, "leave_length_unchanged": True},
        needs="pyroomacoustics",
        keeps_level=True,
    ),
    "mp3_compression": Transform(
        "Mp3Compression",
        {
            "min_bitrate": Number(8, 8, 160, True, _MP3_BITRATES),
            "max_bitrate": Number(64, 8, 160, True, _MP3_BITRATES),
        },
        {"backend": "fast-mp3-augment"},
        needs="fast_mp3_augment",
        min_seconds=_MP3_MIN_SECONDS,
    ),
    "time_mask": Transform(
        "TimeMask", {"min_band_part": Number(0.01, 0.0, 1.0), "max_band_part": Number(0.1, 0.0, 1.0)}
    ),
}


class Augmentation:
    """
    Random changes of a waveform, one transform after the other, each with its own probability.

    The result is a pure function of the waveform and the generator: [`EmotionDataCollator`] passes one that depends on
    `(seed, visit, utterance_id)`, so that neither workers, processes nor an interruption change what the model sees.
    The global generators, which audiomentations draws from, are left as they were.

    | name | changes | fields (defaults) |
    |---|---|---|
    | `pitch_shift` | pitch, not the tempo | `min_semitones` (-2), `max_semitones` (2) |
    | `time_stretch` | tempo, not the pitch; rate 2 halves the clip | `min_rate` (0.9), `max_rate` (1.1), 0.5 to 2 |
    | `gaussian_snr` | adds white noise | `min_snr_db` (10), `max_snr_db` (40) |
    | `gain` | level | `min_gain_db` (-6), `max_gain_db` (6) |
    | `room` | reverberation of a shoebox room, at the level of the clip | `min_absorption_value` (0.075), \
`max_absorption_value` (0.4), `min_mic_distance` (0.3 m), `max_mic_distance` (1.5 m), `max_order` of reflections (6) |
    | `mp3_compression` | encodes and decodes as MP3 | `min_bitrate` (8 kbit/s), `max_bitrate` (64 kbit/s) |
    | `time_mask` | silences a span | `min_band_part` (0.01), `max_band_part` (0.1), parts of the clip |

    Every transform has a probability `p` (0.5). Clips are cropped before they are augmented: stretched ones may be
    longer than `max_duration_seconds` by `1 / min_rate`. A feature extractor that normalises each clip
    (`do_normalize=True`) undoes `gain`.

    Args:
        entries (`Sequence[str | Mapping]`):
            Transforms in the order in which they are applied: a name, or a mapping with `name` and fields.
        sampling_rate (`int`):
            Rate of the waveforms in Hz.

    Raises:
        ValueError: See [`check_augmentation`].
        ImportError: A package of the extra `augment` is not installed.

    Example:

    ```python
    >>> from hf_emotion.data.augmentation import check_augmentation
    >>> check_augmentation([{"name": "gain", "p": 1, "max_gain_db": 0}])
    [{'name': 'gain', 'p': 1.0, 'min_gain_db': -6.0, 'max_gain_db': 0.0}]

    ```
    """

    def __init__(self, entries: Sequence[str | Mapping[str, Any]], sampling_rate: int):
        self.entries = check_augmentation(entries)
        self.sampling_rate = sampling_rate
        self._transforms = [_build(entry) for entry in self.entries]

    def __call__(self, waveform: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Augment a clip.

        Args:
            waveform (`np.ndarray` of shape `(num_samples,)`): Samples; they are not changed in place.
            generator (`np.random.Generator`): Source of all randomness.

        Returns:
            `np.ndarray` of shape `(num_augmented_samples,)`, float32.
        """
        augmented = np.ascontiguousarray(waveform, dtype=np.float32)
        # One seed for each transform, whether it is applied or not: what is drawn here does not depend on the others.
        seeds = generator.integers(2**32, size=len(self.entries))
        for entry, transform, seed in zip(self.entries, self._transforms, seeds, strict=True):
            with _seeded_globals(int(seed)):
                augmented = self._apply(TRANSFORMS[entry["name"]], transform, augmented)
        return augmented

    def _apply(self, declared: Transform, transform: Any, waveform: np.ndarray) -> np.ndarray:
        missing = max(0, round(declared.min_seconds * self.sampling_rate) - len(waveform))
        augmented = transform(np.pad(waveform, (0, missing)), self.sampling_rate)
        if missing:
            augmented = augmented[: len(waveform)]
        if declared.keeps_level and (level := _rms(augmented)) > 0:
            augmented = augmented * (_rms(waveform) / level)
        return augmented.astype(np.float32, copy=False)

    def __reduce__(self) -> tuple:
        # A simulated room cannot be pickled for a worker that is spawned.
        return type(self), (self.entries, self.sampling_rate)

    def __repr__(self) -> str:
        return f"Augmentation({self.entries}, sampling_rate={self.sampling_rate})"


def check_augmentation(entries: Sequence[str | Mapping[str, Any]]) -> list[dict[str, Any]]:
    """
    Check the declared transforms and fill in defaults. Needs no further package.

    Args:
        entries (`Sequence[str | Mapping]`): Names, or mappings of `name` and fields.

    Returns:
        `list[dict[str, Any]]`: One complete mapping for each transform.

    Raises:
        ValueError: A name or a field is unknown (with the nearest known one), a value is not a number or out of range,
            or a minimum is above its maximum.
    """
    if isinstance(entries, str | Mapping) or not isinstance(entries, Sequence):
        raise ValueError(f"`augmentation` must be a list of transforms, but is {entries!r}.")
    return [_checked(entry) for entry in entries]


def _checked(entry: Any) -> dict[str, Any]:
    if isinstance(entry, str):
        entry = {"name": entry}
    if not isinstance(entry, Mapping) or "name" not in entry:
        raise ValueError(
            f"Each entry of `augmentation` is a name or a mapping with `name`, but one is {entry!r}. Names are "
            f"{', '.join(TRANSFORMS)}."
        )
    name = entry["name"]
    if not isinstance(name, str) or name not in TRANSFORMS:
        raise ValueError(
            f"`augmentation` has no transform {name!r}. {did_you_mean(str(name), TRANSFORMS)}Known are "
            f"{', '.join(TRANSFORMS)}."
        )
    known = {"p": _PROBABILITY, **TRANSFORMS[name].fields}
    for unknown in sorted(set(entry) - {"name", *known}, key=str):
        raise ValueError(
            f"The transform {name!r} has no field {unknown!r}. {did_you_mean(str(unknown), known)}Its fields are "
            f"{', '.join(known)}."
        )
    checked = {key: _number(f"{name}.{key}", entry.get(key, number.default), number) for key, number in known.items()}
    for smallest in (key for key in checked if key.startswith("min_")):
        largest = smallest.replace("min_", "max_", 1)
        if checked[smallest] > checked[largest]:
            raise ValueError(
                f"{name}.{smallest}={checked[smallest]} is above {name}.{largest}={checked[largest]}. Swap them, or "
                "set both (the other may be a default)."
            )
    return {"name": name, **checked}


def _number(name: str, value: Any, number: Number) -> float:
    try:
        # YAML 1.1 reads 1e-1 as a string.
        converted = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        converted = float("nan")
    if not number.low <= converted <= number.high:
        raise ValueError(f"{name} must be a number from {number.low:g} to {number.high:g}, but is {value!r}.")
    if number.is_integer and not converted.is_integer():
        raise ValueError(f"{name} must be a whole number, but is {value!r}.")
    if number.choices and converted not in number.choices:
        raise ValueError(f"{name} must be one of {', '.join(map(str, number.choices))}, but is {value!r}.")
    return int(converted) if number.is_integer else converted


def _build(entry: Mapping[str, Any]) -> Any:
    declared = TRANSFORMS[entry["name"]]
    options = {key: value for key, value in entry.items() if key != "name"}
    if declared.needs is not None:
        package = _imported(declared.needs)
        if declared.needs == "pyroomacoustics":
            # The sum of the reflections depends on the number of threads in its last bits; workers share the cores.
            package.constants.set("num_threads", 1)
    return getattr(_imported("audiomentations"), declared.class_name)(**options, **declared.fixed)


def _imported(package: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ImportError(
            f"Augmentation needs {package}, which cannot be imported ({error}). Install it with "
            '`pip install "hf-emotion[augment]"`, or remove `augmentation` from the experiment.'
        ) from error


@contextmanager
def _seeded_globals(seed: int) -> Iterator[None]:
    """Seed the global generators of Python and NumPy, and put them back as they were."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed)
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)


def _rms(waveform: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64))))
