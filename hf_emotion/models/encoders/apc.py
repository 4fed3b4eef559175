# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""APC and VQ-APC: recurrent layers over a log-mel filter bank that predict a frame some steps ahead.

Chung et al., "An Unsupervised Autoregressive Model for Speech Representation Learning", Interspeech 2019, and
"Vector-Quantized Autoregressive Predictive Coding", Interspeech 2020, with a codebook in front of the prediction.
Parameter names are those of the checkpoints that S3PRL downloads (`apc_960hr`, `vq_apc_960hr`).
"""

from itertools import pairwise

import torch
from huggingface_hub.dataclasses import strict
from torch import nn

from .padding import zero_padding
from .predictive_coding import PredictiveCodingConfig, PredictiveCodingModel


@strict
class ApcConfig(PredictiveCodingConfig):
    r"""
    Configuration of APC, fields as in [`PredictiveCodingConfig`]. The defaults are those of S3PRL's `apc_960hr`: three
    GRU layers of size 512, 4.1 M parameters.

    Example:

    ```python
    >>> from hf_emotion.models.encoders.apc import ApcConfig, ApcModel

    >>> ApcModel(ApcConfig()).num_parameters()
    4105296

    ```
    """

    model_type = "apc"


@strict
class VqApcConfig(PredictiveCodingConfig):
    r"""
    Configuration of VQ-APC, fields as in [`PredictiveCodingConfig`]. The defaults are those of S3PRL's `vq_apc_960hr`:
    APC with one codebook of 512 codes, 4.6 M parameters.
    """

    model_type = "vq_apc"

    codebook_sizes: list[int] | tuple[int, ...] | None = (512,)
    code_sizes: list[int] | tuple[int, ...] | None = (512,)


class ApcModel(PredictiveCodingModel):
    """
    Autoregressive predictive coding: a stack of GRU layers, each but the first with a residual connection.

    The prediction itself is [`predict`] of the last hidden state. `n` frames ahead, the loss of the paper is the mean
    absolute difference between `predict(last_hidden_state)[:, :-n]` and `extract_features(...)[0][:, n:]`.

    `hidden_states` holds the output of each layer behind its residual connection, as S3PRL's `apc` does: neither the
    filter bank nor the codes are among them. Padded frames are zero.
    """

    config_class: type[PredictiveCodingConfig] = ApcConfig
    _s3prl_options = {
        "num_layers": "num_hidden_layers",
        "hidden_size": "hidden_size",
        "dropout": "dropout",
        "residual": "residual",
    }

    def __init__(self, config):
        super().__init__(config)
        sizes = [config.num_mel_bins] + [config.hidden_size] * config.num_hidden_layers
        self.rnn_layers = nn.ModuleList(nn.GRU(*pair, batch_first=True) for pair in pairwise(sizes))
        self.rnn_dropout = nn.Dropout(config.dropout)
        self.post_init()

    def _hidden_states(
        self, input_values: torch.Tensor, attention_mask: torch.Tensor | None, wants_all: bool
    ) -> list[torch.Tensor]:
        frames, num_frames = self.extract_features(input_values, attention_mask)
        states: list[torch.Tensor] = []
        for index, layer in enumerate(self.rnn_layers):
            # no frame sees a later one: padding on the right needs no packing
            outputs = self.rnn_dropout(layer(frames)[0])
            frames = frames + outputs if self.config.residual and index > 0 else outputs
            states.append(zero_padding(frames, num_frames))
        return states

    @classmethod
    def _check_quantization(cls, codebooks, path) -> None:
        if bool(codebooks) != issubclass(cls, VqApcModel):
            found, fitting = ("with", "VqApcModel") if codebooks else ("without", "ApcModel")
            raise ValueError(f"{path} is a model {found} codebooks. Load it with `{fitting}.from_s3prl`.")


class VqApcModel(ApcModel):
    """APC whose prediction goes through a codebook; its hidden states are those in front of it."""

    config_class = VqApcConfig


__all__ = ["ApcConfig", "ApcModel", "VqApcConfig", "VqApcModel"]
