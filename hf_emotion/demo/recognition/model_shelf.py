"""The models of the app: opened when somebody asks for them, then kept."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import PurePath

from ...pipelines.recognizer import SpeechEmotionRecognizer
from ...recognition import load_recognizer


class ModelShelf:
    """
    Models by name.

    Args:
        sources (`Sequence[str]`): Folders, or ids on the Hub.
        load (`Callable[[str], SpeechEmotionRecognizer]`, *optional*): What opens a source, by default
            [`~hf_emotion.recognition.load_recognizer`].

    Attributes:
        names (`list[str]`): The last part of each source, or all of it where several share the last part.

    Raises:
        ValueError: There is no source, or one is there twice.
    """

    def __init__(
        self, sources: Sequence[str], load: Callable[[str], SpeechEmotionRecognizer] = load_recognizer
    ) -> None:
        if not sources:
            raise ValueError("There is no model to show. Name a folder, or an id on the Hub.")
        if repeated := [source for source, count in Counter(sources).items() if count > 1]:
            raise ValueError(f"{repeated[0]} is named twice. Name each model once.")
        last_parts = [PurePath(source).name or source for source in sources]
        counts = Counter(last_parts)
        self.names = [part if counts[part] == 1 else source for part, source in zip(last_parts, sources, strict=True)]
        self._sources = dict(zip(self.names, sources, strict=True))
        self._load = load
        self._models: dict[str, SpeechEmotionRecognizer] = {}
        self._locks = {name: threading.Lock() for name in self.names}

    def open(self, name: str) -> SpeechEmotionRecognizer:
        """
        A model, which is loaded once, even if several visitors ask for it at the same time.

        Raises:
            KeyError: There is no such name.
            OSError, ValueError, ImportError: It cannot be loaded; the next call tries again.
        """
        with self._locks[name]:
            if name not in self._models:
                self._models[name] = self._load(self._sources[name])
            return self._models[name]


def loader(*, trust_remote_code: bool = False, device: str | None = None) -> Callable[[str], SpeechEmotionRecognizer]:
    """
    What opens a source with [`~hf_emotion.recognition.load_recognizer`].

    Args:
        trust_remote_code (`bool`, *optional*, defaults to `False`): Whether code of the models' repositories is run.
        device (`str`, *optional*): Where models run, such as `"cuda:0"`; by default on the GPU, if there is one.
    """
    return partial(load_recognizer, trust_remote_code=trust_remote_code, device=device)
