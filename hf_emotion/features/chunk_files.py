"""Chunks of features on disk: safetensors files, each named by its checksum, and read through memory maps.

A chunk is written beside its place and moved there when it is complete, so whatever has a chunk's name is a whole
chunk, whenever the process is killed. Its header lists the hashes of its clips' audio. The folder is the journal: what
is in it is done, and there is no second record that could contradict it.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from ..atomic_files import write_atomically


_DTYPES: dict[str, np.dtype] = {"F16": np.dtype(np.float16), "F32": np.dtype(np.float32), "I32": np.dtype(np.int32)}
_CHECKSUM_LENGTH = 32  # hexadecimal digits of the SHA-256
_BLOCK = 1 << 20  # bytes read at a time
# A mapping holds a file descriptor, and a large corpus has more chunks than a process may open files.
_MAX_MAPPINGS = 128


@dataclass(frozen=True)
class ChunkFile:
    """
    A file with the features of some clips.

    Args:
        path (`Path`): The file.
        clips (`tuple[str, ...]`): Hashes of the clips' audio, in the order of the rows.
        layouts (`dict`): Type, shape and offset in bytes of each array in the file.
    """

    path: Path
    clips: tuple[str, ...]
    layouts: dict[str, tuple[np.dtype, tuple[int, ...], int]]

    @classmethod
    def read(cls, path: Path) -> ChunkFile:
        """Read the header of a file."""
        try:
            with path.open("rb") as file:
                size = int.from_bytes(file.read(8), "little")
                header = json.loads(file.read(size))
            clips = json.loads(header.pop("__metadata__")["clips"])
            layouts = {
                name: (_DTYPES[entry["dtype"]], tuple(entry["shape"]), 8 + size + entry["data_offsets"][0])
                for name, entry in header.items()
            }
        except (ValueError, KeyError, TypeError, AttributeError, MemoryError, OverflowError) as error:
            raise ValueError(_damage(path, "its header cannot be read")) from error
        return cls(path, tuple(clips), layouts)

    def mapped(self, name: str) -> np.ndarray:
        """An array of the file, read-only and memory-mapped."""
        dtype, shape, offset = self.layouts[name]
        return _mapped(self.path, dtype, shape, offset)

    def verify(self) -> None:
        """
        Compare the content of the file with the checksum in its name.

        Raises:
            ValueError: It differs; the message names the file and says what to do.
        """
        digest = hashlib.sha256()
        with self.path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
        found = digest.hexdigest()[:_CHECKSUM_LENGTH]
        if self.path.stem != f"chunk-{found}":
            raise ValueError(_damage(self.path, f"its content has the checksum {found}, which is not its name"))


@functools.lru_cache(maxsize=_MAX_MAPPINGS)
def _mapped(path: Path, dtype: np.dtype, shape: tuple[int, ...], offset: int) -> np.ndarray:
    return np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=shape)


def _damage(path: Path, finding: str) -> str:
    return (
        f"The feature chunk {path} is damaged: {finding}. Delete this file and run `extract_features` again: only the "
        "clips that it held are computed again. If it happens again, test the disk."
    )


def list_chunks(folder: Path) -> list[ChunkFile]:
    """All chunks of a folder, without a look at their checksums."""
    return [ChunkFile.read(path) for path in sorted(folder.glob("chunk-*.safetensors"))]


def write_chunk(folder: Path, clips: Sequence[str], arrays: Mapping[str, np.ndarray]) -> Path:
    """
    Write features such that the file is complete as soon as it has its name.

    Args:
        folder (`Path`): Folder of the chunks.
        clips (`Sequence[str]`): Hashes of the clips' audio.
        arrays (`Mapping[str, np.ndarray]`): Arrays of type float16, float32 or int32, one row per clip; only `frames`
            has `num_frames` rows of each of its layers for a clip.

    Returns:
        `Path`: The file.
    """
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    content = save(contiguous, metadata={"clips": json.dumps(list(clips))})
    checksum = hashlib.sha256(content).hexdigest()[:_CHECKSUM_LENGTH]
    return write_atomically(folder / f"chunk-{checksum}.safetensors", content)


class ChunkedRows:
    """
    Rows of an array that lie in several chunks, in any order: `rows[3]`, `rows[10:20]`, `rows[[5, 2, 7]]` and
    `rows[mask]` copy them from memory-mapped files into a new array, `np.asarray(rows)` all of them.

    Args:
        name (`str`): Name of the array in the chunks.
        chunks (`Sequence[ChunkFile]`): The chunks, at least one.
        places (`np.ndarray` of shape `(num_rows, 2)`): For each row the index of its chunk, and its row in there.
    """

    def __init__(self, name: str, chunks: Sequence[ChunkFile], places: np.ndarray):
        self.name, self._chunks, self._places = name, list(chunks), places
        self.dtype, shape, _ = self._chunks[0].layouts[name]
        self.shape = (len(places), *shape[1:])

    def __len__(self) -> int:
        return len(self._places)

    @property
    def nbytes(self) -> int:
        """Size of all rows in bytes."""
        return int(np.prod(self.shape)) * self.dtype.itemsize

    def __getitem__(self, key: Any) -> np.ndarray:
        # lists of no element would be taken for floats
        places = self._places[np.asarray(key, dtype=np.intp) if isinstance(key, list) and not key else key]
        if places.ndim == 1 and np.ndim(key) == 0 and not isinstance(key, slice):
            return np.array(self._chunks[places[0]].mapped(self.name)[places[1]])
        rows = np.empty((len(places), *self.shape[1:]), self.dtype)
        for chunk in np.unique(places[:, 0]):
            wanted = places[:, 0] == chunk
            rows[wanted] = self._chunks[chunk].mapped(self.name)[places[wanted, 1]]
        return rows

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("The rows lie in several files, so that one array of them is always a copy.")
        return self[:].astype(self.dtype if dtype is None else dtype, copy=False)

    def __repr__(self) -> str:
        return f"ChunkedRows({self.name!r}, shape={self.shape}, dtype={self.dtype})"

    def select(self, rows: Iterable[int]) -> ChunkedRows:
        """The same array with other rows; nothing is read."""
        return ChunkedRows(self.name, self._chunks, self._places[np.fromiter(rows, dtype=np.intp)])
