"""Classifiers of transformers' own classes: superb's, xbgoose's, Whisper's and all others of its auto class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transformers import CONFIG_MAPPING, PreTrainedModel
from transformers.configuration_utils import PreTrainedConfig
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING,
    MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES,
)

from .feature_extractors import published_feature_extractor
from .layout import Checkpoint, ConvertedModel, Layout
from .weight_names import abbreviated, expected_weights


_TIED = (
    "Layers are averaged with the last one behind the final layer norm, as in transformers 4, which the checkpoint "
    "was made for (tie_last_hidden_states=True)."
)


class StockLayout(Layout):
    """
    A class of transformers for audio classification, with its own names and head.

    Its weights may be named as earlier versions of transformers did: they are renamed, and checked against the model,
    while they are loaded.
    """

    name = "stock"
    examples = (
        "superb/hubert-large-superb-er",
        "xbgoose/hubert-large-speech-emotion-recognition-russian-dusha-finetuned",
        "firdhokk/speech-emotion-recognition-with-openai-whisper-large-v3",
    )

    def mismatch(self, checkpoint: Checkpoint) -> str | None:
        model_type = checkpoint.config.get("model_type")
        if model_type not in MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES:
            return f"transformers has no audio classifier with model_type={model_type!r}"
        model_class, config = _class_and_config(checkpoint.config)
        head = _head_names(model_class, config)
        if not any(name in checkpoint.weights for name in head):
            return f"the head of {model_class.__name__} is not there, {len(head)} missing: {abbreviated(head)}"
        return None

    def convert(self, checkpoint: Checkpoint) -> ConvertedModel:
        model_class, config = _class_and_config(checkpoint.config)
        extractor, warnings = published_feature_extractor(checkpoint, config)
        notes = (_TIED,) if needs_tied_states(checkpoint.config) else ()
        return ConvertedModel(model_class, config, dict(checkpoint.weights), extractor, notes, warnings)


def needs_tied_states(fields: Mapping[str, Any]) -> bool:
    """
    Whether a config was written for another last hidden state than transformers 5 gives.

    Up to version 4 the last of the hidden states was behind the final layer norm; from 5 on it is before, unless
    `tie_last_hidden_states` is set. It matters where layers are averaged and the norm is behind the last layer. SEW is
    left out: its last state runs at another frame rate than its layers.

    Args:
        fields (`Mapping[str, Any]`): Content of a config.json.
    """
    has_final_norm = fields.get("do_stable_layer_norm") or fields.get("model_type") == "wav2vec2-conformer"
    is_older = int(str(fields.get("transformers_version") or 4).split(".")[0]) < 5
    is_open = fields.get("tie_last_hidden_states") is None
    return bool(fields.get("use_weighted_layer_sum") and has_final_norm and is_older and is_open)


def _class_and_config(fields: Mapping[str, Any]) -> tuple[type[PreTrainedModel], PreTrainedConfig]:
    config_class = CONFIG_MAPPING[fields["model_type"]]
    tied = {"tie_last_hidden_states": True} if needs_tied_states(fields) else {}
    config = config_class.from_dict({name: value for name, value in fields.items() if name != "auto_map"} | tied)
    model_class: Any = MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING[config_class]
    return model_class, config


def _head_names(model_class: type[PreTrainedModel], config: PreTrainedConfig) -> list[str]:
    """Names of the weights that are no part of the encoder."""
    encoder = "encoder" if config.model_type == "whisper" else model_class.base_model_prefix
    return [name for name in expected_weights(model_class, config) if not name.startswith(f"{encoder}.")]
