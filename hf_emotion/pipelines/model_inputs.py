# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""What a model of transformers takes: how short, how long, in which batches; and batches in that form."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch


# Models of hf-emotion, to which padding with a mask makes no difference whatever encoder is inside.
_PADDING_FREE = ("exhubert", "speech_emotion")
# Encoders that leave masked padding out, unless a group norm averages over it. Others have convolutions behind their
# CNN that reach into it (Data2Vec, Wav2Vec2-Conformer, Wav2Vec2-BERT, SEW).
_PADDING_FREE_WITH_LAYER_NORM = ("hubert", "unispeech", "unispeech-sat", "wav2vec2", "wavlm")
_FILTER_BANK_WINDOW, _FILTER_BANK_HOP = 400, 160  # samples at 16 kHz


def minimum_samples(config: Any) -> int:
    """Least number of samples for one frame of an encoder, from its config or that of a model around it."""
    config = getattr(config, "encoder_config", config)
    if config.model_type == "wav2vec2-bert":  # two frames of a filter bank
        return _FILTER_BANK_WINDOW + _FILTER_BANK_HOP
    if config.model_type == "audio-spectrogram-transformer":
        return _FILTER_BANK_WINDOW
    if getattr(config, "is_self_contained", False):  # encoders of hf-emotion
        return config.minimum_samples
    encoder = convolutional_encoder(config)
    # SEW averages frames before its transformer
    return 1 if encoder is None else samples_of(getattr(encoder, "squeeze_factor", 1), encoder)


def convolutional_encoder(config: Any) -> Any:
    """The part of a config, or all of it, that describes convolutions on the waveform; `None` if there are none."""
    return next((part for part in (config, *vars(config).values()) if hasattr(part, "conv_kernel")), None)


def samples_of(num_frames: int, encoder: Any) -> int:
    """Samples from which the convolutions of an encoder make a number of frames, see [`convolutional_encoder`]."""
    length = num_frames
    for kernel, stride in zip(reversed(encoder.conv_kernel), reversed(encoder.conv_stride), strict=True):
        length = (length - 1) * stride + kernel
    return length


def max_seconds(feature_extractor: Any) -> float | None:
    """Longest clip of which nothing is cut off by an extractor whose output has one size; `None` for others."""
    if hasattr(feature_extractor, "n_samples"):  # Whisper
        return feature_extractor.n_samples / feature_extractor.sampling_rate
    if type(feature_extractor).__name__ == "ASTFeatureExtractor":
        return feature_extractor.max_length * _FILTER_BANK_HOP / feature_extractor.sampling_rate
    return None


def is_padding_free(config: Any) -> bool:
    """Whether a clip in a padded batch with a mask gets what it gets alone."""
    if config.model_type in _PADDING_FREE:
        return True
    has_layer_norm = getattr(config, "feat_extract_norm", None) == "layer"
    has_adapter = getattr(config, "add_adapter", False)
    return config.model_type in _PADDING_FREE_WITH_LAYER_NORM and has_layer_norm and not has_adapter


def batch_features(clips: Sequence[dict[str, np.ndarray]], drops_full_masks: bool) -> dict[str, torch.Tensor]:
    """
    Put the features of clips into one batch, padded with zeros behind the last sample or frame.

    Args:
        clips (`Sequence[dict[str, np.ndarray]]`):
            What the feature extractor says of each clip: `input_values` `(num_samples,)` or `input_features`, whose
            first axis is time where their sizes differ; and `attention_mask`, if it returns one.
        drops_full_masks (`bool`):
            Leave out a mask without padding, for models that compute the same without it, which is faster.

    Returns:
        `dict[str, torch.Tensor]`: Features with a first axis for the clips, and `attention_mask`, always if clips
        differ in length.
    """
    name = next(key for key in clips[0] if key != "attention_mask")
    sizes = [clip[name].shape[0] for clip in clips]
    differ = len(set(sizes)) > 1
    batch = {name: torch.from_numpy(_stacked([clip[name] for clip in clips], max(sizes)))}
    if not differ and "attention_mask" not in clips[0]:
        return batch
    masks = [clip.get("attention_mask", np.ones(size)) for clip, size in zip(clips, sizes, strict=True)]
    if differ or not (drops_full_masks and all(mask.all() for mask in masks)):
        length = max(len(mask) for mask in masks)
        batch["attention_mask"] = torch.from_numpy(_stacked([mask.astype(np.int64) for mask in masks], length))
    return batch


def _stacked(arrays: Sequence[np.ndarray], length: int) -> np.ndarray:
    if len(arrays) == 1:
        return arrays[0][None]
    batch = np.zeros((len(arrays), length, *arrays[0].shape[1:]), dtype=arrays[0].dtype)
    for row, array in zip(batch, arrays, strict=True):
        row[: len(array)] = array
    return batch
