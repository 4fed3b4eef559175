"""Splits that somebody published as lists of speakers or sessions, as the facts of a corpus state them."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import datasets

from ..corpus_facts import PublishedSplit
from ..loading import corpus_facts, list_corpora
from .random_splits import random_validation
from .speaker_splits import carve_validation, check_fold
from .split_table import PARTS, Parts, SplitTable, corpora_of, shared_speakers


logger = logging.getLogger(__name__)

_NUM_SHOWN = 10


def published_splits(corpora: Iterable[str | None]) -> Mapping[str, PublishedSplit]:
    """
    The published splits of a dataset by name; none if it holds several corpora or one that is not ours.

    Args:
        corpora (`Iterable[str | None]`):
            What is in the column `corpus`.
    """
    names = set(filter(None, corpora))
    if len(names) != 1:
        return {}
    (name,) = names
    return corpus_facts(name).published_splits if name in list_corpora() else {}


def listed_split(dataset: datasets.Dataset | datasets.DatasetDict, strategy: str) -> PublishedSplit | None:
    """
    The published split that a strategy names, if it is given as lists of speakers or sessions.

    `"official"` is not, where the dataset has its official parts.
    """
    if strategy == "official" and isinstance(dataset, datasets.DatasetDict) and len(dataset) > 1:
        return None
    published = published_splits(corpora_of(dataset)).get(strategy)
    return published if published is not None and published.folds else None


def check_strategy(dataset: datasets.Dataset | datasets.DatasetDict, strategy: str, strategies: Sequence[str]) -> None:
    """
    Raise if a strategy is neither one of `strategies` nor a published split of the corpus.

    Args:
        dataset (`Dataset` or `DatasetDict`):
            What is to be split.
        strategy (`str`):
            What the user asked for.
        strategies (`Sequence[str]`):
            Strategies that every corpus has.

    Raises:
        `ValueError`: Says what there is.
    """
    found = sorted(corpora_of(dataset))
    known = published_splits(found)
    if strategy in strategies or strategy in known:
        return
    if any(strategy in published_splits([corpus]) for corpus in found):
        raise ValueError(
            f"{strategy!r} is a published split of one corpus, but the dataset mixes {', '.join(found)}. Split each "
            f"corpus by itself, then concatenate the parts."
        )
    published = f" {found[0]} has the published splits {', '.join(known)}." if known else ""
    raise ValueError(f"There is no split strategy {strategy!r}. Choose one of {', '.join(strategies)}.{published}")


def published_parts(
    table: SplitTable, name: str, published: PublishedSplit, fold: int, validation_size: float, seed: int
) -> Parts:
    """
    Rows of the parts that a published split lists.

    Utterances whose speaker (or session) is unknown go to train. Those whose speaker is in no list go to train if the
    split lists none for train, and are left out otherwise; both with a warning. Validation is what the split lists,
    else the share of train that it draws at random, else whole speakers of train by `validation_size`.

    Args:
        table ([`SplitTable`]):
            The dataset.
        name (`str`):
            Name of the split, for messages.
        published ([`PublishedSplit`]):
            The split.
        fold (`int`):
            Which of its folds, from 0.
        validation_size (`float`):
            Share of all utterances, where the split says nothing of validation.
        seed (`int`):
            Seed of validation, where it is not listed.

    Raises:
        `ValueError`: If the split has no lists or no such fold, or a part is empty.
    """
    lists = _lists(name, published, fold)
    members = _members(table, published)
    parts = _dealt_out(name, published, lists, members)
    if "validation" not in lists:
        num_wanted = validation_size * sum(map(len, parts.values()))
        parts |= _drawn_validation(table, published, parts["train"], num_wanted, seed)
    wanted = {"train", "test"} | ({"validation"} & set(lists))
    if empty := sorted(part for part in wanted if not parts[part]):
        raise ValueError(
            f"Fold {fold} of the split {name!r} leaves {' and '.join(empty)} empty: the dataset has the "
            f"{_names(published, members)}. Is the archive incomplete?"
        )
    return parts


def _lists(name: str, published: PublishedSplit, fold: int) -> Mapping[str, Sequence[str]]:
    if not published.folds:
        raise ValueError(
            f"The split {name!r} ({published.source}) is not given as lists of speakers or sessions. Load the corpus "
            f"with its official parts and use strategy='official', or read its file list with 'partition_file'."
        )
    check_fold(name, fold, len(published.folds))
    return published.folds[fold]


def _members(table: SplitTable, published: PublishedSplit) -> dict[str | None, list[int]]:
    """Rows of every speaker or session, under `None` those that have none."""
    members: dict[str | None, list[int]] = defaultdict(list)
    for row, member in enumerate(table.speakers if published.by == "speaker_id" else table.sessions):
        members[None if member is None else member[1]].append(row)
    return members


def _dealt_out(
    name: str,
    published: PublishedSplit,
    lists: Mapping[str, Sequence[str]],
    members: Mapping[str | None, list[int]],
) -> Parts:
    """Rows of the listed parts, with a warning for whoever is unknown, not listed, or listed and absent."""
    part_of: dict[str | None, str] = {member: part for part in PARTS for member in lists.get(part, ())}
    absent = set(part_of) - set(members)
    left_out = set(members) - set(part_of) - {None} if "train" in lists else set()
    parts: Parts = {part: [] for part in PARTS}
    for member in set(members) - left_out:
        parts[part_of.get(member, "train")] += members[member]
    if absent:
        logger.warning("The dataset lacks %s, which the split %r lists.", _names(published, absent), name)
    if None in members:
        logger.warning(
            "%d utterances without %s go to train; fill it in to be sure of the split.",
            len(members[None]), published.by,
        )  # fmt: skip
    if left_out:
        logger.warning(
            "%d utterances of %s are in no part of the split %r and left out.",
            sum(len(members[member]) for member in left_out), _names(published, left_out), name,
        )  # fmt: skip
    return parts


def _drawn_validation(
    table: SplitTable, published: PublishedSplit, train: list[int], num_wanted: float, seed: int
) -> Parts:
    if published.random_validation:
        return random_validation(table, train, published.random_validation, seed)
    return carve_validation(table, train, num_wanted, seed)


def _names(published: PublishedSplit, members: Iterable[str | None]) -> str:
    names = sorted(filter(None, members))
    what = "speakers" if published.by == "speaker_id" else "sessions"
    return f"{what} {', '.join(names[:_NUM_SHOWN]) or '(none)'}{', ...' * (len(names) > _NUM_SHOWN)}"


def split_leak(tables: Mapping[str, SplitTable], strategy: str) -> str | None:
    """
    What the parts of a split share: what is known of a published split, and what the speaker ids show.

    Args:
        tables (`Mapping[str, SplitTable]`):
            The parts.
        strategy (`str`):
            The strategy or published split that made them.

    Returns:
        `str`, or `None` if nothing is known to be shared.
    """
    published = published_splits(corpus for table in tables.values() for corpus in table.corpora).get(strategy)
    texts = [published.leak if published else None, shared_speakers(tables)]
    return "; ".join(filter(None, texts)) or None
