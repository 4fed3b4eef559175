"""`hf-emotion corpora check`: is an archive what was published?"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hf_emotion.cli.tables import print_table


if TYPE_CHECKING:
    from hf_emotion.data.completeness import Completeness

_WIDTH = 80
_NUM_SHOWN = 20


def check(
    name: Annotated[str, typer.Argument(help="Name of a corpus, see `corpora list`.", show_default=False)],
    data_dir: Annotated[Path, typer.Option("--data_dir", help="Folder of the unpacked archive.", show_default=False)],
    layout: Annotated[Literal["table", "json"], typer.Option("--format", help="Form of the result.")] = "table",
) -> None:
    """Compare an archive with what was published. Exit code 1 if anything is missing or broken."""
    from hf_emotion.data.completeness import check_completeness
    from hf_emotion.data.loading import corpus_builder

    with _without_warnings("hf_emotion.data.corpus"):  # counts and missing ids are about to be printed
        result = check_completeness(corpus_builder(name, data_dir))
    if layout == "json":
        outcome = {"is_complete": result.is_complete, "is_sound": result.is_sound}
        print(json.dumps({**asdict(result), **outcome}, indent=1, ensure_ascii=False))
    else:
        _print(result, os.path.abspath(data_dir))
    if result.is_complete is False or not result.is_sound:
        raise typer.Exit(1)


@contextlib.contextmanager
def _without_warnings(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _print(result: Completeness, root: str) -> None:
    counts = {"utterances": result.utterances, "speakers": result.speakers, **result.labels}
    print_table(("", "found", "published"), [(what, count.found, count.published) for what, count in counts.items()])
    _print_words(
        f"{len(result.missing_speakers)} speakers are missing ({sum(result.missing_speakers.values()):,} utterances)",
        result.missing_speakers,
    )
    shown = [*result.missing_ids[:_NUM_SHOWN], "..."][: len(result.missing_ids)]
    _print_words(f"{len(result.missing_ids):,} utterances are missing", shown)
    _print_files("broken, cannot be read", result.broken, root)
    _print_files("not used by the corpus", result.extra, root)
    print(f"\n{result.corpus}: {_verdict(result)}")


def _verdict(result: Completeness) -> str:
    words = {
        True: "complete",
        False: "incomplete",
        None: "no published counts, so nobody can tell whether it is complete",
    }[result.is_complete]
    broken = len(result.broken)
    sound = "every file can be opened" if result.is_sound else f"{broken:,} file{'s' * (broken > 1)} broken"
    return f"{words}, {sound}."


def _print_words(heading: str, words: Iterable[str]) -> None:
    if text := ", ".join(words):
        print(f"\n{heading}:")
        print(textwrap.fill(text, _WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False))


def _print_files(what: str, reasons: Mapping[str, str], root: str) -> None:
    if not reasons:
        return
    print(f"\n{len(reasons):,} file{'s' * (len(reasons) > 1)} {what}:")
    for path, reason in list(reasons.items())[:_NUM_SHOWN]:
        print(f"  {os.path.relpath(path, root)}: {reason.replace(root + os.sep, '')}")
    if len(reasons) > _NUM_SHOWN:
        print(f"  ... and {len(reasons) - _NUM_SHOWN:,} more (all with --format json)")
