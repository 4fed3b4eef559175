"""The cells of a benchmark on disk: one folder each, which is complete as soon as it has its `cell.json`."""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ..atomic_files import write_atomically
from ..evaluation.predictions import PREDICTIONS_FILE


CELL_FILE = "cell.json"
FORMAT = 1


@dataclass(frozen=True, order=True)
class Cell:
    """
    One training of a benchmark.

    Args:
        system (`str`): Name of the system, a row of the table.
        setting (`str`): Name of the setting, a column.
        fold (`int`): Number of the fold, from 1.
        seed (`int`): Seed of the training.
    """

    system: str
    setting: str
    fold: int
    seed: int

    def folder(self, output_dir: str | os.PathLike) -> Path:
        """Folder of the cell in the output folder of a benchmark."""
        return Path(output_dir) / slug(self.system) / slug(self.setting) / f"fold_{self.fold}_seed_{self.seed}"

    def is_finished(self, output_dir: str | os.PathLike) -> bool:
        """Whether the cell has been measured."""
        return (self.folder(output_dir) / CELL_FILE).is_file()


@dataclass(frozen=True)
class CellResult:
    """
    What a cell has left behind.

    Args:
        folder (`Path`): Its folder.
        record (`dict`): Content of its `cell.json`.
    """

    folder: Path
    record: dict[str, Any]

    @property
    def cell(self) -> Cell:
        """Which cell it is."""
        return Cell(self.record["system"], self.record["setting"], self.record["fold"], self.record["seed"])

    def predictions(self) -> pd.DataFrame:
        """Predictions on the test part."""
        return pd.read_parquet(self.folder / PREDICTIONS_FILE)


@dataclass
class RunSummary:
    """
    What a run of a benchmark did.

    Args:
        num_finished (`int`): Cells that were finished before.
        num_trained (`int`): Cells that this run has trained.
        failures (`dict[str, str]`): Reason for each system, setting or training that could not be run.
    """

    num_finished: int = 0
    num_trained: int = 0
    failures: dict[str, str] = field(default_factory=dict)


def slug(name: str) -> str:
    """
    A name as a folder or file name: small letters, digits and underscores.

    Example:

    ```python
    >>> slug("IMPROV (P)"), slug("XLS-R-1B")
    ('improv_p', 'xls_r_1b')

    ```
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain.replace("+", "_plus")).strip("_")


def finish_cell(cell: Cell, output_dir: str | os.PathLike, record: Mapping[str, Any]) -> CellResult:
    """
    Declare a cell finished, whose other files are complete.

    Args:
        cell ([`Cell`]): The cell.
        output_dir (`str` or `os.PathLike`): Output folder of the benchmark.
        record (`Mapping`): Facts and scores, as JSON can hold them.
    """
    folder = cell.folder(output_dir)
    content = {"format": FORMAT, **vars(cell), **record}
    write_atomically(folder / CELL_FILE, json.dumps(content, indent=2, ensure_ascii=False).encode())
    return CellResult(folder, content)


def read_cell(folder: str | os.PathLike) -> CellResult:
    """
    Read a finished cell.

    Raises:
        ValueError: Its `cell.json` is damaged, or of another version of this package.
    """
    path = Path(folder) / CELL_FILE
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        result = CellResult(Path(folder), record)
        known = record["format"] == FORMAT and bool(result.cell)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged ({error}). Delete its folder and run the benchmark again.") from error
    if not known:
        raise ValueError(f"{path} has the format {record['format']}, but this version reads format {FORMAT}.")
    return result


def read_cells(output_dir: str | os.PathLike) -> list[CellResult]:
    """All finished cells in the output folder of a benchmark, sorted by system, setting, fold and seed."""
    paths = sorted(Path(output_dir).glob(f"*/*/fold_*_seed_*/{CELL_FILE}"))
    return sorted((read_cell(path.parent) for path in paths), key=lambda result: result.cell)


def unfinished(cells: Iterable[Cell], output_dir: str | os.PathLike) -> list[Cell]:
    """Those of some cells that have not been measured yet, in their order."""
    return [cell for cell in cells if not cell.is_finished(output_dir)]
