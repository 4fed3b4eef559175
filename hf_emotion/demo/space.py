"""An app as a Space on the Hub: a folder with this package and what it needs, and its upload."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import HfApi

from .. import __version__


PACKAGE = "hf_emotion"
_REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def check_repo_id(repo_id: str) -> str:
    """
    A repository as `owner/name`.

    Raises:
        ValueError: It is something else.
    """
    if not _REPO_ID.fullmatch(repo_id):
        raise ValueError(f"{repo_id!r} is no repository on the Hub; write it as 'owner/name'.")
    return repo_id


def write_app(folder: Path, app: str, requirements: Iterable[str], metadata: Mapping[str, Any], card: str) -> None:
    """
    Write the files of a Space with the SDK of gradio.

    Args:
        folder (`Path`): New or empty folder.
        app (`str`): Text of `app.py`.
        requirements (`Iterable[str]`): Lines of `requirements.txt`; gradio comes with the SDK.
        metadata (`Mapping[str, Any]`): Fields of the card, besides the SDK and its version.
        card (`str`): Text of the card.

    Raises:
        FileExistsError: The folder is not empty.
        ImportError: gradio is not installed, so that nothing is known of its version.
    """
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty, and would be mixed with the Space. Name a new folder.")
    fields = {
        "title": metadata["title"],
        "sdk": "gradio",
        "sdk_version": installed_version("gradio"),
        "python_version": f"{sys.version_info.major}.{sys.version_info.minor}",
        "app_file": "app.py",
        "license": "apache-2.0",
        **metadata,
    }
    header = yaml.safe_dump(fields, sort_keys=False, allow_unicode=True)
    shutil.copytree(Path(__file__).parents[1], folder / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    texts = {
        "app.py": app,
        "requirements.txt": "\n".join([*requirements, ""]),
        "README.md": f"---\n{header}---\n\n{card}",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def push_space(
    folder: str | os.PathLike[str],
    space_id: str,
    *,
    private: bool | None = None,
    token: str | None = None,
    message: str = "Deploy the app",
) -> str:
    """
    Create a Space, unless it exists, and replace its files.

    Args:
        folder (`str` or `os.PathLike`): What [`write_app`] has written.
        space_id (`str`): Space, `owner/name`.
        private (`bool`, *optional*): Whether a new Space is private.
        token (`str`, *optional*): Access token, by default that of `hf auth login` or `HF_TOKEN`.
        message (`str`, *optional*): Message of the commit.

    Returns:
        `str`: Address of the Space.
    """
    check_repo_id(space_id)
    api = HfApi(token=token, library_name="hf-emotion", library_version=__version__)
    url = api.create_repo(space_id, repo_type="space", space_sdk="gradio", private=private, exist_ok=True)
    api.upload_folder(
        repo_id=space_id,
        repo_type="space",
        folder_path=Path(folder),
        commit_message=message,
        ignore_patterns=["**/__pycache__/**"],
        delete_patterns=[f"{PACKAGE}/**"],  # modules that are gone must not stay
    )
    return str(url)


def files_of(folder: str | os.PathLike[str]) -> list[str]:
    """Paths of all files in a folder, relative to it."""
    target = Path(folder)
    return sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file())


def installed_version(name: str) -> str:
    """
    Version of an installed package, without what says how it was built (`2.13.0` for `2.13.0+cpu`).

    Raises:
        ImportError: It is not installed.
    """
    try:
        return importlib.metadata.version(name).partition("+")[0]
    except importlib.metadata.PackageNotFoundError as error:
        raise ImportError(f'The Space needs {name}: pip install "hf-emotion[demo]"') from error
