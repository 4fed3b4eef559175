"""The normalisation of waveforms by statistics of a training split, as part of an encoder's first convolution.

`(x - mean) / (std + eps)` is affine and the first convolution linear and without padding, so that another kernel and
bias compute the same from the waveform as it is. Nothing has to be normalised before such a model.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from ...features.waveform_statistics import WaveformStatistics
from ...models.speech_emotion.encoding_speech_emotion import build_encoder, is_self_contained


def can_fold_statistics(encoder: PreTrainedModel) -> bool:
    """Whether an encoder of transformers begins with a convolution over the waveform."""
    return not is_self_contained(encoder.config) and hasattr(encoder.config, "conv_kernel")


@torch.no_grad()
def fold_statistics(encoder: PreTrainedModel, statistics: WaveformStatistics) -> PreTrainedModel:
    """
    An encoder that computes from a waveform what the given one computes from the normalised waveform.

    Args:
        encoder ([`~transformers.PreTrainedModel`]): An encoder with which [`can_fold_statistics`]; it stays as it is.
        statistics ([`WaveformStatistics`]): What waveforms were normalised by.

    Returns:
        [`~transformers.PreTrainedModel`]: A copy of another first layer. Its config has `conv_bias=True` where the
        offset needs a bias.
    """
    config: Any = copy.deepcopy(encoder.config)
    # a group norm after the convolution removes any offset
    needs_bias = getattr(config, "feat_extract_norm", "layer") != "group"
    config.conv_bias = bool(config.conv_bias or needs_bias)
    folded = build_encoder(config).to(encoder.dtype)  # type: ignore[arg-type]
    weights = encoder.state_dict()
    absent = {name: torch.zeros_like(value) for name, value in folded.state_dict().items() if name not in weights}
    folded.load_state_dict(weights | absent)  # absent are biases of convolutions
    offset, one = (float(value) for value in statistics(np.array([0.0, 1.0])))
    convolution: Any = folded.get_submodule("feature_extractor.conv_layers.0.conv")
    if convolution.bias is not None:
        convolution.bias += offset * convolution.weight.sum(dim=(1, 2))
    convolution.weight *= one - offset
    return folded.eval()
