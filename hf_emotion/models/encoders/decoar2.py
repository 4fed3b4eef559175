# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""DeCoAR 2.0: a transformer over every second frame of a normalised filter bank.

Ling and Liu, "DeCoAR 2.0: Deep Contextualized Acoustic Representations with Vector Quantization", 2020. It is trained
to reconstruct masked frames from vector-quantised states; quantiser and reconstruction are left out here.

    Kaldi log-mel frames of 10 ms (Hamming window), CMVN, every second -> Linear
        -> + grouped convolution over 128 frames (GELU) -> LayerNorm -> 12 layers (norm after attention, feed-forward)
"""

from collections.abc import Mapping
from typing import Any

import torch
from huggingface_hub.dataclasses import strict
from torch import nn
from transformers import initialization as init
from transformers.utils import logging

from .filter_bank import clip_features, filter_bank_frames
from .padding import Lengths, frame_mask
from .self_attention import attend, run_layers
from .waveform_encoder import S3prlEncoder, WaveformEncoderConfig


logger = logging.get_logger(__name__)

_ENCODER_PARTS = ("post_extract_proj.", "encoder.")


@strict
class Decoar2Config(WaveformEncoderConfig):
    r"""
    Configuration of a DeCoAR 2.0 model. The defaults are the published model (90 M parameters).

    Args:
        num_mel_bins (`int`, *optional*, defaults to 80):
            Number of mel filters.
        frame_stride (`int`, *optional*, defaults to 2):
            Every how many frames of 10 ms one is read.
        hidden_size (`int`, *optional*, defaults to 768):
            Size of the states.
        num_hidden_layers (`int`, *optional*, defaults to 12):
            Number of transformer layers.
        num_attention_heads (`int`, *optional*, defaults to 12):
            Number of attention heads of a layer.
        intermediate_size (`int`, *optional*, defaults to 3072):
            Size inside the feed-forward part of a layer.
        hidden_dropout (`float`, *optional*, defaults to 0.1):
            Dropout of the states.
        attention_dropout (`float`, *optional*, defaults to 0.1):
            Dropout of the attention weights.
        num_conv_pos_embeddings (`int`, *optional*, defaults to 128):
            Frames that the positional convolution looks at.
        num_conv_pos_embedding_groups (`int`, *optional*, defaults to 16):
            Groups of the positional convolution.
        initializer_range (`float`, *optional*, defaults to 0.02):
            Standard deviation of new weights.
        layer_norm_eps (`float`, *optional*, defaults to 1e-5):
            Epsilon of the layer norms.
    """

    model_type = "decoar2"

    num_mel_bins: int = 80
    frame_stride: int = 2
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_dropout: float | int = 0.1
    attention_dropout: float | int = 0.1
    num_conv_pos_embeddings: int = 128
    num_conv_pos_embedding_groups: int = 16
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-5

    def validate_sizes(self):
        """Part of the `@strict` validation."""
        for name in ("num_attention_heads", "num_conv_pos_embedding_groups"):
            if self.hidden_size % getattr(self, name):
                raise ValueError(f"`hidden_size` {self.hidden_size} cannot be divided by `{name}`.")


class PositionalConvolution(nn.Module):
    """Grouped convolution whose weight is stored as direction and, for each tap, length (weight normalisation)."""

    def __init__(self, config: Decoar2Config):
        super().__init__()
        taps, groups = config.num_conv_pos_embeddings, config.num_conv_pos_embedding_groups
        self.groups = groups
        self.weight_g = nn.Parameter(torch.ones(1, 1, taps))
        self.weight_v = nn.Parameter(torch.randn(config.hidden_size, config.hidden_size // groups, taps))
        self.bias = nn.Parameter(torch.zeros(config.hidden_size))

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        length = torch.linalg.vector_norm(self.weight_v, dim=(0, 1), keepdim=True)
        weight = self.weight_v * (self.weight_g / length)
        taps = weight.shape[-1]
        positions = nn.functional.conv1d(
            states.transpose(1, 2), weight, self.bias, padding=taps // 2, groups=self.groups
        )
        # an even number of taps gives one frame too many
        return positions[..., : states.shape[1]].transpose(1, 2)


class Decoar2Attention(nn.Module):
    def __init__(self, config: Decoar2Config):
        super().__init__()
        self.num_heads = config.num_attention_heads
        self.dropout = config.attention_dropout
        self.k_proj = nn.Linear(config.hidden_size, config.hidden_size)
        self.v_proj = nn.Linear(config.hidden_size, config.hidden_size)
        self.q_proj = nn.Linear(config.hidden_size, config.hidden_size)
        self.out_proj = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        query, key, value = self.q_proj(states), self.k_proj(states), self.v_proj(states)
        dropout = self.dropout if self.training else 0.0
        return self.out_proj(attend(query, key, value, self.num_heads, mask, dropout))


class Decoar2Layer(nn.Module):
    def __init__(self, config: Decoar2Config):
        super().__init__()
        self.self_attn = Decoar2Attention(config)
        self.self_attn_layer_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.fc1 = nn.Linear(config.hidden_size, config.intermediate_size)
        self.fc2 = nn.Linear(config.intermediate_size, config.hidden_size)
        self.final_layer_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout)

    def forward(self, states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        states = self.self_attn_layer_norm(states + self.dropout(self.self_attn(states, mask)))
        return self.final_layer_norm(states + self.dropout(self.fc2(nn.functional.gelu(self.fc1(states)))))


class Decoar2Encoder(nn.Module):
    def __init__(self, config: Decoar2Config):
        super().__init__()
        # a list of one, so that the parameters have the names of the checkpoint
        self.pos_conv = nn.ModuleList([PositionalConvolution(config)])
        self.layers = nn.ModuleList(Decoar2Layer(config) for _ in range(config.num_hidden_layers))
        self.layer_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout)

    def forward(self, states: torch.Tensor, valid: torch.Tensor, wants_all: bool) -> list[torch.Tensor]:
        states = states.masked_fill(~valid[..., None], 0.0)
        states = self.dropout(self.layer_norm(states + nn.functional.gelu(self.pos_conv[0](states))))
        return run_layers(self.layers, states, valid, wants_all)


class Decoar2Model(S3prlEncoder):
    """
    The DeCoAR 2.0 encoder: one frame every 20 ms. `hidden_states` is the list of S3PRL's `decoar2`: the input of every
    layer, then the output of the last one; padded frames hold anything finite. Its checkpoint is
    `checkpoint_decoar2.pt`; what lies outside `post_extract_proj` and `encoder` there, which only pre-training has, is
    left out and named in the log.

    Args:
        config ([`Decoar2Config`]): its sizes.

    Example:

    ```python
    >>> import torch
    >>> from hf_emotion.models.encoders.decoar2 import Decoar2Config, Decoar2Model

    >>> config = Decoar2Config(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
    >>> outputs = Decoar2Model(config).eval()(torch.randn(1, 16000), output_hidden_states=True)
    >>> outputs.last_hidden_state.shape, len(outputs.hidden_states)
    (torch.Size([1, 49, 32]), 3)

    ```
    """

    config_class = Decoar2Config
    _supports_sdpa = True
    base_model_prefix = "decoar2"
    _no_split_modules = ["Decoar2Layer"]
    _s3prl_parts = ("model",)

    def __init__(self, config: Decoar2Config):
        super().__init__(config)
        self.post_extract_proj = nn.Linear(config.num_mel_bins, config.hidden_size)
        self.dropout_input = nn.Dropout(config.hidden_dropout)
        self.encoder = Decoar2Encoder(config)
        self.post_init()

    def _init_weights(self, module: nn.Module):
        super()._init_weights(module)
        if isinstance(module, PositionalConvolution):
            # each tap starts with the length that its direction is drawn with
            deviation = 2 / (module.weight_v.shape[-1] * module.weight_v.shape[0]) ** 0.5
            init.normal_(module.weight_v, std=deviation)
            init.constant_(module.weight_g, deviation * (module.weight_v[..., 0].numel() ** 0.5))
            init.zeros_(module.bias)

    @classmethod
    def _fields_and_weights(cls, checkpoint: dict[str, Any], path) -> tuple[dict[str, Any], Mapping[str, Any]]:
        weights = checkpoint["model"]
        encoder = {name: value for name, value in weights.items() if name.startswith(_ENCODER_PARTS)}
        if others := sorted(set(weights) - set(encoder)):
            logger.info(f"Left out weights of {path} that only pre-training uses: {', '.join(others)}")
        return {}, encoder

    def _get_feat_extract_output_lengths(self, input_lengths: Lengths) -> Lengths:
        stride = self.config.frame_stride
        return (filter_bank_frames(input_lengths) + stride - 1) // stride

    def _hidden_states(
        self, input_values: torch.Tensor, attention_mask: torch.Tensor | None, wants_all: bool
    ) -> list[torch.Tensor]:
        stride = self.config.frame_stride
        features, num_frames = clip_features(input_values, attention_mask, self.config.num_mel_bins, window="hamming")
        valid = frame_mask(num_frames, features.shape[1])[:, ::stride]
        projected = self.post_extract_proj(features[:, ::stride].to(self.dtype))
        return self.encoder(self.dropout_input(projected), valid, wants_all)


__all__ = ["Decoar2Config", "Decoar2Model"]
