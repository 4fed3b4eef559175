# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""What APC, VQ-APC and NPC share: a log-mel filter bank in, codebooks, the prediction of filter banks, and the layout
of the checkpoints that S3PRL downloads (`{"config": ..., "model": ...}`, the `apc_series`)."""

from collections.abc import Mapping
from typing import Any

import torch
from huggingface_hub.dataclasses import strict
from torch import nn
from transformers import initialization as init

from .filter_bank import clip_features, filter_bank_frames
from .padding import Lengths
from .s3prl_checkpoint import check_only_values, part_of
from .vector_quantizer import GroupedVectorQuantizer, check_codebooks
from .waveform_encoder import S3prlEncoder, WaveformEncoderConfig


# options of the filter bank that a checkpoint may name, with the only value that is computed here
_FILTER_BANK_OPTIONS = {
    "feat_type": "fbank",
    "frame_length": 25,
    "frame_shift": 10,
    "dither": 0,
    "use_log_fbank": True,
}


@strict
class PredictiveCodingConfig(WaveformEncoderConfig):
    r"""
    Fields of [`ApcConfig`], [`VqApcConfig`] and [`NpcConfig`].

    Args:
        num_mel_bins (`int`, *optional*, defaults to 80):
            Number of mel filters (Hamming window), the input and the prediction.
        normalize (`bool`, *optional*, defaults to `True`):
            Whether each mel bin has zero mean and unit variance over each clip.
        hidden_size (`int`, *optional*, defaults to 512):
            Size of all hidden states.
        num_hidden_layers (`int`, *optional*, defaults to 3):
            Number of layers.
        dropout (`float`, *optional*, defaults to 0.1):
            Dropout behind each layer.
        residual (`bool`, *optional*, defaults to `True`):
            Whether each layer but the first adds its input to its output.
        codebook_sizes (`list[int]`, *optional*):
            Number of codes of each codebook in front of the prediction; none if `None`.
        code_sizes (`list[int]`, *optional*):
            Size of the codes of each codebook, adding up to `hidden_size`.
        gumbel_temperature (`float`, *optional*, defaults to 0.5):
            Temperature of the Gumbel softmax in training.
    """

    num_mel_bins: int = 80
    normalize: bool = True
    hidden_size: int = 512
    num_hidden_layers: int = 3
    dropout: float | int = 0.1
    residual: bool = True
    codebook_sizes: list[int] | tuple[int, ...] | None = None
    code_sizes: list[int] | tuple[int, ...] | None = None
    gumbel_temperature: float | int = 0.5

    def __post_init__(self, **kwargs):
        super().__post_init__(**kwargs)
        self.codebook_sizes = list(self.codebook_sizes or [])
        self.code_sizes = list(self.code_sizes or [])

    def validate_predictive_coding(self):
        """Part of the `@strict` validation."""
        if self.num_hidden_layers < 1:
            raise ValueError(f"`num_hidden_layers` must be at least 1, but is {self.num_hidden_layers}.")
        check_codebooks(self.code_sizes or [], self.codebook_sizes or [], self.hidden_size)

    @property
    def num_hidden_states(self) -> int:
        """Number of hidden states: the filter bank that the first layer reads is none of them."""
        return self.num_hidden_layers


class PredictiveCodingModel(S3prlEncoder):
    """Base of [`ApcModel`], [`VqApcModel`] and [`NpcModel`]: a frame every 10 ms."""

    config: PredictiveCodingConfig
    config_class: type[PredictiveCodingConfig] = PredictiveCodingConfig
    base_model_prefix = "encoder"
    _s3prl_parts = ("config", "model")
    # S3PRL's name of an architecture option -> ours
    _s3prl_options: Mapping[str, str] = {}
    # options that must have this value
    _s3prl_constants: Mapping[str, object] = {}

    def __init__(self, config: PredictiveCodingConfig):
        super().__init__(config)
        if config.code_sizes and config.codebook_sizes:
            self.vq_layers = GroupedVectorQuantizer(
                config.code_sizes, config.codebook_sizes, config.gumbel_temperature
            )
        self.postnet = nn.Linear(config.hidden_size, config.num_mel_bins)

    def _init_weights(self, module: nn.Module) -> None:
        """The initialisation of torch, with which these models were trained from scratch."""
        if isinstance(module, nn.Linear | nn.Conv1d | nn.GRU):
            fan_in = module.hidden_size if isinstance(module, nn.GRU) else module.weight[0].numel()
            for parameter in module.parameters(recurse=False):
                init.uniform_(parameter, -(fan_in**-0.5), fan_in**-0.5)
        else:
            super()._init_weights(module)

    def extract_features(
        self, input_values: torch.Tensor, attention_mask: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """
        The filter bank that the layers read, which is also what the model predicts.

        Args:
            input_values (`torch.Tensor`): waveforms in [-1, 1] at 16 kHz, `(batch_size, num_samples)`.
            attention_mask (`torch.Tensor`, *optional*): 1 for samples, 0 for padding on the right.

        Returns:
            `tuple[torch.Tensor, torch.Tensor]`: features `(batch_size, num_frames, num_mel_bins)`, zeros for padded
            frames, and the number of frames of each clip `(batch_size,)`.
        """
        config = self.config
        features, num_frames = clip_features(
            input_values, attention_mask, config.num_mel_bins, "hamming", normalize=config.normalize
        )
        return features.to(self.dtype), num_frames

    def predict(self, last_hidden_state: torch.Tensor) -> torch.Tensor:
        """
        Filter banks that the pretraining objective compares with those of [`extract_features`]: through the codebooks,
        if there are any, and a linear layer.

        Args:
            last_hidden_state (`torch.Tensor`): of the model, `(batch_size, num_frames, hidden_size)`.

        Returns:
            `torch.Tensor`: `(batch_size, num_frames, num_mel_bins)`.
        """
        codes = self.vq_layers(last_hidden_state) if self.config.codebook_sizes else last_hidden_state
        return self.postnet(codes)

    def _get_feat_extract_output_lengths(self, input_lengths: Lengths) -> Lengths:
        return filter_bank_frames(input_lengths)

    @classmethod
    def _fields_and_weights(cls, checkpoint: dict[str, Any], path) -> tuple[dict[str, Any], Mapping[str, Any]]:
        audio = dict(part_of(checkpoint["config"], "data", "audio"))
        options = dict(part_of(checkpoint["config"], "model", "paras"))
        cls._check_quantization(options.get("vq"), path)
        return cls._audio_fields(audio, path) | cls._architecture_fields(options, path), checkpoint["model"]

    @classmethod
    def _check_quantization(cls, codebooks, path) -> None:
        """For models that exist with and without codebooks."""

    @classmethod
    def _audio_fields(cls, audio: dict, path) -> dict:
        # how training decoded files; here waveforms come in [-1, 1], as S3PRL passes them
        audio.pop("decode_wav", None)
        check_only_values(audio, _FILTER_BANK_OPTIONS, cls.__name__, path)
        _refuse_unknown(audio, {"feat_dim", "cmvn", *_FILTER_BANK_OPTIONS}, "its filter bank", path)
        return {"num_mel_bins": audio.get("feat_dim", 80), "normalize": audio.get("cmvn", True)}

    @classmethod
    def _architecture_fields(cls, options: dict, path) -> dict:
        codebooks = options.pop("vq", None) or {}
        names = {"codebook_size": "codebook_sizes", "code_dim": "code_sizes", "gumbel_temperature": None}
        _refuse_unknown(codebooks, names, "its codebooks", path)
        check_only_values(options, cls._s3prl_constants, cls.__name__, path)
        _refuse_unknown(options, {**cls._s3prl_options, **cls._s3prl_constants}, "its architecture", path)
        fields = {ours: options[theirs] for theirs, ours in cls._s3prl_options.items() if theirs in options}
        fields |= {"codebook_sizes": None, "code_sizes": None}
        return fields | {names[theirs] or theirs: value for theirs, value in codebooks.items()}


def _refuse_unknown(options: Mapping, known, part: str, path) -> None:
    if unknown := sorted(set(options) - set(known)):
        raise ValueError(
            f"{path} names options for {part} that are not known here: {', '.join(unknown)}. Ignoring them could "
            "change the results. Use S3PRL itself for this checkpoint."
        )
