"""What a split is: name, version, hash, sizes, speakers, and what its parts share."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import datasets

from .partition_files import read_partition
from .published_splits import listed_split, split_leak
from .split_table import SplitTable


# Raised whenever the splitting algorithm changes, that is, whenever the same corpus and seed give other parts.
SPLITS_VERSION = "1.0.0"

_PARAMETERS = ("num_folds", "fold", "validation_size", "test_size", "seed")
_DIGEST_LENGTH = 8


@dataclass(frozen=True)
class SplitInfo:
    """
    What a published number has to say about its split.

    Args:
        name (`str`):
            Strategy with its parameters, for example `"k_fold-5-fold0-seed0"`.
        version (`str`):
            Version of the splitting algorithm.
        hash (`str`):
            SHA-256 over the sorted pairs of part and utterance id: equal hashes mean equal parts.
        sizes (`dict[str, int]`):
            Number of utterances per part.
        speakers (`dict[str, tuple[str, ...]]`):
            Speaker ids per part, sorted; with the corpus in front if the dataset holds several corpora.
        leak (`str`, *optional*):
            What the parts share, as far as it is known; `None` if no known speaker is in two parts.
    """

    name: str
    version: str
    hash: str
    sizes: dict[str, int]
    speakers: dict[str, tuple[str, ...]]
    leak: str | None = None


def describe_split(
    dataset_dict: datasets.DatasetDict,
    strategy: str,
    *,
    num_folds: int | None = None,
    fold: int | None = None,
    validation_size: float | None = None,
    test_size: float | None = None,
    seed: int | None = None,
    partition_file: str | os.PathLike | None = None,
) -> SplitInfo:
    """
    Name, version, hash, sizes, speakers and leak of a split.

    Args:
        dataset_dict (`DatasetDict`):
            Result of [`split_corpus`].
        strategy (`str`):
            The strategy or published split that made it; together with the parameters below it is the name.
        num_folds, fold, validation_size, test_size, seed (*optional*):
            As given to [`split_corpus`]. [`parameters_with_a_say`] tells those that belong into the name.
        partition_file (`str` or `os.PathLike`, *optional*):
            As given to [`split_corpus`]. The name gets the name of the file, or of the fold in a folder, and the start
            of its SHA-256, instead of `fold`.

    Returns:
        [`SplitInfo`]
    """
    digest = hashlib.sha256()
    for part, utterance_id in sorted(
        (part, utterance_id) for part, rows in dataset_dict.items() for utterance_id in rows["utterance_id"]
    ):
        digest.update(f"{part}\t{utterance_id}\n".encode())
    tables = {part: SplitTable(rows) for part, rows in dataset_dict.items()}
    several = len({corpus for table in tables.values() for corpus in table.corpora}) > 1
    words = [strategy]
    if partition_file is not None:
        partition = read_partition(partition_file, fold or 0)
        words += [partition.name, partition.digest[:_DIGEST_LENGTH]]
        fold = None
    parameters = {"": num_folds, "fold": fold, "validation": validation_size, "test": test_size, "seed": seed}
    words += [f"{name}{value}" for name, value in parameters.items() if value is not None]
    return SplitInfo(
        name="-".join(words),
        version=SPLITS_VERSION,
        hash=digest.hexdigest(),
        sizes={part: len(rows) for part, rows in dataset_dict.items()},
        speakers={
            part: tuple(sorted("/".join(key) if several else key[1] for key in set(filter(None, table.speakers))))
            for part, table in tables.items()
        },
        leak=split_leak(tables, strategy),
    )


def parameters_with_a_say(
    dataset: datasets.Dataset | datasets.DatasetDict, strategy: str, parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """
    The parameters of [`split_corpus`] that a split depends on, for its name: the others become `None`.

    Args:
        dataset (`Dataset` or `DatasetDict`):
            What is split.
        strategy (`str`):
            As given to [`split_corpus`], or what [`resolve_strategy`] made of `"auto"`.
        parameters (`Mapping[str, Any]`):
            `num_folds`, `fold`, `validation_size`, `test_size`, `seed` and `partition_file`, or some of them.

    Returns:
        `dict[str, Any]`: Arguments of [`describe_split`].
    """
    given = {"partition_file": None, **parameters}
    validation = {"validation_size", "seed"}
    if strategy == "partition_file":
        partition = read_partition(given["partition_file"], given.get("fold") or 0)
        has_a_say = {"fold"} | ({"seed"} if partition.random_validation else validation)
        has_a_say -= validation if "validation" in partition.members else set()
    elif published := listed_split(dataset, strategy):
        has_a_say = {"fold"} | ({"seed"} if published.random_validation else validation)
        has_a_say -= validation if all("validation" in fold for fold in published.folds) else set()
    else:
        has_a_say = {
            "official": set() if "validation" in dataset else validation,
            "k_fold": {"num_folds", "fold"} | validation,
            "leave_one_speaker_out": {"fold"} | validation,
            "leave_one_session_out": {"fold"} | validation,
            "speaker_dependent_80_20": validation,
        }.get(strategy, {"test_size"} | validation)
    return given | dict.fromkeys(set(_PARAMETERS) - has_a_say)
