# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""Losses that a saved model computes itself: by problem type for the classes, concordance for emotion dimensions."""

import torch
from torch import nn


_EPSILON = 1e-8


def classification_loss(logits: torch.Tensor, labels: torch.Tensor, problem_type: str | None) -> torch.Tensor:
    """
    Loss of the logits `(batch_size, num_labels)`.

    Args:
        logits (`torch.Tensor` of shape `(batch_size, num_labels)`): outputs of the classifier.
        labels (`torch.Tensor`): class ids `(batch_size,)`, or targets of the shape of `logits`.
        problem_type (`str`, *optional*):
            `"single_label_classification"` (class ids or distributions), `"multi_label_classification"` or
            `"regression"`. `None` means class ids, or regression where there is one output.

    Raises:
        `ValueError`: if targets are real numbers and nothing says what they are.
    """
    num_labels = logits.shape[-1]
    if problem_type is None:
        problem_type = "regression" if num_labels == 1 else "single_label_classification"
        if problem_type == "single_label_classification" and labels.is_floating_point():
            raise ValueError(
                f"Labels of type {labels.dtype} and shape {tuple(labels.shape)} may be distributions over the "
                f"{num_labels} classes, multi-label or regression targets: set `config.problem_type` to "
                '"single_label_classification", "multi_label_classification" or "regression".'
            )
    if problem_type == "regression":
        return nn.functional.mse_loss(logits, labels.to(logits.dtype).view_as(logits))
    if problem_type == "multi_label_classification":
        return nn.functional.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))
    if labels.is_floating_point():
        return nn.functional.cross_entropy(logits, labels.to(logits.dtype))
    return nn.functional.cross_entropy(logits, labels.view(-1))


def concordance_loss(predictions: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """
    One minus the concordance correlation coefficient (Lin, 1989), averaged over the dimensions:
    `CCC = 2 cov(p, t) / (var(p) + var(t) + (mean(p) - mean(t))^2)` with population moments over the batch.

    Args:
        predictions (`torch.Tensor` of shape `(batch_size, num_dimensions)`): regressed values.
        targets (`torch.Tensor` of the same shape): not a number (NaN) where a value is unknown; it is left out.
            So is a dimension with fewer than two known values, which have no correlation.

    Returns:
        `torch.Tensor`: the loss, in [0, 2]; 0 if no target is known.
    """
    if targets.shape != predictions.shape:
        raise ValueError(
            f"`dimension_labels` have the shape {tuple(targets.shape)}, but the model regresses "
            f"{tuple(predictions.shape)} (clips, dimensions)."
        )
    predictions, targets = predictions.float(), targets.to(predictions.device, torch.float32)
    known = targets.isfinite()
    counts = known.sum(dim=0).clamp(min=1)
    predictions, targets = predictions.masked_fill(~known, 0.0), targets.masked_fill(~known, 0.0)
    shift = (predictions.sum(dim=0) - targets.sum(dim=0)) / counts
    centred_p = (predictions - predictions.sum(dim=0) / counts).masked_fill(~known, 0.0)
    centred_t = (targets - targets.sum(dim=0) / counts).masked_fill(~known, 0.0)
    covariance = (centred_p * centred_t).sum(dim=0) / counts
    spread = (centred_p.square() + centred_t.square()).sum(dim=0) / counts
    coefficients = 2 * covariance / (spread + shift.square() + _EPSILON)
    is_known = known.sum(dim=0) > 1
    return ((1 - coefficients) * is_known).sum() / is_known.sum().clamp(min=1)
