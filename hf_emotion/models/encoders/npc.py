# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""NPC: convolutions over a log-mel filter bank that predict each frame from its neighbours, all at once.

Liu et al., "Non-Autoregressive Predictive Coding for Learning Speech Representations from Local Dependencies",
Interspeech 2021. Parameter names are those of the checkpoint that S3PRL downloads (`npc_960hr`).
"""

import torch
from huggingface_hub.dataclasses import strict
from torch import nn
from transformers import initialization as init
from transformers.activations import ACT2FN

from .padding import frame_mask
from .predictive_coding import PredictiveCodingConfig, PredictiveCodingModel


@strict
class NpcConfig(PredictiveCodingConfig):
    r"""
    Configuration of NPC. The defaults are those of S3PRL's `npc_960hr`: four blocks of size 512, four codebooks,
    19.4 M parameters.

    Args:
        kernel_size (`int`, *optional*, defaults to 15):
            Frames that a masked convolution spans, odd.
        mask_size (`int`, *optional*, defaults to 5):
            Frames of the input around the predicted one that it must not see, odd. Each block sees one more on both
            sides, so that masks grow by 2 per block.
        batch_norm (`bool`, *optional*, defaults to `True`):
            Whether blocks normalise over the batch in training.
        hidden_act (`str`, *optional*, defaults to `"relu"`):
            Activation of the blocks.
        kwargs:
            Other fields as in [`PredictiveCodingConfig`].
    """

    model_type = "npc"

    num_hidden_layers: int = 4
    kernel_size: int = 15
    mask_size: int = 5
    batch_norm: bool = True
    hidden_act: str = "relu"
    codebook_sizes: list[int] | tuple[int, ...] | None = (64, 64, 64, 64)
    code_sizes: list[int] | tuple[int, ...] | None = (128, 128, 128, 128)
    gumbel_temperature: float | int = 1.0

    def validate_convolutions(self):
        """Part of the `@strict` validation."""
        if self.kernel_size % 2 == 0 or self.mask_size % 2 == 0:
            raise ValueError(
                f"`kernel_size` and `mask_size` must be odd to be centred on a frame, but are {self.kernel_size} and "
                f"{self.mask_size}."
            )
        widest = self.mask_size + 2 * self.num_hidden_layers
        if widest >= self.kernel_size:
            raise ValueError(
                f"The mask of the last of {self.num_hidden_layers} blocks covers {widest} frames and leaves nothing "
                f"of a kernel of {self.kernel_size}: raise `kernel_size`, or lower `mask_size` or `num_hidden_layers`."
            )

    @property
    def num_hidden_states(self) -> int:
        """Number of hidden states: two for each block, and the sum that the codebooks read."""
        return 2 * self.num_hidden_layers + 1


class NpcBlock(nn.Module):
    """Two convolutions, over three frames and over one, with a residual connection behind the first block."""

    def __init__(self, config: NpcConfig, size: int, residual: bool):
        super().__init__()
        hidden = config.hidden_size
        self.conv = nn.Conv1d(size, hidden, kernel_size=3, padding=1)
        self.linear = nn.Conv1d(hidden, hidden, kernel_size=1)
        self.bn1 = nn.BatchNorm1d(hidden) if config.batch_norm else None
        self.bn2 = nn.BatchNorm1d(hidden) if config.batch_norm else None
        self.act = ACT2FN[config.hidden_act]
        self.dropout = nn.Dropout(config.dropout)
        self.residual = residual

    def forward(self, frames: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        outputs = self.act(_normed(self.bn1, self.conv(frames), valid))
        outputs = self.dropout(_normed(self.bn2, self.linear(outputs), valid))
        outputs = self.act(outputs + frames if self.residual else outputs)
        # the convolutions behind see zeros beyond the end of a clip, whatever it is padded to
        return outputs.masked_fill(~valid[:, None], 0.0)


def _normed(norm: nn.BatchNorm1d | None, frames: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """Batch norm whose statistics leave padded frames out; a frozen one keeps those that it has."""
    if norm is None:
        return frames
    if not norm.training or not norm.weight.requires_grad:
        mean, variance = norm.running_mean, norm.running_var
        return nn.functional.batch_norm(frames, mean, variance, norm.weight, norm.bias, eps=norm.eps)
    normed = torch.zeros_like(frames.transpose(1, 2))
    normed[valid] = norm(frames.transpose(1, 2)[valid])
    return normed.transpose(1, 2)


class NpcMaskedConv(nn.Module):
    """A convolution over the frames around one, without those in the middle."""

    conv_mask: torch.Tensor

    def __init__(self, config: NpcConfig, mask_size: int):
        super().__init__()
        hidden, kernel = config.hidden_size, config.kernel_size
        self.mask_size = mask_size
        self.conv = nn.Conv1d(hidden, hidden, kernel, padding=kernel // 2)
        # checkpoints hold it, one value for each weight
        self.register_buffer("conv_mask", self.visible().to(self.conv.weight.device))

    def visible(self) -> torch.Tensor:
        """1 for the weights in use, 0 for those of masked frames."""
        mask = torch.ones(self.conv.weight.shape)
        start = (mask.shape[-1] - self.mask_size) // 2
        mask[..., start : start + self.mask_size] = 0
        return mask

    def forward(self, frames: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        weight = self.conv.weight * self.conv_mask
        outputs = nn.functional.conv1d(frames, weight, self.conv.bias, padding=self.conv.padding)
        return outputs.tanh().masked_fill(~valid[:, None], 0.0)


class NpcModel(PredictiveCodingModel):
    """
    Non-autoregressive predictive coding: blocks of convolutions, and a masked convolution on each; the sum of the
    masked ones predicts the frame that none of them has seen.

    The prediction itself is [`predict`] of the last hidden state; the loss of the paper is its mean absolute
    difference from `extract_features(...)[0]`.

    `hidden_states` holds what S3PRL's `npc` exposes, in its order: the output of the first block, that of its masked
    convolution, and so on for each block, and in the end the sum of the masked convolutions in front of the codebooks:
    nine states for four blocks. S3PRL lets the convolutions look at the padding of a batch; here each clip has the
    states that it has alone, and padded frames are zero.
    """

    config_class = NpcConfig
    _s3prl_options = {
        "n_blocks": "num_hidden_layers",
        "hidden_size": "hidden_size",
        "kernel_size": "kernel_size",
        "mask_size": "mask_size",
        "dropout": "dropout",
        "residual": "residual",
        "batch_norm": "batch_norm",
        "activate": "hidden_act",
    }
    _s3prl_constants = {"disable_cross_layer": False, "dim_bottleneck": None}

    def __init__(self, config: NpcConfig):
        super().__init__(config)
        blocks, masked_convs = [], []
        for index in range(config.num_hidden_layers):
            size = config.hidden_size if index else config.num_mel_bins
            blocks.append(NpcBlock(config, size, residual=config.residual and index > 0))
            masked_convs.append(NpcMaskedConv(config, config.mask_size + 2 * (index + 1)))
        self.blocks = nn.ModuleList(blocks)
        self.masked_convs = nn.ModuleList(masked_convs)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, NpcMaskedConv):
            init.copy_(module.conv_mask, module.visible())

    def _hidden_states(
        self, input_values: torch.Tensor, attention_mask: torch.Tensor | None, wants_all: bool
    ) -> list[torch.Tensor]:
        features, num_frames = self.extract_features(input_values, attention_mask)
        valid = frame_mask(num_frames, features.shape[1])
        frames = features.transpose(1, 2)
        states: list[torch.Tensor] = []
        for block, masked_conv in zip(self.blocks, self.masked_convs, strict=True):
            frames = block(frames, valid)
            states += [frames, masked_conv(frames, valid)]
        states.append(torch.stack(states[1::2]).sum(dim=0))
        return [state.transpose(1, 2) for state in states]


__all__ = ["NpcConfig", "NpcModel"]
