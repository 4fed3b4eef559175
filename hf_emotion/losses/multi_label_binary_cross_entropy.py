"""Binary cross entropy of several labels at once, where an utterance may hold more than one emotion."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from .inputs import check_same_shape, class_weights, full_precision, mean_of_known, weights_for


class MultiLabelBinaryCrossEntropyLoss(nn.Module):
    """
    Binary cross entropy `-(a_j y_j log s_j + (1 - y_j) log(1 - s_j))` with `s = sigmoid(z)`, averaged over the known
    labels. NaN is a missing label, alone or in a whole row.

    It is `torch.nn.BCEWithLogitsLoss`, which transformers uses for `problem_type="multi_label_classification"`, where
    all labels are known. Labels may be shares between 0 and 1. Source of the formula: Bishop, "Pattern Recognition and
    Machine Learning" (2006), Eq. (4.90).

    Args:
        positive_weights (`Sequence[float]` or `torch.Tensor`, *optional*):
            a, one positive weight for each class; negatives weigh 1.

    Raises:
        ValueError: Weights are not positive, are not as many as classes, or labels have another shape.

    Example:

    ```python
    >>> loss = MultiLabelBinaryCrossEntropyLoss()
    >>> logits = torch.tensor([[0.0, 0.0, 9.0]])
    >>> round(loss(logits, torch.tensor([[1.0, 0.0, float("nan")]])).item(), 4)  # log 2, twice
    0.6931

    ```
    """

    label_kinds = ("binary",)
    positive_weights: torch.Tensor | None

    def __init__(self, positive_weights: Sequence[float] | torch.Tensor | None = None):
        super().__init__()
        self.register_buffer("positive_weights", class_weights(positive_weights), persistent=False)

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Mean over the known labels; logits and labels have the shape `(batch_size, num_classes)`."""
        check_same_shape(logits, labels, "labels between 0 and 1")
        logits = full_precision(logits)
        is_known = ~labels.isnan()
        targets = labels.to(logits.dtype).masked_fill(~is_known, 0)
        weights = None if self.positive_weights is None else weights_for(self.positive_weights, logits)
        losses = nn.functional.binary_cross_entropy_with_logits(logits, targets, pos_weight=weights, reduction="none")
        return mean_of_known(losses, is_known)
