"""Kullback-Leibler divergence of predictions from label distributions."""

from __future__ import annotations

import torch
from torch import nn

from .inputs import check_same_shape, full_precision, label_distributions, mean_of_known
from .label_smoothing import check_smoothing, smooth_distributions


class KlDivergenceLoss(nn.Module):
    """
    Kullback-Leibler divergence `KL(y || p) = sum_j y_j log(y_j / p_j)` of `p = softmax(z)` from distributions y.

    Its gradient is that of the soft-label cross entropy, from which it differs by the entropy of the labels; its value
    is 0 if and only if the prediction is the distribution, so that it can be read. `torch.nn.KLDivLoss` with
    `reduction="batchmean"` computes the same from log probabilities. Source: Kullback and Leibler, "On Information and
    Sufficiency", Annals of Mathematical Statistics 22 (1951).

    Args:
        label_smoothing (`float`, *optional*, defaults to 0.0):
            Share that is taken from the classes, in [0, 1).
        smoothing (`str`, *optional*, defaults to `"szegedy"`):
            `"szegedy"` or `"emo_superb"`, see [`~hf_emotion.losses.label_smoothing.smooth_distributions`].

    Raises:
        ValueError: An option is out of range, or labels are not distributions.

    Example:

    ```python
    >>> loss = KlDivergenceLoss()
    >>> labels = torch.tensor([[0.25, 0.75]])
    >>> round(loss(torch.tensor([[0.0, 0.0]]), labels).item(), 4)  # log 2 minus the entropy of the labels, 0.5623
    0.1308

    ```
    """

    label_kinds = ("distributions",)

    def __init__(self, label_smoothing: float = 0.0, smoothing: str = "szegedy"):
        super().__init__()
        check_smoothing(label_smoothing, smoothing)
        self.label_smoothing = label_smoothing
        self.smoothing = smoothing

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Mean over the utterances with a label; logits and labels have the shape `(batch_size, num_classes)`."""
        check_same_shape(logits, labels, "distributions over the classes")
        logits = full_precision(logits)
        distributions, is_known = label_distributions(logits, labels)
        targets = smooth_distributions(distributions, self.label_smoothing, self.smoothing)
        divergences = torch.xlogy(targets, targets) - targets * logits.log_softmax(-1)
        return mean_of_known(divergences.sum(-1), is_known)
