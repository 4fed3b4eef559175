"""A job: recordings, predicted once each, that goes on where it was stopped.

Every result is appended to a journal beside the output at once. When all recordings are done, the output is written as
a whole and the journal removed. Killed in between, the same command finds the journal and predicts what is missing:
files that are new, have changed (size or time) or could not be read. JSON lines keep what tells whether a result still
holds, so that a finished file of them is gone on with as well when its folder has grown.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from .journal import Journal
from .outputs import Outputs, Row
from .recordings import Recording
from .settings import PredictionSettings
from .shares import Share, still_holds


class Job:
    """
    Recordings with their results, as far as there are any. Opened by [`open_job`].

    Attributes:
        recordings (`list[Recording]`): All of them, in the order of the user.
        pending ([`Share`]): Those to predict now. The largest come first, so that a batch that is too large fails at
            once, unless results are shown as they come.
        num_done_before (`int`): How many earlier jobs have done.
        journal ([`Journal`]): Where results go at once.
    """

    def __init__(
        self, recordings: Sequence[Recording], settings: PredictionSettings, outputs: Outputs, journal: Journal
    ):
        self.recordings, self.outputs, self.journal = list(recordings), outputs, journal
        self._old_parts = journal.parts()
        self._identity = None if outputs.anchor is None else self._identity_of(settings)
        earlier = outputs.finished_rows()
        self._check_identity(earlier, outputs.record)
        self._results: dict[str, Row] = {}
        self._add(earlier, settings.return_embeddings)
        names = {recording.name for recording in recordings}
        self._of_others = [row for row in earlier if row["file"] not in names and "error" not in row]
        journalled = list(journal.rows())
        self._check_identity(journalled, journal.folder)
        self._add(journalled, settings.return_embeddings)
        self.num_done_before = len(self._results)
        missing = [recording for recording in recordings if recording.name not in self._results]
        if not outputs.is_stream:
            missing.sort(key=lambda recording: recording.num_bytes or 0, reverse=True)
        outputs.refuse_overwriting(missing, is_resumed=bool(self._old_parts))
        self.pending = Share(missing, settings, journal, self._identity)

    @property
    def num_unfinished(self) -> int:
        """Recordings that were not tried, because a process died. Counted by [`collect`]."""
        return sum(recording.name not in self._results for recording in self.recordings)

    def collect(self) -> list[Row]:
        """Results and errors of all recordings that are done, in their order."""
        self._results |= {row["file"]: row for row in self.journal.rows(except_for=self._old_parts)}
        return [self._results[recording.name] for recording in self.recordings if recording.name in self._results]

    def write(self) -> bytes | None:
        """
        Write the outputs, and forget the journal.

        Returns:
            `bytes`: What belongs on the terminal, `None` if there is a file.
        """
        rows = self.collect()
        kept = self._of_others if self.outputs.record is not None else []
        shown = self.outputs.write([*kept, *rows], self.recordings, self.journal.classes())
        self.journal.clear()
        return shown

    def _identity_of(self, settings: PredictionSettings) -> dict[str, Any]:
        identity = settings.identity()
        if self.outputs.layout == "jsonl" and self.outputs.top_k is not None:
            identity["options"]["top_k"] = self.outputs.top_k
        return identity

    def _add(self, rows: Iterable[Row], needs_embedding: bool) -> None:
        by_name = {recording.name: recording for recording in self.recordings}
        for row in rows:
            recording = by_name.get(row["file"])
            if recording is not None and still_holds(row, recording, needs_embedding):
                self._results[row["file"]] = row

    def _check_identity(self, rows: Iterable[Row], place: Path | None) -> None:
        ours = self._identity
        for row in rows:
            if ours is None or "error" in row:
                continue
            source = row["source"]
            if source["model"] != ours["model"]:
                difference = "another model, or the same with other weights"
            elif source["options"] != ours["options"]:
                difference = _difference(source["options"], ours["options"])
            else:
                continue
            raise ValueError(
                f"{place} holds predictions with {difference}, which do not belong into one file with those asked "
                "for. Choose another output, or --overwrite to start again."
            )


@contextlib.contextmanager
def open_job(recordings: Sequence[Recording], settings: PredictionSettings, outputs: Outputs) -> Iterator[Job]:
    """
    A job that no other process works on, with what earlier jobs have left of it.

    Args:
        recordings (`Sequence[Recording]`): What to predict.
        settings ([`PredictionSettings`]): The model and its options.
        outputs ([`Outputs`]): What to write.

    Yields:
        [`Job`]: To be predicted and written.

    Raises:
        ValueError: The outputs have no place for so many recordings, hold results of another model or other options,
            are finished, or another job is writing to them.
    """
    if len(recordings) > 1 and not outputs.has_place_for_many:
        raise ValueError(
            f"A file for {outputs.layout} holds the labels of one recording, but there are {len(recordings)}. Name a "
            "folder: --output_dir"
        )
    if outputs.anchor is None:
        with tempfile.TemporaryDirectory(prefix="hf_emotion_") as folder:
            yield Job(recordings, settings, outputs, Journal(Path(folder)))
        return
    journal = Journal.beside(outputs.anchor)
    with journal.locked():
        if outputs.overwrite:
            journal.clear()
        try:
            yield Job(recordings, settings, outputs, journal)
        finally:
            journal.delete_if_empty()


def _difference(theirs: dict[str, Any], ours: dict[str, Any]) -> str:
    names = sorted(name for name in {*theirs, *ours} if theirs.get(name) != ours.get(name))
    usual = "(default)"
    return " and ".join(f"--{name} {theirs.get(name, usual)} instead of {ours.get(name, usual)}" for name in names)
