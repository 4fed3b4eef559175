"""One recording through one model: what the page shows and hands out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ...pipelines.recognizer import SpeechEmotionRecognizer
from ...prediction.spans import segments
from .clips import Clip


AUTOMATIC, WHOLE, CHOSEN = "Automatic", "One for the whole recording", "Windows"
_WHOLE_SECONDS = 8.0  # longest recording that gets a single estimate unasked
# Longest recording, window and hop in seconds: long recordings need a coarser view, and patience.
_WINDOWS = ((120.0, 4.0, 2.0), (float("inf"), 10.0, 5.0))
_BATCH_SIZE = 8
_FEWEST_LABELS = 2


@dataclass(frozen=True)
class Analysis:
    """
    A result with its recording.

    Args:
        clip ([`~hf_emotion.demo.recognition.clips.Clip`]): The recording.
        model (`str`): Name of the model.
        classes (`list[str]`): All classes of the model.
        labels (`list[str]`): Those that were considered.
        is_exclusive (`bool`): Whether scores sum to one.
        result (`dict`): What a [`~hf_emotion.pipelines.recognizer.SpeechEmotionRecognizer`] returns.
        gender (`str`, *optional*): The speaker's gender, if the model was told.
        windows (`dict[str, float]`, *optional*): `window_seconds` and `hop_seconds`, if the recording was cut.
    """

    clip: Clip
    model: str
    classes: list[str]
    labels: list[str]
    is_exclusive: bool
    result: dict[str, Any]
    gender: str | None = None
    windows: dict[str, float] = field(default_factory=dict)

    @property
    def segments(self) -> list[dict[str, Any]]:
        """Spans of one emotion; a single one if the recording was heard as a whole, none without classes."""
        return segments(self.result)


@dataclass(frozen=True)
class Windows:
    """
    How a recording is cut.

    Args:
        mode (`str`, *optional*): `"Automatic"`, `"One for the whole recording"` (models may cut long ones all the
            same) or `"Windows"`.
        seconds (`float`, *optional*, defaults to 4.0): Length of the windows, for the last mode.
        hop (`float`, *optional*, defaults to 2.0): Distance of their starts.
    """

    mode: str = AUTOMATIC
    seconds: float = 4.0
    hop: float = 2.0

    def of(self, duration: float, max_seconds: float | None = None) -> dict[str, float]:
        """
        Arguments of a recogniser for a recording.

        Args:
            duration (`float`): Seconds.
            max_seconds (`float`, *optional*): Longest window that the model can hear.

        Raises:
            ValueError: The windows would leave gaps, or are too long for the model.
        """
        if self.mode == WHOLE or (self.mode == AUTOMATIC and duration <= min(_WHOLE_SECONDS, max_seconds or duration)):
            return {}
        if self.mode == AUTOMATIC:
            seconds, hop = next(rest for longest, *rest in _WINDOWS if duration <= longest)
            longest = min(seconds, max_seconds or seconds)
            return {"window_seconds": longest, "hop_seconds": min(hop, longest / 2)}
        if self.hop > self.seconds:
            raise ValueError(
                f"An estimate every {self.hop:g} s from windows of {self.seconds:g} s would leave gaps. Choose longer "
                "windows, or estimates more often."
            )
        if max_seconds is not None and self.seconds > max_seconds:
            raise ValueError(f"This model hears {max_seconds:g} s at most. Choose shorter windows.")
        return {"window_seconds": self.seconds, "hop_seconds": self.hop}


def analyse(
    recognizer: SpeechEmotionRecognizer,
    model: str,
    clip: Clip,
    *,
    labels: Sequence[str] | None = None,
    windows: Windows | None = None,
    gender: str | None = None,
) -> Analysis:
    """
    Recognise the emotions of a recording.

    Args:
        recognizer ([`~hf_emotion.pipelines.recognizer.SpeechEmotionRecognizer`]): The model.
        model (`str`): Its name on the page.
        clip ([`~hf_emotion.demo.recognition.clips.Clip`]): The recording, at the rate of the model.
        labels (`Sequence[str]`, *optional*): Classes to consider, all by default.
        windows ([`Windows`], *optional*): How the recording is cut.
        gender (`str`, *optional*): The speaker's, which models that are not conditioned on it are not told.

    Raises:
        ValueError: Fewer than two classes are left, or the windows cannot work.
    """
    kept = list(recognizer.classes) if labels is None else [name for name in recognizer.classes if name in labels]
    if recognizer.classes and len(kept) < _FEWEST_LABELS:
        raise ValueError("At least two emotions must be left to choose between. Tick some more.")
    cut: dict[str, Any] = (windows or Windows()).of(clip.duration, recognizer.max_seconds)
    chosen: dict[str, Any] = {"labels": kept} if len(kept) < len(recognizer.classes) else {}
    told = gender if "gender" in recognizer.conditioned_on else None
    result = recognizer(clip.samples, batch_size=_BATCH_SIZE, gender=told, **cut, **chosen)
    is_exclusive = recognizer.activation == "softmax"
    return Analysis(clip, model, list(recognizer.classes), kept, is_exclusive, result, told, cut)
