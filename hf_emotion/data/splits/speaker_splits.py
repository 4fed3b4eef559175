"""Splits by whole speakers or sessions: speaker-independent, k-fold, leave one speaker or session out."""

import logging

from .random_splits import random_validation
from .speaker_groups import group_speakers
from .split_table import PARTS, Parts, SplitTable


logger = logging.getLogger(__name__)

FOLD_STRATEGIES = ("k_fold", "leave_one_speaker_out", "leave_one_session_out")


def speaker_independent(table: SplitTable, rows: list[int], sizes: dict[str, float], seed: int) -> Parts:
    """Deal out whole speakers to train, validation and test; with two speakers, validation is a share of train's."""
    speakers = table.known_speakers(rows)
    if len(speakers) < 2:
        raise ValueError(
            f"A speaker-independent split takes at least two speakers, the dataset has {len(speakers)}. "
            f"Fill in speaker_id, or use strategy='random' and say so next to every score."
        )
    if len(speakers) == 2 or sizes["validation"] == 0:
        groups = _grouped(table, rows, [1 - sizes["test"], sizes["test"]], seed)
        test = [row for row in rows if groups.get(table.speakers[row]) == 1]
        rest = [row for row in rows if groups.get(table.speakers[row]) != 1]
        return carve_validation(table, rest, sizes["validation"] * len(rows), seed) | {"test": test}
    shares = [1 - sizes["validation"] - sizes["test"], sizes["validation"], sizes["test"]]
    groups = _grouped(table, rows, shares, seed)
    parts: Parts = {part: [] for part in PARTS}
    for row in rows:
        parts[PARTS[groups.get(table.speakers[row], 0)]].append(row)
    return parts


def fold_parts(
    table: SplitTable, strategy: str, num_folds: int, fold: int, validation_size: float, seed: int
) -> Parts:
    """Test the given fold of `k_fold`, `leave_one_speaker_out` or `leave_one_session_out`."""
    everything = list(range(len(table.keys)))
    if strategy == "leave_one_session_out":
        test = _session_rows(table, fold)
    else:
        test_speakers = _fold_speakers(table, strategy, num_folds, fold, seed)
        test = [row for row in everything if table.speakers[row] in test_speakers]
    rest = sorted(set(everything) - set(test))
    return carve_validation(table, rest, validation_size * len(everything), seed) | {"test": test}


def carve_validation(table: SplitTable, rows: list[int], num_wanted: float, seed: int) -> Parts:
    """
    Split rows in train and validation: whole speakers if there are at least two, else utterances at random.

    Args:
        table ([`SplitTable`]):
            The dataset.
        rows (`list[int]`):
            Rows to split.
        num_wanted (`float`):
            Wanted size of validation in utterances, at most half of `rows`.
        seed (`int`):
            Seed of the choice.
    """
    share = min(num_wanted / max(1, len(rows)), 0.5)
    if share <= 0:
        return {"train": rows, "validation": []}
    if len(table.known_speakers(rows)) >= 2:
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
    return random_validation(table, rows, share, seed)


def _fold_speakers(table: SplitTable, strategy: str, num_folds: int, fold: int, seed: int) -> set[tuple[str, str]]:
    speakers = table.known_speakers(range(len(table.speakers)))
    num_groups = len(speakers) if strategy == "leave_one_speaker_out" else num_folds
    if num_groups < 2 or num_groups > len(speakers):
        raise ValueError(
            f"{strategy} into {num_groups} groups is not possible with {len(speakers)} speakers: it takes at least "
            f"two groups and as many speakers as groups. Without speaker ids only strategy='random' remains."
        )
    check_fold(strategy, fold, num_groups)
    if strategy == "leave_one_speaker_out":
        return {speakers[fold]}
    rows = [row for row, speaker in enumerate(table.speakers) if speaker is not None]
    groups = _grouped(table, rows, [1 / num_folds] * num_folds, seed)
    return {speaker for speaker, group in groups.items() if speaker is not None and group == fold}


def _session_rows(table: SplitTable, fold: int) -> list[int]:
    without = [row for row, session in enumerate(table.sessions) if session is None]
    sessions = sorted({session for session in table.sessions if session is not None})
    if without or len(sessions) < 2:
        speakers = ", ".join(name for _, name in table.known_speakers(without)[:5])
        missing = f"{len(without)} utterances without session{f' (of {speakers})' if speakers else ''}"
        raise ValueError(
            f"leave_one_session_out takes at least two sessions and the session of every utterance; the dataset has "
            f"{len(sessions)} sessions and {missing}. Fill in session, or use strategy='leave_one_speaker_out'."
        )
    check_fold("leave_one_session_out", fold, len(sessions))
    return [row for row, session in enumerate(table.sessions) if session == sessions[fold]]


def check_fold(strategy: str, fold: int, num_folds: int) -> None:
    """Raise a `ValueError` if there is no such fold."""
    if not 0 <= fold < num_folds:
        raise ValueError(f"fold={fold} does not exist: {strategy} has folds 0 to {num_folds - 1} here.")


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
