"""Promises of the description of a split: its name, its hash, and what its parts share."""

import hashlib

import datasets
import pytest

from hf_emotion.data.splits import SPLITS_VERSION, describe_split, parameters_with_a_say, split_corpus
from tests.data.splits.toy_corpus import corpus, in_sessions, official


def test_a_split_is_described_by_name_version_hash_sizes_and_speakers():
    parts = datasets.DatasetDict({"train": corpus(2, 1, ("joy",)), "test": corpus(1, 1, ("anger",))})
    info = describe_split(parts, "k_fold", num_folds=5, fold=0, seed=7)
    assert (info.name, info.version) == ("k_fold-5-fold0-seed7", SPLITS_VERSION)
    lines = "test\ttoy-00-anger-0\ntrain\ttoy-00-joy-0\ntrain\ttoy-01-joy-0\n"
    assert info.hash == hashlib.sha256(lines.encode()).hexdigest()
    assert info.sizes == {"train": 2, "test": 1}
    assert info.speakers == {"train": ("s00", "s01"), "test": ("s00",)}


@pytest.mark.parametrize(
    ("strategy", "dataset", "leak"),
    [
        ("speaker_independent", corpus(10), None),
        (
            "random",
            corpus(4),
            "4 of the 4 speakers of test are in train, 4 of the 4 speakers of validation are in train",
        ),
        ("speaker_independent", corpus(2), "1 of the 1 speakers of validation are in train"),
        ("random", corpus(4, speaker_ids=False), "no speaker is known, so every part may have the same speakers"),
    ],
)
def test_a_split_says_what_its_parts_share(strategy, dataset, leak):
    assert describe_split(split_corpus(dataset, strategy), strategy).leak == leak


def test_test_speakers_that_only_validation_has_are_a_leak_as_well():
    parts = {"train": corpus(1), "validation": corpus(2), "test": corpus(3).select(range(20, 60))}
    assert describe_split(datasets.DatasetDict(parts), "official").leak == (
        "1 of the 2 speakers of validation are in train, 1 of the 2 speakers of test are in validation"
    )


PARAMETERS = {"num_folds": 5, "fold": 1, "validation_size": 0.1, "test_size": 0.2, "seed": 3}


@pytest.mark.parametrize(
    ("strategy", "name"),
    [
        ("official", "official-validation0.1-seed3"),
        ("speaker_independent", "speaker_independent-validation0.1-test0.2-seed3"),
        ("k_fold", "k_fold-5-fold1-validation0.1-seed3"),
        ("leave_one_speaker_out", "leave_one_speaker_out-fold1-validation0.1-seed3"),
        ("leave_one_session_out", "leave_one_session_out-fold1-validation0.1-seed3"),
        ("random", "random-validation0.1-test0.2-seed3"),
        ("speaker_dependent_80_20", "speaker_dependent_80_20-validation0.1-seed3"),
    ],
)
def test_the_name_of_a_split_has_the_parameters_that_it_depends_on(strategy, name):
    parts = split_corpus(in_sessions(corpus(10)), "random")
    given = datasets.DatasetDict({"train": parts["train"], "test": parts["test"]})
    assert describe_split(parts, strategy, **parameters_with_a_say(given, strategy, PARAMETERS)).name == name


def test_complete_official_parts_depend_on_nothing():
    given = official(train=3, validation=1, test=2)
    assert set(parameters_with_a_say(given, "official", PARAMETERS).values()) == {None}


def test_the_hash_follows_the_parts_and_nothing_else():
    dataset = corpus(10)
    first = describe_split(split_corpus(dataset, "k_fold", fold=0), "k_fold", fold=0)
    again = describe_split(split_corpus(dataset.shuffle(seed=5), "k_fold", fold=0), "anything")
    other = describe_split(split_corpus(dataset, "k_fold", fold=1), "k_fold", fold=1)
    assert first.hash == again.hash != other.hash
