"""The rows of a dataset as extraction reads them, and the hash by which their audio is recognised."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import datasets
import numpy as np


_COLUMNS = ("utterance_id", "audio", "segment_start", "segment_end")
_DIGEST_LENGTH = 32  # hexadecimal digits, 128 bits


def audio_rows(dataset: datasets.Dataset) -> datasets.Dataset:
    """
    The columns that say what is heard, with audio that is not decoded.

    Args:
        dataset (`datasets.Dataset`): Rows with `utterance_id` and `audio`; segments have their span.

    Raises:
        ValueError: A column is missing, or an `utterance_id` is not unique.
    """
    if missing := sorted({"utterance_id", "audio"} - set(dataset.column_names)):
        raise ValueError(f"The dataset lacks {missing}; it has the columns {dataset.column_names}.")
    rows = dataset.with_format(None).select_columns([name for name in _COLUMNS if name in dataset.column_names])
    ids = rows["utterance_id"][:]
    if repeated := [utterance_id for utterance_id, count in Counter(ids).items() if count > 1]:
        raise ValueError(
            f"{len(repeated)} utterance ids are not unique (first: {repeated[0]!r}), so that their features could not "
            "be told apart. Extract one corpus at a time, or make the ids unique."
        )
    if getattr(rows.features["audio"], "decode", False):
        rows = rows.cast_column("audio", datasets.Audio(decode=False))
    return rows


def audio_digest(row: Mapping[str, Any]) -> str:
    """
    Hash of what is heard: the bytes of the file, or the samples, and the span of a segment.

    Raises:
        OSError: The file cannot be opened.
        ValueError: There is no audio.
    """
    audio = row["audio"]
    digest = hashlib.sha256()
    if isinstance(audio, Mapping) and audio.get("array") is not None:
        samples = np.asarray(audio["array"])
        digest.update(f"{samples.dtype} {samples.shape} {audio['sampling_rate']}".encode())
        digest.update(np.ascontiguousarray(samples).tobytes())
    else:
        digest.update(_file_content(audio))
    if row.get("segment_start") is not None:
        digest.update(f" from {row['segment_start']!r} to {row['segment_end']!r}".encode())
    return digest.hexdigest()[:_DIGEST_LENGTH]


def _file_content(audio: Any) -> bytes:
    if isinstance(audio, Mapping):
        if audio.get("bytes") is not None:
            return audio["bytes"]
        audio = audio.get("path")
    if isinstance(audio, bytes):
        return audio
    if not isinstance(audio, str | Path):
        raise ValueError("There is no audio: neither a path, nor bytes, nor an array.")
    return Path(audio).read_bytes()
