"""`hf-emotion demo`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer


if TYPE_CHECKING:
    from hf_emotion.demo.recognition.app import Limits


def demo(
    model: Annotated[
        list[str],
        typer.Option(
            "--model",
            help="Folder or Hub id of a model, an ensemble or an export; several to choose from.",
            show_default=False,
        ),
    ],
    port: Annotated[int | None, typer.Option("--port", help="Port; by default the first free one from 7860.")] = None,
    host: Annotated[
        str | None, typer.Option("--host", help="Address to listen at: 0.0.0.0 for the whole network.")
    ] = None,
    share: Annotated[
        bool, typer.Option("--share", help="Open a public address through Gradio's servers, for 72 hours.")
    ] = False,
    title: Annotated[str | None, typer.Option("--title", help="Title of the page.")] = None,
    device: Annotated[
        str | None, typer.Option("--device", help="Where models run, such as cpu or cuda:0; a GPU, if there is one.")
    ] = None,
    max_seconds: Annotated[float, typer.Option("--max_seconds", help="Longest recording.")] = 600.0,
    max_megabytes: Annotated[float, typer.Option("--max_megabytes", help="Largest file.")] = 50.0,
    concurrency: Annotated[
        int, typer.Option("--concurrency", help="Recordings that are analysed at the same time; others wait.")
    ] = 1,
    queue_size: Annotated[int, typer.Option("--queue_size", help="How many may wait; others are sent away.")] = 32,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust_remote_code", help="Run code of the models' repositories.")
    ] = False,
    space: Annotated[
        str | None,
        typer.Option("--space", help="Put the app on the Hub as this Space, owner/name, instead of serving it here."),
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Make a new Space private.")] = False,
    output_dir: Annotated[
        Path | None,
        typer.Option("--output_dir", help="With --space: write the files of the Space there, and push nothing."),
    ] = None,
) -> None:
    """Recognise emotions in a browser: microphone and files, probabilities, arousal and valence, timeline."""
    from hf_emotion.demo.recognition.app import TITLE, Limits, build_app, launch_options
    from hf_emotion.demo.recognition.model_shelf import ModelShelf, loader

    limits = Limits(max_seconds, max_megabytes, concurrency, queue_size)
    if space is not None:
        _deploy(space, model, limits, title or TITLE, trust_remote_code, private, output_dir)
        return
    if private or output_dir:
        raise ValueError(
            "--private and --output_dir are about a Space: name it by --space owner/name, or leave them out."
        )
    models = ModelShelf(model, loader(trust_remote_code=trust_remote_code, device=device))
    app = build_app(models, limits, title or TITLE)
    app.launch(server_name=host, server_port=port, share=share, **launch_options(limits))


def _deploy(
    space: str,
    models: list[str],
    limits: Limits,
    title: str,
    trust_remote_code: bool,
    private: bool,
    output_dir: Path | None,
) -> None:
    from hf_emotion.demo.recognition.space import write_space
    from hf_emotion.demo.space import check_repo_id, push_space

    check_repo_id(space)
    with tempfile.TemporaryDirectory(prefix="space_") as temporary:
        folder = output_dir or Path(temporary)
        files = write_space(folder, models, limits=limits, title=title, trust_remote_code=trust_remote_code)
        if output_dir:
            print(f"{len(files)} files in {output_dir}; nothing was pushed.")
            return
        url = push_space(folder, space, private=private or None, message="Deploy the demo")
    print(f"Pushed {len(files)} files: {url}")
