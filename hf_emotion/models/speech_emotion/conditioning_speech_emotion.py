# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""What is known besides the speech: the speaker's gender and the text, each with a learned "unknown"."""

import torch
from torch import nn
from transformers import initialization as init


class FusionProjection(nn.Linear):
    """Projection of a condition whose factors start around one and whose offsets start around zero."""

    def __init__(self, in_features: int, out_features: int, num_factors: int):
        super().__init__(in_features, out_features)
        self.num_factors = num_factors

    @torch.no_grad()
    def init_near_identity(self, std: float) -> None:
        """Let the speech pass at first."""
        init.normal_(self.weight, std=std)
        init.copy_(self.bias, (torch.arange(self.out_features) < self.num_factors).to(self.bias))


class Fusion(nn.Module):
    """Fuse the pooled speech `(batch_size, size)` with the embedding of a condition `(batch_size, condition_size)`."""

    def __init__(self, kind: str, size: int, condition_size: int):
        super().__init__()
        self.kind = kind
        width = {"concat": condition_size, "film": 2 * size}.get(kind, size)
        self.output_size = size + condition_size if kind == "concat" else size
        self.projection = FusionProjection(condition_size, width, size if kind in ("product", "film") else 0)

    def forward(self, pooled: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        projected = self.projection(condition)
        if self.kind == "product":
            return pooled * projected
        if self.kind == "mean":
            return (pooled + projected) / 2
        if self.kind == "concat":
            return torch.cat([pooled, projected], dim=-1)
        scale, shift = projected.chunk(2, dim=-1)
        return scale * pooled + shift


class Conditioning(nn.Module):
    """Gender first, then text, each only where the config asks for it."""

    def __init__(self, config):
        super().__init__()
        self.num_genders = config.num_genders
        self.text_size = config.text_embedding_size
        self.dropout = config.condition_dropout
        self.output_size = config.pooled_size
        self.gender_embedding = self.gender_fusion = self.text_fusion = None
        if config.gender_embedding_size:
            self.gender_embedding = nn.Embedding(config.num_genders + 1, config.gender_embedding_size)
            self.gender_fusion = Fusion(config.conditioning, self.output_size, config.gender_embedding_size)
            self.output_size = self.gender_fusion.output_size
        if self.text_size:
            self.unknown_text = nn.Parameter(torch.zeros(self.text_size))
            self.text_fusion = Fusion(config.conditioning, self.output_size, self.text_size)
            self.output_size = self.text_fusion.output_size

    def forward(
        self, pooled: torch.Tensor, gender: torch.Tensor | None = None, text_embedding: torch.Tensor | None = None
    ) -> torch.Tensor:
        if self.gender_fusion is not None:
            pooled = self.gender_fusion(pooled, self.gender_embedding(self._gender_ids(pooled, gender)))
        if self.text_fusion is not None:
            pooled = self.text_fusion(pooled, self._text(pooled, text_embedding))
        return pooled

    def _gender_ids(self, pooled: torch.Tensor, gender: torch.Tensor | None) -> torch.Tensor:
        if gender is None:
            return torch.full((pooled.shape[0],), self.num_genders, device=pooled.device)
        given = gender.to(pooled.device).nan_to_num(nan=-1.0).view(-1)  # tables with unknown values hold floats
        gender = given.long()
        # a graph has no place for a check of values
        has_odd_ids = not torch.compiler.is_compiling() and ((gender > self.num_genders) | (gender != given)).any()
        if gender.shape[0] != pooled.shape[0] or has_odd_ids:
            raise ValueError(
                f"`gender` {given.tolist()} must hold one id for each of the {pooled.shape[0]} clips: 0 to "
                f"{self.num_genders - 1}, and {self.num_genders} or a negative one where it is unknown."
            )
        return gender.masked_fill((gender < 0) | self._forgotten(pooled), self.num_genders)

    def _text(self, pooled: torch.Tensor, text_embedding: torch.Tensor | None) -> torch.Tensor:
        unknown = self.unknown_text.expand(pooled.shape[0], -1)
        if text_embedding is None:
            return unknown
        if text_embedding.shape != unknown.shape:
            raise ValueError(
                f"`text_embedding` has the shape {tuple(text_embedding.shape)}, but the model needs "
                f"{tuple(unknown.shape)}: one embedding of size {self.text_size} per clip, not a number (NaN) where "
                "the text is unknown."
            )
        text_embedding = text_embedding.to(unknown)
        is_unknown = text_embedding.isnan().any(dim=-1) | self._forgotten(pooled)
        return torch.where(is_unknown.unsqueeze(-1), unknown, text_embedding.nan_to_num())

    def _forgotten(self, pooled: torch.Tensor) -> torch.Tensor:
        """Clips whose condition is dropped, which trains "unknown"."""
        if not self.training or self.dropout == 0:
            return torch.zeros(pooled.shape[0], dtype=torch.bool, device=pooled.device)
        return torch.rand(pooled.shape[0], device=pooled.device) < self.dropout
