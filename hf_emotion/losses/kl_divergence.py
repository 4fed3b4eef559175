"""Kullback-Leibler divergence of predictions from label distributions."""

from __future__ import annotations

import torch

from .soft_label_cross_entropy import SoftLabelCrossEntropyLoss


class KlDivergenceLoss(SoftLabelCrossEntropyLoss):
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

    def of_utterances(self, targets: torch.Tensor, log_probabilities: torch.Tensor) -> torch.Tensor:
        """Divergence of every utterance, shape `(batch_size,)`."""
        return (torch.xlogy(targets, targets) - targets * log_probabilities).sum(-1)
