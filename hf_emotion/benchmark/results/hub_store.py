"""A results store in a dataset repository on the Hub: each entry is one commit, and there as a whole or not at all."""

from __future__ import annotations

import random
import time
from contextlib import AbstractContextManager
from pathlib import Path

from huggingface_hub import CommitOperationAdd
from huggingface_hub.errors import HfHubHTTPError

from ...publishing.errors import CONFLICT, explained_failures
from ...publishing.upload import hub_api
from .card import CARD_FILE, SCORES_FILE, results_card, scores_table
from .entries import Entry
from .store import ENTRIES_DIR, Predictions, ResultsStore, entry_files


_MAX_ATTEMPTS = 12
_REPO_TYPE = "dataset"


class HubResultsStore(ResultsStore):
    """
    A store whose folder is a snapshot in the cache of huggingface_hub. Entries and predictions are those of the last
    [`HubResultsStore.refresh`] or addition.

    Args:
        repo_id (`str`): Repository, `owner/name`.
        token (`str`, *optional*): Access token, by default that of `hf auth login` or `HF_TOKEN`.
        reported (`str`, *optional*, defaults to `"emo_superb"`): As in [`ResultsStore`].
    """

    def __init__(self, repo_id: str, *, token: str | None = None, reported: str | None = "emo_superb"):
        self.repo_id = repo_id
        self.api = hub_api(token)
        super().__init__(self._snapshot(self._head()), reported=reported)

    @classmethod
    def create(
        cls,
        repo_id: str,
        *,
        token: str | None = None,
        private: bool | None = None,
        reported: str | None = "emo_superb",
    ) -> HubResultsStore:
        """Create the repository, unless it exists."""
        with _explained(repo_id):
            hub_api(token).create_repo(repo_id, repo_type=_REPO_TYPE, private=private, exist_ok=True)
        return cls(repo_id, token=token, reported=reported)

    def refresh(self) -> None:
        """See what others have added since."""
        self.folder = self._snapshot(self._head())

    def add(self, entry: Entry, predictions: Predictions) -> Entry:
        """
        Commit an entry; see [`ResultsStore.add`]. Others may commit at the same time.

        Raises:
            ValueError: See [`ResultsStore.add`].
            ConnectionError: The transfer was interrupted, or others kept committing; nothing of the entry is there.
        """
        files = entry_files(entry, predictions)
        for attempt in range(_MAX_ATTEMPTS):
            head = self._head()
            self.folder = self._snapshot(head)
            if self.has_entry(entry):
                return self.entry(entry.id) or entry
            if self._is_committed(entry, files, head):
                self.refresh()
                return entry
            time.sleep(random.uniform(0, min(0.1 * 2**attempt, 5)))  # not in step with the others
        raise ConnectionError(
            f"{self.repo_id} changed {_MAX_ATTEMPTS} times while {entry.id} was being added. Add it again later."
        )

    def _is_committed(self, entry: Entry, files: dict[str, bytes], head: str) -> bool:
        """Commit on top of `head`; False if that is no longer the last commit."""
        entries = [item for item in self.entries() if item.origin != "reported"] + [entry]
        entries.sort(key=lambda item: item.id)
        card = self.folder / CARD_FILE
        present = card.read_text(encoding="utf-8") if card.is_file() else None
        derived = {
            SCORES_FILE: scores_table(entries),
            CARD_FILE: results_card(entries, present, self.repo_id).encode(),
        }
        operations = [CommitOperationAdd(path, content) for path, content in (files | derived).items()]
        try:
            with _explained(self.repo_id):
                self.api.create_commit(
                    self.repo_id,
                    operations,
                    commit_message=f"Add {entry.id}",
                    repo_type=_REPO_TYPE,
                    parent_commit=head,
                )
        except HfHubHTTPError as error:
            if error.response.status_code == CONFLICT:
                return False
            raise
        return True

    def _head(self) -> str:
        with _explained(self.repo_id):
            return str(self.api.repo_info(self.repo_id, repo_type=_REPO_TYPE).sha)

    def _snapshot(self, revision: str) -> Path:
        with _explained(self.repo_id):
            folder = self.api.snapshot_download(
                self.repo_id,
                repo_type=_REPO_TYPE,
                revision=revision,
                allow_patterns=[f"{ENTRIES_DIR}/*.json", "predictions/*/*.parquet", CARD_FILE],
            )
        return Path(folder)


def _explained(repo_id: str) -> AbstractContextManager[None]:
    return explained_failures(repo_id, "Try again: an entry is added as a whole, and only once.")
