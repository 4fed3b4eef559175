# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""Files in the formats of libsndfile, read to where their samples end rather than to where their headers say."""

import io
import re
import struct
import warnings
from typing import BinaryIO

import numpy as np
import soundfile

from .audio_sources import AudioSource


# libsndfile's `SF_COUNT_MAX` stands for a length that the header does not say.
_UNKNOWN_LENGTH = 2**62
_CORRECTED_SIZE = re.compile(r"^ *(?:data|SSND|Data Size) *: (\d+) \(should be (\d+)\)", re.MULTILINE)
# Programs that write to a pipe do not know the size, and announce 2 or 4 GiB less some header.
_UNKNOWN_SIZE = 0x7FFF0000
_UNCOMPRESSED = ("PCM_", "FLOAT", "DOUBLE", "ULAW", "ALAW")
# An MP3 file without a Xing header may be this many times as long as its first frame makes believe, or more.
_EXTRA_LENGTH = 100
# It is in the first frame.
_XING_WITHIN = 4096


class LibsndfileSource(AudioSource):
    """
    A file in a format of libsndfile.

    libsndfile itself reads until the end that the header gives, or until the data ends. Two headers are not believed:
    that of a WAV file with samples behind a size of 0, which it has while it is written, and the length of an MP3 file
    without a Xing header, which is an estimate from the first frame. What lies behind the end by the header of a FLAC
    file, or by a Xing header, is out of reach.

    Args:
        stream (`BinaryIO`): The open file.
        name (`str`): What messages call it.

    Raises:
        `soundfile.LibsndfileError`: If libsndfile does not know the format.
    """

    def __init__(self, stream: BinaryIO, name: str):
        self._file = _ForwardFile(_LenientStream(stream))
        num_frames, file_format, subtype = self._file.frames, self._file.format, self._file.subtype
        if num_frames == 0 and (place := _unwritten_size(stream)) is not None:
            warnings.warn(
                f"The header of {name} announces no samples, but some are there: is it written to?", stacklevel=2
            )
            self._file = _ForwardFile(_LenientStream(stream, unwritten_size=place))
            num_frames = self._file.frames
        is_estimate = file_format == "MP3" and not _says_length(stream)
        if is_estimate:
            self._file = _ForwardFile(_LenientStream(stream, extra_length=_EXTRA_LENGTH))
        super().__init__(
            name,
            float(self._file.samplerate),
            self._file.channels,
            num_frames if num_frames < _UNKNOWN_LENGTH else None,
            # libsndfile counts no more uncompressed samples than the file has bytes for.
            has_all_frames=file_format != "FLAC" and subtype.startswith(_UNCOMPRESSED),
        )
        self.promised_frames = None if is_estimate else _promised_frames(self._file)
        self._position = 0

    def read(self, num_frames: int) -> np.ndarray:
        block = np.empty((num_frames, self.num_channels), dtype=np.float32)
        if self.failure is not None:
            return block[:0]
        try:
            num_read = len(self._file.read(out=block))
        except soundfile.LibsndfileError as error:
            # libFLAC gives up with codes that have no text. What was decoded before is in the block.
            self.failure = error.error_string.strip().rstrip(".") or "damaged data"
            num_read = self._file.position(self._position) - self._position
        self._position += num_read
        return block[:num_read]

    def close(self) -> None:
        self._file.close()
        super().close()


class _ForwardFile(soundfile.SoundFile):
    """soundfile seeks after each read of a seekable file, and reads no further than its header says."""

    def seekable(self) -> bool:
        return False

    def position(self, last: int) -> int:
        """Where reading failed; where it last succeeded if the format cannot tell."""
        return max(last, self.tell()) if super().seekable() else last


class _LenientStream:
    """
    What libsndfile reads from. It has no name, since soundfile takes suffixes such as `.raw` for formats, and seeking
    to where nothing is raises nothing, since exceptions in callbacks from C end up on the screen.

    Args:
        stream (`BinaryIO`): The open file.
        extra_length (`int`, *optional*, defaults to 1): How many times as long as it is the file shall seem.
        unwritten_size (`int`, *optional*): Where the size of the samples of a WAV file is to be filled in.
    """

    def __init__(self, stream: BinaryIO, extra_length: int = 1, unwritten_size: int | None = None):
        self._stream = stream
        self._length = stream.seek(0, io.SEEK_END)
        self._seeming_length = self._length * extra_length
        self._unwritten_size = unwritten_size
        self._position = 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._seeming_length}[whence]
        self._position = max(0, start + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, num_bytes: int) -> bytes:
        if self._position > self._length:
            # mpg123 looks for a tag at the end. Reading on from the last byte, there is nothing.
            return bytes(max(0, min(num_bytes, self._seeming_length - self._position)))
        self._stream.seek(self._position)
        content = self._stream.read(num_bytes)
        place = None if self._unwritten_size is None else self._unwritten_size - self._position
        if place is not None and 0 <= place <= len(content) - 4:
            content = content[:place] + b"\xff\xff\xff\xff" + content[place + 4 :]
        self._position += len(content)
        return content


def _promised_frames(file: soundfile.SoundFile) -> int | None:
    """Samples by the header, which for uncompressed formats libsndfile corrects, and tells in its log."""
    if file.frames >= _UNKNOWN_LENGTH:
        return None
    if corrected := _CORRECTED_SIZE.search(file.extra_info):
        announced, present = map(int, corrected.groups())
        if 0 < present < announced < _UNKNOWN_SIZE:
            return round(file.frames * announced / present)
    return file.frames


def _unwritten_size(stream: BinaryIO) -> int | None:
    """Where the size of the samples of a WAV file stands, if it is 0 and something other than a chunk follows."""
    stream.seek(0)
    if stream.read(4) != b"RIFF" or stream.read(8)[4:] != b"WAVE":
        return None
    while len(header := stream.read(8)) == 8:
        name, size = struct.unpack("<4sI", header)
        if name == b"data" and size == 0:
            place, following = stream.tell() - 4, stream.read(4)
            return place if len(following) == 4 and not following.isalnum() else None
        stream.seek(size + size % 2, io.SEEK_CUR)
    return None


def _says_length(stream: BinaryIO) -> bool:
    """Whether an MP3 file has a Xing header, which LAME calls Info for a constant bit rate."""
    stream.seek(0)
    header = stream.read(10)
    if header[:3] == b"ID3":
        # The size of the tag behind its header has 7 bits per byte.
        stream.seek(10 + sum(byte << 7 * place for place, byte in enumerate(reversed(header[6:]))))
    else:
        stream.seek(0)
    start = stream.read(_XING_WITHIN)
    return b"Xing" in start or b"Info" in start
