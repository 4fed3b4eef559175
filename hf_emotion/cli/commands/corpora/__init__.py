"""`hf-emotion corpora ...`: one file per verb."""

import typer

from .info import info
from .labels import labels
from .list import list_all
from .new import new
from .synthesize import synthesize


corpora_app = typer.Typer(
    help="Corpora: which there are, what is known of them, whether yours are complete and sound.",
    no_args_is_help=True,
)
corpora_app.command("list")(list_all)
corpora_app.command()(info)
corpora_app.command()(labels)
corpora_app.command()(new)
corpora_app.command()(synthesize)
