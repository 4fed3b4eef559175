"""`hf-emotion benchmark run`; on several devices, `accelerate launch -m hf_emotion benchmark run ...`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hf_emotion.benchmark.protocol import FrozenEncoderProtocol, load_protocol, protocol_files
from hf_emotion.cli.progress_bars import progress_bars_on_terminals_only


if TYPE_CHECKING:
    from hf_emotion.benchmark.cells import RunSummary


def protocol_named(name: str) -> Any:
    """A protocol of this package by its name, or any by the path of its file."""
    return load_protocol(protocol_files().get(name, Path(name)))


def run(
    protocol: Annotated[str, typer.Argument(help="Name of a protocol, see `benchmark list`, or a YAML file.")],
    output_dir: Annotated[
        Path | None, typer.Option("--output_dir", help="Folder of the results; outputs/<protocol> by default.")
    ] = None,
    corpora_dir: Annotated[
        Path, typer.Option("--corpora_dir", file_okay=False, help="Folder with the archive of each corpus in NAME/.")
    ] = Path("corpora"),
    label_dir: Annotated[
        Path | None,
        typer.Option("--label_dir", file_okay=False, help="Folder `data` of EMO-SUPERB-submission, with its labels."),
    ] = None,
    checkpoint_dir: Annotated[
        Path | None, typer.Option("--checkpoint_dir", file_okay=False, help="Checkpoints that S3PRL downloads.")
    ] = None,
    feature_dir: Annotated[
        Path | None, typer.Option("--feature_dir", help="Where features are kept; by default in the output folder.")
    ] = None,
    new_labels: Annotated[
        Path | None,
        typer.Option("--new_labels", file_okay=False, help="Label files made again (benchmark relabel), to train on."),
    ] = None,
    systems: Annotated[list[str] | None, typer.Option("--system", help="Only this one; may be repeated.")] = None,
    settings: Annotated[list[str] | None, typer.Option("--setting", help="Only this one; may be repeated.")] = None,
    seeds: Annotated[list[int] | None, typer.Option("--seed", help="Instead of the protocol's; may repeat.")] = None,
    fields: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="FIELD=VALUE", help="Field of all experiments that are trained; may be repeated."
        ),
    ] = None,
    keep_checkpoints: Annotated[
        bool, typer.Option("--keep_checkpoints", help="Keep checkpoints of finished trainings.")
    ] = False,
    batch_size: Annotated[
        int | None,
        typer.Option("--batch_size", min=1, help="Clips per batch of a frozen encoder; fitting by default."),
    ] = None,
    dtype: Annotated[str, typer.Option("--dtype", help="Of features on disk: float32, or float16.")] = "float32",
) -> None:
    """Measure the systems of a protocol on its settings. Stop it any time: it goes on where it stopped."""
    from hf_emotion.scripts.cpu_processes import start_cpu_processes

    chosen: Any = protocol_named(protocol).selected(systems, settings, seeds)
    folder = output_dir or Path("outputs") / chosen.name
    start_cpu_processes()
    _log_progress()
    if isinstance(chosen, FrozenEncoderProtocol):
        from hf_emotion.benchmark.frozen.runner import Folders, run_frozen_encoders

        folders = Folders(folder, corpora_dir, label_dir, feature_dir, checkpoint_dir, new_labels)
        with progress_bars_on_terminals_only():
            summary = run_frozen_encoders(chosen, folders, extraction_batch_size=batch_size, dtype=dtype)
    else:
        from hf_emotion.benchmark.training.grid import run_training_protocol
        from hf_emotion.benchmark.training.runs import parse_overrides

        overrides = {"corpora_dir": str(corpora_dir), **parse_overrides(fields or [])}
        summary = run_training_protocol(
            chosen, folder, overrides=overrides, keep_checkpoints=keep_checkpoints, on_progress=typer.echo
        )
    _report(summary, folder, protocol)


def _log_progress() -> None:
    import transformers
    from accelerate import PartialState

    level = logging.INFO if PartialState().is_main_process else logging.ERROR
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", level=logging.WARNING)
    logging.getLogger("hf_emotion").setLevel(level)
    transformers.utils.logging.disable_progress_bar()


def _report(summary: RunSummary, folder: Path, protocol: str) -> None:
    from accelerate import PartialState

    if PartialState().is_main_process:
        typer.echo(f"Cells trained: {summary.num_trained}, finished before: {summary.num_finished}, in {folder}")
        typer.echo(f"hf-emotion benchmark table {protocol} {folder}")
        for name, reason in summary.failures.items():
            typer.secho(f"Left out: {name}: {reason}", err=True, fg=typer.colors.RED)
    if summary.failures:
        raise typer.Exit(1)
