"""The leaderboard as a Space on the Hub: a folder with the app, this package and what it needs, and its upload."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import sys
from pathlib import Path

import yaml
from huggingface_hub import HfApi

from ... import __version__
from ...benchmark.protocol import protocol_files
from .app import TITLE


# What the app imports; torch and transformers are not among it, so that the Space starts quickly.
REQUIREMENTS = (
    "datasets",
    "filelock",
    "huggingface-hub",
    "matplotlib",
    "numpy",
    "pandas",
    "psutil",
    "pyarrow",
    "pyyaml",
    "safetensors",
    "scipy",
    "soundfile",
)
_REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_PACKAGE = "hf_emotion"
_APP = '''"""The leaderboard, written by `hf-emotion benchmark deploy`."""

{imports}from hf_emotion.benchmark.results.store import ResultsStore
from hf_emotion.demo.leaderboard.app import build_app, launch_options


store = ResultsStore.from_hub({store!r})
build_app(store, label_dir={label_dir}).launch(**launch_options())
'''
_SNAPSHOT = "snapshot_download({repo!r}, repo_type='dataset')"
_CARD = """# {title}

Results are kept in [{store}](https://huggingface.co/datasets/{store}). {submissions}

Written by `hf-emotion benchmark deploy`, version {version}; running it again updates this Space.
"""
_READ_ONLY = "This Space takes no submissions."
_OPEN = (
    "Submissions are scored against the labels in [{labels}](https://huggingface.co/datasets/{labels}) and committed "
    "there with the secret `HF_TOKEN` of this Space, which must be a token that may write to the results."
)


def write_space(
    folder: str | os.PathLike[str], store: str, *, label_repo: str | None = None, title: str = TITLE
) -> list[str]:
    """
    Write the files of a Space.

    Args:
        folder (`str` or `os.PathLike`): New or empty folder.
        store (`str`): Dataset repository of the results, `owner/name`.
        label_repo (`str`, *optional*): Dataset repository with EMO-SUPERB's published label files, which submissions
            are scored against. Without it, the Space takes none.
        title (`str`, *optional*): Title of the Space.

    Returns:
        `list[str]`: Paths of the files, relative to the folder.

    Raises:
        FileExistsError: The folder is not empty.
        ValueError: A repository is not written as `owner/name`.
        ImportError: A package that the Space needs is not installed, so that nothing is known of its version.
    """
    for repo_id in filter(None, (store, label_repo)):
        check_repo_id(repo_id)
    target = Path(folder)
    if target.exists() and any(target.iterdir()):
        raise FileExistsError(f"{target} is not empty, and would be mixed with the Space. Name a new folder.")
    versions = {name: _version(name) for name in (*REQUIREMENTS, "gradio")}
    shutil.copytree(Path(__file__).parents[2], target / _PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    protocols = target / _PACKAGE / "trainer_configs" / "benchmarks"
    protocols.mkdir(parents=True, exist_ok=True)
    for path in protocol_files().values():
        shutil.copy(path, protocols)
    imports = "from huggingface_hub import snapshot_download\n\n" if label_repo else ""
    label_dir = _SNAPSHOT.format(repo=label_repo) if label_repo else None
    app = _APP.format(imports=imports, store=store, label_dir=label_dir)
    lines = [f"{name}=={versions[name]}" for name in REQUIREMENTS]  # gradio comes with the SDK
    card = _card(store, label_repo, title, versions["gradio"])
    for name, text in (("app.py", app), ("requirements.txt", "\n".join([*lines, ""])), ("README.md", card)):
        (target / name).write_text(text, encoding="utf-8")
    return sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file())


def push_space(
    folder: str | os.PathLike[str], space_id: str, *, private: bool | None = None, token: str | None = None
) -> str:
    """
    Create a Space, unless it exists, and replace its files.

    Args:
        folder (`str` or `os.PathLike`): What [`write_space`] has written.
        space_id (`str`): Space, `owner/name`.
        private (`bool`, *optional*): Whether a new Space is private.
        token (`str`, *optional*): Access token, by default that of `hf auth login` or `HF_TOKEN`.

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
        commit_message="Deploy the leaderboard",
        ignore_patterns=["**/__pycache__/**"],
        delete_patterns=[f"{_PACKAGE}/**"],  # modules that are gone must not stay
    )
    return str(url)


def check_repo_id(repo_id: str) -> str:
    """
    A repository as `owner/name`.

    Raises:
        ValueError: It is something else.
    """
    if not _REPO_ID.fullmatch(repo_id):
        raise ValueError(f"{repo_id!r} is no repository on the Hub; write it as 'owner/name'.")
    return repo_id


def _card(store: str, label_repo: str | None, title: str, gradio_version: str) -> str:
    metadata = {
        "title": title,
        "sdk": "gradio",
        "sdk_version": gradio_version,
        "python_version": f"{sys.version_info.major}.{sys.version_info.minor}",
        "app_file": "app.py",
        "license": "apache-2.0",
        "datasets": [store, *([label_repo] if label_repo else [])],
        "tags": ["leaderboard", "speech-emotion-recognition"],
    }
    submissions = _OPEN.format(labels=label_repo) if label_repo else _READ_ONLY
    text = _CARD.format(title=title, store=store, submissions=submissions, version=__version__)
    return f"---\n{yaml.safe_dump(metadata, sort_keys=False)}---\n\n{text}"


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError as error:
        raise ImportError(f'The Space needs {name}: pip install "hf-emotion[demo]"') from error
