"""A classifier as a plain function of tensors, which is what exporters trace: the inputs that its feature extractor
makes in; logits, dimensions and embeddings out."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel

from ..pipelines.conditions import conditions_of, gender_ids
from ..pipelines.model_inputs import is_padding_free
from .feature_arrays import feature_arrays


ATTENTION_MASK, GENDER = "attention_mask", "gender"
_EXAMPLE_SECONDS = (0.31, 0.4)  # of which no extractor makes the same number of frames


@dataclass(frozen=True)
class GraphInput:
    """
    One input of a graph.

    Args:
        name (`str`): Its name, as the feature extractor calls it.
        shape (`tuple[int | str, ...]`): Its axes: the size where it is fixed, else `"batch"` or `"time"`.
    """

    name: str
    shape: tuple[int | str, ...]

    @property
    def dynamic_axes(self) -> dict[int, str]:
        """Names of the axes whose size is free."""
        return {axis: size for axis, size in enumerate(self.shape) if isinstance(size, str)}


class InferenceGraph(nn.Module):
    """
    A classifier that maps the arrays of its feature extractor to a tuple of what it says of each clip.

    The text of models that use one is unknown.

    Args:
        model (`PreTrainedModel`): The classifier. If its precision is not float32, a copy that has it is used.
        extractor (`SequenceFeatureExtractor`): Its feature extractor, which decides what the inputs are.

    Attributes:
        inputs (`tuple[GraphInput, ...]`): The signal; the attention mask, for models that padding makes no difference
            to with it, or whose extractor returns one; and `gender`, an id per clip, for models that use it.
        output_names (`tuple[str, ...]`): `"logits"`, `"dimensions"` if the model regresses any beside them, and
            `"embeddings"`, the input of `classifier`, if it has one.
    """

    def __init__(self, model: PreTrainedModel, extractor: Any):
        super().__init__()
        single: Any = model if model.dtype == torch.float32 else copy.deepcopy(model).float()
        self.model = single.eval()
        self.extractor = extractor
        self.inputs = _described_inputs(self.model, extractor)
        has = {
            "logits": True,
            "dimensions": getattr(model.config, "num_dimensions", 0) > 0,
            "embeddings": hasattr(model, "classifier"),
        }
        self.output_names = tuple(name for name in has if has[name])

    @property
    def takes_any_lengths(self) -> bool:
        """Whether clips of different lengths fit into a batch: there is a mask, or all features have one length."""
        has_mask = any(described.name == ATTENTION_MASK for described in self.inputs)
        return has_mask or "time" not in self.inputs[0].shape

    def forward(
        self, signal: torch.Tensor, second: torch.Tensor | None = None, third: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, ...]:
        """The outputs, in the order of `output_names`, for the inputs in theirs."""
        tensors = [tensor for tensor in (signal, second, third) if tensor is not None]
        if "embeddings" not in self.output_names:
            outputs = self._run(tensors)
            return tuple(outputs[name] for name in self.output_names)
        entered: list[torch.Tensor] = []
        handle = self.model.classifier.register_forward_pre_hook(lambda module, args: entered.append(args[0]))
        try:
            outputs = self._run(tensors)
        finally:
            handle.remove()
        return (*(outputs[name] for name in self.output_names[:-1]), entered[-1])

    def tensors(
        self, clips: Sequence[np.ndarray], genders: Sequence[str | None] | None = None
    ) -> tuple[torch.Tensor, ...]:
        """Inputs for a batch of mono clips at the rate of the extractor; genders are unknown by default."""
        features = feature_arrays(self.extractor, clips)
        features[GENDER] = np.array(gender_ids(genders or [None] * len(clips)))
        tensors = (torch.from_numpy(features[described.name]) for described in self.inputs)
        return tuple(tensor if tensor.is_floating_point() else tensor.long() for tensor in tensors)

    def named(self, tensors: Sequence[torch.Tensor]) -> dict[str, torch.Tensor]:
        """Inputs by name, as the model takes them."""
        return {described.name: tensor for described, tensor in zip(self.inputs, tensors, strict=True)}

    def _run(self, tensors: Sequence[torch.Tensor]) -> Any:
        return self.model(**self.named(tensors), return_dict=True)


def _described_inputs(model: PreTrainedModel, extractor: Any) -> tuple[GraphInput, ...]:
    """What the extractor makes of clips of two lengths: an axis that differs between them is time."""
    rate = extractor.sampling_rate
    silences = (np.zeros(round(seconds * rate), dtype=np.float32) for seconds in _EXAMPLE_SECONDS)
    shorter, longer = (feature_arrays(extractor, [silence]) for silence in silences)
    signal = model.main_input_name
    if signal not in shorter:
        raise ValueError(
            f"{type(model).__name__} reads `{signal}`, but {type(extractor).__name__} returns {sorted(shorter)}. Use "
            "the feature extractor of the model's checkpoint."
        )
    names = [signal]
    if ATTENTION_MASK in shorter and _reads_mask(model.config, extractor):
        names.append(ATTENTION_MASK)
    inputs = [GraphInput(name, _axes(shorter[name].shape, longer[name].shape)) for name in names]
    if "gender" in conditions_of(model.config):
        inputs.append(GraphInput(GENDER, ("batch",)))
    return tuple(inputs)


def _reads_mask(config: Any, extractor: Any) -> bool:
    if getattr(getattr(config, "encoder_config", config), "squeeze_factor", 1) > 1:
        return False  # clips of different lengths run one by one in SEW's models, which no graph does
    return is_padding_free(config) or extractor.return_attention_mask


def _axes(shorter: Sequence[int], longer: Sequence[int]) -> tuple[int | str, ...]:
    sizes = ((size if size == other else "time") for size, other in zip(shorter[1:], longer[1:], strict=True))
    return ("batch", *sizes)
