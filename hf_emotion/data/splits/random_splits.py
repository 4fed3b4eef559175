"""Splits by utterance, at random: for corpora without speakers, and to repeat what was measured so."""

import math
from collections import defaultdict

import numpy as np

from .split_table import PARTS, Parts, SplitTable


SPEAKER_DEPENDENT_TEST_SIZE = 0.2


def random_parts(table: SplitTable, rows: list[int], sizes: dict[str, float], seed: int) -> Parts:
    """
    Draw parts at random, stratified by label, with every label in every part that it is frequent enough for.

    Args:
        table ([`SplitTable`]):
            The dataset.
        rows (`list[int]`):
            Rows to split.
        sizes (`dict[str, float]`):
            Share of `rows` of each part but `"train"`, which takes what is left.
        seed (`int`):
            Seed of the draw. The order of the rows does not matter.
    """
    generator = np.random.default_rng(seed)
    strata: dict[str, list[int]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: table.keys[row]):
        strata[table.labels[row] or ""].append(row)
    parts: Parts = {part: [] for part in PARTS}
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


def random_validation(table: SplitTable, rows: list[int], share: float, seed: int) -> Parts:
    """Draw `share` of the rows for `"validation"`, see [`random_parts`]; the others are `"train"`."""
    if share <= 0:
        return {"train": rows, "validation": []}
    parts = random_parts(table, rows, {"validation": share}, seed)
    return {part: parts[part] for part in ("train", "validation")}


def speaker_dependent_80_20(table: SplitTable, rows: list[int], validation_size: float, seed: int) -> Parts:
    """
    Test on a random 20 % of all utterances, the split that the comparison of full fine-tuning with LoRA was measured
    on: its confusion matrices hold 2432 of the 12162 utterances of CREMA-D, RAVDESS, SAVEE and TESS.

    Validation, a share of all rows, is drawn from the 80 %, so that what is tested does not depend on it.
    """
    parts = random_parts(table, rows, {"test": SPEAKER_DEPENDENT_TEST_SIZE}, seed)
    share = validation_size / (1 - SPEAKER_DEPENDENT_TEST_SIZE)
    return random_validation(table, parts["train"], share, seed) | {"test": parts["test"]}
