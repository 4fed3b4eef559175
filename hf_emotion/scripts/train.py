"""Train a speech emotion classifier on one corpus or many.

    accelerate launch train.py --config trainer_configs/quickstart.yaml
    accelerate launch train.py --config trainer_configs/exhubert/exhubert_large_es_plus_plus.yaml --corpora jl_corpus
    python train.py --config X.yaml --dry_run true

Every flag overrides the YAML file. A run that was interrupted continues with `--resume_from_checkpoint true`; steps
that are finished are then skipped.
"""

import copy
import logging
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import datasets
import transformers
import yaml
from accelerate import PartialState
from transformers import EarlyStoppingCallback, PreTrainedModel
from transformers.trainer import TRAINING_ARGS_NAME

from hf_emotion.adapters import merge_adapter
from hf_emotion.checkpoint_folders import last_checkpoint
from hf_emotion.evaluation.predictions import VALIDATION_PREDICTIONS_FILE, save_predictions
from hf_emotion.evaluation.report import format_report, load_metrics
from hf_emotion.experiment.check import check_experiment
from hf_emotion.experiment.collator import experiment_collator
from hf_emotion.experiment.corpora import ExperimentCorpus, label_names, load_experiment_corpora
from hf_emotion.experiment.loss import check_loss, set_class_weights
from hf_emotion.experiment.model import HEAD_ONLY, prepare_feature_extractor, prepare_model
from hf_emotion.experiment.predictions import predict_rows
from hf_emotion.experiment.segments import describe_segments
from hf_emotion.experiment.steps import Step, load_experiment
from hf_emotion.models.classifier import TRAVELS_WITH_CODE
from hf_emotion.publishing.training_run import check_push, push_run
from hf_emotion.run_record import METRICS_FILE, is_finished, record_config, recorded_config, write_run_record
from hf_emotion.scripts.cpu_processes import start_cpu_processes
from hf_emotion.trainer import EmotionTrainer


logger = logging.getLogger("hf_emotion.train")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all steps of an experiment; `arguments` are those of the command line."""
    if arguments is None:
        start_cpu_processes()
    steps = load_experiment(sys.argv[1:] if arguments is None else arguments)
    for step in steps:
        check_push(step.training)
    if steps[0].run.dry_run:
        print("\n\n".join(map(check_experiment, steps)))
        return
    destinations = list(map(_destination, steps))
    for number, step in enumerate(steps):
        _set_up_logging(step)
        run_step(step)
        if destinations[number] is not None and destinations[number] not in destinations[number + 1 :]:
            _push(step)  # unless the model of a later step replaces it there


def run_step(step: Step) -> dict:
    """
    Train and evaluate one step, and write its folder.

    Args:
        step ([`Step`]): the arguments.

    Returns:
        `dict`: the report on the test parts, see [`~hf_emotion.evaluation.report.evaluate_predictions`].

    Raises:
        `ValueError`: if the folder holds another run, or if model, corpora or arguments do not fit together.
    """
    output_dir = Path(step.output_dir)
    if _may_skip(step):
        logger.info("%s is finished: %s", step.name, output_dir)
        report = load_metrics(output_dir / METRICS_FILE)
        _show(report, step)
        return report
    with step.training.main_process_first(desc="preparing corpora"):
        corpora = load_experiment_corpora(step.data, step.training.seed)
    tested = [corpus.parts["test"] for corpus in corpora if len(corpus.parts["test"])]
    if not tested:
        raise ValueError("No corpus has a labelled test utterance. Choose another `split`, or a larger `test_size`.")
    labels = label_names(step.data, corpora)
    check_loss(step.data, step.training, len(labels))
    transformers.set_seed(step.training.seed)
    model = prepare_model(step.model, step.data, labels)
    extractor = prepare_feature_extractor(step.model, model)
    if step.training.should_save:
        record_config(output_dir, step.resolved_yaml())

    trainer = _trainer(step, model, extractor, corpora, labels)
    started = time.perf_counter()
    result = trainer.train(resume_from_checkpoint=_checkpoint(step))
    seconds = time.perf_counter() - started
    if step.model.adapter not in (None, HEAD_ONLY):
        adapter_dir = output_dir / "adapter" if step.training.should_save else None
        trainer.model = trainer.model_wrapped = merge_adapter(
            trainer.accelerator.unwrap_model(trainer.model), adapter_dir
        )
        if adapter_dir is not None:
            extractor.save_pretrained(adapter_dir)
    trainer.save_model()
    if step.training.should_save:
        # a pickle of what experiment.yaml says in plain text
        (output_dir / TRAINING_ARGS_NAME).unlink(missing_ok=True)

    predictions = predict_rows(trainer, datasets.concatenate_datasets(tested), labels)
    validated = [corpus.parts["validation"] for corpus in corpora if len(corpus.parts["validation"])]
    validation = predict_rows(trainer, datasets.concatenate_datasets(validated), labels) if validated else None
    report = {}
    if step.training.should_save:
        if validation is not None:  # ensembles and temperatures are fitted on it
            save_predictions(validation, output_dir / VALIDATION_PREDICTIONS_FILE)
        report = write_run_record(
            output_dir,
            predictions,
            corpora,
            classes=labels,
            config_yaml=step.resolved_yaml(),
            base_model=step.model.model_name_or_path,
            architecture=model.config.model_type,
            training=_training_facts(trainer, model, result.global_step, seconds) | _segments(step, corpora),
            log_history=trainer.state.log_history,
            sampling_rate=extractor.sampling_rate,
            remote_code=model.config.model_type in TRAVELS_WITH_CODE,
            seed=step.training.seed,
        )
        _show(report, step)
    trainer.accelerator.wait_for_everyone()
    return report


def _trainer(
    step: Step, model: PreTrainedModel, extractor, corpora: Sequence[ExperimentCorpus], labels: Sequence[str]
) -> EmotionTrainer:
    if step.training.mixing == "weighted" and step.training.corpus_weights is None:
        step.training.corpus_weights = [corpus.weight for corpus in corpora]
    set_class_weights(step.data, step.training, corpora, labels)
    collator = experiment_collator(step.data, model.config, extractor, labels, seed=step.training.seed)
    validation = {corpus.name: corpus.parts["validation"] for corpus in corpora if len(corpus.parts["validation"])}
    callbacks = []
    if step.run.early_stopping_patience is not None:
        callbacks.append(EarlyStoppingCallback(step.run.early_stopping_patience))
    training = copy.copy(step.training)
    training.push_to_hub = False  # with its card, once the run is finished; the Trainer would push all of the folder
    return EmotionTrainer(
        model,
        training,
        collator,
        {corpus.name: corpus.parts["train"] for corpus in corpora},
        validation or None,
        processing_class=extractor,
        callbacks=callbacks,
    )


def _destination(step: Step) -> tuple[str, str | None] | None:
    """Repository and branch that a step is pushed to."""
    training = step.training
    return (
        (training.hub_model_id or Path(step.output_dir).name, training.hub_revision) if training.push_to_hub else None
    )


def _push(step: Step) -> None:
    if PartialState().is_main_process:
        print(f"Pushed: {push_run(step.output_dir, step.training).commit_url}")
    PartialState().wait_for_everyone()


def _may_skip(step: Step) -> bool:
    output_dir = step.output_dir
    recorded = recorded_config(output_dir)
    if recorded is None and last_checkpoint(output_dir) is None:
        return False
    if not _resumes(step):
        raise ValueError(
            f"{output_dir} holds a run already. Continue it with `--resume_from_checkpoint true`, choose another "
            "`output_dir`, or delete the folder."
        )
    if recorded is not None and (changed := _changed_fields(recorded, step.resolved_yaml())):
        raise ValueError(
            f"{output_dir} holds a run of another experiment: {', '.join(changed)} differ from its experiment.yaml. "
            "Choose another `output_dir`, or delete the folder."
        )
    return is_finished(output_dir)


def _changed_fields(recorded: str, resolved: str) -> list[str]:
    before, now = yaml.safe_load(recorded), yaml.safe_load(resolved)
    names = {*before, *now} - {"output_dir"}  # the folder may have been moved
    return sorted(name for name in names if before.get(name) != now.get(name))


def _resumes(step: Step) -> bool:
    return step.training.resume_from_checkpoint not in (None, "", "false", "False", False)


def _checkpoint(step: Step) -> str | None:
    """Checkpoint to resume from; a run that was interrupted before its first one starts again."""
    resume = step.training.resume_from_checkpoint
    if not _resumes(step):
        return None
    return last_checkpoint(step.output_dir) if resume in ("true", "True", True) else str(resume)


def _training_facts(trainer: EmotionTrainer, model: PreTrainedModel, steps: int, seconds: float) -> dict:
    args = trainer.args
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    return {
        "optimizer steps": steps,
        "batch size": f"{args.train_batch_size} x {args.gradient_accumulation_steps} accumulated x {args.world_size}",
        "corpora mixed by": f"{args.mixing} ({args.round_robin_unit})"
        if args.mixing == "round_robin"
        else args.mixing,
        "learning rate": args.learning_rate,
        "schedule": str(getattr(args.lr_scheduler_type, "value", args.lr_scheduler_type)),
        "precision": "bf16" if args.bf16 else "fp16" if args.fp16 else "fp32",
        "seed": args.seed,
        "parameters": f"{sum(size for size, _ in sizes):,}",
        "trainable parameters": f"{sum(size for size, trained in sizes if trained):,}",
        "training time": f"{seconds:.0f} s",
    }


def _segments(step: Step, corpora: Sequence[ExperimentCorpus]) -> dict[str, str]:
    segments = describe_segments(step.data, [corpus.parts["train"] for corpus in corpora])
    return {"segments": segments} if segments else {}


def _show(report: dict, step: Step) -> None:
    if PartialState().is_main_process:
        print(f"\n{step.name}: scores on the test parts\n{format_report(report)}\nWritten to {step.output_dir}")


def _set_up_logging(step: Step) -> None:
    level = logging.INFO if step.training.should_log else logging.ERROR
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=level, force=True)
    datasets.utils.logging.set_verbosity_error()
    datasets.disable_progress_bars()
    transformers.utils.logging.set_verbosity_warning()
    # transformers' WavLM in every process: masks of two types
    warnings.filterwarnings("ignore", message="Support for mismatched key_padding_mask")


if __name__ == "__main__":
    main()
