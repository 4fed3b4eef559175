# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""vq-wav2vec with a Gumbel quantizer (Baevski et al., ICLR 2020).

wav2vec whose aggregator reads, instead of each frame, the entries that two codebooks have for it. Parameter names are
those of fairseq, in which S3PRL stores the checkpoint `vq-wav2vec.pt`.
"""

import itertools

import torch
from huggingface_hub.dataclasses import strict
from torch import nn
from transformers import initialization as init
from transformers.activations import ACT2FN

from .vector_quantizer import chosen_codes
from .wav2vec import Wav2VecConfig, Wav2VecModel


# What S3PRL takes for a field that a checkpoint's `model_cfg` leaves out.
_FAIRSEQ_DEFAULTS = {"vq_groups": 2, "vq_vars": 320, "vq_dim": 0, "vq_depth": 1, "combine_groups": False}
_QUANTIZER_WIDENING = 2  # inner layers of the score projection are twice as wide as the frames


@strict
class VqWav2VecConfig(Wav2VecConfig):
    r"""
    Configuration of a [`VqWav2VecModel`]. The defaults are those of the Gumbel model (34 M parameters); other fields
    are those of [`Wav2VecConfig`].

    Args:
        num_codevector_groups (`int`, *optional*, defaults to 2):
            Number of groups, each of which chooses one entry of its codebook.
        num_codevectors_per_group (`int`, *optional*, defaults to 320):
            Size of a codebook.
        codevector_dim (`int`, *optional*, defaults to 512):
            Size of a quantised frame; each group gives an equal part of it. The aggregator reads `hidden_size`, so the
            two are equal.
        share_codevectors (`bool`, *optional*, defaults to `False`):
            Whether all groups choose from one codebook.
        quantizer_depth (`int`, *optional*, defaults to 2):
            Number of linear layers that score the entries.
        gumbel_temperature (`float`, *optional*, defaults to 0.5):
            Temperature at which training samples entries, the end of the published schedule. Evaluation takes the
            entry with the highest score.
    """

    model_type = "vq_wav2vec"

    conv_kernel: list[int] | tuple[int, ...] = (10, 8, 4, 4, 4, 1, 1, 1)
    conv_stride: list[int] | tuple[int, ...] = (5, 4, 2, 2, 2, 1, 1, 1)
    hidden_act: str = "gelu"
    log_compression: bool = False
    num_codevector_groups: int = 2
    num_codevectors_per_group: int = 320
    codevector_dim: int = 512
    share_codevectors: bool = False
    quantizer_depth: int = 2
    gumbel_temperature: float = 0.5

    def validate_codevectors(self):
        """Part of the `@strict` validation: quantised frames fit the aggregator and fall into equal parts."""
        if self.codevector_dim != self.hidden_size or self.codevector_dim % self.num_codevector_groups:
            raise ValueError(
                f"`codevector_dim` {self.codevector_dim} must equal `hidden_size` {self.hidden_size} and be a "
                f"multiple of `num_codevector_groups` {self.num_codevector_groups}."
            )


class VqWav2VecGumbelQuantizer(nn.Module):
    """Puts the entry with the highest score of each group's codebook in place of a frame."""

    def __init__(self, config: VqWav2VecConfig):
        super().__init__()
        self.num_groups = config.num_codevector_groups
        self.temperature = config.gumbel_temperature
        self.share_codevectors = config.share_codevectors
        num_scores = self.num_groups * config.num_codevectors_per_group
        num_entries = config.num_codevectors_per_group if config.share_codevectors else num_scores
        self.vars = nn.Parameter(torch.rand(1, num_entries, config.codevector_dim // self.num_groups))
        self.weight_proj = _score_projection(config, num_scores)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Quantise features `(batch_size, hidden_size, num_frames)`."""
        scores = self.weight_proj(features.transpose(1, 2)).unflatten(-1, (self.num_groups, -1))
        choices = chosen_codes(scores, self.temperature, self.training)
        books = self.vars[0].unflatten(0, (1 if self.share_codevectors else self.num_groups, -1))
        books = books.expand(self.num_groups, -1, -1)
        chosen = torch.einsum("btgv,gvd->btgd", choices.to(books.dtype), books)
        return chosen.flatten(start_dim=2).transpose(1, 2)


def _score_projection(config: VqWav2VecConfig, num_scores: int) -> nn.Module:
    if config.quantizer_depth == 1:
        return nn.Linear(config.hidden_size, num_scores)
    inner = config.hidden_size * _QUANTIZER_WIDENING
    sizes = [config.hidden_size, *[inner] * (config.quantizer_depth - 1)]
    layers = [
        nn.Sequential(nn.Linear(num_inputs, num_outputs), ACT2FN[config.hidden_act])
        for num_inputs, num_outputs in itertools.pairwise(sizes)
    ]
    return nn.Sequential(*layers, nn.Linear(inner, num_scores))


class VqWav2VecModel(Wav2VecModel):
    """
    vq-wav2vec with a Gumbel quantizer: a [`Wav2VecModel`] whose aggregator reads quantised frames. The checkpoint is
    `vq-wav2vec.pt` of s3prl/converted_ckpts.

    Args:
        config ([`VqWav2VecConfig`]): the configuration.
    """

    config_class = VqWav2VecConfig
    base_model_prefix = "vq_wav2vec"
    _quantizer_type = "gumbel"

    @staticmethod
    def _new_quantizer(config) -> nn.Module:
        return VqWav2VecGumbelQuantizer(config)

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, VqWav2VecGumbelQuantizer):
            init.uniform_(module.vars)

    @classmethod
    def _config_fields(cls, fields: dict) -> dict:
        common, fields = super()._config_fields(fields), _FAIRSEQ_DEFAULTS | fields
        return common | {
            "num_codevector_groups": fields["vq_groups"],
            "num_codevectors_per_group": fields["vq_vars"],
            "codevector_dim": fields["vq_dim"] or common["hidden_size"],  # 0 means as wide as the frames
            "share_codevectors": fields["combine_groups"],
            "quantizer_depth": fields["vq_depth"],
        }


__all__ = ["VqWav2VecConfig", "VqWav2VecModel"]
