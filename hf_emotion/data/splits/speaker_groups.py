"""Dealing out whole speakers to parts of wanted sizes, with labels and genders in proportion."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np


# Weight of one part that lacks a label, next to squared relative deviations, which are below 1 for sensible splits.
_MISSING_LABEL = 10.0
_EMPTY_PART = 1000.0
_NUM_RESTARTS = 8
_MAX_PASSES = 50
# Swaps are tried for all pairs of speakers; with more speakers than this, moving single ones is fine-grained enough.
_MAX_SPEAKERS_TO_SWAP = 128


def group_speakers(
    speakers: Sequence[Any],
    labels: Sequence[str | None],
    genders: Sequence[str | None],
    shares: Sequence[float],
    *,
    seed: int = 0,
) -> dict[Any, int]:
    """
    Assign every speaker to one of several parts.

    The cost of an assignment is the sum over the parts of squared relative deviations from the wanted share: of the
    number of utterances, of the utterances of each label (mean over labels), and of each gender (mean over genders).
    A part without any speaker, or without a label that at least as many speakers have as there are parts, costs far
    more. Speakers are dealt out greedily, largest first, each to the part where the cost becomes least; then single
    speakers are moved and pairs swapped as long as that lowers the cost. The best of a few shuffled starts is kept.

    Args:
        speakers (`Sequence[Any]`):
            Speaker of each utterance; hashable and sortable.
        labels, genders (`Sequence[str | None]`):
            Label and gender of each utterance; `None` counts for the size only.
        shares (`Sequence[float]`):
            Wanted share of the utterances of each part; sums to 1.
        seed (`int`, *optional*, defaults to 0):
            Seed of the shuffles. The order of the utterances does not matter.

    Returns:
        `dict[Any, int]`: Index of the part of each speaker.

    Raises:
        `ValueError`: If there are fewer speakers than parts.

    Example:

    ```python
    >>> from hf_emotion.data.splits.speaker_groups import group_speakers
    >>> groups = group_speakers(["a", "b", "c", "d"], ["joy"] * 4, [None] * 4, [0.75, 0.25])
    >>> sorted(groups.values())
    [0, 0, 0, 1]

    ```
    """
    names = sorted(set(speakers))
    if len(names) < len(shares):
        raise ValueError(f"{len(names)} speakers cannot fill {len(shares)} parts: a speaker is in one part only.")
    cost = _Cost(names, speakers, labels, genders, np.asarray(shares, dtype=float))
    generator = np.random.default_rng(seed)
    starts = [_improve(_greedy(cost, generator), cost) for _ in range(_NUM_RESTARTS)]
    # Rounded, so that of equally good assignments the first is taken on every machine.
    best = min(starts, key=lambda assignment: round(cost.of(assignment), 9))
    return {name: int(part) for name, part in zip(names, best, strict=True)}


class _Cost:
    """Counts of each speaker per column (utterances, labels, genders) and what an assignment of speakers costs."""

    def __init__(self, names, speakers, labels, genders, shares):
        index = {name: row for row, name in enumerate(names)}
        label_columns = {label: column for column, label in enumerate(sorted({x for x in labels if x is not None}))}
        gender_columns = {
            gender: column for column, gender in enumerate(sorted({x for x in genders if x is not None}))
        }
        num_labels, num_genders = len(label_columns), len(gender_columns)
        self.counts = np.zeros((len(names), 1 + num_labels + num_genders))
        for (speaker, label, gender), count in Counter(zip(speakers, labels, genders, strict=True)).items():
            self.counts[index[speaker], 0] += count
            if label is not None:
                self.counts[index[speaker], 1 + label_columns[label]] += count
            if gender is not None:
                self.counts[index[speaker], 1 + num_labels + gender_columns[gender]] += count
        self.targets = shares[:, None] * self.counts.sum(axis=0)
        self.weights = np.concatenate(
            [np.ones(1), np.full(num_labels, 1 / max(1, num_labels)), np.full(num_genders, 1 / max(1, num_genders))]
        )
        labels_of_speakers = self.counts[:, 1 : 1 + num_labels] > 0
        self.needed = 1 + np.flatnonzero(labels_of_speakers.sum(axis=0) >= len(shares))

    def of_sums(self, sums: np.ndarray) -> float:
        """Cost of column sums of shape (num_parts, num_columns)."""
        deviations = ((sums / self.targets - 1) ** 2 * self.weights).sum()
        return deviations + _MISSING_LABEL * (sums[:, self.needed] == 0).sum() + _EMPTY_PART * (sums[:, 0] == 0).sum()

    def sums(self, assignment: np.ndarray) -> np.ndarray:
        sums = np.zeros_like(self.targets)
        np.add.at(sums, assignment[assignment >= 0], self.counts[assignment >= 0])
        return sums

    def of(self, assignment: np.ndarray) -> float:
        return self.of_sums(self.sums(assignment))


def _greedy(cost: _Cost, generator: np.random.Generator) -> np.ndarray:
    num_speakers, num_parts = len(cost.counts), len(cost.targets)
    shuffled = generator.permutation(num_speakers)
    order = shuffled[np.argsort(-cost.counts[shuffled, 0], kind="stable")]
    assignment = np.full(num_speakers, -1)
    sums = np.zeros_like(cost.targets)
    for speaker in order:
        costs = []
        for part in range(num_parts):
            sums[part] += cost.counts[speaker]
            costs.append(cost.of_sums(sums))
            sums[part] -= cost.counts[speaker]
        assignment[speaker] = int(np.argmin(costs))
        sums[assignment[speaker]] += cost.counts[speaker]
    return assignment


def _improve(assignment: np.ndarray, cost: _Cost) -> np.ndarray:
    """Move single speakers and swap pairs until nothing lowers the cost."""
    sums = cost.sums(assignment)
    value = cost.of_sums(sums)
    num_speakers, num_parts = len(cost.counts), len(cost.targets)
    for _ in range(_MAX_PASSES):
        before = value
        for speaker in range(num_speakers):
            for part in range(num_parts):
                value = _try(assignment, sums, cost, value, [(speaker, part)])
        if num_speakers <= _MAX_SPEAKERS_TO_SWAP:
            for first in range(num_speakers):
                for second in range(first):
                    if assignment[first] != assignment[second]:
                        swap = [(first, assignment[second]), (second, assignment[first])]
                        value = _try(assignment, sums, cost, value, swap)
        if value >= before - 1e-9:
            break
    return assignment


def _try(assignment: np.ndarray, sums: np.ndarray, cost: _Cost, value: float, moves: list[tuple[int, int]]) -> float:
    """Make the moves (speaker, new part) in place if that lowers the cost; returns the cost then."""
    changed = sums.copy()
    for speaker, part in moves:
        changed[assignment[speaker]] -= cost.counts[speaker]
        changed[part] += cost.counts[speaker]
    new_value = cost.of_sums(changed)
    if new_value >= value - 1e-9:
        return value
    sums[:] = changed
    for speaker, part in moves:
        assignment[speaker] = part
    return new_value
