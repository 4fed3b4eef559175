"""`hf-emotion benchmark publish`."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated

import typer


def publish(
    output_dir: Annotated[Path, typer.Argument(help="Folder that `benchmark run` has filled.")],
    store: Annotated[
        str, typer.Option("--store", help="Folder, or dataset repository owner/name, that keeps the results.")
    ],
    systems: Annotated[list[str] | None, typer.Option("--system", help="Only this one; may be repeated.")] = None,
) -> None:
    """Add what was measured to a store of results, for the leaderboard."""
    from hf_emotion.benchmark.results.measured import measured_entries
    from hf_emotion.benchmark.results.store import open_results_store
    from hf_emotion.benchmark.selection import selected_cells

    results = open_results_store(store)
    for entry, predictions in measured_entries(selected_cells(output_dir, systems), datetime.date.today()):
        results.add(entry, predictions)
        print(f"{entry.system}: {entry.id}, {', '.join(entry.settings)}")
