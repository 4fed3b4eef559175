"""Letters: two systems share one exactly if they do not differ."""

import itertools

import pytest

from hf_emotion.benchmark.tables.letters import letter_groups


NAMES = ["w", "x", "y", "z"]
PAIRS = [frozenset(pair) for pair in itertools.combinations(NAMES, 2)]
GRAPHS = [subset for size in range(len(PAIRS) + 1) for subset in itertools.combinations(PAIRS, size)]


def test_systems_share_a_letter_exactly_if_they_do_not_differ():
    assert len(GRAPHS) == 64
    for differing in GRAPHS:
        letters = letter_groups(NAMES, differing)
        for a, b in itertools.combinations(NAMES, 2):
            assert bool(set(letters[a]) & set(letters[b])) is (frozenset((a, b)) not in differing)


def test_no_group_lies_within_another():
    for differing in GRAPHS:
        letters = letter_groups(NAMES, differing)
        members = {
            letter: {name for name in NAMES if letter in letters[name]} for letter in set("".join(letters.values()))
        }
        assert not any(a < b for a, b in itertools.permutations(members.values(), 2))


@pytest.mark.parametrize(
    ("differing", "expected"),
    [
        ([], ["a", "a", "a", "a"]),
        (PAIRS, ["a", "b", "c", "d"]),
        (["wz"], ["a", "ab", "ab", "b"]),
        (["wy", "wz", "xz"], ["a", "ab", "bc", "c"]),
    ],
)
def test_the_best_has_an_a(differing, expected):
    assert list(letter_groups(NAMES, [frozenset(pair) for pair in differing]).values()) == expected


def test_there_are_letters_for_more_groups_than_the_alphabet_has():
    names = [f"system {number:02d}" for number in range(54)]
    everything = [frozenset(pair) for pair in itertools.combinations(names, 2)]
    assert list(letter_groups(names, everything).values())[24:] == [
        *"yz",
        *"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "[53]",
        "[54]",
    ]
