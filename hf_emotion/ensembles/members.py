"""The members of an ensemble: what finished runs predicted, brought into one order of utterances and classes."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from ..evaluation.predictions import (
    DIMENSIONS,
    METADATA_COLUMNS,
    PREDICTED_PREFIX,
    PREDICTIONS_FILE,
    PROBABILITY_PREFIX,
    VALIDATION_PREDICTIONS_FILE,
    load_predictions,
    predicted_classes,
    predicted_dimensions,
    predictions_table,
    with_metadata,
)
from .weights import combine, weighted_sum


logger = logging.getLogger(__name__)

_KEY = ["corpus", "utterance_id"]
_SHOWN = 3  # utterances named in a message


@dataclass(frozen=True)
class EnsembleMember:
    """A classifier as an ensemble sees it.

    Args:
        name (`str`): What the ensemble calls it.
        validation (`pd.DataFrame`): Predictions table of the validation parts.
        test (`pd.DataFrame`): Predictions table of the test parts.
        folder (`Path`, *optional*): Folder of its run; without one the ensemble can be scored but not run.
    """

    name: str
    validation: pd.DataFrame
    test: pd.DataFrame
    folder: Path | None = None


def load_member(folder: str | Path, name: str | None = None) -> EnsembleMember:
    """Read what a finished run predicted.

    Args:
        folder (`str` or `pathlib.Path`): Folder of the run, with `predictions.parquet` (test) and
            `validation_predictions.parquet`.
        name (`str`, *optional*): Name in the ensemble, by default that of the folder.

    Returns:
        [`EnsembleMember`]

    Raises:
        FileNotFoundError: One of the tables is missing.
        ValueError: One of them is no predictions table.
    """
    folder = Path(folder)
    if not (folder / PREDICTIONS_FILE).is_file():
        runs = sorted(str(path.parent) for path in folder.glob(f"*/{PREDICTIONS_FILE}"))
        hint = f"Did you mean {' or '.join(runs)}?" if runs else "Pass the folders of finished runs."
        raise FileNotFoundError(f"{folder} holds no finished run (no {PREDICTIONS_FILE}). {hint}")
    if not (folder / VALIDATION_PREDICTIONS_FILE).is_file():
        raise FileNotFoundError(
            f"{folder} holds no {VALIDATION_PREDICTIONS_FILE}, which weights are fitted on. `hf-emotion ensemble` "
            f"computes it; so does `hf-emotion evaluate --model {folder} --eval_split validation --output_dir DIR`, "
            f"which calls it DIR/{PREDICTIONS_FILE}."
        )
    validation, test = (load_predictions(folder / file) for file in (VALIDATION_PREDICTIONS_FILE, PREDICTIONS_FILE))
    return EnsembleMember(name or folder.resolve().name, validation, test, folder)


def load_member_predictions(validation: str | Path, test: str | Path, name: str | None = None) -> EnsembleMember:
    """Read a member that is there as two predictions tables only.

    Args:
        validation, test (`str` or `pathlib.Path`): Parquet files with predictions of the validation and test parts.
        name (`str`, *optional*): Name in the ensemble, by default that of the test file.

    Returns:
        [`EnsembleMember`]: Without a folder.

    Raises:
        ValueError: One of them is no predictions table.
    """
    return EnsembleMember(name or Path(test).stem, load_predictions(validation), load_predictions(test))


@dataclass(frozen=True)
class EnsemblePart:
    """Predictions of all members for the same utterances in the same order.

    Args:
        name (`str`): `"validation"` or `"test"`.
        members (`list[str]`): Names of the members.
        classes (`list[str]`): Class names in the order of the probabilities.
        metadata (`pd.DataFrame`): `utterance_id`, `corpus`, `speaker_id`, `gender` and `language` of each utterance.
        labels (`np.ndarray` of shape `(num_utterances,)`): True class ids.
        probabilities (`np.ndarray` of shape `(num_members, num_utterances, num_classes)`): Predictions.
        ratings (`dict[str, np.ndarray]`, *optional*): True ratings of shape `(num_utterances,)` by emotion dimension.
        predicted_ratings (`dict[str, np.ndarray]`, *optional*): Predictions of shape `(num_members, num_utterances)`
            by emotion dimension, of those that all members predict.
    """

    name: str
    members: list[str]
    classes: list[str]
    metadata: pd.DataFrame
    labels: np.ndarray
    probabilities: np.ndarray
    ratings: dict[str, np.ndarray] = field(default_factory=dict)
    predicted_ratings: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def hash(self) -> str:
        """SHA-256 over the sorted lines of corpus, utterance id and label: equal hashes mean equal parts."""
        names = (self.classes[label] for label in self.labels)
        lines = zip(self.metadata["corpus"], self.metadata["utterance_id"], names, strict=True)
        return hashlib.sha256("".join(sorted("\t".join(line) + "\n" for line in lines)).encode()).hexdigest()

    def combined(self, weights: np.ndarray, method: str) -> pd.DataFrame:
        """Predictions table of the ensemble; ratings are weighted means, whatever the method."""
        return predictions_table(
            self.metadata,
            labels=self.labels.tolist(),
            classes=self.classes,
            probabilities=combine(self.probabilities, weights, method),
            ratings=self.ratings,
            predicted_ratings={
                name: weighted_sum(values[..., None], weights)[:, 0] for name, values in self.predicted_ratings.items()
            },
        )


def aligned_parts(members: Sequence[EnsembleMember]) -> tuple[EnsemblePart, EnsemblePart]:
    """
    Bring the predictions of all members into the order of rows and classes of the first.

    Returns:
        `tuple[EnsemblePart, EnsemblePart]`: The validation and the test part.

    Raises:
        ValueError: There is no member, two have the same name, they differ in classes, utterances, labels or ratings,
            or the parts share utterances.
    """
    if not members:
        raise ValueError("An ensemble needs at least one member.")
    repeated = [name for name, count in Counter(member.name for member in members).items() if count > 1]
    if repeated:
        raise ValueError(f"Two members are called {repeated[0]!r}. Give each member once, and a name of its own.")
    names = [member.name for member in members]
    classes = predicted_classes(members[0].validation)
    validation = _aligned(names, [member.validation for member in members], classes, "validation")
    test = _aligned(names, [member.test for member in members], classes, "test")
    shared = _keys(validation.metadata).intersection(_keys(test.metadata))
    if len(shared):
        raise ValueError(
            f"The validation and test parts share utterances: {_listed(shared)}. Weights fitted on test utterances "
            "would make the test scores too good."
        )
    return validation, test


def _aligned(names: list[str], tables: Sequence[pd.DataFrame], classes: list[str], part: str) -> EnsemblePart:
    reference = with_metadata(tables[0]).set_index(_keys(tables[0]))
    columns = [PROBABILITY_PREFIX + name for name in classes]
    dimensions = _common_dimensions(names, tables, part)
    probabilities: list[np.ndarray] = []
    predicted: dict[str, list[np.ndarray]] = {name: [] for name in dimensions}
    for name, table in zip(names, tables, strict=True):
        who = names[0] if name == names[0] else f"{names[0]} and {name}"
        _check_classes(classes, predicted_classes(table), f"{who} ({part})")
        _check_utterances(reference.index, _keys(table), who, part)
        rows = table.set_index(_keys(table)).loc[reference.index]
        _check_labels(reference["label"], rows["label"], who, part)
        probabilities.append(rows[columns].to_numpy(dtype=np.float64))
        for dimension in dimensions:
            _check_ratings(reference[dimension], rows[dimension], who, part)
            predicted[dimension].append(rows[PREDICTED_PREFIX + dimension].to_numpy(dtype=np.float64))
    labels = np.array([classes.index(str(label)) for label in reference["label"]])
    metadata = reference[list(METADATA_COLUMNS)].reset_index(drop=True)
    ratings = {name: reference[name].to_numpy(dtype=np.float64) for name in dimensions}
    stacked = {name: np.stack(values) for name, values in predicted.items()}
    return EnsemblePart(part, names, classes, metadata, labels, np.stack(probabilities), ratings, stacked)


def _common_dimensions(names: list[str], tables: Sequence[pd.DataFrame], part: str) -> list[str]:
    """Emotion dimensions that all members predict."""
    lacking = {
        dimension: [
            name for name, table in zip(names, tables, strict=True) if dimension not in predicted_dimensions(table)
        ]
        for dimension in DIMENSIONS
    }
    for dimension, members in lacking.items():
        if 0 < len(members) < len(names):
            logger.warning(
                "The ensemble does not predict %s on the %s parts: %s does not.", dimension, part, ", ".join(members)
            )
    return [dimension for dimension, members in lacking.items() if not members]


def _keys(table: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_arrays([table["corpus"].map(str), table["utterance_id"].map(str)], names=_KEY)


def _check_classes(first: list[str], second: list[str], who: str) -> None:
    if set(first) != set(second):
        only_first, only_second = sorted(set(first) - set(second)), sorted(set(second) - set(first))
        raise ValueError(
            f"{who} differ in their classes: {only_first or 'none'} only in the first, "
            f"{only_second or 'none'} only in the second. Members must tell the same classes apart."
        )


def _check_utterances(first: pd.Index, second: pd.Index, who: str, part: str) -> None:
    only_first, only_second = first.difference(second), second.difference(first)
    if len(only_first) or len(only_second):
        raise ValueError(
            f"{who} differ in their {part} utterances: {_listed(only_first)} only in the first, "
            f"{_listed(only_second)} only in the second. Members must have been trained with the same split of the "
            "same corpora."
        )


def _check_labels(first: pd.Series, second: pd.Series, who: str, part: str) -> None:
    differs = first.map(str) != second.map(str)
    if differs.any():
        corpus, utterance = first.index[differs][0]
        raise ValueError(
            f"{who} differ in the labels of {differs.sum()} of {len(first)} {part} utterances, first "
            f"{corpus}/{utterance}: {first[differs].iloc[0]} and {second[differs].iloc[0]}. Members must have been "
            "trained with the same labels."
        )


def _check_ratings(first: pd.Series, second: pd.Series, who: str, part: str) -> None:
    differs = ~np.isclose(first, second, equal_nan=True)
    if differs.any():
        corpus, utterance = first.index[differs][0]
        raise ValueError(
            f"{who} differ in the {first.name} of {differs.sum()} of {len(first)} {part} utterances, first "
            f"{corpus}/{utterance}: {first[differs].iloc[0]:g} and {second[differs].iloc[0]:g}. Members must have "
            "been trained with the same ratings."
        )


def _listed(keys: pd.Index) -> str:
    if not len(keys):
        return "none"
    named = ", ".join(f"{corpus}/{utterance}" for corpus, utterance in keys[:_SHOWN])
    return f"{len(keys)} ({named}{', ...' if len(keys) > _SHOWN else ''})"
