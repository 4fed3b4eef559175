"""Any audio -> one mono float32 waveform, and how long a file is."""

import os

from ..pipelines.audio_decoding import load_audio as load_audio
from .archive import header_duration


def audio_duration(path: str | os.PathLike) -> float:
    """
    Duration of an audio file in seconds, from its header; nothing is decoded.

    Args:
        path (`str` or `os.PathLike`):
            File in a format of libsndfile.

    Raises:
        `ValueError`: If the file is missing, empty or unreadable; the message names it.
    """
    try:
        return header_duration(path)
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from error
