"""What the container of a sound file promises: its format, and how many bytes of samples there should be."""

import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO


# Formats as libsndfile names them -> suffixes that programs expect for them.
SUFFIXES = {
    **dict.fromkeys(("WAV", "WAVEX", "RF64", "W64"), (".wav", ".w64")),
    "FLAC": (".flac",),
    "OGG": (".ogg", ".oga", ".opus"),
    "MP3": (".mp3",),
    "AIFF": (".aif", ".aiff", ".aifc"),
    "AU": (".au", ".snd"),
    "NIST": (".sph", ".nist"),
}
# Sizes from here on are what programs write that do not know the length yet (a pipe, a recorder that was cut off).
_UNKNOWN_SIZE = 0x7FFF0000
_SPHERE_COUNT = re.compile(rb"sample_count -i (\d+)")


@dataclass(frozen=True)
class DataChunk:
    """
    The samples in a file, in bytes.

    Args:
        promised (`int`): What the header says; equals `present` where it does not say.
        present (`int`): What is there, at most `promised`.
        behind (`int`): Bytes behind the samples that belong to nothing the header announces.
    """

    promised: int
    present: int
    behind: int = 0


def data_chunk(path: str | os.PathLike) -> DataChunk | None:
    """
    Size of the samples by the header of a WAV (RIFF, RF64) or AIFF file, and by the file itself.

    Args:
        path (`str` or `os.PathLike`):
            Sound file.

    Returns:
        [`DataChunk`] or `None`: `None` for another format, and for a file without a chunk of samples.
    """
    with Path(path).open("rb") as file:
        kind, _, form = struct.unpack("<4sI4s", file.read(12).ljust(12, b"\0"))
        if kind in (b"RIFF", b"RF64") and form == b"WAVE":
            return _find_chunk(file, b"data", "<")
        if kind == b"FORM" and form in (b"AIFF", b"AIFC"):
            return _find_chunk(file, b"SSND", ">")
    return None


def sphere_sample_count(path: str | os.PathLike) -> int | None:
    """Number of frames by the header of a NIST SPHERE file; `None` for another format."""
    with Path(path).open("rb") as file:
        header = file.read(1024)
    count = _SPHERE_COUNT.search(header) if header.startswith(b"NIST_1A") else None
    return int(count[1]) if count else None


def _find_chunk(file: BinaryIO, wanted: bytes, byte_order: str) -> DataChunk | None:
    long_size = None
    while len(header := file.read(8)) == 8:
        name, size = struct.unpack(f"{byte_order}4sI", header)
        if name == wanted:
            return _measured(file, size if long_size is None else long_size)
        if name == b"ds64":  # RF64: riff size, data size, both 64 bits
            long_size = struct.unpack("<8xQ", file.read(16).ljust(16, b"\0"))[0]
            size -= 16
        file.seek(size + size % 2, os.SEEK_CUR)
    return None


def _measured(file: BinaryIO, promised: int) -> DataChunk:
    start = file.tell()
    left = file.seek(0, os.SEEK_END) - start
    if _UNKNOWN_SIZE <= promised <= 0xFFFFFFFF and promised > left:
        promised = left
    if promised >= left:
        return DataChunk(promised, left)
    file.seek(start + promised)
    following = file.read(4)
    # Three characters of a chunk or a tag (some writers forget the byte that makes a size even), or zeros.
    announced = all(32 <= byte < 127 for byte in following[promised % 2 :][:3]) or not following.strip(b"\0")
    return DataChunk(promised, promised, 0 if announced else left - promised)
