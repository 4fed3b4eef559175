"""Reading files of strangers: plain files only, of bounded size, and problems as text that is safe to show.

What a submission says is looked at, never obeyed: no file is opened because another one names it, links are refused,
and nothing is read before its size is known.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path


MAX_FILES = 1000  # in a folder
_MAX_PROBLEMS = 100  # shown in a message
_MAX_SHOWN = 80  # characters of a value in a message


class SubmissionError(ValueError):
    """
    Why something that was submitted is refused.

    Args:
        problems (`Iterable[str]`): One sentence or two each: file, line or row, what was found, what to do. Values of
            the submission are quoted by [`shown`]; they may hold `<` and `>`, which a web page must escape.
    """

    def __init__(self, problems: Iterable[str]):
        self.problems = tuple(problems)
        listed = [f"- {problem}" for problem in self.problems[:_MAX_PROBLEMS]]
        if len(self.problems) > _MAX_PROBLEMS:
            listed.append(f"- and {len(self.problems) - _MAX_PROBLEMS} more")
        super().__init__("\n".join([f"Refused, {len(self.problems)} problem(s):", *listed]))


def shown(value: object) -> str:
    """
    A value of a submission as a message quotes it: one line, no control characters, cut where it is long.

    Example:

    ```python
    >>> print(shown("a\\x1b[31m" + "b" * 1000)[:20])
    'a\\x1b[31mbbbbbbbbbb

    ```
    """
    text = repr(value[:_MAX_SHOWN] if isinstance(value, str) else value)
    is_cut = len(text) > _MAX_SHOWN or (isinstance(value, str) and len(value) > _MAX_SHOWN)
    return f"{text[:_MAX_SHOWN]}..." if is_cut else text


def read_untrusted(path: Path, max_bytes: int) -> bytes:
    """
    Content of a plain file.

    Args:
        path (`Path`): The file.
        max_bytes (`int`): A larger file is not read.

    Raises:
        SubmissionError: It is a link, a pipe or anything else that is no plain file, too large, or cannot be opened.
    """
    name = shown(path.name)
    try:
        if stat.S_ISLNK(os.lstat(path).st_mode):
            raise SubmissionError([f"{name} is a link. Put the file itself there."])
        # without O_NONBLOCK, opening a pipe waits for its other end; the file may have changed since lstat
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with open(os.open(path, flags), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise SubmissionError([f"{name} is no plain file. Put a file there."])
            content = file.read(max_bytes + 1) if status.st_size <= max_bytes else b""
    except OSError as error:
        raise SubmissionError([f"{name} cannot be read: {error.strerror}."]) from error
    if max(len(content), status.st_size) > max_bytes:
        raise SubmissionError(
            [f"{name} has {status.st_size:,} bytes, of which no such file needs more than {max_bytes:,}."]
        )
    return content


def read_untrusted_lines(path: Path, max_bytes: int) -> list[str]:
    """
    Lines of a text file in UTF-8, without their ends; a last line that is empty is left out.

    Raises:
        SubmissionError: As [`read_untrusted`], or it is not UTF-8.
    """
    content = read_untrusted(path, max_bytes)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SubmissionError(
            [f"{shown(path.name)}, line {line}: the byte {content[error.start]:#04x} is not UTF-8. Save it as UTF-8."]
        ) from error
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    return lines[:-1] if not lines[-1] else lines


def untrusted_entries(folder: Path) -> list[os.DirEntry]:
    """
    What a folder holds, sorted by name.

    Raises:
        SubmissionError: It is a link or no folder, or holds more than 1000 files.
    """
    if folder.is_symlink() or not folder.is_dir():
        raise SubmissionError([f"{shown(folder.name)} is no folder, or a link. Put a folder there."])
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            found.append(entry)
            if len(found) > MAX_FILES:
                raise SubmissionError(
                    [f"{shown(folder.name)} holds more than {MAX_FILES} files. Leave only those of the submission."]
                )
    return sorted(found, key=lambda entry: entry.name)
