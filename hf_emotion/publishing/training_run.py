"""Pushing what a training has left, as the fields `push_to_hub` and `hub_*` of its arguments ask for."""

from __future__ import annotations

import os
from pathlib import Path

from huggingface_hub import CommitInfo
from transformers import TrainingArguments

from .errors import explained_failures, require_token
from .model import push_model
from .upload import check_repo_id, hub_api


def check_push(training: TrainingArguments) -> None:
    """
    Raise before a training whose model could not be pushed afterwards.

    Args:
        training (`TrainingArguments`): Arguments; those without `push_to_hub` are fine.

    Raises:
        `ValueError`: If `hub_token` is set, which the record of the run would publish, or `hub_model_id` is no
            repository.
        `PermissionError`: If there is no token.
    """
    if training.hub_token is not None:
        raise ValueError(
            "hub_token would be written into the record of the run, and published with it. Leave it out, and run "
            "`hf auth login` or set HF_TOKEN."
        )
    if not training.push_to_hub:
        return
    if training.hub_model_id is not None and "/" in training.hub_model_id:
        check_repo_id(training.hub_model_id)
    require_token(None)


def push_run(folder: str | os.PathLike[str], training: TrainingArguments) -> CommitInfo:
    """
    Push the model of a finished run with its card and code.

    Args:
        folder (`str` or `os.PathLike`): Folder of the run.
        training (`TrainingArguments`): `hub_model_id` (by default the name of the folder, below the user's own name),
            `hub_private_repo` and `hub_revision` count. `hub_strategy` does not: the model goes there once, finished.

    Returns:
        `huggingface_hub.CommitInfo`: The commit.

    Raises:
        See [`~hf_emotion.publishing.model.push_model`].
    """
    repo_id = training.hub_model_id or Path(folder).resolve().name
    if "/" not in repo_id:
        with explained_failures(repo_id):
            repo_id = f"{hub_api(None).whoami()['name']}/{repo_id}"
    return push_model(folder, repo_id, private=training.hub_private_repo, revision=training.hub_revision)
