"""Promises of the splits: no speaker in two parts, every utterance in one, in proportion, the same every time."""

from collections import Counter

import datasets
import pytest

from hf_emotion.data.loading import load_corpus
from hf_emotion.data.splits import (
    SplitLeakError,
    check_leaks,
    describe_split,
    resolve_strategy,
    split_corpus,
)
from tests.data.splits.toy_corpus import (
    EMOTIONS,
    assert_no_shared_speaker,
    assert_partition,
    corpus,
    ids,
    in_sessions,
    official,
    speakers,
)


@pytest.mark.parametrize("num_speakers", [3, 4, 5, 10, 24, 40])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_speaker_independent_parts_share_no_speaker_and_have_every_label(num_speakers, seed):
    dataset = corpus(num_speakers)
    parts = split_corpus(dataset, "speaker_independent", seed=seed)
    assert_partition(parts, dataset)
    assert_no_shared_speaker(parts)
    assert all(set(rows["emotion"]) == set(EMOTIONS) for rows in parts.values())


@pytest.mark.parametrize(
    ("num_speakers", "expected"), [(3, (1, 1, 1)), (4, (2, 1, 1)), (10, (7, 1, 2)), (20, (14, 2, 4)), (40, (28, 4, 8))]
)
def test_sizes_follow_the_wanted_shares(num_speakers, expected):
    parts = split_corpus(corpus(num_speakers), "speaker_independent")
    assert tuple(len(speakers(rows)) for rows in parts.values()) == expected


def test_genders_are_in_proportion():
    parts = split_corpus(corpus(40), "speaker_independent")
    assert [Counter(rows["gender"])["female"] / len(rows) for rows in parts.values()] == [0.5, 0.5, 0.5]


def test_rare_labels_reach_every_part_if_enough_speakers_have_them():
    rare = [
        {"utterance_id": f"rare{n}", "corpus": "toy", "speaker_id": f"s{n:02d}", "gender": None, "emotion": "fear"}
        for n in (1, 2, 3)
    ]
    dataset = datasets.concatenate_datasets([corpus(12).remove_columns("raw_label"), datasets.Dataset.from_list(rare)])
    for seed in range(3):
        parts = split_corpus(dataset, "speaker_independent", seed=seed)
        assert [Counter(rows["emotion"])["fear"] for rows in parts.values()] == [1, 1, 1]


def test_one_dominant_speaker_goes_to_train():
    big = corpus(1, per_emotion=100).map(
        lambda row: {"speaker_id": "big", "utterance_id": "big" + row["utterance_id"]}
    )
    parts = split_corpus(datasets.concatenate_datasets([big, corpus(10)]), "speaker_independent")
    assert "big" in speakers(parts["train"])


def test_the_same_seed_gives_the_same_parts_whatever_the_order_of_rows():
    dataset = corpus(12)
    for strategy in ("speaker_independent", "k_fold", "random", "speaker_dependent_80_20"):
        first = ids(split_corpus(dataset, strategy, seed=3))
        assert ids(split_corpus(dataset.shuffle(seed=1), strategy, seed=3)) == first
        assert ids(split_corpus(dataset, strategy, seed=4)) != first


def test_two_speakers_give_one_to_test_and_a_stratified_share_of_the_other_to_validation(caplog):
    dataset = corpus(2, per_emotion=20)
    parts = split_corpus(dataset, "speaker_independent")
    assert_partition(parts, dataset)
    assert not (speakers(parts["train"]) | speakers(parts["validation"])) & speakers(parts["test"])
    assert Counter(parts["validation"]["emotion"]) == dict.fromkeys(EMOTIONS, 4)
    assert "does not see a new voice" in caplog.text


def test_without_validation_share_validation_is_empty():
    parts = split_corpus(corpus(10), "speaker_independent", validation_size=0)
    assert [len(rows) for rows in parts.values()] == [160, 0, 40]


def test_utterances_without_label_stay():
    dataset = corpus(10).map(lambda row: {"emotion": None if row["emotion"] == "joy" else row["emotion"]})
    for strategy in ("speaker_independent", "random"):
        assert_partition(split_corpus(dataset, strategy), dataset)


def test_utterances_without_speaker_go_to_train_with_a_warning(caplog):
    dataset = corpus(10).map(
        lambda row, index: {"speaker_id": row["speaker_id"] if index >= 4 else None}, with_indices=True
    )
    parts = split_corpus(dataset, "speaker_independent")
    assert_partition(parts, dataset)
    assert None in speakers(parts["train"])
    assert None not in speakers(parts["test"]) | speakers(parts["validation"])
    assert "4 utterances without speaker_id go to train" in caplog.text


def test_equal_speaker_ids_of_different_corpora_are_different_speakers():
    both = datasets.concatenate_datasets([corpus(5, name="one"), corpus(5, name="two")])
    parts = split_corpus(both, "speaker_independent")
    assert [len(set(zip(rows["corpus"], rows["speaker_id"], strict=True))) for rows in parts.values()] == [7, 1, 2]
    assert describe_split(parts, "speaker_independent").speakers["validation"][0][:4] in ("one/", "two/")


@pytest.mark.parametrize(("num_speakers", "num_folds"), [(10, 5), (7, 3), (5, 5)])
def test_k_fold_tests_every_speaker_once(num_speakers, num_folds):
    dataset = corpus(num_speakers)
    tested = []
    for fold in range(num_folds):
        parts = split_corpus(dataset, "k_fold", num_folds=num_folds, fold=fold)
        assert_partition(parts, dataset)
        assert_no_shared_speaker(parts)
        assert len(parts["validation"]) > 0
        tested += sorted(speakers(parts["test"]))
    assert sorted(tested) == sorted(speakers(dataset))


def test_leave_one_speaker_out_tests_the_speakers_in_their_order():
    dataset = corpus(4)
    for fold in range(4):
        parts = split_corpus(dataset, "leave_one_speaker_out", fold=fold)
        assert_partition(parts, dataset)
        assert_no_shared_speaker(parts)
        assert speakers(parts["test"]) == {f"s{fold:02d}"}


def test_leave_one_session_out_tests_the_sessions_in_their_order():
    dataset = in_sessions(corpus(10))
    for fold in range(5):
        parts = split_corpus(dataset, "leave_one_session_out", fold=fold)
        assert_partition(parts, dataset)
        assert_no_shared_speaker(parts)
        assert set(parts["test"]["session"]) == {f"Ses{fold}"}
        assert len(speakers(parts["validation"])) == 1


def test_sessions_of_the_same_name_in_different_corpora_are_different_sessions():
    both = datasets.concatenate_datasets([in_sessions(corpus(4, name=name)) for name in ("one", "two")])
    tested = [split_corpus(both, "leave_one_session_out", fold=fold)["test"] for fold in range(4)]
    assert [(set(rows["corpus"]), set(rows["session"])) for rows in tested] == [
        ({name}, {session}) for name in ("one", "two") for session in ("Ses0", "Ses1")
    ]


def test_sessions_that_share_a_speaker_are_refused_unless_accepted():
    dataset = in_sessions(corpus(6)).map(lambda row: {"speaker_id": row["speaker_id"].replace("s02", "s00")})
    with pytest.raises(SplitLeakError, match="1 speakers are in more than one part: toy/s00 in"):
        split_corpus(dataset, "leave_one_session_out")
    parts = split_corpus(dataset, "leave_one_session_out", allow_speaker_overlap=True)
    assert set(parts["test"]["session"]) == {"Ses0"}


@pytest.mark.parametrize("seed", [0, 1])
def test_speaker_dependent_80_20_tests_a_fifth_of_every_label_and_says_that_speakers_are_shared(seed, caplog):
    dataset = corpus(10, per_emotion=10)
    parts = split_corpus(dataset, "speaker_dependent_80_20", seed=seed)
    assert_partition(parts, dataset)
    assert [len(rows) for rows in parts.values()] == [280, 40, 80]
    assert Counter(parts["test"]["emotion"]) == dict.fromkeys(EMOTIONS, 20)
    assert "not independent. What they share: 10 of the 10 speakers of test are in train" in caplog.text


def test_speaker_dependent_80_20_tests_the_same_whatever_the_validation_size():
    dataset = corpus(10, per_emotion=10)
    tested = [ids(split_corpus(dataset, "speaker_dependent_80_20", validation_size=size))["test"] for size in (0, 0.2)]
    assert tested[0] == tested[1]


@pytest.mark.parametrize(("sizes", "num_test"), [((7442, 1440, 480, 2800), 2432)])
def test_speaker_dependent_80_20_tests_as_many_as_the_lora_comparison(sizes, num_test):
    """CREMA-D, RAVDESS, SAVEE and TESS: the confusion matrices of the comparison hold 2432 utterances."""
    rows = [
        {"utterance_id": f"{corpus}-{number}", "corpus": str(corpus), "emotion": EMOTIONS[number % 4]}
        for corpus, size in enumerate(sizes)
        for number in range(size)
    ]
    assert len(split_corpus(datasets.Dataset.from_list(rows), "speaker_dependent_80_20")["test"]) == num_test


def test_random_is_stratified_and_mixes_speakers():
    dataset = corpus(10, per_emotion=10)
    parts = split_corpus(dataset, "random", validation_size=0.1, test_size=0.2)
    assert_partition(parts, dataset)
    assert [len(rows) for rows in parts.values()] == [280, 40, 80]
    assert Counter(parts["test"]["emotion"]) == dict.fromkeys(EMOTIONS, 20)
    assert speakers(parts["train"]) & speakers(parts["test"])


def test_random_gives_every_part_a_rare_label_of_three():
    rare = corpus(3, per_emotion=1, emotions=("fear",), name="rare")
    parts = split_corpus(datasets.concatenate_datasets([corpus(10), rare]), "random", test_size=0.1)
    assert [Counter(rows["emotion"])["fear"] for rows in parts.values()] == [1, 1, 1]


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [
        (datasets.DatasetDict({"train": corpus(4), "test": corpus(4, name="other")}), "official"),
        (datasets.DatasetDict({"train": corpus(4)}), "speaker_independent"),
        (corpus(4), "speaker_independent"),
        (corpus(4, speaker_ids=False), "random"),
        (corpus(1), "random"),
    ],
)
def test_auto_is_official_else_speaker_independent_else_random(dataset, expected):
    assert resolve_strategy(dataset) == expected
    sizes = {"test_size": 0.1} if expected == "random" else {}
    assert ids(split_corpus(dataset)) == ids(split_corpus(dataset, expected, **sizes))


def test_auto_without_speakers_takes_ten_percent_twice_and_says_so(caplog):
    parts = split_corpus(corpus(10, speaker_ids=False))
    assert [len(rows) for rows in parts.values()] == [160, 20, 20]
    assert "no speaker ids: utterances are split at random" in caplog.text
    assert len(split_corpus(corpus(10, speaker_ids=False), test_size=0.3)["test"]) == 60


def test_official_parts_are_kept():
    given = official(train=3, validation=1, test=2)
    assert ids(split_corpus(given, "official")) == ids(given)


def test_missing_official_validation_is_taken_from_train_as_whole_speakers():
    given = official(train=8, test=2)
    parts = split_corpus(given, "official")
    assert ids(parts)["test"] == ids(given)["test"]
    assert len(speakers(parts["validation"])) == 1
    assert_no_shared_speaker(parts)


def test_a_missing_official_test_part_is_empty_with_a_warning(caplog):
    parts = split_corpus(official(train=3, validation=1), "official")
    assert [len(rows) for rows in parts.values()] == [60, 20, 0]
    assert "publishes no test part" in caplog.text


def test_official_parts_that_share_a_speaker_are_refused_unless_accepted():
    given = datasets.DatasetDict({"train": corpus(3), "test": corpus(1, name="toy", per_emotion=6).select([5])})
    with pytest.raises(SplitLeakError, match="1 speakers are in more than one part: toy/s00 in train and test"):
        split_corpus(given)
    assert len(split_corpus(given, allow_speaker_overlap=True)["test"]) == 1


def test_an_utterance_in_two_parts_is_always_refused():
    given = datasets.DatasetDict({"train": corpus(3), "test": corpus(1)})
    with pytest.raises(
        SplitLeakError, match="20 utterances are in more than one part: toy/toy-00-anger-0 in train and"
    ):
        split_corpus(given, allow_speaker_overlap=True)


def test_other_strategies_merge_the_official_parts():
    given = official(train=3, validation=1, test=2)
    merged = datasets.concatenate_datasets(list(given.values()))
    assert ids(split_corpus(given, "speaker_independent")) == ids(split_corpus(merged, "speaker_independent"))


@pytest.mark.parametrize(
    ("dataset", "arguments", "message"),
    [
        (corpus(4), {"strategy": "loso"}, "no split strategy 'loso'. Choose one of auto, official"),
        (
            corpus(4),
            {"strategy": "leave_one_session_out"},
            r"the dataset has 0 sessions and 80 utterances without session \(of s00, s01, s02, s03\). Fill in session",
        ),
        (
            in_sessions(corpus(4)).map(
                lambda row: {"session": row["session"] if row["speaker_id"] != "s01" else None}
            ),
            {"strategy": "leave_one_session_out"},
            r"has 2 sessions and 20 utterances without session \(of s01\)",
        ),
        (
            in_sessions(corpus(4), 4),
            {"strategy": "leave_one_session_out"},
            "the dataset has 1 sessions and 0 utterances",
        ),
        (in_sessions(corpus(4)), {"strategy": "leave_one_session_out", "fold": 2}, "has folds 0 to 1"),
        (
            corpus(4),
            {"strategy": "speaker_dependent_80_20", "test_size": 0.3},
            "tests 20 %; for test_size=0.3 use strategy='random'",
        ),
        (corpus(4), {"strategy": "partition_file"}, "give its path as partition_file"),
        (corpus(4), {"partition_file": "folds.csv"}, "read with strategy='partition_file' only, not with 'auto'"),
        (corpus(4), {"test_size": 0.8, "validation_size": 0.2}, "shares whose sum is below 1"),
        (corpus(4), {"test_size": 0}, "shares whose sum is below 1"),
        (corpus(4), {"strategy": "official"}, "publishes no official split"),
        (corpus(1), {"strategy": "speaker_independent"}, "at least two speakers, the dataset has 1"),
        (corpus(4, speaker_ids=False), {"strategy": "speaker_independent"}, "the dataset has 0"),
        (corpus(4), {"strategy": "k_fold", "num_folds": 5}, "k_fold into 5 groups is not possible with 4 speakers"),
        (corpus(4), {"strategy": "k_fold", "num_folds": 1}, "at least two groups"),
        (
            corpus(4),
            {"strategy": "k_fold", "num_folds": 2, "fold": 2},
            "fold=2 does not exist: k_fold has folds 0 to 1",
        ),
        (corpus(4), {"strategy": "leave_one_speaker_out", "fold": -1}, "has folds 0 to 3"),
        (corpus(4).remove_columns("utterance_id"), {}, "no column utterance_id"),
    ],
)
def test_what_is_not_possible_is_refused_with_a_reason(dataset, arguments, message):
    with pytest.raises(ValueError, match=message):
        split_corpus(dataset, **arguments)


@pytest.mark.parametrize("strategy", ["auto", "official", "random"])
def test_streams_cannot_be_split(strategy):
    with pytest.raises(TypeError, match="streaming=False"):
        split_corpus(corpus(4).to_iterable_dataset(), strategy)


def test_check_leaks_compares_only_the_given_parts():
    parts = datasets.DatasetDict({"train": corpus(2), "validation": corpus(1, name="toy", per_emotion=6).select([5])})
    check_leaks(parts, parts=("train", "test"))
    with pytest.raises(SplitLeakError):
        check_leaks(parts)


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["ravdess", "crema_d", "emodb", "urdu"])
def test_real_corpora_split_without_leak_and_with_every_label(name, real_data_dir, tmp_path):
    dataset = load_corpus(name, real_data_dir / name, split="train", cache_dir=tmp_path)
    parts = split_corpus(dataset)
    assert_partition(parts, dataset)
    assert_no_shared_speaker(parts)
    assert all(set(rows["emotion"]) == set(dataset["emotion"]) for rows in parts.values())
    assert 0.15 < len(parts["test"]) / len(dataset) < 0.25
    assert 0.05 < len(parts["validation"]) / len(dataset) < 0.15


@pytest.mark.real_data
def test_real_ravdess_split_is_pinned(real_data_dir, tmp_path):
    dataset = load_corpus("ravdess", real_data_dir / "ravdess", split="train", cache_dir=tmp_path)
    info = describe_split(split_corpus(dataset, "speaker_independent"), "speaker_independent")
    # Changes only together with SPLITS_VERSION: published numbers refer to it.
    assert (info.version, info.hash[:16]) == ("1.0.0", "76692c21308326e8")
