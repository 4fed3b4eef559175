"""Pushing a classifier: its weights, its code and that of the pipeline, its card, and the record of its run."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import CommitInfo

from ..cards.card_check import card_problems
from ..cards.emissions import read_emissions
from ..cards.model_card import CorpusUse, RunFacts, build_model_card
from ..evaluation.report import load_metrics
from ..pipelines.saving import add_pipeline_code
from ..run_record import CORPORA_FILE, ENVIRONMENT_FILE, METRICS_FILE, recorded_config
from .completed_card import completed_card
from .folders import (
    MODEL_FILES,
    PREDICTION_FILES,
    RECORD_FILES,
    WEIGHT_FILES,
    chosen_files,
    left_out,
    pictures,
    read_json,
)
from .upload import CARD_FILE, Upload


CONFIG_FILE, PREPROCESSOR_FILE = "config.json", "preprocessor_config.json"
_UNNAMED_CLASS = re.compile(r"LABEL_\d+")


def push_model(
    folder: str | os.PathLike[str],
    repo_id: str,
    *,
    token: str | None = None,
    revision: str | None = None,
    **options: Any,
) -> CommitInfo:
    """
    Push a classifier to the Hub.

    What goes there is what loads the model, the record of its run and its card; no checkpoint, no state of an
    optimizer, no folder of this machine, and predictions only on request. All of it appears at once. A push that was
    interrupted is repeated with the same call, and sends only what has not arrived.

    Args:
        folder (`str` or `os.PathLike`):
            Folder of a training run, or any folder that `save_pretrained` has written. Without a card, one is written
            that says what is unknown.
        repo_id (`str`):
            Repository `owner/name`. It is created if need be. Its card is replaced, except for the terms of a gate.
        token (`str`, *optional*):
            Access token, by default that of `hf auth login` or `HF_TOKEN`.
        revision (`str`, *optional*):
            Branch to push to, created if need be; `main` by default.
        options:
            As in [`prepare_model`].

    Returns:
        `huggingface_hub.CommitInfo`: The commit. `oid` is its id, `commit_url` its address.

    Raises:
        `FileNotFoundError`: If the folder holds no model, or the Hub knows no such repository.
        `ValueError`: If the weights are pickled, the card is refused, or the repository is public although
            `private=True`.
        `PermissionError`: If there is no token, or it may not write there.
        `ConnectionError`: If the connection fails, or the Hub does; call again to continue.

    Example:

    ```python
    >>> from hf_emotion.publishing import push_model
    >>> push_model("outputs/quickstart/transfer", "me/my-ser-model")  # doctest: +SKIP

    ```
    """
    return prepare_model(folder, repo_id, **options).push(token=token, revision=revision)


def prepare_model(
    folder: str | os.PathLike[str],
    repo_id: str,
    *,
    private: bool | None = None,
    commit_message: str = "Push model",
    licence: str | None = None,
    datasets: Sequence[str] = (),
    include_predictions: bool = False,
) -> Upload:
    """
    Everything that [`push_model`] does before it uploads. Needs no network.

    Args:
        folder (`str` or `os.PathLike`):
            As in [`push_model`].
        repo_id (`str`):
            As in [`push_model`].
        private (`bool`, *optional*):
            Whether a new repository is private. `True` is refused if the repository exists and is public.
        commit_message (`str`, *optional*, defaults to `"Push model"`):
            Title of the commit.
        licence (`str`, *optional*):
            Hub identifier of the licence, instead of that which the card derives from the training data.
        datasets (`Sequence[str]`, *optional*):
            Repositories of the training data on the Hub, for the metadata of the card.
        include_predictions (`bool`, *optional*, defaults to `False`):
            Whether tables of predictions go along. They name utterances and speakers of the corpora.

    Returns:
        [`~hf_emotion.publishing.upload.Upload`]: Shows what would be pushed, and pushes it.

    Raises:
        See [`push_model`].
    """
    source = Path(folder)
    files = model_files(source)
    files |= chosen_files(source, (*RECORD_FILES, *(PREDICTION_FILES if include_predictions else ())))
    config = read_json(source / CONFIG_FILE)
    path = source / CARD_FILE
    text = path.read_text(encoding="utf-8") if path.is_file() else card_of_folder(source, repo_id, config)
    card = str(completed_card(text, repo_id, source, licence=licence, datasets=datasets, has_pipeline_code=True))
    problems = card_problems(card)
    if unnamed := [name for name in _classes(config) if _UNNAMED_CLASS.fullmatch(name)]:
        problems.append(f"classes without names ({', '.join(unnamed[:3])} ...): set id2label in {CONFIG_FILE}")
    files |= pictures(source, card)
    return Upload(
        repo_id,
        {**files, CARD_FILE: card.encode()},
        commit_message,
        private=private,
        replaces=WEIGHT_FILES,
        problems=problems,
        left_out=left_out(source, files),
    )


def model_files(folder: Path) -> dict[str, Path | bytes]:
    """
    Files that load a model, with the code of the pipeline for speech emotion.

    Raises:
        FileNotFoundError: The folder holds no model; models below it are named.
        ValueError: Its weights are pickled.
    """
    check_model_folder(folder)
    files = chosen_files(folder, MODEL_FILES)
    if not any(name.endswith(".safetensors") for name in files):
        return files  # an export, which no pipeline of transformers runs
    with tempfile.TemporaryDirectory() as staged:  # the folder itself stays as it is
        shutil.copy(folder / CONFIG_FILE, staged)
        add_pipeline_code(staged)
        code = {path.name: path.read_bytes() for path in sorted(Path(staged).iterdir())}
    return files | code


def check_model_folder(folder: Path) -> None:
    """
    Raise unless a folder holds a model whose weights can be published.

    Raises:
        FileNotFoundError: It holds none; models below it are named.
        ValueError: Its weights are pickled.
    """
    if not (folder / CONFIG_FILE).is_file():
        models = sorted(str(path.parent) for path in folder.glob(f"*/{CONFIG_FILE}"))
        hint = f"Did you mean {' or '.join(models)}?" if models else "Pass the folder of a trained model."
        raise FileNotFoundError(f"{folder} holds no model (no {CONFIG_FILE}). {hint}")
    if any(folder.glob("model*.safetensors")) or any(folder.glob("model*.onnx")):
        return
    if any(folder.glob("*.bin")) or any(folder.glob("*.pt")):
        raise ValueError(
            f"The weights in {folder} are pickled, and loading a pickle can run anything. Load the model and save it "
            "again: `save_pretrained` writes safetensors."
        )
    raise FileNotFoundError(f"{folder} holds no weights (no model.safetensors). Save the model there first.")


def card_of_folder(folder: Path, repo_id: str, config: dict[str, Any]) -> str:
    """The card of a model that has none: what its files say, and that the rest is not known."""
    preprocessor = read_json(folder / PREPROCESSOR_FILE) if (folder / PREPROCESSOR_FILE).is_file() else {}
    corpora = read_json(folder / CORPORA_FILE) if (folder / CORPORA_FILE).is_file() else []
    facts = RunFacts(
        model_id=repo_id,
        classes=_classes(config),
        architecture=config.get("model_type"),
        corpora=[CorpusUse(**entry) for entry in corpora],
        report=load_metrics(folder / METRICS_FILE) if (folder / METRICS_FILE).is_file() else None,
        config_yaml=recorded_config(folder),
        environment=read_json(folder / ENVIRONMENT_FILE) if (folder / ENVIRONMENT_FILE).is_file() else {},
        sampling_rate=preprocessor.get("sampling_rate", 16_000),
        remote_code=bool(config.get("auto_map")),
        has_pipeline_code=True,
        emissions=read_emissions(folder),
    )
    return str(build_model_card(facts))


def _classes(config: dict[str, Any]) -> list[str]:
    """Class names in the order of the outputs; transformers leaves out the two that it gives a model by default."""
    id2label = config.get("id2label") or {"0": "LABEL_0", "1": "LABEL_1"}
    return [id2label[key] for key in sorted(id2label, key=int)]
