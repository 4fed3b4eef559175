"""Corpora back from the Hub, as [`~hf_emotion.data.loading.load_corpus`] gives them from an archive."""

from __future__ import annotations

import os
import re
from typing import Any

import datasets

from .columns import COLUMNS, FEATURES


_REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def is_hub_corpus(name: str) -> bool:
    """Whether a name is a repository, `owner/name`, and not that of a corpus.

    Example:

    ```python
    >>> is_hub_corpus("me/ravdess"), is_hub_corpus("ravdess")
    (True, False)

    ```
    """
    return _REPO_ID.fullmatch(name) is not None


def load_hub_corpus(
    repo_id: str,
    *,
    split: str | None = None,
    streaming: bool = False,
    cache_dir: str | os.PathLike[str] | None = None,
    revision: str | None = None,
    token: str | bool | None = None,
) -> Any:
    """
    Load a corpus that `push_corpus` has pushed.

    Args:
        repo_id (`str`): Dataset repository, `owner/name`.
        split, streaming, cache_dir: As in [`~hf_emotion.data.loading.load_corpus`].
        revision (`str`, *optional*): Branch, tag or commit.
        token (`str` or `bool`, *optional*): Access token, by default that of `hf auth login` or `HF_TOKEN`.

    Returns:
        As [`~hf_emotion.data.loading.load_corpus`]: the columns of `FEATURES` in their order, and audio not decoded,
        here with its bytes.

    Raises:
        `ValueError`: If the repository holds another kind of table.
        `datasets.exceptions.DatasetNotFoundError`: If there is no such repository that the token may see.
    """
    loaded: Any = datasets.load_dataset(
        repo_id,
        split=split,
        streaming=streaming,
        cache_dir=None if cache_dir is None else os.fspath(cache_dir),
        revision=revision,
        token=token,
    )
    parts = loaded if isinstance(loaded, dict) else {"": loaded}
    restored = {name: _restored(rows, repo_id) for name, rows in parts.items()}
    return type(loaded)(restored) if isinstance(loaded, dict) else restored[""]


def _restored(rows: Any, repo_id: str) -> Any:
    found = rows.column_names or list(next(iter(rows)))  # a stream of files without a schema knows its columns late
    if missing := sorted(set(COLUMNS) - set(found)):
        raise ValueError(
            f"{repo_id} is no corpus of hf-emotion: it lacks the columns {', '.join(missing)}. Load it with "
            "datasets.load_dataset, and describe it by a manifest."
        )
    return rows.select_columns(list(COLUMNS)).cast(FEATURES)
