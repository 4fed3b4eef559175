# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""What the transformers of Mockingjay and DeCoAR 2.0 compute alike; their parameters have other names."""

from collections.abc import Iterable

import torch
from torch import nn


def attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    num_heads: int,
    mask: torch.Tensor | None,
    dropout: float,
) -> torch.Tensor:
    """
    Scaled dot-product attention with several heads (Vaswani et al. 2017, section 3.2).

    Args:
        query, key, value (`torch.Tensor`): the heads side by side, `(batch_size, num_frames, hidden_size)`.
        num_heads (`int`): number of heads.
        mask (`torch.Tensor`, *optional*): `True` for frames to attend to, `(batch_size, 1, 1, num_frames)`.
        dropout (`float`): dropout of the attention weights; 0 outside training.

    Returns:
        `torch.Tensor`: `(batch_size, num_frames, hidden_size)`.
    """
    query, key, value = (part.unflatten(-1, (num_heads, -1)).transpose(1, 2) for part in (query, key, value))
    attended = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout)
    return attended.transpose(1, 2).flatten(2)


def run_layers(
    layers: Iterable[nn.Module], states: torch.Tensor, valid: torch.Tensor, wants_all: bool
) -> list[torch.Tensor]:
    """
    Run layers that take `states` and the `mask` of [`attend`].

    Args:
        layers (`Iterable[torch.nn.Module]`): the layers in their order.
        states (`torch.Tensor`): input of the first one, `(batch_size, num_frames, hidden_size)`.
        valid (`torch.Tensor`): `(batch_size, num_frames)`, `False` for padding.
        wants_all (`bool`): whether to return more than the last output.

    Returns:
        `list[torch.Tensor]`: the input and the output of each layer, or the last output alone.
    """
    # without a mask, PyTorch has faster kernels
    mask = None if bool(valid.all()) else valid[:, None, None]
    kept = [states]
    for layer in layers:
        states = layer(states, mask)
        kept = [*kept, states] if wants_all else [states]
    return kept
