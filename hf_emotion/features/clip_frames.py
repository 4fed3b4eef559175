"""Frames of clips in chunks: each clip has as many as it lasts, so they lie one clip behind the other."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence

import numpy as np

from .chunk_files import ChunkFile


class ClipFrames:
    """
    Frames of some layers for each clip: `frames[3]` copies those of one clip from a memory-mapped file into an array
    `(num_layers, num_frames, hidden_size)`.

    Args:
        chunks (`Sequence[ChunkFile]`): The chunks, at least one.
        places (`np.ndarray` of shape `(num_clips, 2)`): For each clip the index of its chunk, and its row in there.
        num_layers (`int`): Layers that are stored.
    """

    def __init__(self, chunks: Sequence[ChunkFile], places: np.ndarray, num_layers: int):
        self._chunks, self._places, self.num_layers = list(chunks), places, num_layers
        self.dtype, (_, self.hidden_size), _ = self._chunks[0].layouts["frames"]

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, row: int) -> np.ndarray:
        chunk, position = self._places[operator.index(row)]
        counts = self._chunks[chunk].mapped("num_frames")
        start, end = (self.num_layers * int(counts[:clip].sum()) for clip in (position, position + 1))
        frames = np.array(self._chunks[chunk].mapped("frames")[start:end])
        return frames.reshape(self.num_layers, -1, self.hidden_size)

    def __repr__(self) -> str:
        return f"ClipFrames({len(self)} clips, num_layers={self.num_layers}, hidden_size={self.hidden_size})"

    def select(self, rows: Iterable[int]) -> ClipFrames:
        """The frames of other clips; nothing is read."""
        return ClipFrames(self._chunks, self._places[np.fromiter(rows, dtype=np.intp)], self.num_layers)
