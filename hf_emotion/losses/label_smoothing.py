"""Both label smoothings of the field, which differ in what they do with the share they take from a class."""

from __future__ import annotations

import torch


SMOOTHINGS = ("szegedy", "emo_superb")


def check_smoothing(label_smoothing: float, smoothing: str) -> None:
    """Refuse an unknown smoothing, and a share that is not in [0, 1).

    Raises:
        ValueError: If so.
    """
    if smoothing not in SMOOTHINGS:
        raise ValueError(f"smoothing={smoothing!r} is not known. Choose one of {', '.join(SMOOTHINGS)}.")
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"label_smoothing={label_smoothing} must be at least 0 and below 1.")


def smooth_distributions(distributions: torch.Tensor, label_smoothing: float, smoothing: str) -> torch.Tensor:
    """Smooth distributions over C classes, with a share e of `label_smoothing`.

    * `"szegedy"`: `y_j = (1 - e) p_j + e / C` (Szegedy et al., "Rethinking the Inception Architecture for Computer
      Vision", CVPR 2016, section 7; `label_smoothing` of `torch.nn.CrossEntropyLoss`). The class gets a part of its
      share back: a class id becomes `1 - e + e / C`.
    * `"emo_superb"`: `y_j = (1 - e) p_j + e / (C - 1) (1 - p_j)` (Wu, Chou et al., "Open-Emotion: A Reproducible
      EMO-SUPERB for Speech Emotion Recognition Systems", IEEE SLT 2024; its label files, with e = 0.05). The others
      get all of it: a class id becomes `1 - e`.

    Args:
        distributions (`torch.Tensor` of shape `(batch_size, num_classes)`): Rows that sum to 1.
        label_smoothing (`float`): e, in [0, 1).
        smoothing (`str`): `"szegedy"` or `"emo_superb"`.

    Returns:
        `torch.Tensor`: The smoothed distributions, of the same shape.

    Example:

    ```python
    >>> for smoothing in SMOOTHINGS:
    ...     print(smooth_distributions(torch.tensor([[1.0, 0.0, 0.0, 0.0]]), 0.1, smoothing))
    tensor([[0.9250, 0.0250, 0.0250, 0.0250]])
    tensor([[0.9000, 0.0333, 0.0333, 0.0333]])

    ```
    """
    if label_smoothing == 0:
        return distributions
    num_classes = distributions.shape[-1]
    kept = (1 - label_smoothing) * distributions
    if smoothing == "szegedy":
        return kept + label_smoothing / num_classes
    return kept + label_smoothing / (num_classes - 1) * (1 - distributions)
