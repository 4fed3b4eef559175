"""Published checkpoint layouts <-> our classes, detected from their keys and converted strictly.

The published ExHuBERT (amiriparian/ExHuBERT, code revision b158d45) stores expanded blocks flat: layer 2i is the
original layer i, layer 2i+1 its copy, and every layer has a linear `gate_bb_linear` on its whole output. The gate of a
copy is the paper's zero linear layer; the gate of an original starts as the identity. Its config may say 24 layers,
because the original code overrides the number.
"""

import json
import re
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers.utils import (
    CONFIG_NAME,
    SAFE_WEIGHTS_INDEX_NAME,
    SAFE_WEIGHTS_NAME,
    WEIGHTS_INDEX_NAME,
    WEIGHTS_NAME,
)
from transformers.utils.hub import cached_file

from .exhubert import ExHubertConfig, ExHubertForSequenceClassification


# The six classes in the order of the published model card.
PUBLISHED_LABELS = (
    "low_negative",
    "low_neutral",
    "low_positive",
    "high_negative",
    "high_neutral",
    "high_positive",
)

_FLAT_LAYER = re.compile(r"^(?P<prefix>(?:hubert\.)?encoder\.layers\.)(?P<index>\d+)\.(?P<rest>.+)$")
_GATE = "gate_bb_linear."
_WEIGHT_NORM = {
    "pos_conv_embed.conv.weight_g": "pos_conv_embed.conv.parametrizations.weight.original0",
    "pos_conv_embed.conv.weight_v": "pos_conv_embed.conv.parametrizations.weight.original1",
}


def load_checkpoint(source, **hub_kwargs) -> dict[str, torch.Tensor]:
    """
    Read all weights of a checkpoint, safetensors or `.bin`, whole or in shards.

    Args:
        source (`str` or `os.PathLike`): folder or Hub id.
        hub_kwargs: `revision`, `token`, `cache_dir` ... as in `from_pretrained`.

    Returns:
        `dict[str, torch.Tensor]`: the weights on the CPU.

    Raises:
        `OSError`: if the source has no weights under a known name.
    """
    missing_ok = {
        "_raise_exceptions_for_missing_entries": False,
        "_raise_exceptions_for_gated_repo": True,
        "_raise_exceptions_for_connection_errors": True,
    }
    for index_name in (SAFE_WEIGHTS_INDEX_NAME, WEIGHTS_INDEX_NAME):
        index = cached_file(source, index_name, **hub_kwargs, **missing_ok)
        if index is not None:
            shards = sorted(set(json.loads(Path(index).read_text())["weight_map"].values()))
            parts = [_read_weights(cached_file(source, shard, **hub_kwargs)) for shard in shards]
            return {name: value for part in parts for name, value in part.items()}
    for name in (SAFE_WEIGHTS_NAME, WEIGHTS_NAME):
        path = cached_file(source, name, **hub_kwargs, **missing_ok)
        if path is not None:
            return _read_weights(path)
    raise OSError(f"{source} has no weights: looked for {SAFE_WEIGHTS_NAME} and {WEIGHTS_NAME}, whole and in shards.")


def _read_weights(path: str) -> dict[str, torch.Tensor]:
    if str(path).endswith(".safetensors"):
        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def convert_published_exhubert(
    weights: dict[str, torch.Tensor], config_dict: dict
) -> tuple[ExHubertConfig, dict[str, torch.Tensor]]:
    """
    Convert the published ExHuBERT layout to ours. Gates of originals that are exactly the identity are dropped.

    Args:
        weights (`dict[str, torch.Tensor]`): the checkpoint, see [`load_checkpoint`].
        config_dict (`dict`): its config.json.

    Returns:
        `tuple[ExHubertConfig, dict[str, torch.Tensor]]`: config and weights for `from_pretrained(None, ...)`.

    Raises:
        `ValueError`: if the layers are not pairs of original and copy, each with a gate.
    """
    depth = _published_depth(weights)
    keeps_gates = not all(_is_identity_gate(weights, index) for index in range(0, depth, 2))
    converted = {}
    for name, value in weights.items():
        match = _FLAT_LAYER.match(name)
        new_name = _block_name(match, keeps_gates) if match else _with_new_weight_norm(name)
        if new_name is not None:
            converted[new_name] = value
    return _exhubert_config(config_dict, converted, depth // 2, keeps_gates), converted


def _published_depth(weights: dict[str, torch.Tensor]) -> int:
    matches = [match for match in map(_FLAT_LAYER.match, weights) if match]
    indices = {int(match["index"]) for match in matches}
    gated = {int(match["index"]) for match in matches if match["rest"] == f"{_GATE}weight"}
    if not indices or indices != set(range(len(indices))) or len(indices) % 2:
        raise ValueError(
            "The published ExHuBERT layout alternates originals and copies in layers 0, 1, 2, ..., but the "
            f"checkpoint has the {len(indices)} layers {sorted(indices)}."
        )
    if without := sorted(indices - gated):
        raise ValueError(f"Encoder layers {without} of the checkpoint have no `gate_bb_linear`.")
    return len(indices)


def _layer_prefix(weights: dict[str, torch.Tensor]) -> str:
    return next(match["prefix"] for match in map(_FLAT_LAYER.match, weights) if match)


def _is_identity_gate(weights: dict[str, torch.Tensor], index: int) -> bool:
    gate = f"{_layer_prefix(weights)}{index}.{_GATE}"
    weight, bias = weights[f"{gate}weight"], weights[f"{gate}bias"]
    return not bias.any() and torch.equal(weight, torch.eye(len(weight), dtype=weight.dtype))


def _block_name(match: re.Match, keeps_gates: bool) -> str | None:
    index, rest = int(match["index"]), match["rest"]
    block = f"{match['prefix']}{index // 2}."
    if index % 2 == 0:
        if not rest.startswith(_GATE):
            return block + rest
        return block + rest.replace(_GATE, "original_gate.") if keeps_gates else None
    if rest.startswith(_GATE):
        return block + rest.replace(_GATE, "copies.0.zero_linear.")
    return f"{block}copies.0.layer.{rest}"


def _with_new_weight_norm(name: str) -> str:
    for old, new in _WEIGHT_NORM.items():
        name = name.replace(old, new)
    return name


def _exhubert_config(
    config_dict: dict, weights: dict[str, torch.Tensor], num_blocks: int, keeps_gates: bool
) -> ExHubertConfig:
    changes = {
        "architectures": [ExHubertForSequenceClassification.__name__],
        "num_hidden_layers": num_blocks,
        "num_copies_per_layer": [1] * num_blocks,
        "gate_original_layers": keeps_gates,
        # switched off in the published code, whatever the config says
        "layerdrop": 0.0,
    }
    labels = config_dict.get("id2label") or {}
    num_labels = len(weights["classifier.weight"]) if "classifier.weight" in weights else len(labels)
    if num_labels == len(PUBLISHED_LABELS) and all(str(label).startswith("LABEL_") for label in labels.values()):
        changes["id2label"] = dict(enumerate(PUBLISHED_LABELS))
        changes["label2id"] = {label: index for index, label in enumerate(PUBLISHED_LABELS)}
    kept = {key: value for key, value in config_dict.items() if key not in ("model_type", "auto_map")}
    return ExHubertConfig.from_dict(kept | changes)


def save_published_exhubert(model: ExHubertForSequenceClassification, save_directory) -> None:
    """
    Save an expanded model in the published ExHuBERT layout (safetensors), for code written against it.

    Args:
        model ([`ExHubertForSequenceClassification`]): a model with exactly one copy on every layer.
        save_directory (`str` or `os.PathLike`): folder to write `config.json` and `model.safetensors` to.

    Raises:
        `ValueError`: if the expansion is not one copy per layer, which the layout cannot express.
    """
    if any(count != 1 for count in model.config.num_copies_per_layer or [0]):
        raise ValueError(
            "The published ExHuBERT layout stores exactly one copy per layer, but the model has "
            f"num_copies_per_layer={model.config.num_copies_per_layer}. Use `save_pretrained` instead."
        )
    weights = _published_weights(model)
    num_blocks = model.config.num_hidden_layers
    config_dict = model.config.to_dict() | {"model_type": "hubert", "architectures": ["ExHuBERT"]}
    for ours in ("num_copies_per_layer", "gate_original_layers", "auto_map"):
        config_dict.pop(ours, None)
    folder = Path(save_directory)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / SAFE_WEIGHTS_NAME, metadata={"format": "pt"})
    text = json.dumps(config_dict | {"num_hidden_layers": num_blocks}, indent=2, sort_keys=True, default=str)
    (folder / CONFIG_NAME).write_text(text + "\n")


def _published_weights(model: ExHubertForSequenceClassification) -> dict[str, torch.Tensor]:
    weights = {}
    for name, value in model.state_dict().items():
        match = _FLAT_LAYER.match(name)
        weights[_flat_name(match) if match else name] = value.detach().cpu().contiguous()
    if not model.config.gate_original_layers:
        reference = model.classifier.weight
        size = model.config.hidden_size
        for block in range(model.config.num_hidden_layers):
            gate = f"hubert.encoder.layers.{2 * block}.{_GATE}"
            weights[f"{gate}weight"] = torch.eye(size, dtype=reference.dtype)
            weights[f"{gate}bias"] = torch.zeros(size, dtype=reference.dtype)
    return weights


def _flat_name(match: re.Match) -> str:
    block, rest = int(match["index"]), match["rest"]
    if rest.startswith("copies.0.zero_linear."):
        return f"{match['prefix']}{2 * block + 1}.{rest.replace('copies.0.zero_linear.', _GATE)}"
    if rest.startswith("copies.0.layer."):
        return f"{match['prefix']}{2 * block + 1}.{rest.removeprefix('copies.0.layer.')}"
    return f"{match['prefix']}{2 * block}.{rest.replace('original_gate.', _GATE)}"
