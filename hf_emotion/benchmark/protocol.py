"""A benchmark as one YAML file: which systems are measured on which settings, and how.

There are two kinds. `frozen_encoders` trains small heads on cached features, as EMO-SUPERB does; `training` runs the
experiments of a paper, each a YAML of `trainer_configs/`, over its corpora.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from ..suggestions import did_you_mean


T = TypeVar("T")

SCHEDULERS = ("constant", "cosine")
WAVEFORM_STATISTICS = ("train_split", "none")
LOSS_WEIGHTINGS = ("sample", "class")
POOLINGS = ("mean", "std", "mean_std")


@dataclass(frozen=True)
class FrozenSetting:
    """
    A corpus with one set of labels and its folds.

    Args:
        name (`str`): As the paper calls it, such as `"IMPROV (P)"`.
        corpus (`str`): Name of the corpus, see `hf-emotion corpora list`.
        epochs (`int`): Epochs of head training.
        label_folder (`str`, *optional*): Folder of EMO-SUPERB's label files below the label directory. Without it the
            labels are those of the corpus: votes where it has them, its emotions otherwise.
        split (`str`, *optional*): Strategy or published split of `split_corpus`; required without `label_folder`,
            whose files say who is in which part unless this says otherwise.
        num_folds (`int`, *optional*, defaults to 5): Number of folds of the strategy.
        emotions (`Sequence[str]`, *optional*): Classes, where the labels are those of the corpus; all by default.
        data_dir (`str`, *optional*): Folder of the corpus; by default the one of its name in the data directory.
        scheduler (`str`, *optional*, defaults to `"constant"`): Of the learning rate, or `"cosine"`.
        warmup_steps (`int`, *optional*, defaults to 0): Steps of linear warm-up.
        batch_size (`int`, *optional*): Where it differs from the protocol's.
    """

    name: str
    corpus: str
    epochs: int
    label_folder: str | None = None
    split: str | None = None
    num_folds: int = 5
    emotions: Sequence[str] | None = None
    data_dir: str | None = None
    scheduler: str = "constant"
    warmup_steps: int = 0
    batch_size: int | None = None

    def __post_init__(self) -> None:
        if self.label_folder is None and self.split is None:
            raise ValueError(
                f"The setting {self.name!r} has neither `label_folder` nor `split`, so that nobody knows what is "
                "trained and tested on. Name a strategy of `split_corpus`, such as 'leave_one_speaker_out'."
            )
        check_choice(self.name, "scheduler", self.scheduler, SCHEDULERS)
        check_positive(self.name, epochs=self.epochs, num_folds=self.num_folds)


@dataclass(frozen=True)
class FrozenSystem:
    """
    A frozen encoder.

    Args:
        name (`str`): As the paper's table calls it.
        encoder (`str`, *optional*): Hub id or folder of a checkpoint.
        revision (`str`, *optional*): Its commit, branch or tag.
        model_type (`str`, *optional*): Instead of `encoder`, one of `hf_emotion.models.encoders`.
        s3prl_checkpoint (`str`, *optional*): File name of its weights, which S3PRL downloads, in the checkpoint
            directory. Encoders without weights have none.
    """

    name: str
    encoder: str | None = None
    revision: str | None = None
    model_type: str | None = None
    s3prl_checkpoint: str | None = None

    def __post_init__(self) -> None:
        if (self.encoder is None) == (self.model_type is None):
            raise ValueError(f"The system {self.name!r} needs either `encoder` or `model_type`.")


@dataclass(frozen=True)
class Protocol:
    """
    What all benchmarks have in common.

    Args:
        name (`str`): Name, which tables and results carry.
        settings (`Sequence`): Columns of the paper's table.
        systems (`Sequence`): Rows of it.
        seeds (`Sequence[int]`): Each cell is trained once with each.
        reported (`str`, *optional*): Name of the table with the paper's figures, see
            [`~hf_emotion.benchmark.reported.reported_table`].
    """

    name: str
    settings: Sequence[Any]
    systems: Sequence[Any]
    seeds: Sequence[int] = (0,)
    reported: str | None = None

    def __post_init__(self) -> None:
        for what, entries in (("settings", self.settings), ("systems", self.systems)):
            names = [entry.name for entry in entries]
            if not names or len(set(names)) < len(names):
                raise ValueError(f"The {what} of {self.name!r} must be some, each with a name of its own: {names}.")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"The seeds of {self.name!r} must be some, and different: {list(self.seeds)}.")

    def setting(self, name: str) -> Any:
        """The setting of this name."""
        return _named(self.settings, name, "setting", self.name)

    def system(self, name: str) -> Any:
        """The system of this name."""
        return _named(self.systems, name, "system", self.name)

    def selected(
        self,
        systems: Sequence[str] | None = None,
        settings: Sequence[str] | None = None,
        seeds: Sequence[int] | None = None,
    ) -> Protocol:
        """The same protocol with some of its rows and columns, or other seeds; `None` keeps all."""
        chosen: dict[str, Any] = {
            "systems": self.systems if not systems else tuple(map(self.system, systems)),
            "settings": self.settings if not settings else tuple(map(self.setting, settings)),
            "seeds": tuple(seeds) if seeds else self.seeds,
        }
        return dataclasses.replace(self, **chosen)


@dataclass(frozen=True)
class FrozenEncoderProtocol(Protocol):
    """
    EMO-SUPERB's way: frozen encoder, softmax average of its layers, projection, mean over time, linear classifier.

    Args:
        metric (`str`, *optional*, defaults to `"macro_f1"`): Multi-label macro-F1 at the threshold 1/C, the only one.
        max_duration_seconds (`float`, *optional*): Clips are cut to their beginning of this length.
        waveform_statistics (`str`, *optional*, defaults to `"none"`): `"train_split"` normalises waveforms by one mean
            and standard deviation of the fold's training part, as EMO-SUPERB's code does.
        loss_weighting (`str`, *optional*, defaults to `"sample"`): How classes are balanced: `"sample"` as the code
            does, `"class"` as Eq. (1) of the paper.
        pooling (`str`, *optional*, defaults to `"mean"`): Over time: `"mean"`, `"std"` or `"mean_std"`.
        projector_size (`int`, *optional*, defaults to 256): Outputs of the projection.
        learning_rate (`float`, *optional*, defaults to 1e-4): Of AdamW.
        batch_size (`int`, *optional*, defaults to 32): Utterances per step.
        max_grad_norm (`float`, *optional*, defaults to 1.0): Gradients are clipped to this norm.
    """

    metric: str = "macro_f1"
    max_duration_seconds: float | None = None
    waveform_statistics: str = "none"
    loss_weighting: str = "sample"
    pooling: str = "mean"
    projector_size: int = 256
    learning_rate: float = 1e-4
    batch_size: int = 32
    max_grad_norm: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self.name, "metric", self.metric, ("macro_f1",))
        check_choice(self.name, "waveform_statistics", self.waveform_statistics, WAVEFORM_STATISTICS)
        check_choice(self.name, "loss_weighting", self.loss_weighting, LOSS_WEIGHTINGS)
        check_choice(self.name, "pooling", self.pooling, POOLINGS)
        check_positive(self.name, learning_rate=self.learning_rate, batch_size=self.batch_size)


def load_protocol(path: str | Path) -> Any:
    """
    Read a protocol.

    Args:
        path (`str` or `Path`): A YAML file with `kind`, `settings`, `systems` and the fields of the kind. Its name
            is that of the file, unless it says otherwise.

    Returns:
        [`FrozenEncoderProtocol`] or [`~hf_emotion.benchmark.training.protocol.TrainingProtocol`].

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A field is unknown or missing, or a value cannot work; the message names it.
    """
    source = Path(path)
    if not source.is_file():
        raise FileNotFoundError(
            f"There is no protocol {source}. `hf-emotion benchmark list` shows those of this package."
        )
    try:
        values = yaml.safe_load(source.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{source} is no YAML file: {error}") from error
    kinds = _kinds()
    if not isinstance(values, dict) or values.get("kind") not in kinds:
        found = values.get("kind") if isinstance(values, dict) else values
        raise ValueError(f"{source}: `kind` must be one of {', '.join(kinds)}, but is {found!r}.")
    protocol_class, setting_class, system_class = kinds[values.pop("kind")]
    values.setdefault("name", source.stem)
    try:
        for what, entry_class in (("settings", setting_class), ("systems", system_class)):
            values[what] = tuple(_built(entry_class, entry, what) for entry in values.get(what) or ())
        return _built(protocol_class, values, "the protocol")
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error


def protocol_files() -> dict[str, Path]:
    """Protocols of this package: path by name of the file, without its suffix."""
    return {path.stem: path for path in sorted((configs_dir() / "benchmarks").glob("*.yaml"))}


def configs_dir() -> Path:
    """`trainer_configs/` of a wheel or of a checkout."""
    package_dir = Path(__file__).resolve().parents[1]
    folders = (package_dir / "trainer_configs", package_dir.parent / "trainer_configs")
    return next((folder for folder in folders if folder.is_dir()), folders[0])


def _kinds() -> dict[str, tuple[type[Protocol], type, type]]:
    from .training.protocol import TrainingProtocol, TrainingSetting, TrainingSystem

    return {
        "frozen_encoders": (FrozenEncoderProtocol, FrozenSetting, FrozenSystem),
        "training": (TrainingProtocol, TrainingSetting, TrainingSystem),
    }


def _built(entry_class: type[T], values: Any, where: str) -> T:
    """A dataclass out of a mapping; unknown and missing fields are named."""
    fields: Any = dataclasses.fields(entry_class)  # type: ignore[arg-type]
    known = {item.name for item in fields}
    if not isinstance(values, Mapping):
        raise ValueError(f"An entry of {where} must be a mapping of fields, found {values!r}.")
    for name in values:
        if name not in known:
            raise ValueError(
                f"{where} has no field {name!r}. {did_you_mean(str(name), known)}Fields: {', '.join(sorted(known))}."
            )
    absent = dataclasses.MISSING
    required = [item.name for item in fields if item.default is absent and item.default_factory is absent]
    if missing := [name for name in required if name not in values]:
        raise ValueError(f"{where} lacks {', '.join(missing)}: {dict(values)}.")
    return entry_class(**{name: tuple(v) if isinstance(v, list) else v for name, v in values.items()})


def _named(entries: Sequence[Any], name: str, what: str, protocol: str) -> Any:
    for entry in entries:
        if entry.name == name:
            return entry
    names = [entry.name for entry in entries]
    raise ValueError(f"{protocol} has no {what} {name!r}. {did_you_mean(name, names)}It has: {', '.join(names)}.")


def check_choice(where: str, name: str, value: Any, choices: Sequence[str]) -> None:
    if value not in choices:
        raise ValueError(f"{where}: {name} must be one of {', '.join(choices)}, but is {value!r}.")


def check_positive(where: str, **values: float) -> None:
    for name, value in values.items():
        if not isinstance(value, int | float) or value <= 0:
            raise ValueError(f"{where}: {name} must be a positive number, but is {value!r}.")
