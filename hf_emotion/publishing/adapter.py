"""Pushing an adapter: its weights with the whole head, its card, and the scores of the run that it comes from."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from huggingface_hub import CommitInfo

from ..cards.card_check import card_problems
from ..cards.model_card_text import is_hub_id
from .completed_card import completed_card, with_results_of_run
from .folders import chosen_files, left_out, pictures, read_json
from .model import PREPROCESSOR_FILE
from .upload import CARD_FILE, Upload


ADAPTER_CONFIG_FILE = "adapter_config.json"
_WEIGHTS_FILE = "adapter_model.safetensors"
_BASE = "base_model_name_or_path"


def push_adapter(
    folder: str | os.PathLike[str],
    repo_id: str,
    *,
    token: str | None = None,
    revision: str | None = None,
    **options: Any,
) -> CommitInfo:
    """
    Push an adapter to the Hub.

    Args:
        folder (`str` or `os.PathLike`):
            Folder of the adapter, such as `adapter/` in a run folder, whose scores go into the card then.
        repo_id (`str`):
            Repository `owner/name`. It is created if need be.
        token, revision:
            As in [`~hf_emotion.publishing.model.push_model`].
        options:
            As in [`prepare_adapter`].

    Returns:
        `huggingface_hub.CommitInfo`: The commit.

    Raises:
        `FileNotFoundError`: If the folder holds no adapter.
        `ValueError`: If nobody else could load its encoder.
        `PermissionError`, `ConnectionError`: See [`~hf_emotion.publishing.model.push_model`].

    Example:

    ```python
    >>> from hf_emotion.publishing import push_adapter
    >>> push_adapter("outputs/lora/adapter", "me/hubert-emotion-lora")  # doctest: +SKIP

    ```
    """
    return prepare_adapter(folder, repo_id, token=token, **options).push(token=token, revision=revision)


def prepare_adapter(
    folder: str | os.PathLike[str],
    repo_id: str,
    *,
    base_model: str | None = None,
    private: bool | None = None,
    token: str | None = None,
    commit_message: str = "Push adapter",
    licence: str | None = None,
) -> Upload:
    """
    Everything that [`push_adapter`] does before it uploads. Needs no network, unless `base_model` is given.

    Args:
        folder, repo_id, token:
            As in [`push_adapter`].
        base_model (`str`, *optional*):
            Repository of the encoder, if the adapter was trained on a folder of this machine: push the encoder first.
            The adapter is loaded on it, so that one that does not fit is refused.
        private, commit_message, licence:
            As in [`~hf_emotion.publishing.model.prepare_model`].

    Raises:
        See [`push_adapter`].
    """
    source = Path(folder)
    if not (source / ADAPTER_CONFIG_FILE).is_file() or not (source / _WEIGHTS_FILE).is_file():
        raise FileNotFoundError(
            f"{source} holds no adapter: {ADAPTER_CONFIG_FILE} or {_WEIGHTS_FILE} is missing. Pass the folder that "
            "`save_pretrained` of the adapted model has written, such as adapter/ in a run."
        )
    files = chosen_files(source, (ADAPTER_CONFIG_FILE, _WEIGHTS_FILE, "config.json", PREPROCESSOR_FILE, CARD_FILE))
    encoder = read_json(source / ADAPTER_CONFIG_FILE)[_BASE]
    if base_model is not None and base_model != encoder:
        files |= _saved_on(source, base_model, token)
    elif not is_hub_id(encoder):
        raise ValueError(
            f"The encoder of this adapter is {encoder}, on this machine: nobody else could load the adapter. Push the "
            "encoder and pass its repository as base_model, or push the merged model, which needs neither."
        )
    run = source.resolve().parent
    if PREPROCESSOR_FILE not in files and (run / PREPROCESSOR_FILE).is_file():
        files[PREPROCESSOR_FILE] = run / PREPROCESSOR_FILE  # merged model and adapter hear the same
    card = completed_card(_text(files, source), repo_id, source, licence=licence)
    if (run / CARD_FILE).is_file() and (run / "config.json").is_file():
        card = with_results_of_run(card, run)
    return Upload(
        repo_id,
        {**files, **pictures(run, str(card)), CARD_FILE: str(card).encode()},
        commit_message,
        private=private,
        replaces=(_WEIGHTS_FILE,),
        problems=card_problems(str(card)),
        left_out=left_out(source, files),
    )


def _text(files: dict[str, Path | bytes], source: Path) -> str:
    content = files.get(CARD_FILE)
    if content is None:
        raise FileNotFoundError(
            f"{source} has no card ({CARD_FILE}). Load it with hf_emotion.adapters.load_adapted_classifier and save "
            "it again with `save_pretrained`, which writes one."
        )
    return content.decode() if isinstance(content, bytes) else content.read_text(encoding="utf-8")


def _saved_on(folder: Path, base_model: str, token: str | None) -> dict[str, Path | bytes]:
    """The files of an adapter that names another place of its encoder, after it was loaded on that."""
    from ..adapters import load_adapted_classifier

    model = load_adapted_classifier(str(folder), base_model=base_model, token=token)
    model.active_peft_config.base_model_name_or_path = base_model
    with tempfile.TemporaryDirectory() as saved:
        model.save_pretrained(saved)
        return {path.name: path.read_bytes() for path in sorted(Path(saved).iterdir()) if path.is_file()}
