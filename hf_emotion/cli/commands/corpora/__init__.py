"""`hf-emotion corpora ...`: one file per verb."""

import typer

from .audit import audit
from .check import check
from .info import info
from .labels import labels
from .list import list_all
from .new import new
from .prepare import prepare
from .push import push
from .stats import stats
from .synthesize import synthesize


corpora_app = typer.Typer(
    help="Corpora: which there are, what is known of them, whether yours are complete and sound.",
    no_args_is_help=True,
)
corpora_app.command("list")(list_all)
for verb in (info, labels, prepare, check, audit, stats, push, new, synthesize):
    corpora_app.command()(verb)
