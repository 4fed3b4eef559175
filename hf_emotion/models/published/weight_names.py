"""Weights of a checkpoint under the names of a model: each is used, and each of the model's is there in its shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.configuration_utils import PreTrainedConfig

from .layout import Checkpoint


# torch 2.1 renamed the two parts of a convolution with weight norm
WEIGHT_NORM = {".weight_g": ".parametrizations.weight.original0", ".weight_v": ".parametrizations.weight.original1"}
# What replaces masked frames in training; some encoders are published without it.
MASK_EMBEDDING = "masked_spec_embed"
_SHOWN = 6


def expected_weights(model_class: type[PreTrainedModel], config: PreTrainedConfig) -> dict[str, torch.Tensor]:
    """Names and shapes of a model's weights, on the meta device: nothing is allocated."""
    with torch.device("meta"):
        return dict(model_class(config).state_dict())


def fit_weights(
    checkpoint: Checkpoint,
    model_class: type[PreTrainedModel],
    config: PreTrainedConfig,
    prefixes: Mapping[str, str],
    unused: Iterable[str] = (),
) -> dict[str, torch.Tensor]:
    """
    The weights of a checkpoint under the names of a model, if they fit one to one.

    Args:
        checkpoint ([`Checkpoint`]): The weights by their published names, weight norm in the old or the new spelling.
        model_class (`type`): The class of the model.
        config (`PreTrainedConfig`): Its config.
        prefixes (`Mapping[str, str]`): Beginning of a published name -> beginning of the model's name, such as
            `{"wav2vec2.": "speech_encoder.", "classifier.dense.": "projector.1."}`. The longest that fits counts.
        unused (`Iterable[str]`, *optional*): Beginnings of published names that inference does not need.

    Returns:
        `dict[str, torch.Tensor]`: All weights of the model. A mask embedding that is absent is zeros.

    Raises:
        `ValueError`: If a weight is missing, left over or misshapen; it names them as the checkpoint does.
    """
    published = {ours: theirs for theirs, ours in prefixes.items()}
    return fit_renamed_weights(
        checkpoint,
        expected_weights(model_class, config),
        to_model=lambda name: _replace_prefix(name, prefixes),
        to_published=lambda name: _replace_prefix(name, published) or name,
        unused=unused,
    )


def fit_renamed_weights(
    checkpoint: Checkpoint,
    expected: Mapping[str, torch.Tensor],
    to_model: Callable[[str], str | None],
    to_published: Callable[[str], str],
    unused: Iterable[str] = (),
) -> dict[str, torch.Tensor]:
    """[`fit_weights`] for names that differ in more than their beginnings: a function for each direction."""
    skipped = tuple(unused)
    used = {name: value for name, value in checkpoint.weights.items() if not name.startswith(skipped)}
    sources: dict[str, str] = {}
    twice = []
    for source in used:
        name = to_model(new_weight_norm(source)) or f" {source}"  # no name of a model begins so
        twice += [f"{sources[name]} and {source}"] if name in sources else []
        sources[name] = source
    missing = [name for name in expected if name not in sources]
    filled = {name: torch.zeros(expected[name].shape) for name in missing if name.endswith(MASK_EMBEDDING)}
    has_old_names = any(name.endswith(tuple(WEIGHT_NORM)) for name in used)
    spell = old_weight_norm if has_old_names else str
    problems = {
        "missing": [spell(to_published(name)) for name in missing if name not in filled],
        "left over": [
            source for name, source in sources.items() if name not in expected and not source.endswith(MASK_EMBEDDING)
        ],
        "misshapen": [
            f"{source} is {tuple(used[source].shape)} instead of {tuple(expected[name].shape)}"
            for name, source in sources.items()
            if name in expected and used[source].shape != expected[name].shape
        ],
        "there twice": twice,
    }
    refuse_misfits(checkpoint.source, problems)
    return {name: used[source] for name, source in sources.items() if name in expected} | filled


def refuse_misfits(source: str, problems: Mapping[str, list[Any]], target: str = "their layout") -> None:
    """
    Raise a `ValueError` that names weights, if there are any.

    Args:
        source (`str`): Where the weights come from.
        problems (`Mapping[str, list]`): Names by what is wrong with them.
        target (`str`, *optional*): What they do not fit.
    """
    found = [f"{len(names)} {kind}: {abbreviated(names)}" for kind, names in problems.items() if names]
    if found:
        raise ValueError(
            f"The weights of {source} do not fit {target}: {'; '.join(found)}. Loading them anyway would leave layers "
            "randomly initialised or out of use. Download the checkpoint again; if it is as published, its config or "
            "its code is another than that of this layout."
        )


def abbreviated(names: Iterable[Any], limit: int = _SHOWN) -> str:
    """The first of some names, and how many there are beside them."""
    ordered = sorted(map(str, names))
    shown = ", ".join(ordered[:limit])
    return shown if len(ordered) <= limit else f"{shown}, ... and {len(ordered) - limit} more"


def new_weight_norm(name: str) -> str:
    """The name of a weight as torch >= 2.1 has it."""
    return _replace_suffix(name, WEIGHT_NORM)


def old_weight_norm(name: str) -> str:
    """The name of a weight as it was before torch 2.1."""
    return _replace_suffix(name, {new: old for old, new in WEIGHT_NORM.items()})


def _replace_suffix(name: str, suffixes: Mapping[str, str]) -> str:
    for old, new in suffixes.items():
        if name.endswith(old):
            return name.removesuffix(old) + new
    return name


def _replace_prefix(name: str, prefixes: Mapping[str, str]) -> str | None:
    """The name with another beginning; `None` if none of the beginnings fits."""
    fitting = max((prefix for prefix in prefixes if name.startswith(prefix)), key=len, default=None)
    return None if fitting is None else prefixes[fitting] + name.removeprefix(fitting)
