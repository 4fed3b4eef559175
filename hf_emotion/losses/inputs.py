"""What the losses of this folder accept as logits and labels, and the errors for everything else."""

from __future__ import annotations

from collections.abc import Sequence

import torch


# Class id of an utterance without a label, as in PyTorch and transformers.
MISSING = -100


def full_precision(values: torch.Tensor) -> torch.Tensor:
    """Float32 for half-precision values, whose sums and logarithms are too coarse; others as they are."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values


def check_class_ids(logits: torch.Tensor, labels: torch.Tensor) -> None:
    """Refuse labels that are not one class id for each row of logits.

    Args:
        logits (`torch.Tensor` of shape `(batch_size, num_classes)`): Outputs of a classifier.
        labels (`torch.Tensor` of shape `(batch_size,)`, integers): Class ids.

    Raises:
        ValueError: The shapes or types are others.
    """
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or labels.is_floating_point():
        raise ValueError(
            f"This loss takes logits (batch_size, num_classes) and integer class ids (batch_size,), but found "
            f"{_described(logits)} and {_described(labels)}. For distributions over the classes there is "
            "soft_label_cross_entropy."
        )


def check_same_shape(outputs: torch.Tensor, labels: torch.Tensor, meaning: str) -> None:
    """Refuse labels that are not one number for each output.

    Args:
        outputs (`torch.Tensor` of shape `(batch_size, num_outputs)`): Outputs of a model.
        labels (`torch.Tensor` of the same shape): Distributions, ratings or 0/1 labels.
        meaning (`str`): What the labels should be, for the message.

    Raises:
        ValueError: The shapes differ, or class ids were given.
    """
    if outputs.ndim != 2 or labels.shape != outputs.shape or not labels.is_floating_point():
        raise ValueError(
            f"This loss takes outputs of shape (batch_size, num_outputs) and {meaning} of the same shape as floating "
            f"point numbers, but found {_described(outputs)} and {_described(labels)}."
        )


def label_distributions(logits: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Class ids or distributions as distributions without missing values.

    Args:
        logits (`torch.Tensor` of shape `(batch_size, num_classes)`): Outputs of a classifier.
        labels (`torch.Tensor`): Class ids `(batch_size,)` with -100 where missing, or distributions
            `(batch_size, num_classes)` with NaN where missing.

    Returns:
        `tuple[torch.Tensor, torch.Tensor]`: Distributions `(batch_size, num_classes)` in the type of the logits, zero
        where missing, and whether each label is known, `(batch_size,)`.

    Raises:
        ValueError: The shapes or types are others.
    """
    if labels.ndim == 1:
        check_class_ids(logits, labels)
        is_known = labels != MISSING
        one_hot = torch.nn.functional.one_hot(labels.masked_fill(~is_known, 0).long(), logits.shape[1])
        return one_hot.to(logits.dtype) * is_known[:, None], is_known
    check_same_shape(logits, labels, "distributions over the classes")
    is_known = ~labels.isnan().any(dim=1)
    return labels.to(logits.dtype).masked_fill(~is_known[:, None], 0), is_known


def mean_of_known(losses: torch.Tensor, is_known: torch.Tensor) -> torch.Tensor:
    """Mean of the losses whose label is known; 0 with a gradient of 0 if there are none.

    Args:
        losses (`torch.Tensor`): Losses of any shape, finite also where the label is missing.
        is_known (`torch.Tensor` of the same shape, bool): Which of them count.
    """
    return losses.masked_fill(~is_known, 0).sum() / is_known.sum().clamp(min=1)


def class_weights(weights: Sequence[float] | torch.Tensor | None) -> torch.Tensor | None:
    """One positive weight for each class as a tensor, or `None` for none.

    Raises:
        ValueError: They are not a list of positive numbers.
    """
    if weights is None:
        return None
    values = torch.as_tensor(weights, dtype=torch.float32)
    if values.ndim != 1 or not bool((values.isfinite() & (values > 0)).all()):
        raise ValueError(f"Class weights must be a list of positive numbers, one for each class, found {weights}.")
    return values


def weights_for(weights: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """Class weights where and as the logits are.

    Raises:
        ValueError: There are not as many weights as classes.
    """
    if len(weights) != logits.shape[-1]:
        raise ValueError(f"There are {len(weights)} class weights for {logits.shape[-1]} classes: give one for each.")
    return weights.to(logits)


def _described(values: torch.Tensor) -> str:
    return f"{tuple(values.shape)} {str(values.dtype).removeprefix('torch.')}"
