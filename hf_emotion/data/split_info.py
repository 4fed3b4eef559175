"""What a split is: its description, its hash, and the check that nobody is in two parts."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import datasets


# Raised whenever the splitting algorithm changes, that is, whenever the same corpus and seed give other parts.
SPLITS_VERSION = "1.0.0"

PARTS = ("train", "validation", "test")
_COLUMNS = ("utterance_id", "corpus", "speaker_id", "gender", "emotion", "arousal_valence", "raw_label")


class SplitLeakError(ValueError):
    """A speaker or an utterance is in two parts of a split."""


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
    """

    name: str
    version: str
    hash: str
    sizes: dict[str, int]
    speakers: dict[str, tuple[str, ...]]


def describe_split(
    dataset_dict: datasets.DatasetDict,
    strategy: str,
    *,
    num_folds: int | None = None,
    fold: int | None = None,
    validation_size: float | None = None,
    test_size: float | None = None,
    seed: int | None = None,
) -> SplitInfo:
    """
    Name, version, hash, sizes and speakers of a split.

    Args:
        dataset_dict (`DatasetDict`):
            Result of [`split_corpus`].
        strategy (`str`):
            The strategy that made it; together with the parameters below it is the name.
        num_folds, fold, validation_size, test_size, seed (*optional*):
            As given to [`split_corpus`].

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
    parameters = {"": num_folds, "fold": fold, "validation": validation_size, "test": test_size, "seed": seed}
    given = [f"{name}{value}" for name, value in parameters.items() if value is not None]
    return SplitInfo(
        name="-".join([strategy, *given]),
        version=SPLITS_VERSION,
        hash=digest.hexdigest(),
        sizes={part: len(rows) for part, rows in dataset_dict.items()},
        speakers={
            part: tuple(sorted("/".join(key) if several else key[1] for key in set(filter(None, table.speakers))))
            for part, table in tables.items()
        },
    )


def check_leaks(dataset_dict: datasets.DatasetDict, *, parts: Iterable[str] = PARTS) -> None:
    """
    Raise if a speaker or an utterance is in two parts.

    Args:
        dataset_dict (`DatasetDict`):
            Parts with the columns of `load_corpus`. Utterances without a speaker id are compared by utterance id only.
        parts (`Iterable[str]`, *optional*):
            Parts among which no speaker may be shared; utterances may never be.

    Raises:
        [`SplitLeakError`]: Names speakers or utterances and the parts that share them.
    """
    tables = {part: SplitTable(rows) for part, rows in dataset_dict.items()}
    checks = [("utterance", {part: set(table.keys) for part, table in tables.items()})]
    checks.append(
        (
            "speaker",
            {part: set(filter(None, tables[part].speakers)) for part in dict.fromkeys(parts) if part in tables},
        )
    )
    for what, members in checks:
        owner: dict[tuple[str, str], list[str]] = defaultdict(list)
        for part, keys in members.items():
            for key in keys:
                owner[key].append(part)
        leaks = {"/".join(key): parts for key, parts in sorted(owner.items()) if len(parts) > 1}
        if leaks:
            shown = "; ".join(f"{key} in {' and '.join(parts)}" for key, parts in list(leaks.items())[:5])
            raise SplitLeakError(
                f"{len(leaks)} {what}s are in more than one part: {shown}. Scores on such a split are not about new "
                f"{what}s. Use strategy='speaker_independent'"
                + (
                    ", or allow_speaker_overlap=True to keep parts that were published so."
                    if what == "speaker"
                    else "."
                )
            )


class SplitTable:
    """The columns that splitting looks at, as plain lists; `speakers` are (corpus, speaker) pairs or `None`."""

    def __init__(self, dataset: datasets.Dataset):
        present = [column for column in _COLUMNS if column in dataset.column_names]
        if "utterance_id" not in present:
            raise ValueError(f"The dataset has no column utterance_id; it has {dataset.column_names}.")
        columns = dataset.select_columns(present)[:] if len(dataset) else {}
        none = [None] * len(dataset)
        self.corpora = [corpus or "" for corpus in columns.get("corpus", none)]
        self.keys = list(zip(self.corpora, columns.get("utterance_id", []), strict=True))
        self.speakers: list[tuple[str, str] | None] = [
            (corpus, speaker) if speaker is not None else None
            for corpus, speaker in zip(self.corpora, columns.get("speaker_id", none), strict=True)
        ]
        self.genders = list(columns.get("gender", none))
        # The finest label that harmonisation gave; the corpus' own words if it gave none at all.
        for column in ("emotion", "arousal_valence", "raw_label"):
            self.labels = list(columns.get(column, none))
            if any(label is not None for label in self.labels):
                break
