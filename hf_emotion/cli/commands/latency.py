"""`hf-emotion latency`: how long a classifier takes for a clip, and what it needs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import typer


def latency(ctx: typer.Context) -> None:
    """Time a model on clips of several durations: latency MODEL [--durations 1 10] [--batch_sizes 1 8]."""
    import transformers

    from hf_emotion.evaluation.latency import LATENCY_FILE, checkpoint_bytes, format_latency, measure_latency
    from hf_emotion.evaluation.report import save_metrics
    from hf_emotion.models.loading import class_names, load_model_and_extractor
    from hf_emotion.recognition import ENSEMBLE_FILE

    args = parse_arguments(ctx.args)
    if (Path(args.model) / ENSEMBLE_FILE).is_file():
        raise ValueError(
            f"{args.model} is an ensemble: it takes as long as its members together. Measure each of them; their "
            f"folders are in {Path(args.model) / ENSEMBLE_FILE}."
        )
    transformers.utils.logging.disable_progress_bar()
    model, extractor = load_model_and_extractor(args.model, trust_remote_code=args.trust_remote_code)
    report = measure_latency(
        model,
        extractor,
        durations=args.durations,
        batch_sizes=args.batch_sizes,
        num_repeats=args.num_repeats,
        num_warmups=args.num_warmups,
        num_threads=args.threads,
        device=args.device,
    )
    facts = {
        "model": args.model,
        "trained_parameters": trained_parameters(args.model, class_names(model)),
        "checkpoint_bytes": checkpoint_bytes(args.model),
    }
    report = facts | report
    print(format_latency(report))
    if args.output_dir is not None:
        save_metrics(report, Path(args.output_dir) / LATENCY_FILE)
        print(f"Written to {Path(args.output_dir) / LATENCY_FILE}")


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """
    Read the command line.

    Raises:
        `SystemExit`: if an argument is unknown or malformed.
    """
    from hf_emotion.evaluation.latency import BATCH_SIZES, DURATIONS

    parser = argparse.ArgumentParser(
        prog="hf-emotion latency",
        description="Time feature extraction and model on generated clips, and report the real-time factor, clips per "
        "second, parameters and memory.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("model", help="folder of a trained classifier, or its id on the Hub")
    parser.add_argument("--durations", nargs="+", type=float, default=DURATIONS, help="seconds of the clips")
    parser.add_argument("--batch_sizes", nargs="+", type=int, default=BATCH_SIZES, help="clips per batch")
    parser.add_argument("--threads", type=int, help="threads of torch on the CPU; as many as torch takes by default")
    parser.add_argument("--device", help="cpu, cuda or cuda:1 ...; a GPU by default if there is one")
    parser.add_argument("--num_repeats", type=int, default=10, help="timed runs of each duration and batch size")
    parser.add_argument("--num_warmups", type=int, default=2, help="runs of each before these")
    parser.add_argument("--output_dir", help="folder for latency.json")
    parser.add_argument(
        "--trust_remote_code", action="store_true", help="allow code from the model's repository; read it first"
    )
    return parser.parse_args(list(arguments))


def trained_parameters(source: str, labels: Sequence[str]) -> int | None:
    """
    How many parameters the run trained, by its experiment. `None` if there is no record, or if the checkpoint that it
    started from is gone.
    """
    from hf_emotion.experiment.check import checked_model
    from hf_emotion.experiment.steps import load_experiment
    from hf_emotion.run_record import CONFIG_FILE, recorded_config

    if recorded_config(source) is None:
        return None
    (step,) = load_experiment(["--config", str(Path(source) / CONFIG_FILE)])
    try:
        model = checked_model(step, labels)
    except OSError:  # also what transformers raises for a Hub id without network
        return None
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
