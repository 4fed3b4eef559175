"""Classifiers for an experiment: from a checkpoint with the right classes, or freshly built from a config.

HuBERT and ExHuBERT checkpoints become [`ExHubertForSequenceClassification`], other encoders the stock class of
transformers. An encoder must load completely; only the head may be new, because its classes are.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForAudioClassification, PreTrainedModel
from transformers.configuration_utils import PreTrainedConfig

from .exhubert import ExHubertConfig, ExHubertForSequenceClassification
from .exhubert.loading_exhubert import check_loading_info
from .published_architectures import PUBLISHED_ARCHITECTURES


logger = logging.getLogger(__name__)

HEAD_PREFIXES = ("projector.", "classifier.", "layer_weights", "lm_head.")


def load_classifier(source: str, labels: Sequence[str], **kwargs) -> PreTrainedModel:
    """
    Load a checkpoint as a classifier of `labels`. Its own classifier is kept if it has exactly these classes, and
    replaced by a freshly initialised one otherwise.

    Args:
        source (`str`): Hub id or folder of a speech encoder or classifier.
        labels (`Sequence[str]`): class names in the order of the outputs.
        kwargs: config fields and loading arguments, as in `from_pretrained`.

    Raises:
        `ValueError`: if encoder weights are missing or left over.
    """
    names = list(labels)
    config_dict, _ = PreTrainedConfig.get_config_dict(source)
    model_type = config_dict.get("model_type")
    if model_type == "exhubert" or "ExHuBERT" in (config_dict.get("architectures") or []):
        model = ExHubertForSequenceClassification.from_pretrained(source, **kwargs)
    elif model_type == "hubert":
        model = ExHubertForSequenceClassification.from_hubert(source, labels=names)
        for name, value in kwargs.items():
            setattr(model.config, name, value)
    else:
        return _load_stock_classifier(source, names, **kwargs)
    if list(model.config.id2label.values()) != names:
        logger.info("New classifier for %s; that of %s had %s.", names, source, list(model.config.id2label.values()))
        model.reset_classifier(names)
    return model


def _load_stock_classifier(source: str, names: list[str], **kwargs) -> PreTrainedModel:
    id2label = dict(enumerate(names))
    label2id = {name: index for index, name in id2label.items()}
    config = AutoConfig.from_pretrained(source)
    same_classes = config.id2label == id2label
    model, info = AutoModelForAudioClassification.from_pretrained(
        source,
        id2label=id2label,
        label2id=label2id,
        ignore_mismatched_sizes=True,
        output_loading_info=True,
        **kwargs,
    )
    if not same_classes:
        info = info | {
            # heads of other tasks and decoders are not part of the classifier
            "missing_keys": {key for key in info["missing_keys"] if not key.startswith(HEAD_PREFIXES)},
            "unexpected_keys": set(),
        }
    check_loading_info(type(model).__name__, source, info)
    return model


def classifier_config(name: str, labels: Sequence[str], **overrides) -> PreTrainedConfig:
    """
    Config of a classifier of `labels` by name, for training from scratch or for a check without weights.

    Args:
        name (`str`): a model type (`"exhubert"`, `"wav2vec2"` ...), a folder with a config.json, or a Hub id. Ids in
            [`PUBLISHED_ARCHITECTURES`] need no network. HuBERT becomes ExHuBERT, which computes the same.
        labels (`Sequence[str]`): class names in the order of the outputs.
        overrides: config fields.

    Raises:
        `ValueError`: if the config has no such field.
    """
    config_dict = dict(_config_dict(name))
    model_type = config_dict.pop("model_type")
    id2label = dict(enumerate(labels))
    config_dict |= {"id2label": id2label, "label2id": {label: index for index, label in id2label.items()}}
    config_class = ExHubertConfig if model_type in ("hubert", "exhubert") else AutoConfig.for_model(model_type).__class__
    if unknown := sorted(set(overrides) - set(config_class().to_dict())):
        raise ValueError(f"`config_overrides` has {unknown}, which {config_class.__name__} does not have.")
    return config_class.from_dict(config_dict | overrides)


def _config_dict(name: str) -> dict:
    if not Path(name).is_dir():
        if name in PUBLISHED_ARCHITECTURES:
            return PUBLISHED_ARCHITECTURES[name]
        if name == "exhubert" or "/" not in name:
            return {"model_type": name}
    config_dict, _ = PreTrainedConfig.get_config_dict(name)
    return config_dict


def build_classifier(config: PreTrainedConfig, device: str = "cpu") -> PreTrainedModel:
    """Build a freshly initialised classifier on `device` (`"meta"` allocates nothing)."""
    with torch.device(device):
        if isinstance(config, ExHubertConfig):
            return ExHubertForSequenceClassification(config)
        return AutoModelForAudioClassification.from_config(config)
