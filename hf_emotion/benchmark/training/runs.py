"""The trainings of a benchmark: which there are, what each one's experiment is, and where it lies."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ...atomic_files import write_atomically
from ..cells import Cell, slug
from .protocol import TrainingProtocol, TrainingSetting, TrainingSystem


EXPERIMENT_FILE = "experiment.yaml"
# Fields about where and whether, which say nothing about what is trained.
_NO_RECIPE = ("output_dir", "resume_from_checkpoint")
# Fields that say where things are or how they are shown: a finished cell is the same with others.
_SURROUNDINGS = ("corpora_dir", "cache_dir", "dataloader_num_workers", "disable_tqdm", "report_to")
# What speaks of the first step only, so that an override of all steps would undo the others.
_OF_ONE_STEP = ("model_name_or_path", "config_name", "config_overrides", "expand_num_copies", "expand_layers")


@dataclass(frozen=True)
class TrainingRun:
    """
    One training, which fills a cell of each of its settings.

    Args:
        system ([`~hf_emotion.benchmark.training.protocol.TrainingSystem`]): The experiment.
        training (`str`): Name of the training.
        settings (`tuple`): The columns it serves; all have the same overrides.
        fold (`int`): Number of the fold, from 1.
        seed (`int`): Seed of the training.
    """

    system: TrainingSystem
    training: str
    settings: tuple[TrainingSetting, ...]
    fold: int
    seed: int

    @property
    def name(self) -> str:
        """For messages."""
        fold = f", fold {self.fold}" if self.settings[0].num_folds > 1 else ""
        return f"{self.system.name} on {self.training}{fold}, seed {self.seed}"

    @property
    def cells(self) -> list[Cell]:
        """The cells it fills, in the order of its settings."""
        return [Cell(self.system.name, setting.name, self.fold, self.seed) for setting in self.settings]

    def folder(self, output_dir: str | os.PathLike) -> Path:
        """Folder with its experiment, its log and, in [`run_dir`], all that training leaves."""
        return Cell(self.system.name, self.training, self.fold, self.seed).folder(output_dir)

    def run_dir(self, output_dir: str | os.PathLike) -> Path:
        """Output folder of its experiment, whose name is that of the model in its card."""
        return self.folder(output_dir) / f"{slug(self.system.name)}-{slug(self.training)}"

    def experiment(self, overrides: Mapping[str, Any]) -> dict[str, Any]:
        """
        Its experiment: the file of the system, changed by the system, the setting, and last by `overrides`.

        Args:
            overrides (`Mapping[str, Any]`): Fields of all trainings, such as `corpora_dir`.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: The file is no mapping, or it has steps, and an override would replace what only one of them
                has.
        """
        path, setting = self.system.config_path, self.settings[0]
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError(f"{path} must be a mapping of fields to values, but is a {type(values).__name__}.")
        folds = {"num_folds": setting.num_folds, "fold": self.fold - 1} if setting.num_folds > 1 else {}
        changes = {**self.system.overrides, **setting.overrides, **overrides, **folds, "seed": self.seed}
        values = {name: value for name, value in values.items() if name not in _NO_RECIPE} | changes
        if "steps" in values:
            values["steps"] = [_changed_step(step, changes, path) for step in values["steps"]]
        return values

    def write_experiment(self, overrides: Mapping[str, Any], output_dir: str | os.PathLike) -> Path:
        """Write its experiment as a file that `train.py` runs, and continues."""
        folder = self.folder(output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        values = self.experiment(overrides)
        values |= {"output_dir": str(self.run_dir(output_dir)), "resume_from_checkpoint": "true"}
        text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
        return write_atomically(folder / EXPERIMENT_FILE, text.encode())


def planned_runs(protocol: TrainingProtocol) -> list[TrainingRun]:
    """
    All trainings of a protocol: by system, training, seed and fold.

    Raises:
        ValueError: Two names would get the same folder.
    """
    for what, names in (
        ("systems", [system.name for system in protocol.systems]),
        ("settings", [setting.name for setting in protocol.settings]),
        ("trainings", list(protocol.trainings)),
    ):
        folders = [slug(name) for name in names]
        if same := [name for name, folder in zip(names, folders, strict=True) if folders.count(folder) > 1]:
            raise ValueError(f"The {what} {' and '.join(map(repr, same))} would share a folder. Rename one.")
    return [
        TrainingRun(system, name, settings, fold, seed)
        for system in protocol.systems
        for name, settings in protocol.trainings.items()
        for seed in protocol.seeds
        for fold in range(1, settings[0].num_folds + 1)
    ]


def check_same_recipe(
    run: TrainingRun, recorded: Mapping[str, Any], overrides: Mapping[str, Any], folder: Path
) -> None:
    """
    Refuse a finished cell that was trained by another recipe.

    Args:
        run ([`TrainingRun`]): The training as it would be run now.
        recorded (`Mapping[str, Any]`): The recipe in the cell.
        overrides (`Mapping[str, Any]`): Fields of all trainings.
        folder (`Path`): Folder of the cell, for the message.

    Raises:
        ValueError: They differ; the message names the fields.
    """
    ours = json.loads(json.dumps(run.experiment(overrides)))
    names = {*recorded, *ours} - set(_SURROUNDINGS)
    if differing := sorted(name for name in names if recorded.get(name) != ours.get(name)):
        raise ValueError(
            f"{folder} was trained with another {', '.join(differing)} than {run.name} has now, so that their figures "
            "do not belong into one table. Choose another output folder, or delete that cell and its training."
        )


def _changed_step(step: Mapping[str, Any], changes: Mapping[str, Any], path: Path) -> dict[str, Any]:
    if undone := sorted(set(step) & set(changes) & set(_OF_ONE_STEP)):
        raise ValueError(
            f"{path} has several steps, and {', '.join(undone)} of one of them cannot be overridden for all. Write an "
            "experiment of its own."
        )
    return {name: value for name, value in step.items() if name not in changes}


def parse_overrides(texts: Sequence[str]) -> dict[str, Any]:
    """
    Overrides as one types them, `field=value` with a value as in YAML.

    Args:
        texts (`Sequence[str]`): One field each.

    Raises:
        ValueError: One is not of this form.

    Example:

    ```python
    >>> parse_overrides(["bf16=true", "learning_rate=3.0e-5", "corpora=[aesi, vivae]"])
    {'bf16': True, 'learning_rate': 3e-05, 'corpora': ['aesi', 'vivae']}

    ```
    """
    overrides = {}
    for text in texts:
        name, equals, value = text.partition("=")
        try:
            overrides[name.strip()] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ValueError(f"The value of {text!r} cannot be read: {error}") from error
        if not equals or not name.strip().isidentifier():
            raise ValueError(f"{text!r} is no override. Write field=value, such as bf16=true.")
    return overrides
