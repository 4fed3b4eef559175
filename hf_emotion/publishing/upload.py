"""One upload to the Hub: files that go there together, in a single commit, or not at all."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from huggingface_hub import CommitInfo, CommitOperationAdd, CommitOperationDelete, HfApi, RepoCard
from huggingface_hub.errors import EntryNotFoundError

from .. import __version__
from .errors import explained_failures, require_token


logger = logging.getLogger(__name__)

CARD_FILE = "README.md"
# Metadata of the card on the Hub that outlives it: what a gate asks of users.
GATE_METADATA = re.compile(r"extra_gated_.*")
_REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True)
class Upload:
    """
    Files that are ready to be pushed.

    Args:
        repo_id (`str`): Repository, `owner/name`.
        files (`Mapping[str, Path | bytes]`): Content of each file by its path in the repository; of a `Path`, that of
            the file.
        commit_message (`str`): Title of the commit.
        repo_type (`str`, *optional*, defaults to `"model"`): `"model"`, `"dataset"` or `"space"`.
        space_sdk (`str`, *optional*): SDK of a new Space.
        private (`bool`, *optional*): Whether a new repository is private.
        replaces (`Sequence[str]`, *optional*): Patterns of files that an earlier push may have left and that must not
            stay beside these.
        problems (`Sequence[str]`, *optional*): What the card lacks.
        left_out (`Sequence[str]`, *optional*): What lies beside the files and is not sent.

    Raises:
        ValueError: `repo_id` is no repository.
    """

    repo_id: str
    files: Mapping[str, Path | bytes]
    commit_message: str
    repo_type: str = "model"
    space_sdk: str | None = None
    private: bool | None = None
    replaces: Sequence[str] = ()
    problems: Sequence[str] = ()
    left_out: Sequence[str] = ()

    def __post_init__(self) -> None:
        check_repo_id(self.repo_id)

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes of each file."""
        return {
            name: len(content) if isinstance(content, bytes) else content.stat().st_size
            for name, content in self.files.items()
        }

    @property
    def card(self) -> str:
        """Text of the card."""
        content = self.files[CARD_FILE]
        return (content if isinstance(content, bytes) else content.read_bytes()).decode()

    def push(self, *, token: str | None = None, revision: str | None = None) -> CommitInfo:
        """
        Create the repository if need be, and commit the files.

        A single commit makes all of them visible at once. Large files travel before it; a push that was interrupted is
        repeated with the same call, and sends only those that have not arrived. Files that are there already make no
        new commit.

        Args:
            token (`str`, *optional*): Access token, by default that of `hf auth login` or `HF_TOKEN`.
            revision (`str`, *optional*): Branch to push to, created if need be; `main` by default.

        Returns:
            `huggingface_hub.CommitInfo`: The commit.

        Raises:
            See [`~hf_emotion.publishing.errors.explained_failures`]; `ValueError` also if the metadata of the card is
            refused, or the repository is public although `private=True`.
        """
        require_token(token)
        api = hub_api(token)
        with explained_failures(self.repo_id):
            open_repository(
                api, self.repo_id, self.repo_type, private=self.private, revision=revision, space_sdk=self.space_sdk
            )
            card = card_to_push(api, RepoCard(self.card), self.repo_id, self.repo_type, revision)
            return api.create_commit(
                self.repo_id,
                self._operations(api, str(card).encode(), revision),
                commit_message=self.commit_message,
                repo_type=self.repo_type,
                revision=revision,
            )

    def _operations(self, api: HfApi, card: bytes, revision: str | None) -> list[Any]:
        files = {**self.files, CARD_FILE: card}
        present = (
            api.list_repo_files(self.repo_id, repo_type=self.repo_type, revision=revision) if self.replaces else []
        )
        stale = [
            path
            for path in present
            if path not in files and any(fnmatchcase(path, pattern) for pattern in self.replaces)
        ]
        if stale:
            logger.info("%s: an earlier push left %s, which is deleted.", self.repo_id, ", ".join(stale))
        return [
            *(CommitOperationAdd(path, content) for path, content in sorted(files.items())),
            *(CommitOperationDelete(path) for path in stale),
        ]


def check_repo_id(repo_id: str) -> None:
    """
    Raise unless a repository is named as `owner/name`.

    Raises:
        ValueError: It is not.
    """
    if not _REPO_ID.fullmatch(repo_id):
        raise ValueError(f"repo_id={repo_id!r} is no repository on the Hub; write it as 'owner/name'.")


def hub_api(token: str | None) -> HfApi:
    """The client of this package."""
    return HfApi(token=token, library_name="hf-emotion", library_version=__version__)


def open_repository(
    api: HfApi,
    repo_id: str,
    repo_type: str,
    *,
    private: bool | None = None,
    revision: str | None = None,
    space_sdk: str | None = None,
) -> None:
    """
    Create a repository and a branch, unless they exist.

    Raises:
        ValueError: The repository exists and is public although `private` is true.
    """
    api.create_repo(repo_id, repo_type=repo_type, private=private, exist_ok=True, space_sdk=space_sdk)
    if private and not api.repo_info(repo_id, repo_type=repo_type).private:
        raise ValueError(
            f"{repo_id} exists and is public, which private=True does not change. Make it private in its settings, or "
            "push to another repository. Nothing was uploaded."
        )
    if revision is not None:
        api.create_branch(repo_id, branch=revision, repo_type=repo_type, exist_ok=True)


def card_to_push(
    api: HfApi,
    card: RepoCard,
    repo_id: str,
    repo_type: str,
    revision: str | None = None,
    kept: re.Pattern[str] = GATE_METADATA,
) -> RepoCard:
    """
    A card, with what must not get lost of the one that it replaces.

    Args:
        api (`HfApi`): The client.
        card (`RepoCard`): The new card.
        repo_id, repo_type (`str`): Repository that it goes to.
        revision (`str`, *optional*): Branch that it goes to.
        kept (`re.Pattern`, *optional*): Names of metadata that are taken over.
    """
    try:
        path = api.hf_hub_download(repo_id, CARD_FILE, repo_type=repo_type, revision=revision)
    except EntryNotFoundError:
        return card
    for name, value in RepoCard.load(path, ignore_metadata_errors=True).data.to_dict().items():
        if kept.fullmatch(name):
            card.data[name] = value
    return card
