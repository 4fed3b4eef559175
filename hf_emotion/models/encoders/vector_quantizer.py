# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""Vector quantisation by the highest score, as VQ-APC, NPC and vq-wav2vec use it."""

from collections.abc import Sequence

import torch
from torch import nn


def chosen_codes(scores: torch.Tensor, temperature: float, training: bool) -> torch.Tensor:
    """
    Which code of a codebook each frame is given: the one with the highest score, and in training one drawn by the
    Gumbel softmax with a straight-through gradient.

    Args:
        scores (`torch.Tensor`): `(..., num_codes)`.
        temperature (`float`): of the Gumbel softmax.
        training (`bool`): whether to draw.

    Returns:
        `torch.Tensor`: like `scores`, 1 for the code and 0 for the others.
    """
    if training:
        # float, since the noise of half precision has infinite values
        return nn.functional.gumbel_softmax(scores.float(), tau=temperature, hard=True).to(scores.dtype)
    return nn.functional.one_hot(scores.argmax(dim=-1), scores.shape[-1]).to(scores.dtype)


class VectorQuantizer(nn.Module):
    """
    Replace each frame by one of `num_codes` learned vectors, [`chosen_codes`] by a linear layer (Chung et al.,
    "Vector-Quantized Autoregressive Predictive Coding", Interspeech 2020, section 2.2).
    """

    def __init__(self, size: int, num_codes: int, temperature: float):
        super().__init__()
        self.temperature = temperature
        self.vq_logits = nn.Linear(size, num_codes)
        # the codes are the columns of its weight
        self.codebook_CxE = nn.Linear(num_codes, size, bias=False)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        return self.codebook_CxE(chosen_codes(self.vq_logits(frames), self.temperature, self.training))


class GroupedVectorQuantizer(nn.ModuleList):
    """Quantisers side by side, each on its own part of a frame."""

    def __init__(self, code_sizes: Sequence[int], codebook_sizes: Sequence[int], temperature: float):
        pairs = zip(code_sizes, codebook_sizes, strict=True)
        super().__init__(VectorQuantizer(size, num_codes, temperature) for size, num_codes in pairs)
        self.code_sizes = list(code_sizes)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        parts = frames.split(self.code_sizes, dim=-1)
        return torch.cat([quantizer(part) for quantizer, part in zip(self, parts, strict=True)], dim=-1)


def check_codebooks(code_sizes: Sequence[int], codebook_sizes: Sequence[int], hidden_size: int) -> None:
    """
    Check that codebooks cover a frame.

    Args:
        code_sizes (`Sequence[int]`): size of the codes of each group.
        codebook_sizes (`Sequence[int]`): number of codes of each group.
        hidden_size (`int`): size of a frame.

    Raises:
        `ValueError`: if the two lists differ in length, or the codes do not add up to a frame.
    """
    if len(code_sizes) != len(codebook_sizes):
        raise ValueError(
            f"`code_sizes` names {len(code_sizes)} codebooks and `codebook_sizes` {len(codebook_sizes)}: give both "
            "one value for each codebook."
        )
    if code_sizes and sum(code_sizes) != hidden_size:
        raise ValueError(
            f"The codes must add up to a frame of {hidden_size} values (`hidden_size`), but `code_sizes` is "
            f"{list(code_sizes)}."
        )
