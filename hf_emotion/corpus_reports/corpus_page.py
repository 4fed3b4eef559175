"""The documentation of corpora, written from their facts: a page for each, and the overview of all."""

import re
import textwrap
from collections.abc import Sequence

from ..data.corpus_facts import ACCESS, Corpus, PublishedSplit
from ..data.corpus_sets import CORPUS_SETS
from ..data.label_table import label_table


_NOTICE = "<!-- Written by `make docs` from the facts in dataset_scripts/{file}.py. Change those, not this page. -->"


def corpus_page(facts: Corpus) -> str:
    """
    The page of one corpus as Markdown: facts, how to get it, expected layout, labels, splits, pitfalls, citation.

    Args:
        facts ([`~hf_emotion.data.corpus_facts.Corpus`]):
            Facts of the corpus.
    """
    sections = [
        _NOTICE.format(file=facts.name),
        f"# `{facts.name}`: {facts.full_name}",
        _facts_table(facts),
        "## How to get it",
        _plain(facts.how_to_obtain) or "Not known.",
        "Expected in `data_dir`, as `.wav`, `.flac`, `.mp3` or what else libsndfile reads, under the original stem:",
        _code("\n".join(textwrap.wrap(facts.layout, 110, break_long_words=False, break_on_hyphens=False))),
        _code(
            f"hf-emotion corpora check {facts.name} --data_dir <folder>    # is it complete and sound?\n"
            f"hf-emotion corpora prepare {facts.name} --data_dir <folder>  # read all headers once",
            "bash",
        ),
        _code(
            "from hf_emotion import load_corpus, split_corpus\n\n"
            f'corpus = load_corpus("{facts.name}", data_dir="<folder>")\n'
            "parts = split_corpus(corpus)",
            "python",
        ),
        "## Labels",
        _labels(facts),
        "## Splits",
        _splits(facts),
    ]
    if facts.pitfalls:
        sections += ["## Pitfalls", "\n".join(f"- {_plain(pitfall)}" for pitfall in facts.pitfalls)]
    if facts.citation:
        link = f" [doi:{facts.doi}](https://doi.org/{facts.doi})" if facts.doi else ""
        sections += ["## Citation", f"{_plain(facts.citation)}{link}"]
    return "\n\n".join(sections) + "\n"


def overview_page(all_facts: Sequence[Corpus]) -> str:
    """
    The overview of all corpora as Markdown: one table, and the named sets.

    Args:
        all_facts (`Sequence[Corpus]`):
            Facts of the corpora, in the order of the table.
    """
    rows = [
        (
            f"[`{facts.name}`](pages/{facts.name}.md)",
            _plain(facts.full_name),
            ", ".join(facts.languages),
            facts.kind,
            _number(facts.num_utterances),
            _number(facts.num_speakers),
            len(facts.labels) or None,
            _plain(facts.licence or ""),
            ACCESS.get(facts.access or ""),
        )
        for facts in all_facts
    ]
    header = ("corpus", "name", "languages", "speech", "utterances", "speakers", "labels", "licence", "access")
    sets = [
        (f"`{name}`", _plain(text), ", ".join(f"`{facts.name}`" for facts in all_facts if name in facts.sets))
        for name, text in CORPUS_SETS.items()
    ]
    return (
        "\n\n".join(
            [
                _NOTICE.format(file="*"),
                "# Corpora",
                f"{len(all_facts)} corpora of emotional speech: one file and one page each. They are not downloaded: "
                "their licences want you to fetch them yourself. A blank cell means that it is not known.",
                _table(header, rows),
                "## Sets",
                "A name that stands for several corpora, in an experiment's `corpora`, in "
                '`load_corpora("emoset_plus_plus", "corpora")` and in '
                "`hf-emotion corpora list --set emoset_plus_plus --corpora_dir corpora`.",
                _table(("set", "what it is", "members"), sets),
            ]
        )
        + "\n"
    )


def _facts_table(facts: Corpus) -> str:
    sizes = ((facts.num_utterances, "utterances"), (facts.num_speakers, "speakers"))
    rows = [
        ("languages", ", ".join(f"`{tag}`" for tag in facts.languages)),
        ("speech", facts.kind),
        ("size", " by ".join(f"{_number(count)} {what}" for count, what in sizes if count is not None)),
        ("sampling rate", facts.sampling_rate and f"{facts.sampling_rate:,} Hz"),
        ("ratings", facts.rating_range and "{:g} to {:g}".format(*facts.rating_range)),
        ("licence", _plain(facts.licence or "")),
        ("access", ACCESS.get(facts.access or "")),
        ("homepage", facts.homepage and f"<{facts.homepage}>"),
        ("sets", ", ".join(f"`{name}`" for name in facts.sets)),
    ]
    return _table(("", ""), [row for row in rows if row[1]])


def _labels(facts: Corpus) -> str:
    table = label_table([facts])
    if not table:
        return (
            "Its labels are not published. Those of your manifest are read: canonical emotions, aliases of them, "
            "arousal x valence classes, or words of its own."
        )
    rows = [
        (
            f"`{row.raw_label}`",
            row.emotion,
            row.arousal_valence and f"{row.arousal_valence}{' (this corpus only)' if row.is_exception else ''}",
            row.source,
            _number(row.count),
        )
        for row in table
    ]
    note = "Sources: see `hf_emotion.emotions.AV_SOURCES`. Your own reading goes into a YAML file (`label_overrides`)."
    return _table(("label", "emotion", "arousal x valence", "source of the class", "utterances"), rows) + "\n\n" + note


def _splits(facts: Corpus) -> str:
    if "official" in facts.published_splits:
        default = "the official parts"
    elif facts.num_speakers == 1:
        default = "utterances at random, 10 % for test: it has one speaker"
    else:
        default = "whole speakers; where speakers are not known, utterances at random with 10 % for test"
    text = f"`split_corpus(corpus)` takes {default}."
    if not facts.published_splits:
        return text
    rows = [
        (f"`{name}`", _folds(split), _plain(split.source), split.leak)
        for name, split in facts.published_splits.items()
    ]
    return f"{text} Published partitions:\n\n" + _table(("strategy", "folds", "source", "what leaks"), rows)


def _folds(split: PublishedSplit) -> str:
    if split.by is None:
        return "as the archive says"
    what = {"speaker_id": "speakers", "session": "sessions"}[split.by]
    validation = f", {split.random_validation:.0%} of train for validation" if split.random_validation else ""
    return f"{len(split.folds)} by {what}{validation}"


def _table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [header, [":--"] * len(header), *rows]
    cells = [["" if cell is None else str(cell).replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def _code(text: str, language: str = "") -> str:
    return f"```{language}\n{text}\n```"


def _plain(text: str) -> str:
    """Prose in which file names and other words that Markdown would read as markup are code."""
    return re.sub(r"(?!https?:)(?<![^\s(])[^\s(]*[<*_\[][^\s]*?(?=[,.;:)]*(?:\s|$))", r"`\g<0>`", text)


def _number(number: int | None) -> str | None:
    return None if number is None else f"{number:,}"
