"""`hf-emotion robustness`: how much a classifier loses when the test audio gets worse."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer


if TYPE_CHECKING:
    from hf_emotion.arguments import DataArguments
    from hf_emotion.pipelines.recognizer import SpeechEmotionRecognizer

logger = logging.getLogger("hf_emotion.evaluation.robustness")

_USAGE = "hf-emotion robustness RUN [--conditions NAME ...] [--noise_dir DIR] [--output_dir DIR] [options]"


@dataclass
class RobustnessArguments:
    """Which classifier is tested under which conditions, and where the result goes."""

    conditions: list[str] | None = field(
        default=None,
        metadata={
            "help": "Conditions such as white_noise:20 (dB), low_pass:4000 (Hz) or telephone; a kind alone stands for "
            "its usual values. Kinds are white_noise, pink_noise, noise_files, telephone, gsm, low_pass, "
            "leading_silence, cut, gain, clipping and mp3 (needs the extra `augment`). By default all but mp3."
        },
    )
    noise_dir: str | None = field(default=None, metadata={"help": "Folder of noise recordings for noise_files."})
    data_dir: list[str] = field(
        default_factory=list, metadata={"help": "Folder of each corpus, in the order of --corpora."}
    )
    eval_split: str = field(
        default="test",
        metadata={"help": "Part of the corpora to test on.", "choices": ["train", "validation", "test", "all"]},
    )
    output_dir: str | None = field(
        default=None,
        metadata={"help": "Folder for robustness.json, robustness_predictions.parquet and robustness.png."},
    )
    batch_size: int = field(default=8, metadata={"help": "Clips per batch."})
    num_resamples: int = field(default=1000, metadata={"help": "Bootstrap resamples."})
    seed: int = field(default=0, metadata={"help": "Seed of the noise and of the resamplings."})
    trust_remote_code: bool = field(
        default=False, metadata={"help": "Allow code from the model's repository to run. Read it first."}
    )

    def __post_init__(self):
        for name in ("batch_size", "num_resamples"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name} must be 1 or more, but is {getattr(self, name)}.")


def robustness(ctx: typer.Context) -> None:
    """Test a classifier on degraded audio: robustness RUN [--conditions white_noise telephone] [--noise_dir DIR]."""
    import datasets
    import transformers

    from hf_emotion.cli.progress_bars import progress_bars_on_terminals_only
    from hf_emotion.data.degradation import parse_conditions
    from hf_emotion.data.noise import NoiseFiles
    from hf_emotion.evaluation.robustness import degraded_predictions, format_robustness, robustness_report
    from hf_emotion.experiment.evaluation_rows import evaluation_rows

    source, args, data_args = parse_arguments(ctx.args)
    conditions = parse_conditions(args.conditions, has_noise_files=args.noise_dir is not None)
    transformers.utils.logging.disable_progress_bar()
    with progress_bars_on_terminals_only():
        classifier = load_classifier(source, args.trust_remote_code)
        if args.noise_dir is not None:
            NoiseFiles(args.noise_dir, classifier.sampling_rate)  # fails before corpora are loaded
        rows, labels, classes = evaluation_rows(
            data_args, classifier.classes, model=source, eval_split=args.eval_split, seed=args.seed
        )
    table = degraded_predictions(
        classifier,
        rows.cast_column("audio", datasets.Audio(decode=False)),
        labels,
        conditions,
        classes=classes,
        noise_dir=args.noise_dir,
        max_duration_seconds=data_args.max_duration_seconds if data_args.crop == "start" else None,
        seed=args.seed,
        batch_size=args.batch_size,
        show_progress=True,
    )
    report = robustness_report(table, seed=args.seed, num_resamples=args.num_resamples)
    print(format_robustness(report))
    if args.output_dir is not None:
        settings = {"model": source, "eval_split": args.eval_split, "noise_dir": args.noise_dir}
        _write(Path(args.output_dir), table, settings | report)


def parse_arguments(arguments: Sequence[str]) -> tuple[str, RobustnessArguments, DataArguments]:
    """
    Read the command line. Fields of [`DataArguments`] default to those of the run's own experiment.

    Raises:
        `ValueError`: if arguments contradict each other, or no corpora are named and the run has no record of its own.
        `SystemExit`: if an argument is unknown, or the run is missing.
    """
    from transformers import HfArgumentParser

    from hf_emotion.arguments import DataArguments
    from hf_emotion.experiment.evaluation_rows import recorded_data_arguments, with_folders

    groups: Any = [RobustnessArguments, DataArguments]
    parser = HfArgumentParser(
        groups,
        prog="hf-emotion robustness",
        usage=_USAGE,
        description="How much a trained classifier loses when the test audio gets worse. RUN is the folder of a run, "
        "of a model or of an ensemble, or the id of a model on the Hub. Corpora, labels and splits default to those "
        "of the run's experiment.yaml.",
        allow_abbrev=False,
    )
    source, rest = (arguments[0], list(arguments[1:])) if arguments else ("", [])
    if source in ("-h", "--help"):
        parser.print_help()
        raise SystemExit(0)
    if not source or source.startswith("-"):
        parser.error("name the run first: its folder, or the id of a model on the Hub")
    parser.set_defaults(**({"label_column": None} | recorded_data_arguments(source)))
    unknown = parser.parse_known_args(rest)[1]
    if unknown:
        parser.error(f"unknown argument {unknown[0]}, see --help")
    args, data_args = parser.parse_args_into_dataclasses(rest, look_for_args_file=False)
    data_args.subsample_labels = False  # thins out the training part only
    data_args.text_embedding_model = None  # the classifier hears the audio alone
    if args.data_dir:
        data_args.corpora = with_folders(data_args.corpora, args.data_dir)
    if not data_args.corpora:
        raise ValueError(f"{source} does not say what it was trained on: name --corpora and --data_dir.")
    return source, args, data_args


def load_classifier(source: str, trust_remote_code: bool = False) -> SpeechEmotionRecognizer:
    """
    A model or an ensemble whose scores are probabilities that sum to one, as in tables of predictions. Warns if a
    model uses more than the audio.
    """
    from hf_emotion.recognition import load_recognizer

    recognizer = load_recognizer(source, trust_remote_code=trust_remote_code)
    recognizer.activation = "softmax"
    if recognizer.conditioned_on:
        logger.warning(
            "The model uses %s, but is tested on the audio alone: its clean scores differ from those of `evaluate`.",
            " and ".join(recognizer.conditioned_on),
        )
    return recognizer


def _write(folder: Path, table: Any, report: dict[str, Any]) -> None:
    from hf_emotion.evaluation.plots import save_figure
    from hf_emotion.evaluation.report import save_metrics
    from hf_emotion.evaluation.robustness import ROBUSTNESS_FILE, ROBUSTNESS_PREDICTIONS_FILE
    from hf_emotion.evaluation.robustness_plots import robustness_figure

    save_metrics(report, folder / ROBUSTNESS_FILE)
    table.to_parquet(folder / ROBUSTNESS_PREDICTIONS_FILE, index=False)
    if len(report["conditions"]) > 1:
        save_figure(robustness_figure(report), folder / "robustness.png")
    print(f"Written to {folder}")
