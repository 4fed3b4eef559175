# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""Checkpoint files that S3PRL downloads, read without running code and loaded strictly."""

import argparse
import contextlib
import os
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals


# first bytes of a file of `torch.save`: a zip archive, or the pickled number that it wrote before torch 1.6
_ZIP = b"PK\x03\x04"
_TORCH_BELOW_1_6 = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")


class InertObject:
    """Stands for an object of any class or function of a checkpoint; building it runs none of their code."""

    def __init__(self, *args, **kwargs):
        pass

    def __setstate__(self, state):
        pass


def read_s3prl_checkpoint(
    path: str | os.PathLike, parts: tuple[str, ...] = (), optional_parts: tuple[str, ...] = ()
) -> dict[str, Any]:
    """
    Read a checkpoint file on the CPU. Only tensors and plain Python values are unpickled: objects beside them become
    [`InertObject`]s.

    Args:
        path (`str` or `os.PathLike`): the file.
        parts (`tuple[str, ...]`, *optional*):
            The top-level keys that the layout has, such as `("model_cfg", "model_weight")`; each holds a dictionary.
            Empty for files that are one dictionary of weights.
        optional_parts (`tuple[str, ...]`, *optional*): keys that are returned if the file has them.

    Returns:
        `dict`: these parts, without other top-level keys, or the whole dictionary if `parts` is empty.

    Raises:
        `OSError`: if the file cannot be opened.
        `ValueError`: if it is no such checkpoint, or holds objects that only a trusted pickle may build.
    """
    _check_is_written_by_torch(Path(path))
    wanted = ", ".join(parts) or "of its weights"
    try:
        with _inert_objects(path):
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # a flipped bit can lead anywhere
        raise ValueError(
            f"{path} cannot be read as tensors and plain values: it is damaged, or holds Python objects, which could "
            "run code when loaded. Download it again; if it stays so, convert it on a machine where you trust it to a "
            f"dictionary with the keys {wanted} whose values are tensors, numbers and strings."
        ) from error
    if found := _unlike_parts(checkpoint, parts):
        raise ValueError(
            f"{path} is not a checkpoint of this encoder as S3PRL downloads it: it must be a dictionary with the keys "
            f"{wanted}, but {found}. Download the file that S3PRL names for this encoder."
        )
    return {part: checkpoint[part] for part in (*parts, *optional_parts) or checkpoint if part in checkpoint}


def _check_is_written_by_torch(path: Path) -> None:
    """Tell a folder, a download that failed, and a file of another format by its first bytes."""
    if path.is_dir():
        raise IsADirectoryError(
            f"{path} is a folder. Pass the checkpoint file in it; what `save_pretrained` wrote is loaded with "
            "`from_pretrained`."
        )
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist. Download the file that S3PRL names for this encoder.")
    with path.open("rb") as file:
        start = file.read(40)
    if not start:
        raise ValueError(f"{path} is empty, as a download that failed leaves it. Download it again.")
    if start.startswith(_ZIP) and not zipfile.is_zipfile(path):
        raise ValueError(f"{path} was cut short: it has the start but not the end of a checkpoint. Download it again.")
    if start.startswith((_ZIP, _TORCH_BELOW_1_6)):
        return
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") < path.stat().st_size:
        raise ValueError(
            f"{path} is a safetensors file, but what S3PRL downloads is written by `torch.save`. Load the folder of a "
            "model that `save_pretrained` wrote with `from_pretrained`."
        )
    raise ValueError(
        f"{path} is no file that `torch.save` wrote: it begins with {start!r}. If that is a web page or a pointer of "
        "Git LFS in the place of the checkpoint, download the file itself."
    )


@contextlib.contextmanager
def _inert_objects(path: str | os.PathLike) -> Iterator[None]:
    """Let `torch.load` read a file that keeps Python objects beside its weights, such as the command line or the
    schedule of its training. Files of torch < 1.6 do not tell their classes in advance; of those only the command line
    is let through."""
    names = {f"{argparse.Namespace.__module__}.{argparse.Namespace.__qualname__}"}
    if zipfile.is_zipfile(path):
        names |= set(get_unsafe_globals_in_checkpoint(path))
    inert: list[Any] = [(InertObject, name) for name in sorted(names)]
    with safe_globals(inert):
        yield


def _unlike_parts(checkpoint: Any, parts: tuple[str, ...]) -> str | None:
    """What tells a checkpoint from a dictionary with these parts."""
    if not isinstance(checkpoint, Mapping):
        return f"is {_kind(checkpoint)}"
    if set(parts) - set(checkpoint):
        return f"is {sorted(map(str, checkpoint))}"
    kinds = [f"`{part}` is {_kind(checkpoint[part])}" for part in parts if not isinstance(checkpoint[part], Mapping)]
    return ", ".join(kinds) or None


def _kind(value: Any) -> str:
    return "a Python object" if isinstance(value, InertObject) else type(value).__name__


def part_of(description: Any, *names: str) -> Mapping[str, Any]:
    """
    A dictionary inside dictionaries.

    Args:
        description: the outermost one.
        names (`str`): keys on the way in.

    Returns:
        `Mapping[str, Any]`: the innermost one.

    Raises:
        `KeyError`: if there is no dictionary of these names.
    """
    for name in names:
        description = description.get(name) if isinstance(description, Mapping) else None
    if not isinstance(description, Mapping):
        raise KeyError(".".join(names))
    return description


def check_only_values(found: Mapping[str, Any], needed: Mapping[str, Any], class_name: str, path) -> None:
    """
    Refuse a checkpoint whose description has other values than the only ones that a class computes.

    Args:
        found (`Mapping[str, Any]`): the description; an option that it lacks, or that is `None`, has the value needed.
        needed (`Mapping[str, Any]`): the values that the class computes, by option.
        class_name (`str`): the class, for the message.
        path: the file, for the message.

    Raises:
        `ValueError`: if a value differs, naming all that do.
    """
    other = {name: found[name] for name, value in needed.items() if found.get(name) not in (None, value)}
    if other:
        values = {name: needed[name] for name in other}
        raise ValueError(
            f"{path} describes another model than {class_name}, which needs {values}, but found {other}: its results "
            "would differ. Use the file that S3PRL downloads for this encoder, or S3PRL itself for this one."
        )


def load_strictly(model: nn.Module, weights: Mapping[str, torch.Tensor], source) -> None:
    """
    Load weights into a model if names and shapes agree one to one.

    Args:
        model (`torch.nn.Module`): the model.
        weights (`Mapping[str, torch.Tensor]`): its weights by name.
        source: where they come from, for the message.

    Raises:
        `ValueError`: if a weight is missing, left over, misshapen or no tensor, naming them. The model is unchanged
            then.
    """
    expected = model.state_dict()
    common = {name: weights[name] for name in sorted(set(expected) & set(weights))}
    tensors = {name: value for name, value in common.items() if isinstance(value, torch.Tensor)}
    problems = {
        "missing": sorted(set(expected) - set(weights)),
        "left over": sorted(set(weights) - set(expected)),
        "misshapen": [
            f"{name} is {tuple(value.shape)} instead of {tuple(expected[name].shape)}"
            for name, value in tensors.items()
            if value.shape != expected[name].shape
        ],
        "no tensors": [name for name in common if name not in tensors],
    }
    found = [f"{len(names)} {kind}: {_abbreviated(names)}" for kind, names in problems.items() if names]
    if found:
        raise ValueError(
            f"The weights of {source} do not fit {type(model).__name__}: {'; '.join(found)}. Loading them anyway "
            "would leave randomly initialised layers. Check that the file belongs to this encoder."
        )
    model.load_state_dict(weights)


def _abbreviated(names: list[str], limit: int = 6) -> str:
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown}, ... and {len(names) - limit} more"
