"""The published ExHuBERT layout <-> our class.

The published ExHuBERT (amiriparian/ExHuBERT, code revision b158d45) stores expanded blocks flat: layer 2i is the
original layer i, layer 2i+1 its copy, and every layer has a linear `gate_bb_linear` on its whole output. The gate of a
copy is the paper's zero linear layer; the gate of an original starts as the identity. Its config may say 24 layers,
because the original code overrides the number.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import Wav2Vec2FeatureExtractor
from transformers.utils import CONFIG_NAME, SAFE_WEIGHTS_NAME

from ..exhubert import ExHubertConfig, ExHubertForSequenceClassification
from .layout import Checkpoint, ConvertedModel, Layout
from .weight_names import expected_weights, fit_renamed_weights


# The six classes in the order of the published model card.
PUBLISHED_LABELS = (
    "low_negative",
    "low_neutral",
    "low_positive",
    "high_negative",
    "high_neutral",
    "high_positive",
)

_LAYERS = "encoder.layers."
_FLAT_LAYER = re.compile(r"^(?P<prefix>(?:hubert\.)?encoder\.layers\.)(?P<index>\d+)\.(?P<rest>.+)$")
_GATE = "gate_bb_linear."
_COPY, _COPY_GATE, _ORIGINAL_GATE = "copies.0.layer.", "copies.0.zero_linear.", "original_gate."


class ExHubertLayout(Layout):
    """HuBERT whose layers alternate originals and copies, each with a gate -> [`ExHubertForSequenceClassification`].

    Gates of originals that are exactly the identity are dropped.
    """

    name = "exhubert"
    examples = ("amiriparian/ExHuBERT",)

    def mismatch(self, checkpoint: Checkpoint) -> str | None:
        if any(_GATE in name for name in checkpoint.weights):
            return None
        return f"no layer has a `{_GATE.rstrip('.')}`"

    def convert(self, checkpoint: Checkpoint) -> ConvertedModel:
        weights = checkpoint.weights
        depth = _published_depth(weights)
        identities = [index for index in range(0, depth, 2) if _is_identity_gate(weights, index)]
        keeps_gates = len(identities) < depth // 2
        config = _exhubert_config(checkpoint, depth // 2, keeps_gates)
        converted = fit_renamed_weights(
            checkpoint,
            expected_weights(ExHubertForSequenceClassification, config),
            to_model=_block_name,
            to_published=_flat_name,
            unused=() if keeps_gates else [f"{_layer_prefix(weights)}{index}.{_GATE}" for index in identities],
        )
        return ConvertedModel(
            ExHubertForSequenceClassification,
            config,
            converted,
            Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True),
            _notes(keeps_gates),
        )


def _notes(keeps_gates: bool) -> tuple[str, ...]:
    padding = (
        "The model card cuts or fills clips to 3 s and averages over the filling too; here a clip is taken as it is "
        "and padding is left out, so that scores of clips of another duration differ from the card's."
    )
    gates = "Gates of original layers are exactly the identity and were dropped."
    return (padding,) if keeps_gates else (padding, gates)


def _published_depth(weights: Mapping[str, torch.Tensor]) -> int:
    indices = {int(match["index"]) for match in map(_FLAT_LAYER.match, weights) if match}
    if not indices or indices != set(range(len(indices))) or len(indices) % 2:
        raise ValueError(
            "The published ExHuBERT layout alternates originals and copies in layers 0, 1, 2, ..., but the "
            f"checkpoint has the {len(indices)} layers {sorted(indices)}."
        )
    return len(indices)


def _layer_prefix(weights: Mapping[str, torch.Tensor]) -> str:
    return next(match["prefix"] for match in map(_FLAT_LAYER.match, weights) if match)


def _is_identity_gate(weights: Mapping[str, torch.Tensor], index: int) -> bool:
    gate = f"{_layer_prefix(weights)}{index}.{_GATE}"
    weight, bias = weights.get(f"{gate}weight"), weights.get(f"{gate}bias")
    if weight is None or bias is None or weight.dim() != 2 or weight.shape[0] != weight.shape[1]:
        return False
    return not bias.any() and torch.equal(weight, torch.eye(len(weight), dtype=weight.dtype))


def _block_name(name: str) -> str:
    """The name of a weight in our class."""
    match = _FLAT_LAYER.match(name)
    if match is None:
        return name
    index, rest = int(match["index"]), match["rest"]
    block = f"{match['prefix']}{index // 2}."
    if index % 2 == 0:
        return block + rest.replace(_GATE, _ORIGINAL_GATE)
    return block + rest.replace(_GATE, _COPY_GATE) if rest.startswith(_GATE) else f"{block}{_COPY}{rest}"


def _flat_name(name: str) -> str:
    """The published name of a weight of our class."""
    match = _FLAT_LAYER.match(name)
    if match is None:
        return name
    block, rest = int(match["index"]), match["rest"]
    if rest.startswith(_COPY_GATE):
        return f"{match['prefix']}{2 * block + 1}.{rest.replace(_COPY_GATE, _GATE)}"
    if rest.startswith(_COPY):
        return f"{match['prefix']}{2 * block + 1}.{rest.removeprefix(_COPY)}"
    return f"{match['prefix']}{2 * block}.{rest.replace(_ORIGINAL_GATE, _GATE)}"


def _exhubert_config(checkpoint: Checkpoint, num_blocks: int, keeps_gates: bool) -> ExHubertConfig:
    changes: dict[str, Any] = {
        "architectures": [ExHubertForSequenceClassification.__name__],
        "num_hidden_layers": num_blocks,
        "num_copies_per_layer": [1] * num_blocks,
        "gate_original_layers": keeps_gates,
        # switched off in the published code, whatever the config says
        "layerdrop": 0.0,
    }
    labels = checkpoint.config.get("id2label") or {}
    num_labels = _num_labels(checkpoint, len(labels) or len(PUBLISHED_LABELS))
    is_named = not all(str(label).startswith("LABEL_") for label in labels.values())
    if num_labels == len(PUBLISHED_LABELS) and not is_named:
        changes["id2label"] = dict(enumerate(PUBLISHED_LABELS))
        changes["label2id"] = {label: index for index, label in enumerate(PUBLISHED_LABELS)}
    elif not labels:
        changes["num_labels"] = num_labels
    kept = {key: value for key, value in checkpoint.config.items() if key not in ("model_type", "auto_map")}
    return ExHubertConfig.from_dict(kept | changes)


def _num_labels(checkpoint: Checkpoint, expected: int) -> int:
    """Size of the head: the expected one if a part of it says so, so that the other part is what does not fit."""
    sizes = [
        len(value) for name, value in checkpoint.weights.items() if name.startswith("classifier.") and value.dim()
    ]
    return sizes[0] if sizes and expected not in sizes else expected


def save_published_exhubert(model: ExHubertForSequenceClassification, save_directory: str | os.PathLike) -> None:
    """
    Save an expanded model in the published ExHuBERT layout (safetensors), for code written against it.

    Args:
        model ([`ExHubertForSequenceClassification`]): a model with exactly one copy on every layer.
        save_directory (`str` or `os.PathLike`): folder to write `config.json` and `model.safetensors` to.

    Raises:
        `ValueError`: if the expansion is not one copy per layer, which the layout cannot express.
    """
    config: Any = model.config
    if any(count != 1 for count in config.num_copies_per_layer or [0]):
        raise ValueError(
            "The published ExHuBERT layout stores exactly one copy per layer, but the model has "
            f"num_copies_per_layer={config.num_copies_per_layer}. Use `save_pretrained` instead."
        )
    weights = _published_weights(model)
    config_dict = config.to_dict() | {"model_type": "hubert", "architectures": ["ExHuBERT"]}
    for ours in ("num_copies_per_layer", "gate_original_layers", "auto_map"):
        config_dict.pop(ours, None)
    folder = Path(save_directory)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / SAFE_WEIGHTS_NAME, metadata={"format": "pt"})
    text = json.dumps(config_dict, indent=2, sort_keys=True, default=str)
    (folder / CONFIG_NAME).write_text(text + "\n", encoding="utf-8")


def _published_weights(model: ExHubertForSequenceClassification) -> dict[str, torch.Tensor]:
    config: Any = model.config
    weights = {_flat_name(name): value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    if not config.gate_original_layers:
        for block in range(config.num_hidden_layers):
            gate = f"hubert.{_LAYERS}{2 * block}.{_GATE}"
            weights[f"{gate}weight"] = torch.eye(config.hidden_size, dtype=model.dtype)
            weights[f"{gate}bias"] = torch.zeros(config.hidden_size, dtype=model.dtype)
    return weights
