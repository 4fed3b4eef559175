"""What a published checkpoint is, what it becomes, and the contract of a layout that turns one into the other."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.configuration_utils import PreTrainedConfig
from transformers.feature_extraction_sequence_utils import SequenceFeatureExtractor


@dataclass(frozen=True)
class Checkpoint:
    """
    A checkpoint as it was published.

    Args:
        source (`str`): Folder, file or Hub id it came from, for messages.
        config (`Mapping[str, Any]`): Its config.json, empty if it has none.
        weights (`Mapping[str, torch.Tensor]`): Its weights by their published names.
        preprocessor (`Mapping[str, Any]`, *optional*): Its preprocessor_config.json.
        options (`Mapping[str, Any]`): What the user says where the files cannot tell, such as the `encoder` of a
            downstream head.
    """

    source: str
    config: Mapping[str, Any]
    weights: Mapping[str, torch.Tensor]
    preprocessor: Mapping[str, Any] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class ConvertedModel:
    """
    A checkpoint as a class of this package or of transformers.

    Args:
        model_class (`type`): Class to build.
        config (`PreTrainedConfig`): Its config, labels included.
        weights (`dict[str, torch.Tensor]`): Exactly its weights.
        feature_extractor (`SequenceFeatureExtractor`): What the model's input is made with, after the checkpoint's
            preprocessor if it has one.
        notes (`tuple[str, ...]`): What a user should know: assumptions, and weights that inference does not need.
        warnings (`tuple[str, ...]`): What the files do not say and the results may depend on.
    """

    model_class: type[PreTrainedModel]
    config: PreTrainedConfig
    weights: dict[str, torch.Tensor]
    feature_extractor: SequenceFeatureExtractor
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Layout(abc.ABC):
    """
    One way in which models for speech emotion were published.

    Attributes:
        name (`str`): Short name, shown in messages and by `hf-emotion convert`.
        examples (`tuple[str, ...]`): Repositories on the Hub that have it.
        options (`tuple[str, ...]`): What a user may say to it, such as `("encoder", "labels")`, see
            [`Checkpoint`]; other options are refused.
    """

    name: str
    examples: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @abc.abstractmethod
    def mismatch(self, checkpoint: Checkpoint) -> str | None:
        """
        Why a checkpoint does not have this layout, in a few words for a list; `None` if it has.

        A checkpoint *has* the layout if its telling keys are there, even if others are missing: then
        [`Layout.convert`] says what is wrong with it, by name.
        """

    @abc.abstractmethod
    def convert(self, checkpoint: Checkpoint) -> ConvertedModel:
        """
        Convert the checkpoint, most simply with [`~hf_emotion.models.published.weight_names.fit_weights`].

        Raises:
            `ValueError`: If a weight is missing, left over or misshapen, naming it, or the config contradicts it.
        """
