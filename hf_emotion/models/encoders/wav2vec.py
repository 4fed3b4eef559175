# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""wav2vec (Schneider et al., Interspeech 2019).

Convolutions turn the waveform into one frame z per 10 ms, causal convolutions with skip connections aggregate the
frames into contexts c. All norms are group norms with one group, averages over the channels and the frames of a clip:
here over its valid frames only.

Parameter names are those of fairseq, in which S3PRL stores the checkpoint `wav2vec_large.pt`.
"""

import ast
import math
import os
import re
from typing import TypeVar

import torch
from huggingface_hub.dataclasses import strict
from torch import nn
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.activations import ACT2FN
from transformers.modeling_outputs import BaseModelOutput
from transformers.utils.generic import can_return_tuple

from .s3prl_checkpoint import load_strictly, read_s3prl_checkpoint
from .waveform_encoder import WaveformEncoderConfig


Lengths = TypeVar("Lengths", int, torch.Tensor)

# What S3PRL takes for a field that a checkpoint's `model_cfg` leaves out.
_FAIRSEQ_DEFAULTS = {
    "conv_feature_layers": str([(512, 10, 5), (512, 8, 4)] + 3 * [(512, 4, 2)] + 3 * [(512, 1, 1)]),
    "conv_aggregator_layers": str([(512, kernel, 1) for kernel in range(2, 14)]),
    "activation": "relu",
    "log_compression": True,
    "skip_connections_agg": True,
    "residual_scale": 0.5,
    "dropout": 0.0,
    "prediction_steps": 12,
    "vq_type": "none",
}
# Variants of the architecture that neither published model uses.
_FAIRSEQ_FIXED = {
    "aggregator": "cnn",
    "skip_connections_feat": False,
    "non_affine_group_norm": False,
    "no_conv_bias": False,
    "agg_zero_pad": False,
    "project_features": "none",
}


@strict
class Wav2VecConfig(WaveformEncoderConfig):
    r"""
    Configuration of a [`Wav2VecModel`]. The defaults are those of "wav2vec large" (32.5 M parameters).

    Args:
        hidden_size (`int`, *optional*, defaults to 512):
            Channels of all convolutions.
        conv_kernel (`list[int]`, *optional*, defaults to `(10, 8, 4, 4, 4, 1, 1)`):
            Kernel sizes of the feature extractor.
        conv_stride (`list[int]`, *optional*, defaults to `(5, 4, 2, 2, 2, 1, 1)`):
            Its strides; their product, 160 samples, is the hop of the frames.
        aggregator_kernel (`list[int]`, *optional*, defaults to `(2, 3, ..., 13)`):
            Kernel sizes of the aggregator's causal convolutions.
        hidden_act (`str`, *optional*, defaults to `"relu"`):
            Activation after each norm.
        log_compression (`bool`, *optional*, defaults to `True`):
            Whether the extracted features x become log(1 + |x|).
        aggregator_skip_connections (`bool`, *optional*, defaults to `True`):
            Whether each aggregator layer adds its input to its output.
        residual_scale (`float`, *optional*, defaults to 0.5):
            Square of the factor on that sum.
        hidden_dropout (`float`, *optional*, defaults to 0.0):
            Dropout of the aggregator.
        num_prediction_steps (`int`, *optional*, defaults to 12):
            Number of future frames that the pretraining predicts.
        layer_norm_eps (`float`, *optional*, defaults to 1e-5):
            Added to the variance in the group norms.

    Example:

    ```python
    >>> from hf_emotion.models.encoders.wav2vec import Wav2VecConfig

    >>> config = Wav2VecConfig()
    >>> config.receptive_field, config.inputs_to_logits_ratio, config.num_hidden_layers
    (465, 160, 12)

    ```
    """

    model_type = "wav2vec"

    hidden_size: int = 512
    conv_kernel: list[int] | tuple[int, ...] = (10, 8, 4, 4, 4, 1, 1)
    conv_stride: list[int] | tuple[int, ...] = (5, 4, 2, 2, 2, 1, 1)
    aggregator_kernel: list[int] | tuple[int, ...] = tuple(range(2, 14))
    hidden_act: str = "relu"
    log_compression: bool = True
    aggregator_skip_connections: bool = True
    residual_scale: float = 0.5
    hidden_dropout: float = 0.0
    num_prediction_steps: int = 12
    layer_norm_eps: float = 1e-5

    def validate_convolutions(self):
        """Part of the `@strict` validation: one stride per kernel, and something to aggregate."""
        if len(self.conv_kernel) != len(self.conv_stride) or not self.conv_kernel or not self.aggregator_kernel:
            raise ValueError(
                f"`conv_kernel` {self.conv_kernel} and `conv_stride` {self.conv_stride} must have one entry per "
                f"layer, and `aggregator_kernel` {self.aggregator_kernel} at least one."
            )

    @property
    def num_hidden_layers(self) -> int:
        """Number of aggregator layers."""
        return len(self.aggregator_kernel)

    @property
    def inputs_to_logits_ratio(self) -> int:
        """Hop of the frames in samples."""
        return math.prod(self.conv_stride)

    @property
    def receptive_field(self) -> int:
        """Number of samples that the feature extractor needs for one frame."""
        samples = 1
        for kernel, stride in zip(reversed(self.conv_kernel), reversed(self.conv_stride), strict=True):
            samples = (samples - 1) * stride + kernel
        return samples

    minimum_samples = receptive_field


class Wav2VecGroupNorm(nn.Module):
    """Group norm with one group, whose statistics leave padded frames out. Not an `nn.GroupNorm`, so that nothing
    takes it for one that can do without the number of frames."""

    def __init__(self, config: Wav2VecConfig):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(config.hidden_size))
        self.bias = nn.Parameter(torch.zeros(config.hidden_size))
        self.eps = config.layer_norm_eps

    def forward(self, states: torch.Tensor, num_frames: torch.Tensor | None) -> torch.Tensor:
        values = states.float()
        weight, bias = self.weight.float(), self.bias.float()
        if num_frames is None:
            return nn.functional.group_norm(values, 1, weight, bias, self.eps).to(states.dtype)
        padded = _padded_frames(states, num_frames)
        count = num_frames[:, None, None] * states.shape[1]
        centred = values - values.masked_fill(padded, 0.0).sum(dim=(1, 2), keepdim=True) / count
        variance = centred.masked_fill(padded, 0.0).square().sum(dim=(1, 2), keepdim=True) / count
        normed = centred * torch.rsqrt(variance + self.eps)
        return (normed * weight[:, None] + bias[:, None]).to(states.dtype)


def _padded_frames(states: torch.Tensor, num_frames: torch.Tensor) -> torch.Tensor:
    frames = torch.arange(states.shape[-1], device=states.device)
    return (frames >= num_frames[:, None])[:, None, :]


class Wav2VecConvLayer(nn.ModuleList):
    """Convolution, dropout, norm and activation in the positions that give fairseq's parameter names."""

    def forward(self, states: torch.Tensor, num_frames: torch.Tensor | None) -> torch.Tensor:
        for module in self:
            is_norm = isinstance(module, Wav2VecGroupNorm)
            states = module(states, num_frames) if is_norm else module(states)
        return states


class Wav2VecFeatureExtractor(nn.Module):
    """Waveform `(batch_size, num_samples)` to features `(batch_size, hidden_size, num_frames)`."""

    def __init__(self, config: Wav2VecConfig):
        super().__init__()
        self.log_compression = config.log_compression
        self.windows = list(zip(config.conv_kernel, config.conv_stride, strict=True))
        channels = [1, *[config.hidden_size] * (len(config.conv_kernel) - 1)]
        self.conv_layers = nn.ModuleList(
            Wav2VecConvLayer(
                [
                    nn.Conv1d(num_inputs, config.hidden_size, kernel, stride, bias=False),
                    nn.Identity(),  # fairseq's dropout, which is always 0 here
                    Wav2VecGroupNorm(config),
                    ACT2FN[config.hidden_act],
                ]
            )
            for num_inputs, (kernel, stride) in zip(channels, self.windows, strict=True)
        )

    def forward(self, input_values: torch.Tensor, num_samples: torch.Tensor | None) -> torch.Tensor:
        states, lengths = input_values[:, None], num_samples
        for layer, (kernel, stride) in zip(self.conv_layers, self.windows, strict=True):
            if lengths is not None:
                lengths = _convolved_lengths(lengths, kernel, stride)
            states = layer(states, lengths)
        return states.abs().log1p() if self.log_compression else states


def _convolved_lengths(lengths: Lengths, kernel: int, stride: int) -> Lengths:
    return (lengths - kernel) // stride + 1


class Wav2VecAggregator(nn.Module):
    """Causal convolutions over frames, each with a scaled skip connection. The first frame repeats to its left."""

    def __init__(self, config: Wav2VecConfig):
        super().__init__()
        self.skip_connections = config.aggregator_skip_connections
        self.residual_factor = math.sqrt(config.residual_scale)
        size = config.hidden_size
        self.conv_layers = nn.ModuleList(
            Wav2VecConvLayer(
                [
                    nn.ReplicationPad1d((kernel - 1, 0)),
                    nn.Conv1d(size, size, kernel),
                    nn.Dropout(config.hidden_dropout),
                    Wav2VecGroupNorm(config),
                    ACT2FN[config.hidden_act],
                ]
            )
            for kernel in config.aggregator_kernel
        )

    def forward(self, states: torch.Tensor, num_frames: torch.Tensor | None) -> list[torch.Tensor]:
        outputs = []
        for layer in self.conv_layers:
            aggregated = layer(states, num_frames)
            states = (aggregated + states) * self.residual_factor if self.skip_connections else aggregated
            outputs.append(states)
        return outputs


class Wav2VecPredictions(nn.Module):
    """The linear maps of the pretraining task, kept so that checkpoints load without a remainder."""

    def __init__(self, config: Wav2VecConfig):
        super().__init__()
        size = config.hidden_size
        self.project_to_steps = nn.ConvTranspose2d(size, size, (1, config.num_prediction_steps))


class Wav2VecModel(PreTrainedModel):
    """
    wav2vec: waveforms in, one frame of 512 numbers per 10 ms out. Among the parameters are the linear maps of the
    pretraining task, `wav2vec_predictions`, which published parameter counts include. No output depends on them, so
    that fine-tuning with data parallelism needs `ddp_find_unused_parameters=True`.

    Args:
        config ([`Wav2VecConfig`]): the configuration.
    """

    config_class = Wav2VecConfig
    base_model_prefix = "wav2vec"
    main_input_name = "input_values"
    _quantizer_type = "none"

    def __init__(self, config: Wav2VecConfig):
        super().__init__(config)
        self.feature_extractor = Wav2VecFeatureExtractor(config)
        self.vector_quantizer = self._new_quantizer(config)
        self.feature_aggregator = Wav2VecAggregator(config)
        self.wav2vec_predictions = Wav2VecPredictions(config)
        self.post_init()

    @staticmethod
    def _new_quantizer(config) -> nn.Module | None:
        return None

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, Wav2VecGroupNorm):
            init.ones_(module.weight)
            init.zeros_(module.bias)

    @can_return_tuple
    def forward(
        self,
        input_values: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        output_hidden_states: bool | None = None,
    ) -> BaseModelOutput:
        """
        Encode waveforms. The result of a clip does not depend on the batch, whereas S3PRL lets the padding into the
        group norms.

        Args:
            input_values (`torch.Tensor`): waveforms `(batch_size, num_samples)` at 16 kHz.
            attention_mask (`torch.Tensor`, *optional*):
                `(batch_size, num_samples)`, 1 for samples, 0 for padding on the right.
            output_hidden_states (`bool`, *optional*): whether to return the hidden states.

        Returns:
            [`~transformers.modeling_outputs.BaseModelOutput`]: `last_hidden_state`
            `(batch_size, num_frames, hidden_size)` and `hidden_states`, the 13 that S3PRL exposes: the output of the
            feature extractor (before the quantizer, if there is one) and of each aggregator layer. Padded frames are
            zero.

        Raises:
            `ValueError`: if a clip is shorter than the receptive field, 465 samples.
        """
        num_samples = None if attention_mask is None else attention_mask.long().sum(dim=-1)
        shortest = input_values.shape[-1] if num_samples is None else int(num_samples.min())
        if shortest < self.config.receptive_field:
            raise ValueError(
                f"A clip has {shortest} samples, but {type(self).__name__} needs {self.config.receptive_field} for "
                "one frame. Pad it with zeros (and set its `attention_mask` to 1 there), or leave it out."
            )
        num_frames = None if num_samples is None else self._get_feat_extract_output_lengths(num_samples)
        features = self.feature_extractor(input_values, num_samples)
        quantized = features if self.vector_quantizer is None else self.vector_quantizer(features)
        states = [features, *self.feature_aggregator(quantized, num_frames)]
        if output_hidden_states is None:
            output_hidden_states = self.config.output_hidden_states
        wanted = [_frames_first(state, num_frames) for state in (states if output_hidden_states else states[-1:])]
        return BaseModelOutput(
            last_hidden_state=wanted[-1], hidden_states=tuple(wanted) if output_hidden_states else None
        )

    def _get_feat_extract_output_lengths(self, input_lengths: Lengths) -> Lengths:
        """Number of frames for a number of samples."""
        for kernel, stride in zip(self.config.conv_kernel, self.config.conv_stride, strict=True):
            input_lengths = _convolved_lengths(input_lengths, kernel, stride)
        return input_lengths

    @classmethod
    def from_s3prl(cls, path: str | os.PathLike) -> "Wav2VecModel":
        """
        Load the checkpoint that S3PRL downloads: `wav2vec_large.pt` (or `vq-wav2vec.pt` in [`VqWav2VecModel`]) of
        s3prl/converted_ckpts, a dictionary with the keys `task_cfg`, `model_cfg` and `model_weight`.

        Args:
            path (`str` or `os.PathLike`): the file.

        Returns:
            [`Wav2VecModel`]: the model in evaluation mode.

        Raises:
            `ValueError`: if the file is no such checkpoint, describes another architecture, or if a weight is
            missing, left over or misshapen, naming it.
        """
        checkpoint = read_s3prl_checkpoint(path, ("model_cfg", "model_weight"))
        fields = _FAIRSEQ_FIXED | _FAIRSEQ_DEFAULTS | checkpoint["model_cfg"]
        expected = _FAIRSEQ_FIXED | {"vq_type": cls._quantizer_type}
        other = {name: fields[name] for name, value in expected.items() if (fields[name] or value) != value}
        if other:
            raise ValueError(
                f"{path} describes another architecture than {cls.__name__}, which needs {expected}, but found "
                f"{other}. Load models without quantizer with Wav2VecModel and Gumbel models with VqWav2VecModel."
            )
        model = cls(cls.config_class(**cls._config_fields(fields)))
        load_strictly(model, checkpoint["model_weight"], path)
        return model.eval()

    @classmethod
    def _config_fields(cls, fields: dict) -> dict:
        """Fields of our config from fairseq's."""
        features = _parsed_layers(fields["conv_feature_layers"])
        aggregator = _parsed_layers(fields["conv_aggregator_layers"])
        sizes = {layer[0] for layer in features + aggregator}
        if len(sizes) > 1 or any(stride != 1 for _, _, stride in aggregator):
            raise ValueError(
                f"The convolutions {features} and {aggregator} must all have one number of channels, and those of the "
                "aggregator stride 1: other variants were never published and are not built here."
            )
        return {
            "hidden_size": sizes.pop(),
            "conv_kernel": [kernel for _, kernel, _ in features],
            "conv_stride": [stride for _, _, stride in features],
            "aggregator_kernel": [kernel for _, kernel, _ in aggregator],
            "hidden_act": fields["activation"],
            "log_compression": fields["log_compression"],
            "aggregator_skip_connections": fields["skip_connections_agg"],
            "residual_scale": float(fields["residual_scale"]),
            "hidden_dropout": float(fields["dropout"]),
            "num_prediction_steps": fields["prediction_steps"],
        }


def _frames_first(states: torch.Tensor, num_frames: torch.Tensor | None) -> torch.Tensor:
    if num_frames is not None:
        states = states.masked_fill(_padded_frames(states, num_frames), 0.0)
    return states.transpose(1, 2)


def _parsed_layers(text: str) -> list[tuple[int, int, int]]:
    """Layers `(channels, kernel, stride)` of fairseq's notation, such as `[(512, 10, 5)] + [(512, 4, 2)] * 3`."""
    layers = []
    for group, repeats in re.findall(r"\[(.*?)\](?:\s*\*\s*(\d+))?", text):
        layers += list(ast.literal_eval(f"[{group}]")) * int(repeats or 1)
    return layers


__all__ = ["Wav2VecConfig", "Wav2VecModel"]
