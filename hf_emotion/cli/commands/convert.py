"""`hf-emotion convert`: a published model as safetensors that pipelines load."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer


def convert(
    source: Annotated[str, typer.Argument(help="Folder, Hub id or file of weights.", show_default=False)],
    folder: Annotated[Path, typer.Argument(help="Folder to write, new or empty.", show_default=False)],
    encoder: Annotated[
        str | None,
        typer.Option("--encoder", help="Of a head without one (S3PRL's dev-best.ckpt): Hub id or folder."),
    ] = None,
    encoder_revision: Annotated[
        str | None, typer.Option("--encoder_revision", help="Commit, branch or tag of the encoder.")
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option("--labels", help="Class names in the order of the outputs, with commas, if the files lack them."),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option("--option", metavar="NAME=VALUE", help="What else a layout asks for. May be repeated."),
    ] = None,
    revision: Annotated[
        str | None, typer.Option("--revision", help="Commit, branch or tag of the model on the Hub.")
    ] = None,
    to: Annotated[
        Literal["hf-emotion", "published"],
        typer.Option("--to", help="published: an ExHuBERT in the layout of amiriparian/ExHuBERT."),
    ] = "hf-emotion",
) -> None:
    """Convert a published model, strictly: a weight that is missing, left over or misshapen is an error.

    The folder loads with pipeline("audio-classification") and from_pretrained; classes of this package bring their
    code along (trust_remote_code=True).
    """
    import transformers

    from hf_emotion.models.loading import convert_checkpoint

    transformers.utils.logging.disable_progress_bar()
    given: dict[str, Any] = {"encoder": encoder, "encoder_revision": encoder_revision}
    given["labels"] = None if labels is None else [label.strip() for label in labels.split(",")]
    options = {name: value for name, value in given.items() if value is not None} | _options(option or [])
    loaded = convert_checkpoint(source, folder, to=to, revision=revision, **options)
    config: Any = loaded.model.config
    outputs = [config.id2label[index] for index in sorted(config.id2label)]
    print(f"Layout      {loaded.layout}")
    print(f"Class       {type(loaded.model).__name__}")
    print(f"Labels      {', '.join(outputs)}")
    if dimensions := getattr(config, "dimension_names", None):
        print(f"Dimensions  {', '.join(dimensions)}")
    print(f"Parameters  {loaded.model.num_parameters():,}")
    for note in (*loaded.notes, *loaded.warnings):
        print(f"Note        {note}")
    print(f"Written to {folder}")


def _options(pairs: list[str]) -> dict[str, str]:
    options = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise ValueError(f"--option is NAME=VALUE, but is {pair!r}.")
        options[name] = value
    return options
