"""Pick finished cells by the names of their systems and settings."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..suggestions import did_you_mean
from .cells import CellResult, read_cells, slug


_NUM_SHOWN = 6


def selected_cells(
    output_dir: str | os.PathLike, systems: Sequence[str] | None = None, settings: Sequence[str] | None = None
) -> list[CellResult]:
    """
    Finished cells of some systems and settings.

    Args:
        output_dir (`str` or `os.PathLike`): Output folder of a benchmark.
        systems, settings (`Sequence[str]`, *optional*): Names, also in the form that folders have; all by default.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: No cell is finished there, or none of a name.
    """
    if not os.path.isdir(output_dir):
        raise FileNotFoundError(f"There is no folder {output_dir}. Name the output folder of a benchmark.")
    cells = read_cells(output_dir)
    if not cells:
        raise ValueError(
            f"No cell of a benchmark is finished in {output_dir}. Start one with `hf-emotion benchmark run`, or name "
            "its output folder."
        )
    for wanted, what in ((systems, "system"), (settings, "setting")):
        names = sorted({getattr(result.cell, what) for result in cells})
        chosen = {_known(name, names, what) for name in wanted or ()}
        cells = [result for result in cells if not chosen or getattr(result.cell, what) in chosen]
    return cells


def selected_cell(
    output_dir: str | os.PathLike,
    system: str | None = None,
    setting: str | None = None,
    fold: int | None = None,
    seed: int | None = None,
) -> CellResult:
    """
    The one finished cell that these describe; what is None is not asked for.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: There is none, or several; the message lists them.
    """
    cells = selected_cells(output_dir, [system] if system else None, [setting] if setting else None)
    fits = [result for result in cells if fold in (None, result.cell.fold) and seed in (None, result.cell.seed)]
    if len(fits) == 1:
        return fits[0]
    shown = "; ".join(_described(result) for result in (fits or cells)[:_NUM_SHOWN])
    if not fits:
        raise ValueError(f"No finished cell has fold {fold} and seed {seed}. Finished are {shown}.")
    raise ValueError(
        f"{len(fits)} cells fit: {shown}{' ...' if len(fits) > _NUM_SHOWN else ''}. Name one of them by --system, "
        "--setting, --fold and --seed."
    )


def _described(result: CellResult) -> str:
    cell = result.cell
    return f"{cell.system} on {cell.setting}, fold {cell.fold}, seed {cell.seed}"


def _known(name: str, names: Sequence[str], what: str) -> str:
    found = [known for known in names if known == name] or [known for known in names if slug(known) == slug(name)]
    if not found:
        raise ValueError(f"No finished cell has the {what} {name!r}. {did_you_mean(name, names)}There is {names}.")
    return found[0]
