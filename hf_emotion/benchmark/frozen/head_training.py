"""Train heads on cached features: all folds and seeds of a setting in one process."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from transformers import get_constant_schedule_with_warmup, get_cosine_schedule_with_warmup

from ...losses.class_balanced_cross_entropy import ClassBalancedCrossEntropyLoss
from ..setting_data import FoldRows, SettingData
from .heads import HeadFeatures, StackedHeads


_EVALUATION_BATCH = 512
# On a CPU: what fits into its caches, and into memory that malloc reuses.
_EVALUATION_BATCH_ON_CPU = 64


@dataclass(frozen=True)
class HeadRecipe:
    """
    How heads are trained. The defaults are those of EMO-SUPERB's code, whose epochs depend on the setting.

    Args:
        epochs (`int`): Passes over the training part.
        learning_rate (`float`, *optional*, defaults to 1e-4): Of AdamW, whose other options are those of torch.
        batch_size (`int`, *optional*, defaults to 32): Utterances per step; the last batch of an epoch is smaller.
        max_grad_norm (`float`, *optional*, defaults to 1.0): Gradients are clipped to this norm.
        scheduler (`str`, *optional*, defaults to `"constant"`): Of the learning rate, or `"cosine"`.
        warmup_steps (`int`, *optional*, defaults to 0): Steps of linear warm-up.
        loss_weighting (`str`, *optional*, defaults to `"sample"`): See
            [`~hf_emotion.losses.class_balanced_cross_entropy.ClassBalancedCrossEntropyLoss`].
        pooling (`str`, *optional*, defaults to `"mean"`): Over time.
        projector_size (`int`, *optional*, defaults to 256): Outputs of the projection.
    """

    epochs: int
    learning_rate: float = 1e-4
    batch_size: int = 32
    max_grad_norm: float = 1.0
    scheduler: str = "constant"
    warmup_steps: int = 0
    loss_weighting: str = "sample"
    pooling: str = "mean"
    projector_size: int = 256


@dataclass(frozen=True)
class HeadTask:
    """A head to train: its fold and its seed, which decides its first weights and the order of utterances."""

    fold: FoldRows
    seed: int


@dataclass(frozen=True)
class TrainedHead:
    """
    A head at the end of the epoch with the lowest validation loss.

    Args:
        state (`dict[str, torch.Tensor]`): Weights, named as in transformers' audio classifiers.
        best_epoch (`int`): Which epoch that was, from 1.
        validation_losses (`list[float]`): Mean loss of the validation part after each epoch.
        validation, test (`np.ndarray` of shape `(num_utterances, num_classes)`): Probabilities.
        seconds (`float`): Time of the training, shared by the heads that were trained together.
    """

    state: dict[str, torch.Tensor]
    best_epoch: int
    validation_losses: list[float]
    validation: np.ndarray
    test: np.ndarray
    seconds: float


def train_heads(
    features: HeadFeatures,
    data: SettingData,
    tasks: Sequence[HeadTask],
    recipe: HeadRecipe,
    *,
    is_stacked: bool | None = None,
) -> list[TrainedHead]:
    """
    Train a head for each task, and predict the validation and test part of its fold.

    Args:
        features ([`HeadFeatures`]): Features of the setting's utterances, row by row.
        data ([`SettingData`]): Labels and folds.
        tasks (`Sequence[HeadTask]`): Which folds and seeds.
        recipe ([`HeadRecipe`]): How.
        is_stacked (`bool`, *optional*): Whether heads with the same number of steps are trained together, as batched
            matrix products. The result is the same up to rounding. By default they are on an accelerator, where one
            small head leaves most of the device idle. On a CPU it is up to twice as fast as well, but what a benchmark
            gives after an interruption is then no longer the same to the bit.

    Returns:
        `list[TrainedHead]`: In the order of the tasks.

    Raises:
        ValueError: A loss is not finite.
    """
    if is_stacked is None:
        is_stacked = features.device.type != "cpu"
    groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for index, task in enumerate(tasks):
        # heads of a stack take their steps at the same time
        steps = math.ceil(len(task.fold.train) / recipe.batch_size)
        groups[(steps,) if is_stacked else (steps, index)].append(index)
    trained: dict[int, TrainedHead] = {}
    for indices in groups.values():
        training = _StackTraining(features, data, [tasks[index] for index in indices], recipe)
        trained |= dict(zip(indices, training.run(), strict=True))
    return [trained[index] for index in range(len(tasks))]


class _StackTraining:
    """Training of heads whose folds have the same number of steps per epoch."""

    def __init__(self, features: HeadFeatures, data: SettingData, tasks: Sequence[HeadTask], recipe: HeadRecipe):
        self.features, self.tasks, self.recipe = features, tasks, recipe
        device = features.device
        self.labels = [torch.from_numpy(data.labels_of(task.fold)).float().to(device) for task in tasks]
        self.losses = [
            ClassBalancedCrossEntropyLoss(data.class_weights(task.fold).tolist(), recipe.loss_weighting).to(device)
            for task in tasks
        ]
        self.heads = StackedHeads(
            features.num_states,
            features.hidden_size,
            len(data.classes),
            [task.seed for task in tasks],
            recipe.projector_size,
            recipe.pooling,
        ).to(device)
        self.orders = [np.random.default_rng(task.seed) for task in tasks]
        self.steps_per_epoch = math.ceil(len(tasks[0].fold.train) / recipe.batch_size)
        self.optimizer = torch.optim.AdamW(self.heads.parameters(), lr=recipe.learning_rate, fused=True)
        self.scheduler = self._scheduler()
        self.validation_losses: list[list[float]] = [[] for _ in tasks]
        self.best = [self.heads.state_of(index) for index in range(len(tasks))]

    def run(self) -> list[TrainedHead]:
        started = time.perf_counter()
        for _ in range(self.recipe.epochs):
            self._train_epoch()
            self._select()
        seconds = time.perf_counter() - started
        return [self._trained(index, seconds) for index in range(len(self.tasks))]

    def _scheduler(self):
        if self.recipe.scheduler == "cosine":
            total = self.recipe.epochs * self.steps_per_epoch
            return get_cosine_schedule_with_warmup(self.optimizer, self.recipe.warmup_steps, total)
        return get_constant_schedule_with_warmup(self.optimizer, self.recipe.warmup_steps)

    def _train_epoch(self) -> None:
        size = self.recipe.batch_size
        shuffled = [order.permutation(task.fold.train) for order, task in zip(self.orders, self.tasks, strict=True)]
        for step in range(self.steps_per_epoch):
            self._step([rows[step * size : (step + 1) * size] for rows in shuffled])

    def _step(self, batches: Sequence[np.ndarray]) -> None:
        width = max(map(len, batches))
        # folds differ by a few utterances: shorter last batches are filled up, and the filling has no loss
        rows = torch.from_numpy(np.stack([np.resize(batch, width) for batch in batches]))
        logits = self.heads(**self.features(rows))
        rows = rows.to(self.features.device)
        loss = torch.stack(
            [
                loss(logits[head, : len(batch)], self.labels[head][rows[head, : len(batch)]])
                for head, (loss, batch) in enumerate(zip(self.losses, batches, strict=True))
            ]
        ).sum()  # no head has a part in another's loss
        self.optimizer.zero_grad()
        loss.backward()
        self._clip()
        self.optimizer.step()
        self.scheduler.step()

    def _clip(self) -> None:
        """Clip the gradient of each head by itself, as `torch.nn.utils.clip_grad_norm_` would."""
        gradients = [parameter.grad for parameter in self.heads.parameters() if parameter.grad is not None]
        norms = torch.stack([torch.linalg.vector_norm(gradient.flatten(1), dim=1) for gradient in gradients])
        scale = (self.recipe.max_grad_norm / (torch.linalg.vector_norm(norms, dim=0) + 1e-6)).clamp(max=1)
        for gradient in gradients:
            gradient.mul_(scale.view(-1, *[1] * (gradient.dim() - 1)))

    def _select(self) -> None:
        """Keep the heads whose validation loss is the lowest so far."""
        for index, task in enumerate(self.tasks):
            rows = torch.from_numpy(task.fold.validation)
            logits = self._logits(self.heads.only(index), rows)
            loss = self.losses[index](logits, self.labels[index][rows.to(self.features.device)]).item()
            if not math.isfinite(loss):
                raise ValueError(
                    f"The validation loss of fold {task.fold.number}, seed {task.seed} is {loss} after epoch "
                    f"{len(self.validation_losses[index]) + 1}: training diverged. Lower the learning rate "
                    f"({self.recipe.learning_rate})."
                )
            if loss < min(self.validation_losses[index], default=math.inf):
                self.best[index] = self.heads.state_of(index)
            self.validation_losses[index].append(loss)

    @torch.no_grad()
    def _logits(self, head: nn.Module, rows: torch.Tensor) -> torch.Tensor:
        size = _EVALUATION_BATCH_ON_CPU if self.features.device.type == "cpu" else _EVALUATION_BATCH
        return torch.cat([head(**self.features(part[None]))[0] for part in rows.split(size)])

    def _trained(self, index: int, seconds: float) -> TrainedHead:
        fold, losses, state = self.tasks[index].fold, self.validation_losses[index], self.best[index]
        head = self.heads.only(index)
        head.load_state_dict({name.replace(".", "_"): value[None] for name, value in state.items()})
        validation, test = (
            self._logits(head, torch.from_numpy(rows)).double().softmax(dim=-1).cpu().numpy()
            for rows in (fold.validation, fold.test)
        )
        return TrainedHead(state, int(np.argmin(losses)) + 1, losses, validation, test, seconds)
