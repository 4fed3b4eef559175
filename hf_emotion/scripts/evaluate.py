"""Score a trained classifier on corpora, or a table of predictions that is already there.

    hf-emotion evaluate --model outputs/quickstart/transfer
    hf-emotion evaluate --model DIR_OR_ID --corpora emodb --data_dir corpora/emodb --eval_split all
    hf-emotion evaluate --predictions outputs/quickstart/transfer/predictions.parquet

For a model that was trained here, corpora, labels and splits default to those of its experiment.yaml, so that the
first command repeats the evaluation of the training run.
"""

import argparse
import json
import logging
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import transformers
import yaml
from accelerate import PartialState
from transformers import HfArgumentParser, PreTrainedModel

from hf_emotion.arguments import DataArguments, EmotionTrainingArguments
from hf_emotion.data.data_collator import EmotionDataCollator, minimum_input_samples
from hf_emotion.data.splits import PARTS
from hf_emotion.emotions import AROUSAL_VALENCE_CLASSES, canonical_emotion
from hf_emotion.evaluation import evaluate_predictions, format_report, save_metrics
from hf_emotion.experiment_corpora import ExperimentCorpus, load_experiment_corpora, voted_emotions
from hf_emotion.plots import save_report_figures
from hf_emotion.predictions import METADATA_COLUMNS, load_predictions, predictions_table, save_predictions
from hf_emotion.run_record import CORPORA_FILE, METRICS_FILE, PREDICTIONS_FILE, recorded_config
from hf_emotion.trained_classifier import class_names, load_trained_classifier
from hf_emotion.trainer import EmotionTrainer


logger = logging.getLogger("hf_emotion.evaluate")


@dataclass
class EvaluationArguments:
    """What is scored, and where the result goes."""

    model: str | None = field(default=None, metadata={"help": "Folder of a trained classifier, or its id on the Hub."})
    predictions: str | None = field(
        default=None, metadata={"help": "Instead of a model: a predictions table (Parquet) to score."}
    )
    data_dir: list[str] = field(
        default_factory=list, metadata={"help": "Folder of each corpus, in the order of --corpora."}
    )
    eval_split: str = field(
        default="test",
        metadata={"help": "Which part of the corpora to score.", "choices": [*PARTS, "all"]},
    )
    output_dir: str | None = field(
        default=None, metadata={"help": "Folder for metrics.json, predictions.parquet and figures."}
    )
    per_device_eval_batch_size: int = field(default=16, metadata={"help": "Utterances per batch."})
    trust_remote_code: bool = field(
        default=False, metadata={"help": "Allow code from the model's repository to run. Read it first."}
    )
    use_cpu: bool = field(default=False, metadata={"help": "Do not use a GPU."})
    bootstrap_seed: int = field(default=0, metadata={"help": "Seed of the confidence intervals."})

    def __post_init__(self):
        if (self.model is None) == (self.predictions is None):
            raise ValueError("Name what to score: either --model DIR_OR_ID or --predictions FILE.parquet.")


def main(arguments: Sequence[str] | None = None) -> None:
    """Predict, score, print the report and write it; `arguments` are those of the command line."""
    args, data_args = parse_arguments(sys.argv[1:] if arguments is None else arguments)
    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()
    table = load_predictions(args.predictions) if args.predictions else predict_corpora(args, data_args)
    if not PartialState().is_main_process:
        return
    report = evaluate_predictions(table, seed=args.bootstrap_seed)
    print(format_report(report))
    if args.output_dir:
        folder = Path(args.output_dir)
        save_predictions(table, folder / PREDICTIONS_FILE)
        save_report_figures(report, folder)
        save_metrics(report, folder / METRICS_FILE)
        print(f"Written to {folder}")


def parse_arguments(arguments: Sequence[str]) -> tuple[EvaluationArguments, DataArguments]:
    """
    Read the command line. Fields of [`DataArguments`] default to those of the model's own experiment.

    Raises:
        `ValueError`: if arguments contradict each other, or if there is nothing to score.
        `SystemExit`: if an argument is unknown.
    """
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    finder.add_argument("--model")
    recorded = _recorded_data_arguments(finder.parse_known_args(list(arguments))[0].model)
    groups: Any = [EvaluationArguments, DataArguments]
    parser = HfArgumentParser(
        groups,
        prog="hf-emotion evaluate",
        usage="hf-emotion evaluate (--model DIR_OR_ID | --predictions FILE) [options]",
        description=(__doc__ or "").split("\n", 1)[0],
        allow_abbrev=False,
    )
    parser.set_defaults(**({"label_column": None} | recorded))
    unknown = parser.parse_known_args(list(arguments))[1]
    if unknown:
        parser.error(f"unknown argument {unknown[0]}, see --help")
    args, data_args = parser.parse_args_into_dataclasses(list(arguments), look_for_args_file=False)
    data_args.subsample_labels = False  # thins out the training part only
    if args.data_dir:
        data_args.corpora = _with_folders(data_args.corpora, args.data_dir)
    if args.model and not data_args.corpora:
        raise ValueError(f"{args.model} does not say what it was trained on: name --corpora and --data_dir.")
    return args, data_args


def _with_folders(corpora: Sequence[Any], folders: Sequence[str]) -> list[Any]:
    if len(folders) != len(corpora):
        raise ValueError(
            f"--data_dir names {len(folders)} folder(s) and --corpora {len(corpora)} corpora: give one folder for "
            "each corpus, in the same order."
        )
    entries = [entry if isinstance(entry, dict) else {"name": entry} for entry in corpora]
    return [entry | {"data_dir": folder} for entry, folder in zip(entries, folders, strict=True)]


def _recorded_data_arguments(model: str | None) -> dict[str, Any]:
    text = recorded_config(model) if model else None
    known = {item.name for item in fields(DataArguments)}
    return {name: value for name, value in yaml.safe_load(text).items() if name in known} if text else {}


def predict_corpora(args: EvaluationArguments, data_args: DataArguments) -> pd.DataFrame:
    """
    Load model and corpora, and predict one part of each corpus.

    Returns:
        `pd.DataFrame`: a predictions table.

    Raises:
        `ValueError`: if the part is empty, or holds none of the classes of the model.
    """
    model, extractor = load_trained_classifier(str(args.model), trust_remote_code=args.trust_remote_code)
    if data_args.label_column is None:
        data_args.label_column = _label_column(class_names(model))
    classes = _corpus_labels(class_names(model), data_args.label_column)
    corpora = load_experiment_corpora(data_args, args.bootstrap_seed)
    _warn_about_training_speakers(corpora, str(args.model), args.eval_split)
    chosen = PARTS if args.eval_split == "all" else (args.eval_split,)
    rows = datasets.concatenate_datasets([corpus.parts[part] for corpus in corpora for part in chosen])
    rows = _with_known_label(rows, data_args.label_column, classes)
    with tempfile.TemporaryDirectory() as unused_dir:  # the Trainer creates its output folder whether it writes or not
        output = _trainer(model, extractor, classes, args, data_args, unused_dir).predict(rows)
    metadata = rows.select_columns(list(METADATA_COLUMNS)).to_pandas()
    return predictions_table(
        metadata,
        labels=_true_labels(rows, data_args.label_column, classes),
        classes=classes,
        logits=np.asarray(output.predictions),
    )


def _label_column(names: Sequence[str]) -> str:
    """The column whose values the classes of a model are."""
    if set(names) <= set(AROUSAL_VALENCE_CLASSES):
        return "arousal_valence"
    return "emotion" if _canonical(names) else "raw_label"


def _corpus_labels(names: Sequence[str], label_column: str) -> list[str]:
    """Class names as the corpora write them: `angry` becomes `anger`."""
    return (_canonical(names) if label_column in ("emotion", "votes") else None) or list(names)


def _canonical(names: Sequence[str]) -> list[str] | None:
    try:
        emotions = [canonical_emotion(name) for name in names]
    except ValueError:
        return None
    return emotions if len(set(emotions)) == len(names) else None


def _true_labels(rows: datasets.Dataset, label_column: str, classes: Sequence[str]) -> list[str]:
    """The true class of each utterance; of votes the class with the most, or any emotion if no class got one."""
    if label_column != "votes":
        return rows[label_column][:]
    ballots = map(voted_emotions, rows[label_column][:])
    return [next((emotion for emotion in voted if emotion in classes), voted[0]) for voted in ballots]


def _with_known_label(rows: datasets.Dataset, label_column: str, classes: Sequence[str]) -> datasets.Dataset:
    labels = _true_labels(rows, label_column, classes)
    unknown = Counter(label for label in labels if label not in classes)
    kept = [index for index, label in enumerate(labels) if label in classes]
    if not kept:
        raise ValueError(
            f"None of {len(rows)} utterances has a label that the model knows. In column {label_column!r} the corpora "
            f"have {sorted(unknown) or 'none'}, the model has {list(classes)}. Choose another --label_column or "
            "--eval_split."
        )
    if unknown:
        counts = ", ".join(f"{label} {count}" for label, count in sorted(unknown.items()))
        logger.warning("%d of %d utterances left out: the model has no %s.", unknown.total(), len(rows), counts)
    return rows.select(kept)


def _warn_about_training_speakers(corpora: Sequence[ExperimentCorpus], model: str, eval_split: str) -> None:
    record = Path(model) / CORPORA_FILE
    if not record.is_file():
        return
    uses = json.loads(record.read_text(encoding="utf-8"))
    trained_on = {use["name"]: use["split"].get("hash") for use in uses if use["role"] == "train"}
    for corpus in corpora:
        if corpus.name in trained_on and eval_split in ("train", "all"):
            logger.warning("%s: these scores include utterances that the model was trained on.", corpus.name)
        elif corpus.name in trained_on and trained_on[corpus.name] != corpus.split.hash:
            logger.warning(
                "%s: this is not the split that the model was trained with, so its %s part may hold speakers of the "
                "training. Leave out --split and its options to use the recorded split.",
                corpus.name,
                eval_split,
            )


def _trainer(
    model: PreTrainedModel,
    extractor: Any,
    classes: Sequence[str],
    args: EvaluationArguments,
    data_args: DataArguments,
    output_dir: str,
) -> EmotionTrainer:
    training_args = EmotionTrainingArguments(
        output_dir,
        per_device_eval_batch_size=args.per_device_eval_batch_size,
        use_cpu=args.use_cpu,
        dataloader_pin_memory=False,
        report_to="none",
        disable_tqdm=not sys.stderr.isatty(),
    )
    collator = EmotionDataCollator(
        extractor,
        label2id={label: index for index, label in enumerate(classes)},
        label_column=data_args.label_column,
        max_duration_seconds=data_args.max_duration_seconds,
        crop=data_args.crop if data_args.max_duration_seconds else None,
        min_num_samples=minimum_input_samples(model.config).clip,
    )
    return EmotionTrainer(model, training_args, collator)


if __name__ == "__main__":
    main()
