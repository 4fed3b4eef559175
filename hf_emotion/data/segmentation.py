"""Long files as clips of fixed length: which spans a file is cut into, and how one of them is read."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import datasets
import numpy as np
import soundfile

from .audio import load_audio
from .mixture import durations_of


# Durations come from headers in samples; a rounding error must not add an empty segment.
_TOLERANCE_SECONDS = 1e-6


def segment_spans(
    duration: float,
    segment_seconds: float,
    hop_seconds: float | None = None,
    min_seconds: float | None = None,
) -> list[tuple[float, float]]:
    """
    Start and end of each segment of a file, in seconds.

    Args:
        duration (`float`): Duration of the file in seconds.
        segment_seconds (`float`): Length of a segment. A file that is not longer is one segment.
        hop_seconds (`float`, *optional*): Distance between starts, by default `segment_seconds`: no overlap.
        min_seconds (`float`, *optional*): A last segment that is shorter is left out, by default half of
            `segment_seconds`.

    Raises:
        ValueError: A length is not positive, `hop_seconds` is above `segment_seconds`, so that parts of a file would
            be skipped, or `min_seconds` is above `segment_seconds`.

    Example:

    ```python
    >>> from hf_emotion.data.segmentation import segment_spans
    >>> segment_spans(7.0, 3.0), segment_spans(7.6, 3.0), segment_spans(2.0, 3.0)
    ([(0.0, 3.0), (3.0, 6.0)], [(0.0, 3.0), (3.0, 6.0), (6.0, 7.6)], [(0.0, 2.0)])

    ```
    """
    hop = segment_seconds if hop_seconds is None else hop_seconds
    shortest = segment_seconds / 2 if min_seconds is None else min_seconds
    if not segment_seconds > 0:
        raise ValueError(f"segment_seconds={segment_seconds} must be positive.")
    if not 0 < hop <= segment_seconds:
        raise ValueError(
            f"hop_seconds={hop} must be positive and at most segment_seconds={segment_seconds}: a larger hop would "
            "skip parts of a file."
        )
    if not 0 <= shortest <= segment_seconds:
        raise ValueError(f"min_seconds={shortest} must be between 0 and segment_seconds={segment_seconds}.")
    if not duration > 0:
        raise ValueError(f"A file of {duration} s cannot be segmented: fill its `duration`, or leave it out.")
    num_segments = 1 + max(0, int(np.ceil((duration - segment_seconds - _TOLERANCE_SECONDS) / hop)))
    starts = [float(number * hop) for number in range(num_segments)]
    spans = [(start, min(start + segment_seconds, float(duration))) for start in starts]
    is_too_short = spans[-1][1] - spans[-1][0] < shortest - _TOLERANCE_SECONDS
    return spans[:-1] if is_too_short and len(spans) > 1 else spans


def check_segmentation(
    segment_seconds: float | None,
    segment_hop_seconds: float | None = None,
    segment_min_seconds: float | None = None,
    max_duration_seconds: float | None = None,
) -> None:
    """
    Refuse fields of an experiment that cannot work together; none of them is checked against data.

    Args:
        segment_seconds (`float`, *optional*): Length of a segment; without it, nothing is segmented.
        segment_hop_seconds (`float`, *optional*): `hop_seconds` of [`segment_spans`].
        segment_min_seconds (`float`, *optional*): `min_seconds` of [`segment_spans`].
        max_duration_seconds (`float`, *optional*): Duration that clips are cropped to, which segments must not be.

    Raises:
        ValueError: If so.
    """
    if segment_seconds is None:
        if segment_hop_seconds is not None or segment_min_seconds is not None:
            raise ValueError(
                "`segment_hop_seconds` and `segment_min_seconds` say nothing without `segment_seconds`, the length of "
                "a segment: set it, or leave them out."
            )
        return
    if max_duration_seconds is not None:
        raise ValueError(
            f"`max_duration_seconds: {max_duration_seconds:g}` would crop the segments that `segment_seconds: "
            f"{segment_seconds:g}` cuts files into. Leave one of them out."
        )
    segment_spans(segment_seconds, segment_seconds, segment_hop_seconds, segment_min_seconds)


def segment_dataset(
    dataset: datasets.Dataset,
    segment_seconds: float,
    hop_seconds: float | None = None,
    min_seconds: float | None = None,
) -> datasets.Dataset:
    """
    One row for each segment of each utterance, for training on long files and for predicting them.

    Segment a part (train, validation, test) after splitting, so that the segments of a file stay together.
    [`EmotionDataCollator`] reads only the span of a row. Predictions are put together again by
    [`~hf_emotion.evaluation.file_predictions.aggregate_segments`]. Audio that is embedded in the dataset as bytes is
    copied into each segment; keep long recordings as files.

    Args:
        dataset (`datasets.Dataset`): Utterances with `duration` in seconds.
        segment_seconds (`float`): See [`segment_spans`], also for the other options.
        hop_seconds (`float`, *optional*): See [`segment_spans`].
        min_seconds (`float`, *optional*): See [`segment_spans`].

    Returns:
        `datasets.Dataset`: The rows with a `file_id`, which is the former `utterance_id`, `segment_start` and
        `segment_end` in seconds, an `utterance_id` with the number of the segment, and the `duration` of the segment.

    Raises:
        ValueError: A duration is missing, or an option cannot work.

    Example:

    ```python
    >>> from datasets import Dataset
    >>> from hf_emotion.data.segmentation import segment_dataset
    >>> segments = segment_dataset(Dataset.from_dict({"utterance_id": ["a", "b"], "duration": [5.0, 1.0]}), 2.0)
    >>> segments["utterance_id"][:], segments["segment_end"][:]
    (['a#0000', 'a#0001', 'a#0002', 'b#0000'], [2.0, 4.0, 5.0, 1.0])

    ```
    """
    durations = durations_of(dataset)
    if np.isnan(durations).any():
        row = int(np.isnan(durations).argmax())
        raise ValueError(
            f"{int(np.isnan(durations).sum())} utterances have no duration (first: row {row}), so that they cannot be "
            "segmented. Fill the column `duration` (seconds)."
        )
    spans = [segment_spans(duration, segment_seconds, hop_seconds, min_seconds) for duration in durations]
    rows = [row for row, of_file in enumerate(spans) for _ in of_file]
    file_ids = dataset["utterance_id"][:]
    starts, ends = (np.array([span[end] for of_file in spans for span in of_file], dtype=np.float64) for end in (0, 1))
    columns = {
        "file_id": ([file_ids[row] for row in rows], datasets.Value("string")),
        "segment_start": (starts, datasets.Value("float64")),
        "segment_end": (ends, datasets.Value("float64")),
        "utterance_id": (
            [
                f"{file_id}#{number:04d}"
                for file_id, of_file in zip(file_ids, spans, strict=True)
                for number in range(len(of_file))
            ],
            datasets.Value("string"),
        ),
        "duration": (ends - starts, datasets.Value("float64")),
    }
    if taken := sorted({"file_id", "segment_start", "segment_end"} & set(dataset.column_names)):
        raise ValueError(f"The dataset has the columns {taken} already: is it segmented?")
    segmented = dataset.select(rows)
    for name, (values, feature) in columns.items():
        replaced = [name] if name in dataset.column_names else []
        segmented = segmented.remove_columns(replaced).add_column(name, values, feature=feature)
    return segmented


def load_segment(row: Mapping[str, Any], sampling_rate: int) -> np.ndarray:
    """
    Decode the span of a row between `segment_start` and `segment_end`, or all of its audio if it has none.

    Of a file only the span is decoded, which for an hour of audio is the difference between milliseconds and seconds.

    Args:
        row (`Mapping[str, Any]`): Row with `audio`, as [`~hf_emotion.data.audio.load_audio`] takes it.
        sampling_rate (`int`): Rate of the result in Hz.

    Returns:
        `np.ndarray` of shape `(num_samples,)`, float32.

    Raises:
        ValueError: See [`~hf_emotion.data.audio.load_audio`]; also if the span lies behind the end of the audio.
    """
    start, audio = row.get("segment_start"), row["audio"]
    if start is None:
        return load_audio(audio, sampling_rate)
    span = _decoded_span(audio, start, row["segment_end"])
    if span is not None:
        return load_audio(span, sampling_rate)
    waveform = load_audio(audio, sampling_rate)
    segment = waveform[round(start * sampling_rate) : round(row["segment_end"] * sampling_rate)]
    if not len(segment):
        raise ValueError(
            f"The segment starts at {start:g} s, but the audio ends at {len(waveform) / sampling_rate:g} s. Correct "
            "the column `duration` and segment again."
        )
    return segment


def _decoded_span(audio: Any, start: float, end: float) -> tuple[np.ndarray, int] | None:
    """Samples and rate of a span of a file; `None` if all of the audio has to be decoded, or cannot be."""
    if isinstance(audio, Mapping):
        content, path = audio.get("bytes"), audio.get("path")
        audio = io.BytesIO(content) if content is not None else path if audio.get("array") is None else None
    if not isinstance(audio, str | io.BytesIO):
        return None
    try:
        with soundfile.SoundFile(audio) as file:
            first = min(round(start * file.samplerate), file.frames)
            file.seek(first)
            samples = file.read(round(end * file.samplerate) - first, dtype="float32", always_2d=True)
            return (samples.mean(axis=1), file.samplerate) if len(samples) else None
    except soundfile.LibsndfileError:
        # `load_audio` reads it another way, or says what is wrong with it.
        return None
