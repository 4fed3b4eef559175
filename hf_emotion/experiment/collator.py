"""The collator of an experiment: what its model needs of each row, in training as in evaluation."""

from collections.abc import Sequence
from typing import Any

from ..arguments import DataArguments
from ..data.augmentation import Augmentation
from ..data.data_collator import EmotionDataCollator, minimum_input_samples


def experiment_collator(
    data_args: DataArguments, model_config: Any, feature_extractor: Any, classes: Sequence[str], seed: int = 0
) -> EmotionDataCollator:
    """
    Build the collator that gives a model its input.

    Args:
        data_args ([`DataArguments`]): labels, crops and augmentation.
        model_config (`PreTrainedConfig`): config of the model: whether it has a use for gender, text and ratings, and
            what it can process.
        feature_extractor (`SequenceFeatureExtractor`): its feature extractor.
        classes (`Sequence[str]`): class names in the order of the outputs, as the corpora write them.
        seed (`int`, *optional*, defaults to 0): seed of crops and augmentation.
    """
    minimum = minimum_input_samples(model_config)
    transforms, reads_text = data_args.augmentation, bool(getattr(model_config, "text_embedding_size", 0))
    return EmotionDataCollator(
        feature_extractor,
        label2id={label: index for index, label in enumerate(classes)},
        label_column=data_args.label_column,
        max_duration_seconds=data_args.max_duration_seconds,
        crop=data_args.crop if data_args.max_duration_seconds else None,
        dimensions=getattr(model_config, "dimension_names", None) or (),
        with_spectrogram_mask=model_config.model_type == "speech_emotion",
        with_gender=bool(getattr(model_config, "gender_embedding_size", 0)),
        with_text_embedding=reads_text and data_args.text_embedding_model is not None,
        augmentation=Augmentation(transforms, feature_extractor.sampling_rate) if transforms else None,
        min_num_samples=minimum.clip,
        min_training_batch_samples=minimum.training_batch,
        seed=seed,
    )
