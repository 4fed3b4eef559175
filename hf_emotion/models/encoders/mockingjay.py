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
import os

import torch
from huggingface_hub.dataclasses import strict
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedModel
from transformers.activations import ACT2FN
from transformers.modeling_outputs import BaseModelOutput
from transformers.utils.generic import can_return_tuple

from .centred_spectrogram import NUM_FREQUENCIES, centred_features, centred_frames
from .filter_bank import clip_features, filter_bank_frames, frame_mask
from .foreign_objects import inert_foreign_objects
from .s3prl_checkpoint import load_strictly, read_s3prl_checkpoint
from .waveform_encoder import WaveformEncoderConfig


FEATURE_TYPES = ("mel", "linear", "fbank")


@strict
class MockingjayConfig(WaveformEncoderConfig):
    r"""
    Configuration of a Mockingjay or TERA model. The defaults are Mockingjay trained on 960 hours (85 M parameters);
    TERA (21 M) has `num_hidden_layers=3`.

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
        query, key, value = (
            projection(states).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for projection in (self.query, self.key, self.value)
        )
        attended = nn.functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, dropout_p=self.dropout if self.training else 0.0
        )
        return attended.transpose(1, 2).flatten(2)


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

    def forward(self, states: torch.Tensor, mask: torch.Tensor | None, wants_all: bool) -> list[torch.Tensor]:
        kept = [states]
        for layer in self.layer:
            states = layer(states, mask)
            kept = [*kept, states] if wants_all else [states]
        return kept


class MockingjayModel(PreTrainedModel):
    """
    The Mockingjay or TERA encoder, without the head that reconstructs spectra in pre-training.

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
    main_input_name = "input_values"
    _supports_sdpa = True
    base_model_prefix = "mockingjay"
    _no_split_modules = ["MockingjayLayer"]

    def __init__(self, config: MockingjayConfig):
        super().__init__(config)
        self.input_representations = MockingjayInput(config)
        self.encoder = MockingjayEncoder(config)
        self.post_init()

    @classmethod
    def from_s3prl(cls, path: str | os.PathLike) -> "MockingjayModel":
        """
        Load a checkpoint that S3PRL downloads for `mockingjay_*` or `tera_*`: sizes, features and weights. The head
        of pre-training and the state of its training are left out; no Python object in the file is built.

        Args:
            path (`str` or `os.PathLike`): the `states-*.ckpt` file.

        Returns:
            [`MockingjayModel`]: in evaluation mode.

        Raises:
            `OSError`: if the file cannot be opened.
            `ValueError`: if it is no such checkpoint, describes a variant that this class does not have, or if a
                weight is missing, left over or misshapen, naming it.
        """
        with inert_foreign_objects(path):
            checkpoint = read_s3prl_checkpoint(path, ("Config", "Transformer"))
            description = checkpoint["Config"]
            if "transformer" not in description:  # later files keep the configuration of the run there
                description = read_s3prl_checkpoint(path, ("Upstream_Config",))["Upstream_Config"]
        model = cls(_config_from_s3prl(description, path))
        load_strictly(model, checkpoint["Transformer"], path)
        return model.eval()

    def _get_feat_extract_output_lengths(self, input_lengths):
        if self.config.feature_type == "fbank":
            return filter_bank_frames(input_lengths)
        return centred_frames(input_lengths)

    @can_return_tuple
    def forward(
        self,
        input_values: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        output_hidden_states: bool | None = None,
    ) -> BaseModelOutput:
        """
        Encode a batch. `hidden_states` is the list of S3PRL's `mockingjay` and `tera`: the input of the first layer
        (frames plus positions, normalised), then the output of every layer.

        Args:
            input_values (`torch.Tensor`): waveforms in [-1, 1] at 16 kHz, `(batch_size, num_samples)`.
            attention_mask (`torch.Tensor`, *optional*): 1 for samples, 0 for padding on the right.
            output_hidden_states (`bool`, *optional*): whether to return `hidden_states`.

        Returns:
            [`~transformers.modeling_outputs.BaseModelOutput`]: `last_hidden_state`
            `(batch_size, num_frames, hidden_size)`, one frame every 10 ms; padded frames hold anything finite.
        """
        wants_all = bool(self.config.output_hidden_states if output_hidden_states is None else output_hidden_states)
        features, num_frames = self._features(input_values, attention_mask)
        features = features.to(self.dtype)
        if self.config.max_frames and features.shape[1] > self.config.max_frames:
            states = self._encode_in_pieces(features, num_frames, wants_all)
        else:
            states = self._encode(features, num_frames, wants_all)
        return BaseModelOutput(last_hidden_state=states[-1], hidden_states=tuple(states) if wants_all else None)

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
        mask = None if bool(valid.all()) else valid[:, None, None]
        return self.encoder(self.input_representations(features), mask, wants_all)

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


def _config_from_s3prl(description: dict, path) -> MockingjayConfig:
    """Translate the description of a checkpoint: its sections `transformer`, `task` and `audio`."""
    sections = ("transformer", "task", "audio")
    if absent := [section for section in sections if section not in description]:
        raise ValueError(
            f"The configuration in {path} lacks {', '.join(absent)}. Only checkpoints that compute their features "
            f"from waveforms can be loaded, and those describe {', '.join(sections)}."
        )
    transformer = description["transformer"]
    for variant in ("share_layer", "pre_layer_norm"):
        if transformer.get(variant, False):
            raise ValueError(
                f"{path} has `{variant}` switched on, a variant of the transformer that {MockingjayModel.__name__} "
                "does not have. The published Mockingjay and TERA checkpoints have it switched off."
            )
    try:
        return MockingjayConfig(
            hidden_size=int(transformer["hidden_size"]),
            num_hidden_layers=int(transformer["num_hidden_layers"]),
            num_attention_heads=int(transformer["num_attention_heads"]),
            intermediate_size=int(transformer["intermediate_size"]),
            hidden_act=str(transformer["hidden_act"]),
            hidden_dropout=float(transformer["hidden_dropout_prob"]),
            attention_dropout=float(transformer["attention_probs_dropout_prob"]),
            initializer_range=float(transformer["initializer_range"]),
            layer_norm_eps=float(transformer["layer_norm_eps"]),
            max_frames=int(description["task"]["sequence_length"]),
            **_features_from_s3prl(description["audio"], path),
        )
    except KeyError as error:
        raise ValueError(f"The configuration in {path} lacks {error}, without which the model is unknown.") from error


def _features_from_s3prl(audio: dict, path) -> dict:
    is_kaldi = "kaldi" in audio
    features = audio["kaldi"] if is_kaldi else audio["input"]
    feature_type = features["feat_type"]
    if feature_type not in (("fbank",) if is_kaldi else ("mel", "linear")):
        raise ValueError(
            f"{path} reads {feature_type!r} features, which {MockingjayModel.__name__} does not compute. It has the "
            "torchaudio features mel and linear, and Kaldi's fbank."
        )
    if is_kaldi:
        _check_fixed(features["fbank"] | audio.get("delta", {}), path, frame_length=25, frame_shift=10, win_length=5)
        return {
            "feature_type": "fbank",
            "num_mel_bins": int(features["fbank"].get("num_mel_bins", 23)),
            "num_deltas": int(audio.get("delta", {}).get("order", 2)),
            "normalize": bool(audio["cmvn"]["use_cmvn"]),
        }
    _check_fixed(audio, path, win_ms=25, hop_ms=10, n_freq=NUM_FREQUENCIES, sample_rate=16_000)
    return {
        "feature_type": feature_type,
        "num_mel_bins": int(audio.get("n_mels", 40)),
        "log": bool(features.get("log", False)),
        "num_deltas": int(features.get("delta", 0)),
        "normalize": bool(features.get("cmvn", False)),
        "target_level": float(audio["target_level"]),
    }


def _check_fixed(options: dict, path, **fixed: int) -> None:
    for name, value in fixed.items():
        if options.get(name, value) != value:
            raise ValueError(
                f"{path} computes features with {name}={options[name]}, but {MockingjayModel.__name__} has {value}."
            )


__all__ = ["MockingjayConfig", "MockingjayModel"]
