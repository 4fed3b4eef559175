# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""What these encoders have in common: waveforms in, the hidden states that S3PRL exposes out, its checkpoints."""

import abc
import os
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput
from transformers.utils.generic import can_return_tuple

from .s3prl_checkpoint import load_strictly, read_s3prl_checkpoint


Encoder = TypeVar("Encoder", bound="S3prlEncoder")


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


class WaveformEncoder(PreTrainedModel, abc.ABC):
    """Base of the encoders of this package."""

    main_input_name = "input_values"

    @can_return_tuple
    def forward(
        self,
        input_values: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        output_hidden_states: bool | None = None,
    ) -> BaseModelOutput:
        """
        Encode a batch of clips. The result of a clip does not depend on its batch.

        Args:
            input_values (`torch.Tensor`): waveforms in [-1, 1] at 16 kHz, `(batch_size, num_samples)`.
            attention_mask (`torch.Tensor`, *optional*): 1 for samples, 0 for padding on the right.
            output_hidden_states (`bool`, *optional*):
                Whether to return `hidden_states`; by default what the config says.

        Returns:
            [`~transformers.modeling_outputs.BaseModelOutput`]: `last_hidden_state`
            `(batch_size, num_frames, hidden_size)` and `hidden_states`, the `config.num_hidden_states` tensors of this
            shape that the docstring of the model lists; the last of them is `last_hidden_state`.

        Raises:
            `ValueError`: if a shape does not fit, padding is not on the right, or a clip is shorter than
                `config.minimum_samples`, where the model cannot pad it.
        """
        wants_all = bool(self.config.output_hidden_states if output_hidden_states is None else output_hidden_states)
        states = self._hidden_states(input_values, attention_mask, wants_all)
        return BaseModelOutput(last_hidden_state=states[-1], hidden_states=tuple(states) if wants_all else None)

    @abc.abstractmethod
    def _hidden_states(
        self, input_values: torch.Tensor, attention_mask: torch.Tensor | None, wants_all: bool
    ) -> Sequence[torch.Tensor]:
        """All hidden states; those before the last may be left out unless `wants_all`."""

    @abc.abstractmethod
    def _get_feat_extract_output_lengths(self, input_lengths):
        """Number of frames for a number of samples, `int` or `torch.Tensor`."""


class S3prlEncoder(WaveformEncoder):
    """Base of encoders whose weights S3PRL downloads; parameters have the names of these files."""

    config_class: type[WaveformEncoderConfig]
    # top-level keys of such a file, which hold dictionaries; none if it is one dictionary of weights
    _s3prl_parts: tuple[str, ...] = ()
    # keys that some files have besides
    _s3prl_optional_parts: tuple[str, ...] = ()

    @classmethod
    def from_s3prl(
        cls: type[Encoder], path: str | os.PathLike, config: WaveformEncoderConfig | None = None
    ) -> Encoder:
        """
        Load the checkpoint file that S3PRL downloads for this encoder. Nothing in the file is run: Python objects
        beside the weights are left out, as is the state of the training.

        Args:
            path (`str` or `os.PathLike`): the file.
            config ([`WaveformEncoderConfig`], *optional*):
                The architecture, for a file that does not describe it (DeCoAR 2.0 and PASE+); that of the published
                model by default.

        Returns:
            The model, in evaluation mode.

        Raises:
            `OSError`: if the file cannot be opened.
            `ValueError`: if it is no such checkpoint, describes a model that this class does not build, or if a weight
                is missing, left over or misshapen, naming it.
        """
        checkpoint = read_s3prl_checkpoint(path, cls._s3prl_parts, cls._s3prl_optional_parts)
        try:
            fields, weights = cls._fields_and_weights(checkpoint, path)
            described = cls.config_class(**fields)
        except KeyError as error:
            raise ValueError(
                f"The description of the model in {path} lacks {error}, without which {cls.__name__} cannot be built. "
                "Use the file that S3PRL downloads for this encoder."
            ) from error
        except StrictDataclassError as error:
            raise ValueError(f"{path} describes no {cls.__name__} that can be built: {error}") from error
        model = cls(config or described)
        load_strictly(model, weights, path)
        return model.eval()

    @classmethod
    @abc.abstractmethod
    def _fields_and_weights(cls, checkpoint: dict[str, Any], path) -> tuple[dict[str, Any], Mapping[str, Any]]:
        """
        Fields of the config and weights from the parts of a checkpoint. Raises `KeyError` for what is absent and
        `ValueError` for what is not built here.
        """


__all__ = ["S3prlEncoder", "WaveformEncoder", "WaveformEncoderConfig"]
