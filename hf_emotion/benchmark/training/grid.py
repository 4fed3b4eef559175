"""Run a benchmark that trains: each cell by the training script, one after the other, however often it is killed.

What is finished is skipped, and a training that was killed goes on from its last checkpoint. Under `accelerate launch`
all processes train each cell together.
"""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import os
import shutil
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import sort_checkpoints

from ...atomic_files import write_atomically
from ...checkpoint_folders import last_checkpoint
from ...ensembles.ensemble import build_ensemble
from ...ensembles.members import load_member
from ...evaluation.predictions import PREDICTIONS_FILE, load_predictions, predicted_classes, save_predictions
from ...evaluation.report import load_metrics
from ...experiment.steps import Step, load_experiment
from ...run_record import CORPORA_FILE, ENVIRONMENT_FILE, METRICS_FILE, is_finished
from ...scripts import train
from ..cells import Cell, RunSummary, finish_cell, read_cells
from .protocol import TRAINING_METRICS, TrainingProtocol, TrainingSetting, check_overrides
from .runs import EXPERIMENT_FILE, TrainingRun, check_same_recipe, planned_runs


logger = logging.getLogger(__name__)

LOG_FILE = "train.log"
FAILURE_FILE = "failure.txt"
ENSEMBLE_FOLDER = "ensemble"
_LOGGED = ("hf_emotion", "transformers")
_SIZES = ("num_utterances", "num_speakers", "chance_level", "recall", "support")


def run_training_protocol(
    protocol: TrainingProtocol,
    output_dir: str | os.PathLike,
    *,
    overrides: Mapping[str, Any] | None = None,
    keep_checkpoints: bool = False,
    on_progress: Callable[[str], None] = logger.info,
) -> RunSummary:
    """
    Train and score all cells of a protocol that are not finished.

    Args:
        protocol ([`~hf_emotion.benchmark.training.protocol.TrainingProtocol`]): What to train.
        output_dir (`str` or `os.PathLike`): Folder of the benchmark. Each training has a folder in it, with its
            `experiment.yaml`, its `train.log` and its run; each cell one with its predictions and `cell.json`.
        overrides (`Mapping[str, Any]`, *optional*): Fields of all experiments, such as
            `{"corpora_dir": "corpora", "bf16": True}`.
        keep_checkpoints (`bool`, *optional*, defaults to `False`): Keep the checkpoints of finished trainings beside
            their models. They take several times the room.
        on_progress (`Callable[[str], None]`, *optional*): Called in the main process with a line about each training.

    Returns:
        [`~hf_emotion.benchmark.cells.RunSummary`]: Cells finished before, cells finished now, and why
        trainings failed, in words; their logs hold the tracebacks.

    Raises:
        ValueError: The folder holds cells of another protocol or recipe, or an experiment or override cannot work.
        Exception: With several processes, what the first training that fails raises: the other processes may wait for
            this one for ever. The next call tries that training last.
    """
    folder, changes = Path(output_dir), dict(overrides or {})
    check_overrides("overrides", changes)
    runs = planned_runs(protocol)
    _check_finished_cells(protocol, runs, changes, folder)
    state = PartialState(cpu=_use_cpu(runs, changes))
    pending = _pending(runs, folder, state)
    summary = RunSummary(num_finished=sum(len(run.cells) for run in runs) - sum(len(cells) for _, cells in pending))
    experiments = [_steps(run, changes, folder) for run, _ in pending]  # all of them, before the first is trained
    for number, ((run, cells), steps) in enumerate(zip(pending, experiments, strict=True), start=1):
        grid = _Training(protocol, run, steps, folder, changes, keep_checkpoints)
        message = grid.carry_out(cells, state, summary)
        if state.is_main_process:
            on_progress(f"[{number}/{len(pending)}] {run.name}: {message}")
    return summary


def _check_finished_cells(
    protocol: TrainingProtocol, runs: Sequence[TrainingRun], overrides: Mapping[str, Any], output_dir: Path
) -> None:
    found = {result.cell: result for result in read_cells(output_dir)}
    for result in found.values():
        if (theirs := result.record.get("protocol")) != protocol.name:
            raise ValueError(f"{output_dir} holds cells of {theirs!r}. Choose another folder for {protocol.name!r}.")
    for run in runs:
        for cell in run.cells:
            if cell in found:
                check_same_recipe(run, found[cell].record["recipe"], overrides, cell.folder(output_dir))


def _pending(
    runs: Sequence[TrainingRun], output_dir: Path, state: PartialState
) -> list[tuple[TrainingRun, list[Cell]]]:
    """What is left, as the main process finds it: all must train the same. What has failed before comes last."""
    left: list[Any] = [
        [
            (index, unfinished)
            for index, run in sorted(
                enumerate(runs), key=lambda item: (item[1].folder(output_dir) / FAILURE_FILE).is_file()
            )
            if (unfinished := [cell for cell in run.cells if not cell.is_finished(output_dir)])
        ]
    ]
    if state.num_processes > 1:
        broadcast_object_list(left)
    return [(runs[index], cells) for index, cells in left[0]]


def _steps(run: TrainingRun, overrides: Mapping[str, Any], output_dir: Path) -> list[Step]:
    try:
        return load_experiment(["--config", str(run.write_experiment(overrides, output_dir))])
    except ValueError as error:
        raise ValueError(f"{run.name} cannot be trained: {error}") from error


def _use_cpu(runs: Sequence[TrainingRun], overrides: Mapping[str, Any]) -> bool:
    return not torch.accelerator.is_available() or all(run.experiment(overrides).get("use_cpu") for run in runs)


class _Training:
    """One training of the grid, and the cells that it fills."""

    def __init__(
        self,
        protocol: TrainingProtocol,
        run: TrainingRun,
        steps: Sequence[Step],
        output_dir: Path,
        overrides: Mapping[str, Any],
        keep_checkpoints: bool,
    ):
        self.protocol, self.run, self.steps = protocol, run, steps
        self.output_dir, self.overrides, self.keep_checkpoints = output_dir, overrides, keep_checkpoints
        self.folder = run.folder(output_dir)
        self.run_dirs = [Path(step.output_dir) for step in steps]

    def carry_out(self, cells: Sequence[Cell], state: PartialState, summary: RunSummary) -> str:
        """Train, score the cells, and say what came of it."""
        failure = self.folder / FAILURE_FILE
        log = self.folder / (LOG_FILE if state.is_main_process else f"train.process_{state.process_index}.log")
        started = time.perf_counter()
        try:
            with _logged_to(log, self.run.name):
                train.main(["--config", str(self.folder / EXPERIMENT_FILE)])
                missing = self._finish(cells, time.perf_counter() - started) if state.is_main_process else []
        except Exception as error:  # whatever it is, the other cells can be trained; the log has the traceback
            reason = f"{type(error).__name__}: {error}"
            write_atomically(failure, f"{reason}\n".encode())
            if state.num_processes > 1:
                raise
            summary.failures[self.run.name] = f"{reason} (see {log})"
            return f"failed: {reason}"
        finally:
            _release_memory()
        failure.unlink(missing_ok=True)
        summary.num_trained += len(cells) - len(missing)
        for setting in missing:
            summary.failures[f"{self.run.system.name}, {setting.name}"] = (
                f"{self.run.name} tested nothing of {setting.corpus}, which was not among its corpora."
            )
        num_done = len(cells) - len(missing)
        return f"{num_done} cell{'' if num_done == 1 else 's'} in {time.perf_counter() - started:.0f} s"

    def _finish(self, cells: Sequence[Cell], seconds: float) -> list[TrainingSetting]:
        """Write the cells; returns the settings whose corpus was not tested."""
        result_dir, facts = self._result_dir(), self._facts(seconds)
        report, predictions = load_metrics(result_dir / METRICS_FILE), load_predictions(result_dir / PREDICTIONS_FILE)
        if not self.keep_checkpoints:
            for run_dir in self.run_dirs:
                for checkpoint in sort_checkpoints(str(run_dir)):
                    shutil.rmtree(checkpoint)
        missing = []
        for cell, setting in zip(self.run.cells, self.run.settings, strict=True):
            if setting.corpus is not None and setting.corpus not in report["per_corpus"]:
                missing.append(setting)
            elif cell in cells:
                part = report["overall"] if setting.corpus is None else report["per_corpus"][setting.corpus]
                mine = predictions if setting.corpus is None else predictions[predictions["corpus"] == setting.corpus]
                save_predictions(mine.reset_index(drop=True), cell.folder(self.output_dir) / PREDICTIONS_FILE)
                record = facts | _scores(part, predicted_classes(predictions))
                finish_cell(cell, self.output_dir, record | {"metric": self.protocol.metric_of(setting)})
        return missing

    def _result_dir(self) -> Path:
        """Folder with the predictions that are scored."""
        if not self.run.system.is_ensemble:
            return self.run_dirs[-1]
        folder = self.folder / ENSEMBLE_FOLDER
        if not is_finished(folder):
            shutil.rmtree(folder, ignore_errors=True)  # of a process that was killed
            build_ensemble([load_member(run_dir) for run_dir in self.run_dirs], folder, seed=self.run.seed)
        return folder

    def _facts(self, seconds: float) -> dict[str, Any]:
        """What cells of this training have in common."""
        last = self.run_dirs[-1]
        corpora = json.loads((last / CORPORA_FILE).read_text(encoding="utf-8"))
        config = json.loads((last / "config.json").read_text(encoding="utf-8"))
        return {
            "protocol": self.protocol.name,
            "num_folds": self.run.settings[0].num_folds,
            "recipe": self.run.experiment(self.overrides),
            "training": {
                "folder": os.path.relpath(last, self.output_dir),
                "seconds_of_last_call": seconds,
                **_best_checkpoint(last),
            },
            "encoder": {
                "name_or_path": self.steps[0].model.model_name_or_path,
                "model_type": config["model_type"],
            },
            "split": {corpus["name"]: corpus["split"] for corpus in corpora if corpus["role"] == "train"},
            "versions": json.loads((last / ENVIRONMENT_FILE).read_text(encoding="utf-8")),
        }


def _scores(part: Mapping[str, Any], classes: Sequence[str]) -> dict[str, Any]:
    """What a report says of a test part."""
    return {
        "classes": list(classes),
        "scores": {"test": {metric: part[metric] for metric in (*TRAINING_METRICS, "ece")}},
        "intervals": part["intervals"],
        "unit": part["interval_unit"],
        "test": {name: part[name] for name in _SIZES},
    }


def _best_checkpoint(run_dir: Path) -> dict[str, Any]:
    """The step whose model was kept, as far as checkpoints say it."""
    checkpoint = last_checkpoint(run_dir)
    if checkpoint is None:
        return {}
    state = json.loads((Path(checkpoint) / TRAINER_STATE_NAME).read_text(encoding="utf-8"))
    return {name: state.get(name) for name in ("global_step", "best_global_step", "best_metric")}


@contextlib.contextmanager
def _logged_to(path: Path, title: str) -> Iterator[None]:
    """Add log messages, printed text and the traceback of an error to a file."""
    loggers = [logging.getLogger(name) for name in _LOGGED]
    with path.open("a", buffering=1, encoding="utf-8") as log:  # line by line: a kill leaves what was said
        handler = logging.StreamHandler(log)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        for each in loggers:
            each.addHandler(handler)
        try:
            with contextlib.redirect_stdout(log):
                log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {title}\n")
                yield
        except BaseException:
            traceback.print_exc(file=log)
            raise
        finally:
            for each in loggers:
                each.removeHandler(handler)


def _release_memory() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
