"""Pushing an ensemble with its members, so that one download runs it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from huggingface_hub import CommitInfo

from ..cards.card_check import card_problems
from ..recognition import ENSEMBLE_FILE, member_folder
from .completed_card import completed_card
from .folders import PREDICTION_FILES, RECORD_FILES, chosen_files, left_out, pictures, read_json, to_json
from .model import model_files
from .upload import CARD_FILE, Upload


MEMBERS_DIR = "members"


def push_ensemble(
    folder: str | os.PathLike[str],
    repo_id: str,
    *,
    token: str | None = None,
    revision: str | None = None,
    **options: Any,
) -> CommitInfo:
    """
    Push an ensemble to the Hub, with the models of all members that have a weight, wherever they lie here.

    Args:
        folder (`str` or `os.PathLike`):
            Folder that `hf-emotion ensemble` has written.
        repo_id (`str`):
            Repository `owner/name`. It is created if need be.
        token, revision:
            As in [`~hf_emotion.publishing.model.push_model`].
        options:
            As in [`prepare_ensemble`].

    Returns:
        `huggingface_hub.CommitInfo`: The commit. [`~hf_emotion.recognition.load_recognizer`] loads the
        repository.

    Raises:
        `FileNotFoundError`: If the folder holds no ensemble, or a member is not where it was.
        `ValueError`: If a member was given as predictions, so that there is no model to run.
        `PermissionError`, `ConnectionError`: See [`~hf_emotion.publishing.model.push_model`].

    Example:

    ```python
    >>> from hf_emotion.publishing import push_ensemble
    >>> push_ensemble("outputs/both", "me/two-encoders")  # doctest: +SKIP

    ```
    """
    return prepare_ensemble(folder, repo_id, **options).push(token=token, revision=revision)


def prepare_ensemble(
    folder: str | os.PathLike[str],
    repo_id: str,
    *,
    private: bool | None = None,
    commit_message: str = "Push ensemble",
    licence: str | None = None,
    include_predictions: bool = False,
) -> Upload:
    """
    Everything that [`push_ensemble`] does before it uploads. Needs no network.

    Args:
        folder, repo_id:
            As in [`push_ensemble`].
        private, commit_message, licence, include_predictions:
            As in [`~hf_emotion.publishing.model.prepare_model`].

    Raises:
        See [`push_ensemble`].
    """
    source = Path(folder)
    files = ensemble_files(source)
    files |= chosen_files(source, PREDICTION_FILES if include_predictions else ())
    path = source / CARD_FILE
    if not path.is_file():
        raise FileNotFoundError(
            f"{source} has no card ({CARD_FILE}), which `hf-emotion ensemble` writes last. Run it."
        )
    card = str(completed_card(path.read_text(encoding="utf-8"), repo_id, source, licence=licence))
    files |= pictures(source, card)
    return Upload(
        repo_id,
        {**files, CARD_FILE: card.encode()},
        commit_message,
        private=private,
        replaces=(f"{MEMBERS_DIR}/*",),
        problems=card_problems(card),
        left_out=left_out(source, files),
    )


def ensemble_files(folder: Path) -> dict[str, Path | bytes]:
    """
    Files of an ensemble without its card: its record, which names the members below it, and their models.

    Raises:
        FileNotFoundError: The folder holds no ensemble, or a member is not where it was.
        ValueError: A member with a weight has no model.
    """
    if not (folder / ENSEMBLE_FILE).is_file():
        raise FileNotFoundError(f"{folder} holds no ensemble (no {ENSEMBLE_FILE}); `hf-emotion ensemble` makes one.")
    record = read_json(folder / ENSEMBLE_FILE)
    members: dict[str, Path | bytes] = {}
    for number, member in enumerate(record["members"]):
        if not member["weight"] > 0:
            member["path"] = None  # is not run
            continue
        place = f"{MEMBERS_DIR}/{number}_{_file_name(member['name'])}"
        files = _member_files(member_folder(folder, member))
        members |= {f"{place}/{name}": content for name, content in files.items()}
        member["path"] = place
    return {**chosen_files(folder, RECORD_FILES), **members, ENSEMBLE_FILE: to_json(record)}


def _member_files(folder: Path) -> dict[str, Path | bytes]:
    if (folder / ENSEMBLE_FILE).is_file():
        return ensemble_files(folder)
    return model_files(folder) | chosen_files(folder, (CARD_FILE, "*.png"))


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name).strip("._") or "member"
