"""`hf-emotion benchmark layers`: which layers the systems have learned to listen to."""

from pathlib import Path
from typing import Annotated

import typer

from hf_emotion.cli.tables import print_table


def layers(
    output_dir: Annotated[Path, typer.Argument(help="Output folder of a benchmark.", show_default=False)],
    plot: Annotated[Path | None, typer.Option("--plot", help="Draw the weights into this PNG.")] = None,
    kind: Annotated[
        str,
        typer.Option(
            "--kind",
            help="settings: a panel per system, a line per setting; systems: a line per system, the mean over its "
            "settings; heatmap: a row for each of both over the normalised depth.",
        ),
    ] = "settings",
    csv: Annotated[Path | None, typer.Option("--csv", help="Write the share of each layer into this file.")] = None,
    markdown: Annotated[Path | None, typer.Option("--markdown", help="Write the tables into this file.")] = None,
    system: Annotated[
        list[str] | None, typer.Option("--system", help="Only this system; repeatable.", show_default=False)
    ] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--setting", help="Only this setting; repeatable.", show_default=False)
    ] = None,
) -> None:
    """Show the learned layer weights of each system and setting, the mean over its folds and seeds."""
    from hf_emotion.benchmark.layer_analysis import (
        SUMMARY_COLUMNS,
        layer_figure,
        layer_frame,
        layer_markdown,
        layer_profiles,
        summary_rows,
    )
    from hf_emotion.benchmark.selection import selected_cells
    from hf_emotion.evaluation.plots import save_figure

    profiles = layer_profiles(selected_cells(output_dir, system, setting))
    figure = layer_figure(profiles, kind) if plot else None
    print_table(SUMMARY_COLUMNS, summary_rows(profiles))
    typer.echo(
        "\nState 0 is the input of the first layer, where the encoder gives it. Centre of mass: mean depth, from 0 "
        "(state 0) to 1 (last). Entropy: 1 where all layers have the same share."
    )
    if figure is not None and plot is not None:
        typer.echo(f"Written: {save_figure(figure, plot)}")
    texts = {csv: layer_frame(profiles).to_csv(index=False), markdown: layer_markdown(profiles)}
    for path, text in texts.items():
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            typer.echo(f"Written: {path}")
