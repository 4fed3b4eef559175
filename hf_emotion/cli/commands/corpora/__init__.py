"""`hf-emotion corpora ...`: one file per verb."""

import typer

from .info import info
from .list import list_all
from .synthesize import synthesize


corpora_app = typer.Typer(
    help="Corpora: which there are, what is known of them, whether yours are complete and sound.",
    no_args_is_help=True,
)
corpora_app.command("list")(list_all)
corpora_app.command()(info)
corpora_app.command()(synthesize)
