# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""Batches of clips that are padded on the right: how long each clip is, and zeros behind its end."""

from typing import TypeVar

import torch


Lengths = TypeVar("Lengths", int, torch.Tensor)


def clip_lengths(input_values: torch.Tensor, attention_mask: torch.Tensor | None) -> torch.Tensor:
    """
    Samples of each clip of a batch that is padded on the right.

    Args:
        input_values (`torch.Tensor`): waveforms, `(batch_size, num_samples)`.
        attention_mask (`torch.Tensor`, *optional*): 1 for samples, 0 for padding, like `input_values`.

    Returns:
        `torch.Tensor`: `(batch_size,)`.

    Raises:
        `ValueError`: if a shape does not fit, or the padding is not on the right.
    """
    if input_values.dim() != 2:
        raise ValueError(
            f"`input_values` has the shape {tuple(input_values.shape)}, but waveforms are "
            "`(batch_size, num_samples)`. Pass one mono waveform at 16 kHz per row."
        )
    if attention_mask is None:
        return torch.full((len(input_values),), input_values.shape[1], device=input_values.device)
    if attention_mask.shape != input_values.shape:
        raise ValueError(
            f"`attention_mask` has the shape {tuple(attention_mask.shape)}, but the waveforms have "
            f"{tuple(input_values.shape)}: it needs one value for each sample of each clip."
        )
    is_sample = attention_mask.to(input_values.device) != 0
    if (is_sample[:, 1:] & ~is_sample[:, :-1]).any():
        raise ValueError(
            "`attention_mask` has samples behind padding, but clips are padded on the right: give the feature "
            'extractor `padding_side="right"`.'
        )
    return is_sample.sum(dim=1)


def at_least(lengths: Lengths, minimum: int) -> Lengths:
    """
    Lengths of clips that are padded to a minimum.

    Args:
        lengths (`int` or `torch.Tensor`): samples or frames.
        minimum (`int`): the least of them.

    Returns:
        `int` or `torch.Tensor`: like `lengths`.
    """
    return lengths.clamp(min=minimum) if isinstance(lengths, torch.Tensor) else max(lengths, minimum)


def frame_mask(num_frames: torch.Tensor, total: int) -> torch.Tensor:
    """
    Which frames (or samples) belong to a clip.

    Args:
        num_frames (`torch.Tensor`): frames of each clip, `(batch_size,)`.
        total (`int`): frames of the padded batch.

    Returns:
        `torch.Tensor`: `(batch_size, total)`, `False` for padding.
    """
    return torch.arange(total, device=num_frames.device) < num_frames[:, None]


def zero_padding(states: torch.Tensor, num_frames: torch.Tensor | None, time_dim: int = 1) -> torch.Tensor:
    """
    Zeros for what is behind the end of each clip, whatever was there.

    Args:
        states (`torch.Tensor`): a batch, `(batch_size, num_frames, ...)`.
        num_frames (`torch.Tensor`, *optional*): frames of each clip, `(batch_size,)`; without it nothing is padding.
        time_dim (`int`): dimension of the frames, such as -1 for `(batch_size, channels, num_frames)`.

    Returns:
        `torch.Tensor`: like `states`.
    """
    if num_frames is None:
        return states
    shape = [len(states)] + [1] * (states.dim() - 1)
    shape[time_dim] = states.shape[time_dim]
    return states.masked_fill(~frame_mask(num_frames, shape[time_dim]).view(shape), 0.0)
