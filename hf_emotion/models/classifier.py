"""Classifiers for an experiment: from a checkpoint with the right classes, or freshly built from a config.

HuBERT and ExHuBERT checkpoints become [`ExHubertForSequenceClassification`], other encoders the stock class of
transformers, and any of them [`SpeechEmotionForSequenceClassification`] if a field of its config is asked for. An
encoder must load completely; only the head may be new, because its classes are.
"""

import contextlib
import difflib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from torch import nn
from transformers import CONFIG_MAPPING, AutoConfig, AutoModelForAudioClassification, PreTrainedModel
from transformers.configuration_utils import PreTrainedConfig

from .exhubert import ExHubertConfig, ExHubertForSequenceClassification
from .exhubert.loading_exhubert import check_loading_info
from .published_architectures import PUBLISHED_ARCHITECTURES
from .speech_emotion import SpeechEmotionConfig, SpeechEmotionForSequenceClassification


logger = logging.getLogger(__name__)

HEAD_PREFIXES = ("projector.", "classifier.", "layer_weights", "lm_head.")
# Our own model types: `save_pretrained` writes their code beside the weights.
TRAVELS_WITH_CODE = ("exhubert", "speech_emotion")
_PROBLEM_TYPE = "single_label_classification"


@contextlib.contextmanager
def _plain_errors():
    """A bad value of a config field as the `ValueError` that a user's mistake is."""
    try:
        yield
    except StrictDataclassError as error:
        raise ValueError(str(error.__cause__ or error)) from error


@_plain_errors()
def load_classifier(
    source: str, labels: Sequence[str], speech_emotion: Mapping[str, Any] | None = None, **overrides
) -> PreTrainedModel:
    """
    Load a checkpoint as a classifier of `labels`, in float32 whatever it was saved in. Its own classifier is kept if
    it has exactly these classes, and replaced by a freshly initialised one otherwise.

    Args:
        source (`str`): Hub id or folder of a speech encoder or classifier.
        labels (`Sequence[str]`): class names in the order of the outputs.
        speech_emotion (`Mapping`, *optional*): fields of [`SpeechEmotionConfig`]; where given, even empty, the
            classifier is a [`SpeechEmotionForSequenceClassification`] around the encoder of `source`.
        overrides: config fields (of the encoder, inside a [`SpeechEmotionForSequenceClassification`]), and loading
            arguments as in `from_pretrained`.

    Returns:
        `PreTrainedModel`: the classifier on the CPU.

    Raises:
        `ValueError`: if encoder weights are missing, left over or misshapen, or a field is unknown.
    """
    names = list(labels)
    config_dict, _ = PreTrainedConfig.get_config_dict(source)
    model_type, architectures = config_dict.get("model_type"), config_dict.get("architectures") or []
    if model_type not in CONFIG_MAPPING:
        raise ValueError(
            f"{source} has model_type={model_type!r}, unknown to transformers. If it is a published model for "
            f"speech emotion, `hf-emotion convert {source} FOLDER` makes one of it that can be trained: pass that."
        )
    # half precision is for autocast: AdamW's small steps would be lost in half-precision weights
    overrides = {"dtype": torch.float32} | overrides
    model: Any
    if model_type == "speech_emotion":
        model = _load_speech_emotion(source, speech_emotion or {}, overrides)
    elif speech_emotion is not None:
        _check_fields(speech_emotion)
        encoder: Any = source
        if "ExHuBERT" in architectures:  # the published layout, which AutoModel takes for a HuBERT
            encoder, overrides = ExHubertForSequenceClassification.from_pretrained(source, **overrides), {}
        model = SpeechEmotionForSequenceClassification.from_encoder(
            encoder, names, encoder_kwargs=overrides, **speech_emotion
        )
    elif model_type == "exhubert" or "ExHuBERT" in architectures:
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


def _load_speech_emotion(source: str, fields: Mapping[str, Any], overrides: dict) -> PreTrainedModel:
    _check_fields(fields)
    config = SpeechEmotionConfig.from_pretrained(source, **fields)
    encoder_config: Any = config.encoder_config
    for name in sorted(set(overrides) & set(encoder_config.to_dict())):
        setattr(encoder_config, name, overrides.pop(name))
    return SpeechEmotionForSequenceClassification.from_pretrained(source, config=config, **overrides)


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


@_plain_errors()
def classifier_config(
    origin: str | PreTrainedConfig,
    labels: Sequence[str],
    speech_emotion: Mapping[str, Any] | None = None,
    **overrides,
) -> PreTrainedConfig:
    """
    Config of a classifier of `labels`, for training from scratch or for a check without weights.

    Args:
        origin (`str` or `PreTrainedConfig`): a model type (`"exhubert"`, `"wav2vec2"` ...), a folder with a
            config.json, a Hub id, or a config to change. Ids in [`PUBLISHED_ARCHITECTURES`] need no network. HuBERT
            becomes ExHuBERT, which computes the same.
        labels (`Sequence[str]`): class names in the order of the outputs.
        speech_emotion (`Mapping`, *optional*): fields of [`SpeechEmotionConfig`]; where given, even empty, the config
            is one, around the encoder of `origin`.
        overrides: config fields (of the encoder, inside a [`SpeechEmotionConfig`]).

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
    >>> config = classifier_config("microsoft/wavlm-large", ["anger", "joy"], {"pooling": "std"})
    >>> config.model_type, config.encoder_config.model_type, config.pooling
    ('speech_emotion', 'wavlm', 'std')

    ```
    """
    config_dict = origin.to_dict() if isinstance(origin, PreTrainedConfig) else dict(_config_dict(origin))
    id2label = dict(enumerate(labels))
    classes = {"id2label": id2label, "label2id": {label: index for index, label in id2label.items()}}
    classes["problem_type"] = _PROBLEM_TYPE
    if config_dict["model_type"] == "speech_emotion":
        encoder_fields, fields = config_dict["encoder_config"], config_dict | dict(speech_emotion or {})
        _check_fields(speech_emotion or {})
    elif speech_emotion is not None:
        encoder_fields, fields = config_dict, dict(speech_emotion)
        _check_fields(speech_emotion)
    else:
        return _config_of(config_dict, classes, overrides, hubert_becomes_exhubert=True)
    encoder = _config_of(encoder_fields, {}, overrides)
    return SpeechEmotionConfig.from_dict(fields | classes | {"encoder_config": encoder.to_dict()})


def _config_of(
    config_dict: dict, classes: dict, overrides: Mapping[str, Any], hubert_becomes_exhubert: bool = False
) -> PreTrainedConfig:
    """A config from its fields, some of them overridden."""
    fields = dict(config_dict)
    model_type = fields.pop("model_type")
    if model_type == "hubert" and hubert_becomes_exhubert:
        model_type = "exhubert"
    config_class = type(AutoConfig.for_model(model_type))
    _check_known("config_overrides", overrides, config_class)
    return config_class.from_dict(fields | classes | dict(overrides))


def _check_fields(speech_emotion: Mapping[str, Any]) -> None:
    """Refuse what is no field of [`SpeechEmotionConfig`], or belongs to the experiment."""
    _check_known("speech_emotion_config", speech_emotion, SpeechEmotionConfig)
    if "encoder_config" in speech_emotion:
        raise ValueError(
            "`speech_emotion_config` has an `encoder_config`, but the encoder is that of `model_name_or_path` or "
            "`config_name`. Change its fields with `config_overrides`."
        )


def _check_known(where: str, names: Mapping[str, Any], config_class: type[PreTrainedConfig]) -> None:
    known = sorted(config_class().to_dict())
    if unknown := sorted(set(names) - set(known)):
        close = difflib.get_close_matches(unknown[0], known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"`{where}` has {unknown}, which {config_class.__name__} does not have.{hint}")


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
