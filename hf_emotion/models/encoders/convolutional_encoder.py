# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""What wav2vec, modified CPC and PASE+ share: convolutions over the waveform, which say how many frames a clip has."""

import abc
import math
from typing import NamedTuple

import torch

from .padding import Lengths, clip_lengths
from .waveform_encoder import S3prlEncoder, WaveformEncoderConfig


class ConvWindow(NamedTuple):
    """What a convolution reads: windows of `kernel` inputs every `stride`, from a clip with `left` inputs more in
    front of its start and `right` behind its end."""

    kernel: int
    stride: int
    left: int = 0
    right: int = 0

    def num_outputs(self, num_inputs: Lengths) -> Lengths:
        """Number of windows in a clip of this length."""
        return (num_inputs + self.left + self.right - self.kernel) // self.stride + 1

    def num_inputs(self, num_outputs: int) -> int:
        """Least length of a clip with this number of windows."""
        return (num_outputs - 1) * self.stride + self.kernel - self.left - self.right


class ConvolutionalEncoderConfig(WaveformEncoderConfig, abc.ABC):
    """Config of an encoder whose first layers are convolutions over the waveform."""

    @property
    @abc.abstractmethod
    def conv_windows(self) -> list[ConvWindow]:
        """What each convolution reads of its input."""

    @property
    def inputs_to_logits_ratio(self) -> int:
        """Hop of the frames in samples."""
        return math.prod(window.stride for window in self.conv_windows)

    @property
    def minimum_samples(self) -> int:
        """Number of samples that give one frame."""
        length = 1
        for window in reversed(self.conv_windows):
            length = window.num_inputs(length)
        return length


class ConvolutionalEncoder(S3prlEncoder):
    """Base of encoders with convolutions over the waveform, which cannot encode clips without a frame."""

    config: ConvolutionalEncoderConfig

    def _get_feat_extract_output_lengths(self, input_lengths: Lengths) -> Lengths:
        for window in self.config.conv_windows:
            input_lengths = window.num_outputs(input_lengths)
        return input_lengths

    def _num_samples(self, input_values: torch.Tensor, attention_mask: torch.Tensor | None) -> torch.Tensor | None:
        """Samples of each clip; `None` without a mask, since then nothing is padding."""
        num_samples = clip_lengths(input_values, attention_mask)
        shortest = input_values.shape[1] if attention_mask is None else int(num_samples.min())
        if shortest < self.config.minimum_samples:
            raise ValueError(
                f"A clip has {shortest} samples, but {type(self).__name__} needs {self.config.minimum_samples} for "
                "one frame. Pad it with zeros (and set its `attention_mask` to 1 there), or leave it out."
            )
        return None if attention_mask is None else num_samples


__all__ = ["ConvWindow", "ConvolutionalEncoder", "ConvolutionalEncoderConfig"]
