"""Folders of this machine in texts that are about to be published."""

from __future__ import annotations

import re
from pathlib import Path


_PART = r"[\w.@+=~-]+"
# An absolute path that nothing stands before that could make it a part of an address or of a relative path.
_POSIX = re.compile(rf"(?<![\w/.:~>-])(?:~|/{_PART})(?:/{_PART})+/?")
_WINDOWS = re.compile(rf"(?<!\w)[A-Za-z]:\\(?:{_PART}\\)*{_PART}")


def without_local_paths(text: str) -> str:
    """
    A text in which folders of a machine have become `path/to/<name>`.

    Args:
        text (`str`): Text of a card or of a YAML or JSON file.

    Example:

    ```python
    >>> without_local_paths("data_dir: /tmp/corpora/emodb, see https://example.org/tmp/corpora")
    'data_dir: path/to/emodb, see https://example.org/tmp/corpora'

    ```
    """
    text = _WINDOWS.sub(lambda found: "path/to/" + found[0].rsplit("\\", 1)[-1], text)
    return _POSIX.sub(lambda found: f"path/to/{Path(found[0]).name}" if _is_local(found[0]) else found[0], text)


def _is_local(path: str) -> bool:
    """Whether a path is one of this machine, or of somebody's home."""
    if path.startswith(("~", "/home/", "/Users/", "/root/")):
        return True
    return Path("/", *Path(path).parts[1:2]).is_dir()
