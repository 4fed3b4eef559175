"""The leaderboard as a Space on the Hub."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ... import __version__
from ...benchmark.protocol import protocol_files
from ...cards.templates import template_dir
from ..space import PACKAGE, check_repo_id, files_of, installed_version, write_app
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
    imports = "from huggingface_hub import snapshot_download\n\n" if label_repo else ""
    label_dir = _SNAPSHOT.format(repo=label_repo) if label_repo else None
    requirements = [f"{name}=={installed_version(name)}" for name in REQUIREMENTS]
    target = Path(folder)
    app = _APP.format(imports=imports, store=store, label_dir=label_dir)
    write_app(target, app, requirements, _metadata(store, label_repo, title), _card(store, label_repo, title))
    _copy(protocol_files().values(), target / PACKAGE / "trainer_configs" / "benchmarks")
    # the card of a new store is one of them
    _copy(sorted(template_dir().glob("*.md")), target / PACKAGE / "model_cards")
    return files_of(target)


def _copy(paths: Iterable[Path], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        shutil.copy(path, folder)


def _metadata(store: str, label_repo: str | None, title: str) -> dict[str, Any]:
    return {
        "title": title,
        "datasets": [store, *([label_repo] if label_repo else [])],
        "tags": ["leaderboard", "speech-emotion-recognition"],
    }


def _card(store: str, label_repo: str | None, title: str) -> str:
    submissions = _OPEN.format(labels=label_repo) if label_repo else _READ_ONLY
    return _CARD.format(title=title, store=store, submissions=submissions, version=__version__)
