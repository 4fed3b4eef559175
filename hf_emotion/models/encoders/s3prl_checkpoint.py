# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""Checkpoint files that S3PRL downloads, read without running code and loaded strictly."""

import os
import pickle
from collections.abc import Mapping

import torch
from torch import nn


def read_s3prl_checkpoint(path: str | os.PathLike, parts: tuple[str, ...] = ()) -> dict:
    """
    Read a checkpoint file on the CPU. Only tensors and plain Python values are unpickled.

    Args:
        path (`str` or `os.PathLike`): the file.
        parts (`tuple[str, ...]`, *optional*):
            The top-level keys that the layout has, such as `("model_cfg", "model_weight")`. Empty for files that are
            one dictionary of weights.

    Returns:
        `dict`: these parts, without other top-level keys, or the whole dictionary if `parts` is empty.

    Raises:
        `OSError`: if the file cannot be opened.
        `ValueError`: if it is no such checkpoint, or holds objects that only a trusted pickle may build.
    """
    wanted = ", ".join(parts) or "of its weights"
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except (EOFError, RuntimeError, pickle.UnpicklingError) as error:  # of a file cut short, a damaged zip, objects
        raise ValueError(
            f"{path} cannot be read as tensors and plain values: {error} It may be damaged, or hold Python objects, "
            "which could run code when loaded. Convert it on a machine where you trust it to a dictionary with the "
            f"keys {wanted} whose values are tensors, numbers and strings."
        ) from error
    found = sorted(map(str, checkpoint)) if isinstance(checkpoint, Mapping) else type(checkpoint).__name__
    if not isinstance(checkpoint, Mapping) or (set(parts) - set(checkpoint)):
        raise ValueError(
            f"{path} is not a checkpoint of this encoder as S3PRL downloads it: it must be a dictionary with the keys "
            f"{wanted}, but is {found}. Download the file that S3PRL names for this encoder."
        )
    return {part: checkpoint[part] for part in parts or checkpoint}


def load_strictly(model: nn.Module, weights: Mapping[str, torch.Tensor], source) -> None:
    """
    Load weights into a model if names and shapes agree one to one.

    Args:
        model (`torch.nn.Module`): the model.
        weights (`Mapping[str, torch.Tensor]`): its weights by name.
        source: where they come from, for the message.

    Raises:
        `ValueError`: if a weight is missing, left over or misshapen, naming them. The model is unchanged then.
    """
    expected = model.state_dict()
    shapes = {
        name: f"{name} is {tuple(weights[name].shape)} instead of {tuple(value.shape)}"
        for name, value in expected.items()
        if name in weights and weights[name].shape != value.shape
    }
    problems = {
        "missing": sorted(set(expected) - set(weights)),
        "left over": sorted(set(weights) - set(expected)),
        "misshapen": [shapes[name] for name in sorted(shapes)],
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
