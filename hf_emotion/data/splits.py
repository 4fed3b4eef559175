"""Train, validation and test parts of a corpus. No speaker is ever in two parts, unless a strategy says so.

Speakers are dealt out by `hf_emotion.data.speaker_groups.group_speakers`, deterministically: the same utterances and
the same seed give the same parts, whatever the order of the rows. [`describe_split`] gives a split a name, a version
and a hash, so that a published number says what it was measured on.
"""

import logging
import math
from collections import defaultdict
from collections.abc import Iterable

import datasets
import numpy as np

from .speaker_groups import group_speakers
from .split_info import PARTS, SPLITS_VERSION, SplitInfo, SplitLeakError, SplitTable, check_leaks, describe_split


__all__ = [
    "PARTS",
    "SPLITS_VERSION",
    "STRATEGIES",
    "SplitInfo",
    "SplitLeakError",
    "check_leaks",
    "describe_split",
    "resolve_strategy",
    "split_corpus",
]


logger = logging.getLogger(__name__)

STRATEGIES = ("auto", "official", "speaker_independent", "k_fold", "leave_one_speaker_out", "random")

_DEFAULT_TEST_SIZE = 0.2
# EmoSet++ takes a random 10 % for test where speakers are unknown (Amiriparian et al., Interspeech 2024, section 2).
_RANDOM_TEST_SIZE = 0.1

_Parts = dict[str, list[int]]


def split_corpus(
    dataset: datasets.Dataset | datasets.DatasetDict,
    strategy: str = "auto",
    *,
    num_folds: int = 5,
    fold: int = 0,
    validation_size: float = 0.1,
    test_size: float = _DEFAULT_TEST_SIZE,
    seed: int = 0,
    allow_speaker_overlap: bool = False,
) -> datasets.DatasetDict:
    """
    Split a corpus into train, validation and test.

    Args:
        dataset (`Dataset` or `DatasetDict`):
            A corpus with the columns of `load_corpus`. Parts that exist are merged first, except for `"official"`.
        strategy (`str`, *optional*, defaults to `"auto"`):
            - `"official"`: the parts that the corpus publishes. A missing validation part is taken from train (whole
              speakers); a missing test part is left empty, with a warning.
            - `"speaker_independent"`: whole speakers, so chosen that sizes, labels and genders are in proportion and
              every label is in every part, as far as the speakers allow. With two speakers the test part is one of
              them, and validation is a random, stratified share of the other, with a warning: there is no third.
            - `"k_fold"`: speakers in `num_folds` groups; group `fold` is test, validation is taken from the others.
            - `"leave_one_speaker_out"`: speaker number `fold` (ids sorted) is test, validation comes from the others.
            - `"random"`: utterances at random, stratified by label. Speakers are in several parts: for corpora without
              speaker ids, or to reproduce numbers that were measured so.
            - `"auto"`: official if the corpus publishes parts, else speaker-independent, else (no speaker ids, or one
              speaker) random with 10 % for test unless `test_size` says otherwise, the rule of EmoSet++.
        num_folds (`int`, *optional*, defaults to 5):
            Number of groups of `"k_fold"`.
        fold (`int`, *optional*, defaults to 0):
            Which group or speaker is tested, from 0.
        validation_size, test_size (`float`, *optional*, default to 0.1 and 0.2):
            Shares of all utterances. Folds have the size they have.
        seed (`int`, *optional*, defaults to 0):
            Seed of every choice.
        allow_speaker_overlap (`bool`, *optional*, defaults to `False`):
            Accept official parts that share speakers (MELD is published so).

    Returns:
        `DatasetDict` with `train`, `validation` and `test`. Every utterance is in exactly one part, those without a
        label as well; rows keep their order.

    Raises:
        [`SplitLeakError`]: If official parts share a speaker or an utterance.
        `ValueError`: If the strategy is unknown or not possible with this corpus.
        `TypeError`: If `dataset` is a stream, which cannot be split before it has been read.

    Example:

    ```python
    >>> from hf_emotion.data.loading import load_corpus
    >>> from hf_emotion.data.splits import split_corpus
    >>> emodb = load_corpus("emodb", data_dir="corpora/emodb")  # doctest: +SKIP
    >>> parts = split_corpus(emodb, "leave_one_speaker_out", fold=3)  # doctest: +SKIP

    ```
    """
    if strategy not in STRATEGIES:
        raise ValueError(f"There is no split strategy {strategy!r}. Choose one of {', '.join(STRATEGIES)}.")
    if not (0 <= validation_size < 1 and 0 < test_size < 1 and validation_size + test_size < 1):
        raise ValueError(
            f"validation_size={validation_size} and test_size={test_size} must be shares whose sum is below 1."
        )
    if isinstance(dataset, datasets.IterableDataset | datasets.IterableDatasetDict):
        raise TypeError("A streamed corpus cannot be split before it is read. Load it with streaming=False.")
    if strategy == "auto":
        strategy = resolve_strategy(dataset)
        if strategy == "random" and test_size == _DEFAULT_TEST_SIZE:
            test_size = _RANDOM_TEST_SIZE
    if strategy == "official":
        return _official(dataset, validation_size, seed, allow_speaker_overlap)
    sizes = {"validation": validation_size, "test": test_size}
    return _split_merged(_merged(dataset), strategy, sizes, num_folds, fold, seed)


def resolve_strategy(dataset: datasets.Dataset | datasets.DatasetDict) -> str:
    """What `"auto"` means for a corpus: `"official"`, `"speaker_independent"` or `"random"`."""
    if isinstance(dataset, datasets.DatasetDict) and len(dataset) > 1:
        return "official"
    num_speakers = len(set(filter(None, SplitTable(_merged(dataset)).speakers)))
    if num_speakers >= 2:
        return "speaker_independent"
    logger.warning(
        "The corpus has %s: utterances are split at random. Scores will not say how a model does on a new speaker.",
        "one speaker" if num_speakers else "no speaker ids",
    )
    return "random"


def _merged(dataset: datasets.Dataset | datasets.DatasetDict) -> datasets.Dataset:
    if isinstance(dataset, datasets.DatasetDict):
        parts = list(dataset.values())
        return parts[0] if len(parts) == 1 else datasets.concatenate_datasets(parts)
    return dataset


def _known(table: SplitTable, rows: Iterable[int]) -> list[tuple[str, str]]:
    return sorted({speaker for speaker in (table.speakers[row] for row in rows) if speaker is not None})


def _split_merged(
    dataset: datasets.Dataset, strategy: str, sizes: dict[str, float], num_folds: int, fold: int, seed: int
) -> datasets.DatasetDict:
    table = SplitTable(dataset)
    everything = list(range(len(dataset)))
    if strategy == "random":
        parts = _random_parts(table, everything, sizes, seed)
    elif strategy == "speaker_independent":
        parts = _speaker_independent(table, everything, sizes, seed)
    else:
        test_speakers = _fold_speakers(table, strategy, num_folds, fold, seed)
        test = [row for row in everything if table.speakers[row] in test_speakers]
        rest = [row for row in everything if table.speakers[row] not in test_speakers]
        share = min(sizes["validation"] * len(everything) / max(1, len(rest)), 0.5)
        parts = _carve_validation(table, rest, share, seed) | {"test": test}
    result = datasets.DatasetDict({part: dataset.select(sorted(parts.get(part, []))) for part in PARTS})
    if strategy != "random":
        # Validation shares the speaker of train only where there is no second speaker to train on (warned about).
        speakers = _known(table, parts["train"])
        shared = len(speakers) == 1 and speakers == _known(table, parts["validation"])
        check_leaks(result, parts=("train", "test") if shared else PARTS)
    return result


def _official(
    dataset: datasets.Dataset | datasets.DatasetDict, validation_size: float, seed: int, allow_speaker_overlap: bool
) -> datasets.DatasetDict:
    found = list(dataset) if isinstance(dataset, datasets.DatasetDict) else ["train"]
    if "train" not in found or len(found) < 2 or not set(found) <= set(PARTS):
        raise ValueError(
            f"The corpus publishes no official split: it has {found}, but train and at least one of validation and "
            f"test are needed. Choose another strategy, for example 'speaker_independent'."
        )
    result = datasets.DatasetDict(dataset)
    check_leaks(result, parts=() if allow_speaker_overlap else PARTS)
    if "test" not in result:
        logger.warning("The corpus publishes no test part: `test` is empty.")
        result["test"] = result["train"].select([])
    if "validation" not in result:
        train = result["train"]
        share = min(validation_size * (len(train) + len(result["test"])) / max(1, len(train)), 0.5)
        parts = _carve_validation(SplitTable(train), list(range(len(train))), share, seed)
        logger.info("The corpus publishes no validation part: %d rows of train are used.", len(parts["validation"]))
        result |= {part: train.select(sorted(parts[part])) for part in ("train", "validation")}
    return datasets.DatasetDict({part: result[part] for part in PARTS})


def _fold_speakers(table: SplitTable, strategy: str, num_folds: int, fold: int, seed: int) -> set[tuple[str, str]]:
    speakers = _known(table, range(len(table.speakers)))
    num_groups = len(speakers) if strategy == "leave_one_speaker_out" else num_folds
    if num_groups < 2 or num_groups > len(speakers):
        raise ValueError(
            f"{strategy} into {num_groups} groups is not possible with {len(speakers)} speakers: it takes at least "
            f"two groups and as many speakers as groups. Without speaker ids only strategy='random' remains."
        )
    if not 0 <= fold < num_groups:
        raise ValueError(f"fold={fold} does not exist: {strategy} has folds 0 to {num_groups - 1} here.")
    if strategy == "leave_one_speaker_out":
        return {speakers[fold]}
    rows = [row for row, speaker in enumerate(table.speakers) if speaker is not None]
    groups = _grouped(table, rows, [1 / num_folds] * num_folds, seed)
    return {speaker for speaker, group in groups.items() if speaker is not None and group == fold}


def _speaker_independent(table: SplitTable, rows: list[int], sizes: dict[str, float], seed: int) -> _Parts:
    speakers = _known(table, rows)
    if len(speakers) < 2:
        raise ValueError(
            f"A speaker-independent split takes at least two speakers, the dataset has {len(speakers)}. "
            f"Fill in speaker_id, or use strategy='random' and say so next to every score."
        )
    if len(speakers) == 2 or sizes["validation"] == 0:
        groups = _grouped(table, rows, [1 - sizes["test"], sizes["test"]], seed)
        test = [row for row in rows if groups.get(table.speakers[row]) == 1]
        rest = [row for row in rows if groups.get(table.speakers[row]) != 1]
        share = min(sizes["validation"] * len(rows) / len(rest), 0.5)
        return _carve_validation(table, rest, share, seed) | {"test": test}
    shares = [1 - sizes["validation"] - sizes["test"], sizes["validation"], sizes["test"]]
    groups = _grouped(table, rows, shares, seed)
    parts: _Parts = {part: [] for part in PARTS}
    for row in rows:
        parts[PARTS[groups.get(table.speakers[row], 0)]].append(row)
    return parts


def _carve_validation(table: SplitTable, rows: list[int], share: float, seed: int) -> _Parts:
    """Split rows in train and validation: whole speakers if there are at least two, else utterances at random."""
    if share <= 0:
        return {"train": rows, "validation": []}
    if len(_known(table, rows)) >= 2:
        groups = _grouped(table, rows, [1 - share, share], seed)
        validation = {speaker for speaker, group in groups.items() if group == 1}
        return {
            "train": [row for row in rows if table.speakers[row] not in validation],
            "validation": [row for row in rows if table.speakers[row] in validation],
        }
    logger.warning(
        "Train has no second (known) speaker: validation is a random, stratified share of the same utterances, so "
        "model selection does not see a new voice."
    )
    parts = _random_parts(table, rows, {"validation": share}, seed)
    return {part: parts[part] for part in ("train", "validation")}


def _grouped(table: SplitTable, rows: list[int], shares: list[float], seed: int) -> dict[tuple[str, str] | None, int]:
    num_unknown = sum(table.speakers[row] is None for row in rows)
    if num_unknown:
        logger.warning(
            "%d utterances without speaker_id go to train; fill it in to be sure of the split.", num_unknown
        )
    known = [row for row in rows if table.speakers[row] is not None]
    return group_speakers(
        [table.speakers[row] for row in known],
        [table.labels[row] for row in known],
        [table.genders[row] for row in known],
        shares,
        seed=seed,
    )


def _random_parts(table: SplitTable, rows: list[int], sizes: dict[str, float], seed: int) -> _Parts:
    """Stratified by label, and every label in every part that it is frequent enough for."""
    generator = np.random.default_rng(seed)
    strata: dict[str, list[int]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: table.keys[row]):
        strata[table.labels[row] or ""].append(row)
    parts: _Parts = {part: [] for part in PARTS}
    targets = dict.fromkeys(sizes, 0.0)
    for label in sorted(strata, key=lambda label: (len(strata[label]), label)):
        members = [strata[label][index] for index in generator.permutation(len(strata[label]))]
        at_least = 1 if len(members) > len(sizes) else 0
        for part, share in sizes.items():
            targets[part] += share * len(strata[label])
            # Rounding the running total, not each label, keeps the sizes of the parts right.
            num_taken = max(at_least * (share > 0), math.floor(targets[part] + 0.5) - len(parts[part]))
            num_taken = min(num_taken, max(0, len(members) - 1))
            parts[part] += members[:num_taken]
            members = members[num_taken:]
        parts["train"] += members
    return parts
