"""Losses of speech emotion recognition, each a `torch.nn.Module` in a file of its own.

The name of a loss is its key in `LOSSES` and its file name. All of them are called with logits and labels, return the
mean over the utterances of a batch as a scalar, and leave out utterances whose label is missing: -100 as a class id,
NaN in a distribution or a rating. A batch in which all are missing gives 0, with a gradient of 0.
"""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING, Any

from ..suggestions import did_you_mean


if TYPE_CHECKING:
    from torch import nn

LOSSES = {
    "class_balanced_cross_entropy": "ClassBalancedCrossEntropyLoss",
    "concordance_correlation_coefficient": "ConcordanceCorrelationCoefficientLoss",
    "cross_entropy": "CrossEntropyLoss",
    "focal": "FocalLoss",
    "kl_divergence": "KlDivergenceLoss",
    "multi_label_binary_cross_entropy": "MultiLabelBinaryCrossEntropyLoss",
    "multi_task": "MultiTaskLoss",
    "soft_label_cross_entropy": "SoftLabelCrossEntropyLoss",
}


def list_losses() -> list[str]:
    """Names that [`load_loss`] knows, sorted."""
    return sorted(LOSSES)


def loss_class(name: str) -> type[nn.Module]:
    """Class of a loss.

    Args:
        name (`str`): One of [`list_losses`].

    Returns:
        `type`: A subclass of `torch.nn.Module`.

    Raises:
        ValueError: There is no such loss.

    Example:

    ```python
    >>> loss_class("focal").__name__
    'FocalLoss'

    ```
    """
    if name not in LOSSES:
        raise ValueError(
            f"There is no loss {name!r}. {did_you_mean(name, LOSSES)}Choose one of {', '.join(list_losses())}."
        )
    return getattr(importlib.import_module(f"{__name__}.{name}"), LOSSES[name])


def label_kinds(name: str) -> tuple[str, ...]:
    """What kinds of labels a loss takes.

    Args:
        name (`str`): One of [`list_losses`].

    Returns:
        `tuple[str, ...]`: `"class_ids"` (integers of shape `(batch_size,)`), and in rows of the shape of the outputs
        `"distributions"` over the classes, `"binary"` labels or `"ratings"`; `"tasks"` is a mapping of tasks to any.

    Raises:
        ValueError: There is no such loss.

    Example:

    ```python
    >>> label_kinds("focal"), label_kinds("kl_divergence")
    (('class_ids', 'distributions'), ('distributions',))

    ```
    """
    chosen: Any = loss_class(name)
    return chosen.label_kinds


def load_loss(name: str, **options) -> nn.Module:
    """Build a loss by its name.

    Args:
        name (`str`): One of [`list_losses`].
        options: Arguments of the loss.

    Returns:
        `torch.nn.Module`: The loss, called with logits and labels.

    Raises:
        ValueError: There is no such loss, it has no such option, or needs one that is not there.

    Example:

    ```python
    >>> import torch
    >>> loss = load_loss("cross_entropy", label_smoothing=0.1)
    >>> round(loss(torch.tensor([[2.0, 0.0]]), torch.tensor([0])).item(), 4)  # 0.95 log(1 + e^-2) + 0.05 log(1 + e^2)
    0.2269

    ```
    """
    chosen = loss_class(name)
    parameters = inspect.signature(chosen).parameters
    if unknown := sorted(set(options) - set(parameters)):
        raise ValueError(
            f"The loss {name!r} has no option {unknown[0]!r}. {did_you_mean(unknown[0], parameters)}It has "
            f"{', '.join(parameters) or 'none'}."
        )
    required = [key for key, parameter in parameters.items() if parameter.default is inspect.Parameter.empty]
    if absent := [key for key in required if key not in options]:
        raise ValueError(f"The loss {name!r} needs the option {absent[0]!r}.")
    return chosen(**options)
