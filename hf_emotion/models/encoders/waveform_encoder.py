# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""What the configs of these encoders have in common, so that whatever runs an encoder knows how."""

from transformers import PreTrainedConfig


class WaveformEncoderConfig(PreTrainedConfig):
    """
    Config of an encoder that takes waveforms as they are, in [-1, 1] at 16 kHz, with an `attention_mask` over samples,
    gives a clip the same states in any batch, and returns all of them with `output_hidden_states=True`.
    """

    # how code that travels with saved models recognises such an encoder
    is_self_contained = True

    @property
    def num_hidden_states(self) -> int:
        """Number of hidden states: by default the input of the first layer and the output of each."""
        return self.num_hidden_layers + 1

    @property
    def minimum_samples(self) -> int:
        """Least number of samples of a clip."""
        return 1


__all__ = ["WaveformEncoderConfig"]
