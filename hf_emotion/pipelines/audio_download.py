# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""Bytes that arrive in pieces, from a server or a file object -> a temporary file that is gone when it is closed."""

import tempfile
import time
from collections.abc import Iterable, Iterator
from typing import BinaryIO, cast

from huggingface_hub import get_session
from huggingface_hub.utils import httpx


# An hour of stereo at 44.1 kHz is 600 MiB. Neither a server nor a file object need ever come to an end.
MAX_BYTES = 2**30
# Smaller content stays in memory.
_BYTES_IN_MEMORY = 2**24
# Without an answer, or the next piece of one; and in all.
_ANSWER_SECONDS = 30.0
_DOWNLOAD_SECONDS = 600.0


def is_web_address(path: str) -> bool:
    """Whether a path is the address of a file on a server."""
    return path.lower().startswith(("http://", "https://"))


def download(url: str) -> tuple[BinaryIO, str]:
    """
    Download a file with the session of huggingface_hub, and so with its proxies, certificates and offline mode.

    Args:
        url (`str`): Address that starts with `http://` or `https://`.

    Returns:
        `tuple[BinaryIO, str]`: The content, and a sentence about it for the case that it is no audio.

    Raises:
        `FileNotFoundError`: If the server has no such file.
        `ValueError`: If the server refuses, fails or is too slow, or if the file is too large.
    """
    try:
        with get_session().stream("GET", url, timeout=_ANSWER_SECONDS) as response:
            if response.status_code in (404, 410):
                raise FileNotFoundError(f"No such audio file: {url} ({response.status_code} of the server).")
            if response.status_code != 200:
                raise ValueError(
                    f"{url} cannot be downloaded: the server answers {response.status_code} "
                    f"{response.reason_phrase}. Download it by hand, and pass the path."
                )
            if int(response.headers.get("Content-Length", 0)) > MAX_BYTES:
                raise _too_large(url)
            content = spooled(_before(time.monotonic() + _DOWNLOAD_SECONDS, response.iter_bytes(), url), url)
            return content, _hint(response.headers.get("Content-Type", ""))
    except (httpx.HTTPError, httpx.InvalidURL, ConnectionError) as error:
        reason = f"{type(error).__name__} {error}".strip().rstrip(".")
        raise ValueError(f"{url} cannot be downloaded: {reason}.") from error


def spooled(pieces: Iterable[bytes], name: str) -> BinaryIO:
    """
    Put pieces one after the other.

    Args:
        pieces (`Iterable[bytes]`): Any number of them.
        name (`str`): What messages call the content.

    Returns:
        `BinaryIO`: A file, in memory if it is small, that is removed when it is closed.

    Raises:
        `ValueError`: If the pieces are more than `MAX_BYTES`.
    """
    file = tempfile.SpooledTemporaryFile(_BYTES_IN_MEMORY)  # noqa: SIM115 - given to the caller
    num_bytes = 0
    try:
        for piece in pieces:
            num_bytes += len(piece)
            if num_bytes > MAX_BYTES:
                raise _too_large(name)
            file.write(piece)
    except BaseException:
        file.close()
        raise
    return cast(BinaryIO, file)


def _too_large(name: str) -> ValueError:
    return ValueError(
        f"{name} is larger than {MAX_BYTES // 2**20} MiB, the limit of what is downloaded or copied. Save it as a "
        f"file, and pass the path."
    )


def _before(deadline: float, pieces: Iterator[bytes], name: str) -> Iterator[bytes]:
    for piece in pieces:
        if time.monotonic() > deadline:
            raise ValueError(f"{name} takes longer than {_DOWNLOAD_SECONDS:g} s. Download it, and pass the path.")
        yield piece


def _hint(content_type: str) -> str:
    if "html" in content_type:
        return (
            " The server sent a web page: on the Hub, the address of a file has /resolve/ where its page has /blob/."
        )
    return f" The server calls it {content_type}." if content_type else ""
