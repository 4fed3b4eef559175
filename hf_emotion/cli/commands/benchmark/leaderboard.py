"""`hf-emotion benchmark leaderboard`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def leaderboard(
    store: Annotated[
        str, typer.Option("--store", help="Folder, or dataset repository owner/name, that keeps the results.")
    ],
    label_dir: Annotated[
        Path | None,
        typer.Option("--label_dir", help="Folder `data` of EMO-SUPERB-submission; without it, no uploads are taken."),
    ] = None,
    protocol: Annotated[
        str, typer.Option("--protocol", help="Name of the protocol of uploads, see `benchmark list`, or a YAML file.")
    ] = "emo_superb_code",
    port: Annotated[int | None, typer.Option("--port", help="Port; by default the first free one from 7860.")] = None,
    share: Annotated[
        bool, typer.Option("--share", help="Open a public address through Gradio's servers, for 72 hours.")
    ] = False,
) -> None:
    """Show the leaderboard in a browser: table, comparison, details, and uploads of predictions."""
    from hf_emotion.benchmark.results.store import open_results_store
    from hf_emotion.demo.leaderboard.app import build_app, launch_options

    from .run import protocol_named

    if label_dir is not None and not label_dir.is_dir():
        raise FileNotFoundError(f"There is no folder {label_dir} with label files.")
    app = build_app(open_results_store(store), label_dir, protocol=protocol_named(protocol))
    app.launch(server_port=port, share=share, **launch_options())
