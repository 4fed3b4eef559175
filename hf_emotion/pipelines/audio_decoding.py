# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""Any audio a user may hold -> float32 at the wanted rate, with soundfile and soxr only.

torchcodec, torchaudio and the ffmpeg binary are not needed, unless a format is. What `datasets` returns, decoded or
not, is accepted.
"""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from .audio_files import open_bytes, open_file_object, open_path, shortened
from .audio_reader import AudioReader
from .audio_sources import ArraySource, AudioSource, as_array, check_sample_type, decoder_source


# Of all channels, for audio that is held in memory as a whole: 1 GiB.
MAX_LOADED_SAMPLES = 2**28
# What the field's recorders and formats use ends at 768 kHz; below 1 Hz nothing is sound.
LOWEST_RATE, HIGHEST_RATE = 1, 768_000
# libsndfile's own limit. More are taken for an array whose axes were mistaken.
MAX_CHANNELS = 1024


def load_audio(audio: Any, sampling_rate: int = 16_000) -> np.ndarray:
    """
    Decode, mix down and resample any audio.

    Args:
        audio (`Any`):
            One of

            - a path (`str`, `os.PathLike`, `file://`) or an `http(s)://` address of a file in a format of libsndfile
              (WAV, FLAC, OGG, Opus, MP3, AIFF, CAF, AU ...), its bytes, or a binary file object. Other formats (M4A,
              AAC, WMA, AMR, WebM ...) are read if torchcodec is installed, and refused with a command that converts
              them if not;
            - `{"path": ..., "bytes": ...}`, an undecoded `datasets.Audio` value;
            - `{"array": ..., "sampling_rate": ...}` (or `"raw"` for `"array"`, as pipelines take it), or a tuple
              `(array, sampling_rate)`, also the other way round, as SciPy and Gradio have it; the array is a NumPy
              array, a torch tensor or a list, of shape `(num_samples,)`, `(num_channels, num_samples)` or
              `(num_samples, num_channels)`, time being the longer;
            - an audio decoder of torchcodec, which is what `datasets` >= 4 returns for a decoded `Audio` column.

            Integer samples are scaled to [-1, 1). A plain array is refused, since its sampling rate is unknown.
        sampling_rate (`int`, *optional*, defaults to 16000):
            Rate of the result in Hz. Resampling uses soxr's high quality.

    Returns:
        `np.ndarray` of shape `(num_samples,)`, float32: the mean of the channels. All values are finite. Of a file
        that is truncated or damaged it is what could be decoded, with a warning: most of a clip still tells its
        emotion, and a run over a corpus does not stop at one file. Headers that promise too much or nothing, as
        programs that write to a pipe leave them, do no harm.

    Raises:
        `FileNotFoundError`: If the file does not exist.
        `ValueError`: If the audio cannot be decoded, is empty, has no sampling rate, holds NaN or infinite samples
            (a damaged file or a failed computation; how many is said), or would need more than 1 GiB (4.6 hours at
            16 kHz); [`open_audio`] reads such files in blocks. Also if a path is no regular file, or may not be read.
            The message names the file.
        `TypeError`: If `audio` is none of the above.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_emotion.pipelines.audio_decoding import load_audio
    >>> stereo = np.zeros((2, 8000), dtype=np.int16)
    >>> load_audio((stereo, 8000)).shape
    (16000,)

    ```
    """
    with open_audio(audio, sampling_rate, mono=True) as reader:
        return _all_blocks(reader)[0]


def load_channels(audio: Any, sampling_rate: int = 16_000) -> np.ndarray:
    """
    Decode and resample any audio, and keep its channels: one speaker per channel in recordings of telephone calls.

    Args:
        audio (`Any`): See [`load_audio`].
        sampling_rate (`int`, *optional*, defaults to 16000): Rate of the result in Hz.

    Returns:
        `np.ndarray` of shape `(num_channels, num_samples)`, float32. See [`load_audio`] for damaged files.

    Raises:
        `FileNotFoundError`, `ValueError`, `TypeError`: See [`load_audio`].

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_emotion.pipelines.audio_decoding import load_channels
    >>> load_channels((np.zeros((2, 8000), dtype=np.int16), 8000)).shape
    (2, 16000)

    ```
    """
    with open_audio(audio, sampling_rate) as reader:
        return _all_blocks(reader)


def open_audio(audio: Any, sampling_rate: int = 16_000, mono: bool = False) -> AudioReader:
    """
    Open any audio, to read it in blocks: of a file, a URL or a decoder, no more than some blocks are in memory.

    Args:
        audio (`Any`): See [`load_audio`]. Content of URLs and file objects goes through a temporary file.
        sampling_rate (`int`, *optional*, defaults to 16000): Rate of the blocks in Hz.
        mono (`bool`, *optional*, defaults to `False`): Whether to mix down to the mean of the channels.

    Returns:
        [`AudioReader`]: A context manager with `name`, `num_channels`, `duration` and `blocks(seconds=10.0)`. Joined,
        the blocks are what [`load_channels`] returns, or [`load_audio`] for `mono=True`, bit by bit.

    Raises:
        `FileNotFoundError`, `ValueError`, `TypeError`: See [`load_audio`]. What is wrong with the samples is raised
            while they are read; there is no limit on the duration.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_emotion.pipelines.audio_decoding import open_audio
    >>> with open_audio((np.zeros((2, 20_000), dtype=np.int16), 8000)) as reader:
    ...     print(reader.num_channels, reader.duration, [block.shape for block in reader.blocks(seconds=1.0)])
    2 2.5 [(2, 16000), (2, 16000), (2, 8000)]

    ```
    """
    is_number = isinstance(sampling_rate, int | np.integer) and not isinstance(sampling_rate, bool)
    if not is_number or not LOWEST_RATE <= sampling_rate <= HIGHEST_RATE:
        raise ValueError(
            f"sampling_rate must be a positive number of Hz, an integer up to {HIGHEST_RATE}, got {sampling_rate!r}."
        )
    source = _source(audio)
    try:
        _rate(source.sampling_rate, source.name)
        if source.num_channels > MAX_CHANNELS:
            raise ValueError(
                f"{source.name} has {source.num_channels} channels, which is more than {MAX_CHANNELS}. Samples have "
                f"one or two axes, time being the longer."
            )
        return AudioReader(source, int(sampling_rate), mono)
    except ValueError:
        source.close()
        raise


def _all_blocks(reader: AudioReader) -> np.ndarray:
    """Everything, `(num_channels, num_samples)`."""
    limit = MAX_LOADED_SAMPLES // reader.num_channels
    if reader.is_duration_certain and reader.duration is not None and reader.duration * reader.sampling_rate > limit:
        raise _too_long(reader, f"lasts {_length(reader.duration)}")
    blocks, num_samples = [], 0
    for block in reader.blocks(seconds=60.0):
        num_samples += block.shape[1]
        if num_samples > limit:
            raise _too_long(reader, f"lasts longer than {_length(limit / reader.sampling_rate)}")
        blocks.append(block)
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks, axis=1)


def _too_long(reader: AudioReader, found: str) -> ValueError:
    longest = MAX_LOADED_SAMPLES / reader.num_channels / reader.sampling_rate
    return ValueError(
        f"{reader.name} {found}, which is too long to be held in memory as a whole: the limit is {MAX_LOADED_SAMPLES} "
        f"samples, {_length(longest)} for {reader.num_channels} channel(s) at {reader.sampling_rate} Hz. Read it in "
        f"blocks with `hf_emotion.pipelines.audio_decoding.open_audio`, or cut it into parts."
    )


def _length(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds:.0f} s"


def _source(audio: Any) -> AudioSource:
    if isinstance(audio, Mapping):
        return _mapping_source(audio)
    if isinstance(audio, tuple):
        if len(audio) != 2:
            raise TypeError(f"A tuple of audio must be (array, sampling_rate), got one of {len(audio)} elements.")
        array, rate = audio if np.ndim(audio[1]) == 0 else audio[::-1]
        return _array_source(array, rate, "the array")
    if isinstance(audio, str | os.PathLike):
        return open_path(audio)
    if isinstance(audio, bytes | bytearray | memoryview):
        return open_bytes(audio)
    if hasattr(audio, "get_all_samples"):
        path = getattr(getattr(audio, "metadata", None), "path", None)
        return decoder_source(audio, shortened(path) if path else "the audio decoder")
    if hasattr(audio, "read"):
        return open_file_object(audio)
    if isinstance(audio, np.ndarray | list) or hasattr(audio, "detach"):
        raise ValueError(
            "A plain array does not say its sampling rate. Pass (array, sampling_rate) or "
            '{"array": array, "sampling_rate": rate}.'
        )
    raise TypeError(
        f"Cannot read audio from {type(audio).__name__}. Pass a path, bytes, a file object, (array, sampling_rate), a "
        f"dict as datasets gives it, or an audio decoder of torchcodec."
    )


def _mapping_source(audio: Mapping) -> AudioSource:
    path = audio.get("path")
    array = audio.get("array", audio.get("raw"))
    if array is not None:
        return _array_source(array, audio.get("sampling_rate"), shortened(path) if path else "the array")
    content = audio.get("bytes")
    if content is not None:
        if not isinstance(content, bytes | bytearray | memoryview):
            raise TypeError(f'"bytes" of a dict of audio must be the bytes of a file, got {type(content).__name__}.')
        return open_bytes(content, shortened(path) if path else None)
    if path is not None:
        return open_path(path)
    raise ValueError(
        f'A dict of audio needs "array" and "sampling_rate", or "bytes", or "path"; this one has '
        f"{sorted(map(str, audio))} (with values that are None)."
    )


def _array_source(array: Any, rate: Any, name: str) -> ArraySource:
    try:
        samples = as_array(array)
    except ValueError as error:
        raise ValueError(f"{name} is no array of samples ({error}). Channels must have the same length.") from error
    check_sample_type(samples)
    if samples.ndim == 0 or samples.ndim > 2:
        raise ValueError(f"{name} has samples of shape {samples.shape}; expected one or two axes, time and channels.")
    if samples.ndim == 1:
        samples = samples[:, None]
    elif samples.shape[0] <= samples.shape[1]:
        # Time is the longer axis: one clip has more samples than channels.
        samples = samples.T
    if samples.size == 0:
        raise ValueError(f"{name} holds no samples. Leave the clip out.")
    return ArraySource(samples, _rate(rate, name), name)


def _rate(rate: Any, name: str) -> float:
    if rate is None:
        raise ValueError(f"The sampling rate of {name} is missing. Pass it next to the samples, in Hz.")
    is_number = isinstance(rate, int | float | np.number) and not isinstance(rate, bool | np.complexfloating)
    if not is_number or not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise ValueError(
            f"The sampling rate of {name} must be a positive number of Hz, got {shortened(repr(rate))} (from "
            f"{LOWEST_RATE} to {HIGHEST_RATE} Hz is read)."
        )
    return float(rate)
