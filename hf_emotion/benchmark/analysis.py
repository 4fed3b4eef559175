"""What the score of a system hides: calibration, the gap between genders, its best and worst class.

EMO-SUPERB names calibration and gender bias as future work (sections 6 and 7).
"""

from __future__ import annotations

import dataclasses
import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ..cards.model_card_text import table
from ..evaluation.plots import save_figure
from .cells import CellResult, slug
from .plots import multi_label_confusion_figure, radar_chart, soft_reliability_figure
from .scores import setting_scores


logger = logging.getLogger(__name__)

Cell = str | int | float | None
_SOFT_METRIC = "macro_f1"
_MIN_AXES = 3  # of a radar chart
_OWN_COLUMNS = ("system", "setting", "macro-F1", "95 % interval", "std of seeds", "calibration error (%)")
_CLASS_COLUMNS = ("best class", "worst class", "batch average")
NOTE = (
    "Gap: difference between the genders. Batch average: mean of macro-F1 over batches of 32 utterances in the order "
    "of their names, which EMO-SUPERB's released code logs and its Table 3 seems to hold."
)


@dataclass(frozen=True)
class SettingAnalysis:
    """
    A system on a setting.

    Args:
        system (`str`): Name of the system.
        setting (`str`): Name of the setting.
        num_folds (`int`): Folds that were measured.
        num_seeds (`int`): Seeds of each.
        scores (`Mapping[str, Any]`): What [`~hf_emotion.benchmark.scores.setting_scores`] returns.
    """

    system: str
    setting: str
    num_folds: int
    num_seeds: int
    scores: Mapping[str, Any]

    @property
    def best_class(self) -> tuple[str, float]:
        """Class with the highest F1 and that F1; classes without an utterance do not count."""
        return max(self._class_f1(), key=lambda item: item[1])

    @property
    def worst_class(self) -> tuple[str, float]:
        """Class with the lowest F1 and that F1."""
        return min(self._class_f1(), key=lambda item: item[1])

    def _class_f1(self) -> list[tuple[str, float]]:
        classes = self.scores["per_class"].items()
        return [(name, values["f1"]) for name, values in classes if values["support"]] or [("-", 0.0)]


def soft_cells(cells: Iterable[CellResult]) -> dict[tuple[str, str], list[CellResult]]:
    """
    Cells with soft labels, by system and setting.

    Raises:
        ValueError: There is none.
    """
    found: dict[tuple[str, str], list[CellResult]] = defaultdict(list)
    for result in cells:
        # cells of trainings have one class per utterance and no layer weights
        if result.record.get("metric") == _SOFT_METRIC and "layer_weights" in result.record:
            found[result.cell.system, result.cell.setting].append(result)
    if not found:
        raise ValueError(
            "No finished cell was scored by multi-label macro-F1 on soft labels. Run a benchmark of frozen encoders "
            "first, or name its output folder; `hf-emotion compare` analyses runs with one class per utterance."
        )
    return dict(found)


def analyse_cells(cells: Iterable[CellResult], *, num_resamples: int = 1000, seed: int = 0) -> list[SettingAnalysis]:
    """
    Score each system on each setting.

    Args:
        cells (`Iterable[CellResult]`): Finished cells; those without soft labels are left out, and so are seeds that
            not all folds at hand were trained with.
        num_resamples (`int`, *optional*, defaults to 1000): Bootstrap replicates of the intervals.
        seed (`int`, *optional*, defaults to 0): Seed of the bootstrap.

    Raises:
        ValueError: No cell has soft labels, or those of a system have no seed in common or other classes.
    """
    found = []
    for (system, setting), results in soft_cells(cells).items():
        folds = tables_by_fold(complete_seeds(results))
        try:
            scores = setting_scores(folds, num_resamples=num_resamples, seed=seed)
        except ValueError as error:
            raise ValueError(f"{system} on {setting}: {error}") from error
        num_seeds = len(next(iter(folds.values())))
        found.append(SettingAnalysis(system, setting, len(folds), num_seeds, scores))
    return found


def complete_seeds(results: Sequence[CellResult]) -> list[CellResult]:
    """
    Cells of one system and setting without those seeds that are not finished for each of the folds at hand.

    Raises:
        ValueError: No seed is left.
    """
    seeds = defaultdict(set)
    for result in results:
        seeds[result.cell.fold].add(result.cell.seed)
    common = set.intersection(*seeds.values())
    if not common:
        cell = results[0].cell
        raise ValueError(
            f"The folds of {cell.system} on {cell.setting} have no seed in common: "
            f"{ {fold: sorted(found) for fold, found in sorted(seeds.items())} }. Finish the benchmark first."
        )
    kept = [result for result in results if result.cell.seed in common]
    if len(kept) < len(results):
        cell = results[0].cell
        logger.warning(
            "%s on %s: %d of %d cells are left out, whose seed is not finished for all folds.",
            cell.system,
            cell.setting,
            len(results) - len(kept),
            len(results),
        )
    return kept


def tables_by_fold(results: Iterable[CellResult]) -> dict[int, list[pd.DataFrame]]:
    """Predictions of the cells of one system and setting: by fold, one table per seed in the order of the seeds."""
    folds: dict[int, list[pd.DataFrame]] = defaultdict(list)
    for result in sorted(results, key=lambda result: result.cell):
        folds[result.cell.fold].append(result.predictions())
    return dict(folds)


def analysis_columns(analyses: Sequence[SettingAnalysis]) -> list[str]:
    """Header of [`analysis_rows`]: with a column for each gender that occurs."""
    return [*_OWN_COLUMNS, *(f"macro-F1 {name}" for name in _genders(analyses)), "gap (points)", *_CLASS_COLUMNS]


def analysis_rows(analyses: Sequence[SettingAnalysis]) -> list[list[Cell]]:
    """
    One row per system and setting under [`analysis_columns`].

    F1 is between 0 and 1, gap and calibration error are times 100; see `NOTE` for the last column.
    """
    genders = _genders(analyses)
    return [
        [
            analysis.system,
            analysis.setting,
            _rounded(analysis.scores["macro_f1"]),
            "[{:.3f}, {:.3f}]".format(*analysis.scores["interval"]),
            _rounded(analysis.scores["std_of_seeds"]),
            _rounded(100 * analysis.scores["calibration_error"], 1),
            *(_rounded(analysis.scores["per_gender"].get(gender)) for gender in genders),
            _points(analysis.scores["gender_gap"]),
            "{} {:.3f}".format(*analysis.best_class),
            "{} {:.3f}".format(*analysis.worst_class),
            _rounded(analysis.scores["macro_f1_of_batches"]),
        ]
        for analysis in analyses
    ]


def analysis_markdown(analyses: Sequence[SettingAnalysis]) -> str:
    """The table of [`analysis_rows`], and one of the classes of each system and setting."""
    rows = [["-" if cell is None else cell for cell in row] for row in analysis_rows(analyses)]
    parts = [table(analysis_columns(analyses), rows), NOTE]
    for analysis in analyses:
        classes = [
            [name, *(f"{values[key]:.3f}" for key in ("f1", "precision", "recall")), values["support"]]
            for name, values in analysis.scores["per_class"].items()
        ]
        header = ["class", "F1", "precision", "recall", "utterances"]
        parts.append(f"## {analysis.system}, {analysis.setting}\n\n{table(header, classes)}")
    return "\n\n".join(parts) + "\n"


def save_analysis(
    analyses: Sequence[SettingAnalysis], cells: Iterable[CellResult], output_dir: str | Path
) -> list[Path]:
    """
    Write an analysis: `analysis.json`, `analysis.csv`, `analysis.md`, for each setting a radar chart of the systems'
    F1 by class, and for each system and setting its confusions and its reliability diagram.

    Args:
        analyses (`Sequence[SettingAnalysis]`): Those of [`analyse_cells`].
        cells (`Iterable[CellResult]`): The cells they are about.
        output_dir (`str` or `Path`): Folder to write into.

    Returns:
        `list[Path]`: The files.
    """
    folder = Path(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    columns, rows = analysis_columns(analyses), analysis_rows(analyses)
    pd.DataFrame(rows, columns=columns).to_csv(folder / "analysis.csv", index=False)
    content = [dataclasses.asdict(analysis) for analysis in analyses]
    (folder / "analysis.json").write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "analysis.md").write_text(analysis_markdown(analyses), encoding="utf-8")
    paths = [folder / f"analysis.{suffix}" for suffix in ("csv", "json", "md")]
    for setting, by_class in _f1_by_setting(analyses).items():
        if min(map(len, by_class.values())) >= _MIN_AXES:
            chart = radar_chart(by_class, title=f"F1 by class, {setting}")
            paths.append(save_figure(chart, folder / f"radar_{slug(setting)}.png"))
    groups = soft_cells(cells)
    for analysis in analyses:
        name, title = f"{slug(analysis.system)}_{slug(analysis.setting)}.png", f"{analysis.system}, {analysis.setting}"
        classes = analysis.scores["per_class"]
        support = [values["support"] for values in classes.values()]
        confusion = multi_label_confusion_figure(
            analysis.scores["confusion"], list(classes), support=support, title=title
        )
        kept = complete_seeds(groups[analysis.system, analysis.setting])
        joined = pd.concat([result.predictions() for result in kept])
        paths += [
            save_figure(confusion, folder / f"confusion_{name}"),
            save_figure(soft_reliability_figure({title: joined}), folder / f"reliability_{name}"),
        ]
    return paths


def _f1_by_setting(analyses: Sequence[SettingAnalysis]) -> dict[str, dict[str, dict[str, float]]]:
    """F1 by setting, system and class."""
    found: dict[str, dict[str, dict[str, float]]] = defaultdict(dict)
    for analysis in analyses:
        classes = analysis.scores["per_class"].items()
        found[analysis.setting][analysis.system] = {name: values["f1"] for name, values in classes}
    return dict(found)


def _genders(analyses: Sequence[SettingAnalysis]) -> list[str]:
    return sorted({gender for analysis in analyses for gender in analysis.scores["per_gender"]})


def _rounded(value: float | None, digits: int = 3) -> str | None:
    """As text: terminal tables would show two digits."""
    return None if value is None else f"{value:.{digits}f}"


def _points(gap: float | None) -> str | None:
    return None if gap is None else f"{100 * gap:.1f}"
