"""Run a benchmark of frozen encoders: extract once per encoder and corpus, then train every fold and seed on that.

Cells that are finished are skipped, so the same call continues what was killed. Under `accelerate launch` all
processes extract together and share the cells.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list, gather_object
from safetensors.torch import save
from transformers import PreTrainedModel

from ...atomic_files import write_atomically
from ...data.loading import load_corpus
from ...evaluation.predictions import PREDICTIONS_FILE, VALIDATION_PREDICTIONS_FILE
from ...features.encoder_identity import encoder_origin, weights_digest
from ...features.extraction import extract_features
from ...features.feature_cache import FeatureCache
from ...features.waveform_statistics import WaveformStatistics
from ...run_record import environment
from ..cells import Cell, RunSummary, finish_cell, read_cell
from ..protocol import FrozenEncoderProtocol, FrozenSetting, FrozenSystem
from ..scores import calibration_error_of, macro_f1_of, macro_f1_of_batches
from ..setting_data import FoldRows, SettingData, labelled_setting, setting_on_corpus
from ..soft_predictions import soft_predictions_table
from ..submissions.relabelling import read_relabelling
from .head_training import HeadRecipe, HeadTask, TrainedHead, train_heads
from .heads import HeadFeatures
from .systems import load_system


logger = logging.getLogger(__name__)

HEAD_FILE = "head.safetensors"
_LOADING_ERRORS = (OSError, ValueError, ImportError)


@dataclass(frozen=True)
class Folders:
    """
    Where a benchmark reads and writes.

    Args:
        output (`Path`): Cells.
        data (`Path`): One folder for each corpus, named as the corpus is; settings may name another.
        labels (`Path`, *optional*): EMO-SUPERB's folder `data` with label files.
        features (`Path`, *optional*): Features, by default `features` in `output`. They may be shared by benchmarks.
        checkpoints (`Path`, *optional*): Files that S3PRL downloads.
        new_labels (`Path`, *optional*): Label files that were made again, for the one setting that is run; they are
            trained on, and the published ones are tested on.
    """

    output: Path
    data: Path
    labels: Path | None = None
    features: Path | None = None
    checkpoints: Path | None = None
    new_labels: Path | None = None


@dataclass(frozen=True)
class _Column:
    """A setting with its data and the rows of its corpus."""

    setting: FrozenSetting
    data: SettingData
    corpus: datasets.Dataset  # the rows of the setting, in its order

    @property
    def ids(self) -> list[str]:
        return self.corpus["utterance_id"][:]


def run_frozen_encoders(
    protocol: FrozenEncoderProtocol,
    folders: Folders,
    *,
    extraction_batch_size: int | None = None,
    dtype: str = "float32",
) -> RunSummary:
    """
    Measure all systems of a protocol on all of its settings.

    Args:
        protocol ([`~hf_emotion.benchmark.protocol.FrozenEncoderProtocol`]): What to measure.
        folders ([`Folders`]): Where corpora, labels and features are.
        extraction_batch_size (`int`, *optional*): Clips per batch of the encoders; by default what suits each.
        dtype (`str`, *optional*, defaults to `"float32"`): Of the features; `"float16"` takes half the space.

    Returns:
        [`RunSummary`]: A system whose checkpoint cannot be loaded or a setting whose corpus is absent is in its
        `failures`; the others are measured.

    Raises:
        ValueError: The output folder holds cells that were measured in another way, or new labels are given for
            several settings.
    """
    if folders.new_labels is not None:
        _check_takes_new_labels(protocol)
    state = PartialState(cpu=not torch.accelerator.is_available())
    summary = RunSummary()
    columns = _columns(protocol, folders, summary)
    pending = _pending(protocol, columns, folders, summary, state)
    for system in protocol.systems:
        mine = [cell for cell in pending if cell.system == system.name]
        if not mine:
            continue
        try:
            encoder, extractor = load_system(system, folders.checkpoints)
        except _LOADING_ERRORS as error:
            logger.error("%s cannot be loaded and is left out: %s", system.name, error)
            summary.failures[system.name] = str(error)
            continue
        for column in columns:
            cells = [cell for cell in mine if cell.setting == column.setting.name]
            if cells:
                bench = _SystemOnSetting(protocol, system, encoder, extractor, column, folders)
                summary.num_trained += bench.run(cells, state, extraction_batch_size, dtype)
    return summary


def cell_recipe(protocol: FrozenEncoderProtocol, setting: FrozenSetting, data: SettingData) -> dict[str, Any]:
    """All that decides what a cell is, but for system, fold and seed: cells of another recipe do not compare."""
    names = ("max_duration_seconds", "waveform_statistics")
    return (
        asdict(head_recipe(protocol, setting))
        | {name: getattr(protocol, name) for name in names}
        | {"labels_sha256": data.digest}
    )


def head_recipe(protocol: FrozenEncoderProtocol, setting: FrozenSetting) -> HeadRecipe:
    """How the heads of a setting are trained."""
    return HeadRecipe(
        epochs=setting.epochs,
        learning_rate=protocol.learning_rate,
        batch_size=setting.batch_size or protocol.batch_size,
        max_grad_norm=protocol.max_grad_norm,
        scheduler=setting.scheduler,
        warmup_steps=setting.warmup_steps,
        loss_weighting=protocol.loss_weighting,
        pooling=protocol.pooling,
        projector_size=protocol.projector_size,
    )


def _columns(protocol: FrozenEncoderProtocol, folders: Folders, summary: RunSummary) -> list[_Column]:
    columns, corpora = [], dict[tuple[str, str], datasets.Dataset]()
    for setting in protocol.settings:
        data_dir = str(setting.data_dir or folders.data / setting.corpus)
        key = (setting.corpus, data_dir)
        try:
            if key not in corpora:
                parts: Any = load_corpus(setting.corpus, data_dir=data_dir)
                corpora[key] = datasets.concatenate_datasets(list(parts.values()))
            data, rows = setting_on_corpus(setting, corpora[key], _labelled(setting, folders))
            for fold in data.folds:
                data.class_weights(fold)  # each class must be in the training part
        except (OSError, ValueError) as error:
            logger.error("%s cannot be run and is left out: %s", setting.name, error)
            summary.failures[setting.name] = str(error)
            continue
        columns.append(_Column(setting, data, corpora[key].select(rows)))
    return columns


def _check_takes_new_labels(protocol: FrozenEncoderProtocol) -> None:
    setting = protocol.settings[0]
    if len(protocol.settings) > 1 or setting.label_folder is None or setting.split is not None:
        raise ValueError(
            "New labels are for one setting whose label files also give the folds, but the protocol has "
            f"{', '.join(setting.name for setting in protocol.settings)}. Choose one: --setting NAME, of a protocol "
            "such as emo_superb_code."
        )


def _labelled(setting: FrozenSetting, folders: Folders) -> SettingData | None:
    """The setting as label files state it, None where its labels are those of the corpus."""
    if setting.label_folder is None:
        return None
    if folders.labels is None:
        raise ValueError(
            f"{setting.name} takes its labels from the files of EMO-SUPERB. Say where they are: --label_dir, the "
            "folder `data` of github.com/EMOsuperb/EMO-SUPERB-submission."
        )
    published = labelled_setting(setting, folders.labels)
    return published if folders.new_labels is None else read_relabelling(published, folders.new_labels).setting()


def _pending(
    protocol: FrozenEncoderProtocol,
    columns: Sequence[_Column],
    folders: Folders,
    summary: RunSummary,
    state: PartialState,
) -> list[Cell]:
    """Cells to train: what the main process finds, since others may see files that appear in between."""
    found: list[Any] = [None]
    if state.is_main_process:
        pending = []
        for column in columns:
            recipe = cell_recipe(protocol, column.setting, column.data)
            for system in protocol.systems:
                for fold in column.data.folds:
                    cells = [Cell(system.name, column.setting.name, fold.number, seed) for seed in protocol.seeds]
                    pending += [cell for cell in cells if not _is_finished(cell, folders.output, recipe)]
        num_cells = sum(len(column.data.folds) for column in columns) * len(protocol.systems) * len(protocol.seeds)
        found = [(pending, num_cells - len(pending))]
    broadcast_object_list(found)
    pending, summary.num_finished = found[0]
    return pending


def _is_finished(cell: Cell, output_dir: Path, recipe: dict[str, Any]) -> bool:
    if not cell.is_finished(output_dir):
        return False
    folder = cell.folder(output_dir)
    theirs = read_cell(folder).record["recipe"]
    ours = json.loads(json.dumps(recipe))
    if differing := sorted(name for name in {*theirs, *ours} if theirs.get(name) != ours.get(name)):
        raise ValueError(
            f"{folder} was measured with another {', '.join(differing)} than this protocol has, so that their figures "
            "do not belong into one table. Choose another output folder, or delete that cell."
        )
    return True


class _SystemOnSetting:
    """Features and heads of one encoder on one setting."""

    def __init__(
        self,
        protocol: FrozenEncoderProtocol,
        system: FrozenSystem,
        encoder: PreTrainedModel,
        extractor: Any | None,
        column: _Column,
        folders: Folders,
    ):
        self.protocol, self.system, self.encoder, self.extractor = protocol, system, encoder, extractor
        self.column, self.folders = column, folders
        self.encoder_facts = self._encoder_facts()
        self.feature_dir = (folders.features or folders.output / "features") / column.setting.corpus

    def run(self, cells: Sequence[Cell], state: PartialState, batch_size: int | None, dtype: str) -> int:
        """Train the cells, and return how many these are."""
        num_trained = 0
        for fold_numbers in self._fold_groups(cells):
            cache = self._features(fold_numbers[0], batch_size, dtype)
            mine = [cell for cell in cells if cell.fold in fold_numbers][state.process_index :: state.num_processes]
            if mine:
                self._train(mine, cache, state.device)
            num_trained += sum(gather_object([len(mine)]))
        logger.info("%s on %s: %d cells trained.", self.system.name, self.column.setting.name, num_trained)
        return num_trained

    def _fold_groups(self, cells: Sequence[Cell]) -> list[list[int]]:
        """Folds that share features: all of them, unless waveforms are normalised by the fold's training part."""
        numbers = sorted({cell.fold for cell in cells})
        return [[number] for number in numbers] if self._normalises_by_fold() else [numbers]

    def _normalises_by_fold(self) -> bool:
        # what normalises each clip by itself undoes a normalisation before it
        return self.protocol.waveform_statistics == "train_split" and not getattr(
            self.extractor, "do_normalize", False
        )

    def _features(self, fold_number: int, batch_size: int | None, dtype: str) -> FeatureCache:
        fold = self.column.data.fold(fold_number)
        return extract_features(
            self.encoder,
            self.column.corpus,
            self.feature_dir,
            feature_extractor=self.extractor,
            max_duration_seconds=self.protocol.max_duration_seconds,
            waveform_statistics=self._waveform_statistics(fold) if self._normalises_by_fold() else None,
            second_moments=None if self.protocol.pooling == "mean" else "pairs",
            dtype=dtype,
            batch_size=batch_size,
        )

    def _waveform_statistics(self, fold: FoldRows) -> WaveformStatistics:
        """Of the fold's training part, whose clips are read for it once."""
        self.feature_dir.mkdir(parents=True, exist_ok=True)
        path = self.feature_dir / f"waveform_statistics-{self.column.data.digest[:16]}-fold_{fold.number}.json"
        if path.is_file():
            return WaveformStatistics(**json.loads(path.read_text(encoding="utf-8")))
        statistics = WaveformStatistics.of(self.column.corpus.select(fold.train))
        write_atomically(path, json.dumps(vars(statistics)).encode())
        return statistics

    def _train(self, cells: Sequence[Cell], cache: FeatureCache, device: torch.device) -> None:
        # clips that cannot be read have no features, and take no part
        readable = set(cache.utterance_ids)
        rows = [row for row, name in enumerate(self.column.ids) if name in readable]
        data = self.column.data.restricted_to(set(self.column.data.utterances["utterance_id"].iloc[rows]))
        features = HeadFeatures(cache, self.protocol.pooling, device)
        recipe = head_recipe(self.protocol, self.column.setting)
        # on a CPU heads are not stacked, and written one by one a kill costs less
        batches = [[cell] for cell in cells] if device.type == "cpu" else [cells]
        for batch in batches:
            heads = train_heads(features, data, [HeadTask(data.fold(cell.fold), cell.seed) for cell in batch], recipe)
            for cell, head in zip(batch, heads, strict=True):
                self._write(cell, data, head)

    def _write(self, cell: Cell, data: SettingData, head: TrainedHead) -> None:
        fold, folder = data.fold(cell.fold), cell.folder(self.folders.output)
        folder.mkdir(parents=True, exist_ok=True)
        scores = {}
        parts = (
            ("validation", fold.validation, head.validation, VALIDATION_PREDICTIONS_FILE),
            ("test", fold.test, head.test, PREDICTIONS_FILE),
        )
        for part, rows, probabilities, file in parts:
            table = soft_predictions_table(
                data.utterances.iloc[rows], data.labels_of(fold)[rows], probabilities, data.classes
            )
            write_atomically(folder / file, table.to_parquet(index=False))
            scores[part] = {
                "macro_f1": macro_f1_of(table),
                "macro_f1_of_batches": macro_f1_of_batches(table),
                "calibration_error": calibration_error_of(table),
            }
        write_atomically(folder / HEAD_FILE, save(head.state))
        finish_cell(cell, self.folders.output, self._record(data, fold, head) | {"scores": scores})

    def _record(self, data: SettingData, fold: FoldRows, head: TrainedHead) -> dict[str, Any]:
        column = self.column
        return {
            "protocol": self.protocol.name,
            "metric": self.protocol.metric,
            "corpus": column.setting.corpus,
            "num_folds": len(data.folds),
            "classes": list(data.classes),
            "recipe": cell_recipe(self.protocol, column.setting, column.data),
            "encoder": self.encoder_facts,
            "waveform_statistics": vars(self._waveform_statistics(fold)) if self._normalises_by_fold() else None,
            "split": dict(zip(("train", "validation", "test"), fold.sizes, strict=True)),
            "layer_weights": head.state["layer_weights"].softmax(dim=-1).tolist(),
            "training": {
                "best_epoch": head.best_epoch,
                "num_epochs": len(head.validation_losses),
                "validation_losses": head.validation_losses,
                "seconds": head.seconds,
            },
            "class_weights": np.round(data.class_weights(fold), 6).tolist(),
            "versions": environment(),
        }

    def _encoder_facts(self) -> dict[str, Any]:
        origin = encoder_origin(self.system.encoder or self.encoder, self.system.revision)
        return {
            **origin,
            "model_type": self.encoder.config.model_type,
            "num_parameters": self.encoder.num_parameters(),
            "weights_sha256": weights_digest(self.encoder),
            "s3prl_checkpoint": self.system.s3prl_checkpoint,
            "do_normalize": getattr(self.extractor, "do_normalize", False),
        }
