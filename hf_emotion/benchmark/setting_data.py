"""The utterances of a setting with their soft labels, binary truth and folds, wherever they come from."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd

from ..data.soft_labels import effective_number_weights, smooth_labels, threshold_labels, vote_distribution
from ..data.splits import split_corpus
from ..data.splits.utterance_matching import match_utterances
from .label_files import read_label_folder
from .protocol import FrozenSetting


logger = logging.getLogger(__name__)

_PARTS = ("train", "validation", "test")
_COLUMNS = ("utterance_id", "speaker_id", "gender", "emotion", "votes")


@dataclass(frozen=True)
class FoldRows:
    """
    Rows of the parts of a fold.

    Args:
        number (`int`): Number of the fold, from 1.
        train, validation, test (`np.ndarray`): Rows of [`SettingData`].
    """

    number: int
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Number of utterances in train, validation and test."""
        return len(self.train), len(self.validation), len(self.test)


@dataclass(frozen=True)
class SettingData:
    """
    A corpus with one set of labels and its folds.

    Args:
        name (`str`): Name of the setting.
        corpus (`str`): Name of the corpus.
        classes (`tuple[str, ...]`): Class names in the order of the outputs.
        utterances (`pd.DataFrame`): `utterance_id`, `speaker_id` and `gender` (`"female"`, `"male"` or None).
        labels (`np.ndarray` of shape `(num_utterances, num_classes)`): Soft labels, float64.
        folds (`tuple[FoldRows, ...]`): The folds.
        digest (`str`): Hash of what the labels and folds were read from.
        fold_labels (`Mapping[int, np.ndarray]`, *optional*): Labels that replace `labels` in a fold, by its number:
            where labels were made again, an utterance is trained on new ones and, in another fold, tested on the
            published ones.
    """

    name: str
    corpus: str
    classes: tuple[str, ...]
    utterances: pd.DataFrame
    labels: np.ndarray
    folds: tuple[FoldRows, ...]
    digest: str
    fold_labels: Mapping[int, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.utterances)

    @property
    def truth(self) -> np.ndarray:
        """Which classes count as present, those above chance; shape `(num_utterances, num_classes)`, bool."""
        return threshold_labels(self.labels)

    def fold(self, number: int) -> FoldRows:
        """The fold of this number, from 1."""
        for fold in self.folds:
            if fold.number == number:
                return fold
        raise ValueError(f"{self.name} has the folds {[fold.number for fold in self.folds]}, but no fold {number}.")

    def labels_of(self, fold: FoldRows) -> np.ndarray:
        """Soft labels in a fold, shape `(num_utterances, num_classes)`."""
        return self.fold_labels.get(fold.number, self.labels)

    def class_weights(self, fold: FoldRows) -> np.ndarray:
        """Weights by the effective number of training utterances of each class; see
        [`~hf_emotion.data.soft_labels.effective_number_weights`]."""
        return effective_number_weights(threshold_labels(self.labels_of(fold)[fold.train]))

    def restricted_to(self, utterance_ids: Collection[str]) -> SettingData:
        """
        The same setting without the utterances that are not at hand.

        Raises:
            ValueError: A part of a fold is empty then, or lacks a class to train on.
        """
        kept = self.utterances["utterance_id"].isin(set(utterance_ids)).to_numpy()
        if kept.all():
            return self
        logger.warning(
            "%s: %d of %d utterances are not at hand; figures are those of the others.",
            self.name,
            int((~kept).sum()),
            len(kept),
        )
        new_row = np.cumsum(kept) - 1
        folds = tuple(
            FoldRows(fold.number, *(new_row[rows[kept[rows]]] for rows in (fold.train, fold.validation, fold.test)))
            for fold in self.folds
        )
        for fold in folds:
            if empty := [part for part, size in zip(_PARTS, fold.sizes, strict=True) if not size]:
                raise ValueError(
                    f"{self.name}: fold {fold.number} has nothing to {' and '.join(empty)} with the utterances that "
                    "are at hand. Is the archive incomplete?"
                )
        ids = hashlib.sha256("\n".join(sorted(self.utterances["utterance_id"][kept])).encode()).hexdigest()
        return replace(
            self,
            utterances=self.utterances[kept].reset_index(drop=True),
            labels=self.labels[kept],
            folds=folds,
            digest=hashlib.sha256(f"{self.digest} {ids}".encode()).hexdigest(),
            fold_labels={number: labels[kept] for number, labels in self.fold_labels.items()},
        )


def labelled_setting(setting: FrozenSetting, label_dir: str | os.PathLike) -> SettingData:
    """
    A setting as EMO-SUPERB's label files state it; no audio is needed.

    Args:
        setting ([`FrozenSetting`]): A setting with `label_folder`.
        label_dir (`str` or `os.PathLike`): The folder that `label_folder` is in.

    Raises:
        FileNotFoundError: There are no such files.
        ValueError: See [`~hf_emotion.benchmark.label_files.read_label_folder`].
    """
    if setting.label_folder is None:
        raise ValueError(f"{setting.name} has no `label_folder`: its labels are those of the corpus.")
    found = read_label_folder(Path(label_dir) / setting.label_folder)
    folds = tuple(
        FoldRows(number, *(np.flatnonzero(parts == part) for part in _PARTS)) for number, parts in found.parts.items()
    )
    return SettingData(
        setting.name, setting.corpus, found.classes, found.utterances, found.labels, folds, found.digest
    )


def setting_on_corpus(
    setting: FrozenSetting, corpus: datasets.Dataset, labelled: SettingData | None = None
) -> tuple[SettingData, np.ndarray]:
    """
    A setting on the utterances of a corpus that are at hand.

    Args:
        setting ([`FrozenSetting`]): The setting.
        corpus (`datasets.Dataset`): All rows of its corpus, of [`~hf_emotion.data.loading.load_corpus`].
        labelled ([`SettingData`], *optional*): The setting as label files state it, see [`labelled_setting`]; without
            it the labels are those of the corpus.

    Returns:
        `tuple[SettingData, np.ndarray]`: The setting, and for each of its utterances the row of the corpus.

    Raises:
        ValueError: Nothing of the corpus is listed, or a part of a fold is empty.
    """
    if labelled is None:
        return _setting_of_corpus(setting, corpus)
    listed = labelled.utterances["utterance_id"].to_list()
    row_of = match_utterances(listed, corpus["utterance_id"][:], _paths(corpus))
    if not row_of:
        raise ValueError(
            f"None of the {len(listed)} utterances of {setting.name} (first {listed[0]!r}) is among the {len(corpus)} "
            f"of {setting.corpus} (first {corpus[0]['utterance_id']!r}). Is this another corpus?"
        )
    data = labelled.restricted_to(row_of)
    rows = np.array([row_of[name] for name in data.utterances["utterance_id"]], dtype=np.intp)
    data = replace(data, utterances=_with_speakers(data.utterances, corpus.select(rows)))
    if setting.split is not None:
        data = replace(data, folds=_published_folds(setting, corpus, rows))
    return data, rows


def _with_speakers(utterances: pd.DataFrame, corpus: datasets.Dataset) -> pd.DataFrame:
    """Speakers and genders as the corpus has them: label files have the session of some corpora in their place."""
    known = pd.DataFrame(corpus.with_format(None).select_columns(["speaker_id", "gender"])[:], dtype=object)
    return utterances.assign(**{name: known[name].where(known[name].notna(), utterances[name]) for name in known})


def _setting_of_corpus(setting: FrozenSetting, corpus: datasets.Dataset) -> tuple[SettingData, np.ndarray]:
    """Labels out of the columns `votes` or `emotion`."""
    table = pd.DataFrame(corpus.with_format(None).select_columns(list(_COLUMNS))[:], dtype=object)
    ballots = table["votes"].map(lambda votes: {vote["label"] for vote in votes or () if vote["count"]})
    has_votes = bool(ballots.map(bool).any())
    voted: set[str] = set().union(*ballots) if has_votes else set(table["emotion"].dropna())
    classes = tuple(setting.emotions or sorted(voted))
    if unknown := sorted(set(classes) - voted):
        raise ValueError(f"{setting.name}: no utterance is labelled {', '.join(unknown)}; there is {sorted(voted)}.")
    if has_votes:
        kept = ballots.map(lambda names: bool(names & set(classes)))
        shares = vote_distribution(table["votes"][kept].to_list(), classes)
    else:
        kept = table["emotion"].isin(classes)
        shares = (table["emotion"][kept].to_numpy()[:, None] == np.array(classes)).astype(np.float64)
    rows = np.flatnonzero(kept.to_numpy())
    utterances = table.loc[kept, ["utterance_id", "speaker_id", "gender"]].reset_index(drop=True)
    folds = _published_folds(setting, corpus, rows)
    content = [setting.corpus, classes, utterances.values.tolist(), shares.tolist()]
    content += [[fold.number, *(part.tolist() for part in (fold.train, fold.validation, fold.test))] for fold in folds]
    digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    data = SettingData(setting.name, setting.corpus, classes, utterances, smooth_labels(shares), folds, digest)
    return data, rows


def _published_folds(setting: FrozenSetting, corpus: datasets.Dataset, rows: np.ndarray) -> tuple[FoldRows, ...]:
    """Folds of a strategy of `split_corpus`, for some rows of the corpus."""
    ids = corpus["utterance_id"][:]
    place = {ids[row]: index for index, row in enumerate(rows)}
    numbered = corpus.select(rows)
    folds = []
    for number in range(1, _num_folds(setting, numbered) + 1):
        parts = split_corpus(numbered, str(setting.split), num_folds=setting.num_folds, fold=number - 1)
        found = [np.array([place[name] for name in parts[part]["utterance_id"][:]], dtype=np.intp) for part in _PARTS]
        folds.append(FoldRows(number, *found))
    return tuple(folds)


def _num_folds(setting: FrozenSetting, corpus: datasets.Dataset) -> int:
    from ..data.splits.published_splits import listed_split

    published = listed_split(corpus, str(setting.split))
    if published is not None:
        return len(published.folds)
    if setting.split == "leave_one_speaker_out":
        return len(set(corpus["speaker_id"][:]))
    if setting.split == "leave_one_session_out":
        return len(set(corpus["session"][:]))
    return setting.num_folds if setting.split == "k_fold" else 1


def _paths(corpus: datasets.Dataset) -> Sequence[str | None]:
    audio: Any = corpus.with_format(None).cast_column("audio", datasets.Audio(decode=False))["audio"][:]
    return [clip.get("path") for clip in audio]
