"""Protocols that train: the experiments of a paper over the columns of its table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..protocol import Protocol, check_choice, check_positive, configs_dir


# Scores in the report of a run; the lower the better for `eer`.
TRAINING_METRICS = ("uar", "macro_f1", "weighted_f1", "micro_f1", "accuracy", "eer")

_RESERVED = ("output_dir", "seed", "fold", "num_folds", "resume_from_checkpoint", "dry_run", "steps", "step_name")


@dataclass(frozen=True)
class TrainingSetting:
    """
    A column of the table: what is trained for it, and which score of that training it shows.

    Args:
        name (`str`): As the paper calls it.
        overrides (`Mapping[str, Any]`, *optional*): Fields that change in the experiments for this column, such as
            `{"corpora": ["aesi"]}`.
        corpus (`str`, *optional*): The corpus whose test part is scored; all test parts together by default.
        metric (`str`, *optional*): Where it differs from the protocol's.
        num_folds (`int`, *optional*, defaults to 1): With more than one, each is trained, with the fields `num_folds`
            and `fold` of the experiment.
        training (`str`, *optional*): Settings that name the same training share its runs, as those of a model that is
            trained once and tested on many corpora. By default each setting has its own.
    """

    name: str
    overrides: Mapping[str, Any] = field(default_factory=dict)
    corpus: str | None = None
    metric: str | None = None
    num_folds: int = 1
    training: str | None = None

    def __post_init__(self) -> None:
        check_overrides(self.name, self.overrides)
        check_positive(self.name, num_folds=self.num_folds)
        if self.metric is not None:
            check_choice(self.name, "metric", self.metric, TRAINING_METRICS)

    @property
    def training_name(self) -> str:
        """Name of the training whose score it shows."""
        return self.training or self.name


@dataclass(frozen=True)
class TrainingSystem:
    """
    An experiment of `trainer_configs/`.

    Args:
        name (`str`): As the table calls it.
        config (`str`): Path of its YAML, from the current folder or below `trainer_configs/`.
        overrides (`Mapping[str, Any]`, *optional*): Fields that differ from the file.
        reported_as (`str`, *optional*): Row of the paper's table, where it is called otherwise: a paper that can be
            read in two ways has two systems with one figure.
        is_ensemble (`bool`, *optional*, defaults to `False`): Score the ensemble of the steps of the experiment, by
            [`~hf_emotion.ensembles.ensemble.build_ensemble`], instead of the model of the last one.
    """

    name: str
    config: str
    overrides: Mapping[str, Any] = field(default_factory=dict)
    reported_as: str | None = None
    is_ensemble: bool = False

    def __post_init__(self) -> None:
        check_overrides(self.name, self.overrides)

    @property
    def config_path(self) -> Path:
        """
        Where the YAML is.

        Raises:
            FileNotFoundError: Neither here nor in the package.
        """
        found = next((path for path in (Path(self.config), configs_dir() / self.config) if path.is_file()), None)
        if found is None:
            raise FileNotFoundError(
                f"{self.name}: there is no experiment {self.config}, neither in {Path.cwd()} nor in {configs_dir()}."
            )
        return found


@dataclass(frozen=True)
class TrainingProtocol(Protocol):
    """
    Experiments of a paper over its corpora.

    Args:
        metric (`str`, *optional*, defaults to `"uar"`): A score in the reports of runs: `"uar"`, `"macro_f1"`,
            `"weighted_f1"`, `"micro_f1"`, `"accuracy"` or `"eer"`.
    """

    metric: str = "uar"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self.name, "metric", self.metric, TRAINING_METRICS)
        for name, settings in self.trainings.items():
            first = settings[0]
            for other in settings[1:]:
                if (other.overrides, other.num_folds) != (first.overrides, first.num_folds):
                    raise ValueError(
                        f"{first.name!r} and {other.name!r} share the training {name!r}, but differ in `overrides` or "
                        "`num_folds`. Make them equal, or give one a training of its own."
                    )

    @property
    def trainings(self) -> dict[str, tuple[TrainingSetting, ...]]:
        """The settings that each training serves, by its name."""
        names = dict.fromkeys(setting.training_name for setting in self.settings)
        return {name: tuple(item for item in self.settings if item.training_name == name) for name in names}

    def metric_of(self, setting: TrainingSetting) -> str:
        """The score that a setting shows."""
        return setting.metric or self.metric


def check_overrides(where: str, overrides: Any) -> None:
    """
    Refuse overrides that are no mapping, or that the grid sets itself.

    Args:
        where (`str`): Where they are written, for the message.
        overrides (`Any`): Fields of an experiment and their values.

    Raises:
        ValueError: They cannot be used.
    """
    if not isinstance(overrides, Mapping):
        raise ValueError(f"{where}: overrides must map fields of the experiment to values, but are {overrides!r}.")
    if taken := sorted(set(overrides) & set(_RESERVED)):
        raise ValueError(f"{where}: {', '.join(taken)} cannot be overridden: the grid sets what differs by cell.")
