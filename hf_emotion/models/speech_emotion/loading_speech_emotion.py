# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""Strict loading, and saving with the code of the model and of its encoder."""

import sys
from pathlib import Path

from transformers import AutoModel, PreTrainedModel
from transformers.dynamic_module_utils import custom_object_save


_AUTO_MAP = {
    "AutoConfig": "configuration_speech_emotion.SpeechEmotionConfig",
    "AutoModelForAudioClassification": "modeling_speech_emotion.SpeechEmotionForSequenceClassification",
}
_ALIGNMENT = 64  # bytes, as torch allocates
_CUSTOM_ENCODERS_FILE = "custom_encoders_speech_emotion.py"


def check_loading_info(class_name: str, source, info: dict) -> None:
    """Raise a `ValueError` that names what is missing or left over, if anything is."""
    problems = {"missing": sorted(info["missing_keys"]), "left over": sorted(info["unexpected_keys"])}
    found = [f"{len(keys)} {kind}: {_abbreviated(keys)}" for kind, keys in problems.items() if keys]
    if found:
        raise ValueError(
            f"The weights of {source} do not fit {class_name}: {'; '.join(found)}. Loading them anyway would leave "
            "randomly initialised layers. Use `SpeechEmotionForSequenceClassification.from_encoder` to put a new head "
            "on an encoder, `reset_classifier` for other classes, or pass `output_loading_info=True` to load what "
            "fits and inspect the rest."
        )


def _abbreviated(keys: list[str], limit: int = 6) -> str:
    shown = ", ".join(keys[:limit])
    return shown if len(keys) <= limit else f"{shown}, ... and {len(keys) - limit} more"


def load_encoder(source: str, **kwargs) -> PreTrainedModel:
    """
    Load a checkpoint of an encoder, with any head, through [`~transformers.AutoModel`]. Heads may be left over, parts
    of the encoder neither left over nor missing.

    Raises:
        `ValueError`: if weights of the encoder are missing or left over, naming them.
    """
    model, info = AutoModel.from_pretrained(source, output_loading_info=True, **kwargs)
    parts = {name for name, _ in model.named_children()}
    prefix = f"{model.base_model_prefix}."
    left_over = {key for key in info["unexpected_keys"] if key.removeprefix(prefix).split(".")[0] in parts}
    # the mask embedding is absent from some encoders
    missing = {key for key in info["missing_keys"] if not key.endswith("masked_spec_embed")}
    check_loading_info(type(model).__name__, source, {"missing_keys": missing, "unexpected_keys": left_over})
    return model


class StrictLoadingMixin:
    """`from_pretrained` that leaves no layer randomly initialised, `save_pretrained` that takes the code along."""

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path,
        *model_args,
        output_loading_info: bool = False,
        ignore_mismatched_sizes: bool = False,
        **kwargs,
    ):
        """
        Load a model, strictly: a missing, left-over or misshapen weight is an error instead of a randomly initialised
        layer. `output_loading_info=True` returns `(model, loading_info)` and leaves the judgement to the caller.
        Arguments as in [`~transformers.PreTrainedModel.from_pretrained`].

        Raises:
            `ValueError`: if weights are missing or left over, naming them.
        """
        model, info = super().from_pretrained(
            pretrained_model_name_or_path,
            *model_args,
            output_loading_info=True,
            ignore_mismatched_sizes=ignore_mismatched_sizes,
            **kwargs,
        )
        _align_weights(model)
        if output_loading_info:
            return model, info
        if pretrained_model_name_or_path is not None:
            check_loading_info(cls.__name__, pretrained_model_name_or_path, info)
        return model

    def save_pretrained(self, save_directory, **kwargs):
        """
        Save weights (safetensors), config and the code of the model, so that the folder loads with
        `trust_remote_code=True` where hf-emotion is not installed. Arguments as in
        [`~transformers.PreTrainedModel.save_pretrained`].
        """
        self.config.auto_map = dict(_AUTO_MAP)
        super().save_pretrained(save_directory, **kwargs)
        encoder_class = type(self.speech_encoder)
        if not encoder_class.__module__.startswith("transformers."):
            _save_encoder_code(self.speech_encoder, Path(save_directory))


def _align_weights(model: PreTrainedModel) -> None:
    """Move weights mapped from a file to aligned addresses: CPU kernels may round differently at odd ones."""
    for parameter in model.parameters():
        if parameter.device.type == "cpu" and parameter.data_ptr() % _ALIGNMENT:
            parameter.data = parameter.data.clone()


def _save_encoder_code(encoder: PreTrainedModel, folder: Path) -> None:
    config_class, model_class = type(encoder.config), type(encoder)
    for of_encoder in (encoder.config, encoder):
        custom_object_save(of_encoder, folder)
    # written out line by line: transformers would take a template for an import of this file
    lines = [
        '"""The encoder of this model, which transformers does not have. Written by `save_pretrained`."""',
        "",
        f"from .{_file_stem(config_class)} import {config_class.__name__}",
        f"from .{_file_stem(model_class)} import {model_class.__name__}",
        "",
        "",
        f'CUSTOM_ENCODERS = {{"{encoder.config.model_type}": ({config_class.__name__}, {model_class.__name__})}}',
    ]
    (folder / _CUSTOM_ENCODERS_FILE).write_text("\n".join(lines) + "\n")


def _file_stem(of_class: type) -> str:
    return Path(sys.modules[of_class.__module__].__file__ or "").stem
