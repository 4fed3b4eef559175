"""The model of an experiment: loaded or built, expanded and frozen as its arguments say."""

from collections.abc import Sequence
from pathlib import Path

from transformers import AutoFeatureExtractor, PreTrainedModel, Wav2Vec2FeatureExtractor

from .arguments import ModelArguments
from .models.classifier import build_classifier, classifier_config, load_classifier


def prepare_model(model_args: ModelArguments, labels: Sequence[str]) -> PreTrainedModel:
    """Load or build the classifier, expand it and freeze what the arguments say."""
    overrides = model_args.config_overrides or {}
    if model_args.model_name_or_path:
        is_folder = Path(model_args.model_name_or_path).is_dir()
        # the architecture of a folder is in its config; overrides describe it for checks without weights
        model = load_classifier(model_args.model_name_or_path, labels, **({} if is_folder else overrides))
    else:
        model = build_classifier(classifier_config(model_args.config_name, labels, **overrides))
    prepare_parameters(model, model_args)
    return model


def prepare_parameters(model: PreTrainedModel, model_args: ModelArguments) -> None:
    """Expand and freeze in place. Works on the meta device."""
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
        if model.config.model_type == "whisper":
            raise ValueError("Whisper has no CNN on the waveform: set `freeze_feature_encoder: false`.")
        model.freeze_feature_encoder()


def prepare_feature_extractor(model_args: ModelArguments, model: PreTrainedModel):
    """The extractor of the checkpoint, or for a model from scratch one that normalises each clip."""
    if model_args.model_name_or_path:
        extractor = AutoFeatureExtractor.from_pretrained(model_args.model_name_or_path)
    else:
        extractor = Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True)
    if model.config.model_type == "exhubert":
        # our encoder needs the mask for group norm as well, where the stock one must not have it
        extractor.return_attention_mask = True
    return extractor


def meta_classifier(model_args: ModelArguments, labels: Sequence[str]) -> PreTrainedModel:
    """The experiment's classifier on the meta device, expanded and frozen as in training; reads no weights."""
    name = model_args.config_name or model_args.model_name_or_path
    model = build_classifier(classifier_config(name, labels, **(model_args.config_overrides or {})), device="meta")
    prepare_parameters(model, model_args)
    return model
