"""Score a trained classifier on corpora, or a table of predictions that is already there.

    hf-emotion evaluate --model outputs/quickstart/transfer
    hf-emotion evaluate --model DIR_OR_ID --corpora emodb --data_dir corpora/emodb --eval_split all
    hf-emotion evaluate --predictions outputs/quickstart/transfer/predictions.parquet

For a model that was trained here, corpora, labels and splits default to those of its experiment.yaml, so that the
first command repeats the evaluation of the training run.
"""

import argparse
import logging
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import transformers
from accelerate import PartialState
from transformers import HfArgumentParser, PreTrainedModel

from hf_emotion.arguments import DataArguments, EmotionTrainingArguments
from hf_emotion.data.splits import PARTS
from hf_emotion.evaluation.plots import save_report_figures
from hf_emotion.evaluation.predictions import load_predictions, save_predictions
from hf_emotion.evaluation.report import evaluate_predictions, format_report, save_metrics
from hf_emotion.experiment.collator import experiment_collator
from hf_emotion.experiment.evaluation_rows import evaluation_rows, recorded_data_arguments, with_folders
from hf_emotion.experiment.predictions import predict_rows
from hf_emotion.models.loading import class_names, load_model_and_extractor
from hf_emotion.run_record import METRICS_FILE, PREDICTIONS_FILE
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
    model = finder.parse_known_args(list(arguments))[0].model
    recorded = recorded_data_arguments(model) if model else {}
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
    data_args.subsample_labels, data_args.augmentation = False, None  # both are for training only
    if args.data_dir:
        data_args.corpora = with_folders(data_args.corpora, args.data_dir)
    if args.model and not data_args.corpora:
        raise ValueError(f"{args.model} does not say what it was trained on: name --corpora and --data_dir.")
    return args, data_args


def predict_corpora(args: EvaluationArguments, data_args: DataArguments) -> pd.DataFrame:
    """
    Load model and corpora, and predict one part of each corpus.

    Returns:
        `pd.DataFrame`: a predictions table.

    Raises:
        `ValueError`: if the part is empty, or holds none of the classes of the model.
    """
    source = str(args.model)
    model, extractor = load_model_and_extractor(source, trust_remote_code=args.trust_remote_code)
    with PartialState(cpu=args.use_cpu).main_process_first():  # which fills the cache for the others
        rows, labels, classes = evaluation_rows(
            data_args, class_names(model), model=source, eval_split=args.eval_split, seed=args.bootstrap_seed
        )
    with tempfile.TemporaryDirectory() as unused_dir:  # the Trainer creates its output folder whether it writes or not
        return predict_rows(_trainer(model, extractor, classes, args, data_args, unused_dir), rows, classes, labels)


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
    collator = experiment_collator(data_args, model.config, extractor, classes)
    return EmotionTrainer(model, training_args, collator)


if __name__ == "__main__":
    main()
