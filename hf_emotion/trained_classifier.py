"""A trained classifier and its feature extractor, loaded for use: nothing may be left randomly initialised."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import AutoFeatureExtractor, AutoModelForAudioClassification, PreTrainedConfig, PreTrainedModel

from .models.classifier import request_mask
from .models.exhubert import ExHubertForSequenceClassification
from .models.exhubert.loading_exhubert import check_loading_info
from .models.speech_emotion import SpeechEmotionForSequenceClassification


if TYPE_CHECKING:
    from transformers.feature_extraction_sequence_utils import SequenceFeatureExtractor


def load_trained_classifier(
    source: str, *, trust_remote_code: bool = False
) -> tuple[PreTrainedModel, SequenceFeatureExtractor]:
    """
    Load a classifier and its feature extractor. ExHuBERT and SpeechEmotion load with the installed classes, whatever
    code is saved beside them; other models with their class in transformers.

    Args:
        source (`str`): folder of a trained model, or its id on the Hub.
        trust_remote_code (`bool`, *optional*, defaults to `False`): whether code from the repository may run. Read it
            first.

    Returns:
        `tuple`: the model in evaluation mode, and the extractor.

    Raises:
        `FileNotFoundError`: if the folder does not exist or holds no model; names the models below it.
        `ValueError`: if weights are missing or left over, so that the head or a layer would be random.
    """
    _check_folder(source)
    config_dict, _ = PreTrainedConfig.get_config_dict(source)
    model_type = config_dict.get("model_type")
    if "ExHuBERT" in (config_dict.get("architectures") or []):  # as published
        model_type = "exhubert"
    model: Any
    if model_type == "exhubert":
        model = ExHubertForSequenceClassification.from_pretrained(source)
    elif model_type == "speech_emotion":
        model = SpeechEmotionForSequenceClassification.from_pretrained(source)
    else:
        model, info = AutoModelForAudioClassification.from_pretrained(
            source, trust_remote_code=trust_remote_code, output_loading_info=True
        )
        # some encoders are published without the embedding of masked frames, which only training needs
        missing = {key for key in info["missing_keys"] if not key.endswith("masked_spec_embed")}
        check_loading_info(type(model).__name__, source, {**info, "missing_keys": missing})
    extractor = AutoFeatureExtractor.from_pretrained(source, trust_remote_code=trust_remote_code)
    request_mask(extractor, model.config.model_type)
    return model.eval(), extractor


def class_names(model: PreTrainedModel) -> list[str]:
    """Class names of a classifier in the order of its outputs."""
    id2label: Any = model.config.id2label
    return [id2label[index] for index in sorted(id2label)]


def _check_folder(source: str) -> None:
    folder = Path(source)
    if folder.is_dir() and not (folder / "config.json").is_file():
        models = sorted(str(path.parent) for path in folder.glob("*/config.json"))
        hint = f"Did you mean {' or '.join(models)}?" if models else "Pass the folder of a trained model."
        raise FileNotFoundError(f"{source} holds no model (no config.json). {hint}")
    looks_like_path = source.startswith((".", "/", "~")) or source.count("/") > 1
    if looks_like_path and not folder.exists():
        raise FileNotFoundError(f"There is no folder {source}. Pass the folder of a trained model, or a Hub id.")
