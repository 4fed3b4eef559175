"""`hf-emotion benchmark ...`: one file per verb."""

import typer

from .run import run


benchmark_app = typer.Typer(
    help="Benchmarks of papers: run their grids, show tables beside the paper's figures, submit results.",
    no_args_is_help=True,
)
for verb in (run,):
    benchmark_app.command()(verb)
