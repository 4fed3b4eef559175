"""Any audio a user may hold -> one mono float32 waveform at the wanted rate, with soundfile and soxr only.

torchcodec, torchaudio and the ffmpeg binary are not needed. What `datasets` returns, decoded or not, is accepted.
"""

import io
import os
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np
import soundfile
import soxr

from .archive import header_duration


def load_audio(audio: Any, sampling_rate: int = 16_000) -> np.ndarray:
    """
    Decode, mix down and resample any audio.

    Args:
        audio (`Any`):
            One of

            - a path (`str`, `os.PathLike`), the bytes of a file, or a binary file object, in a format of libsndfile
              (WAV, FLAC, OGG, MP3, AIFF ...);
            - `{"path": ..., "bytes": ...}`, an undecoded `datasets.Audio` value;
            - `{"array": ..., "sampling_rate": ...}` (or `"raw"` for `"array"`, as pipelines take it), or a tuple
              `(array, sampling_rate)`; the array is a NumPy array, a torch tensor or a list, of shape
              `(num_samples,)`, `(num_channels, num_samples)` or `(num_samples, num_channels)`, time being the longer;
            - an audio decoder of torchcodec, which is what `datasets` >= 4 returns for a decoded `Audio` column.

            Integer samples are scaled to [-1, 1). A plain array is refused, since its sampling rate is unknown.
        sampling_rate (`int`, *optional*, defaults to 16000):
            Rate of the result in Hz. Resampling uses soxr's high quality.

    Returns:
        `np.ndarray` of shape `(num_samples,)`, float32: the mean of the channels.

    Raises:
        `FileNotFoundError`: If the file does not exist.
        `ValueError`: If the audio cannot be decoded, is empty, has no sampling rate, or holds NaN or infinite
            samples. The message names the file.
        `TypeError`: If `audio` is none of the above.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_emotion.data.audio import load_audio
    >>> stereo = np.zeros((2, 8000), dtype=np.int16)
    >>> load_audio((stereo, 8000)).shape
    (16000,)

    ```
    """
    if not isinstance(sampling_rate, int | np.integer) or sampling_rate <= 0:
        raise ValueError(f"sampling_rate must be a positive number of Hz, got {sampling_rate!r}.")
    samples, rate, name = _decode(audio)
    waveform = _mono(samples, name)
    if waveform.size == 0:
        raise ValueError(f"{name} holds no samples. Leave the clip out.")
    if not np.isfinite(waveform).all():
        num_bad = int((~np.isfinite(waveform)).sum())
        raise ValueError(f"{name} holds {num_bad} NaN or infinite samples. Repair the file or leave the clip out.")
    if rate != sampling_rate:
        waveform = soxr.resample(waveform, rate, sampling_rate)
        if waveform.size == 0:
            raise ValueError(f"{name} is too short to be resampled from {rate} to {sampling_rate} Hz.")
    return np.ascontiguousarray(waveform, dtype=np.float32)


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


def _decode(audio: Any) -> tuple[np.ndarray, float, str]:
    """Samples as they are, their rate in Hz, and a name for messages."""
    if isinstance(audio, Mapping):
        return _decode_mapping(audio)
    if isinstance(audio, tuple):
        if len(audio) != 2:
            raise TypeError(f"A tuple of audio must be (array, sampling_rate), got one of {len(audio)} elements.")
        return _samples(audio[0]), _rate(audio[1], "the array"), "the array"
    if isinstance(audio, str | os.PathLike):
        return _decode_path(os.fspath(audio))
    if isinstance(audio, bytes | bytearray | memoryview):
        return _decode_bytes(bytes(audio), f"the audio of {len(audio)} bytes")
    if hasattr(audio, "get_all_samples"):
        decoded = audio.get_all_samples()
        name = getattr(audio.metadata, "path", None) or "the audio decoder"
        # torchcodec gives (num_channels, num_samples).
        return _samples(decoded.data).mean(axis=0), _rate(decoded.sample_rate, name), name
    if hasattr(audio, "read"):
        name = getattr(audio, "name", None)
        content = audio.read()
        if isinstance(content, str):
            raise TypeError(f"{name or 'The file object'} is open in text mode. Open it with mode 'rb'.")
        return _decode_bytes(content, name if isinstance(name, str) else "the file object")
    if isinstance(audio, np.ndarray) or hasattr(audio, "detach"):
        raise ValueError(
            "A plain array does not say its sampling rate. Pass (array, sampling_rate) or "
            '{"array": array, "sampling_rate": rate}.'
        )
    raise TypeError(
        f"Cannot read audio from {type(audio).__name__}. Pass a path, bytes, a file object, (array, sampling_rate), a "
        f"dict as datasets gives it, or an audio decoder of torchcodec."
    )


def _decode_mapping(audio: Mapping) -> tuple[np.ndarray, float, str]:
    path = audio.get("path")
    array = audio.get("array", audio.get("raw"))
    if array is not None:
        name = str(path) if path else "the array"
        return _samples(array), _rate(audio.get("sampling_rate"), name), name
    if audio.get("bytes") is not None:
        return _decode_bytes(audio["bytes"], str(path) if path else f"the audio of {len(audio['bytes'])} bytes")
    if path is not None:
        return _decode_path(os.fspath(path))
    raise ValueError(
        f'A dict of audio needs "array" and "sampling_rate", or "bytes", or "path"; this one has {sorted(audio)} '
        f"(with values that are None)."
    )


def _decode_path(path: str) -> tuple[np.ndarray, float, str]:
    if not os.path.exists(path):
        raise FileNotFoundError(f"No such audio file: {path}")
    if os.path.isdir(path):
        raise ValueError(f"{path} is a folder, not an audio file.")
    return _decode_file(path, path)


def _decode_bytes(content: bytes, name: str) -> tuple[np.ndarray, float, str]:
    if not content:
        raise ValueError(f"{name} is empty (0 bytes). Leave the clip out.")
    return _decode_file(io.BytesIO(content), name)


def _decode_file(file: str | BinaryIO, name: str) -> tuple[np.ndarray, float, str]:
    try:
        samples, rate = soundfile.read(file, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        if isinstance(file, str) and os.path.getsize(file) == 0:
            raise ValueError(f"{name} is empty (0 bytes). Leave the clip out.") from error
        target = os.path.splitext(name)[0] if os.path.splitext(name)[1] else "clip"
        raise ValueError(
            f"libsndfile cannot read {name} ({error.error_string.strip()}). Convert it first, for example:\n"
            f'  ffmpeg -i "{name}" -ac 1 -ar 16000 "{target}_16k.wav"'
        ) from error
    # soundfile gives (num_samples, num_channels).
    return samples.mean(axis=1), rate, name


def _samples(array: Any) -> np.ndarray:
    """Array, tensor or list -> floating point array; integers are scaled by their type's full range."""
    if hasattr(array, "detach"):
        array = array.detach().cpu()
        # NumPy has no bfloat16.
        array = (array.float() if array.is_floating_point() else array).numpy()
    array = np.asarray(array)
    if array.dtype == np.uint8:
        # Unsigned 8 bit audio has its zero at 128.
        return (array.astype(np.float32) - 128) / 128
    if np.issubdtype(array.dtype, np.signedinteger):
        if array.dtype.itemsize > 4:
            raise ValueError(
                f"Samples of type {array.dtype} have no full scale to divide by. Pass int16, int32 or floats."
            )
        return array.astype(np.float32) / np.float32(2 ** (8 * array.dtype.itemsize - 1))
    if not np.issubdtype(array.dtype, np.floating):
        raise TypeError(f"Samples must be real numbers, got an array of type {array.dtype}.")
    return array.astype(np.float32, copy=False)


def _mono(samples: np.ndarray, name: str) -> np.ndarray:
    if samples.ndim == 0 or samples.ndim > 2:
        raise ValueError(f"{name} has samples of shape {samples.shape}; expected one or two axes, time and channels.")
    if samples.ndim == 1:
        return samples
    # Time is the longer axis: one clip has more samples than channels.
    return samples.mean(axis=0 if samples.shape[0] <= samples.shape[1] else 1)


def _rate(rate: Any, name: str) -> float:
    if rate is None:
        raise ValueError(f"The sampling rate of {name} is missing. Pass it next to the samples, in Hz.")
    if isinstance(rate, bool) or not isinstance(rate, int | float | np.number) or not rate > 0:
        raise ValueError(f"The sampling rate of {name} must be a positive number of Hz, got {rate!r}.")
    return float(rate)
