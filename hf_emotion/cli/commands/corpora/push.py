"""`hf-emotion corpora push`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hf_emotion.cli.tables import print_table


if TYPE_CHECKING:
    from hf_emotion.hub import CorpusPush


def push(
    name: Annotated[str, typer.Argument(help="Name of a corpus, or manifest.", show_default=False)],
    data_dir: Annotated[Path, typer.Option("--data_dir", help="Folder of the unpacked archive.", show_default=False)],
    repo_id: Annotated[str, typer.Option("--repo_id", help="Repository, owner/name.", show_default=False)],
    private: Annotated[
        bool,
        typer.Option("--private", help="Make a new repository private. Needed where the licence forbids copies."),
    ] = False,
    split: Annotated[
        str | None, typer.Option("--split", help="Strategy of split_corpus; by default the parts that there are.")
    ] = None,
    fold: Annotated[int, typer.Option("--fold", help="Fold of the strategy.")] = 0,
    licence: Annotated[
        str | None, typer.Option("--licence", help="Licence of your own recordings, such as cc-by-4.0.")
    ] = None,
    revision: Annotated[str | None, typer.Option("--revision", help="Branch to push to.")] = None,
    max_shard_size: Annotated[
        str, typer.Option("--max_shard_size", help="About how large a Parquet file gets.")
    ] = "500MB",
    dry_run: Annotated[bool, typer.Option("--dry_run", help="Show what would be pushed, and push nothing.")] = False,
) -> None:
    """Push a corpus to the Hub as Parquet with its audio and a card, if its licence allows that."""
    from hf_emotion.hub import prepare_push

    prepared = prepare_push(
        name, repo_id, data_dir=data_dir, split=split, fold=fold, licence=licence, private=private or None
    )
    _print_summary(prepared)
    if dry_run:
        print(f"\nNothing was pushed. The card would be:\n\n{prepared.card()}")
        return
    commit = prepared.upload(revision=revision, max_shard_size=max_shard_size)
    print(f"Pushed: {commit.commit_url}")


def _print_summary(prepared: "CorpusPush") -> None:
    copy = prepared.copy
    print(f"{copy.facts.name} -> {copy.repo_id}{' (private)' * bool(prepared.private)}: {copy.redistribution.reason}")
    print_table(
        ("part", "utts.", "spk.", "hours"),
        [(part, len(rows), len(copy.speakers(part)) or None, copy.hours(part)) for part, rows in copy.parts.items()],
    )
    print(f"{sum(copy.audio.num_bytes.values()) / 1e6:,.1f} MB of audio, split: {copy.split.name}")
