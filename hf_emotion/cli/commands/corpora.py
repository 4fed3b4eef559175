"""`hf-emotion corpora list | info | synthesize`."""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer


if TYPE_CHECKING:
    from hf_emotion.data.corpus import Corpus

_MARGIN = 17  # characters of the first column of `info`
_WIDTH = 80

corpora_app = typer.Typer(
    help="Corpora: which there are, what is known of them, synthetic ones.", no_args_is_help=True
)


@corpora_app.command("list")
def list_all() -> None:
    """List the corpora that can be loaded."""
    from hf_emotion.data.loading import corpus_facts, list_corpora

    rows = [("corpus", "language", "access", "licence", "utts.", "spk.")]
    for name in list_corpora():
        facts = corpus_facts(name)
        rows.append(
            (
                name,
                ", ".join(facts.languages) or "-",
                facts.access or "-",
                facts.licence or "-",
                _count(facts.num_utterances),
                _count(facts.num_speakers),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    widths[3] = min(widths[3], _WIDTH - sum(widths) + widths[3] - 2 * (len(widths) - 1))
    for row in rows:
        cells = [textwrap.shorten(cell, width, placeholder="…") for cell, width in zip(row, widths, strict=True)]
        padded = [
            cell.rjust(width) if column > 3 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        print("  ".join(padded).rstrip())


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


@corpora_app.command()
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
    }
    yield from ((heading, text) for heading, text in texts.items() if text)
    yield from (("pitfall", text) for text in facts.pitfalls)


def _print_labels(facts: "Corpus") -> None:
    from hf_emotion.emotions import arousal_valence_class

    if not facts.labels:
        return
    rows = [("label", "emotion", "arousal_valence", "utts.")]
    for raw_label, emotion in facts.labels.items():
        av_class = facts.arousal_valence.get(raw_label, arousal_valence_class(emotion) if emotion else None)
        rows.append((raw_label, emotion or "-", av_class or "-", _count(facts.label_counts.get(raw_label))))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    print()
    for label, emotion, av_class, count in rows:
        print(f"{label:<{widths[0]}}  {emotion:<{widths[1]}}  {av_class:<{widths[2]}}  {count:>{widths[3]}}")


@corpora_app.command()
def synthesize(
    output_dir: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write into.", show_default=False)],
    seed: Annotated[int, typer.Option("--seed", help="Changes voices, sentences and every variation.")] = 0,
    speakers_per_corpus: Annotated[
        int, typer.Option("--speakers_per_corpus", min=1, help="Speakers of each corpus.")
    ] = 8,
    utterances_per_emotion: Annotated[
        int, typer.Option("--utterances_per_emotion", min=1, help="Utterances per speaker and emotion.")
    ] = 5,
) -> None:
    """Write four synthetic corpora of parametric emotional speech, each with a manifest.csv. Needs no network."""
    from hf_emotion.data.synthetic import SYNTHETIC_CORPORA, generate_synthetic_corpora

    for name in SYNTHETIC_CORPORA:
        folder = generate_synthetic_corpora(
            output_dir,
            seed=seed,
            speakers_per_corpus=speakers_per_corpus,
            utterances_per_emotion=utterances_per_emotion,
            corpora=[name],
        )[name]
        num_utterances = len(list((folder / "audio").iterdir()))
        print(f"{name:<16} {num_utterances:>5} utterances  {folder / 'manifest.csv'}", flush=True)
