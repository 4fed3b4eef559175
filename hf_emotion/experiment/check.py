"""Checks an experiment end to end without weights and data: names, labels, steps, and the model on the meta device."""

from collections.abc import Sequence

from transformers import PreTrainedModel

from ..arguments import EmotionTrainingArguments
from ..data.augmentation import check_augmentation
from ..data.loading import corpus_facts
from ..data.splits import STRATEGIES
from .corpora import MANIFEST, declared_label_names, requested_corpora
from .loss import check_loss
from .model import meta_classifier
from .segments import describe_segments
from .steps import Step


_PLACEHOLDERS = ("label_0", "label_1")  # while the labels are only known to a manifest


def check_experiment(step: Step) -> str:
    """
    Check a step and describe it.

    Args:
        step ([`Step`]): the arguments.

    Returns:
        `str`: a table for the terminal: model, parameter counts, corpora, labels, split, training, folder.

    Raises:
        `ValueError`: if names, labels, architecture or steps cannot work.
    """
    corpora = requested_corpora(step.data)
    splits = [corpus.split or step.data.split for corpus in corpora]
    for corpus, split in zip(corpora, splits, strict=True):
        known = (*STRATEGIES, *corpus_facts(corpus.name).published_splits)
        if split not in known:
            raise ValueError(f"{step.name}: {corpus.name} has no split {split!r}; choose one of {', '.join(known)}.")
    labels = declared_label_names(step.data)
    if labels is not None and len(labels) < 2:
        raise ValueError(f"{step.name}: {len(labels)} label(s) in {step.data.label_column!r}; it takes two or more.")
    # other classes than these six are those that occur in the data, which may lack some of the declared ones
    check_loss(
        step.data, step.training, len(labels) if labels and step.data.label_column == "arousal_valence" else None
    )
    model = checked_model(step, labels or _PLACEHOLDERS)
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    trained = sum(size for size, is_trained in sizes if is_trained)
    if not trained:
        raise ValueError(f"{step.name}: every parameter is frozen, so there is nothing to train.")
    names = [str(corpus.data_dir) if corpus.name == MANIFEST else corpus.name for corpus in corpora]
    origin = step.model.model_name_or_path
    rows = {
        "experiment": step.name,
        "model": f"{type(model).__name__}, {f'starts from {origin}' if origin else 'from scratch'}",
        "parameters": f"{sum(size for size, _ in sizes) / 1e6:,.2f} M, {trained / 1e6:,.2f} M trained",
        "corpora": f"{len(names)}: {_shortened(names)}",
        "labels": f"{step.data.label_column}, {f'{len(labels)} classes' if labels else 'from the data'}",
        "splits": _shortened(sorted(set(splits))),
        "training": _training(step.training, len(corpora)),
        "output": step.output_dir,
    }
    if step.data.augmentation:
        rows["augmentation"] = ", ".join(
            f"{item['name']} (p={item['p']:g})" for item in check_augmentation(step.data.augmentation)
        )
    if segments := describe_segments(step.data):
        rows["segments"] = segments
    width = max(map(len, rows))
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in rows.items())


def checked_model(step: Step, labels: Sequence[str]) -> PreTrainedModel:
    """The classifier of a step on the meta device, after the expansions of the steps before."""
    start_config = None if step.start is None else checked_model(step.start, labels).config
    return meta_classifier(step.model, step.data, labels, start_config)


def _training(args: EmotionTrainingArguments, num_corpora: int) -> str:
    length = f"{args.max_steps:,} steps" if args.max_steps > 0 else f"{args.num_train_epochs:g} epochs"
    per_step = args.gradient_accumulation_steps * (num_corpora if args.round_robin_unit == "step" else 1)
    batch = f"{args.per_device_train_batch_size} clips" + (f" x {per_step} batches" if per_step > 1 else "")
    mixing = f", {args.mixing}{f' by {args.round_robin_unit}' if args.mixing == 'round_robin' else ''}"
    return f"{length} of {batch} per device{mixing if num_corpora > 1 else ''}, learning rate {args.learning_rate:g}"


def _shortened(names: Sequence[str], limit: int = 8) -> str:
    return ", ".join(names) if len(names) <= limit else f"{', '.join(names[:limit])}, ..."
