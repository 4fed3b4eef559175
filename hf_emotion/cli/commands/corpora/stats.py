"""`hf-emotion corpora stats`: how much speech there is, of whom, how long, with which labels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hf_emotion.cli.progress_bars import progress_bars_on_terminals_only
from hf_emotion.cli.tables import print_table
from hf_emotion.terminal import terminal_width


if TYPE_CHECKING:
    from hf_emotion.data.corpus_statistics import CorporaStatistics, SpeechStatistics

# Figure 1 of ExHuBERT stops at 6 s; where utterances are longer, so does the figure here, a little later.
_LAST_SECOND = 10


def stats(
    corpora_dir: Annotated[
        Path, typer.Option("--corpora_dir", help="Folder with the archives, each under its name.", show_default=False)
    ],
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Corpora, see `corpora list`.", show_default=False)
    ] = None,
    set_name: Annotated[
        str | None, typer.Option("--set", help="All corpora of a named set that are in the folder.")
    ] = None,
    output_dir: Annotated[
        Path | None, typer.Option("--output_dir", help="Folder for statistics.json and durations.png.")
    ] = None,
) -> None:
    """Count utterances, speakers, hours and labels, per corpus and language, and draw the durations."""
    from hf_emotion.data.corpus_collection import load_corpora
    from hf_emotion.data.corpus_statistics import corpora_statistics

    if bool(names) == bool(set_name):
        raise typer.BadParameter("Name corpora, or a set of them with --set.")
    # Corpora that were named must be there; of a set, those that are there count.
    with progress_bars_on_terminals_only():
        corpora = load_corpora(names or set_name or "", corpora_dir, strict=bool(names))
    statistics = corpora_statistics(corpora)
    _print(statistics)
    for path in _write(statistics, output_dir) if output_dir else ():
        print(path)


def _print(statistics: CorporaStatistics) -> None:
    tables: list[tuple[str, Mapping[str, SpeechStatistics]]] = [("corpus", statistics.corpora)]
    if len(statistics.corpora) > 1:
        tables += [("language", statistics.languages), ("", {"all": statistics.total})]
    for what, table in tables:
        rows = [
            (
                name,
                found.num_utterances,
                found.num_speakers,
                found.hours,
                found.mean_duration,
                found.median_duration,
                ", ".join(f"{label} {count}" for label, count in found.labels.items()),
            )
            for name, found in table.items()
        ]
        print_table((what, "utts.", "spk.", "hours", "mean s", "median s", "labels"), rows, width=terminal_width())
        print()
    counts = statistics.total.durations
    print_table(
        ("seconds", "utts.", "%"),
        [(f"{second}-{second + 1}", count, 100 * count / sum(counts)) for second, count in enumerate(counts)],
    )


def _write(statistics: CorporaStatistics, output_dir: Path) -> list[Path]:
    from hf_emotion.corpus_reports.corpus_plots import duration_figure
    from hf_emotion.evaluation.plots import save_figure

    output_dir.mkdir(parents=True, exist_ok=True)
    path = output_dir / "statistics.json"
    path.write_text(json.dumps(asdict(statistics), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    histograms = {name: found.durations for name, found in statistics.corpora.items()}
    last = min(_LAST_SECOND, len(statistics.total.durations) - 1)
    return [path, save_figure(duration_figure(histograms, last), output_dir / "durations.png")]
