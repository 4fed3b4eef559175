"""Published heads as parts of a [`SpeechEmotionForSequenceClassification`]: renamed, or stacked side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch

from ..speech_emotion import SpeechEmotionConfig, SpeechEmotionForSequenceClassification
from .layout import Checkpoint
from .weight_names import expected_weights, fit_renamed_weights


ENCODER = "speech_encoder."
Linear = tuple[torch.Tensor, torch.Tensor]  # weight and bias


def linear_shapes(name: str, num_outputs: int, num_inputs: int) -> dict[str, tuple[int, ...]]:
    """Shapes of the weight and the bias of a linear layer."""
    return {f"{name}.weight": (num_outputs, num_inputs), f"{name}.bias": (num_outputs,)}


def fit_head(
    checkpoint: Checkpoint,
    config: SpeechEmotionConfig,
    prefix: str,
    head: Mapping[str, tuple[int, ...]],
    unused: Iterable[str] = (),
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """
    Weights of a checkpoint whose head has to be rebuilt, if they fit one to one.

    Args:
        checkpoint ([`Checkpoint`]): The checkpoint.
        config ([`SpeechEmotionConfig`]): Config of the model, for its encoder.
        prefix (`str`): Beginning of the published names of the encoder, such as `"ssl_model."`.
        head (`Mapping[str, tuple[int, ...]]`): Published names and shapes of everything else.
        unused (`Iterable[str]`, *optional*): Beginnings of published names that inference does not need.

    Returns:
        `tuple[dict, dict]`: The encoder's weights by the model's names, the others by their published names.

    Raises:
        `ValueError`: If a weight is missing, left over or misshapen; it names them as the checkpoint does.
    """
    model = expected_weights(SpeechEmotionForSequenceClassification, config)
    expected = {name: value for name, value in model.items() if name.startswith(ENCODER)}
    expected |= {name: torch.empty(shape, device="meta") for name, shape in head.items()}
    fitted = fit_renamed_weights(
        checkpoint,
        expected,
        to_model=lambda name: ENCODER + name.removeprefix(prefix) if name.startswith(prefix) else name,
        to_published=lambda name: prefix + name.removeprefix(ENCODER) if name.startswith(ENCODER) else name,
        unused=unused,
    )
    encoder = {name: value for name, value in fitted.items() if name.startswith(ENCODER)}
    return encoder, {name: fitted[name] for name in head}


def linear(weights: Mapping[str, torch.Tensor], name: str) -> Linear:
    """Weight and bias of a layer."""
    return weights[f"{name}.weight"], weights[f"{name}.bias"]


def side_by_side(heads: Sequence[tuple[Linear, Linear]]) -> tuple[Linear, Linear]:
    """
    Heads of one hidden layer each as one such head: its outputs are theirs, one behind the other.

    Args:
        heads (`Sequence[tuple[Linear, Linear]]`): Hidden and output layer of each, all with the same input.

    Returns:
        `tuple[Linear, Linear]`: The hidden layers on top of each other; output layers as blocks, zeros between them.
    """
    hidden, outputs = zip(*heads, strict=True)
    dense = torch.cat([weight for weight, _ in hidden]), torch.cat([bias for _, bias in hidden])
    out = torch.block_diag(*[weight for weight, _ in outputs]), torch.cat([bias for _, bias in outputs])
    return dense, out


def head_of(dense: Linear, outputs: Linear, num_labels: int) -> dict[str, torch.Tensor]:
    """
    Weights of a model whose head has one dense layer behind its dropout.

    Args:
        dense (`Linear`): Its dense layer.
        outputs (`Linear`): Its outputs, the classes first.
        num_labels (`int`): How many classes there are; what follows are regressed dimensions.
    """
    parts = {"classifier": slice(0, num_labels), "dimension_regressor": slice(num_labels, None)}
    layers = {"projector.1": dense}
    layers |= {name: (outputs[0][rows], outputs[1][rows]) for name, rows in parts.items() if len(outputs[1][rows])}
    weights: dict[str, torch.Tensor] = {}
    for name, (weight, bias) in layers.items():
        weights |= {f"{name}.weight": weight.contiguous(), f"{name}.bias": bias.contiguous()}
    return weights
