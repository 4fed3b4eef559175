"""Figures that papers report, one table per paper: a row per system, a column per setting."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ..cells import slug
from ..entries import Entry


_FOLDER = Path(__file__).parent
_SYSTEM, _PARAMETERS = "system", "num_parameters"
# Where the figures are printed.
SOURCES = {
    "emo_superb": "Wu, Chou et al.: Open-Emotion, a reproducible EMO-SUPERB, IEEE SLT 2024, Tables 3 and 4",
}


def reported_table(name: str) -> pd.DataFrame:
    """
    The figures of a paper.

    Args:
        name (`str`): Name of the table, such as `"emo_superb"`.

    Returns:
        `pd.DataFrame`: Scores by system (index) and setting (columns); NaN where nothing is printed. Parameters in
        millions are in `num_parameters`, where they are known.

    Raises:
        ValueError: There is no such table.

    Example:

    ```python
    >>> float(reported_table("emo_superb").loc["FBANK", "CREMA-D"])
    0.144

    ```
    """
    path = _FOLDER / f"{name}.csv"
    if name not in SOURCES or not path.is_file():
        raise ValueError(f"There are no reported figures {name!r}; there are {', '.join(sorted(SOURCES))}.")
    return pd.read_csv(path, index_col=_SYSTEM)


def reported_entries(name: str) -> list[Entry]:
    """The figures of a paper as rows of a leaderboard, marked as reported."""
    table = reported_table(name)
    settings = [column for column in table.columns if column != _PARAMETERS]
    return [
        Entry(
            id=f"reported-{slug(str(system))}",
            system=str(system),
            origin="reported",
            protocol=name,
            settings={column: {"macro_f1": float(row[column])} for column in settings if pd.notna(row[column])},
            num_parameters=float(row[_PARAMETERS]) if pd.notna(row.get(_PARAMETERS)) else None,
            facts={"paper": SOURCES[name]},
        )
        for system, row in table.iterrows()
    ]
