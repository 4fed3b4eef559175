# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""What networks may use beside the audio, above all the speaker's gender: given, or estimated by another network."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .clip_reading import is_clip_list, is_clip_stream


if TYPE_CHECKING:
    from .recognizer import SpeechEmotionRecognizer

GENDERS = ("female", "male")  # in the order of their ids in models with a gender embedding
_UNKNOWN = -1


def conditions_of(config: Any) -> tuple[str, ...]:
    """What a model of this config uses beside the audio: `"gender"`, `"text"`, both or nothing."""
    return tuple(name for name in ("gender", "text") if getattr(config, f"{name}_embedding_size", 0))


def not_conditioned(argument: str) -> ValueError:
    """What to say where an argument is about the gender, and the model has no use for it."""
    return ValueError(f"The model is not conditioned on the gender: leave out {argument}.")


def gender_ids(genders: Iterable[str | None]) -> list[int]:
    """Ids that models with a gender embedding are trained with: 0 `"female"`, 1 `"male"`, -1 anything else."""
    return [GENDERS.index(gender) if gender in GENDERS else _UNKNOWN for gender in genders]


def known_genders(inputs: Any, gender: str | Sequence[str | None] | None) -> Iterable[str | None]:
    """
    The gender of each input, `None` where it is unknown.

    Args:
        inputs (`Any`): One clip, a list or a generator of clips, as recognizers take them.
        gender (`str` or `Sequence[str]`, *optional*): `"female"` or `"male"` of all of them, or one for each.

    Raises:
        `ValueError`: If a gender has another name, or there is not one for each input. Of a generator that is noticed
            when the genders are used up.
    """
    if gender is None or isinstance(gender, str):
        return itertools.repeat(_checked(gender))
    genders = [_checked(value) for value in gender]
    is_list = is_clip_list(inputs)
    if is_list and len(genders) != len(inputs):
        raise ValueError(f"gender has {len(genders)} entries for {len(inputs)} inputs. Pass one for each.")
    if not is_list and not is_clip_stream(inputs):
        raise ValueError("gender is a list, but there is one input. Pass 'female', 'male' or None.")
    return _one_for_each(genders)


def check_gender_model(gender_model: SpeechEmotionRecognizer, recognizer: SpeechEmotionRecognizer) -> None:
    """
    Refuse a gender model that a recognizer cannot ask.

    Raises:
        `ValueError`: If the recognizer has no use for the gender, or the other one does not tell it, or hears another
            sampling rate.
    """
    if "gender" not in recognizer.conditioned_on:
        raise not_conditioned("gender_model")
    if missing := sorted(set(GENDERS) - {name.lower() for name in gender_model.classes}):
        raise ValueError(
            f"The gender_model has the classes {', '.join(gender_model.classes) or 'none'}, but needs "
            f"{' and '.join(missing)}."
        )
    if gender_model.sampling_rate != recognizer.sampling_rate:
        raise ValueError(
            f"The gender_model hears {gender_model.sampling_rate} Hz, the model {recognizer.sampling_rate} Hz. Use "
            "one of the same rate."
        )


def with_estimates(
    genders: Sequence[str | None],
    waveforms: Sequence[np.ndarray],
    gender_model: SpeechEmotionRecognizer,
    batch_size: int,
) -> list[str | None]:
    """
    Genders of clips, estimated where they are unknown; still `None` where another class is the most probable.

    Args:
        genders (`Sequence[str]`): What is known of each clip.
        waveforms (`Sequence[np.ndarray]`): The clips, mono at the rate of the `gender_model`.
        gender_model ([`SpeechEmotionRecognizer`]): What is asked, see [`check_gender_model`].
        batch_size (`int`): Clips per batch.
    """
    found = list(genders)
    unknown = [index for index, gender in enumerate(genders) if gender is None]
    names = [name.lower() for name in gender_model.classes]
    rows = gender_model.probabilities([waveforms[index] for index in unknown], batch_size)
    for index, row in zip(unknown, rows, strict=True):
        best = names[int(np.argmax(row))]
        found[index] = best if best in GENDERS else None
    return found


def _checked(gender: str | None) -> str | None:
    if gender is not None and gender not in GENDERS:
        raise ValueError(f"gender={gender!r} is not known. Choose one of {', '.join(GENDERS)}, or None.")
    return gender


def _one_for_each(genders: Sequence[str | None]) -> Iterator[str | None]:
    yield from genders
    raise ValueError(f"gender has {len(genders)} entries, but there are more inputs. Pass one for each.")
