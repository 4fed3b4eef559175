# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""PASE+ (Ravanelli et al., "Multi-task self-supervised learning for robust speech recognition", ICASSP 2020).

Band-pass filters with learned edges (SincNet) and seven convolutions turn the waveform into one frame per 10 ms, a
quasi-recurrent network (QRNN, Bradbury et al., ICLR 2017) follows, and a projection. The output of every convolution,
averaged to the rate of the frames and projected, is added to the result.

Parameter names are those of the published encoder, `FE_e199.ckpt`, which S3PRL downloads.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from huggingface_hub.dataclasses import strict
from torch import nn
from transformers import initialization as init

from .convolutional_encoder import ConvolutionalEncoder, ConvolutionalEncoderConfig, ConvWindow
from .padding import zero_padding
from .s3prl_checkpoint import part_of


# Hz: narrowest band and lowest edge, and where the lowest of the new bands, equally wide in mel, begins
_MINIMUM_FREQUENCY = 50.0
_LOWEST_NEW_BAND = 30.0


@strict
class PasePlusConfig(ConvolutionalEncoderConfig):
    r"""
    Configuration of a [`PasePlusModel`]. The defaults are those of the published model (7.83 M parameters).

    Args:
        hidden_size (`int`, *optional*, defaults to 256):
            Size of the frames.
        conv_channels (`list[int]`, *optional*, defaults to `(64, 64, 128, 128, 256, 256, 512, 512)`):
            Channels of the band-pass filters and of the convolutions.
        conv_kernel (`list[int]`, *optional*, defaults to `(251, 20, 11, 11, 11, 11, 11, 11)`):
            Their kernel sizes; the first is odd.
        conv_stride (`list[int]`, *optional*, defaults to `(1, 10, 2, 1, 2, 1, 2, 2)`):
            Their strides; their product, 160 samples, is the hop of the frames.
        recurrent_size (`int`, *optional*, defaults to 512):
            Size of the recurrent network.
        sampling_rate (`int`, *optional*, defaults to 16000):
            Sampling rate in Hz, which the edges of the filters refer to.
        batch_norm_eps (`float`, *optional*, defaults to 1e-5):
            Added to the variance in the batch norms.

    Example:

    ```python
    >>> from hf_emotion.models.encoders.pase_plus import PasePlusConfig

    >>> config = PasePlusConfig()
    >>> config.inputs_to_logits_ratio, config.num_hidden_layers, config.minimum_samples
    (160, 8, 471)

    ```
    """

    model_type = "pase_plus"

    hidden_size: int = 256
    conv_channels: list[int] | tuple[int, ...] = (64, 64, 128, 128, 256, 256, 512, 512)
    conv_kernel: list[int] | tuple[int, ...] = (251, 20, 11, 11, 11, 11, 11, 11)
    conv_stride: list[int] | tuple[int, ...] = (1, 10, 2, 1, 2, 1, 2, 2)
    recurrent_size: int = 512
    sampling_rate: int = 16000
    batch_norm_eps: float = 1e-5

    def validate_convolutions(self):
        """Part of the `@strict` validation: layers of one length, and symmetric filters at the full rate first."""
        if not len(self.conv_channels) == len(self.conv_kernel) == len(self.conv_stride) or len(self.conv_kernel) < 2:
            raise ValueError(
                f"`conv_channels` {self.conv_channels}, `conv_kernel` {self.conv_kernel} and `conv_stride` "
                f"{self.conv_stride} must have one entry per layer, at least two."
            )
        if self.conv_kernel[0] % 2 == 0 or self.conv_stride[0] != 1:
            raise ValueError(
                f"The band-pass filters must have an odd kernel size and stride 1, but have {self.conv_kernel[0]} and "
                f"{self.conv_stride[0]}."
            )

    @property
    def num_hidden_layers(self) -> int:
        """Number of hidden states less one: the convolutions but the last, the recurrent network and the sum."""
        return len(self.conv_kernel)

    @property
    def conv_windows(self) -> list[ConvWindow]:
        """What each layer reads of its input, which is reflected at the ends of a clip."""
        return [
            ConvWindow(kernel, stride, kernel // 2 - (stride > 1 or kernel % 2 == 0), kernel // 2)
            for kernel, stride in zip(self.conv_kernel, self.conv_stride, strict=True)
        ]

    @property
    def minimum_samples(self) -> int:
        """Number of samples that give one frame and are enough for all layers to reflect."""
        length = 1
        for window in reversed(self.conv_windows):
            length = max(window.num_inputs(length), window.left + 1, window.right + 1)
        return length


class PasePlusSincConv(nn.Module):
    """Band-pass filters with a Hamming window, one for each output channel, with learned edges in Hz."""

    def __init__(self, config: PasePlusConfig):
        super().__init__()
        self.kernel_size = config.conv_kernel[0]
        self.sampling_rate = config.sampling_rate
        edges = self.new_edges(config.conv_channels[0])
        self.low_hz_ = nn.Parameter(edges[:-1, None])
        self.band_hz_ = nn.Parameter(edges.diff()[:, None])

    def new_edges(self, num_bands: int) -> torch.Tensor:
        """Edges in Hz of `num_bands` neighbouring bands, equally wide in mel."""
        highest = self.sampling_rate / 2 - 2 * _MINIMUM_FREQUENCY
        mel = [2595 * math.log10(1 + hertz / 700) for hertz in (_LOWEST_NEW_BAND, highest)]
        return 700 * (10 ** (torch.linspace(mel[0], mel[1], num_bands + 1) / 2595) - 1)

    def filters(self) -> torch.Tensor:
        """The impulse responses `(num_bands, 1, kernel_size)`, scaled to 1 in the middle."""
        low = _MINIMUM_FREQUENCY + self.low_hz_.float().abs()
        high = (low + _MINIMUM_FREQUENCY + self.band_hz_.float().abs()).clamp(
            _MINIMUM_FREQUENCY, self.sampling_rate / 2
        )
        half = self.kernel_size // 2
        before = torch.arange(-half, 0, device=low.device)
        radians = 2 * math.pi * before / self.sampling_rate
        # spread over half a sample less than half of the kernel, as in the published code
        steps = torch.linspace(0, self.kernel_size / 2 - 1, half, device=low.device)
        window = 0.54 - 0.46 * torch.cos(2 * math.pi * steps / self.kernel_size)
        left = ((high * radians).sin() - (low * radians).sin()) / (radians / 2) * window / (2 * (high - low))
        return torch.cat([left, torch.ones_like(low), left.flip(1)], dim=1)[:, None]

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        return nn.functional.conv1d(waveforms, self.filters().to(waveforms.dtype))


class PasePlusBatchNorm(nn.BatchNorm1d):
    """Batch norm that keeps the statistics of pretraining, in training too: those of a batch would see its padding."""

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return nn.functional.batch_norm(
            states, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
        )


class PasePlusBlock(nn.Module):
    """Convolution over a reflected clip, batch norm and PReLU."""

    def __init__(self, config: PasePlusConfig, index: int):
        super().__init__()
        channels = config.conv_channels[index]
        kernel, stride, *self.reflected = config.conv_windows[index]
        self.conv = (
            nn.Conv1d(config.conv_channels[index - 1], channels, kernel, stride) if index else PasePlusSincConv(config)
        )
        self.norm = PasePlusBatchNorm(channels, eps=config.batch_norm_eps)
        self.act = nn.PReLU(channels, init=0.0)

    def forward(self, states: torch.Tensor, lengths: torch.Tensor | None) -> torch.Tensor:
        return self.act(self.norm(self.conv(_reflected(states, lengths, *self.reflected))))


def _reflected(states: torch.Tensor, lengths: torch.Tensor | None, left: int, right: int) -> torch.Tensor:
    """Reflect each clip at its own ends."""
    if lengths is None:
        return nn.functional.pad(states, (left, right), mode="reflect")
    positions = torch.arange(-left, states.shape[-1] + right, device=states.device).abs()
    last = lengths[:, None] - 1
    positions = torch.where(positions > last, 2 * last - positions, positions).clamp(min=0)
    return states.gather(2, positions[:, None].expand(-1, states.shape[1], -1))


class PasePlusQrnnLayer(nn.Module):
    """Quasi-recurrent layer with forget and output gates over windows of two frames."""

    def __init__(self, num_inputs: int, size: int):
        super().__init__()
        self.linear = nn.Linear(2 * num_inputs, 3 * size)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        previous = nn.functional.pad(frames, (0, 0, 1, 0))[:, :-1]
        new, update, output_gate = self.linear(torch.cat([frames, previous], dim=-1)).chunk(3, dim=-1)
        update = update.sigmoid()
        updates, kept = (update * new.tanh()).unbind(1), (1 - update).unbind(1)
        cells = [updates[0]]
        for step in range(1, len(updates)):
            cells.append(updates[step] + kept[step] * cells[-1])
        return output_gate.sigmoid() * torch.stack(cells, dim=1)


class PasePlusQrnn(nn.Module):
    """The recurrent network over frames `(batch_size, num_frames, size)`: one layer."""

    def __init__(self, config: PasePlusConfig):
        super().__init__()
        self.layers = nn.ModuleList([PasePlusQrnnLayer(config.conv_channels[-1], config.recurrent_size)])

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        return self.layers[0](frames)


class PasePlusModel(ConvolutionalEncoder):
    """
    PASE+: waveforms in, one frame of 256 numbers per 10 ms out. `hidden_states` are the nine that S3PRL exposes: the
    output of the first seven layers at the rate of the frames and of the recurrent network, all projected, and the
    normalised sum of all; padded frames are zero. S3PRL takes the reflection and the width of the averages from the
    padded batch; here each clip has the states that it has alone.

    Args:
        config ([`PasePlusConfig`]): the configuration.
    """

    config_class = PasePlusConfig
    base_model_prefix = "pase_plus"

    def __init__(self, config: PasePlusConfig):
        super().__init__(config)
        size = config.hidden_size
        self.blocks = nn.ModuleList(PasePlusBlock(config, index) for index in range(len(config.conv_kernel)))
        self.denseskips = nn.ModuleList(
            nn.Conv1d(channels, size, 1, bias=False) for channels in config.conv_channels[:-1]
        )
        self.rnn = PasePlusQrnn(config)
        self.W = nn.Conv1d(config.recurrent_size, size, 1)
        self.norm_out = PasePlusBatchNorm(size, eps=config.batch_norm_eps, affine=False)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, nn.PReLU):
            init.zeros_(module.weight)
        elif isinstance(module, PasePlusSincConv):
            edges = module.new_edges(len(module.low_hz_))
            init.copy_(module.low_hz_, edges[:-1, None])
            init.copy_(module.band_hz_, edges.diff()[:, None])

    def _hidden_states(
        self, input_values: torch.Tensor, attention_mask: torch.Tensor | None, wants_all: bool
    ) -> list[torch.Tensor]:
        num_samples = self._num_samples(input_values, attention_mask)
        states, lengths, skipped = input_values[:, None], num_samples, []
        for block, window in zip(self.blocks, self.config.conv_windows, strict=True):
            states = block(states, lengths)
            if lengths is not None:
                lengths = window.num_outputs(lengths)
            skipped.append((states, lengths))
        projected = self.W(self.rnn(states.transpose(1, 2)).transpose(1, 2))
        # averages first: the projections are linear, and the waveform's rate is 160 times that of the frames
        averaged = [_averaged(*skip, projected.shape[-1], lengths) for skip in skipped[:-1]]
        skips = [project(states) for project, states in zip(self.denseskips, averaged, strict=True)]
        total = self.norm_out(sum(skips, start=projected))
        return [zero_padding(state, lengths, -1).transpose(1, 2) for state in (*skips, projected, total)]

    @classmethod
    def _fields_and_weights(cls, checkpoint: dict[str, Any], path) -> tuple[dict[str, Any], Mapping[str, Any]]:
        return {}, part_of(checkpoint, "state_dict") if "state_dict" in checkpoint else checkpoint


def _averaged(
    states: torch.Tensor, lengths: torch.Tensor | None, num_frames: int, frame_lengths: torch.Tensor | None
) -> torch.Tensor:
    """Average the states of each clip over as many equal windows as it has frames; a rest at its end is left out."""
    if lengths is None or frame_lengths is None:
        width = states.shape[-1] // num_frames
        return states[..., : width * num_frames].unflatten(-1, (num_frames, width)).mean(dim=-1)
    averaged = states.new_zeros(*states.shape[:-1], num_frames)
    for row, (length, frames) in enumerate(zip(lengths.tolist(), frame_lengths.tolist(), strict=True)):
        averaged[row : row + 1, :, :frames] = _averaged(states[row : row + 1, :, :length], None, frames, None)
    return averaged


__all__ = ["PasePlusConfig", "PasePlusModel"]
