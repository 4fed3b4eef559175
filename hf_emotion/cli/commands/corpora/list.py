"""`hf-emotion corpora list`."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from hf_emotion.cli.tables import print_table
from hf_emotion.data.corpus_facts import ACCESS
from hf_emotion.data.corpus_sets import CORPUS_SETS


if TYPE_CHECKING:
    from hf_emotion.data.corpus import Corpus
    from hf_emotion.data.corpus_collection import FoundCorpus

_FACTS = ("name", "full_name", "languages", "kind", "access", "licence", "num_utterances", "num_speakers", "sets")


def list_all(
    set_name: Annotated[
        str | None, typer.Option("--set", help=f"Corpora of a set: {', '.join(CORPUS_SETS)}; see --sets.")
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", help="Tag such as en (all Englishes) or en-US.")
    ] = None,
    licence: Annotated[
        str | None, typer.Option("--licence", help="Part of the licence, or its identifier on the Hub (cc-by-4.0).")
    ] = None,
    access: Annotated[str | None, typer.Option("--access", help=f"One of {', '.join(ACCESS)}.")] = None,
    corpora_dir: Annotated[
        Path | None, typer.Option("--corpora_dir", help="Look which corpora are there, each in a subfolder NAME.")
    ] = None,
    sets: Annotated[bool, typer.Option("--sets", help="List the sets instead.")] = False,
    output_format: Annotated[Literal["table", "json"], typer.Option("--format", help="Form of the list.")] = "table",
) -> None:
    """List the corpora that can be loaded, and which of them you have."""
    from hf_emotion.data.corpus_collection import find_corpora
    from hf_emotion.data.loading import corpora_of_set, corpus_facts, list_corpora

    if sets:
        _print_sets(output_format)
        return
    everything = [corpus_facts(name) for name in list_corpora()]
    languages = {tag for facts in everything for tag in facts.languages}
    _check("language", language, {*languages, *(tag.split("-")[0] for tag in languages)})
    _check("access", access, ACCESS)
    members = corpora_of_set(set_name) if set_name else list_corpora()
    chosen = [
        facts
        for facts in everything
        if facts.name in members
        and (language is None or any(_is_language(tag, language) for tag in facts.languages))
        and (licence is None or _is_licence(facts.licence, licence))
        and access in (None, facts.access)
    ]
    found = find_corpora([facts.name for facts in chosen], corpora_dir) if corpora_dir else None
    if output_format == "json":
        _print_json(chosen, found)
    else:
        _print_corpora(chosen, found)


def _check(what: str, value: str | None, known: Iterable[str]) -> None:
    from hf_emotion.suggestions import did_you_mean

    words = sorted(known)
    if value is not None and value.lower() not in {word.lower() for word in words}:
        raise ValueError(f"No corpus has {what} {value!r}. {did_you_mean(value, words)}Known: {', '.join(words)}.")


def _is_language(tag: str, wanted: str) -> bool:
    """`en` stands for `en-US` as well, but not the other way round."""
    return f"{tag}-".lower().startswith(f"{wanted}-".lower())


def _is_licence(stated: str | None, wanted: str) -> bool:
    from hf_emotion.cards.licences import licence_identifier

    identifier = licence_identifier(stated)
    is_named = any(wanted.lower() in name.lower() for name in (stated, identifier) if name)
    return is_named or (identifier is not None and identifier == licence_identifier(wanted))


def _print_corpora(chosen: list[Corpus], found: list[FoundCorpus] | None) -> None:
    from hf_emotion.data.corpus_collection import STATES

    rows = [(facts.name, ", ".join(facts.languages), facts.access, _short_licence(facts)) for facts in chosen]
    width = min(max(80, shutil.get_terminal_size((80, 24)).columns), 120)
    if not chosen:
        print("0 corpora")
    elif found is None:
        counts = [(facts.num_utterances, facts.num_speakers) for facts in chosen]
        print_table(
            ("corpus", "language", "access", "licence", "utts.", "spk."),
            [row + count for row, count in zip(rows, counts, strict=True)],
            width,
            keep=("corpus", "access"),
        )
        print(f"{len(chosen)} corpora")
    else:
        sizes = [corpus.size if corpus.num_utterances else corpus.state for corpus in found]
        print_table(
            ("corpus", "language", "access", "licence", "found"),
            [(*row, size) for row, size in zip(rows, sizes, strict=True)],
            width,
            keep=("corpus", "access", "found"),
        )
        states = Counter(corpus.state for corpus in found)
        counted = [f"{states[state]} {state}" for state in STATES if states[state] or state == "present"]
        print(f"{len(found)} corpora; {', '.join(counted)}. Where to get one: hf-emotion corpora info NAME")


def _short_licence(facts: Corpus) -> str | None:
    from hf_emotion.cards.licences import licence_identifier

    return licence_identifier(facts.licence) or facts.licence


def _print_json(chosen: list[Corpus], found: list[FoundCorpus] | None) -> None:
    from hf_emotion.cards.licences import licence_identifier

    rows: list[dict[str, Any]] = []
    for number, facts in enumerate(chosen):
        row = {name: getattr(facts, name) for name in _FACTS} | {"licence_id": licence_identifier(facts.licence)}
        if found is not None:
            corpus = found[number]
            row |= {"state": corpus.state, "data_dir": corpus.data_dir, "num_found": corpus.num_utterances}
        rows.append(row)
    print(json.dumps(rows, indent=2, ensure_ascii=False))


def _print_sets(output_format: str) -> None:
    from hf_emotion.data.loading import corpora_of_set

    if output_format == "json":
        print(json.dumps({name: corpora_of_set(name) for name in CORPUS_SETS}, indent=2))
        return
    wrapper = textwrap.TextWrapper(80, initial_indent="  ", subsequent_indent="  ")
    paragraphs = []
    for name, description in CORPUS_SETS.items():
        members = wrapper.fill(", ".join(corpora_of_set(name)))
        paragraphs.append(f"{name}\n{wrapper.fill(f'{description}.')}\n{members}")
    print("\n\n".join(paragraphs))
