"""`hf-emotion corpora prepare`."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hf_emotion.cli.progress_bars import progress_bars_on_terminals_only
from hf_emotion.data.corpus_sets import CORPUS_SETS


if TYPE_CHECKING:
    from hf_emotion.data.corpus import EmotionCorpus


def prepare(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Corpora, see `corpora list`.", show_default=False)
    ] = None,
    set_name: Annotated[
        str | None, typer.Option("--set", help=f"Those of a set that are there: {', '.join(CORPUS_SETS)}.")
    ] = None,
    corpora_dir: Annotated[
        Path | None,
        typer.Option(
            "--corpora_dir", exists=True, file_okay=False, help="Folder with the archive of each corpus in NAME/."
        ),
    ] = None,
    data_dir: Annotated[Path | None, typer.Option("--data_dir", help="Folder of the archive of one corpus.")] = None,
    cache_dir: Annotated[
        Path | None, typer.Option("--cache_dir", help="Where tables are kept; by default the cache of datasets.")
    ] = None,
    num_threads: Annotated[
        int | None, typer.Option("--num_threads", min=1, help="Headers read at a time; more help on network disks.")
    ] = None,
) -> None:
    """Read the file headers of corpora and keep their tables. Stop it any time: it goes on where it stopped."""
    from datasets.exceptions import DatasetsError

    from hf_emotion.data.corpus_collection import missing_message, open_corpus
    from hf_emotion.data.loading import corpora_of_set

    members = corpora_of_set(set_name) if set_name else []
    folders = _folders(names or [], members, corpora_dir, data_dir)
    failed, missing = [], []
    with progress_bars_on_terminals_only():
        for name, folder in folders.items():
            start = time.monotonic()
            try:
                found, builder = open_corpus(name, folder, cache_dir=cache_dir, num_threads=num_threads)
                if builder is not None:
                    _prepare(builder, start)
                elif found.state == "missing" and name not in (names or []):
                    missing.append(found)
                else:
                    get_it = f"\n  get it: {found.where_to_get_it}" if found.state == "missing" else ""
                    raise ValueError(f"{found.problem}{get_it}")
            except (DatasetsError, OSError, ValueError) as error:
                failed.append(name)
                typer.secho(f"{name} failed:\n{error}", err=True, fg=typer.colors.RED)
    if missing:
        print(f"\n{set_name}: {missing_message(missing, len(members))}")
    if failed or len(missing) == len(folders):
        raise typer.Exit(1)


def _folders(
    names: Sequence[str], members: Sequence[str], corpora_dir: Path | None, data_dir: Path | None
) -> dict[str, Path]:
    """The folder of every corpus that is named or in the set."""
    from hf_emotion.data.loading import corpus_builder_class

    for name in names:
        corpus_builder_class(name)  # refuses an unknown name before work begins
    wanted = list(dict.fromkeys([*names, *members]))
    if not wanted:
        raise typer.BadParameter("Name corpora, or a set of them with --set.")
    if corpora_dir is not None and data_dir is None:
        return {name: corpora_dir / name for name in wanted}
    if data_dir is not None and corpora_dir is None:
        if len(wanted) == 1:
            return {wanted[0]: data_dir}
        raise typer.BadParameter(f"--data_dir is the folder of one corpus, not of {len(wanted)}: use --corpora_dir.")
    raise typer.BadParameter(
        "Say where the archives are: --corpora_dir DIR for archives in DIR/NAME, or --data_dir DIR for one corpus."
    )


def _prepare(builder: EmotionCorpus, start: float) -> None:
    is_cached = os.path.exists(builder.cache_dir)
    parts = builder.load()
    num_rows = sum(parts.num_rows.values())
    hours = sum(sum(rows["duration"]) for rows in parts.values()) / 3600
    num_broken = builder.num_utterances - num_rows
    how = "already prepared" if is_cached else f"prepared in {time.monotonic() - start:.1f} s"
    print(
        f"{builder.facts.name}: {num_rows:,} utterances, {hours:.2f} h, {num_broken} broken files left out, {how}\n"
        f"  table: {builder.cache_dir}",
        flush=True,
    )
