"""`hf-emotion benchmark analysis`: calibration, gender gap, best and worst class of each system on each setting."""

from pathlib import Path
from typing import Annotated

import typer

from hf_emotion.cli.tables import print_table


def analysis(
    output_dir: Annotated[Path, typer.Argument(help="Output folder of a benchmark.", show_default=False)],
    system: Annotated[
        list[str] | None, typer.Option("--system", help="Only this system; repeatable.", show_default=False)
    ] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--setting", help="Only this setting; repeatable.", show_default=False)
    ] = None,
    save_dir: Annotated[
        Path | None,
        typer.Option(
            "--save_dir", help="Folder for tables (CSV, JSON, Markdown), confusions and reliability diagrams."
        ),
    ] = None,
    num_resamples: Annotated[int, typer.Option("--num_resamples", min=100, help="Bootstrap resamples.")] = 1000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the bootstrap.")] = 0,
) -> None:
    """Show macro-F1 with its interval, calibration error, macro-F1 by gender and its gap, best and worst class."""
    from hf_emotion.benchmark.analysis import NOTE, analyse_cells, analysis_columns, analysis_rows, save_analysis
    from hf_emotion.benchmark.selection import selected_cells

    cells = selected_cells(output_dir, system, setting)
    analyses = analyse_cells(cells, num_resamples=num_resamples, seed=seed)
    print_table(analysis_columns(analyses), analysis_rows(analyses))
    typer.echo(f"\n{NOTE}")
    for path in save_analysis(analyses, cells, save_dir) if save_dir else ():
        typer.echo(f"Written: {path}")
