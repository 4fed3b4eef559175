"""The recognition app as a Space on the Hub."""

from __future__ import annotations

import importlib.metadata
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ... import __version__
from ..space import check_repo_id, files_of, installed_version, write_app
from .app import TITLE, Limits


_CPU_WHEELS = "--extra-index-url https://download.pytorch.org/whl/cpu"  # a tenth of the size of those for GPUs
_APP = '''"""Emotion recognition, written by `hf-emotion demo --space`."""

from hf_emotion.demo.recognition.app import Limits, build_app, launch_options
from hf_emotion.demo.recognition.model_shelf import ModelShelf, loader


models = ModelShelf({models!r}, loader(trust_remote_code={trust_remote_code}))
limits = {limits!r}
build_app(models, limits, title={title!r}).launch(**launch_options(limits))
'''
_CARD = """# {title}

Speech emotion recognition with {models}. It hears how a voice sounds, not what a person feels: it must not be used to
decide about people. Recordings are deleted after about an hour.

Models of private repositories need the secret `HF_TOKEN` in the settings of this Space, a token that may read them.
For a Space with a GPU, remove the first line of `requirements.txt`.

Written by `hf-emotion demo --space`, version {version}; running it again updates this Space.
"""


def write_space(
    folder: str | os.PathLike[str],
    models: Sequence[str],
    *,
    limits: Limits | None = None,
    title: str = TITLE,
    trust_remote_code: bool = False,
) -> list[str]:
    """
    Write the files of a Space.

    Args:
        folder (`str` or `os.PathLike`): New or empty folder.
        models (`Sequence[str]`): Models on the Hub, `owner/name`.
        limits ([`~hf_emotion.demo.recognition.app.Limits`], *optional*): What one visitor may ask for.
        title (`str`, *optional*): Title of the Space.
        trust_remote_code (`bool`, *optional*, defaults to `False`): Whether code of the models' repositories is run.

    Returns:
        `list[str]`: Paths of the files, relative to the folder.

    Raises:
        FileExistsError: The folder is not empty.
        ValueError: A model is a folder of this machine, or is not written as `owner/name`.
        ImportError: A package that the Space needs is not installed, so that nothing is known of its version.
    """
    for model in models:
        if Path(model).exists():
            raise ValueError(
                f"{model} is a folder of this machine, which a Space cannot read. Upload it with `hf-emotion push`, "
                "and name its id on the Hub."
            )
        check_repo_id(model)
    settings = {"models": list(models), "title": title, "trust_remote_code": trust_remote_code}
    links = ", ".join(f"[{model}](https://huggingface.co/{model})" for model in models)
    card = _CARD.format(title=title, models=links, version=__version__)
    app = _APP.format(limits=limits or Limits(), **settings)
    target = Path(folder)
    write_app(target, app, [_CPU_WHEELS, *_requirements()], _metadata(models, title), card)
    return files_of(target)


def _metadata(models: Sequence[str], title: str) -> dict[str, Any]:
    return {"title": title, "models": list(models), "tags": ["speech-emotion-recognition", "audio-classification"]}


def _requirements() -> list[str]:
    """What this package needs, in the versions that are installed here."""
    needed = importlib.metadata.requires("hf-emotion") or []
    names = (re.split(r"[^\w.-]", line)[0] for line in needed if "extra ==" not in line)
    return [f"{name}=={installed_version(name)}" for name in sorted(names)]
