"""Published file lists of train, validation and test, in the formats of EMO-SUPERB, of EmoBox, or our own."""

import csv
import hashlib
import io
import json
import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import datasets

from ..archive import read_text
from .random_splits import random_validation
from .speaker_splits import carve_validation
from .split_table import PARTS, Parts, SplitTable
from .utterance_matching import match_utterances


logger = logging.getLogger(__name__)

_EMO_SUPERB = re.compile(r"^labels_consensus_(?P<fold>\d+)\.csv$")
_EMOBOX = re.compile(r"^(?P<corpus>.+)_(?P<part>train|valid|test)_fold_?(?P<fold>\d+)\.jsonl$")
_EMOBOX_FOLD = re.compile(r"^fold_(?P<fold>\d+)$")
# EmoBox (section 3.2) takes a random fifth of train where a corpus has no validation part.
_EMOBOX_VALIDATION = 0.2
_PARTS = {
    "train": "train",
    **dict.fromkeys(("validation", "valid", "val", "dev", "development"), "validation"),
    "test": "test",
}
_FORMATS = (
    "A partition file is a CSV file with the columns utterance_id and split; labels_consensus_<k>.csv of EMO-SUPERB, "
    "or their folder; a folder fold_<k> of EmoBox with <corpus>_{train,valid,test}_fold_<k>.jsonl, or the one above."
)
_NUM_SHOWN = 5


@dataclass(frozen=True)
class Partition:
    """
    Train, validation and test as lists of names.

    Args:
        name (`str`):
            Name of the file without suffix, of the fold for EmoBox: `"labels_consensus_1"`, `"emodb_fold_1"`.
        digest (`str`):
            SHA-256 of the bytes of the files, in the order of the parts.
        members (`dict[str, list[str]]`):
            Utterance ids, file names or paths of each part that is listed.
        random_validation (`float`):
            Share of train that the source draws at random for validation.
    """

    name: str
    digest: str
    members: dict[str, list[str]]
    random_validation: float = 0.0


def read_partition(path: str | os.PathLike, fold: int = 0) -> Partition:
    """
    Read a published file list.

    Args:
        path (`str` or `os.PathLike`):
            A CSV file with the columns `utterance_id` and `split` (train, validation, test); a file
            `labels_consensus_<k>.csv` of EMO-SUPERB, or the folder of a corpus' files; a folder of EmoBox,
            `data/<corpus>` or one `fold_<k>` of it.
        fold (`int`, *optional*, defaults to 0):
            Which fold of a folder, from 0: the file or folder number `fold + 1`.

    Raises:
        `FileNotFoundError`: If there is no such file or fold.
        `ValueError`: If it has none of these formats, or lists an utterance in two parts.
    """
    source = Path(path)
    if not source.exists():
        raise FileNotFoundError(f"There is no partition file {source}. {_FORMATS}")
    files, number = _fold_files(source, fold)
    if number is not None and fold not in (0, number - 1):
        raise ValueError(
            f"fold={fold} was asked for, but {source} is fold {number - 1} (number {number} of its source)."
        )
    if number is None and fold:
        raise ValueError(f"fold={fold} was asked for, but {source} is one partition. Leave out the fold.")
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files.values())).hexdigest()
    if "csv" in files:
        return Partition(files["csv"].stem, digest, _checked(_csv_members(files["csv"]), source))
    names = {part: list(_jsonl_names(file)) for part, file in files.items()}
    name = re.sub(r"_(train|valid|test)_", "_", files["train"].stem)
    validation = 0.0 if "validation" in names else _EMOBOX_VALIDATION
    return Partition(name, digest, _checked(names, source), validation)


def partition_parts(
    dataset: datasets.Dataset, table: SplitTable, partition: Partition, validation_size: float, seed: int
) -> Parts:
    """
    Rows of the parts that a file lists.

    Listed utterances that the dataset lacks and utterances that are not listed (they are left out) are warned about.
    Validation is what the file lists, else the share of train that its source draws at random, else whole speakers of
    train by `validation_size`.

    Args:
        dataset (`Dataset`), table ([`SplitTable`]):
            The dataset.
        partition ([`Partition`]):
            What the file lists.
        validation_size (`float`):
            Share of the listed utterances, where the file and its source say nothing of validation.
        seed (`int`):
            Seed of validation, where it is not listed.

    Raises:
        `ValueError`: If a name fits several utterances, or a listed part is empty.
    """
    ids = [utterance_id for _, utterance_id in table.keys]
    listed = [name for names in partition.members.values() for name in names]
    found = match_utterances(listed, ids, _audio_paths(dataset))
    parts: Parts = {
        part: sorted(found[name] for name in partition.members.get(part, ()) if name in found) for part in PARTS
    }
    if empty := [part for part, names in partition.members.items() if names and not parts[part]]:
        raise ValueError(
            f"{partition.name} leaves {' and '.join(empty)} empty: it lists {_shown(listed)}, the dataset has "
            f"{_shown(ids)}. Is this the list of another corpus, or the archive incomplete?"
        )
    if absent := [name for name in listed if name not in found]:
        logger.warning(
            "%d of %d utterances that %s lists are not in the dataset: %s.",
            len(absent), len(listed), partition.name, _shown(absent),
        )  # fmt: skip
    present = set(found.values())
    if left_out := [utterance_id for row, utterance_id in enumerate(ids) if row not in present]:
        logger.warning(
            "%d of %d utterances are not listed by %s and left out: %s.",
            len(left_out), len(ids), partition.name, _shown(sorted(left_out)),
        )  # fmt: skip
    if "validation" in partition.members:
        return parts
    if partition.random_validation:
        return parts | random_validation(table, parts["train"], partition.random_validation, seed)
    return parts | carve_validation(table, parts["train"], validation_size * len(found), seed)


def _fold_files(source: Path, fold: int) -> tuple[dict[str, Path], int | None]:
    """The files of a fold (`"csv"`, or `"train"`, `"validation"`, `"test"`), and its number in the source."""
    if match := _EMO_SUPERB.match(source.name):
        return {"csv": source}, int(match["fold"])
    if source.is_file():
        if _EMOBOX.match(source.name):
            return _emobox_files(source.parent)
        return {"csv": source}, None
    folds = {int(match["fold"]): path for path in sorted(source.iterdir()) if (match := _EMO_SUPERB.match(path.name))}
    if folds:
        return {"csv": _chosen(folds, fold, source)}, fold + 1
    folds = {int(match["fold"]): path for path in sorted(source.iterdir()) if (match := _EMOBOX_FOLD.match(path.name))}
    return _emobox_files(_chosen(folds, fold, source) if folds else source)


def _chosen(folds: dict[int, Path], fold: int, source: Path) -> Path:
    if fold + 1 not in folds:
        known = ", ".join(str(number - 1) for number in sorted(folds))
        raise FileNotFoundError(f"{source} has no fold {fold} (number {fold + 1} of its source); it has {known}.")
    return folds[fold + 1]


def _emobox_files(folder: Path) -> tuple[dict[str, Path], int]:
    matches = [match for path in sorted(folder.iterdir()) if (match := _EMOBOX.match(path.name))]
    # EMO-DB has its folds twice, as emodb_train_fold1 and as emodb_train_fold_1. All corpora have the latter, which is
    # the last in alphabetical order and kept.
    files = {_PARTS[match["part"]]: folder / match.string for match in matches}
    numbers = {int(match["fold"]) for match in matches}
    if not {"train", "test"} <= set(files) or len(numbers) != 1:
        raise ValueError(f"{folder} is no partition: it holds {[path.name for path in files.values()]}. {_FORMATS}")
    return {part: files[part] for part in PARTS if part in files}, numbers.pop()


def _csv_members(path: Path) -> dict[str, list[str]]:
    rows = csv.reader(io.StringIO(read_text(path), newline=""))
    header = next(rows, [])
    # The first header cell of EMO-SUPERB's NNIME files is empty.
    columns = ("utterance_id", "split") if "split" in header else (header[0] if header else "", "Split_Set")
    if not set(columns) <= set(header) or columns[0] not in ("utterance_id", "FileName", ""):
        raise ValueError(f"{path} is no partition: its header is {','.join(header)!r}. {_FORMATS}")
    name, split = (header.index(column) for column in columns)
    members: dict[str, list[str]] = {part: [] for part in PARTS}
    for number, row in enumerate(rows, start=2):
        if not row:
            continue
        part = _PARTS.get(row[split].strip().lower()) if len(row) == len(header) else None
        if part is None:
            raise ValueError(f"{path}, line {number}: expected {', '.join(header)} with a part out of {PARTS}: {row}.")
        members[part].append(row[name].strip())
    return {part: names for part, names in members.items() if names}


def _jsonl_names(path: Path) -> Iterator[str]:
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            # A segment of a longer file is named by its key, which has the name of the corpus in front.
            name = row["wav"] if "start_time" not in row else row["key"].removeprefix(f"{row['dataset']}-")
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise ValueError(
                f"{path}, line {number}: not an utterance of EmoBox with the keys key, dataset and wav ({error!r})."
            ) from error
        yield name


def _checked(members: dict[str, list[str]], source: Path) -> dict[str, list[str]]:
    """Without repetitions; a name in two parts, or no train or test part, is an error."""
    if missing := sorted({"train", "test"} - {part for part, names in members.items() if names}):
        raise ValueError(f"{source} lists no utterance for {' and '.join(missing)}.")
    owner: dict[str, str] = {}
    for part, names in members.items():
        for name in names:
            if owner.setdefault(name, part) != part:
                raise ValueError(f"{source} lists {name} in {owner[name]} and in {part}.")
    return {part: list(dict.fromkeys(names)) for part, names in members.items()}


def _audio_paths(dataset: datasets.Dataset) -> list[str | None] | None:
    """Paths in the column `audio`, without decoding or reading any."""
    if "audio" not in dataset.column_names or not len(dataset):
        return None
    paths = dataset.select_columns(["audio"]).cast_column("audio", datasets.Audio(decode=False)).flatten()
    return paths["audio.path"][:]


def _shown(names: list[str]) -> str:
    return ", ".join(names[:_NUM_SHOWN]) + ", ..." * (len(names) > _NUM_SHOWN)
