"""Focal loss, which turns away from utterances that are already recognised."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from .inputs import class_weights, full_precision, label_distributions, mean_of_known, weights_for


class FocalLoss(nn.Module):
    """
    Focal loss of class ids or distributions y: `-sum_j y_j a_j (1 - p_j) ** gamma log p_j` with `p = softmax(z)`.

    From Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, Eq. (5), for one class among several. For a
    class id c it is `-a_c (1 - p_c) ** gamma log p_c`, and with `gamma=0` cross entropy.

    Args:
        gamma (`float`, *optional*, defaults to 2.0):
            Focusing parameter, at least 0; 2 is the paper's best.
        weights (`Sequence[float]` or `torch.Tensor`, *optional*):
            a, one positive weight for each class in the order of the outputs. The mean is over utterances, not over
            weights.

    Raises:
        ValueError: An option is out of range, there are not as many weights as classes, or labels have another shape.

    Example:

    ```python
    >>> logits = torch.tensor([[3.0, 1.0]]).log()  # probabilities 3/4 and 1/4
    >>> round(FocalLoss(gamma=1.0)(logits, torch.tensor([0])).item(), 4)  # 1/4 * log(4/3)
    0.0719

    ```
    """

    label_kinds = ("class_ids", "distributions")
    weights: torch.Tensor | None

    def __init__(self, gamma: float = 2.0, weights: Sequence[float] | torch.Tensor | None = None):
        super().__init__()
        if gamma < 0:
            raise ValueError(f"gamma={gamma} must be at least 0; at 0 the loss is cross entropy.")
        self.gamma = gamma
        self.register_buffer("weights", class_weights(weights), persistent=False)

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Mean over the utterances with a label, for logits `(batch_size, num_classes)` and ids `(batch_size,)` or
        distributions `(batch_size, num_classes)`."""
        logits = full_precision(logits)
        targets, is_known = label_distributions(logits, labels)
        log_probabilities = logits.log_softmax(-1)
        if self.weights is not None:
            targets = targets * weights_for(self.weights, logits)
        if self.gamma > 0:
            targets = targets * self._others(log_probabilities) ** self.gamma
        return mean_of_known(-(targets * log_probabilities).sum(-1), is_known)

    @staticmethod
    def _others(log_probabilities: torch.Tensor) -> torch.Tensor:
        """1 - p, kept above 0: below gamma = 1 the slope of its power is infinite there, and 0 times that is NaN."""
        others = -torch.expm1(log_probabilities)
        return others.clamp(min=torch.finfo(others.dtype).tiny)
