"""`hf-emotion benchmark table`: what has been measured, beside the paper's figures."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, Literal

import typer

from .run import protocol_named


def table(
    protocol: Annotated[str, typer.Argument(help="Name of a protocol, see `benchmark list`, or a YAML file.")],
    output_dir: Annotated[
        Path | None, typer.Argument(help="Its output folder; outputs/<protocol> by default.", show_default=False)
    ] = None,
    output_format: Annotated[
        Literal["text", "markdown", "csv", "json", "latex"], typer.Option("--format", help="Form of the table.")
    ] = "text",
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option("--compare", metavar="A B", help="Test two systems on all settings.", show_default=False),
    ] = None,
    letters: Annotated[
        bool, typer.Option("--letters", help="Test all pairs of systems; those that do not differ share a letter.")
    ] = False,
    systems: Annotated[list[str] | None, typer.Option("--system", help="Only this row; may be repeated.")] = None,
    settings: Annotated[list[str] | None, typer.Option("--setting", help="Only this column; may be repeated.")] = None,
    seeds: Annotated[
        list[int] | None, typer.Option("--seed", help="Seeds a score needs, instead of the protocol's.")
    ] = None,
    num_resamples: Annotated[int, typer.Option("--num_resamples", min=100, help="Bootstrap resamples.")] = 1000,
    num_permutations: Annotated[int, typer.Option("--num_permutations", min=99, help="Of the paired tests.")] = 9999,
) -> None:
    """Show scores with intervals beside the paper's figures; `-` where a system is not measured, or not in full."""
    from hf_emotion.benchmark.tables.benchmark_table import benchmark_table
    from hf_emotion.benchmark.tables.formats import FORMATS, format_text

    chosen = protocol_named(protocol).selected(systems, settings, seeds)
    found = benchmark_table(
        chosen,
        output_dir or Path("outputs") / chosen.name,
        with_letters=letters,
        pairs=[compare] if compare else [],
        num_resamples=num_resamples,
        num_permutations=num_permutations,
    )
    if output_format == "text":
        typer.echo(format_text(found, max(40, shutil.get_terminal_size((80, 24)).columns)))
    else:
        typer.echo(FORMATS[output_format](found))
