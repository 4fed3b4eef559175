"""New labels for a benchmark: files that somebody has made again, checked and compared with the published ones.

EMO-SUPERB invites this, with labels that a language model has made out of descriptions that annotators typed. The
protocol: train the same head on the new labels of the train and development parts, test on the published labels.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.distance import jensenshannon

from ...data.soft_labels import threshold_labels
from ...metrics.multi_label_statistics import class_f1, multi_label_counts, multi_label_macro_f1
from ..label_files import PARTS
from ..setting_data import FoldRows, SettingData
from .untrusted_files import SubmissionError, read_untrusted_lines, shown, untrusted_entries


MAX_LABEL_BYTES = 64 << 20
_FILE = re.compile(r"labels_consensus_([0-9]{1,4})\.csv")
_SUM_TOLERANCE = 1e-4  # of labels with six decimals, as in the published files
_SAME = 5e-7  # labels that differ by less are the same, rounded to six decimals
_MAX_LISTED = 5
_MAX_COLUMNS = 200


@dataclass(frozen=True)
class Relabelling:
    """
    New labels of a setting.

    Args:
        data ([`~hf_emotion.benchmark.setting_data.SettingData`]): The setting as published.
        labels (`Mapping[int, np.ndarray]`): For each fold the labels of all utterances, as the new files have them;
            shape `(num_utterances, num_classes)`.
        digest (`str`): SHA-256 of the new labels.
    """

    data: SettingData
    labels: Mapping[int, np.ndarray]
    digest: str

    def setting(self) -> SettingData:
        """The setting with the new labels to train and validate on, and the published ones to test on."""
        fold_labels = {}
        for fold in self.data.folds:
            labels = self.labels[fold.number].copy()
            labels[fold.test] = self.data.labels[fold.test]
            fold_labels[fold.number] = labels
        digest = hashlib.sha256(f"{self.data.digest} {self.digest}".encode()).hexdigest()
        return replace(self.data, fold_labels=fold_labels, digest=digest)

    def comparison(self) -> dict[str, Any]:
        """
        How far the new labels of train and development parts are from the published ones.

        Returns:
            `dict`: `num_utterances`, `num_changed` (utterances whose labels differ in a fold), `num_changed_truth`
            (for which other classes are above chance), `num_changed_test` (of test parts; these are not used),
            `total_variation` and `jensen_shannon` (divergence, in bits), both means over utterances and folds,
            `macro_f1` and `per_class` F1 of the new truth against the published truth.
        """
        rows = {fold.number: np.concatenate([fold.train, fold.validation]) for fold in self.data.folds}
        old = np.concatenate([self.data.labels[used] for used in rows.values()])
        new = np.concatenate([self.labels[number][used] for number, used in rows.items()])
        places = np.concatenate(list(rows.values()))
        differs = (np.abs(new - old) > _SAME).any(axis=1)
        truth, guess = threshold_labels(old), threshold_labels(new)
        counts = multi_label_counts(truth, guess)
        tests = np.concatenate([self.labels[f.number][f.test] - self.data.labels[f.test] for f in self.data.folds])
        divergence = np.nan_to_num(jensenshannon(old, new, base=2, axis=1)) ** 2  # nan where rounding is below 0
        return {
            "num_utterances": len(np.unique(places)),
            "num_changed": len(np.unique(places[differs])),
            "num_changed_truth": len(np.unique(places[(truth != guess).any(axis=1)])),
            "num_changed_test": int((np.abs(tests) > _SAME).any(axis=1).sum()),
            "total_variation": float(np.abs(new - old).sum(axis=1).mean() / 2),
            "jensen_shannon": float(divergence.mean()),
            "macro_f1": float(multi_label_macro_f1(counts)),
            "per_class": dict(zip(self.data.classes, class_f1(counts).tolist(), strict=True)),
        }


def read_relabelling(data: SettingData, folder: str | Path) -> Relabelling:
    """
    Read label files in the format of EMO-SUPERB that somebody has made for a setting.

    Args:
        data ([`~hf_emotion.benchmark.setting_data.SettingData`]): The setting as published.
        folder (`str` or `Path`): `labels_consensus_<fold>.csv` for each fold, with `FileName`, the classes and
            `Split_Set` (`Train`, `Development` or `Test`), which must be as published. Other columns are not read.
            Lines of the test part may be left out.

    Returns:
        [`Relabelling`]: The labels, in the order of the setting's utterances.

    Raises:
        SubmissionError: What is wrong, each with file and line (counted from 1, the header) and what to do.
    """
    files = {}
    for entry in untrusted_entries(Path(folder).resolve()):
        if match := _FILE.fullmatch(entry.name):
            files[int(match[1])] = Path(entry.path)
    numbers, problems = [fold.number for fold in data.folds], list[str]()
    for number in sorted({*numbers} - {*files}):
        problems.append(f"{shown(Path(folder).name)} lacks labels_consensus_{number}.csv. Each fold needs a file.")
    for number in sorted({*files} - {*numbers}):
        problems.append(f"{shown(files[number].name)} is of no fold of {data.name}, which has {numbers}. Remove it.")
    labels = {}
    for fold in data.folds:
        try:
            if fold.number in files:
                labels[fold.number] = _LabelFile(files[fold.number], data, fold).labels()
        except SubmissionError as error:
            problems += error.problems
    if problems:
        raise SubmissionError(problems)
    digest = hashlib.sha256(b"".join(labels[number].tobytes() for number in sorted(labels))).hexdigest()
    return Relabelling(data, labels, digest)


class _LabelFile:
    """One CSV file, held against the fold that it is for."""

    def __init__(self, path: Path, data: SettingData, fold: FoldRows):
        self.name, self.data, self.fold = shown(path.name), data, fold
        lines = read_untrusted_lines(path, MAX_LABEL_BYTES)
        if len(lines) > 2 * len(data) + 1:
            text = f"has {len(lines):,} lines for {len(data):,} utterances. Write one for each"
            raise SubmissionError([f"{self.name} {text}."])
        try:
            self.header, *self.rows = list(csv.reader(lines, strict=True)) or [[]]
        except csv.Error as error:
            raise SubmissionError([f"{self.name} is no CSV file: {error}. Write it with pandas."]) from error
        self.row_of = {name: row for row, name in enumerate(data.utterances["utterance_id"])}
        self.part_of = {row: part for part in PARTS.values() for row in getattr(fold, part)}

    def labels(self) -> np.ndarray:
        """Labels of all utterances; where a test line is left out, the published ones."""
        names, place, part = self._columns()
        labels, seen, problems = self.data.labels.copy(), set[int](), list[str]()
        for number, cells in enumerate(self.rows, start=2):
            row = self.row_of.get(cells[place]) if len(cells) == len(self.header) else None
            problem = self._problem(cells, row, place, part, seen)
            if row is None or problem is not None:
                problems.append(f"{self.name}, line {number}: {problem}")
                continue
            values = _numbers([cells[name] for name in names])
            if values is None:
                text = f"the labels {shown([cells[name] for name in names])} are no distribution"
                problems.append(f"{self.name}, line {number}: {text}. Write numbers from 0 that sum to 1.")
            else:
                labels[row] = values
            seen.add(row)
        if more := problems[_MAX_LISTED:]:
            problems[_MAX_LISTED - 1 :] = [f"{problems[_MAX_LISTED - 1]} {len(more)} more lines have problems."]
        needed = np.concatenate([self.fold.train, self.fold.validation])
        if missing := [row for row in needed.tolist() if row not in seen]:
            name = self.data.utterances["utterance_id"].iloc[missing[0]]
            text = f"{len(missing)} of {len(needed)} utterances to train and validate on are missing, first {name!r}"
            problems.append(f"{self.name}: {text}. Keep the published labels of those that did not change.")
        if problems:
            raise SubmissionError(problems)
        return labels

    def _columns(self) -> tuple[list[int], int, int]:
        """Places of the classes, of the id and of the part."""
        header = ["FileName", *self.header[1:]] if self.header[:1] == [""] else self.header  # as published for NNIME
        wanted = ["FileName", *self.data.classes, "Split_Set"]
        if len(header) > _MAX_COLUMNS or any(header.count(name) != 1 for name in wanted):
            text = f"needs the columns {', '.join(wanted)}, each once"
            raise SubmissionError([f"{self.name} {text}; its header is {shown(header)}. Rename or add them."])
        classes = [header.index(name) for name in self.data.classes]
        return classes, header.index("FileName"), header.index("Split_Set")

    def _problem(self, cells: Sequence[str], row: int | None, place: int, part: int, seen: set[int]) -> str | None:
        if len(cells) != len(self.header):
            return f"it has {len(cells)} cells, the header {len(self.header)}. Is a comma missing?"
        if row is None or row not in self.part_of:
            return f"{shown(cells[place])} is no utterance of this fold. Leave it out."
        if row in seen:
            return f"{shown(cells[place])} is there twice. Keep one."
        if PARTS.get(cells[part]) != self.part_of[row]:
            published = next(name for name, meaning in PARTS.items() if meaning == self.part_of[row])
            return f"Split_Set is {shown(cells[part])}, published is {published}. The partition must not change."
        return None


def _numbers(cells: Sequence[str]) -> list[float] | None:
    """A distribution, None if the cells are none."""
    try:
        values = [float(cell) for cell in cells]
    except ValueError:
        return None
    is_valid = all(0 <= value <= 1 for value in values) and abs(sum(values) - 1) <= _SUM_TOLERANCE  # NaN is not
    return values if is_valid else None
