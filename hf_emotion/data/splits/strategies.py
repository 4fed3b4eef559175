"""Train, validation and test parts of a corpus. No speaker is ever in two parts, unless a strategy says so.

[`split_corpus`] is the one door; the strategies are in `speaker_splits`, `random_splits`, `published_splits` and
`partition_files`. All are deterministic: the same utterances and the same seed give the same parts, whatever the order
of the rows. [`describe_split`] gives a split a name, a version and a hash, so that a published number says what it was
measured on.
"""

import logging
import os

import datasets

from .partition_files import partition_parts, read_partition
from .published_splits import check_strategy, listed_split, published_parts, published_splits, split_leak
from .random_splits import random_parts, speaker_dependent_80_20
from .speaker_splits import FOLD_STRATEGIES, carve_validation, fold_parts, speaker_independent
from .split_table import PARTS, Parts, SplitTable, check_leaks, corpora_of


logger = logging.getLogger(__name__)

# Every corpus has these; its published splits come on top.
STRATEGIES = (
    "auto",
    "official",
    "speaker_independent",
    *FOLD_STRATEGIES,
    "random",
    "speaker_dependent_80_20",
    "partition_file",
)

_DEFAULT_TEST_SIZE = 0.2
# EmoSet++ takes a random 10 % for test where speakers are unknown (Amiriparian et al., Interspeech 2024, section 2).
_RANDOM_TEST_SIZE = 0.1


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
    partition_file: str | os.PathLike | None = None,
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
            - `"leave_one_session_out"`: session number `fold` (names sorted) is test, validation is whole speakers of
              the others.
            - `"random"`: utterances at random, stratified by label. Speakers are in several parts: for corpora without
              speaker ids, or to reproduce numbers that were measured so.
            - `"speaker_dependent_80_20"`: a random 20 % of all utterances for test, stratified by label, validation
              from the others. Many papers test so; speakers are in all parts, and scores are far higher than on new
              ones.
            - the name of a published split of the corpus, for example `"emobox"` or `"emosuperb_code"`: its fold
              `fold`, see `corpus_facts(name).published_splits`.
            - `"partition_file"`: what `partition_file` lists.
            - `"auto"`: official if the corpus publishes parts, else speaker-independent, else (no speaker ids, or one
              speaker) random with 10 % for test unless `test_size` says otherwise, the rule of EmoSet++.
        num_folds (`int`, *optional*, defaults to 5):
            Number of groups of `"k_fold"`.
        fold (`int`, *optional*, defaults to 0):
            Which group, speaker, session or published fold is tested, from 0. Where a source counts from 1, this is
            number `fold + 1`.
        validation_size, test_size (`float`, *optional*, default to 0.1 and 0.2):
            Shares of all utterances. Folds have the size they have.
        seed (`int`, *optional*, defaults to 0):
            Seed of every choice.
        allow_speaker_overlap (`bool`, *optional*, defaults to `False`):
            Accept published parts and sessions that share speakers though nobody says so. What published splits are
            known to share, and what a file lists, is accepted with a warning in any case.
        partition_file (`str` or `os.PathLike`, *optional*):
            For `"partition_file"`: a CSV file with the columns `utterance_id` and `split`; or a file or folder of
            EMO-SUPERB or EmoBox, see [`~hf_emotion.data.splits.partition_files.read_partition`].

    Returns:
        `DatasetDict` with `train`, `validation` and `test`. Every utterance is in exactly one part, those without a
        label as well; rows keep their order. Published lists may leave out utterances, with a warning.

    Raises:
        [`SplitLeakError`]: If official parts share a speaker or an utterance, or a speaker is in several sessions.
        `ValueError`: If the strategy is unknown or not possible with this corpus.
        `FileNotFoundError`: If there is no such partition file or fold of it.
        `TypeError`: If `dataset` is a stream, which cannot be split before it has been read.

    Example:

    ```python
    >>> from hf_emotion.data.loading import load_corpus
    >>> from hf_emotion.data.splits import split_corpus
    >>> emodb = load_corpus("emodb", data_dir="corpora/emodb")  # doctest: +SKIP
    >>> parts = split_corpus(emodb, "leave_one_speaker_out", fold=3)  # doctest: +SKIP
    >>> parts = split_corpus(emodb, "partition_file", partition_file="EmoBox/data/emodb", fold=2)  # doctest: +SKIP

    ```
    """
    if isinstance(dataset, datasets.IterableDataset | datasets.IterableDatasetDict):
        raise TypeError("A streamed corpus cannot be split before it is read. Load it with streaming=False.")
    check_strategy(dataset, strategy, STRATEGIES)
    _check_arguments(strategy, validation_size, test_size, partition_file)
    if strategy == "auto":
        strategy = resolve_strategy(dataset)
        if strategy == "random" and test_size == _DEFAULT_TEST_SIZE:
            test_size = _RANDOM_TEST_SIZE
    if strategy == "official" and listed_split(dataset, strategy) is None:
        return _official(dataset, validation_size, seed, allow_speaker_overlap)
    dataset = _merged(dataset)
    table = SplitTable(dataset)
    everything = list(range(len(dataset)))
    sizes = {"validation": validation_size, "test": test_size}
    if strategy == "random":
        parts = random_parts(table, everything, sizes, seed)
    elif strategy == "speaker_dependent_80_20":
        parts = speaker_dependent_80_20(table, everything, validation_size, seed)
    elif strategy == "speaker_independent":
        parts = speaker_independent(table, everything, sizes, seed)
    elif strategy in FOLD_STRATEGIES:
        parts = fold_parts(table, strategy, num_folds, fold, validation_size, seed)
    elif partition_file is not None:
        parts = partition_parts(dataset, table, read_partition(partition_file, fold), validation_size, seed)
    else:
        published = published_splits(table.corpora)[strategy]
        parts = published_parts(table, strategy, published, fold, validation_size, seed)
    result = datasets.DatasetDict({part: dataset.select(sorted(parts.get(part, []))) for part in PARTS})
    _check_result(result, table, parts, strategy, allow_speaker_overlap)
    return result


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


def _check_arguments(
    strategy: str, validation_size: float, test_size: float, partition_file: str | os.PathLike | None
) -> None:
    if not (0 <= validation_size < 1 and 0 < test_size < 1 and validation_size + test_size < 1):
        raise ValueError(
            f"validation_size={validation_size} and test_size={test_size} must be shares whose sum is below 1."
        )
    if strategy == "speaker_dependent_80_20" and test_size != _DEFAULT_TEST_SIZE:
        raise ValueError(f"speaker_dependent_80_20 tests 20 %; for test_size={test_size} use strategy='random'.")
    if strategy == "partition_file" and partition_file is None:
        raise ValueError("strategy='partition_file' reads a file: give its path as partition_file.")
    if strategy != "partition_file" and partition_file is not None:
        raise ValueError(f"partition_file is read with strategy='partition_file' only, not with {strategy!r}.")


def _check_result(
    result: datasets.DatasetDict, table: SplitTable, parts: Parts, strategy: str, allow_speaker_overlap: bool
) -> None:
    """Warn about what the parts share where the strategy is known for it; any other leak is an error."""
    if strategy == "random":
        return
    published = published_splits(table.corpora).get(strategy)
    is_known = strategy in ("speaker_dependent_80_20", "partition_file") or (published and published.leak)
    # Validation shares the speakers of train if it is drawn from them by utterance: because there is no second speaker
    # to train on (warned about), or because the published split does so.
    train = table.known_speakers(parts["train"])
    is_drawn = len(train) == 1 and train == table.known_speakers(parts["validation"])
    is_drawn = is_drawn or bool(published and published.random_validation)
    unshared = () if is_known or allow_speaker_overlap else ("train", "test") if is_drawn else PARTS
    check_leaks(result, parts=unshared)
    if published or is_known:
        _warn_about_leak(result, strategy)


def _warn_about_leak(result: datasets.DatasetDict, strategy: str) -> None:
    leak = split_leak({part: SplitTable(rows) for part, rows in result.items()}, strategy)
    if leak:
        logger.warning("The parts of the split %r are not independent. What they share: %s.", strategy, leak)


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
    published = published_splits(corpora_of(dataset)).get("official")
    is_known = published is not None and published.leak is not None
    check_leaks(result, parts=() if is_known or allow_speaker_overlap else PARTS)
    if is_known:
        _warn_about_leak(result, "official")
    if "test" not in result:
        logger.warning("The corpus publishes no test part: `test` is empty.")
        result["test"] = result["train"].select([])
    if "validation" not in result:
        train = result["train"]
        num_wanted = validation_size * (len(train) + len(result["test"]))
        parts = carve_validation(SplitTable(train), list(range(len(train))), num_wanted, seed)
        logger.info("The corpus publishes no validation part: %d rows of train are used.", len(parts["validation"]))
        result |= {part: train.select(sorted(parts[part])) for part in ("train", "validation")}
    return datasets.DatasetDict({part: result[part] for part in PARTS})
