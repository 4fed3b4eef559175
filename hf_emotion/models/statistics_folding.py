"""The normalisation of waveforms by statistics of a training split, as part of an encoder's first convolution.

`(x - mean) / (std + eps)` is affine and the first convolution linear and without padding, so that another kernel and
bias compute the same from the waveform as it is. Nothing has to be normalised before such a model.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel
from transformers.configuration_utils import PreTrainedConfig

from .speech_emotion.encoding_speech_emotion import build_encoder, is_self_contained


_CONVOLUTION = "feature_extractor.conv_layers.{}.conv."


def can_fold_statistics(encoder: PreTrainedModel) -> bool:
    """Whether an encoder of transformers begins with a convolution over the waveform."""
    return not is_self_contained(encoder.config) and hasattr(encoder.config, "conv_kernel")


def fold_statistics(encoder: PreTrainedModel, statistics: Callable[[np.ndarray], np.ndarray]) -> PreTrainedModel:
    """
    An encoder that computes from a waveform what the given one computes from the normalised waveform.

    Args:
        encoder ([`~transformers.PreTrainedModel`]): An encoder with which [`can_fold_statistics`]; it stays as it is.
        statistics (`Callable`): What waveforms were normalised by, such as
            [`~hf_emotion.features.waveform_statistics.WaveformStatistics`]: an affine function of each sample.

    Returns:
        [`~transformers.PreTrainedModel`]: A copy of another first layer. Its config has `conv_bias=True` where the
        offset needs a bias.
    """
    offset, one = (float(value) for value in statistics(np.array([0.0, 1.0])))
    config, weights = fold_affine(encoder.config, encoder.state_dict(), one - offset, offset)
    folded = build_encoder(config).to(encoder.dtype)  # type: ignore[arg-type]
    folded.load_state_dict(weights)
    return folded.eval()


@torch.no_grad()
def fold_affine(
    config: PreTrainedConfig, weights: Mapping[str, torch.Tensor], scale: float, offset: float, prefix: str = ""
) -> tuple[Any, dict[str, torch.Tensor]]:
    """
    Config and weights of an encoder that computes from a waveform `x` what the given one computes from
    `scale * x + offset`.

    Args:
        config (`PreTrainedConfig`): Config of an encoder that begins with a convolution over the waveform.
        weights (`Mapping[str, torch.Tensor]`): Its weights, and maybe others; they stay as they are.
        scale (`float`): Factor of the samples.
        offset (`float`): What is added to them.
        prefix (`str`, *optional*, defaults to `""`): Beginning of the names of the encoder's weights.

    Returns:
        `tuple[PreTrainedConfig, dict[str, torch.Tensor]]`: A changed copy of each. The config has `conv_bias=True`
        where the offset needs a bias.
    """
    folded: Any = copy.deepcopy(config)
    # a group norm after the convolution removes any offset
    needs_bias = getattr(folded, "feat_extract_norm", "layer") != "group"
    folded.conv_bias = bool(folded.conv_bias or needs_bias)
    changed = dict(weights)
    kernel = prefix + _CONVOLUTION.format(0) + "weight"
    if folded.conv_bias:
        for index, size in enumerate(folded.conv_dim):
            bias = prefix + _CONVOLUTION.format(index) + "bias"
            changed.setdefault(bias, weights[kernel].new_zeros(size))
        first = prefix + _CONVOLUTION.format(0) + "bias"
        changed[first] = changed[first] + offset * weights[kernel].sum(dim=(1, 2))
    changed[kernel] = weights[kernel] * scale
    return folded, changed
