"""`hf-emotion corpora labels`."""

import csv
import json
import sys
from collections import Counter
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hf_emotion.cli.tables import print_table


if TYPE_CHECKING:
    from hf_emotion.data.label_table import LabelMapping


class Format(str, Enum):
    """How the labels are printed."""

    table = "table"
    csv = "csv"
    json = "json"


def labels(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Corpora; all by default.", show_default=False)
    ] = None,
    set_name: Annotated[str | None, typer.Option("--set", help="Corpora of a set, such as emoset_plus_plus.")] = None,
    label_overrides: Annotated[
        Path | None, typer.Option("--label_overrides", help="YAML file with your own reading of labels.")
    ] = None,
    output_format: Annotated[Format, typer.Option("--format", help="How to print them.")] = Format.table,
) -> None:
    """Show what every label means: its canonical emotion, its arousal x valence class, and where that comes from."""
    from hf_emotion.data.label_overrides import load_label_overrides, override_labels
    from hf_emotion.data.label_table import label_table
    from hf_emotion.data.loading import corpora_of_set, corpus_facts, list_corpora

    chosen = (corpora_of_set(set_name) if set_name else []) + (names or [])
    overrides = load_label_overrides(label_overrides) if label_overrides else {}
    facts = [override_labels(corpus_facts(name), overrides) for name in dict.fromkeys(chosen or list_corpora())]
    table = label_table(facts)
    if output_format is Format.json:
        print(json.dumps([asdict(row) | {"origin": row.origin} for row in table], indent=2, ensure_ascii=False))
    elif output_format is Format.csv:
        writer = csv.DictWriter(sys.stdout, [*asdict(table[0]), "origin"] if table else [])
        writer.writeheader()
        writer.writerows(asdict(row) | {"origin": row.origin} for row in table)
    else:
        _print(table, [corpus.name for corpus in facts if not corpus.labels])


def _print(table: "list[LabelMapping]", without_labels: list[str]) -> None:
    from hf_emotion.data.label_table import ORIGINS

    print_table(
        ("corpus", "label", "emotion", "arousal_valence", "source", "utts."),
        [
            (
                row.corpus,
                row.raw_label,
                row.emotion,
                f"{row.arousal_valence}{' *' * row.is_exception}" if row.arousal_valence else None,
                row.source,
                row.count,
            )
            for row in table
        ],
    )
    corpora = {row.corpus for row in table}
    words = {row.raw_label.lower() for row in table}
    emotions = {row.emotion for row in table if row.emotion}
    print(
        f"\n{len(table)} labels of {len(corpora)} corpora: {len(words)} different ones as written, {len(emotions)} "
        "canonical emotions. (The ExHuBERT paper counts 106 labels in the 37 corpora of EmoSet++.)"
    )
    origins = Counter(row.origin for row in table)
    for origin, meaning in ORIGINS.items():
        if origins[origin]:
            print(f"{origins[origin]:>5} labels have a class {meaning} ({origin})")
    print(f"{origins[None]:>5} labels have no class and are left out of the six-class task")
    if any(row.is_exception for row in table):
        print("* differs from the class of the canonical emotion, for this corpus only")
    if without_labels:
        print(f"Labels unknown, read from your manifest: {', '.join(without_labels)}")
