# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""Modified CPC (Riviere et al., "Unsupervised pretraining transfers well across languages", ICASSP 2020).

Five convolutions turn the waveform into one frame per 10 ms, each followed by a norm over the channels of a frame, and
a recurrent network aggregates the frames into contexts. The published model (Libri-Light, 60,000 hours, epoch 4) has
256 channels and one LSTM layer. Parameter names are those of that checkpoint, `60k_epoch4-d0f474de.pt`, which S3PRL
downloads.
"""

import math
import os
from typing import TypeVar

import torch
from huggingface_hub.dataclasses import strict
from torch import nn
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import BaseModelOutput
from transformers.utils.generic import can_return_tuple

from .s3prl_checkpoint import load_strictly, read_s3prl_checkpoint
from .waveform_encoder import WaveformEncoderConfig


Lengths = TypeVar("Lengths", int, torch.Tensor)

_KERNELS = (10, 8, 4, 4, 4)
_STRIDES = (5, 4, 2, 2, 2)
_PADDINGS = (3, 2, 1, 1, 1)  # zeros on either side of a clip
_AGGREGATORS = {"LSTM": nn.LSTM, "GRU": nn.GRU}
# The names of the checkpoint's `config`, with what S3PRL takes where it leaves one out.
_CHECKPOINT_DEFAULTS = {"hiddenEncoder": 256, "hiddenGar": 256, "arMode": "LSTM", "nLevelsGRU": 1}
# Variants of the architecture that the published model does not use.
_CHECKPOINT_FIXED = {"encoder_type": "cpc", "normMode": "layerNorm", "cpc_mode": "none"}


@strict
class ModifiedCpcConfig(WaveformEncoderConfig):
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
    def inputs_to_logits_ratio(self) -> int:
        """Hop of the frames in samples."""
        return math.prod(_STRIDES)

    @property
    def num_hidden_states(self) -> int:
        """Number of hidden states: the output of the convolutions and of the recurrent network."""
        return 2

    @property
    def minimum_samples(self) -> int:
        """Number of samples that give one frame."""
        length = 1
        for kernel, stride, padding in reversed(list(zip(_KERNELS, _STRIDES, _PADDINGS, strict=True))):
            length = (length - 1) * stride + kernel - 2 * padding
        return length


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
        for index, (kernel, stride, padding) in enumerate(zip(_KERNELS, _STRIDES, _PADDINGS, strict=True)):
            num_inputs = config.conv_channels if index else 1
            self.add_module(f"conv{index}", nn.Conv1d(num_inputs, config.conv_channels, kernel, stride, padding))
            self.add_module(f"batchNorm{index}", ModifiedCpcChannelNorm(config))

    def forward(self, input_values: torch.Tensor, num_samples: torch.Tensor | None) -> torch.Tensor:
        states, lengths = _without_padding(input_values[:, None], num_samples), num_samples
        for index in range(len(_KERNELS)):
            convolved = self.get_submodule(f"conv{index}")(states)
            states = self.get_submodule(f"batchNorm{index}")(convolved).relu()
            if lengths is not None:
                lengths = _convolved_lengths(lengths, index)
            # the next convolution sees zeros behind the end of a clip, in a batch too
            states = _without_padding(states, lengths)
        return states


def _without_padding(states: torch.Tensor, lengths: torch.Tensor | None) -> torch.Tensor:
    if lengths is None:
        return states
    positions = torch.arange(states.shape[-1], device=states.device)
    return states.masked_fill((positions >= lengths[:, None])[:, None, :], 0.0)


def _convolved_lengths(lengths: Lengths, index: int) -> Lengths:
    return (lengths + 2 * _PADDINGS[index] - _KERNELS[index]) // _STRIDES[index] + 1


class ModifiedCpcAggregator(nn.Module):
    """Recurrent network over frames `(batch_size, num_frames, size)`, from a zero state for every clip."""

    def __init__(self, config: ModifiedCpcConfig):
        super().__init__()
        network = _AGGREGATORS[config.aggregator]
        self.baseNet = network(config.conv_channels, config.hidden_size, config.num_hidden_layers, batch_first=True)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        return self.baseNet(frames)[0]


class ModifiedCpcModel(PreTrainedModel):
    """
    Modified CPC: waveforms in, one context of 256 numbers per 10 ms out.

    Args:
        config ([`ModifiedCpcConfig`]): the configuration.
    """

    config_class = ModifiedCpcConfig
    base_model_prefix = "modified_cpc"
    main_input_name = "input_values"

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

    @can_return_tuple
    def forward(
        self,
        input_values: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        output_hidden_states: bool | None = None,
    ) -> BaseModelOutput:
        """
        Encode waveforms. The result of a clip does not depend on the batch.

        Args:
            input_values (`torch.Tensor`): waveforms `(batch_size, num_samples)` at 16 kHz.
            attention_mask (`torch.Tensor`, *optional*):
                `(batch_size, num_samples)`, 1 for samples, 0 for padding on the right.
            output_hidden_states (`bool`, *optional*): whether to return the hidden states.

        Returns:
            [`~transformers.modeling_outputs.BaseModelOutput`]: `last_hidden_state`
            `(batch_size, num_frames, hidden_size)` and `hidden_states`, the two that S3PRL exposes: the output of the
            convolutions and of the recurrent network. Padded frames are zero.

        Raises:
            `ValueError`: if a clip is too short for one frame.
        """
        num_samples = None if attention_mask is None else attention_mask.long().sum(dim=-1)
        shortest = input_values.shape[-1] if num_samples is None else int(num_samples.min())
        if shortest < self.config.minimum_samples:
            raise ValueError(
                f"A clip has {shortest} samples, but {type(self).__name__} needs {self.config.minimum_samples} for "
                "one frame. Pad it with zeros (and set its `attention_mask` to 1 there), or leave it out."
            )
        frames = self.gEncoder(input_values, num_samples).transpose(1, 2)
        contexts = self.gAR(frames)
        if num_samples is not None:
            num_frames = self._get_feat_extract_output_lengths(num_samples)
            contexts = _without_padding(contexts.transpose(1, 2), num_frames).transpose(1, 2)
        if output_hidden_states is None:
            output_hidden_states = self.config.output_hidden_states
        return BaseModelOutput(
            last_hidden_state=contexts, hidden_states=(frames, contexts) if output_hidden_states else None
        )

    def _get_feat_extract_output_lengths(self, input_lengths: Lengths) -> Lengths:
        """Number of frames for a number of samples."""
        for index in range(len(_KERNELS)):
            input_lengths = _convolved_lengths(input_lengths, index)
        return input_lengths

    @classmethod
    def from_s3prl(cls, path: str | os.PathLike) -> "ModifiedCpcModel":
        """
        Load the checkpoint that S3PRL downloads, `60k_epoch4-d0f474de.pt`: a dictionary with the keys `config` and
        `weights`.

        Args:
            path (`str` or `os.PathLike`): the file.

        Returns:
            [`ModifiedCpcModel`]: the model in evaluation mode.

        Raises:
            `ValueError`: if the file is no such checkpoint, describes another architecture, or if a weight is
            missing, left over or misshapen, naming it.
        """
        checkpoint = read_s3prl_checkpoint(path, ("config", "weights"))
        fields = _CHECKPOINT_FIXED | _CHECKPOINT_DEFAULTS | checkpoint["config"]
        other = {name: fields[name] for name, value in _CHECKPOINT_FIXED.items() if (fields[name] or value) != value}
        if other:
            raise ValueError(
                f"{path} describes another architecture than {cls.__name__}, which needs {_CHECKPOINT_FIXED}, but "
                f"found {other}. Use the checkpoint that S3PRL names `modified_cpc`."
            )
        config = cls.config_class(
            conv_channels=fields["hiddenEncoder"],
            hidden_size=fields["hiddenGar"],
            aggregator=fields["arMode"],
            num_hidden_layers=fields["nLevelsGRU"],
        )
        model = cls(config)
        load_strictly(model, checkpoint["weights"], path)
        return model.eval()


__all__ = ["ModifiedCpcConfig", "ModifiedCpcModel"]
