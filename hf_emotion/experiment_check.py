"""Checks an experiment end to end without weights and data: names, labels, steps, and the model on the meta device."""

from pathlib import Path

from .experiment import Step
from .experiment_corpora import corpora_without_loader, declared_label_names, requested_corpora
from .experiment_model import meta_classifier


def check_experiment(step: Step) -> str:
    """
    Check a step and describe it.

    Args:
        step ([`Step`]): the arguments.

    Returns:
        `str`: a table for the terminal: model, parameter counts, corpora, labels, steps.

    Raises:
        `ValueError`: if names, labels, architecture or steps cannot work.
    """
    corpora = requested_corpora(step.data)
    labels = declared_label_names(step.data)
    model = meta_classifier(step.model, labels or ["label"])
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    trained = sum(size for size, is_trained in sizes if is_trained)
    if not trained:
        raise ValueError(f"{step.name}: every parameter is frozen, so there is nothing to train.")
    args = step.training
    accumulated = args.gradient_accumulation_steps * (len(corpora) if args.round_robin_unit == "step" else 1)
    length = f"{args.max_steps:,} optimizer steps" if args.max_steps > 0 else f"{args.num_train_epochs:g} epochs"
    without_loader = corpora_without_loader(corpora)
    rows = {
        "experiment": step.name,
        "model": f"{type(model).__name__} from {step.model.model_name_or_path or 'scratch'}",
        "parameters": f"{sum(size for size, _ in sizes) / 1e6:,.2f} M, {trained / 1e6:,.2f} M trainable",
        "corpora": f"{len(corpora)}: {_shortened([corpus.name for corpus in corpora])}",
        "no loader yet": _shortened(without_loader) if without_loader else "-",
        "labels": f"{len(labels)} ({step.data.label_column})"
        if labels
        else f"from the data ({step.data.label_column})",
        "training": f"{length}, batch {args.per_device_train_batch_size} x {accumulated} accumulated, "
        f"{args.mixing}, lr {args.learning_rate:g}",
        "output": str(Path(args.output_dir)),
    }
    width = max(map(len, rows))
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in rows.items())


def _shortened(names: list[str], limit: int = 8) -> str:
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown}, ... ({len(names)} in all)"
