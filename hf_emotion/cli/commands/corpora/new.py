"""`hf-emotion corpora new`."""

from pathlib import Path
from typing import Annotated

import typer


def new(
    name: Annotated[str, typer.Argument(help="Name of the corpus, such as my_corpus.", show_default=False)],
    full_name: Annotated[str | None, typer.Option("--full_name", help="Name as published.")] = None,
    language: Annotated[str, typer.Option("--language", help="BCP 47 tag of the language.")] = "en",
    root: Annotated[Path, typer.Option("--root", help="A clone of hf-emotion.")] = Path("."),
) -> None:
    """Write a first version of a corpus file and of its test, to be filled in."""
    from hf_emotion.corpus_reports.corpus_skeleton import write_corpus_skeleton

    script, test = write_corpus_skeleton(name, root, full_name, language)
    print(
        f"Written: {script}: the facts, and how to read the archive\n"
        f"         {test}: a fake archive, and what to expect of it\n"
        f"Then:    python -m pytest {test}\n"
        "         make docs    # writes its page"
    )
