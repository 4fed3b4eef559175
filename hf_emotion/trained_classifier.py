"""A trained or published classifier and its feature extractor, loaded for use: nothing may be left random."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .models.loading import load_model_and_extractor


if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from transformers.feature_extraction_sequence_utils import SequenceFeatureExtractor


def load_trained_classifier(
    source: str, *, trust_remote_code: bool = False
) -> tuple[PreTrainedModel, SequenceFeatureExtractor]:
    """
    Load a classifier and its feature extractor, whatever layout it was published in.

    Args:
        source (`str`): folder of a trained model, or its id on the Hub, see
            [`~hf_emotion.models.loading.load_model`].
        trust_remote_code (`bool`, *optional*, defaults to `False`): whether code from the repository may run, where
            neither this package nor transformers has the class. Read it first.

    Returns:
        `tuple`: the model in evaluation mode, and the extractor.

    Raises:
        `FileNotFoundError`: if the folder does not exist or holds no model; names the models below it.
        `ValueError`: if weights are missing or left over, so that the head or a layer would be random.
    """
    return load_model_and_extractor(source, trust_remote_code=trust_remote_code)


def class_names(model: PreTrainedModel) -> list[str]:
    """Class names of a classifier in the order of its outputs."""
    id2label: Any = model.config.id2label
    return [id2label[index] for index in sorted(id2label)]
