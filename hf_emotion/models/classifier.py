"""Classifiers for an experiment: from a checkpoint with the right classes, or freshly built from a config.

HuBERT and ExHuBERT checkpoints become [`ExHubertForSequenceClassification`], other encoders the stock class of
transformers. An encoder must load completely; only the head may be new, because its classes are.
"""

import difflib
import logging
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForAudioClassification, PreTrainedModel
from transformers.configuration_utils import PreTrainedConfig

from . import speech_emotion as speech_emotion  # registers it with the auto classes
from .exhubert import ExHubertConfig, ExHubertForSequenceClassification
from .exhubert.loading_exhubert import check_loading_info
from .published_architectures import PUBLISHED_ARCHITECTURES


logger = logging.getLogger(__name__)

HEAD_PREFIXES = ("projector.", "classifier.", "layer_weights", "lm_head.")
_PROBLEM_TYPE = "single_label_classification"


def load_classifier(source: str, labels: Sequence[str], **overrides) -> PreTrainedModel:
    """
    Load a checkpoint as a classifier of `labels`, in float32 whatever it was saved in. Its own classifier is kept if
    it has exactly these classes, and replaced by a freshly initialised one otherwise.

    Args:
        source (`str`): Hub id or folder of a speech encoder or classifier.
        labels (`Sequence[str]`): class names in the order of the outputs.
        overrides: config fields, and loading arguments as in `from_pretrained`.

    Returns:
        `PreTrainedModel`: the classifier on the CPU.

    Raises:
        `ValueError`: if encoder weights are missing, left over or misshapen.
    """
    names = list(labels)
    config_dict, _ = PreTrainedConfig.get_config_dict(source)
    model_type, architectures = config_dict.get("model_type"), config_dict.get("architectures") or []
    # half precision is for autocast: AdamW's small steps would be lost in half-precision weights
    overrides = {"dtype": torch.float32} | overrides
    if model_type == "exhubert" or "ExHuBERT" in architectures:
        model = ExHubertForSequenceClassification.from_pretrained(source, **overrides)
    elif model_type == "hubert":
        has_classifier = "HubertForSequenceClassification" in architectures
        new_labels = None if has_classifier else names
        model = ExHubertForSequenceClassification.from_hubert(source, labels=new_labels, **overrides)
    else:
        model = _load_stock_classifier(source, names, overrides)
    found = [model.config.id2label[index] for index in sorted(model.config.id2label)]
    if found != names:
        logger.info("%s has the classes %s: new classifier for %s.", source, found, names)
        model.reset_classifier(names)
    model.config.problem_type = _PROBLEM_TYPE  # a regressor's checkpoint says otherwise
    return model


def _load_stock_classifier(source: str, names: list[str], overrides: dict) -> PreTrainedModel:
    id2label = dict(enumerate(names))
    keeps_head = AutoConfig.from_pretrained(source).id2label == id2label
    model, info = AutoModelForAudioClassification.from_pretrained(
        source,
        id2label=id2label,
        label2id={name: index for index, name in id2label.items()},
        ignore_mismatched_sizes=True,
        output_loading_info=True,
        **overrides,
    )
    if "layer_weights" in info["missing_keys"]:
        # transformers 5.23 leaves those of WavLM and Whisper as the memory was
        nn.init.constant_(model.layer_weights, 1 / len(model.layer_weights))
    misshapen = {key for key, *_ in info["mismatched_keys"]}
    # the mask embedding is absent from some encoders
    missing = {key for key in info["missing_keys"] if not key.endswith("masked_spec_embed")} | misshapen
    if not keeps_head:
        missing = {key for key in missing if not key.startswith(HEAD_PREFIXES)}
        _reset_linears(model)
    # heads of other tasks and decoders are no part of the classifier
    unexpected = info["unexpected_keys"] if keeps_head else set()
    check_loading_info(type(model).__name__, source, {"missing_keys": missing, "unexpected_keys": unexpected})
    return model


def _reset_linears(model: PreTrainedModel) -> None:
    """Forget the classes of a classifier that has, by chance, as many as the new one."""
    # Whisper and its kind call it init_std
    std = getattr(model.config, "initializer_range", getattr(model.config, "init_std", 0.02))
    for module in model.get_submodule("classifier").modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=std)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def classifier_config(name: str, labels: Sequence[str], **overrides) -> PreTrainedConfig:
    """
    Config of a classifier of `labels` by name, for training from scratch or for a check without weights.

    Args:
        name (`str`): a model type (`"exhubert"`, `"wav2vec2"` ...), a folder with a config.json, or a Hub id. Ids in
            [`PUBLISHED_ARCHITECTURES`] need no network. HuBERT becomes ExHuBERT, which computes the same.
        labels (`Sequence[str]`): class names in the order of the outputs.
        overrides: config fields.

    Returns:
        `PreTrainedConfig`: the config.

    Raises:
        `ValueError`: if the config has no such field.

    Example:

    ```python
    >>> from hf_emotion.models.classifier import classifier_config
    >>> config = classifier_config("facebook/hubert-large-ls960-ft", ["anger", "joy"], layerdrop=0.0)
    >>> config.model_type, config.num_hidden_layers, config.layerdrop, config.id2label
    ('exhubert', 24, 0.0, {0: 'anger', 1: 'joy'})

    ```
    """
    config_dict = dict(_config_dict(name))
    model_type = config_dict.pop("model_type")
    is_hubert = model_type in ("hubert", "exhubert")
    config_class = ExHubertConfig if is_hubert else type(AutoConfig.for_model(model_type))
    known = sorted(config_class().to_dict())
    if unknown := sorted(set(overrides) - set(known)):
        close = difflib.get_close_matches(unknown[0], known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"`config_overrides` has {unknown}, which {config_class.__name__} does not have.{hint}")
    id2label = dict(enumerate(labels))
    classes = {"id2label": id2label, "label2id": {label: index for index, label in id2label.items()}}
    return config_class.from_dict(config_dict | classes | {"problem_type": _PROBLEM_TYPE} | overrides)


def _config_dict(name: str) -> dict:
    if not Path(name).is_dir():
        if name in PUBLISHED_ARCHITECTURES:
            return PUBLISHED_ARCHITECTURES[name]
        if "/" not in name:
            return {"model_type": name}
    config_dict, _ = PreTrainedConfig.get_config_dict(name)
    return config_dict


def build_classifier(config: PreTrainedConfig, device: str = "cpu") -> PreTrainedModel:
    """Build a freshly initialised classifier on `device` (`"meta"` allocates nothing)."""
    with torch.device(device):
        if isinstance(config, ExHubertConfig):
            return ExHubertForSequenceClassification(config)
        return AutoModelForAudioClassification.from_config(config)
