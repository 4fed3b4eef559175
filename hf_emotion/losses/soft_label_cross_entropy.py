"""Cross entropy of label distributions, such as shares of annotators' votes."""

from __future__ import annotations

import torch
from torch import nn

from .inputs import check_same_shape, full_precision, label_distributions, mean_of_known
from .label_smoothing import check_smoothing, smooth_distributions


class SoftLabelCrossEntropyLoss(nn.Module):
    """
    Cross entropy of distributions: `-sum_j y_j log softmax(z)_j`, where y is the smoothed distribution.

    Soft labels keep what majority votes throw away: how far annotators agree (Fayek, Lech and Cavedon, "Modeling
    subjectiveness in emotion recognition with deep neural networks: Ensembles vs soft labels", IJCNN 2016).

    Args:
        label_smoothing (`float`, *optional*, defaults to 0.0):
            Share that is taken from the classes, in [0, 1). Must be 0 for labels that are smoothed already, as those
            in the files of EMO-SUPERB.
        smoothing (`str`, *optional*, defaults to `"szegedy"`):
            `"szegedy"` or `"emo_superb"`, see [`~hf_emotion.losses.label_smoothing.smooth_distributions`].

    Raises:
        ValueError: An option is out of range, or labels are not distributions.

    Example:

    ```python
    >>> loss = SoftLabelCrossEntropyLoss()
    >>> round(loss(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.25, 0.75]])).item(), 4)  # log 2
    0.6931

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
        return self.mean_over_known(logits, labels)

    def mean_over_known(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Mean over the utterances with a label, which is a class id or a distribution."""
        logits = full_precision(logits)
        distributions, is_known = label_distributions(logits, labels)
        targets = smooth_distributions(distributions, self.label_smoothing, self.smoothing)
        return mean_of_known(self.of_utterances(targets, logits.log_softmax(-1)), is_known)

    def of_utterances(self, targets: torch.Tensor, log_probabilities: torch.Tensor) -> torch.Tensor:
        """Loss of every utterance, shape `(batch_size,)`, from smoothed labels and log probabilities."""
        return -(targets * log_probabilities).sum(-1)
