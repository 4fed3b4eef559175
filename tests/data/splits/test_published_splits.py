"""Promises of the splits that corpora state in their facts: the listed parts, and a word about whatever is odd."""

import csv
from collections import Counter

import datasets
import pytest

from hf_emotion.data.corpus_facts import Corpus, PublishedSplit
from hf_emotion.data.loading import corpus_facts, list_corpora
from hf_emotion.data.splits import (
    PARTS,
    STRATEGIES,
    SplitLeakError,
    describe_split,
    parameters_with_a_say,
    published_splits,
    split_corpus,
)
from tests.data.splits.toy_corpus import assert_no_shared_speaker, assert_partition, corpus, ids, in_sessions, speakers


LISTED = {
    "all_listed": PublishedSplit(
        source="A, 2024",
        by="speaker_id",
        folds=(
            {"train": ("s00", "s01"), "validation": ("s02",), "test": ("s03",)},
            {"train": ("s02", "s03"), "validation": ("s00",), "test": ("s01",)},
        ),
    ),
    "test_listed": PublishedSplit(source="B, 2024", by="speaker_id", folds=({"test": ("s01", "s03")},)),
    "random_validation": PublishedSplit(
        source="C, 2024", by="speaker_id", folds=({"test": ("s03",)}, {"test": ("s00",)}), random_validation=0.2
    ),
    "sessions": PublishedSplit(
        source="D, 2024",
        by="session",
        folds=({"train": ("Ses0",), "validation": ("Ses2",), "test": ("Ses1",)},),
    ),
    "leaky": PublishedSplit(
        source="E, 2024",
        by="session",
        folds=({"train": ("Ses1",), "validation": ("Ses2",), "test": ("Ses0",)},),
        leak="one speaker of Ses0 is in Ses1 as well",
    ),
    "file_list": PublishedSplit(source="F, 2024"),
    "official": PublishedSplit(source="G, 2024", leak="all parts have the same sentences"),
}


@pytest.fixture(autouse=True)
def facts(monkeypatch):
    """The corpus `toy` states the splits of `LISTED`, `other` none."""
    known = {
        name: Corpus(name=name, full_name=name, languages=("en",), labels={}, published_splits=splits)
        for name, splits in (("toy", LISTED), ("other", {}))
    }
    monkeypatch.setattr(published_splits, "list_corpora", lambda: sorted(known))
    monkeypatch.setattr(published_splits, "corpus_facts", known.__getitem__)


def test_the_listed_speakers_make_the_parts():
    dataset = corpus(4)
    for fold, expected in enumerate(LISTED["all_listed"].folds):
        parts = split_corpus(dataset, "all_listed", fold=fold)
        assert_partition(parts, dataset)
        assert {part: speakers(rows) for part, rows in parts.items()} == {part: set(expected[part]) for part in PARTS}


def test_the_listed_sessions_make_the_parts():
    dataset = in_sessions(corpus(6))
    parts = split_corpus(dataset, "sessions")
    assert_partition(parts, dataset)
    assert [set(rows["session"]) for rows in parts.values()] == [{"Ses0"}, {"Ses2"}, {"Ses1"}]


def test_without_a_train_list_everybody_else_is_train_and_gives_whole_speakers_to_validation():
    dataset = corpus(10)
    parts = split_corpus(dataset, "test_listed", validation_size=0.2)
    assert_partition(parts, dataset)
    assert_no_shared_speaker(parts)
    assert speakers(parts["test"]) == {"s01", "s03"}
    assert len(speakers(parts["validation"])) == 2


def test_without_validation_share_nothing_is_validation():
    assert len(split_corpus(corpus(10), "test_listed", validation_size=0)["validation"]) == 0


def test_random_validation_is_a_share_of_the_utterances_of_train_and_is_warned_about(caplog):
    dataset = corpus(4)
    parts = split_corpus(dataset, "random_validation", seed=1)
    assert_partition(parts, dataset)
    assert [len(rows) for rows in parts.values()] == [48, 12, 20]
    assert Counter(parts["validation"]["emotion"]) == dict.fromkeys(("anger", "joy", "neutral", "sadness"), 3)
    assert speakers(parts["test"]) == {"s03"}
    assert "not independent. What they share: 3 of the 3 speakers of validation are in train." in caplog.text
    assert ids(parts) == ids(split_corpus(dataset.shuffle(seed=5), "random_validation", seed=1))
    assert ids(parts)["validation"] != ids(split_corpus(dataset, "random_validation", seed=2))["validation"]


def test_speakers_that_the_dataset_lacks_are_named(caplog):
    parts = split_corpus(corpus(4).filter(lambda row: row["speaker_id"] != "s01"), "all_listed")
    assert "The dataset lacks speakers s01, which the split 'all_listed' lists." in caplog.text
    assert speakers(parts["train"]) == {"s00"}


def test_speakers_that_no_part_lists_are_left_out_and_named(caplog):
    parts = split_corpus(corpus(6), "all_listed")
    assert "40 utterances of speakers s04, s05 are in no part of the split 'all_listed' and left out." in caplog.text
    assert sum(map(len, parts.values())) == 80


@pytest.mark.parametrize("name", ["all_listed", "test_listed", "random_validation"])
def test_utterances_without_speaker_go_to_train_with_a_warning(name, caplog):
    unknown = corpus(1, per_emotion=1, name="toy").map(
        lambda row: {"speaker_id": None, "utterance_id": f"unknown-{row['utterance_id']}"}
    )
    dataset = datasets.concatenate_datasets([corpus(4), unknown.cast(corpus(4).features)])
    parts = split_corpus(dataset, name, validation_size=0.2)
    assert_partition(parts, dataset)
    assert "4 utterances without speaker_id go to train" in caplog.text
    assert None not in speakers(parts["test"])


@pytest.mark.parametrize(
    ("present", "message"),
    [
        (
            ("s00", "s01", "s02"),
            r"Fold 0 of the split 'all_listed' leaves test empty: the dataset has the speakers s00",
        ),
        (("s03",), "leaves train and validation empty: the dataset has the speakers s03. Is the archive incomplete?"),
        (("s00", "s01", "s03"), "leaves validation empty"),
    ],
)
def test_a_part_that_would_be_empty_is_refused(present, message):
    with pytest.raises(ValueError, match=message):
        split_corpus(corpus(4).filter(lambda row: row["speaker_id"] in present), "all_listed")


def test_a_session_split_of_a_dataset_without_sessions_is_refused():
    with pytest.raises(ValueError, match=r"leaves .*test.* empty: the dataset has the sessions \(none\)"):
        split_corpus(corpus(4), "sessions")


def test_a_known_leak_is_accepted_with_a_warning_that_says_what_leaks(caplog):
    dataset = in_sessions(corpus(6)).map(lambda row: {"speaker_id": row["speaker_id"].replace("s02", "s00")})
    parts = split_corpus(dataset, "leaky")
    assert_partition(parts, dataset)
    text = "one speaker of Ses0 is in Ses1 as well; 1 of the 2 speakers of test are in train"
    assert f"The parts of the split 'leaky' are not independent. What they share: {text}." in caplog.text
    assert describe_split(parts, "leaky", fold=0).leak == text


def test_a_leak_that_nobody_knows_of_is_an_error_unless_accepted():
    dataset = in_sessions(corpus(6)).map(lambda row: {"speaker_id": row["speaker_id"].replace("s02", "s00")})
    with pytest.raises(SplitLeakError, match="1 speakers are in more than one part: toy/s00 in train and test"):
        split_corpus(dataset, "sessions")
    assert len(split_corpus(dataset, "sessions", allow_speaker_overlap=True)["test"]) == 40


def official_parts(name):
    """Two speakers in train, one of them in test."""
    train = corpus(2, name=name)
    test = corpus(1, per_emotion=6, name=name).filter(lambda row: row["utterance_id"].endswith("-5"))
    return datasets.DatasetDict(
        {"train": train, "validation": corpus(3, name=name).select(range(40, 60)), "test": test}
    )


def test_official_parts_with_a_known_leak_load_with_a_warning(caplog):
    given = official_parts("toy")
    assert ids(split_corpus(given, "official")) == ids(split_corpus(given)) == ids(given)
    text = "all parts have the same sentences; 1 of the 1 speakers of test are in train"
    assert f"The parts of the split 'official' are not independent. What they share: {text}." in caplog.text
    assert describe_split(split_corpus(given), "official").leak == text


def test_official_parts_with_an_unknown_leak_are_an_error_unless_accepted():
    given = official_parts("other")
    with pytest.raises(SplitLeakError, match="other/s00 in train and test"):
        split_corpus(given)
    assert ids(split_corpus(given, allow_speaker_overlap=True)) == ids(given)


def test_official_lists_are_followed_where_the_dataset_is_not_in_parts(monkeypatch):
    lists = PublishedSplit(source="H, 2024", by="speaker_id", folds=({"test": ("s01",)},))
    monkeypatch.setitem(LISTED, "official", lists)
    assert speakers(split_corpus(corpus(4), "official")["test"]) == {"s01"}


@pytest.mark.parametrize(
    ("dataset", "arguments", "message"),
    [
        (corpus(4), {"strategy": "all_listed", "fold": 2}, "fold=2 does not exist: all_listed has folds 0 to 1 here"),
        (
            corpus(4),
            {"strategy": "emobox"},
            "no split strategy 'emobox'.*toy has the published splits all_listed, test",
        ),
        (corpus(4, name="other"), {"strategy": "all_listed"}, "no split strategy 'all_listed'"),
        (corpus(4, name="mine"), {"strategy": "all_listed"}, "no split strategy 'all_listed'"),
        (
            datasets.concatenate_datasets([corpus(4), corpus(4, name="other")]),
            {"strategy": "all_listed"},
            "'all_listed' is a published split of one corpus, but the dataset mixes other, toy",
        ),
        (corpus(4), {"strategy": "file_list"}, r"'file_list' \(F, 2024\) is not given as lists .* 'partition_file'"),
    ],
)
def test_what_is_not_possible_is_refused_with_a_reason(dataset, arguments, message):
    with pytest.raises(ValueError, match=message):
        split_corpus(dataset, **arguments)


@pytest.mark.parametrize(
    ("strategy", "name"),
    [
        ("all_listed", "all_listed-fold1"),
        ("test_listed", "test_listed-fold1-validation0.1-seed3"),
        ("random_validation", "random_validation-fold1-seed3"),
    ],
)
def test_the_name_has_the_fold_and_what_validation_depends_on(strategy, name):
    given = {"num_folds": 5, "fold": 1, "validation_size": 0.1, "test_size": 0.2, "seed": 3}
    dataset = corpus(4)
    parameters = parameters_with_a_say(dataset, strategy, given)
    assert describe_split(split_corpus(dataset, "random"), strategy, **parameters).name == name


LISTS = [
    (name, split, fold)
    for name in list_corpora()
    for split, published in corpus_facts(name).published_splits.items()
    for fold in range(len(published.folds))
]


@pytest.mark.parametrize(("name", "split", "fold"), LISTS)
def test_the_lists_of_every_corpus_make_three_parts(name, split, fold, monkeypatch):
    """A dataset with the listed speakers or sessions, and three more that a list of train may leave out."""
    monkeypatch.undo()
    published = corpus_facts(name).published_splits[split]
    listed = sorted({member for lists in published.folds for part in lists.values() for member in part})
    # Members that no list names are train, where train is not listed.
    others = [] if "train" in published.folds[fold] else ["unlisted0", "unlisted1", "unlisted2"]
    rows = [
        {
            "utterance_id": f"{member}-{number}",
            "corpus": name,
            "speaker_id": member,
            "session": member,
            "emotion": "joy",
        }
        for member in [*listed, *others]
        for number in range(5)
    ]
    parts = split_corpus(datasets.Dataset.from_list(rows), split, fold=fold)
    assert all(len(rows) for rows in parts.values())
    assert speakers(parts["test"]) == set(published.folds[fold]["test"])


# What the lists of a corpus are about, from a row of EMO-SUPERB's label files.
EMO_SUPERB = {
    "crema_d": ("CREMA-D/Primary", lambda row: row["SpkrID"]),
    "iemocap": ("IEMOCAP/Secondary", lambda row: str(int(row["SpkrID"]))),
    "msp_improv": ("IMPROV/Secondary", lambda row: str(int(row["SpkrID"]))),
    "biic_nnime": ("NNIME/Secondary", lambda row: row[""].split("_")[1]),
}


@pytest.mark.real_data
@pytest.mark.parametrize("name", EMO_SUPERB)
def test_the_lists_of_emo_superb_are_those_of_its_files(name, emo_superb_labels_dir, monkeypatch):
    monkeypatch.undo()
    setting, member_of = EMO_SUPERB[name]
    folds = corpus_facts(name).published_splits["emosuperb_code"].folds
    paths = sorted((emo_superb_labels_dir / setting).glob("labels_consensus_*.csv"))
    assert len(folds) == len(paths)
    for lists, path in zip(folds, paths, strict=True):
        with path.open(newline="") as file:
            published = {(member_of(row), row["Split_Set"]) for row in csv.DictReader(file)}
        listed = {member: part for part, members in lists.items() for member in members}
        words = {"train": "Train", "validation": "Development", "test": "Test"}
        assert published == {(member, words[listed.get(member, "train")]) for member, _ in published}
        assert set(listed) <= {member for member, _ in published}


def test_no_corpus_gives_a_published_split_the_name_of_a_strategy():
    names = {split for name in list_corpora() for split in corpus_facts(name).published_splits}
    assert names & set(STRATEGIES) <= {"official"}
