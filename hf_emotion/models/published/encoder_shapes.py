"""Configs of encoders published without one: sizes from the shapes of the weights, kinds of norm from their names.

What no weight shows is as in microsoft/wavlm-base-plus and -large and in OpenAI's Whisper: strides of the CNN, the
distance up to which WavLM tells positions apart, heads of 64 units in Whisper.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from transformers import WavLMConfig, WhisperConfig

from .layout import Checkpoint


_WHISPER_HEAD_SIZE = 64


class WeightShapes:
    """
    Shapes of the weights below a prefix.

    Args:
        checkpoint ([`Checkpoint`]): The checkpoint.
        prefix (`str`): Beginning of the names, such as `"ssl_model."`.
    """

    def __init__(self, checkpoint: Checkpoint, prefix: str):
        self.source, self.prefix = checkpoint.source, prefix
        self.weights: Mapping[str, torch.Tensor] = checkpoint.weights

    def __contains__(self, name: str) -> bool:
        return self.prefix + name in self.weights

    def of(self, *names: str) -> torch.Size:
        """Shape of the first of some weights that is there, whatever it is called by."""
        for name in names:
            if name in self:
                return self.weights[self.prefix + name].shape
        raise ValueError(
            f"{self.source} lacks the weight {self.prefix}{names[0]}, from which the size of its encoder is read. "
            "Download the checkpoint again."
        )

    def count(self, pattern: str) -> int:
        """How many weights there are, one for each index that replaces the `{}` of the pattern."""
        count = 0
        while pattern.format(count) in self:
            count += 1
        return count


def wavlm_config(checkpoint: Checkpoint, prefix: str) -> WavLMConfig:
    """
    Config of a WavLM encoder.

    Args:
        checkpoint ([`Checkpoint`]): The checkpoint.
        prefix (`str`): Beginning of the names of the encoder.

    Raises:
        `ValueError`: If a weight that shows a size is missing, naming it.
    """
    shapes = WeightShapes(checkpoint, prefix)
    convolutions = [
        shapes.of(f"feature_extractor.conv_layers.{index}.conv.weight")
        for index in range(shapes.count("feature_extractor.conv_layers.{}.conv.weight"))
    ]
    first = "encoder.layers.0."
    hidden_size = shapes.of("encoder.layer_norm.weight")[0]
    position_weight = "encoder.pos_conv_embed.conv."
    _, channels, positions = shapes.of(
        f"{position_weight}weight_v", f"{position_weight}parametrizations.weight.original1"
    )
    num_buckets, num_heads = shapes.of(f"{first}attention.rel_attn_embed.weight")
    has_layer_norm = "feature_extractor.conv_layers.1.layer_norm.weight" in shapes
    return WavLMConfig(
        hidden_size=hidden_size,
        num_hidden_layers=shapes.count("encoder.layers.{}.final_layer_norm.weight"),
        num_attention_heads=num_heads,
        intermediate_size=shapes.of(f"{first}feed_forward.intermediate_dense.weight")[0],
        conv_dim=[shape[0] for shape in convolutions],
        conv_kernel=[shape[2] for shape in convolutions],
        conv_stride=WavLMConfig().conv_stride[: len(convolutions)],
        conv_bias="feature_extractor.conv_layers.0.conv.bias" in shapes,
        num_conv_pos_embeddings=positions,
        num_conv_pos_embedding_groups=hidden_size // channels,
        num_buckets=num_buckets,
        # published encoders with a layer norm behind each convolution have pre-norm layers
        feat_extract_norm="layer" if has_layer_norm else "group",
        do_stable_layer_norm=has_layer_norm,
    )


def whisper_config(checkpoint: Checkpoint, prefix: str, num_positions: int) -> WhisperConfig:
    """
    Config of a Whisper encoder.

    Args:
        checkpoint ([`Checkpoint`]): The checkpoint.
        prefix (`str`): Beginning of the names of the encoder.
        num_positions (`int`): Frames behind its CNN, 50 per second.

    Raises:
        `ValueError`: If a weight that shows a size is missing, naming it.
    """
    shapes = WeightShapes(checkpoint, prefix)
    hidden_size, num_bins, _ = shapes.of("conv1.weight")
    num_heads = max(1, hidden_size // _WHISPER_HEAD_SIZE)
    return WhisperConfig(
        d_model=hidden_size,
        num_mel_bins=num_bins,
        encoder_layers=shapes.count("layers.{}.final_layer_norm.weight"),
        encoder_attention_heads=num_heads,
        encoder_ffn_dim=shapes.of("layers.0.fc1.weight")[0],
        max_source_positions=num_positions,
    )
