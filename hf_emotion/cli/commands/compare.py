"""`hf-emotion compare`: is one run better than another on the same test utterances?"""

from pathlib import Path
from typing import Annotated

import typer


def compare(
    run_a: Annotated[
        Path,
        typer.Argument(metavar="RUN_A", help="Run folder, or predictions table (Parquet).", show_default=False),
    ],
    run_b: Annotated[
        Path,
        typer.Argument(metavar="RUN_B", help="The run to compare it with; differences are B - A.", show_default=False),
    ],
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", help="uar, macro_f1 or accuracy; repeatable. All by default.", show_default=False),
    ] = None,
    output_dir: Annotated[
        Path | None,
        typer.Option("--output_dir", help="Folder for comparison.json and figures.", show_default=False),
    ] = None,
    intersect: Annotated[
        bool, typer.Option("--intersect", help="Leave out utterances that one of the runs lacks.")
    ] = False,
    num_resamples: Annotated[int, typer.Option("--num_resamples", min=100, help="Bootstrap resamples.")] = 1000,
    num_permutations: Annotated[
        int, typer.Option("--num_permutations", min=99, help="Random permutations; up to so many are enumerated.")
    ] = 9999,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of both resamplings.")] = 0,
) -> None:
    """Compare two runs on the same test utterances: differences, intervals and p-values over speakers."""
    from hf_emotion.evaluation.comparison import (
        COMPARED_METRICS,
        compare_predictions,
        format_comparison,
        load_run_predictions,
    )
    from hf_emotion.evaluation.comparison_plots import save_comparison_figures
    from hf_emotion.evaluation.report import save_metrics

    report = compare_predictions(
        load_run_predictions(run_a),
        load_run_predictions(run_b),
        names=run_names(run_a, run_b),
        metrics=metric or list(COMPARED_METRICS),
        intersect=intersect,
        seed=seed,
        num_resamples=num_resamples,
        num_permutations=num_permutations,
    )
    typer.echo(format_comparison(report))
    if output_dir is not None:
        save_metrics(report, output_dir / "comparison.json")
        save_comparison_figures(report, output_dir)
        typer.echo(f"Written to {output_dir}")


def run_names(run_a: Path, run_b: Path) -> tuple[str, str]:
    """The last parts of the paths; the paths as they were typed where these are equal."""
    last_a, last_b = run_a.resolve().name, run_b.resolve().name
    return (str(run_a), str(run_b)) if last_a == last_b else (last_a, last_b)
