"""Tiny checkpoints as they were published, whole and with one weight that does not fit."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from hf_emotion.models.loading import load_model


_WEIGHT_NORM = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}


def published_names(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Weights under the names of before torch 2.1, where weight norm had `weight_g` and `weight_v`."""
    renamed = {}
    for name, value in weights.items():
        for new, old in _WEIGHT_NORM.items():
            name = name.replace(new, old)
        renamed[name] = value.detach().clone()
    return renamed


def encoder_weights(encoder: nn.Module, prefix: str) -> dict[str, torch.Tensor]:
    """The weights of an encoder as a checkpoint published them, each below `prefix` (such as `"wav2vec2."`)."""
    return published_names({prefix + name: value for name, value in encoder.state_dict().items()})


def random_weights(shapes: Mapping[str, tuple[int, ...]], seed: int = 0, std: float = 0.3) -> dict[str, torch.Tensor]:
    """Normal weights of given shapes, so large that logits differ visibly where one of them is lost."""
    generator = torch.Generator().manual_seed(seed)
    return {name: std * torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def save_checkpoint(
    folder: Path,
    weights: Mapping[str, torch.Tensor],
    config: Mapping[str, Any] | None,
    preprocessor: Mapping[str, Any] | None = None,
    file: str = "model.safetensors",
) -> Path:
    """Write a folder: weights (`.bin` by `torch.save`), config.json and preprocessor_config.json, if any."""
    folder.mkdir(parents=True, exist_ok=True)
    if file.endswith(".safetensors"):
        save_file({name: value.contiguous() for name, value in weights.items()}, folder / file, {"format": "pt"})
    else:
        torch.save(dict(weights), folder / file)
    for name, values in (("config.json", config), ("preprocessor_config.json", preprocessor)):
        if values is not None:
            (folder / name).write_text(json.dumps(dict(values)))
    return folder


def assert_refused_by_name(
    key: str,
    folder: Path,
    weights: Mapping[str, torch.Tensor],
    config: Mapping[str, Any] | None,
    preprocessor: Mapping[str, Any] | None = None,
    **options: Any,
) -> None:
    """A checkpoint whose weight `key` is removed, renamed or misshapen does not load, and the error names it."""
    rest = {name: value for name, value in weights.items() if name != key}
    assert len(rest) == len(weights) - 1, f"the checkpoint has no {key}"
    misshapen = torch.cat([weights[key], weights[key]])
    spoilt = {
        "removed": (rest, key),
        "renamed": (rest | {f"{key}_": weights[key]}, f"{key}_"),
        "misshapen": (rest | {key: misshapen}, key),
    }
    for what, (found, named) in spoilt.items():
        save_checkpoint(folder / what, found, config, preprocessor)
        with pytest.raises(ValueError, match=rf"(?<![\w.]){re.escape(named)}(?![\w.]*\w)"):
            load_model(folder / what, **options)
