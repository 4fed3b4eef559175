"""`hf-emotion corpora audit`: decode every file and report what is wrong."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hf_emotion.cli.progress_bars import progress_bars_on_terminals_only
from hf_emotion.cli.tables import print_table
from hf_emotion.terminal import terminal_width


if TYPE_CHECKING:
    from hf_emotion.corpus_reports.audit_report import FindingGroup
    from hf_emotion.data.audit import CorpusAudit

# Kinds with more findings than this get one line.
_MAX_LINES = 5
_NUM_IDS = 3


def audit(
    name: Annotated[str, typer.Argument(help="Name of a corpus, see `corpora list`.", show_default=False)],
    data_dir: Annotated[Path, typer.Option("--data_dir", help="Folder of the unpacked archive.", show_default=False)],
    split: Annotated[
        str | None,
        typer.Option(
            "--split", help="Strategy of split_corpus whose parts to compare; the official parts by default."
        ),
    ] = None,
    fold: Annotated[int, typer.Option("--fold", min=0, help="Fold of that split.")] = 0,
    seed: Annotated[int, typer.Option("--seed", help="Seed of that split.")] = 0,
    output_dir: Annotated[
        Path | None, typer.Option("--output_dir", help="Folder for audit.json, audit_files.csv and audit.html.")
    ] = None,
    num_proc: Annotated[
        int | None, typer.Option("--num_proc", min=1, help="Processes; by default as many as there are CPUs.")
    ] = None,
) -> None:
    """
    Decode every file of a corpus and report what is wrong with files, labels and parts.

    Errors (data or scores are wrong), warnings (results depend on it) and notes. Exit code 1 if there are errors.
    """
    from hf_emotion.corpus_reports.audit_report import verdict, write_audit
    from hf_emotion.data.audit import audit_corpus
    from hf_emotion.data.loading import corpus_builder

    builder = corpus_builder(name, data_dir)
    parts, split_name = (None, None) if split is None else _parts(builder, split, fold, seed)
    result = audit_corpus(builder, parts, split_name=split_name, num_proc=num_proc or _num_cpus())
    _print(result)
    print(f"\n{result.corpus}: {verdict(result)}")
    for path in write_audit(result, output_dir) if output_dir else ():
        print(path)
    if result.counts["error"]:
        raise typer.Exit(1)


def _parts(builder: Any, split: str, fold: int, seed: int) -> tuple[dict[str, list[str]], str]:
    """Utterance ids of the parts, and the name of the split."""
    from hf_emotion.data.splits import split_corpus
    from hf_emotion.data.splits.split_info import describe_split, parameters_with_a_say

    with progress_bars_on_terminals_only():
        corpus = builder.load()
    # A shared speaker is what the audit shall report, not a reason to stop.
    parts = split_corpus(corpus, split, fold=fold, seed=seed, allow_speaker_overlap=True)
    named = parameters_with_a_say(corpus, split, {"fold": fold, "seed": seed})
    name = describe_split(parts, split, **named).name
    return {part: list(rows["utterance_id"]) for part, rows in parts.items()}, name


def _num_cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _print(result: CorpusAudit) -> None:
    from hf_emotion.corpus_reports.audit_report import finding_groups

    band = "" if result.bandwidth is None else f", sound up to {result.bandwidth / 1000:.1f} kHz"
    print(f"{result.full_name}: {len(result.measurements):,} files{band}")
    for layout, count in result.formats.items():
        print(f"  {count:,} x {layout}")
    if groups := finding_groups(result):
        print()
        rows = [line for group in groups for line in _lines(group)]
        print_table(("severity", "finding", "utts.", "what was found"), rows, width=terminal_width())
    print()
    print_table(
        ("part", "utts.", "spk.", "hours", "median s", "labels"),
        [
            (
                part,
                len(summary.utterance_ids),
                summary.num_speakers or None,
                summary.hours,
                summary.median,
                ", ".join(f"{label} {count}" for label, count in summary.labels.items()),
            )
            for part, summary in result.parts.items()
        ],
        width=terminal_width(),
    )


def _lines(group: FindingGroup) -> list[tuple[str, str, int | None, str]]:
    if len(group.findings) > _MAX_LINES:
        text = f"by label: {group.by_label}; " if group.by_label else ""
        text += f"for example {_named(group.findings[0].utterance_ids)}{group.findings[0].explanation}"
        return [(group.severity, group.title, group.num_utterances, text)]
    return [
        (
            group.severity,
            group.title,
            len(finding.utterance_ids) or None,
            _named(finding.utterance_ids) + finding.explanation,
        )
        for finding in group.findings
    ]


def _named(utterance_ids: tuple[str, ...]) -> str:
    """The utterances of a finding, if they are few."""
    return f"{', '.join(utterance_ids)}: " if 0 < len(utterance_ids) <= _NUM_IDS else ""
