"""Reading a manifest: the user's own table of recordings, `manifest.csv` or `manifest.jsonl`."""

import csv
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from ..suggestions import did_you_mean


logger = logging.getLogger(__name__)

MANIFEST_NAMES = ("manifest.csv", "manifest.jsonl")
REQUIRED_COLUMNS = ("path", "label")
TEXT_COLUMNS = ("utterance_id", "corpus", "speaker_id", "gender", "split", "language", "session", "text")
NUMBER_COLUMNS = ("arousal", "valence", "dominance")
MANIFEST_COLUMNS = (*REQUIRED_COLUMNS, *TEXT_COLUMNS, *NUMBER_COLUMNS, "votes")

# Cells as people write them -> the word of the column.
_SYNONYMS = {
    "gender": {"female": "female", "f": "female", "male": "male", "m": "male"},
    "split": {
        "train": "train",
        "validation": "validation",
        "valid": "validation",
        "val": "validation",
        "dev": "validation",
        "test": "test",
    },
}


def manifest_file(data_dir: Path) -> Path | None:
    """The manifest that `data_dir` is or holds; `None` if there is none.

    Raises:
        `ValueError`: If the folder holds two manifests.
    """
    if data_dir.is_file():
        return data_dir
    found = [data_dir / name for name in MANIFEST_NAMES if (data_dir / name).is_file()]
    if len(found) > 1:
        raise ValueError(f"{data_dir} holds both {' and '.join(MANIFEST_NAMES)}. Pass the one you mean as data_dir.")
    return found[0] if found else None


def read_manifest(manifest: Path) -> list[dict[str, Any]]:
    """
    Rows of a manifest, checked.

    Args:
        manifest (`Path`):
            A `.csv` file (UTF-8, commas, the first line names the columns) or a `.jsonl` file (one object per line).

    Returns:
        `list[dict]`: One dict per row with the keys `MANIFEST_COLUMNS`: `path` as a full path, numbers as `float`,
        `votes` as `{label: count}`, cells that are empty or absent as `None`; `utterance_id` defaults to the path
        without suffix, `corpus` to the name of the folder.

    Raises:
        `ValueError`: If a column is missing or misspelt, or rows are wrong; names the lines (the header is line 1).
    """
    try:
        with manifest.open(encoding="utf-8-sig", newline="") as file:
            numbered = list(_numbered_rows(file, manifest))
    except UnicodeDecodeError as error:
        raise ValueError(f"{manifest} is not UTF-8 ({error}). Save it as UTF-8 (in Excel: CSV UTF-8).") from error
    if not numbered:
        raise ValueError(f"{manifest} has no rows.")
    _check_columns({column for _, row in numbered for column in row}, manifest)
    rows, errors = [], []
    for line, row in numbered:
        try:
            rows.append(_checked_row(row, manifest.parent))
        except ValueError as error:
            errors.append(f"  line {line}: {error}")
    if errors:
        more = [f"  ... and {len(errors) - 10} more"] * (len(errors) > 10)
        raise ValueError(f"{manifest} has {len(errors)} wrong rows:\n" + "\n".join(errors[:10] + more))
    num_without_split = sum(row["split"] is None for row in rows)
    if 0 < num_without_split < len(rows):
        raise ValueError(f"{manifest}: {num_without_split} of {len(rows)} rows have no split. Fill in all or none.")
    return rows


def _numbered_rows(file: TextIO, manifest: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    if manifest.suffix == ".csv":
        reader = csv.DictReader(file, skipinitialspace=True)
        for row in reader:
            if None in row or None in row.values():
                raise ValueError(
                    f"{manifest}, line {reader.line_num}: not as many cells as the {len(reader.fieldnames or ())} "
                    f"columns. Put cells that contain a comma in double quotes."
                )
            yield reader.line_num, row
    elif manifest.suffix == ".jsonl":
        for line, text in enumerate(file, start=1):
            if text.strip():
                try:
                    row = json.loads(text)
                except json.JSONDecodeError as error:
                    raise ValueError(f"{manifest}, line {line}: not JSON ({error}).") from error
                if not isinstance(row, dict):
                    raise ValueError(f"{manifest}, line {line}: a row must be a JSON object, got {row!r}.")
                yield line, row
    else:
        raise ValueError(f"A manifest is a .csv or a .jsonl file, got {manifest}.")


def _check_columns(found: set[str], manifest: Path) -> None:
    unknown = sorted(found - set(MANIFEST_COLUMNS))
    missing = [column for column in REQUIRED_COLUMNS if column not in found]
    lacks = f"{manifest} lacks the column(s) {', '.join(missing)}; it has {sorted(found)}."
    if missing and any(";" in column or "\t" in column for column in found):
        raise ValueError(f"{lacks} Separate columns by commas.")
    for column in unknown:
        # A misspelt speaker_id must not turn into a corpus without speakers, whose random test set leaks.
        if hint := did_you_mean(column, sorted(set(MANIFEST_COLUMNS) - found), cutoff=0.7):
            raise ValueError(f"{manifest} has a column {column!r}. {hint}Rename or remove it.")
    if missing:
        raise ValueError(lacks)
    if unknown:
        logger.warning("%s: unknown columns are ignored: %s", manifest, ", ".join(unknown))


def _checked_row(row: dict[str, Any], folder: Path) -> dict[str, Any]:
    cells = {column: str(value).strip() for column, value in row.items() if value is not None and column != "votes"}
    path, label = cells.get("path"), cells.get("label")
    if not path or not label:
        raise ValueError("path and label must be filled in (label 'unknown' for a clip that has none)")
    if not (folder / path).is_file():
        raise ValueError(f"no such file: {folder / path}")
    checked: dict[str, Any] = {column: cells.get(column) or None for column in TEXT_COLUMNS}
    for column, synonyms in _SYNONYMS.items():
        if checked[column] is not None:
            word = synonyms.get(checked[column].lower())
            if word is None:
                raise ValueError(
                    f"{column} is {checked[column]!r}, expected {sorted(set(synonyms.values()))} or nothing"
                )
            checked[column] = word
    for column in NUMBER_COLUMNS:
        try:
            checked[column] = float(cells[column]) if cells.get(column) else None
        except ValueError as error:
            raise ValueError(f"{column} is {cells[column]!r}, expected a number or nothing") from error
    return checked | {
        "path": folder / path,
        "label": label,
        "votes": _votes(row.get("votes")),
        "utterance_id": checked["utterance_id"] or Path(path).with_suffix("").as_posix(),
        "corpus": checked["corpus"] or folder.name,
    }


def _votes(cell: Any) -> dict[str, int]:
    votes = json.loads(cell) if isinstance(cell, str) and cell.strip() else cell or {}
    if not isinstance(votes, dict) or not all(isinstance(count, int) and count >= 0 for count in votes.values()):
        raise ValueError(f'votes must map labels to counts, such as {{"anger": 3, "neutral": 1}}; found {cell!r}')
    return votes
