"""The loss of an experiment: named by its arguments, checked against its labels, handed to the Trainer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from ..arguments import DataArguments, EmotionTrainingArguments
from ..data.soft_labels import PUBLISHED_DECIMALS, effective_number_weights, threshold_labels, vote_distribution
from ..losses import label_kinds, list_losses, load_loss
from .corpora import ExperimentCorpus


_BALANCED = "class_balanced_cross_entropy"


def trainer_loss(args: EmotionTrainingArguments, compute_loss_func: Callable | None = None) -> Callable | None:
    """
    `compute_loss_func` of the Trainer: the loss that the arguments name, of the model's logits and the labels. What
    the model itself computes for targets other than `labels`, such as emotion dimensions, is added.

    Args:
        args ([`EmotionTrainingArguments`]): whose `loss` and `loss_options` count.
        compute_loss_func (`Callable`, *optional*): a function that was given to the Trainer instead.

    Returns:
        `Callable` or `None`: the function that computes the mean loss of a batch; `None` leaves it to the model.

    Raises:
        `ValueError`: if both are given, or the options do not fit the loss.
    """
    if args.loss is None:
        return compute_loss_func
    if compute_loss_func is not None:
        raise ValueError(f"There are two losses, loss={args.loss!r} and compute_loss_func. Leave one of them out.")
    loss = load_loss(args.loss, **_options(args))

    def compute_loss(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        if labels is None:
            raise ValueError(f"loss={args.loss!r} needs labels, but the batch has none: give the collator `label2id`.")
        named = loss(outputs.logits, labels)
        # the Trainer keeps the labels from the model, so that a loss of the model is that of its other targets
        others = getattr(outputs, "loss", None)
        return named if others is None else named + others

    return compute_loss


def check_loss(data_args: DataArguments, args: EmotionTrainingArguments, num_classes: int | None = None) -> None:
    """
    Refuse a loss that cannot work with the labels of an experiment, and options that it does not have.

    Args:
        data_args ([`DataArguments`]): their `label_column` says what labels there are.
        args ([`EmotionTrainingArguments`]): whose `loss` and `loss_options` are checked.
        num_classes (`int`, *optional*): number of classes, if it is known yet.

    Raises:
        `ValueError`: if so; names the losses that fit.
    """
    kind = "distributions" if data_args.label_column == "votes" else "class_ids"
    if kind not in (label_kinds(args.loss) if args.loss else ("class_ids",)):
        fitting = [name for name in list_losses() if kind in label_kinds(name)]
        raise ValueError(
            f"`label_column: {data_args.label_column}` gives {kind.replace('_', ' ')}, which "
            f"{f'the loss {args.loss!r}' if args.loss else 'the loss of the model'} does not take. Set `loss` to "
            f"{' or '.join(fitting)}{', or leave it out' if kind == 'class_ids' else ''}."
        )
    if args.loss is None:
        return
    options = _options(args)
    if args.loss == _BALANCED:
        options.setdefault("weights", [1.0] * (num_classes or 1))
    loss = load_loss(args.loss, **options)
    if num_classes is not None:
        is_soft = kind == "distributions"
        labels = torch.full((1, num_classes), 1 / num_classes) if is_soft else torch.zeros(1, dtype=torch.int64)
        loss(torch.zeros(1, num_classes), labels)


def set_class_weights(
    data_args: DataArguments,
    args: EmotionTrainingArguments,
    corpora: Sequence[ExperimentCorpus],
    classes: Sequence[str],
) -> None:
    """
    Give the class-balanced loss the weights of the training data, unless `loss_options` has `weights`: those of
    [`~hf_emotion.data.soft_labels.effective_number_weights`], as in EMO-SUPERB. Other losses are left as they are.

    Args:
        data_args ([`DataArguments`]): their `label_column` says what labels there are.
        args ([`EmotionTrainingArguments`]): whose `loss_options` are completed in place.
        corpora (`Sequence[ExperimentCorpus]`): the corpora; their training parts count together.
        classes (`Sequence[str]`): class names in the order of the outputs.

    Raises:
        `ValueError`: if a class has no training utterance.
    """
    options = _options(args)
    if args.loss != _BALANCED or "weights" in options:
        return
    labels = [label for corpus in corpora for label in corpus.parts["train"][data_args.label_column][:]]
    if data_args.label_column == "votes":
        present = threshold_labels(vote_distribution(labels, classes), decimals=PUBLISHED_DECIMALS)
    else:
        present = np.asarray(labels)[:, None] == np.asarray(classes)[None, :]
    args.loss_options = options | {"weights": effective_number_weights(present).tolist()}


def _options(args: EmotionTrainingArguments) -> dict[str, Any]:
    return dict(args.loss_options) if isinstance(args.loss_options, dict) else {}
