# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""Files, wherever they lie -> sources of samples; and sentences for what is none."""

import errno
import io
import os
import shlex
import stat
from collections.abc import Iterator
from typing import Any, BinaryIO
from urllib.parse import urlsplit
from urllib.request import url2pathname

import soundfile

from .audio_download import download, is_web_address, spooled
from .audio_sources import AudioSource, decoder_source
from .libsndfile_source import LibsndfileSource


# A name is quoted in messages, and may be anything.
_MAX_NAME_LENGTH = 300
_NO_SUCH_FILE = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP)


def open_path(path: str | os.PathLike) -> AudioSource:
    """
    Open a path, or an address that starts with `file://`, `http://` or `https://`.

    Raises:
        `FileNotFoundError`: If there is no such file.
        `ValueError`: If it is no regular file, is empty, may not be read, or is in no format that can be read.
    """
    path = os.fsdecode(path)
    if is_web_address(path):
        stream, hint = download(path)
        return _open_stream(stream, shortened(path), hint)
    if path.lower().startswith("file://"):
        path = url2pathname(urlsplit(path).path)
    name = shortened(path)
    return _open_stream(_regular_file(path, name), name)


def open_bytes(content: bytes | bytearray | memoryview, name: str | None = None) -> AudioSource:
    """
    Open the content of a file.

    Raises:
        `ValueError`: If it is empty, or in no format that can be read.
    """
    num_bytes = memoryview(content).nbytes
    return _open_stream(io.BytesIO(content), name or f"the audio of {num_bytes} bytes")


def open_file_object(file: Any) -> AudioSource:
    """
    Open the rest of a binary file object; it goes through a temporary file if it is large.

    Raises:
        `TypeError`: If the object gives text.
        `ValueError`: If it is empty, has no end, or is in no format that can be read.
    """
    path = getattr(file, "name", None)
    name = shortened(path) if isinstance(path, str) else "the file object"
    return _open_stream(spooled(_pieces(file, name), name), name)


def shortened(name: Any) -> str:
    """A path as messages show it: on one line, and not longer than one can read."""
    name = os.fsdecode(name) if isinstance(name, bytes | os.PathLike) else str(name)
    name = name if name.isprintable() else ascii(name)
    half = _MAX_NAME_LENGTH // 2
    return name if len(name) <= _MAX_NAME_LENGTH else f"{name[:half]}...{name[-half:]}"


def _regular_file(path: str, name: str) -> BinaryIO:
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise ValueError(f"{name} is a folder, not an audio file.")
        if not stat.S_ISREG(mode):
            # Reading from it might never end.
            raise ValueError(f"{name} is a pipe, a socket or a device. Save its sound as a file, or pass the bytes.")
        # Without a name: soundfile takes some suffixes for formats.
        return os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0)), "rb")
    except OSError as error:
        if error.errno in _NO_SUCH_FILE:
            raise FileNotFoundError(f"No such audio file: {name}") from error
        raise ValueError(f"{name} cannot be opened: {error.strerror}.") from error
    except ValueError as error:
        if "null" in str(error):
            raise ValueError(f"{name} is no path: it holds a null character.") from error
        raise


def _pieces(file: Any, name: str) -> Iterator[bytes]:
    try:
        while piece := file.read(2**20):
            if isinstance(piece, str):
                raise TypeError(f"{name} is open in text mode. Open it with mode 'rb'.")
            if not isinstance(piece, bytes | bytearray):
                raise TypeError(f"{name} gives {type(piece).__name__} instead of bytes. Pass a binary file object.")
            yield bytes(piece)
    except OSError as error:
        raise ValueError(f"{name} cannot be read: {error}.") from error


def _open_stream(stream: BinaryIO, name: str, hint: str = "") -> AudioSource:
    """The source that reads a stream, which is closed if there is none."""
    try:
        if not stream.seek(0, io.SEEK_END):
            raise ValueError(f"{name} is empty (0 bytes). Leave the clip out.")
        stream.seek(0)
        source = _file_source(stream, name, hint)
    except ValueError:
        stream.close()
        raise
    source.stream = stream
    return source


def _file_source(stream: BinaryIO, name: str, hint: str) -> AudioSource:
    try:
        return LibsndfileSource(stream, name)
    except soundfile.LibsndfileError as error:
        if source := _torchcodec_source(stream, name):
            return source
        # libsndfile's words if no MPEG frame can be decoded are about pipes.
        reason = "No MPEG audio" if "pipe" in error.error_string else error.error_string.strip().rstrip(".")
        raise ValueError(f"libsndfile cannot read {name} ({reason}).{hint} {_conversion(name)}") from error


def _torchcodec_source(stream: BinaryIO, name: str) -> AudioSource | None:
    """A source for formats that libsndfile does not know, if torchcodec is installed and knows them."""
    try:
        from torchcodec.decoders import AudioDecoder
    except (ImportError, OSError, RuntimeError):
        # Not ImportError: torchcodec is installed, but libraries that it needs are not.
        return None
    stream.seek(0)
    try:
        return decoder_source(AudioDecoder(stream), name)
    except (RuntimeError, ValueError):
        return None


def _conversion(name: str) -> str:
    stem, suffix = os.path.splitext(name)
    source, target = (name, stem) if suffix and not is_web_address(name) else ("clip.m4a", "clip")
    return (
        "Install torchcodec and ffmpeg, which read most other formats, or convert it first, for example:\n"
        f"  ffmpeg -i {shlex.quote(source)} -ac 1 -ar 16000 {shlex.quote(f'{target}_16k.wav')}"
    )
