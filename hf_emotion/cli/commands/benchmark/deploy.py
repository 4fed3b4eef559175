"""`hf-emotion benchmark deploy`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer


def deploy(
    space: Annotated[str, typer.Argument(help="Space, owner/name.", show_default=False)],
    store: Annotated[
        str, typer.Option("--store", help="Dataset repository of the results, owner/name.", show_default=False)
    ],
    label_repo: Annotated[
        str | None,
        typer.Option(
            "--label_repo", help="Dataset repository with the label files; without it, no uploads are taken."
        ),
    ] = None,
    title: Annotated[str | None, typer.Option("--title", help="Title of the Space.")] = None,
    private: Annotated[bool, typer.Option("--private", help="Make a new Space private.")] = False,
    output_dir: Annotated[
        Path | None, typer.Option("--output_dir", help="Write the files of the Space there, and push nothing.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry_run", help="Show what would be pushed, and push nothing.")] = False,
) -> None:
    """Put the leaderboard on the Hub as a Space, or update it."""
    from hf_emotion.demo.leaderboard.app import TITLE
    from hf_emotion.demo.leaderboard.space import write_space
    from hf_emotion.demo.space import check_repo_id, push_space

    check_repo_id(space)
    with tempfile.TemporaryDirectory(prefix="space_") as temporary:
        folder = output_dir or Path(temporary)
        files = write_space(folder, store, label_repo=label_repo, title=title or TITLE)
        if dry_run or output_dir:
            print(f"{len(files)} files{f' in {output_dir}' if output_dir else ''}; nothing was pushed.\n")
            print((folder / "README.md").read_text(encoding="utf-8"))
            return
        url = push_space(folder, space, private=private or None, message="Deploy the leaderboard")
    print(f"Pushed {len(files)} files: {url}")
    if label_repo:
        print("Submissions need a secret HF_TOKEN in the settings of the Space, with write access to the results.")
