"""`hf-emotion benchmark ...`: one file per verb."""

import typer

from .analysis import analysis
from .deploy import deploy
from .export import export
from .layers import layers
from .leaderboard import leaderboard
from .list import list_all
from .publish import publish
from .relabel import relabel
from .run import run
from .submit import submit
from .table import table


benchmark_app = typer.Typer(
    help="Benchmarks of papers: run their grids, show tables beside the paper's figures, submit results.",
    no_args_is_help=True,
)
benchmark_app.command("list")(list_all)
for verb in (run, table, submit, publish, relabel, analysis, layers, export, leaderboard, deploy):
    benchmark_app.command()(verb)
