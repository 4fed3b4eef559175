"""What a trained classifier is tested on: the utterances of corpora with a label that it knows.

For a model that was trained here, corpora, labels and splits are those of its experiment.yaml unless others are named.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import yaml

from ..arguments import DataArguments
from ..data.splits import PARTS
from ..emotions import AROUSAL_VALENCE_CLASSES, canonical_emotion
from ..recognition import ENSEMBLE_FILE
from ..run_record import CORPORA_FILE, recorded_config
from .corpora import ExperimentCorpus, load_experiment_corpora, voted_emotions


logger = logging.getLogger(__name__)


class EvaluationRows(NamedTuple):
    """Utterances with their true classes.

    Args:
        rows (`datasets.Dataset`): The utterances, audio not decoded.
        labels (`list[str]`): True class of each.
        classes (`list[str]`): Class names in the order of the model's outputs, as the corpora write them.
    """

    rows: datasets.Dataset
    labels: list[str]
    classes: list[str]


def recorded_data_arguments(source: str | Path) -> dict[str, Any]:
    """
    The fields of [`DataArguments`] that a run was trained with; of an ensemble, those of its first member. Empty if
    there is no record, as for a model on the Hub.

    Args:
        source (`str` or `pathlib.Path`): Folder of a run or of an ensemble, or the id of a model on the Hub.
    """
    ensemble = Path(source) / ENSEMBLE_FILE
    if ensemble.is_file():
        members = json.loads(ensemble.read_text(encoding="utf-8"))["members"]
        paths = [member["path"] for member in members if member["path"] is not None]
        return recorded_data_arguments(Path(source) / paths[0]) if paths else {}
    text = recorded_config(source)
    known = {item.name for item in fields(DataArguments)}
    return {name: value for name, value in yaml.safe_load(text).items() if name in known} if text else {}


def with_folders(corpora: Sequence[Any], folders: Sequence[str]) -> list[Any]:
    """
    Entries of `corpora` with the folders that the command line gives them.

    Raises:
        `ValueError`: if there is not one folder for each corpus.
    """
    if len(folders) != len(corpora):
        raise ValueError(
            f"--data_dir names {len(folders)} folder(s) and --corpora {len(corpora)} corpora: give one folder for "
            "each corpus, in the same order."
        )
    entries = [entry if isinstance(entry, dict) else {"name": entry} for entry in corpora]
    return [entry | {"data_dir": folder} for entry, folder in zip(entries, folders, strict=True)]


def evaluation_rows(
    data_args: DataArguments, class_names: Sequence[str], *, model: str, eval_split: str = "test", seed: int = 0
) -> EvaluationRows:
    """
    Load corpora and keep one part of each: the utterances whose label is a class of the model.

    Args:
        data_args ([`DataArguments`]): Corpora, labels and splits; `label_column=None` is found from the classes.
        class_names (`Sequence[str]`): Class names of the model in the order of its outputs.
        model (`str`): Folder of the model, to warn if it was trained on these speakers; or its id on the Hub.
        eval_split (`str`, *optional*, defaults to `"test"`): Part, or `"all"`.
        seed (`int`, *optional*, defaults to 0): See [`load_experiment_corpora`].

    Returns:
        [`EvaluationRows`]: In the order of the corpora.

    Raises:
        `ValueError`: if the part is empty, or holds none of the classes of the model.
    """
    if data_args.label_column is None:
        data_args.label_column = _label_column(class_names)
    column = data_args.label_column
    classes = (_canonical(class_names) if column in ("emotion", "votes") else None) or list(class_names)
    corpora = load_experiment_corpora(data_args, seed)
    _warn_about_training_speakers(corpora, model, eval_split)
    chosen = PARTS if eval_split == "all" else (eval_split,)
    rows = datasets.concatenate_datasets([corpus.parts[part] for corpus in corpora for part in chosen])
    labels = _true_labels(rows, column, classes)
    unknown = Counter(label for label in labels if label not in classes)
    kept = [index for index, label in enumerate(labels) if label in classes]
    if not kept:
        raise ValueError(
            f"None of {len(rows)} utterances has a label that the model knows. In column {column!r} the corpora have "
            f"{sorted(unknown) or 'none'}, the model has {classes}. Choose another --label_column or --eval_split."
        )
    if unknown:
        counts = ", ".join(f"{label} {count}" for label, count in sorted(unknown.items()))
        logger.warning("%d of %d utterances left out: the model has no %s.", unknown.total(), len(rows), counts)
    return EvaluationRows(rows.select(kept), [labels[index] for index in kept], classes)


def _label_column(names: Sequence[str]) -> str:
    """The column whose values the classes of a model are."""
    if set(names) <= set(AROUSAL_VALENCE_CLASSES):
        return "arousal_valence"
    return "emotion" if _canonical(names) else "raw_label"


def _canonical(names: Sequence[str]) -> list[str] | None:
    """Class names as the corpora write them, `angry` as `anger`; `None` if they are no emotions."""
    try:
        emotions = [canonical_emotion(name) for name in names]
    except ValueError:
        return None
    return emotions if len(set(emotions)) == len(names) else None


def _true_labels(rows: datasets.Dataset, label_column: str, classes: Sequence[str]) -> list[str]:
    """The true class of each utterance; of votes the class with the most, or any emotion if no class got one."""
    if label_column != "votes":
        return rows[label_column][:]
    ballots = map(voted_emotions, rows[label_column][:])
    return [next((emotion for emotion in voted if emotion in classes), voted[0]) for voted in ballots]


def _warn_about_training_speakers(corpora: Sequence[ExperimentCorpus], model: str, eval_split: str) -> None:
    record = Path(model) / CORPORA_FILE
    if not record.is_file():
        return
    uses = json.loads(record.read_text(encoding="utf-8"))
    trained_on = {use["name"]: use["split"].get("hash") for use in uses if use["role"] == "train"}
    for corpus in corpora:
        if corpus.name in trained_on and eval_split in ("train", "all"):
            logger.warning("%s: these scores include utterances that the model was trained on.", corpus.name)
        elif corpus.name in trained_on and trained_on[corpus.name] != corpus.split.hash:
            logger.warning(
                "%s: this is not the split that the model was trained with, so its %s part may hold speakers of the "
                "training. Leave out --split and its options to use the recorded split.",
                corpus.name,
                eval_split,
            )
