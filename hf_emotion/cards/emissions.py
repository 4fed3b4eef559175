"""What codecarbon measured during a training, as a card states it."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


EMISSIONS_FILE = "emissions.csv"


@dataclass(frozen=True)
class Emissions:
    """
    Carbon that a training has emitted, as codecarbon estimated it.

    Args:
        grams (`float`): CO2 equivalents in grams.
        kilowatt_hours (`float`, *optional*): Energy consumed.
        seconds (`float`, *optional*): Time that was measured.
        location (`str`, *optional*): Region and country.
        hardware (`str`, *optional*): Processors.
        version (`str`, *optional*): Version of codecarbon.
    """

    grams: float
    kilowatt_hours: float | None = None
    seconds: float | None = None
    location: str | None = None
    hardware: str | None = None
    version: str | None = None

    @property
    def metadata(self) -> dict[str, Any]:
        """The value of `co2_eq_emissions` in the metadata of a card."""
        values = {
            "emissions": round(self.grams, 3),  # the Hub's unit is grams
            "source": "codecarbon" + (f" {self.version}" if self.version else ""),
            "training_type": "fine-tuning",
            "geographical_location": self.location,
            "hardware_used": self.hardware,
        }
        return {name: value for name, value in values.items() if value is not None}


def read_emissions(folder: str | Path) -> Emissions | None:
    """
    Read the `emissions.csv` that codecarbon leaves in the folder of a run.

    Args:
        folder (`str` or `pathlib.Path`): Folder of the run.

    Returns:
        [`Emissions`] or `None`: The sum of the last row of each run in the file (codecarbon adds a row for each
        training, a resumed one included); `None` if there is no file.

    Raises:
        ValueError: The file is not codecarbon's.
    """
    path = Path(folder) / EMISSIONS_FILE
    if not path.is_file():
        return None
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"run_id", "emissions"} <= set(rows[0]):
        raise ValueError(f"{path} is no table of codecarbon: it has no rows with run_id and emissions. Delete it.")
    last = {row["run_id"]: row for row in rows}.values()
    newest = rows[-1]
    places = [newest.get("region"), newest.get("country_name")]
    return Emissions(
        grams=1000 * math.fsum(_number(path, row, "emissions") for row in last),  # codecarbon counts kilograms
        kilowatt_hours=_sum(path, last, "energy_consumed"),
        seconds=_sum(path, last, "duration"),
        location=", ".join(filter(None, places)) or None,
        hardware=_hardware(newest),
        version=newest.get("codecarbon_version") or None,
    )


def _sum(path: Path, rows: Any, name: str) -> float | None:
    return math.fsum(_number(path, row, name) for row in rows) if all(row.get(name) for row in rows) else None


def _number(path: Path, row: Mapping[str, str], name: str) -> float:
    try:
        value = float(row[name])
    except ValueError as error:
        raise ValueError(f"{path}: {name}={row[name]!r} is no number.") from error
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"{path}: {name}={row[name]} cannot be.")
    return value


def _hardware(row: Mapping[str, str]) -> str | None:
    parts = [row.get("gpu_model"), row.get("cpu_model")]
    return ", ".join(part for part in parts if part and part != "None") or None
