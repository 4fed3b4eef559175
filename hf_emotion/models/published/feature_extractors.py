"""The feature extractor of a checkpoint: what its preprocessor_config.json says, or what its encoder was made for."""

from __future__ import annotations

from typing import Any

import transformers
from transformers import (
    ASTFeatureExtractor,
    SeamlessM4TFeatureExtractor,
    Wav2Vec2FeatureExtractor,
    WhisperFeatureExtractor,
)
from transformers.configuration_utils import PreTrainedConfig
from transformers.feature_extraction_sequence_utils import SequenceFeatureExtractor

from .layout import Checkpoint


_FRAMES_PER_SECOND = 100  # of Whisper's spectrograms; each of its positions takes two
_OF_MODEL_TYPE: dict[str, type[SequenceFeatureExtractor]] = {
    "audio-spectrogram-transformer": ASTFeatureExtractor,
    "wav2vec2-bert": SeamlessM4TFeatureExtractor,
    "whisper": WhisperFeatureExtractor,
}
_ASSUMED = (
    "The checkpoint has no preprocessor_config.json: assumed {found}, as models of its kind were pretrained. Another "
    "input than in its training gives other scores."
)


def published_feature_extractor(
    checkpoint: Checkpoint, encoder_config: PreTrainedConfig
) -> tuple[SequenceFeatureExtractor, tuple[str, ...]]:
    """
    The feature extractor of a checkpoint.

    Args:
        checkpoint ([`Checkpoint`]): The checkpoint.
        encoder_config (`PreTrainedConfig`): The config of its encoder.

    Returns:
        `tuple`: The extractor, and what to warn of.

    Raises:
        `ValueError`: If preprocessor_config.json names a class that transformers does not have.
    """
    if checkpoint.preprocessor is None:
        extractor = default_feature_extractor(encoder_config)
        normalises = "" if getattr(extractor, "do_normalize", None) else " without normalisation"
        return extractor, (_ASSUMED.format(found=f"a {type(extractor).__name__}{normalises}"),)
    usual = _OF_MODEL_TYPE.get(encoder_config.model_type, Wav2Vec2FeatureExtractor)
    name = checkpoint.preprocessor.get("feature_extractor_type", usual.__name__)
    extractor_class: Any = getattr(transformers, str(name), None)
    if not isinstance(extractor_class, type) or not issubclass(extractor_class, SequenceFeatureExtractor):
        raise ValueError(
            f"The preprocessor_config.json of {checkpoint.source} names {name!r}, which is no feature extractor for "
            f"audio in transformers. This encoder usually has a {usual.__name__}: write that there if it is one."
        )
    published: Any = extractor_class.from_dict(dict(checkpoint.preprocessor))
    return published, ()


def default_feature_extractor(config: PreTrainedConfig) -> SequenceFeatureExtractor:
    """
    The feature extractor that an encoder was pretrained with, at 16 kHz.

    Encoders whose CNN has layer norms were pretrained on normalised waveforms and need the mask of padded batches;
    those with a group norm were not and must not have it.
    """
    fields: Any = config
    if config.model_type == "whisper":
        seconds = 2 * fields.max_source_positions // _FRAMES_PER_SECOND
        return WhisperFeatureExtractor(feature_size=fields.num_mel_bins, chunk_length=seconds)
    if config.model_type == "wav2vec2-bert":
        num_bins = fields.feature_projection_input_dim // 2  # two frames side by side
        return SeamlessM4TFeatureExtractor(feature_size=num_bins, num_mel_bins=num_bins)
    if config.model_type == "audio-spectrogram-transformer":
        return ASTFeatureExtractor(max_length=fields.max_length, num_mel_bins=fields.num_mel_bins)
    if getattr(fields, "is_self_contained", False):
        return Wav2Vec2FeatureExtractor(do_normalize=False, return_attention_mask=True)
    has_layer_norm = getattr(fields, "feat_extract_norm", "layer") == "layer"  # Data2Vec has no other
    return Wav2Vec2FeatureExtractor(do_normalize=has_layer_norm, return_attention_mask=has_layer_norm)
