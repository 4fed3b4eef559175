"""Cells of a benchmark as rows of a leaderboard."""

from __future__ import annotations

import datetime
import hashlib
import logging
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ..analysis import complete_seeds, tables_by_fold
from ..cells import CellResult, slug
from ..layer_analysis import layer_profiles
from ..scores import setting_scores
from .entries import Entry


logger = logging.getLogger(__name__)

_DIGEST_LENGTH = 12


def measured_entries(
    cells: Sequence[CellResult], date: datetime.date
) -> list[tuple[Entry, dict[str, dict[int, list[pd.DataFrame]]]]]:
    """
    A row for each system, over the settings that are finished in all folds.

    Args:
        cells (`Sequence[CellResult]`): Finished cells of one benchmark of frozen encoders.
        date (`datetime.date`): Day of the measurement.

    Returns:
        `list[tuple[Entry, dict]]`: Entries, and for each its predictions by setting and fold, one table per seed: what
        [`~hf_emotion.benchmark.results.store.ResultsStore.add`] takes. The id follows from the predictions, so that
        adding the same cells again changes nothing.

    Raises:
        ValueError: No setting is finished in all folds by any system.
    """
    by_system: dict[str, dict[str, list[CellResult]]] = defaultdict(lambda: defaultdict(list))
    for result in cells:
        by_system[result.cell.system][result.cell.setting].append(result)
    found = []
    for system, settings in by_system.items():
        finished = {name: complete_seeds(results) for name, results in settings.items() if _has_all_folds(results)}
        if finished:
            found.append(_entry(system, finished, date))
    if not found:
        raise ValueError("No setting is finished in all of its folds. Let `hf-emotion benchmark run` go on first.")
    return found


def _has_all_folds(results: Sequence[CellResult]) -> bool:
    num_measured = len({result.cell.fold for result in results})
    wanted = results[0].record["num_folds"]
    if num_measured < wanted:
        cell = results[0].cell
        logger.warning(
            "%s on %s is left out: %d of %d folds are finished.", cell.system, cell.setting, num_measured, wanted
        )
    return num_measured == wanted


def _entry(
    system: str, settings: dict[str, list[CellResult]], date: datetime.date
) -> tuple[Entry, dict[str, dict[int, list[pd.DataFrame]]]]:
    results = [result for found in settings.values() for result in found]
    predictions = {name: tables_by_fold(found) for name, found in settings.items()}
    digest = hashlib.sha256()
    for result in results:
        for path in sorted(result.folder.glob("*predictions.parquet")):
            digest.update(path.read_bytes())
    encoder = results[0].record["encoder"]
    name = encoder["name_or_path"]
    entry = Entry(
        id=f"{slug(system)}-{digest.hexdigest()[:_DIGEST_LENGTH]}",
        system=system,
        origin="measured",
        protocol=results[0].record["protocol"],
        settings={setting: setting_scores(folds) for setting, folds in predictions.items()},
        num_parameters=encoder["num_parameters"] / 1e6,
        # a path says something on one machine only
        encoder=name if name and not Path(name).exists() else None,
        layer_weights={profile.setting: list(profile.shares) for profile in layer_profiles(results)},
        facts={"date": date.isoformat()},
    )
    return entry, predictions
