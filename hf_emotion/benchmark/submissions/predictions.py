"""Predictions that somebody submits for a setting, held against its partition: all of the test part, once, no more.

Two formats: a Parquet table with probabilities, and the text files that EMO-SUPERB's code writes, which list the
classes above chance and thus hold decisions only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ...evaluation.predictions import PROBABILITY_PREFIX
from ..setting_data import FoldRows, SettingData
from ..soft_predictions import decisions_table, soft_predictions_table
from .untrusted_files import SubmissionError, read_untrusted, read_untrusted_lines, shown, untrusted_entries
from .untrusted_parquet import read_untrusted_table


Folds = dict[int, list[pd.DataFrame]]  # by number of the fold, one table for each seed

MAX_SEEDS = 20
MAX_PARQUET_BYTES = 256 << 20
MAX_TEXT_BYTES = 32 << 20
_SUM_TOLERANCE = 1e-3  # half precision
_MAX_LISTED = 5  # rows or lines of a file with the same problem
_PART_NAMES = {"train": "training", "validation": "development", "test": "test"}
_TEXT_FILE = re.compile(r"test_(?P<fold>.+)_(?P<kind>predict|truth)\.txt")


def read_probabilities(path: Path, data: SettingData) -> Folds:
    """
    Read the Parquet table of a setting.

    Args:
        path (`Path`): Table with `utterance_id`, `fold` (from 1), `seed` (if there are several) and
            `probability_<class>` of each class, in any order.
        data ([`~hf_emotion.benchmark.setting_data.SettingData`]): The setting.

    Returns:
        `dict[int, list[pd.DataFrame]]`: Soft predictions tables by fold, one for each seed, in ascending order, with
        the rows in the order of the test part.

    Raises:
        SubmissionError: What is wrong, each with rows (counted from 0) and what to do.
    """
    content = read_untrusted(path, MAX_PARQUET_BYTES)
    name = shown(path.name)
    max_rows = MAX_SEEDS * sum(len(fold.test) for fold in data.folds)
    table = read_untrusted_table(content, name, data.classes, max_rows)
    if problems := _problems_of_values(table, name, data.classes):
        raise SubmissionError(problems)
    frame = table.select(["utterance_id", "fold", "seed"]).to_pandas()
    columns = [table[PROBABILITY_PREFIX + label].to_numpy() for label in data.classes]
    probabilities = np.stack(columns, axis=1)
    if problems := _problems_of_rows(frame, name, data):
        raise SubmissionError(problems)
    folds: Folds = {fold.number: [] for fold in data.folds}
    for (number, _seed), part in frame.groupby(["fold", "seed"]):  # sorted
        test = data.fold(number).test
        utterances = data.utterances.iloc[test]
        rows = pd.Series(part.index, index=part["utterance_id"]).loc[utterances["utterance_id"]]
        table = soft_predictions_table(utterances, data.labels[test], probabilities[rows], data.classes)
        folds[number].append(table)
    return folds


def read_decisions(folder: Path, data: SettingData) -> Folds:
    """
    Read the text files that EMO-SUPERB's code writes: `test_<fold>_predict.txt`, with a line
    `<FileName> <class>;<class>...` for each utterance, where no class is possible.

    Args:
        folder (`Path`): The files of all folds. Where there is a `test_<fold>_truth.txt` too, it must agree with the
            published labels.
        data ([`~hf_emotion.benchmark.setting_data.SettingData`]): The setting.

    Returns:
        `dict[int, list[pd.DataFrame]]`: One table of decisions for each fold.

    Raises:
        SubmissionError: What is wrong, each with file and line (counted from 1) and what to do.
    """
    files, problems = _text_files(folder, data)
    folds: Folds = {}
    for fold in data.folds:
        utterances = data.utterances.iloc[fold.test]
        for kind, path in sorted(files.get(fold.number, {}).items()):  # predict, then truth
            try:
                if kind == "predict":
                    found = _read_text(path, data, fold)
                    folds[fold.number] = [decisions_table(utterances, data.labels[fold.test], found, data.classes)]
                else:
                    _check_truth(path, data, fold)
            except SubmissionError as error:
                problems += error.problems
    if problems:
        raise SubmissionError(problems)
    return folds


def is_text_file(name: str) -> bool:
    """Whether a file has a name that EMO-SUPERB's code gives to predictions on a test part, or to their truth."""
    return _TEXT_FILE.fullmatch(name) is not None


def _problems_of_values(table: pa.Table, file: str, classes: Sequence[str]) -> list[str]:
    problems = []
    for name in table.column_names:
        if table[name].null_count:
            row = table[name].is_null().to_numpy().argmax()
            text = f"{name} is empty or not a number, as in {table[name].null_count} rows"
            problems.append(f"{file}, row {row}: {text}. Predict all of the test part; did the training diverge?")
    if problems:
        return problems
    values = np.stack([table[PROBABILITY_PREFIX + name].to_numpy() for name in classes], axis=1)
    checks = (
        (~np.isfinite(values), "not finite in {} rows. Did the training diverge?"),
        (values < 0, "negative in {} rows. Apply the softmax to logits."),
    )
    for bad, text in checks:
        if bad.any():
            row, column = np.argwhere(bad)[0]
            what = f"{PROBABILITY_PREFIX}{classes[column]} is {values[row, column]:g}"
            problems.append(f"{file}, row {row}: {what}, {text.format(int(bad.any(axis=1).sum()))}")
    with np.errstate(over="ignore", invalid="ignore"):
        sums = values.sum(axis=1)
    wrong = np.abs(sums - 1) > _SUM_TOLERANCE
    if not problems and wrong.any():
        row = int(wrong.argmax())
        text = "Apply the softmax to logits; where several classes may be present, divide by the sum."
        problems.append(
            f"{file}, row {row}: probabilities sum to {sums[row]:g}, not 1, as in {wrong.sum()} rows. {text}"
        )
    return problems


def _problems_of_rows(frame: pd.DataFrame, file: str, data: SettingData) -> list[str]:
    """Rows that are in no test part, or there twice, and utterances that lack a row."""
    numbers, seeds = [fold.number for fold in data.folds], sorted(frame["seed"].unique())
    if len(seeds) > MAX_SEEDS or (seeds and seeds[0] < 0):
        return [f"{file} has {len(seeds)} seeds from {seeds[0]}. Use up to {MAX_SEEDS}, none below 0."]
    problems = _listed(
        frame[~frame["fold"].isin(numbers)],
        lambda row: f"{file}, row {row.Index}: fold is {row.fold}; {data.name} has the folds {_range(numbers)}",
    )
    for fold in data.folds:
        problems += _problems_of_fold(frame[frame["fold"] == fold.number], file, data, fold)
        for seed in seeds or [0]:
            present = frame["utterance_id"][(frame["fold"] == fold.number) & (frame["seed"] == seed)]
            where = f"fold {fold.number}" + (f", seed {seed}" if len(seeds) > 1 else "")
            problems += _problems_of_missing(file, where, data, fold, present)
    return problems


def _problems_of_fold(frame: pd.DataFrame, file: str, data: SettingData, fold: FoldRows) -> list[str]:
    parts, known = _parts(data, fold), set(data.utterances["utterance_id"])
    is_test = np.array([parts.get(name) == "test" for name in frame["utterance_id"]], dtype=bool)
    return _listed(
        frame[~is_test],
        lambda row: f"{file}, row {row.Index}: {_not_tested(row.utterance_id, fold.number, parts, known)}",
    ) + _listed(
        frame[is_test & frame.duplicated(["seed", "utterance_id"]).to_numpy()],
        lambda row: f"{file}, row {row.Index}: {shown(row.utterance_id)} is there twice in fold {row.fold}. Keep one",
    )


def _problems_of_missing(
    file: str, where: str, data: SettingData, fold: FoldRows, present: Iterable[str]
) -> list[str]:
    test = data.utterances["utterance_id"].iloc[fold.test]
    missing = test[~test.isin(set(present))]
    if missing.empty:
        return []
    text = f"{len(missing)} of {len(test)} utterances of the test part are missing, first {missing.iloc[0]!r}"
    return [f"{file}, {where}: {text}. Predict all of them."]


def _parts(data: SettingData, fold: FoldRows) -> dict[str, str]:
    ids = data.utterances["utterance_id"].to_numpy()
    return {name: part for part in _PART_NAMES for name in ids[getattr(fold, part)]}


def _not_tested(name: str, fold: int, parts: Mapping[str, str], known: Collection[str]) -> str:
    if name in parts:
        return f"{shown(name)} is in the {_PART_NAMES[parts[name]]} part of fold {fold}. Submit the test part only"
    if name in known:
        return f"{shown(name)} is in no part of fold {fold}. Leave it out"
    hint = f"; {name + '.wav'!r} is: write ids with their suffix" if f"{name}.wav" in known else ". Leave it out"
    return f"{shown(name)} is no utterance of this setting{hint}"


def _listed(rows: pd.DataFrame, describe: Callable[[Any], str]) -> list[str]:
    """The first rows with a problem, and how many more there are."""
    problems = [f"{describe(row)}." for row in rows.head(_MAX_LISTED).itertuples()]
    if len(rows) > len(problems):
        problems[-1] += f" {len(rows) - len(problems)} more rows are like this."
    return problems


def _range(numbers: Sequence[int]) -> str:
    return f"{numbers[0]} to {numbers[-1]}" if len(numbers) > 1 else f"{numbers[0]} only"


def _text_files(folder: Path, data: SettingData) -> tuple[dict[int, dict[str, Path]], list[str]]:
    """Files by number of the fold and kind, and problems of their names."""
    where, numbers = shown(folder.name), [fold.number for fold in data.folds]
    files: dict[int, dict[str, Path]] = {number: {} for number in numbers}
    problems = []
    for entry in untrusted_entries(folder):
        match = _TEXT_FILE.fullmatch(entry.name)
        if match is None:
            continue
        digits = re.findall(r"[0-9]+", match["fold"])
        number = int(digits[0]) if len(digits) == 1 and len(digits[0]) < 5 else numbers[0] if not digits else None
        if number not in files or (not digits and len(numbers) > 1):
            problems.append(f"{where}: {shown(entry.name)} names no fold; there are {_range(numbers)}. Rename it.")
        elif match["kind"] in files[number]:
            other = files[number][match["kind"]].name
            problems.append(f"{where}: {shown(other)} and {shown(entry.name)} are of the same fold. Keep one.")
        else:
            files[number][match["kind"]] = Path(entry.path)
    for number in numbers:
        if "predict" not in files[number]:
            problems.append(f"{where}: fold {number} lacks its predictions, test_fold{number}_predict.txt. Add them.")
    return files, problems


def _read_text(path: Path, data: SettingData, fold: FoldRows) -> np.ndarray:
    """Decisions `(num_test, num_classes)` of a file that lists the whole test part."""
    where, parts = f"{shown(path.parent.name)}, {shown(path.name)}", _parts(data, fold)
    known = set(data.utterances["utterance_id"])
    place = {data.utterances["utterance_id"].iloc[row]: index for index, row in enumerate(fold.test)}
    column = {name: index for index, name in enumerate(data.classes)}
    decisions, problems, present = np.zeros((len(place), len(column)), dtype=bool), list[str](), set[str]()
    lines = read_untrusted_lines(path, MAX_TEXT_BYTES)
    if len(lines) > 2 * len(known):
        raise SubmissionError([f"{where} has {len(lines):,} lines for {len(place):,} utterances. Write one for each."])
    for number, line in enumerate(lines, start=1):
        name, names = _parsed_line(line, parts)
        if name not in place:
            problems.append(f"{where}, line {number}: {_not_tested(name, fold.number, parts, known)}.")
        elif name in present:
            problems.append(f"{where}, line {number}: {shown(name)} is there twice. Keep one.")
        elif unknown := [label for label in names if label not in column]:
            text = f"{shown(unknown[0])} is no class of {data.name}, which has {', '.join(column)}"
            problems.append(f"{where}, line {number}: {text}. Separate classes by ';' without spaces.")
        else:
            decisions[place[name], [column[label] for label in names]] = True
        present.add(name)
    if more := problems[_MAX_LISTED:]:
        problems[_MAX_LISTED - 1 :] = [f"{problems[_MAX_LISTED - 1]} {len(more)} more lines have problems."]
    problems += _problems_of_missing(where, f"fold {fold.number}", data, fold, present)
    if problems:
        raise SubmissionError(problems)
    return decisions


def _parsed_line(line: str, parts: Mapping[str, str]) -> tuple[str, list[str]]:
    """Id and classes. An id may hold spaces, and the space behind it may have been lost where there are no classes."""
    name, _, names = line.rpartition(" ")
    if name not in parts and line in parts:
        return line, []
    return (name, names.split(";") if names else []) if name else (line, [])


def _check_truth(path: Path, data: SettingData, fold: FoldRows) -> None:
    truth, found = data.truth[fold.test], _read_text(path, data, fold)
    differs = (truth != found).any(axis=1)
    if differs.any():
        row = int(differs.argmax())
        theirs, ours = (";".join(np.array(data.classes)[values[row]]) or "no class" for values in (found, truth))
        name = data.utterances["utterance_id"].iloc[fold.test[row]]
        text = f"{int(differs.sum())} utterances have another truth than the published labels"
        raise SubmissionError(
            [
                f"{shown(path.parent.name)}, {shown(path.name)}: {text}, first {name!r}: {theirs} instead of {ours}. "
                "Was another label file or partition used? Train and test with the published one."
            ]
        )
