"""Letters for many pairwise tests: systems that share a letter do not differ."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def letter_groups(names: Sequence[str], differing: Collection[frozenset[str]]) -> dict[str, str]:
    """
    Give each system the letters of the groups it belongs to, such that two systems share a letter exactly if they do
    not differ (insert and absorb: Piepho, Journal of Computational and Graphical Statistics 13(2), 2004).

    Args:
        names (`Sequence[str]`): Systems, the best first: the first group in this order is `a`.
        differing (`Collection[frozenset[str]]`): Pairs that differ.

    Returns:
        `dict[str, str]`: Letters of each system; beyond 26 groups `A`, `B`, ..., then numbers in brackets.

    Example:

    ```python
    >>> letter_groups(["x", "y", "z"], [frozenset({"x", "z"})])
    {'x': 'a', 'y': 'ab', 'z': 'b'}

    ```
    """
    groups: list[frozenset[str]] = [frozenset(names)]
    for pair in sorted(differing, key=sorted):
        split = [
            part for group in groups for part in ([group - {name} for name in pair] if pair <= group else [group])
        ]
        distinct = list(dict.fromkeys(split))
        groups = [group for group in distinct if not any(group < other for other in distinct)]
    place = {name: index for index, name in enumerate(names)}
    ordered = sorted(groups, key=lambda group: sorted(place[name] for name in group))
    return {name: "".join(_letter(index) for index, group in enumerate(ordered) if name in group) for name in names}


def _letter(index: int) -> str:
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return letters[index] if index < len(letters) else f"[{index + 1}]"
