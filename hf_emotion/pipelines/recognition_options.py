# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""What a caller may ask of a recognizer, checked as far as it can be without one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


CHANNELS = ("mix", "each")
ON_ERROR = ("raise", "return")


@dataclass(frozen=True)
class RecognitionOptions:
    """The options of [`SpeechEmotionRecognizer.__call__`], see there."""

    batch_size: int = 1
    top_k: int | None = None
    labels: Sequence[str] | None = None
    temperature: float = 1.0
    window_seconds: float | None = None
    hop_seconds: float | None = None
    channels: str = "mix"
    return_embeddings: bool = False
    on_error: str = "raise"

    def __post_init__(self) -> None:
        check_count("batch_size", self.batch_size)
        for name, known in (("channels", CHANNELS), ("on_error", ON_ERROR)):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"{name}={getattr(self, name)!r} is not known. Choose {' or '.join(map(repr, known))}."
                )


def check_count(name: str, value: Any) -> None:
    """
    Refuse what is no number of things.

    Raises:
        `ValueError`: If `value` is not an integer of 1 or more.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} must be an integer of 1 or more, got {value!r}.")


def check_positive(name: str, value: Any, unit: str = "") -> None:
    """
    Refuse what is no positive number.

    Raises:
        `ValueError`: If `value` is not a finite number above 0.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be a number above 0{unit and ' ' + unit}, got {value!r}.")
