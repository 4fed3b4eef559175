"""What the config.json of a published checkpoint says: its encoder and its classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from transformers import AutoConfig
from transformers.configuration_utils import PreTrainedConfig
from transformers.models.auto.modeling_auto import MODEL_MAPPING

from .layout import Checkpoint


# Encoders on waveforms whose classifiers have been published with heads of their own.
WAVEFORM_ENCODERS = ("data2vec-audio", "hubert", "unispeech", "unispeech-sat", "wav2vec2", "wavlm")
# Fields of any config that belong to the classifier, or to the library that wrote the file.
_NOT_OF_AN_ENCODER = ("architectures", "auto_map", "dtype", "id2label", "label2id", "num_labels", "problem_type")


def encoder_config(checkpoint: Checkpoint) -> PreTrainedConfig:
    """
    The config of the encoder that a classifier's config.json describes, without what belongs to the classifier.

    Raises:
        `ValueError`: If it names no encoder on waveforms.
    """
    model_type = checkpoint.config.get("model_type")
    if model_type not in WAVEFORM_ENCODERS:
        raise ValueError(
            f"The config.json of {checkpoint.source} has model_type={model_type!r}, but the encoder must be one of "
            f"{', '.join(WAVEFORM_ENCODERS)}: add the line that the checkpoint was published with."
        )
    config_class: Any = type(AutoConfig.for_model(model_type))
    known = set(config_class().to_dict()) - set(_NOT_OF_AN_ENCODER)
    return config_class.from_dict({name: value for name, value in checkpoint.config.items() if name in known})


def encoder_prefix(config: PreTrainedConfig) -> str:
    """Beginning of the encoder's names in a classifier of transformers' kind, such as `"wav2vec2."`."""
    model_class: Any = MODEL_MAPPING[type(config)]
    return f"{model_class.base_model_prefix}."


def label_names(checkpoint: Checkpoint, num_labels: int, default: Sequence[str] = ()) -> list[str]:
    """
    Names of the outputs: those of the option `labels`, of the config's `id2label`, or by default.

    Args:
        checkpoint ([`Checkpoint`]): The checkpoint.
        num_labels (`int`): How many outputs its weights have.
        default (`Sequence[str]`, *optional*): Names for a config without any, if there are as many.

    Raises:
        `ValueError`: If names are given for another number of outputs.
    """
    given = checkpoint.options.get("labels")
    names = list(given) if given is not None else _configured_names(checkpoint.config)
    if names and len(names) != num_labels:
        where = "the option `labels`" if given is not None else "`id2label` in its config.json"
        raise ValueError(
            f"The head of {checkpoint.source} has {num_labels} outputs, but {where} names {len(names)}: {names}. One "
            "of the two belongs to another checkpoint."
        )
    if not names:
        names = list(default) if len(default) == num_labels else [f"LABEL_{index}" for index in range(num_labels)]
    return names


def _configured_names(config: Mapping[str, Any]) -> list[str]:
    """Names that mean something: transformers writes LABEL_0 and so on where there are none."""
    id2label = {int(index): str(name) for index, name in (config.get("id2label") or {}).items()}
    names = [id2label[index] for index in sorted(id2label)]
    return [] if all(name == f"LABEL_{index}" for index, name in enumerate(names)) else names


def num_outputs(checkpoint: Checkpoint, bias: str, field: str = "num_labels") -> int:
    """How many outputs a head has: what the config says in `field` or by names, else the size of its bias."""
    names = _configured_names(checkpoint.config)
    configured = checkpoint.config.get(field)
    if configured is not None or names:
        return len(names) if configured is None else int(configured)
    if bias not in checkpoint.weights:
        raise ValueError(f"{checkpoint.source} has neither `id2label` in its config.json nor the weight {bias}.")
    return len(checkpoint.weights[bias])


def labelled(names: Sequence[str]) -> dict[str, Any]:
    """`id2label` and `label2id` of a config."""
    return {"id2label": dict(enumerate(names)), "label2id": {name: index for index, name in enumerate(names)}}


def has_weights(checkpoint: Checkpoint, *prefixes: str) -> bool:
    """Whether there is a weight below each of the prefixes."""
    return all(any(name.startswith(prefix) for name in checkpoint.weights) for prefix in prefixes)
