"""Embeddings of recordings: Parquet with a row for each, or safetensors with one matrix."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..spans import channel_results
from .flat_tables import table_bytes


SUFFIXES = (".parquet", ".safetensors")


def embedding_bytes(rows: Sequence[dict[str, Any]], suffix: str) -> bytes:
    """
    Embeddings as the content of a file.

    Args:
        rows (`Sequence[dict]`): Results with embeddings.
        suffix (`str`): `".parquet"`: columns `file`, `channel` (1 for the mean of all) and `embedding`.
            `".safetensors"`: a matrix `embeddings` of shape `(num_rows, embedding_size)`, and in the metadata `files`
            and `channels`, JSON lists of that length.
    """
    found = list(_embeddings(rows))
    files, channels = [file for file, _, _ in found], [channel for _, channel, _ in found]
    matrix: Any = np.stack([vector for *_, vector in found]) if found else np.empty((0, 0), dtype=np.float32)
    if suffix == ".parquet":
        import pyarrow

        vectors = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(matrix.ravel()), max(1, matrix.shape[1]))
        return table_bytes(pyarrow.table({"file": files, "channel": channels, "embedding": vectors}))
    from safetensors.numpy import save

    return save({"embeddings": matrix}, metadata={"files": json.dumps(files), "channels": json.dumps(channels)})


def read_embeddings(path: Path) -> dict[tuple[str, int], np.ndarray]:
    """Embeddings by file and channel, as [`embedding_bytes`] wrote them."""
    if path.suffix.lower() == ".parquet":
        import pyarrow.parquet

        table = pyarrow.parquet.read_table(path)
        matrix: Any = np.stack(table["embedding"].to_numpy()) if len(table) else []
        return dict(
            zip(zip(table["file"].to_pylist(), table["channel"].to_pylist(), strict=True), matrix, strict=True)
        )
    from safetensors import safe_open

    with safe_open(path, "np") as file:
        names = [json.loads(file.metadata()[name]) for name in ("files", "channels")]
        return dict(zip(zip(*names, strict=True), file.get_tensor("embeddings"), strict=True))


def add_embeddings(rows: Sequence[dict[str, Any]], embeddings: dict[tuple[str, int], np.ndarray]) -> None:
    """Put embeddings of a file back into the results that they belong to, in place."""
    for row in rows:
        for number, result in enumerate(row.get("channels", [row]), 1):
            if (row["file"], number) in embeddings:
                result["embedding"] = embeddings[row["file"], number]


def _embeddings(rows: Sequence[dict[str, Any]]) -> Iterator[tuple[str, int, np.ndarray]]:
    for row in rows:
        for channel, result in channel_results(row):
            if "embedding" in result:  # results of a job that asked for none may be in the same file
                yield row["file"], channel or 1, result["embedding"]
