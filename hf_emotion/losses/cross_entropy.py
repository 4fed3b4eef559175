"""Cross entropy of class ids, with label smoothing."""

from __future__ import annotations

import torch

from .inputs import check_class_ids
from .soft_label_cross_entropy import SoftLabelCrossEntropyLoss


class CrossEntropyLoss(SoftLabelCrossEntropyLoss):
    """
    Cross entropy of class ids: `-sum_j y_j log softmax(z)_j`, where y is the smoothed one-hot label.

    With `smoothing="szegedy"` it is `torch.nn.CrossEntropyLoss`, except that a batch without any label gives 0 and
    not NaN.

    Args:
        label_smoothing (`float`, *optional*, defaults to 0.0):
            Share that is taken from the class, in [0, 1).
        smoothing (`str`, *optional*, defaults to `"szegedy"`):
            `"szegedy"` or `"emo_superb"`, see [`~hf_emotion.losses.label_smoothing.smooth_distributions`].

    Raises:
        ValueError: An option is out of range, or labels are not class ids.

    Example:

    ```python
    >>> loss = CrossEntropyLoss()
    >>> logits = torch.tensor([[0.0, 0.0], [5.0, 1.0]])
    >>> round(loss(logits, torch.tensor([1, -100])).item(), 4)  # log 2: the second utterance has no label
    0.6931

    ```
    """

    label_kinds = ("class_ids",)

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Mean over the utterances with a label, for logits `(batch_size, num_classes)` and ids `(batch_size,)`."""
        check_class_ids(logits, labels)
        return self.mean_over_known(logits, labels)
