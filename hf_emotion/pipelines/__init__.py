"""Inference: any audio in, emotions out. The files of this folder travel with saved models as remote code.

Names are imported on first use (PEP 562), since decoding audio needs no torch. [`SpeechEmotionPipeline`] registers the
task `speech-emotion-recognition` with `transformers.pipeline` when it is imported.
"""

from importlib import import_module
from typing import TYPE_CHECKING


_MODULES = {
    "RecognizerOutput": "recognizer",
    "SpeechEmotionPipeline": "pipeline_speech_emotion",
    "SpeechEmotionRecognizer": "recognizer",
    "add_pipeline_code": "saving",
}

__all__ = sorted(_MODULES)

if TYPE_CHECKING:
    from .pipeline_speech_emotion import SpeechEmotionPipeline as SpeechEmotionPipeline
    from .recognizer import RecognizerOutput as RecognizerOutput
    from .recognizer import SpeechEmotionRecognizer as SpeechEmotionRecognizer
    from .saving import add_pipeline_code as add_pipeline_code


def __getattr__(name: str):
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_MODULES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
