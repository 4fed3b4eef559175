"""The files of a checkpoint, in a folder or on the Hub: config, weights, preprocessor; no code of theirs runs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from transformers.utils import (
    CONFIG_NAME,
    FEATURE_EXTRACTOR_NAME,
    SAFE_WEIGHTS_INDEX_NAME,
    SAFE_WEIGHTS_NAME,
    WEIGHTS_INDEX_NAME,
    WEIGHTS_NAME,
)
from transformers.utils.hub import cached_file

from ..encoders.s3prl_checkpoint import read_s3prl_checkpoint
from .layout import Checkpoint


# What S3PRL calls the parts of a training that it saves in one file; all but the last hold weights.
_S3PRL_PARTS = ("Downstream", "Featurizer", "Upstream", "Config")
_S3PRL_SUFFIXES = (".ckpt",)
# Files of what is no model by itself, and what loads it.
_OTHER_KINDS = {
    "adapter_config.json": "an adapter: load it with `hf_emotion.adapters.load_adapted_classifier`, whose "
    "`merge_and_unload()` gives a plain classifier",
    "ensemble.json": "an ensemble of several models: load it with `hf_emotion.recognition.load_recognizer`",
}


def read_checkpoint(source: str | os.PathLike, options: Mapping[str, Any] | None = None, **hub_kwargs) -> Checkpoint:
    """
    Read a published checkpoint.

    Args:
        source (`str` or `os.PathLike`): A folder, a Hub id, or one file: weights, or what S3PRL saves of a head
            (`dev-best.ckpt`).
        options (`Mapping[str, Any]`, *optional*): What the user says, see [`Checkpoint`].
        hub_kwargs: `revision`, `token`, `cache_dir`, `local_files_only`, as in `from_pretrained`.

    Returns:
        [`Checkpoint`]: Its config is empty, and its preprocessor `None`, if it has none.

    Raises:
        `OSError`: If there is no such folder, file or repository, or it holds no weights.
        `ValueError`: If a file is damaged, or the folder holds an adapter or an ensemble.
    """
    check_source(source, **hub_kwargs)
    return read_checked(source, options, **hub_kwargs)


def read_checked(source: str | os.PathLike, options: Mapping[str, Any] | None = None, **hub_kwargs) -> Checkpoint:
    """[`read_checkpoint`] of a source that [`check_source`] let pass."""
    if Path(source).is_file():
        config, weights = _read_file(Path(source))
        return Checkpoint(str(source), config, weights, options=options or {})
    config = read_json(source, CONFIG_NAME, **hub_kwargs) or {}
    preprocessor = read_json(source, FEATURE_EXTRACTOR_NAME, **hub_kwargs)
    return Checkpoint(str(source), config, load_checkpoint(source, **hub_kwargs), preprocessor, options or {})


def check_source(source: str | os.PathLike, **hub_kwargs) -> None:
    """
    Refuse what holds no model. Arguments as in [`read_checkpoint`].

    Raises:
        `FileNotFoundError`: If a path does not exist, or a folder holds no model; it names those below it.
        `ValueError`: If there is an adapter or an ensemble instead; it says what loads it.
    """
    path, name = Path(source), os.fspath(source)
    looks_like_path = name.startswith((".", "/", "~")) or name.count("/") > 1 or path.suffix in _S3PRL_SUFFIXES
    if looks_like_path and not path.exists():
        raise FileNotFoundError(
            f"There is no folder {name}, nor a file. Pass the folder of a model, a file of weights, or a Hub id."
        )
    if path.is_file():
        return
    for file, what in _OTHER_KINDS.items():
        if _file(source, file, **hub_kwargs) is not None:
            raise ValueError(f"{source} holds {what}.")
    if path.is_dir():
        _check_folder(path)


def _check_folder(path: Path) -> None:
    if (path / CONFIG_NAME).is_file() or any(path.glob("*.safetensors")) or any(path.glob("*.bin")):
        return
    models = sorted(str(found.parent) for found in path.glob(f"*/{CONFIG_NAME}"))
    heads = sorted(str(found) for suffix in _S3PRL_SUFFIXES for found in path.glob(f"*{suffix}"))
    others = " or ".join(models or heads)
    hint = f"Did you mean {others}?" if others else "Pass the folder of a trained model."
    raise FileNotFoundError(f"{path} holds no model (no {CONFIG_NAME}, no weights). {hint}")


def read_json(source: str | os.PathLike, name: str, **hub_kwargs) -> dict[str, Any] | None:
    """
    Read a JSON file of a checkpoint.

    Returns:
        `dict` or `None`: Its content; `None` if the checkpoint has no such file.

    Raises:
        `ValueError`: If it is no JSON object.
    """
    path = _file(source, name, **hub_kwargs)
    if path is None:
        return None
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{name} of {source} is no JSON ({error}). Download it again.") from error
    if not isinstance(content, dict):
        raise ValueError(f"{name} of {source} is a {type(content).__name__}, but must be a JSON object.")
    return content


def load_checkpoint(source: str | os.PathLike, **hub_kwargs) -> dict[str, torch.Tensor]:
    """
    Read all weights of a checkpoint, safetensors or `.bin`, whole or in shards.

    Args:
        source (`str` or `os.PathLike`): Folder or Hub id.
        hub_kwargs: `revision`, `token`, `cache_dir` ... as in `from_pretrained`.

    Returns:
        `dict[str, torch.Tensor]`: The weights on the CPU.

    Raises:
        `OSError`: If the source has no weights under a known name.
        `ValueError`: If a file is damaged, or holds anything but weights.
    """
    for index_name, whole_name in ((SAFE_WEIGHTS_INDEX_NAME, SAFE_WEIGHTS_NAME), (WEIGHTS_INDEX_NAME, WEIGHTS_NAME)):
        index = read_json(source, index_name, **hub_kwargs)
        if index is not None:
            shards = sorted(set(index["weight_map"].values()))
            parts = [_read_weights(str(cached_file(source, shard, **hub_kwargs))) for shard in shards]
            return {name: value for part in parts for name, value in part.items()}
        path = _file(source, whole_name, **hub_kwargs)
        if path is not None:
            return _read_weights(path)
    raise OSError(f"{source} has no weights: looked for {SAFE_WEIGHTS_NAME} and {WEIGHTS_NAME}, whole and in shards.")


def _file(source: str | os.PathLike, name: str, **hub_kwargs) -> str | None:
    """Path of a file of a checkpoint, downloaded if need be; `None` if there is none."""
    return cached_file(
        source,
        name,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_gated_repo=True,
        _raise_exceptions_for_connection_errors=True,
        **hub_kwargs,
    )


def _read_file(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Config and weights of a checkpoint that is one file."""
    if path.suffix not in _S3PRL_SUFFIXES:
        return {}, _read_weights(str(path))
    parts = read_s3prl_checkpoint(path, parts=("Downstream",), optional_parts=_S3PRL_PARTS[1:])
    config = parts.pop("Config", {})
    weights = {
        f"{part}.{name}": value
        for part, state in parts.items()
        for name, value in state.items()
        if isinstance(value, torch.Tensor)
    }
    return config, weights


def _read_weights(path: str) -> dict[str, torch.Tensor]:
    try:
        if str(path).endswith(".safetensors"):
            return load_file(path)
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # a flipped bit can lead anywhere
        raise ValueError(
            f"{path} cannot be read as weights: it is damaged, or holds Python objects, which could run code when "
            "loaded. Download it again."
        ) from error
    if not isinstance(weights, dict) or not all(isinstance(value, torch.Tensor) for value in weights.values()):
        raise ValueError(f"{path} holds more than weights by name, so that it is unclear which of them are the model.")
    return weights
