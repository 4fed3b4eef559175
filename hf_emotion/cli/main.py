"""Entry point of `hf-emotion`: gathers the verbs and turns our errors and warnings into one sentence on stderr."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .commands.benchmark import benchmark_app
from .commands.calibrate import calibrate
from .commands.compare import compare
from .commands.convert import convert
from .commands.corpora import corpora_app
from .commands.demo import demo
from .commands.ensemble import ensemble
from .commands.evaluate import evaluate
from .commands.export import export
from .commands.latency import latency
from .commands.predict import predict
from .commands.push import push
from .commands.robustness import robustness
from .commands.train import train
from .commands.version import version


# `--help` of these verbs comes from their own parser.
_FORWARD = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


_PACKAGE = Path(__file__).parents[1]


class PlainErrorGroup(TyperGroup):
    """
    Shows errors that tell the user what to do without a traceback: exit code 1, or 2 for wrong usage. Warnings of ours
    are shown without the line of code that they come from.
    """

    def invoke(self, ctx: Any) -> Any:
        standard = warnings.formatwarning
        warnings.formatwarning = _plain_warning(standard)
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # `hf-emotion ... | head`
            raise
        except (ImportError, OSError, ValueError) as error:
            if ctx.params["debug"]:
                raise
            typer.secho(f"Error: {error}", err=True, fg=typer.colors.RED)
            raise typer.Exit(1) from error
        finally:
            warnings.formatwarning = standard


def _plain_warning(standard: Callable[..., str]) -> Callable[..., str]:
    def formatted(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
    ) -> str:
        if category is UserWarning and Path(filename).is_relative_to(_PACKAGE):
            return f"Warning: {message}\n"
        return standard(message, category, filename, lineno, line)

    return formatted


app = typer.Typer(
    cls=PlainErrorGroup,
    help="Speech emotion recognition for the Hugging Face ecosystem.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def configure(
    debug: Annotated[
        bool, typer.Option("--debug", envvar="HF_EMOTION_DEBUG", help="Show the traceback of an error.")
    ] = False,
) -> None:
    """Options that stand before the verb; `PlainErrorGroup` reads them."""


app.command()(predict)
app.command(context_settings=_FORWARD)(evaluate)
app.command(context_settings=_FORWARD)(train)
app.command()(ensemble)
app.command()(push)
app.command()(convert)
app.command()(export)
app.add_typer(corpora_app, name="corpora")
app.add_typer(benchmark_app, name="benchmark")
app.command()(compare)
app.command()(calibrate)
app.command(context_settings=_FORWARD)(robustness)
app.command(context_settings=_FORWARD)(latency)
app.command()(demo)
app.command()(version)
