# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""Modified CPC (Riviere et al., "Unsupervised pretraining transfers well across languages", ICASSP 2020).

Five convolutions turn the waveform into one frame per 10 ms, each followed by a norm over the channels of a frame, and
a recurrent network aggregates the frames into contexts. The published model (Libri-Light, 60,000 hours, epoch 4) has
256 channels and one LSTM layer. Parameter names are those of that checkpoint, `60k_epoch4-d0f474de.pt`, which S3PRL
downloads.
"""

from collections.abc import Mapping
from typing import Any

import torch
from huggingface_hub.dataclasses import strict
from torch import nn
from transformers import initialization as init

from .convolutional_encoder import ConvolutionalEncoder, ConvolutionalEncoderConfig, ConvWindow
from .padding import zero_padding
from .s3prl_checkpoint import check_only_values


# zeros on either side of a clip
_WINDOWS = [ConvWindow(10, 5, 3, 3), ConvWindow(8, 4, 2, 2), *[ConvWindow(4, 2, 1, 1)] * 3]
_AGGREGATORS = {"LSTM": nn.LSTM, "GRU": nn.GRU}
# The names of the checkpoint's `config`, with what S3PRL takes where it leaves one out.
_CHECKPOINT_DEFAULTS = {"hiddenEncoder": 256, "hiddenGar": 256, "arMode": "LSTM", "nLevelsGRU": 1}
# Variants of the architecture that the published model does not use.
_CHECKPOINT_FIXED = {"encoder_type": "cpc", "normMode": "layerNorm", "cpc_mode": "none"}


@strict
class ModifiedCpcConfig(ConvolutionalEncoderConfig):
    r"""
    Configuration of a [`ModifiedCpcModel`]. The defaults are those of the published model (1.84 M parameters).

    Args:
        conv_channels (`int`, *optional*, defaults to 256):
            Channels of the convolutions.
        hidden_size (`int`, *optional*, defaults to 256):
            Size of the contexts; equal to `conv_channels`, so that the hidden states have one size.
        aggregator (`str`, *optional*, defaults to `"LSTM"`):
            The recurrent network, `"LSTM"` or `"GRU"`.
        num_hidden_layers (`int`, *optional*, defaults to 1):
            Its number of layers.
        layer_norm_eps (`float`, *optional*, defaults to 1e-5):
            Added to the variance in the channel norms.

    Example:

    ```python
    >>> from hf_emotion.models.encoders.modified_cpc import ModifiedCpcConfig

    >>> config = ModifiedCpcConfig()
    >>> config.inputs_to_logits_ratio, config.aggregator
    (160, 'LSTM')

    ```
    """

    model_type = "modified_cpc"

    conv_channels: int = 256
    hidden_size: int = 256
    aggregator: str = "LSTM"
    num_hidden_layers: int = 1
    layer_norm_eps: float = 1e-5

    def validate_aggregator(self):
        """Part of the `@strict` validation: a known network, of the size of the frames."""
        if self.aggregator not in _AGGREGATORS:
            raise ValueError(f"`aggregator` must be one of {', '.join(_AGGREGATORS)}, but is {self.aggregator!r}.")
        if self.conv_channels != self.hidden_size:
            raise ValueError(
                f"`conv_channels` {self.conv_channels} must equal `hidden_size` {self.hidden_size}: layers of "
                "different sizes cannot be averaged."
            )

    @property
    def conv_windows(self) -> list[ConvWindow]:
        """What each convolution reads of its input."""
        return _WINDOWS

    @property
    def num_hidden_states(self) -> int:
        """Number of hidden states: the output of the convolutions and of the recurrent network."""
        return 2


class ModifiedCpcChannelNorm(nn.Module):
    """Norm over the channels of each frame, with the unbiased variance."""

    def __init__(self, config: ModifiedCpcConfig):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1, config.conv_channels, 1))
        self.bias = nn.Parameter(torch.zeros(1, config.conv_channels, 1))
        self.eps = config.layer_norm_eps

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        variance, mean = torch.var_mean(states, dim=1, keepdim=True)
        return (states - mean) * torch.rsqrt(variance + self.eps) * self.weight + self.bias


class ModifiedCpcEncoder(nn.Module):
    """Waveform `(batch_size, num_samples)` to frames `(batch_size, conv_channels, num_frames)`."""

    def __init__(self, config: ModifiedCpcConfig):
        super().__init__()
        for index, (kernel, stride, padding, _) in enumerate(_WINDOWS):
            num_inputs = config.conv_channels if index else 1
            self.add_module(f"conv{index}", nn.Conv1d(num_inputs, config.conv_channels, kernel, stride, padding))
            self.add_module(f"batchNorm{index}", ModifiedCpcChannelNorm(config))

    def forward(self, input_values: torch.Tensor, num_samples: torch.Tensor | None) -> torch.Tensor:
        states, lengths = zero_padding(input_values[:, None], num_samples, -1), num_samples
        for index, window in enumerate(_WINDOWS):
            convolved = self.get_submodule(f"conv{index}")(states)
            states = self.get_submodule(f"batchNorm{index}")(convolved).relu()
            if lengths is not None:
                lengths = window.num_outputs(lengths)
            # the next convolution sees zeros behind the end of a clip, in a batch too
            states = zero_padding(states, lengths, -1)
        return states


class ModifiedCpcAggregator(nn.Module):
    """Recurrent network over frames `(batch_size, num_frames, size)`, from a zero state for every clip."""

    def __init__(self, config: ModifiedCpcConfig):
        super().__init__()
        network = _AGGREGATORS[config.aggregator]
        self.baseNet = network(config.conv_channels, config.hidden_size, config.num_hidden_layers, batch_first=True)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        return self.baseNet(frames)[0]


class ModifiedCpcModel(ConvolutionalEncoder):
    """
    Modified CPC: waveforms in, one context of 256 numbers per 10 ms out. `hidden_states` are the two that S3PRL
    exposes: the output of the convolutions and of the recurrent network; padded frames are zero.

    Args:
        config ([`ModifiedCpcConfig`]): the configuration.
    """

    config_class = ModifiedCpcConfig
    base_model_prefix = "modified_cpc"
    _s3prl_parts = ("config", "weights")

    def __init__(self, config: ModifiedCpcConfig):
        super().__init__(config)
        self.gEncoder = ModifiedCpcEncoder(config)
        self.gAR = ModifiedCpcAggregator(config)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, ModifiedCpcChannelNorm):
            init.ones_(module.weight)
            init.zeros_(module.bias)
        elif isinstance(module, nn.GRU):  # transformers knows the LSTM only
            for name, parameter in module.named_parameters():
                if name.startswith("bias"):
                    init.zeros_(parameter)
                else:
                    init.xavier_uniform_(parameter)

    def _hidden_states(
        self, input_values: torch.Tensor, attention_mask: torch.Tensor | None, wants_all: bool
    ) -> list[torch.Tensor]:
        num_samples = self._num_samples(input_values, attention_mask)
        frames = self.gEncoder(input_values, num_samples).transpose(1, 2)
        num_frames = None if num_samples is None else self._get_feat_extract_output_lengths(num_samples)
        return [frames, zero_padding(self.gAR(frames), num_frames)]

    @classmethod
    def _fields_and_weights(cls, checkpoint: dict[str, Any], path) -> tuple[dict[str, Any], Mapping[str, Any]]:
        description = _CHECKPOINT_DEFAULTS | checkpoint["config"]
        check_only_values(description, _CHECKPOINT_FIXED, cls.__name__, path)
        fields = {
            "conv_channels": description["hiddenEncoder"],
            "hidden_size": description["hiddenGar"],
            "aggregator": description["arMode"],
            "num_hidden_layers": description["nLevelsGRU"],
        }
        return fields, checkpoint["weights"]


__all__ = ["ModifiedCpcConfig", "ModifiedCpcModel"]
