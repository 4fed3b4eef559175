"""Results of a benchmark: a folder, or a dataset repository on the Hub, that `datasets.load_dataset` reads.

    README.md                            dataset card, with a configuration for each setting
    scores.parquet                       a row for each entry and setting
    entries/<id>.json                    everything about an entry
    predictions/<id>/<setting>.parquet   its predictions, with the labels that they are scored by

An entry is there as soon as its JSON is, which is written last. The card and the table of scores follow from the
entries, and are written anew with each.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock

from ...atomic_files import write_atomically
from ..cells import slug
from ..reported import reported_entries
from .card import CARD_FILE, SCORES_FILE, results_card, scores_table
from .entries import Entry
from .stored_predictions import check_score, predictions_to_parquet, read_stored_predictions


Predictions = Mapping[str, Mapping[int, Sequence[pd.DataFrame]]]  # by setting and fold, one table for each seed

ENTRIES_DIR, PREDICTIONS_DIR = "entries", "predictions"
_LOCK_FILE = ".lock"
_REPO_ID = re.compile(r"(hf://datasets/)?(?P<id>[A-Za-z0-9][\w.-]*/[\w.-]+)")


class ResultsStore:
    """
    Entries and predictions in a folder.

    Args:
        folder (`str` or `os.PathLike`): The folder. It is made when the first entry is added.
        reported (`str`, *optional*, defaults to `"emo_superb"`): Name of reported figures that are listed with the
            entries, see [`~hf_emotion.benchmark.reported.reported_entries`]; None for none.

    Example:

    ```python
    >>> store = ResultsStore("results")
    >>> store.entry("reported-fbank").score("CREMA-D")
    0.144

    ```
    """

    def __init__(self, folder: str | os.PathLike, *, reported: str | None = "emo_superb"):
        self.folder = Path(folder)
        self.reported = reported

    @classmethod
    def from_hub(cls, repo_id: str, *, token: str | None = None, reported: str | None = "emo_superb") -> ResultsStore:
        """
        The store in a dataset repository; entries that are added are committed there.

        Args:
            repo_id (`str`): Repository, `owner/name`.
            token (`str`, *optional*): Access token, by default that of `hf auth login` or `HF_TOKEN`.
            reported (`str`, *optional*, defaults to `"emo_superb"`): As in [`ResultsStore`].

        Raises:
            ConnectionError, OSError: The Hub cannot be reached, or there is no such repository.
        """
        from .hub_store import HubResultsStore

        return HubResultsStore(repo_id, token=token, reported=reported)

    @property
    def damaged(self) -> dict[Path, str]:
        """Files that [`ResultsStore.entries`] leaves out, each with the reason."""
        return self._scanned()[1]

    def entries(self) -> list[Entry]:
        """All entries, reported ones first, then by id. Files that are damaged are left out, see `damaged`."""
        return self._scanned()[0]

    def entry(self, entry_id: str) -> Entry | None:
        """
        The entry of this id, None if there is none.

        Raises:
            ValueError: Its file is damaged.
        """
        for entry in self._reported():
            if entry.id == entry_id:
                return entry
        path = self._entry_path(entry_id)
        return _read_entry(path) if path.is_file() else None

    def predictions(self, entry_id: str, setting: str) -> dict[int, list[pd.DataFrame]]:
        """
        Soft predictions tables of an entry on a setting: by fold, one for each seed.

        Raises:
            FileNotFoundError: The entry has none on this setting, as reported ones have not.
            ValueError: The file is damaged; the message names it.
        """
        return read_stored_predictions(self._predictions_path(entry_id, setting), entry_id)

    def add(self, entry: Entry, predictions: Predictions) -> Entry:
        """
        Add an entry, which is complete or absent whenever the process ends.

        Args:
            entry ([`~hf_emotion.benchmark.results.entries.Entry`]): A measured or submitted entry.
            predictions (`Mapping[str, Mapping[int, Sequence[pd.DataFrame]]]`): Its predictions on each of its
                settings, by fold, one soft predictions table for each seed.

        Returns:
            [`~hf_emotion.benchmark.results.entries.Entry`]: The entry as it is stored. Adding it again changes
            nothing, not even its date.

        Raises:
            ValueError: There is another entry of this id, which is never overwritten; settings of entry and
                predictions differ; or a score is not that of the predictions.
        """
        files = entry_files(entry, predictions)
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / _LOCK_FILE):
            if not self.has_entry(entry):
                for name, content in files.items():  # the entry itself is the last
                    target = self.folder / name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    write_atomically(target, content)
            self._write_card()
        return _read_entry(self._entry_path(entry.id))

    def refresh(self) -> None:
        """See what others have added since; a folder always shows that."""

    def push(self, repo_id: str, *, token: str | None = None, private: bool | None = None) -> list[str]:
        """
        Add all entries to a dataset repository that it lacks, each by one commit.

        Args:
            repo_id (`str`): Repository, `owner/name`. It is created if need be.
            token (`str`, *optional*): Access token, by default that of `hf auth login` or `HF_TOKEN`.
            private (`bool`, *optional*): Whether a new repository is private.

        Returns:
            `list[str]`: Ids of the entries that were added.

        Raises:
            ValueError: An entry or its predictions are damaged, or the repository has another entry of the same id.
            ConnectionError: The transfer was interrupted; call again to continue.
        """
        from .hub_store import HubResultsStore

        if damaged := self.damaged:
            path, reason = next(iter(damaged.items()))
            raise ValueError(f"{len(damaged)} entries are damaged, first {path}: {reason} Nothing was pushed.")
        target = HubResultsStore.create(repo_id, token=token, private=private, reported=self.reported)
        mine = [entry for entry in self.entries() if entry.origin != "reported"]
        missing = [entry for entry in mine if not target.has_entry(entry)]
        for entry in missing:
            target.add(entry, {setting: self.predictions(entry.id, setting) for setting in entry.settings})
        return [entry.id for entry in missing]

    def has_entry(self, entry: Entry) -> bool:
        """
        Whether the store has this entry, of whatever date.

        Raises:
            ValueError: It has another one of the same id, or a damaged one.
        """
        path = self._entry_path(entry.id)
        if not path.is_file():
            return False
        if _undated(_read_entry(path)) != _undated(entry):
            raise ValueError(f"{path} is another entry, and entries are never overwritten. Choose another id.")
        return True

    def _scanned(self) -> tuple[list[Entry], dict[Path, str]]:
        entries, damaged = self._reported(), dict[Path, str]()
        for path in sorted((self.folder / ENTRIES_DIR).glob("*.json")):
            try:
                entry = _read_entry(path)
                for setting in entry.settings:
                    if not (file := self._predictions_path(entry.id, setting)).is_file():
                        raise ValueError(f"Its predictions are missing: {file}.")
                entries.append(entry)
            except (OSError, ValueError) as error:
                damaged[path] = str(error)
        return entries, damaged

    def _reported(self) -> list[Entry]:
        return [] if self.reported is None else reported_entries(self.reported)

    def _entry_path(self, entry_id: str) -> Path:
        return self.folder / ENTRIES_DIR / f"{_checked_id(entry_id)}.json"

    def _predictions_path(self, entry_id: str, setting: str) -> Path:
        return self.folder / PREDICTIONS_DIR / _checked_id(entry_id) / f"{slug(setting)}.parquet"

    def _write_card(self) -> None:
        """Write what follows from the entries; call it under the lock."""
        entries = [entry for entry in self.entries() if entry.origin != "reported"]
        path = self.folder / CARD_FILE
        present = path.read_text(encoding="utf-8") if path.is_file() else None
        write_atomically(self.folder / SCORES_FILE, scores_table(entries))
        write_atomically(path, results_card(entries, present).encode())


def open_results_store(name: str | os.PathLike, *, token: str | None = None) -> ResultsStore:
    """
    A store by its name on the command line.

    Args:
        name (`str` or `os.PathLike`): `owner/name` or `hf://datasets/owner/name` for a repository; anything else is a
            folder, and so is an existing folder `owner/name`. Write `./owner/name` for a new one.
        token (`str`, *optional*): Access token for the Hub.
    """
    match = _REPO_ID.fullmatch(os.fspath(name))
    if match is None or Path(name).is_dir():
        return ResultsStore(name)
    return ResultsStore.from_hub(match["id"], token=token)


def entry_files(entry: Entry, predictions: Predictions) -> dict[str, bytes]:
    """
    Files of an entry by their path in a store, the entry itself last.

    Raises:
        ValueError: See [`ResultsStore.add`].
    """
    if entry.origin == "reported":
        raise ValueError(f"{entry.id} is reported by a paper. A store holds results with predictions only.")
    if not entry.settings or set(entry.settings) != set(predictions):
        raise ValueError(
            f"{entry.id} has scores on {sorted(entry.settings)}, but predictions on {sorted(predictions)}. Give the "
            "predictions of each setting."
        )
    files = {}
    for setting, folds in predictions.items():
        check_score(folds, entry.settings[setting]["macro_f1"], f"{entry.id} on {setting}")
        files[f"{PREDICTIONS_DIR}/{entry.id}/{slug(setting)}.parquet"] = predictions_to_parquet(entry.id, folds)
    return files | {f"{ENTRIES_DIR}/{entry.id}.json": entry.to_json().encode()}


def _checked_id(entry_id: str) -> str:
    """An id as [`Entry`] accepts it, so that it is the name of a file and nothing else."""
    return Entry(entry_id, "", "measured", "", {}).id


def _undated(entry: Entry) -> dict[str, Any]:
    values = json.loads(entry.to_json())
    values["facts"].pop("date", None)
    return values


def _read_entry(path: Path) -> Entry:
    try:
        entry = Entry.from_json(path.read_text(encoding="utf-8"))
        scores_table([entry])  # what cannot be put there has the wrong type
    except (RecursionError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{path} is damaged ({error}). Delete it, and add the entry again.") from error
    if entry.id != path.stem or entry.origin == "reported":
        raise ValueError(
            f"{path} holds the {entry.origin} entry {entry.id!r}, which does not belong there. Delete it."
        )
    return entry
