"""The model of an experiment: loaded or built, expanded and frozen as its arguments say."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import (
    CONFIG_MAPPING,
    AutoFeatureExtractor,
    PreTrainedModel,
    SeamlessM4TFeatureExtractor,
    Wav2Vec2FeatureExtractor,
    WhisperFeatureExtractor,
)
from transformers.configuration_utils import PreTrainedConfig
from transformers.feature_extraction_sequence_utils import SequenceFeatureExtractor
from transformers.utils import FEATURE_EXTRACTOR_NAME
from transformers.utils.hub import has_file

from ..adapters import add_adapter, train_head_only
from ..arguments import DataArguments, ModelArguments
from ..data.text_embeddings import embedding_size
from ..models.classifier import build_classifier, classifier_config, load_classifier
from ..models.input_masks import request_mask
from ..models.speech_emotion.encoding_speech_emotion import is_self_contained
from ..models.speech_emotion.pooling_speech_emotion import warn_of_constant_pooling


HEAD_ONLY = "head_only"


def prepare_model(model_args: ModelArguments, data_args: DataArguments, labels: Sequence[str]) -> PreTrainedModel:
    """
    Load or build the classifier, expand it and freeze what the arguments say.

    Args:
        model_args ([`ModelArguments`]): which model.
        data_args ([`DataArguments`]): which dimensions it predicts and which text it reads.
        labels (`Sequence[str]`): class names in the order of the outputs.

    Raises:
        `FileNotFoundError`: if the model is a folder that does not exist.
        `ValueError`: if the arguments do not fit the model.
    """
    overrides, source = model_args.overrides, model_args.model_name_or_path
    fields = speech_emotion_fields(model_args, data_args)
    if source is None:
        config = classifier_config(str(model_args.config_name), labels, fields, **overrides)
        _check_has_head(config)
        model = build_classifier(config)
    else:
        if not Path(source).is_dir() and not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", source):
            raise FileNotFoundError(
                f"There is no folder {source} to start from, and it is no Hub id. If it is the output of another "
                "experiment, run that first."
            )
        if fields is None:
            _check_has_head(_config_of(source))
        model = load_classifier(source, labels, fields, **overrides)
    return prepare_parameters(model, model_args)


def _config_of(source: str) -> PreTrainedConfig:
    """The config of a checkpoint, as a plain one where transformers does not know its type."""
    fields, _ = PreTrainedConfig.get_config_dict(source)
    if fields.get("model_type") in CONFIG_MAPPING:
        return CONFIG_MAPPING[fields["model_type"]]()
    return PreTrainedConfig()


def _check_has_head(config: PreTrainedConfig) -> None:
    if is_self_contained(config):
        raise ValueError(
            f"{config.model_type} is an encoder without a classifier of its own: set `speech_emotion_config`, for "
            "example {layer_selection: weighted, pooling: attention}."
        )


def speech_emotion_fields(model_args: ModelArguments, data_args: DataArguments) -> dict[str, Any] | None:
    """
    The config fields of a [`SpeechEmotionForSequenceClassification`], completed by what the data say: its dimensions
    and the size of its sentence embeddings. `None` if the experiment asks for no such model.

    Raises:
        `ValueError`: if the arguments of model and data contradict each other.
    """
    given = model_args.speech_emotion_config
    wanted = {"dimensions": data_args.dimensions, "text_embedding_model": data_args.text_embedding_model}
    if not isinstance(given, dict):
        if unused := [name for name, value in wanted.items() if value]:
            raise ValueError(
                f"`{unused[0]}` needs a model that has a use for it: set `speech_emotion_config`, for example "
                "{pooling: mean}."
            )
        return None
    if derived := sorted({"dimension_names", "num_dimensions", "text_embedding_size"} & set(given)):
        raise ValueError(
            f"`speech_emotion_config` has {derived[0]}, which follows from `dimensions` and `text_embedding_model`: "
            "set those instead."
        )
    fields = dict(given)
    if data_args.dimensions:
        fields["dimension_names"] = list(data_args.dimensions)
    if data_args.text_embedding_model:
        fields["text_embedding_size"] = embedding_size(data_args.text_embedding_model)
    return fields


def prepare_parameters(model: Any, model_args: ModelArguments) -> Any:
    """Expand, freeze and adapt. Works on the meta device. Returns the model, or the `peft.PeftModel` around it."""
    if model.config.model_type == "speech_emotion":
        warn_of_constant_pooling(model.config)
    if model_args.expand_num_copies:
        if not hasattr(model, "expand_blocks"):
            raise ValueError(
                f"`expand_num_copies` needs a HuBERT or ExHuBERT model, but the model is a {model.config.model_type}. "
                "Other encoders can be expanded inside a SpeechEmotion model: set `speech_emotion_config`, for "
                "example {pooling: mean}."
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
    """
    The extractor of the checkpoint, or for a model from scratch one that normalises each clip. Encoders of
    `hf_emotion.models.encoders` read waveforms as they are, unless their checkpoint has an extractor.
    """
    encoder_config: Any = getattr(model.config, "encoder_config", model.config)
    source, reads_raw_waveforms = model_args.model_name_or_path, is_self_contained(encoder_config)
    if source and (not reads_raw_waveforms or has_file(source, FEATURE_EXTRACTOR_NAME)):
        extractor = AutoFeatureExtractor.from_pretrained(source)
    elif encoder_config.model_type == "whisper":
        extractor = WhisperFeatureExtractor(feature_size=encoder_config.num_mel_bins)
    elif encoder_config.model_type == "wav2vec2-bert":
        num_bins = encoder_config.feature_projection_input_dim // 2  # two frames are stacked
        extractor = SeamlessM4TFeatureExtractor(feature_size=num_bins, num_mel_bins=num_bins, stride=2)
    else:
        extractor = Wav2Vec2FeatureExtractor(do_normalize=not reads_raw_waveforms, return_attention_mask=True)
    request_mask(extractor, model.config.model_type)
    return extractor


def meta_classifier(
    model_args: ModelArguments,
    data_args: DataArguments,
    labels: Sequence[str],
    start_config: PreTrainedConfig | None = None,
) -> PreTrainedModel:
    """
    The experiment's classifier on the meta device, expanded and frozen as in training; reads no weights.

    Args:
        model_args ([`ModelArguments`]): which model.
        data_args ([`DataArguments`]): which dimensions it predicts and which text it reads.
        labels (`Sequence[str]`): class names in the order of the outputs.
        start_config (`PreTrainedConfig`, *optional*): config of the model that training starts from, where an earlier
            step of the same experiment makes it.
    """
    origin = start_config or str(model_args.config_name or model_args.model_name_or_path)
    fields = speech_emotion_fields(model_args, data_args)
    config = classifier_config(origin, labels, fields, **model_args.overrides)
    _check_has_head(config)
    return prepare_parameters(build_classifier(config, device="meta"), model_args)
