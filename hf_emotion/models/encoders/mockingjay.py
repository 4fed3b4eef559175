# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""Mockingjay and TERA: a BERT-like transformer over normalised log-mel frames.

Mockingjay (Liu et al., "Mockingjay: Unsupervised Speech Representation Learning with Deep Bidirectional Transformer
Encoders", ICASSP 2020) and TERA (Liu et al., "TERA: Self-Supervised Learning of Transformer Encoder Representation for
Speech", IEEE/ACM TASLP 2021) differ in what is altered in pre-training and in size: of those trained on 960 hours,
Mockingjay has 12 layers and TERA has 3.

    frames of 10 ms -> Linear + sinusoidal positions -> LayerNorm -> layers (attention, feed-forward; norm after each)

Clips of more than `max_frames` frames are cut into pieces of equal length that do not see each other, as the
checkpoints are run. The cut depends on the clip alone, not on the longest clip of its batch.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from huggingface_hub.dataclasses import strict
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from transformers.activations import ACT2FN

from .centred_spectrogram import NUM_FREQUENCIES, centred_features, centred_frames
from .filter_bank import SAMPLING_RATE, clip_features, filter_bank_frames
from .padding import Lengths, frame_mask
from .s3prl_checkpoint import check_only_values, part_of
from .self_attention import attend, run_layers
from .waveform_encoder import S3prlEncoder, WaveformEncoderConfig


FEATURE_TYPES = ("mel", "linear", "fbank")
# the section `transformer` of a checkpoint's description: our name -> theirs and its type, which YAML may have missed
_TRANSFORMER_OPTIONS = {
    "hidden_size": ("hidden_size", int),
    "num_hidden_layers": ("num_hidden_layers", int),
    "num_attention_heads": ("num_attention_heads", int),
    "intermediate_size": ("intermediate_size", int),
    "hidden_act": ("hidden_act", str),
    "hidden_dropout": ("hidden_dropout_prob", float),
    "attention_dropout": ("attention_probs_dropout_prob", float),
    "initializer_range": ("initializer_range", float),
    "layer_norm_eps": ("layer_norm_eps", float),
}


@strict
class MockingjayConfig(WaveformEncoderConfig):
    r"""
    Configuration of a Mockingjay or TERA model. The defaults are Mockingjay trained on 960 hours (85 M parameters);
    TERA (21 M) is `MockingjayConfig(num_hidden_layers=3)`.

    Args:
        hidden_size (`int`, *optional*, defaults to 768):
            Size of the states.
        num_hidden_layers (`int`, *optional*, defaults to 12):
            Number of transformer layers.
        num_attention_heads (`int`, *optional*, defaults to 12):
            Number of attention heads of a layer.
        intermediate_size (`int`, *optional*, defaults to 3072):
            Size inside the feed-forward part of a layer.
        hidden_act (`str`, *optional*, defaults to `"gelu"`):
            Activation of the feed-forward part.
        hidden_dropout (`float`, *optional*, defaults to 0.1):
            Dropout of the states.
        attention_dropout (`float`, *optional*, defaults to 0.1):
            Dropout of the attention weights.
        initializer_range (`float`, *optional*, defaults to 0.02):
            Standard deviation of new weights.
        layer_norm_eps (`float`, *optional*, defaults to 1e-12):
            Epsilon of the layer norms.
        max_frames (`int`, *optional*, defaults to 1500):
            Frames that attend to each other at most (15 s); 0 for no limit.
        feature_type (`str`, *optional*, defaults to `"mel"`):
            `"mel"` (power spectrum around every 10 ms, triangles that are linear in Hz from 0 Hz to 8 kHz), `"linear"`
            (the power spectrum itself), or `"fbank"` (Kaldi's log-mel filter bank).
        num_mel_bins (`int`, *optional*, defaults to 80):
            Number of mel filters.
        log (`bool`, *optional*, defaults to `True`):
            Whether to take the logarithm of `"mel"` and `"linear"`.
        num_deltas (`int`, *optional*, defaults to 0):
            How many derivatives over time follow.
        normalize (`bool`, *optional*, defaults to `True`):
            Whether each feature has zero mean and unit variance over each clip.
        target_level (`float`, *optional*, defaults to -25.0):
            Level in dB to which each clip is scaled for `"mel"` and `"linear"`.
    """

    model_type = "mockingjay"

    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    hidden_dropout: float | int = 0.1
    attention_dropout: float | int = 0.1
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12
    max_frames: int = 1500
    feature_type: str = "mel"
    num_mel_bins: int = 80
    log: bool = True
    num_deltas: int = 0
    normalize: bool = True
    target_level: float | int = -25.0

    def validate_features(self):
        """Part of the `@strict` validation."""
        if self.feature_type not in FEATURE_TYPES:
            raise ValueError(
                f"`feature_type` must be one of {', '.join(FEATURE_TYPES)}, but is {self.feature_type!r}."
            )
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"`hidden_size` {self.hidden_size} cannot be divided among {self.num_attention_heads} attention heads."
            )

    @property
    def num_features(self) -> int:
        """Number of features of a frame."""
        size = NUM_FREQUENCIES if self.feature_type == "linear" else self.num_mel_bins
        return size * (1 + self.num_deltas)


def sinusoidal_positions(num_frames: int, size: int) -> torch.Tensor:
    """Sines at even and cosines at odd indices, `(num_frames, size)` (Vaswani et al. 2017, section 3.5)."""
    even = torch.arange(size) // 2 * 2
    angles = torch.arange(num_frames, dtype=torch.float64)[:, None] / 10000 ** (even.double() / size)
    return torch.where(torch.arange(size) % 2 == 0, angles.sin(), angles.cos()).float()


class MockingjayInput(nn.Module):
    def __init__(self, config: MockingjayConfig):
        super().__init__()
        self.spec_transform = nn.Linear(config.num_features, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        states = self.spec_transform(features)
        positions = sinusoidal_positions(states.shape[1], states.shape[2])
        return self.dropout(self.LayerNorm(states + positions.to(states)))


class MockingjaySelfAttention(nn.Module):
    def __init__(self, config: MockingjayConfig):
        super().__init__()
        self.num_heads = config.num_attention_heads
        self.dropout = config.attention_dropout
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        query, key, value = self.query(states), self.key(states), self.value(states)
        return attend(query, key, value, self.num_heads, mask, self.dropout if self.training else 0.0)


class MockingjayResidual(nn.Module):
    """Ends both halves of a layer: `LayerNorm(dense(x) + input)`."""

    def __init__(self, config: MockingjayConfig, size: int):
        super().__init__()
        self.dense = nn.Linear(size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout)

    def forward(self, states: torch.Tensor, residual: torch.Tensor) -> torch.Tensor:
        return self.LayerNorm(self.dropout(self.dense(states)) + residual)


class MockingjayLayer(nn.Module):
    def __init__(self, config: MockingjayConfig):
        super().__init__()
        # plain containers, so that the parameters have the names of the checkpoints
        self.attention = nn.ModuleDict(
            {"self": MockingjaySelfAttention(config), "output": MockingjayResidual(config, config.hidden_size)}
        )
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(config.hidden_size, config.intermediate_size)})
        self.output = MockingjayResidual(config, config.intermediate_size)
        self.activation = ACT2FN[config.hidden_act]

    def forward(self, states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        states = self.attention["output"](self.attention["self"](states, mask), states)
        return self.output(self.activation(self.intermediate["dense"](states)), states)


class MockingjayEncoder(nn.Module):
    def __init__(self, config: MockingjayConfig):
        super().__init__()
        self.layer = nn.ModuleList(MockingjayLayer(config) for _ in range(config.num_hidden_layers))

    def forward(self, states: torch.Tensor, valid: torch.Tensor, wants_all: bool) -> list[torch.Tensor]:
        return run_layers(self.layer, states, valid, wants_all)


class MockingjayModel(S3prlEncoder):
    """
    The Mockingjay or TERA encoder, without the head that reconstructs spectra in pre-training: one frame every 10 ms.

    `hidden_states` is the list of S3PRL's `mockingjay` and `tera`: the input of the first layer (frames plus
    positions, normalised), then the output of every layer; padded frames hold anything finite. Checkpoints are the
    `states-*.ckpt` files of `mockingjay_*` and `tera_*`, which say how many layers they have.

    Args:
        config ([`MockingjayConfig`]): sizes and features.

    Example:

    ```python
    >>> import torch
    >>> from hf_emotion.models.encoders.mockingjay import MockingjayConfig, MockingjayModel

    >>> config = MockingjayConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
    >>> model = MockingjayModel(config).eval()
    >>> outputs = model(torch.randn(1, 16000), output_hidden_states=True)
    >>> outputs.last_hidden_state.shape, len(outputs.hidden_states)
    (torch.Size([1, 101, 16]), 3)

    ```
    """

    config_class = MockingjayConfig
    _supports_sdpa = True
    base_model_prefix = "mockingjay"
    _no_split_modules = ["MockingjayLayer"]
    _s3prl_parts = ("Config", "Transformer")
    _s3prl_optional_parts = ("Upstream_Config",)

    def __init__(self, config: MockingjayConfig):
        super().__init__(config)
        self.input_representations = MockingjayInput(config)
        self.encoder = MockingjayEncoder(config)
        self.post_init()

    @classmethod
    def _fields_and_weights(cls, checkpoint: dict[str, Any], path) -> tuple[dict[str, Any], Mapping[str, Any]]:
        # later files keep the configuration of the run in `Config`
        name = "Config" if "transformer" in checkpoint["Config"] else "Upstream_Config"
        description = part_of(checkpoint, name)
        transformer, task, audio = (part_of(description, part) for part in ("transformer", "task", "audio"))
        check_only_values(transformer, {"share_layer": False, "pre_layer_norm": False}, cls.__name__, path)
        fields = {
            ours: _converted(transformer, theirs, kind, path) for ours, (theirs, kind) in _TRANSFORMER_OPTIONS.items()
        }
        fields["max_frames"] = _converted(task, "sequence_length", int, path)
        return fields | _feature_fields(audio, cls.__name__, path), checkpoint["Transformer"]

    def _get_feat_extract_output_lengths(self, input_lengths: Lengths) -> Lengths:
        if self.config.feature_type == "fbank":
            return filter_bank_frames(input_lengths)
        return centred_frames(input_lengths)

    def _hidden_states(
        self, input_values: torch.Tensor, attention_mask: torch.Tensor | None, wants_all: bool
    ) -> list[torch.Tensor]:
        features, num_frames = self._features(input_values, attention_mask)
        features = features.to(self.dtype)
        if self.config.max_frames and features.shape[1] > self.config.max_frames:
            return self._encode_in_pieces(features, num_frames, wants_all)
        return self._encode(features, num_frames, wants_all)

    def _features(
        self, input_values: torch.Tensor, attention_mask: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        config = self.config
        shared = {"num_deltas": config.num_deltas, "normalize": config.normalize}
        if config.feature_type == "fbank":
            return clip_features(input_values, attention_mask, config.num_mel_bins, **shared)
        num_mel_bins = config.num_mel_bins if config.feature_type == "mel" else None
        level, log = config.target_level, config.log
        return centred_features(input_values, attention_mask, level, num_mel_bins, log, **shared)

    def _encode(self, features: torch.Tensor, num_frames: torch.Tensor, wants_all: bool) -> list[torch.Tensor]:
        valid = frame_mask(num_frames, features.shape[1])
        return self.encoder(self.input_representations(features), valid, wants_all)

    def _encode_in_pieces(
        self, features: torch.Tensor, num_frames: torch.Tensor, wants_all: bool
    ) -> list[torch.Tensor]:
        """Run the pieces of all clips as one batch, and put them together again."""
        pieces: list[torch.Tensor] = []
        counts = []
        for clip, length in zip(features, num_frames.tolist(), strict=True):
            parts = clip[:length].chunk(math.ceil(length / self.config.max_frames))
            pieces.extend(parts)
            counts.append(len(parts))
        lengths = [len(piece) for piece in pieces]
        padded = pad_sequence(pieces, batch_first=True)
        states = self._encode(padded, torch.tensor(lengths, device=features.device), wants_all)
        return [_joined(state, lengths, counts) for state in states]


def _joined(state: torch.Tensor, lengths: list[int], counts: list[int]) -> torch.Tensor:
    pieces = iter([piece[:length] for piece, length in zip(state, lengths, strict=True)])
    return pad_sequence([torch.cat([next(pieces) for _ in range(count)]) for count in counts], batch_first=True)


def _converted(options: Mapping[str, Any], name: str, kind: type, path) -> Any:
    try:
        return kind(options[name])
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"The description of the model in {path} has {name}={options[name]!r}, but needs a value of the type "
            f"{kind.__name__}. Use the file that S3PRL downloads for this encoder."
        ) from error


def _feature_fields(audio: Mapping[str, Any], class_name: str, path) -> dict[str, Any]:
    is_kaldi = "kaldi" in audio
    features = part_of(audio, "kaldi" if is_kaldi else "input")
    if features["feat_type"] not in (("fbank",) if is_kaldi else ("mel", "linear")):
        raise ValueError(
            f"{path} reads {features['feat_type']!r} features, which {class_name} does not compute. It has the "
            "torchaudio features mel and linear, and Kaldi's fbank."
        )
    if is_kaldi:
        options, delta = part_of(features, "fbank"), audio.get("delta", {})
        needed = {"frame_length": 25, "frame_shift": 10, "win_length": 5}
        check_only_values({**options, **delta}, needed, class_name, path)
        return {
            "feature_type": "fbank",
            "num_mel_bins": int(options.get("num_mel_bins", 23)),
            "num_deltas": int(delta.get("order", 2)),
            "normalize": bool(part_of(audio, "cmvn")["use_cmvn"]),
        }
    needed = {"win_ms": 25, "hop_ms": 10, "n_freq": NUM_FREQUENCIES, "sample_rate": SAMPLING_RATE}
    check_only_values(audio, needed, class_name, path)
    return {
        "feature_type": features["feat_type"],
        "num_mel_bins": int(audio.get("n_mels", 40)),
        "log": bool(features.get("log", False)),
        "num_deltas": int(features.get("delta", 0)),
        "normalize": bool(features.get("cmvn", False)),
        "target_level": float(audio["target_level"]),
    }


__all__ = ["MockingjayConfig", "MockingjayModel"]
