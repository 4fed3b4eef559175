# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""Pooling over time that never looks at padding: `(batch_size, num_frames, size)` -> `(batch_size, pooled_size)`."""

import torch
from torch import nn
from transformers.utils import logging


logger = logging.get_logger(__name__)


def weighted_mean(states: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Mean over frames; `weights` `(batch_size, num_frames)` sum to one for each clip."""
    return torch.einsum("bt,bth->bh", weights, states)


def weighted_std(states: torch.Tensor, weights: torch.Tensor, variance_floor: float = 1e-9) -> torch.Tensor:
    """Population standard deviation over frames, in the numerically safe two-pass form. The floor is there because
    the square root has no gradient at the variance 0 of a single frame."""
    centred = states - weighted_mean(states, weights).unsqueeze(1)
    return weighted_mean(centred.square(), weights).clamp(min=variance_floor).sqrt()


def warn_of_constant_pooling(config) -> None:
    """Warn, once, where pooling leaves nothing of a filter bank with zero mean and unit variance over each clip."""
    encoder_config = config.encoder_config
    is_normalised = encoder_config.model_type == "filter_bank" and encoder_config.normalize
    has_layer_norm = config.layer_selection == "weighted" and config.normalize_layers
    is_constant = config.pooling in ("mean", "sum", "std", "mean_std") and not config.num_frame_layers
    if is_normalised and not has_layer_norm and is_constant:
        logger.warning_once(
            f'The filter bank has zero mean and unit variance over each clip, so that `pooling="{config.pooling}"` '
            "gives the head the same numbers for every clip: it can learn no more than how frequent the classes are. "
            'Use the pooling "attention", "attentive_statistics" or "max", or set `normalize=False` in the config of '
            "the encoder."
        )


def frame_layers(config) -> nn.Sequential | None:
    """Linear layers for each frame on its own, with ReLU and dropout between them; `None` without any."""
    layers: list[nn.Module] = []
    for width in [config.hidden_size, *[config.frame_layer_size] * config.num_frame_layers][:-1]:
        between = [nn.ReLU(), nn.Dropout(config.frame_layer_dropout)] if layers else []
        layers += [*between, nn.Linear(width, config.frame_layer_size)]
    return nn.Sequential(*layers) if layers else None


class TimePooling(nn.Module):
    """Pool the valid frames of each clip; the kinds are those of `SpeechEmotionConfig.pooling`."""

    def __init__(self, config):
        super().__init__()
        self.kind = config.pooling
        self.variance_floor = config.variance_floor
        if self.kind in ("attention", "attentive_statistics"):
            self.score = nn.Sequential(
                nn.Linear(config.frame_size, config.attention_pooling_size),
                nn.Tanh(),
                nn.Linear(config.attention_pooling_size, 1),
            )

    def forward(self, states: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        if self.kind == "first":
            return states[:, 0]
        # not a number in a padded frame would survive a weight of zero
        states = states.masked_fill(~valid.unsqueeze(-1), 0.0)
        if self.kind == "sum":
            return states.sum(dim=1)
        if self.kind == "max":
            return states.masked_fill(~valid.unsqueeze(-1), torch.finfo(states.dtype).min).amax(dim=1)
        weights = self._weights(states, valid)
        if self.kind in ("mean", "attention"):
            return weighted_mean(states, weights)
        deviation = weighted_std(states, weights, self.variance_floor)
        return deviation if self.kind == "std" else torch.cat([weighted_mean(states, weights), deviation], dim=-1)

    def _weights(self, states: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        if self.kind in ("attention", "attentive_statistics"):
            scores = self.score(states).squeeze(-1).float()
            return scores.masked_fill(~valid, float("-inf")).softmax(dim=-1).to(states.dtype)
        weights = valid.to(torch.float32)
        return (weights / weights.sum(dim=-1, keepdim=True)).to(states.dtype)
