"""`hf-emotion benchmark export`: a trained head and its encoder as a model that plain transformers runs."""

from pathlib import Path
from typing import Annotated

import typer

from hf_emotion.cli.progress_bars import progress_bars_on_terminals_only


def export(
    output_dir: Annotated[Path, typer.Argument(help="Output folder of a benchmark.", show_default=False)],
    save_dir: Annotated[Path, typer.Argument(help="New folder for the model.", show_default=False)],
    system: Annotated[str | None, typer.Option("--system", help="Name of the system.", show_default=False)] = None,
    setting: Annotated[str | None, typer.Option("--setting", help="Name of the setting.", show_default=False)] = None,
    fold: Annotated[int | None, typer.Option("--fold", min=1, help="Number of the fold.", show_default=False)] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of the head.", show_default=False)] = None,
    encoder: Annotated[
        str | None, typer.Option("--encoder", help="Hub id or folder of the encoder, if it has moved.")
    ] = None,
    revision: Annotated[str | None, typer.Option("--revision", help="Its commit, branch or tag.")] = None,
    checkpoint_dir: Annotated[
        Path | None, typer.Option("--checkpoint_dir", file_okay=False, help="Checkpoints that S3PRL downloads.")
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option("--data_dir", file_okay=False, help="Folder of the corpus, to check the model on test clips."),
    ] = None,
    num_clips: Annotated[int, typer.Option("--num_clips", min=1, help="Test clips to check.")] = 8,
    tolerance: Annotated[
        float, typer.Option("--tolerance", help="Largest difference of a probability; 1e-3 for float16 features.")
    ] = 1e-4,
    stock_only: Annotated[
        bool, typer.Option("--stock_only", help="Refuse models that need code of their own.")
    ] = False,
    model_id: Annotated[
        str | None, typer.Option("--model_id", help="Repository name for the card, owner/name.")
    ] = None,
) -> None:
    """Save the model of one cell. Name as much of it (system, setting, fold, seed) as makes it the only one."""
    from hf_emotion.benchmark.export.cell_export import ExportOptions, export_cell
    from hf_emotion.benchmark.selection import selected_cell

    result = selected_cell(output_dir, system, setting, fold, seed)
    options = ExportOptions(encoder, revision, checkpoint_dir, data_dir, num_clips, tolerance, stock_only, model_id)
    with progress_bars_on_terminals_only():
        exported = export_cell(result, save_dir, options)
    typer.echo(f"{exported.model_class}: {exported.folder}")
    if exported.reason is not None:
        typer.echo(f"It needs trust_remote_code=True where hf-emotion is not installed. {exported.reason}")
    if exported.difference is None:
        typer.echo("Not checked against the predictions of the cell: name the corpus (--data_dir) to do so.")
    else:
        typer.echo(
            f"Same probabilities as the cell on {exported.num_checked} test clips, up to {exported.difference:.1e}."
        )
