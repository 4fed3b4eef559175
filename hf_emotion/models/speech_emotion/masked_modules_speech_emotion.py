# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""Modules that take the place of those of transformers' encoders, with the same parameters: their result for a clip
depends neither on padding nor on what is frozen."""

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.models.wavlm.modeling_wavlm import WavLMAttention


class MaskedGroupNorm(nn.GroupNorm):
    """Group norm with one channel per group whose statistics leave padded frames out.

    `num_frames` `(batch_size,)` is set before each forward pass; with `None` it is a plain group norm. It stays until
    the next one, since gradient checkpointing runs the module again in the backward pass.
    """

    num_frames: torch.Tensor | None = None

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        if self.num_frames is None:
            return super().forward(hidden_states)
        valid = _frame_mask(self.num_frames, hidden_states)
        values = hidden_states.float()
        count = valid.sum(dim=-1, keepdim=True)
        centred = values - values.masked_fill(~valid, 0.0).sum(dim=-1, keepdim=True) / count
        variance = centred.masked_fill(~valid, 0.0).square().sum(dim=-1, keepdim=True) / count
        normed = centred * torch.rsqrt(variance + self.eps)
        return (normed * self.weight[:, None].float() + self.bias[:, None].float()).to(hidden_states.dtype)


class MaskedConv1d(nn.Conv1d):
    """Convolution between frames that sees zeros instead of padded frames, as it does behind the end of a clip."""

    num_frames: torch.Tensor | None = None

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        if self.num_frames is not None:
            hidden_states = hidden_states.masked_fill(~_frame_mask(self.num_frames, hidden_states), 0.0)
        return super().forward(hidden_states)


class TimeFirstWavLMAttention(WavLMAttention):
    """WavLM's attention on states that are stored frame by frame, which is how it reads them.

    Of the clip by clip layout torch picks the kernel by `requires_grad` of the projections: freezing layers would
    change the last bit of their outputs.
    """

    def forward(self, hidden_states: torch.Tensor, *args, **kwargs):
        return super().forward(hidden_states.transpose(0, 1).contiguous().transpose(0, 1), *args, **kwargs)


def _frame_mask(num_frames: torch.Tensor, hidden_states: torch.Tensor) -> torch.Tensor:
    frames = torch.arange(hidden_states.shape[-1], device=hidden_states.device)
    return (frames < num_frames.to(hidden_states.device)[:, None])[:, None, :]


def even_out_modules(encoder: PreTrainedModel) -> None:
    """Give modules that look at padding, or at what is frozen, a forward pass that does not; their parameters and
    names stay as they are."""
    model_type = encoder.config.model_type
    for name, module in encoder.named_modules():
        if isinstance(module, nn.GroupNorm) and model_type != "exhubert":  # which has its own
            module.__class__ = MaskedGroupNorm
        is_depthwise = model_type == "wav2vec2-conformer" and name.endswith(".depthwise_conv")
        is_positional = model_type == "data2vec-audio" and ".pos_conv_embed." in name
        if isinstance(module, nn.Conv1d) and (is_depthwise or is_positional):
            module.__class__ = MaskedConv1d
        if isinstance(module, WavLMAttention):
            module.__class__ = TimeFirstWavLMAttention
