"""`hf-emotion corpora info`."""

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from hf_emotion.cli.tables import print_table


if TYPE_CHECKING:
    from hf_emotion.data.corpus import Corpus, PublishedSplit

_MARGIN = 17  # characters of the first column
_WIDTH = 80


def info(
    name: Annotated[str, typer.Argument(help="Name of a corpus, see `corpora list`.", show_default=False)],
) -> None:
    """Show the facts of a corpus: licence, where to get it, expected layout, labels, pitfalls."""
    from hf_emotion.data.loading import corpus_facts

    facts = corpus_facts(name)
    for heading, text in _facts(facts):
        lines = textwrap.wrap(text, _WIDTH - _MARGIN, break_long_words=False, break_on_hyphens=False)
        for number, line in enumerate(lines):
            print(f"{heading if number == 0 else '':<{_MARGIN}}{line}")
    _print_labels(facts)


def _facts(facts: "Corpus") -> Iterator[tuple[str, str]]:
    yield "name", f"{facts.name}: {facts.full_name}"
    texts = {
        "languages": ", ".join(facts.languages),
        "speech": facts.kind,
        "size": " by ".join(
            f"{count:,} {what}"
            for count, what in ((facts.num_utterances, "utterances"), (facts.num_speakers, "speakers"))
            if count
        ),
        "licence": facts.licence,
        "access": facts.access,
        "where to get it": facts.how_to_obtain,
        "layout": facts.layout,
        "homepage": facts.homepage,
        "citation": facts.citation,
        "sets": ", ".join(facts.sets),
    }
    yield from ((heading, text) for heading, text in texts.items() if text)
    for name, split in facts.published_splits.items():
        leak = f" Leak: {split.leak}." if split.leak else ""
        yield "split", f"{name}: {_folds(split)}.{leak}"
    yield from (("pitfall", text) for text in facts.pitfalls)


def _folds(split: "PublishedSplit") -> str:
    if split.by is None:
        return split.source
    return f"{len(split.folds)} fold{'s' * (len(split.folds) > 1)} by {split.by} ({split.source})"


def _print_labels(facts: "Corpus") -> None:
    if facts.labels:
        print()
        print_table(
            ("label", "emotion", "arousal_valence", "utts."),
            [
                (label, emotion, facts.arousal_valence_class(label), facts.label_counts.get(label))
                for label, emotion in facts.labels.items()
            ],
        )
