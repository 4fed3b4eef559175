"""Weighted sum of the losses of several tasks, such as emotions and dimensions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from . import load_loss


class MultiTaskLoss(nn.Module):
    """
    Weighted sum `sum_t w_t L_t(z_t, y_t)` over tasks t.

    Emotions and dimensions help each other (Xia and Liu, "A Multi-Task Learning Framework for Emotion Recognition
    Using 2D Continuous Space", IEEE Transactions on Affective Computing 8, 2017). An utterance may lack the label of
    any task: each loss leaves out its own.

    Args:
        losses (`Mapping[str, nn.Module | str | Mapping]`):
            The loss of each task: a module, the name of a loss, or a mapping of its `name` and options.
        weights (`Mapping[str, float]`, *optional*):
            Weights of the tasks, at least 0; 1 for a task that is not in it.

    Raises:
        ValueError: There is no task, a weight is negative or belongs to no task, or logits or labels of a task are
            missing.

    Example:

    ```python
    >>> loss = MultiTaskLoss(
    ...     {"emotion": {"name": "cross_entropy"}, "dimensions": "concordance_correlation_coefficient"},
    ...     weights={"dimensions": 0.5},
    ... )
    >>> ratings = torch.tensor([[1.0], [2.0], [3.0]])
    >>> logits = {"emotion": torch.zeros(3, 2), "dimensions": ratings + 1}
    >>> labels = {"emotion": torch.tensor([0, 1, -100]), "dimensions": ratings}
    >>> round(loss(logits, labels).item(), 4)  # log 2 + 0.5 * (1 - 4/7)
    0.9074

    ```
    """

    label_kinds = ("tasks",)

    def __init__(
        self,
        losses: Mapping[str, nn.Module | str | Mapping[str, Any]],
        weights: Mapping[str, float] | None = None,
    ):
        super().__init__()
        weights = weights or {}
        if not losses:
            raise ValueError("A multi-task loss needs the loss of at least one task.")
        if unknown := sorted(set(weights) - set(losses)):
            raise ValueError(f"There is a weight for {unknown[0]!r}, but the tasks are {', '.join(losses)}.")
        if negative := [task for task, weight in weights.items() if not weight >= 0]:
            raise ValueError(f"The weight of {negative[0]!r} is {weights[negative[0]]}, but must be at least 0.")
        self.losses = nn.ModuleDict({task: _as_loss(loss) for task, loss in losses.items()})
        self.weights = {task: float(weights.get(task, 1.0)) for task in losses}

    def forward(self, logits: Mapping[str, torch.Tensor], labels: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Weighted sum of the tasks' losses, for the logits and labels of each."""
        for name, given in (("logits", logits), ("labels", labels)):
            if not isinstance(given, Mapping):
                raise ValueError(
                    f"A multi-task loss takes a mapping of tasks to {name}, found {type(given).__name__}."
                )
            if absent := [task for task in self.losses if task not in given]:
                raise ValueError(f"There are no {name} of the task {absent[0]!r}; there are {sorted(given)}.")
        terms = [self.weights[task] * loss(logits[task], labels[task]) for task, loss in self.losses.items()]
        return torch.stack(terms).sum()


def _as_loss(loss: nn.Module | str | Mapping[str, Any]) -> nn.Module:
    if isinstance(loss, nn.Module):
        return loss
    if isinstance(loss, str):
        return load_loss(loss)
    if "name" not in loss:
        raise ValueError(f"The loss of a task is a mapping with `name` and options, but one is {dict(loss)}.")
    return load_loss(**loss)
