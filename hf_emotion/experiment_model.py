"""The model of an experiment: loaded or built, expanded and frozen as its arguments say."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import AutoFeatureExtractor, PreTrainedModel, Wav2Vec2FeatureExtractor, WhisperFeatureExtractor
from transformers.configuration_utils import PreTrainedConfig
from transformers.feature_extraction_sequence_utils import SequenceFeatureExtractor

from .adapters import add_adapter, train_head_only
from .arguments import ModelArguments
from .models.classifier import build_classifier, classifier_config, load_classifier


HEAD_ONLY = "head_only"


def prepare_model(model_args: ModelArguments, labels: Sequence[str]) -> PreTrainedModel:
    """
    Load or build the classifier, expand it and freeze what the arguments say.

    Args:
        model_args ([`ModelArguments`]): which model.
        labels (`Sequence[str]`): class names in the order of the outputs.

    Raises:
        `FileNotFoundError`: if the model is a folder that does not exist.
        `ValueError`: if the arguments do not fit the model.
    """
    overrides = model_args.overrides
    source = model_args.model_name_or_path
    if source is None:
        model = build_classifier(classifier_config(str(model_args.config_name), labels, **overrides))
    else:
        if not Path(source).is_dir() and not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", source):
            raise FileNotFoundError(
                f"There is no folder {source} to start from, and it is no Hub id. If it is the output of another "
                "experiment, run that first."
            )
        model = load_classifier(source, labels, **overrides)
    return prepare_parameters(model, model_args)


def prepare_parameters(model: Any, model_args: ModelArguments) -> Any:
    """Expand, freeze and adapt. Works on the meta device. Returns the model, or the `peft.PeftModel` around it."""
    if model_args.expand_num_copies:
        if model.config.model_type != "exhubert":
            raise ValueError(
                f"`expand_num_copies` needs a HuBERT or ExHuBERT model, but the model is a {model.config.model_type}."
            )
        model.expand_blocks(
            num_copies=model_args.expand_num_copies,
            layers=model_args.expand_layers,
            freeze_original=model_args.freeze_original_layers,
            init=model_args.expand_init,
        )
    if model_args.freeze_feature_encoder:
        if not hasattr(model, "freeze_feature_encoder"):
            raise ValueError(
                f"{type(model).__name__} has no CNN on the waveform: set `freeze_feature_encoder: false`."
            )
        model.freeze_feature_encoder()
    if model_args.adapter == HEAD_ONLY:
        return train_head_only(model)
    if model_args.adapter is not None:
        return add_adapter(
            model,
            model_args.adapter,
            target_modules=model_args.adapter_target_modules,
            head=model_args.adapter_head,
            **(model_args.adapter_options if isinstance(model_args.adapter_options, dict) else {}),
        )
    return model


def prepare_feature_extractor(model_args: ModelArguments, model: PreTrainedModel) -> SequenceFeatureExtractor:
    """The extractor of the checkpoint, or for a model from scratch one that normalises each clip."""
    if model_args.model_name_or_path:
        extractor = AutoFeatureExtractor.from_pretrained(model_args.model_name_or_path)
    elif model.config.model_type == "whisper":
        extractor = WhisperFeatureExtractor(feature_size=model.config.num_mel_bins)
    else:
        extractor = Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True)
    if model.config.model_type == "exhubert":
        # our encoder needs the mask for group norm as well, where the stock one must not have it
        extractor.return_attention_mask = True
    return extractor


def meta_classifier(
    model_args: ModelArguments, labels: Sequence[str], start_config: PreTrainedConfig | None = None
) -> PreTrainedModel:
    """
    The experiment's classifier on the meta device, expanded and frozen as in training; reads no weights.

    Args:
        model_args ([`ModelArguments`]): which model.
        labels (`Sequence[str]`): class names in the order of the outputs.
        start_config (`PreTrainedConfig`, *optional*): config of the model that training starts from, where an earlier
            step of the same experiment makes it.
    """
    overrides = model_args.overrides
    if start_config is None:
        name = model_args.config_name or model_args.model_name_or_path
        config = classifier_config(str(name), labels, **overrides)
    else:
        config = type(start_config).from_dict(start_config.to_dict() | overrides)
    return prepare_parameters(build_classifier(config, device="meta"), model_args)
