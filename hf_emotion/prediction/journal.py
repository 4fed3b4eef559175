"""What a job has predicted so far: JSON lines that are only ever appended to, so that no kill can undo them.

The journal of `scores.csv` is the folder `scores.csv.journal`. Each process appends to a part of its own, which starts
with the classes of the model. A line that was cut off by a kill is not JSON and is passed over.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import filelock
import numpy as np


_LOCK_FILE = "lock"


class JournalPart:
    """The lines that one process appends; see [`Journal.new_part`]."""

    def __init__(self, file: TextIO):
        self._file = file

    def append(self, row: dict[str, Any]) -> None:
        """Add the result of a recording; it survives whatever happens to this process from now on."""
        self._file.write(json.dumps(row, default=_encoded) + "\n")
        self._file.flush()


class Journal:
    """
    Results of the recordings that are done.

    Args:
        folder (`Path`): Where its parts are; made when the first one is opened.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    @classmethod
    def beside(cls, output: Path) -> Journal:
        """The journal of a file that is written when a job is done."""
        return cls(output.with_name(f"{output.name}.journal"))

    def parts(self) -> list[Path]:
        """Files of the processes that have worked on it."""
        return sorted(self.folder.glob("part-*.jsonl"))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """
        Keep other jobs out, which would predict the same recordings and write the same file.

        Raises:
            ValueError: Another job is at work.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with filelock.FileLock(self.folder / _LOCK_FILE, timeout=0):
                yield
        except filelock.Timeout as error:
            raise ValueError(
                f"Another process is writing to {self.folder}. Wait for it, or choose another output; several "
                "processes share the work with --num_processes."
            ) from error

    @contextlib.contextmanager
    def new_part(self, classes: Sequence[str]) -> Iterator[JournalPart]:
        """
        Open a part that no other process writes to.

        Args:
            classes (`Sequence[str]`): Classes of the model, in its order.
        """
        with self._new_file() as file:
            part = JournalPart(file)
            part.append({"classes": list(classes)})
            yield part

    def rows(self, except_for: Collection[Path] = ()) -> Iterator[dict[str, Any]]:
        """Results in the order in which they came, part by part. Embeddings are arrays again."""
        return (line for line in _lines(self.parts(), except_for) if "file" in line)

    def classes(self) -> list[str]:
        """Classes of the model in its order, empty if it has none."""
        return next((line["classes"] for line in _lines(self.parts()) if "classes" in line), [])

    def clear(self) -> None:
        """Forget all results."""
        for path in self.parts():
            path.unlink()

    def delete_if_empty(self) -> None:
        """Remove the folder, if it holds no results. Called while it is locked."""
        if self.parts():
            return
        with contextlib.suppress(OSError):  # Windows keeps files that are open; another job may be waiting
            (self.folder / _LOCK_FILE).unlink(missing_ok=True)
            self.folder.rmdir()

    def _new_file(self) -> TextIO:
        self.folder.mkdir(parents=True, exist_ok=True)
        number = len(self.parts())
        while True:
            try:
                return (self.folder / f"part-{number:05d}.jsonl").open("x", encoding="utf-8")
            except FileExistsError:  # of another process that started at the same time
                number += 1


def _lines(parts: Sequence[Path], except_for: Collection[Path] = ()) -> Iterator[dict[str, Any]]:
    for path in parts:
        if path in except_for:
            continue
        with path.open(encoding="utf-8") as file:
            for line in file:
                with contextlib.suppress(json.JSONDecodeError):  # cut off by a kill
                    yield json.loads(line, object_hook=_decoded)


def _encoded(value: Any) -> Any:
    """Arrays (embeddings) as text a third as long as their numbers would be; NumPy numbers as numbers."""
    if isinstance(value, np.ndarray):
        return {"float32": base64.b64encode(value.astype("<f4").tobytes()).decode()}
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"A result holds a {type(value).__name__}, which JSON cannot write.")


def _decoded(value: dict[str, Any]) -> Any:
    if value.keys() == {"float32"}:
        return np.frombuffer(base64.b64decode(value["float32"]), dtype="<f4")
    return value
