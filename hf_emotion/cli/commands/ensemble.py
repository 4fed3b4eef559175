"""`hf-emotion ensemble`: several finished runs become one classifier."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer


if TYPE_CHECKING:
    from hf_emotion.ensembles.ensemble import EnsembleMember


def ensemble(
    output_dir: Annotated[Path, typer.Option("--output_dir", help="Folder to write.", show_default=False)],
    runs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="RUN", help="Folders of finished runs.", show_default=False),
    ] = None,
    validation_predictions: Annotated[
        list[Path] | None,
        typer.Option(
            "--validation_predictions",
            help="Instead of a run: predictions of the validation parts (Parquet). May be repeated.",
            show_default=False,
        ),
    ] = None,
    test_predictions: Annotated[
        list[Path] | None,
        typer.Option(
            "--test_predictions",
            help="Predictions of the test parts that belong to them, in the same order.",
            show_default=False,
        ),
    ] = None,
    method: Annotated[
        Literal["weighted", "greedy", "mean", "vote"],
        typer.Option(
            "--method",
            help="Weighted sum with weights by SLSQP or by greedy forward selection, plain mean, or majority vote.",
        ),
    ] = "weighted",
    objective: Annotated[
        Literal["log_loss", "soft_macro_f1", "macro_f1"],
        typer.Option(
            "--objective", help="What the weights are fitted to on the validation parts; macro_f1 is greedy's."
        ),
    ] = "log_loss",
    num_restarts: Annotated[
        int, typer.Option("--num_restarts", min=0, help="Random starts of the solver, besides every single member.")
    ] = 8,
    seed: Annotated[int, typer.Option("--seed", help="Seed of these starts and of the confidence intervals.")] = 0,
    use_cpu: Annotated[bool, typer.Option("--use_cpu", help="Do not use a GPU for missing predictions.")] = False,
) -> None:
    """Combine finished runs; weights are fitted on the validation parts and scored on the test parts.

    A run that has no predictions of its validation parts is loaded to make them, and keeps them.
    """
    from hf_emotion.ensembles.ensemble import build_ensemble
    from hf_emotion.evaluation.report import format_report, load_metrics
    from hf_emotion.run_record import METRICS_FILE

    runs, validations, tests = runs or [], validation_predictions or [], test_predictions or []
    if len(validations) != len(tests):
        raise ValueError(
            f"There are {len(validations)} --validation_predictions and {len(tests)} --test_predictions: give both "
            "for each member, in the same order."
        )
    if not runs and not tests:
        raise ValueError("Name the members: folders of finished runs, or tables of predictions, see --help.")
    for run in runs:
        _complete(run, use_cpu)
    members = _members(runs, validations, tests)
    record = build_ensemble(
        members, output_dir, method=method, objective=objective, num_restarts=num_restarts, seed=seed
    )
    _show(record)
    print(f"\nScores of the ensemble on the test parts\n{format_report(load_metrics(output_dir / METRICS_FILE))}")
    print(f"Written to {output_dir}")


def _complete(run: Path, use_cpu: bool) -> None:
    """Predict the validation parts of a finished run, as its experiment names them, unless that has been done."""
    from hf_emotion.evaluation.predictions import VALIDATION_PREDICTIONS_FILE, save_predictions
    from hf_emotion.run_record import is_finished, recorded_config

    table = run / VALIDATION_PREDICTIONS_FILE
    if table.is_file() or not is_finished(run) or recorded_config(run) is None:
        return  # what is missing is said when the member is read
    import datasets
    import transformers

    from hf_emotion.scripts.evaluate import parse_arguments, predict_corpora

    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()
    options = ["--model", str(run), "--eval_split", "validation", *(["--use_cpu"] if use_cpu else [])]
    save_predictions(predict_corpora(*parse_arguments(options)), table)
    print(f"Predicted the validation parts of {run}: {table}")


def _members(runs: list[Path], validations: list[Path], tests: list[Path]) -> list[EnsembleMember]:
    from hf_emotion.ensembles.ensemble import load_member, load_member_predictions

    repeated = [run for run, count in Counter(run.resolve() for run in runs).items() if count > 1]
    if repeated:
        raise ValueError(f"{repeated[0]} is named twice; a run is a member once.")
    names = _distinct([*(run.resolve() for run in runs), *(test.resolve().with_suffix("") for test in tests)])
    return [
        *(load_member(run, name) for run, name in zip(runs, names, strict=False)),
        *map(load_member_predictions, validations, tests, names[len(runs) :]),
    ]


def _distinct(paths: list[Path]) -> list[str]:
    """The last parts of paths, as many as it takes to tell them apart."""
    longest = max(len(path.parts) for path in paths)
    names = [["/".join(path.parts[-length:]) for path in paths] for length in range(1, longest + 1)]
    return next((found for found in names if len(set(found)) == len(paths)), names[-1])


def _show(record: dict[str, Any]) -> None:
    from hf_emotion.cli.tables import print_table

    objective, parts = record["objective"], record["scores"]
    weights = {member["name"]: f"{member['weight']:.4f}" for member in record["members"]}
    rows = []
    for kind in ("members", "methods"):
        for name, scores in parts["validation"][kind].items():
            is_written = kind == "methods" and name == record["method"]
            percent = [
                f"{100 * part[kind][name][score]:.1f}"
                for part in (parts["validation"], parts["test"])
                for score in ("uar", "macro_f1")
            ]
            weight = weights[name] if kind == "members" else "*" if is_written else None
            rows.append([name, weight, f"{scores[objective]:.4f}", *percent])
    print_table(["", "weight", f"val. {objective}", "val. UAR", "val. F1", "test UAR", "test F1"], rows)
    print("* the ensemble that is written; F1 is macro-F1")
    diversity = record["diversity"]
    if diversity["pairs"]:
        print("\nDiversity of the members on the validation parts")
        print_table(list(diversity["pairs"][0]), [list(pair.values()) for pair in diversity["pairs"]])
    print(f"For {100 * diversity['oracle_accuracy']:.1f} % of the validation utterances at least one member is right.")
