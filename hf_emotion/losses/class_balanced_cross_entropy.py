"""Cross entropy in which rare emotions weigh more, in the two readings of EMO-SUPERB."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from .inputs import class_weights, full_precision, label_distributions, mean_of_known, weights_for
from .label_smoothing import check_smoothing, smooth_distributions


WEIGHTINGS = ("sample", "class")


class ClassBalancedCrossEntropyLoss(nn.Module):
    """
    Class-balanced cross entropy of class ids or distributions y, with a weight w_j for each class.

    * `weighting="sample"`: `(sum_j w_j y_j) * (-sum_j y_j log softmax(z)_j)`, each utterance weighs as much as its
      classes do on average. This is what the released code of EMO-SUPERB computes.
    * `weighting="class"`: `-sum_j w_j y_j log softmax(z)_j`, each term weighs as much as its class: Eq. (1) of its
      paper, and what `torch.nn.CrossEntropyLoss(weight=w)` computes for distributions.

    For class ids without smoothing both are the same. Sources: Cui et al., "Class-Balanced Loss Based on Effective
    Number of Samples", CVPR 2019, and Wu, Chou et al., "Open-Emotion: A Reproducible EMO-SUPERB for Speech Emotion
    Recognition Systems", IEEE SLT 2024, section 4.4. Their weights, `(1 - beta) / (1 - beta ** n_j)`, are those of
    [`~hf_emotion.data.soft_labels.effective_number_weights`].

    Trap: the mean is over utterances and not over weights, where `torch.nn.CrossEntropyLoss(weight=w)` divides by the
    sum of the weights for class ids. So batches add up, and weights with mean 1 keep the size of the loss.

    Args:
        weights (`Sequence[float]` or `torch.Tensor`):
            One positive weight for each class, in the order of the outputs.
        weighting (`str`, *optional*, defaults to `"sample"`):
            `"sample"` or `"class"`.
        label_smoothing (`float`, *optional*, defaults to 0.0):
            Share that is taken from the classes, in [0, 1), before weighting. EMO-SUPERB's labels are smoothed by 0.05
            with `smoothing="emo_superb"`.
        smoothing (`str`, *optional*, defaults to `"szegedy"`):
            `"szegedy"` or `"emo_superb"`, see [`~hf_emotion.losses.label_smoothing.smooth_distributions`].

    Raises:
        ValueError: An option is out of range, there are not as many weights as classes, or labels have another shape.

    Example:

    ```python
    >>> logits, labels = torch.log(torch.tensor([[0.5, 0.25, 0.25]])), torch.tensor([[0.5, 0.5, 0.0]])
    >>> for weighting in WEIGHTINGS:  # in units of log 2: 1.5 * (0.5 + 1) and 0.5 * 1 + 1 * 2
    ...     loss = ClassBalancedCrossEntropyLoss([1.0, 2.0, 1.0], weighting)
    ...     print((loss(logits, labels) / torch.tensor(2.0).log()).item())
    2.25
    2.5

    ```
    """

    label_kinds = ("class_ids", "distributions")
    weights: torch.Tensor

    def __init__(
        self,
        weights: Sequence[float] | torch.Tensor,
        weighting: str = "sample",
        label_smoothing: float = 0.0,
        smoothing: str = "szegedy",
    ):
        super().__init__()
        check_smoothing(label_smoothing, smoothing)
        if weighting not in WEIGHTINGS:
            raise ValueError(f"weighting={weighting!r} is not known. Choose one of {', '.join(WEIGHTINGS)}.")
        self.register_buffer("weights", class_weights(weights), persistent=False)
        self.weighting = weighting
        self.label_smoothing = label_smoothing
        self.smoothing = smoothing

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Mean over the utterances with a label, for logits `(batch_size, num_classes)` and ids `(batch_size,)` or
        distributions `(batch_size, num_classes)`."""
        logits = full_precision(logits)
        distributions, is_known = label_distributions(logits, labels)
        targets = smooth_distributions(distributions, self.label_smoothing, self.smoothing)
        weighted = targets * weights_for(self.weights, logits)
        log_probabilities = logits.log_softmax(-1)
        if self.weighting == "class":
            return mean_of_known(-(weighted * log_probabilities).sum(-1), is_known)
        return mean_of_known(-weighted.sum(-1) * (targets * log_probabilities).sum(-1), is_known)
