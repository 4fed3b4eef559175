"""The table of a benchmark: ours beside the paper's, intervals, averages over equal sets, and paired tests."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...metrics.significance import holm_adjusted
from ..cells import CellResult, read_cells
from ..protocol import Protocol
from ..reported import IN_PERCENT, NOTES, SOURCES, reported_table
from ..scores import compare_settings, setting_scores
from ..training.protocol import TrainingProtocol
from ..training.scores import STATISTICS, compare_trainings, training_interval
from .letters import letter_groups


LOWER_IS_BETTER = ("eer",)
_SIGNIFICANCE_LEVEL = 0.05
_MISSING = math.nan
_TEST_COLUMNS = ("setting", "a", "b", "score_a", "score_b", "difference", "low", "high", "p_value", "p_value_holm")


@dataclass(frozen=True)
class BenchmarkTable:
    """
    A benchmark as far as it has been measured. Scores are in the unit of the paper's table.

    Args:
        protocol (`str`): Its name.
        systems, settings (`tuple[str, ...]`): Rows and columns.
        metrics (`dict[str, str]`): Score of each setting.
        in_percent (`bool`): Whether scores are in percent.
        decimals (`int`): Decimals of the paper's figures.
        cells (`pd.DataFrame`): A row per system and setting: `score`, `low`, `high` (the interval), `num_cells`,
            `num_expected`, `num_folds`, `num_seeds`, `std_of_seeds`, `num_utterances`, `unit` (what was resampled),
            `reported`, `difference` (ours minus the paper's) and `letters`. `score` is NaN unless all cells are there.
        averages (`pd.DataFrame`): A row per system: `score`, `reported` and `difference`, over `average_settings`.
        average_settings (`tuple[str, ...]`): The settings that all systems with a score have; of those that the paper
            gives figures for, if it gives any. Empty if there is nothing to average.
        comparisons (`pd.DataFrame`): A row per setting and pair of systems that was asked for: `setting`, `a`, `b`,
            `score_a`, `score_b`, `difference` (b - a), `low`, `high`, `p_value`, `p_value_holm` and `is_significant`.
        pairwise (`pd.DataFrame`): The same for all pairs, which letters are made of. Empty without them.
        notes (`tuple[str, ...]`): What a reader must know.
    """

    protocol: str
    systems: tuple[str, ...]
    settings: tuple[str, ...]
    metrics: dict[str, str]
    in_percent: bool
    decimals: int
    cells: pd.DataFrame
    averages: pd.DataFrame
    average_settings: tuple[str, ...]
    comparisons: pd.DataFrame
    pairwise: pd.DataFrame
    notes: tuple[str, ...]

    def cell(self, system: str, setting: str) -> pd.Series:
        """The row of `cells` of a system on a setting."""
        rows = self.cells[(self.cells["system"] == system) & (self.cells["setting"] == setting)]
        return rows.iloc[0]

    def average(self, system: str) -> pd.Series:
        """The row of `averages` of a system."""
        return self.averages[self.averages["system"] == system].iloc[0]

    def best_systems(self, setting: str) -> list[str]:
        """Systems with the best score of ours on a setting, if there are two or more to choose from."""
        scores = self.cells[self.cells["setting"] == setting].dropna(subset=["score"]).set_index("system")["score"]
        if len(scores) < 2:
            return []
        best = scores.min() if self.metrics[setting] in LOWER_IS_BETTER else scores.max()
        return scores[scores == best].index.tolist()


def benchmark_table(
    protocol: Any,
    output_dir: str | os.PathLike,
    *,
    with_letters: bool = False,
    pairs: Sequence[tuple[str, str]] = (),
    num_resamples: int = 1000,
    num_permutations: int = 9999,
) -> BenchmarkTable:
    """
    Gather the finished cells of a benchmark.

    Args:
        protocol ([`~hf_emotion.benchmark.protocol.Protocol`]): What was measured; rows and columns are its systems and
            settings, see [`~hf_emotion.benchmark.protocol.Protocol.selected`].
        output_dir (`str` or `os.PathLike`): Its output folder.
        with_letters (`bool`, *optional*, defaults to `False`): Compare all systems on each setting; systems that share
            a letter do not differ (p < 0.05, adjusted for all pairs of the setting).
        pairs (`Sequence[tuple[str, str]]`, *optional*): Systems to compare on all settings that both have; p-values
            are adjusted for these.
        num_resamples, num_permutations (`int`, *optional*): Of intervals and tests.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: It holds cells of another protocol, or cells that cannot be read or paired.
    """
    gathered = _Gathered(protocol, output_dir, num_resamples, num_permutations)
    systems, settings = protocol.systems, protocol.settings
    cells = pd.DataFrame([gathered.row(system, setting) for system in systems for setting in settings])
    averages, average_settings = _averages(protocol, cells)
    comparisons = [gathered.compared([(protocol.system(a).name, protocol.system(b).name)], settings) for a, b in pairs]
    everyone = list(itertools.combinations([system.name for system in systems], 2)) if with_letters else []
    pairwise = [gathered.compared(everyone, [setting]) for setting in settings]
    cells["letters"] = _letters(cells, pairwise)
    return BenchmarkTable(
        protocol=protocol.name,
        systems=tuple(system.name for system in systems),
        settings=tuple(setting.name for setting in settings),
        metrics={setting.name: _metric(protocol, setting) for setting in settings},
        in_percent=_in_percent(protocol),
        decimals=max(map(_decimals, gathered.reported.to_numpy().ravel()), default=1),
        cells=cells,
        averages=averages,
        average_settings=average_settings,
        comparisons=_test_frame(comparisons),
        pairwise=_test_frame(pairwise),
        notes=(*_notes(protocol, cells, average_settings, with_letters), *_untested(pairs, comparisons)),
    )


class _Gathered:
    """Finished cells by system and setting, their scores and tests."""

    def __init__(self, protocol: Any, output_dir: str | os.PathLike, num_resamples: int, num_permutations: int):
        if not Path(output_dir).is_dir():
            raise FileNotFoundError(f"There is no folder {output_dir}: nothing has been run into it.")
        self.protocol = protocol
        self.scale = 100 if _in_percent(protocol) else 1
        self.num_resamples, self.num_permutations = num_resamples, num_permutations
        self.found: dict[tuple[str, str], dict[tuple[int, int], CellResult]] = {}
        for result in read_cells(output_dir):
            if (theirs := result.record.get("protocol")) != protocol.name:
                raise ValueError(f"{output_dir} holds cells of {theirs!r}, not of {protocol.name!r}.")
            key = result.cell.system, result.cell.setting
            self.found.setdefault(key, {})[result.cell.fold, result.cell.seed] = result
        figures = reported_table(protocol.reported) if protocol.reported else pd.DataFrame()
        self.reported = figures.drop(columns="num_parameters", errors="ignore")
        self._frames: dict[tuple[str, str], dict[int, list[pd.DataFrame]]] = {}

    def row(self, system: Any, setting: Any) -> dict[str, Any]:
        """Of a system on a setting."""
        found, num_folds, seeds = self._complete(system.name, setting)
        expected = sorted({*self.protocol.seeds, *(seed for _, seed in found)})
        row = {
            "system": system.name,
            "setting": setting.name,
            **dict.fromkeys(("score", "low", "high", "std_of_seeds", "reported", "difference"), _MISSING),
            "num_cells": len(found),
            "num_expected": num_folds * len(expected),
            "num_folds": num_folds,
            "num_seeds": len(seeds),
            "num_utterances": 0,
            "unit": None,
            "letters": "",
        }
        if seeds:
            row |= self._scores(system.name, setting)
        row["reported"] = self._reported(system, setting.name)
        return row | {"difference": row["score"] - row["reported"]}

    def compared(self, pairs: Sequence[tuple[str, str]], settings: Sequence[Any]) -> list[dict[str, Any]]:
        """A family of tests: pairs of systems on those of some settings that both have, adjusted for their number."""
        tests = [
            {"setting": setting.name, "a": a, "b": b, **self._test(a, b, setting)}
            for setting, (a, b) in itertools.product(settings, pairs)
            if not (self._is_training() and _metric(self.protocol, setting) not in STATISTICS)
            and all(self._complete(name, setting)[2] for name in (a, b))
        ]
        adjusted = holm_adjusted([test["p_value"] for test in tests])
        return [
            test | {"p_value_holm": value, "is_significant": value < _SIGNIFICANCE_LEVEL}
            for test, value in zip(tests, adjusted, strict=True)
        ]

    def _test(self, a: str, b: str, setting: Any) -> dict[str, Any]:
        first, second = self._tables(a, setting), self._tables(b, setting)
        options: dict[str, int] = {"num_resamples": self.num_resamples, "num_permutations": self.num_permutations}
        try:
            if self._is_training():
                found = compare_trainings(first, second, _metric(self.protocol, setting), **options)
            else:
                found = compare_settings(first, second, **options)
        except ValueError as error:
            raise ValueError(f"{a} and {b} on {setting.name}: {error}") from error
        low, high = found["interval"]
        return {
            "score_a": self.scale * found["a"],
            "score_b": self.scale * found["b"],
            "difference": self.scale * found["difference"],
            "low": self.scale * low,
            "high": self.scale * high,
            "p_value": found["p_value"],
        }

    def _scores(self, system: str, setting: Any) -> dict[str, Any]:
        tables = self._tables(system, setting)
        sizes = {"num_utterances": sum(len(frames[0]) for frames in tables.values())}
        if not self._is_training():
            scores = setting_scores(tables, num_resamples=self.num_resamples)
            score, interval, spread = scores["macro_f1"], scores["interval"], scores["std_of_seeds"]
            return sizes | self._scaled(score, interval, spread) | {"unit": scores["unit"]}
        found, _, seeds = self._complete(system, setting)
        metric = _metric(self.protocol, setting)
        values = {key: result.record["scores"]["test"][metric] for key, result in found.items() if key[1] in seeds}
        by_seed = [np.mean([value for (_, s), value in values.items() if s == seed]) for seed in seeds]
        spread = float(np.std(by_seed, ddof=1)) if len(by_seed) > 1 else None
        interval, unit = (_MISSING, _MISSING), None
        if len(values) == 1 and metric in next(iter(found.values())).record["intervals"]:
            record = next(iter(found.values())).record  # as its own report says
            interval, unit = record["intervals"][metric] or interval, record["unit"]
        elif metric in STATISTICS:
            interval, unit = training_interval(tables, metric, num_resamples=self.num_resamples)
        return sizes | self._scaled(float(np.mean(by_seed)), interval, spread) | {"unit": unit}

    def _scaled(self, score: float, interval: Sequence[float], spread: float | None) -> dict[str, float]:
        low, high = interval
        values = {"score": score, "low": low, "high": high, "std_of_seeds": _MISSING if spread is None else spread}
        return {name: self.scale * value for name, value in values.items()}

    def _complete(self, system: str, setting: Any) -> tuple[dict[tuple[int, int], CellResult], int, list[int]]:
        """Cells of a system on a setting, how many folds there are, and the seeds all of whose folds are there; none
        of them unless those of the protocol are."""
        found = self.found.get((system, setting.name), {})
        num_folds = self._num_folds(setting)
        numbers = range(1, num_folds + 1)
        seeds = sorted({seed for _, seed in found if all((fold, seed) in found for fold in numbers)})
        return found, num_folds, seeds if set(self.protocol.seeds) <= set(seeds) else []

    def _num_folds(self, setting: Any) -> int:
        """Published folds are counted by who has seen them: the cells of any system."""
        mine = [cells for (_, name), cells in self.found.items() if name == setting.name]
        records = [result.record for cells in mine for result in cells.values()]
        stated = [record["num_folds"] for record in records if "num_folds" in record]
        found = [fold for cells in mine for fold, _ in cells]
        return max(stated or found, default=setting.num_folds)

    def _tables(self, system: str, setting: Any) -> dict[int, list[pd.DataFrame]]:
        key = system, setting.name
        if key not in self._frames:
            found, num_folds, seeds = self._complete(system, setting)
            self._frames[key] = {
                fold: [found[fold, seed].predictions() for seed in seeds] for fold in range(1, num_folds + 1)
            }
        return self._frames[key]

    def _reported(self, system: Any, setting: str) -> float:
        name = getattr(system, "reported_as", None) or system.name
        if name not in self.reported.index or setting not in self.reported.columns:
            return _MISSING
        return float(self.reported.loc[name, setting])

    def _is_training(self) -> bool:
        return isinstance(self.protocol, TrainingProtocol)


def _metric(protocol: Any, setting: Any) -> str:
    return protocol.metric_of(setting) if isinstance(protocol, TrainingProtocol) else protocol.metric


def _in_percent(protocol: Protocol) -> bool:
    """As in the paper; trainings without a paper are in percent, as the reports of runs are."""
    return protocol.reported in IN_PERCENT if protocol.reported else isinstance(protocol, TrainingProtocol)


def _averages(protocol: Any, cells: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Means over the same settings for all, ours and the paper's."""
    ours, reported = (
        cells.pivot(index="system", columns="setting", values=column).reindex(
            index=[system.name for system in protocol.systems], columns=[setting.name for setting in protocol.settings]
        )
        for column in ("score", "reported")
    )
    measured = ours[ours.notna().any(axis=1)]
    shared = [name for name in ours.columns if measured[name].notna().all()]
    printed = [name for name in shared if reported[reported.notna().any(axis=1)][name].notna().all()]
    if reported.notna().any(axis=None):
        shared = printed
    if len(shared) < 2 or len({_metric(protocol, protocol.setting(name)) for name in shared}) > 1:
        shared = []
    means = {
        "score": ours[shared].mean(axis=1, skipna=False) if shared else _MISSING,
        "reported": reported[shared].mean(axis=1, skipna=False) if shared else _MISSING,
    }
    averages = pd.DataFrame(means, index=ours.index).rename_axis("system").reset_index()
    return averages.assign(difference=averages["score"] - averages["reported"]), tuple(shared)


def _test_frame(families: Sequence[Sequence[Mapping[str, Any]]]) -> pd.DataFrame:
    rows = [row for family in families for row in family]
    return pd.DataFrame(rows, columns=[*_TEST_COLUMNS, "is_significant"])


def _letters(cells: pd.DataFrame, tests: Sequence[Sequence[Mapping[str, Any]]]) -> pd.Series:
    """Letters of the systems on each setting; the best ones share an a."""
    found: dict[tuple[str, str], str] = {}
    for family in tests:
        if family:
            setting, metric_cells = family[0]["setting"], cells[cells["setting"] == family[0]["setting"]]
            ordered = metric_cells.dropna(subset=["score"]).sort_values("score", ascending=False, kind="stable")
            differing = {frozenset((test["a"], test["b"])) for test in family if test["is_significant"]}
            groups = letter_groups(ordered["system"].tolist(), differing)
            found |= {(system, setting): letters for system, letters in groups.items()}
    keys = zip(cells["system"], cells["setting"], strict=True)
    return pd.Series([found.get(key, "") for key in keys], index=cells.index, dtype=object)


def _notes(protocol: Any, cells: pd.DataFrame, average_settings: Sequence[str], with_letters: bool) -> list[str]:
    scored = cells.dropna(subset=["score"])
    notes = [
        f"{len(scored)} of {len(cells)} scores are complete, with {int(cells['num_cells'].sum())} cells measured."
    ]
    if len(scored):
        units = sorted({f"{unit}s" for value in scored["unit"].dropna() for unit in value.split(" or ")})
        folds, seeds = ({int(value) for value in scored[name]} for name in ("num_folds", "num_seeds"))
        notes.append(f"Each score is the mean over {_span(folds, 'fold')} and {_span(seeds, 'seed')}.")
        notes.append(
            f"In brackets: 95 % intervals, {' or '.join(units)} resampled. They do not contain the spread of seeds."
        )
    if average_settings and len(average_settings) < len(protocol.settings):
        notes.append(f"Averages are over {', '.join(average_settings)}: what all systems with a score have.")
    elif len(scored) and len(protocol.settings) > 1 and not average_settings:
        notes.append("There is no average: no two settings of one metric have scores of all systems that have any.")
    if with_letters:
        notes.append(
            "Systems that share a letter on a setting do not differ significantly (paired permutation test of "
            "speakers, or of utterances where these are unknown; p < 0.05 by Holm's method for all pairs of the "
            "setting)."
        )
    if protocol.reported:
        notes += [f"Paper: {SOURCES[protocol.reported]}.", *NOTES.get(protocol.reported, ())]
    return notes


def _decimals(value: float) -> int:
    return len(str(float(value)).partition(".")[2])


def _untested(pairs: Sequence[tuple[str, str]], tests: Sequence[Sequence[Mapping[str, Any]]]) -> list[str]:
    return [
        f"{a} and {b} have no setting in common whose score is complete and can be tested."
        for (a, b), found in zip(pairs, tests, strict=True)
        if not found
    ]


def _span(numbers: set[int], what: str) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low} {what}{'' if low == 1 else 's'}" if low == high else f"{low} to {high} {what}s"
