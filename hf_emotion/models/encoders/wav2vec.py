# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""wav2vec (Schneider et al., Interspeech 2019).

Convolutions turn the waveform into one frame z per 10 ms, causal convolutions with skip connections aggregate the
frames into contexts c. All norms are group norms with one group, averages over the channels and the frames of a clip:
here over its valid frames only.

Parameter names are those of fairseq, in which S3PRL stores the checkpoint `wav2vec_large.pt`.
"""

import ast
import math
import re
from collections.abc import Mapping
from typing import Any

import torch
from huggingface_hub.dataclasses import strict
from torch import nn
from transformers import initialization as init
from transformers.activations import ACT2FN

from .convolutional_encoder import ConvolutionalEncoder, ConvolutionalEncoderConfig, ConvWindow
from .padding import frame_mask, zero_padding
from .s3prl_checkpoint import check_only_values


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
class Wav2VecConfig(ConvolutionalEncoderConfig):
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
    >>> config.minimum_samples, config.inputs_to_logits_ratio, config.num_hidden_layers
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
    def conv_windows(self) -> list[ConvWindow]:
        """What each layer of the feature extractor reads of its input."""
        return [ConvWindow(*pair) for pair in zip(self.conv_kernel, self.conv_stride, strict=True)]


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
        padded = ~frame_mask(num_frames, states.shape[-1])[:, None]
        count = num_frames[:, None, None] * states.shape[1]
        centred = values - values.masked_fill(padded, 0.0).sum(dim=(1, 2), keepdim=True) / count
        variance = centred.masked_fill(padded, 0.0).square().sum(dim=(1, 2), keepdim=True) / count
        normed = centred * torch.rsqrt(variance + self.eps)
        return (normed * weight[:, None] + bias[:, None]).to(states.dtype)


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
        self.windows = config.conv_windows
        channels = [1, *[config.hidden_size] * (len(config.conv_kernel) - 1)]
        self.conv_layers = nn.ModuleList(
            Wav2VecConvLayer(
                [
                    nn.Conv1d(num_inputs, config.hidden_size, window.kernel, window.stride, bias=False),
                    nn.Identity(),  # fairseq's dropout, which is always 0 here
                    Wav2VecGroupNorm(config),
                    ACT2FN[config.hidden_act],
                ]
            )
            for num_inputs, window in zip(channels, self.windows, strict=True)
        )

    def forward(self, input_values: torch.Tensor, num_samples: torch.Tensor | None) -> torch.Tensor:
        states, lengths = input_values[:, None], num_samples
        for layer, window in zip(self.conv_layers, self.windows, strict=True):
            if lengths is not None:
                lengths = window.num_outputs(lengths)
            states = layer(states, lengths)
        return states.abs().log1p() if self.log_compression else states


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


class Wav2VecModel(ConvolutionalEncoder):
    """
    wav2vec: waveforms in, one frame of 512 numbers per 10 ms out. Among the parameters are the linear maps of the
    pretraining task, `wav2vec_predictions`, which published parameter counts include. No output depends on them, so
    that fine-tuning with data parallelism needs `ddp_find_unused_parameters=True`.

    `hidden_states` are the 13 that S3PRL exposes: the output of the feature extractor (before the quantizer, if there
    is one) and of each aggregator layer; padded frames are zero. S3PRL lets padding into the group norms; here each
    clip has the states that it has alone. The checkpoint is `wav2vec_large.pt` of s3prl/converted_ckpts.

    Args:
        config ([`Wav2VecConfig`]): the configuration.
    """

    config_class = Wav2VecConfig
    base_model_prefix = "wav2vec"
    _s3prl_parts = ("model_cfg", "model_weight")
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

    def _hidden_states(
        self, input_values: torch.Tensor, attention_mask: torch.Tensor | None, wants_all: bool
    ) -> list[torch.Tensor]:
        num_samples = self._num_samples(input_values, attention_mask)
        num_frames = None if num_samples is None else self._get_feat_extract_output_lengths(num_samples)
        features = self.feature_extractor(input_values, num_samples)
        quantized = features if self.vector_quantizer is None else self.vector_quantizer(features)
        states = [features, *self.feature_aggregator(quantized, num_frames)]
        return [
            zero_padding(state, num_frames, -1).transpose(1, 2) for state in (states if wants_all else states[-1:])
        ]

    @classmethod
    def _fields_and_weights(cls, checkpoint: dict[str, Any], path) -> tuple[dict[str, Any], Mapping[str, Any]]:
        fields = _FAIRSEQ_DEFAULTS | checkpoint["model_cfg"]
        quantizer = fields.get("vq_type") or "none"
        if quantizer != cls._quantizer_type:
            raise ValueError(
                f"{path} has the quantizer {quantizer!r}, but {cls.__name__} has {cls._quantizer_type!r}. Load models "
                "without quantizer with Wav2VecModel and Gumbel models with VqWav2VecModel; others are not built here."
            )
        check_only_values(fields, _FAIRSEQ_FIXED, cls.__name__, path)
        return cls._config_fields(fields), checkpoint["model_weight"]

    @classmethod
    def _config_fields(cls, fields: dict) -> dict:
        """Fields of our config from fairseq's."""
        features = _parsed_layers(fields["conv_feature_layers"])
        aggregator = _parsed_layers(fields["conv_aggregator_layers"])
        sizes = {layer[0] for layer in features + aggregator}
        if len(sizes) != 1 or any(stride != 1 for _, _, stride in aggregator):
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


def _parsed_layers(text: str) -> list[tuple[int, int, int]]:
    """Layers `(channels, kernel, stride)` of fairseq's notation, such as `[(512, 10, 5)] + [(512, 4, 2)] * 3`."""
    layers = []
    for group, repeats in re.findall(r"\[(.*?)\](?:\s*\*\s*(\d+))?", text):
        layers += list(ast.literal_eval(f"[{group}]")) * int(repeats or 1)
    return layers


__all__ = ["Wav2VecConfig", "Wav2VecModel"]
