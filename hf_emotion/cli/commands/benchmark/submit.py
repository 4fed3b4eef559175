"""`hf-emotion benchmark submit`."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hf_emotion.cli.tables import print_table


if TYPE_CHECKING:
    from hf_emotion.benchmark.results.entries import Entry


def submit(
    folder: Annotated[
        Path, typer.Argument(help="system.json and predictions: SETTING.parquet or SETTING/test_fold1_predict.txt.")
    ],
    label_dir: Annotated[
        Path, typer.Option("--label_dir", help="Folder `data` of EMO-SUPERB-submission.", show_default=False)
    ],
    store: Annotated[
        str | None, typer.Option("--store", help="Folder, or dataset repository owner/name, that keeps the results.")
    ] = None,
    protocol: Annotated[
        str, typer.Option("--protocol", help="Name of a protocol, see `benchmark list`, or a YAML file.")
    ] = "emo_superb_code",
    setting: Annotated[
        str | None, typer.Option("--setting", help="What the predictions are for, where their name does not say so.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry_run", help="Check and score, and write nothing.")] = False,
) -> None:
    """Check predictions against the published partition, score them and add them to a store of results."""
    from hf_emotion.benchmark.results.store import open_results_store
    from hf_emotion.benchmark.submissions.submission import read_submission
    from hf_emotion.benchmark.submissions.submission import submit as add_submission

    from .run import protocol_named

    if store is None and not dry_run:
        raise ValueError("Say where the results are kept (--store), or only check and score them (--dry_run).")
    chosen = protocol_named(protocol)
    if store is None or dry_run:
        submission = read_submission(folder, chosen, label_dir, setting=setting)
        _print_entry(submission.entry(datetime.date.today()))
        print("Valid. Nothing was written.")
        return
    entry = add_submission(folder, chosen, label_dir, open_results_store(store), setting=setting)
    _print_entry(entry)
    print(f"{store} has the entry {entry.id}, of {entry.facts['date']}.")


def _print_entry(entry: Entry) -> None:
    print(f"{entry.system} on {entry.protocol}")
    rows = []
    for name, scores in entry.settings.items():
        low, high = scores["interval"]
        error = scores["calibration_error"]
        calibration = None if error is None else f"{error:.3f}"
        size = scores["num_utterances"]
        rows.append((name, f"{scores['macro_f1']:.3f}", f"{low:.3f} to {high:.3f}", size, calibration))
    print_table(("setting", "macro-F1", "95 % interval", "utts.", "calibration error"), rows)
