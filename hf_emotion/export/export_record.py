"""The files of an exported model, and `export.json`, which says all that running them needs. Needs no torch."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


MODEL_FILE = "model.onnx"
INT8_FILE = "model_int8.onnx"
RECORD_FILE = "export.json"
CARD_FILE = "README.md"
RECORD_FORMAT = 1
# a protobuf file ends at 2 GiB, and the graph itself takes room too: larger weights lie beside it
LARGEST_SINGLE_FILE = 1_900_000_000

_PIECE = 1 << 20  # bytes


def load_record(folder: str | Path) -> dict[str, Any]:
    """
    Read what an export says of itself.

    Args:
        folder (`str` or `pathlib.Path`): Folder that `hf-emotion export` wrote.

    Returns:
        `dict`: The content of `export.json`.

    Raises:
        FileNotFoundError: There is no `export.json`.
        ValueError: It cannot be read, or a newer version wrote it.
    """
    path = Path(folder) / RECORD_FILE
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder} has no {RECORD_FILE}, which names the classes and the sampling rate. Export the model with "
            "`hf-emotion export MODEL FOLDER`."
        )
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        written = record["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no record of an export ({error!r}). Export the model again.") from error
    if written != RECORD_FORMAT:
        raise ValueError(
            f"{path} has the format {written}, but this version reads {RECORD_FORMAT}: upgrade hf-emotion."
        )
    return record


def save_record(folder: str | Path, record: dict[str, Any]) -> None:
    """Write `export.json`, with size and hash of the model files that are there now."""
    folder = Path(folder)
    record["files"] = {path.name: _file_facts(path) for path in sorted(folder.glob("*.onnx*"))}
    (folder / RECORD_FILE).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def total_bytes(path: Path) -> int:
    """Size of an ONNX file and of the weights beside it."""
    return sum(part.stat().st_size for part in (path, data_file(path)) if part.is_file())


def data_file(path: Path) -> Path:
    """Where the weights of an ONNX file lie that are too large for it."""
    return path.with_name(f"{path.name}.data")


def _file_facts(path: Path) -> dict[str, Any]:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return {"bytes": path.stat().st_size, "sha256": digest.hexdigest()}
