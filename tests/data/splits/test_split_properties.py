"""Promises of all splits on corpora that nobody thought of: generated speakers, labels, sessions and gaps."""

from collections import defaultdict

import datasets
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hf_emotion.data.corpus_facts import Corpus, PublishedSplit
from hf_emotion.data.splits import PARTS, SplitLeakError, describe_split, published_splits, split_corpus


EMOTIONS = ("anger", "joy", "neutral", None)
NAMES = tuple(f"s{number}" for number in range(8))
FEATURES = datasets.Features(
    dict.fromkeys(("utterance_id", "corpus", "speaker_id", "gender", "session", "emotion"), datasets.Value("string"))
)
FOLDS = ({"test": ("s0", "s5")}, {"test": ("s1", "s3")})
PUBLISHED = {
    "whole_speakers": PublishedSplit(source="A, 2024", by="speaker_id", folds=FOLDS),
    "random_validation": PublishedSplit(source="B, 2024", by="speaker_id", folds=FOLDS, random_validation=0.2),
}
# The same examples in every run; what they find does not depend on the speed of the machine.
FEW = settings(max_examples=20, deadline=None, derandomize=True, database=None)
FEWER = settings(FEW, max_examples=10)  # for tests that try every fold


@st.composite
def corpora(draw, min_speakers=1, missing_ids=True, nested_sessions=False, max_corpora=2):
    """Speakers with unequally many utterances; labels, genders, sessions and some speaker ids may be missing."""
    rows = []
    for corpus in range(draw(st.integers(1, max_corpora))):
        names = NAMES[: draw(st.integers(min_speakers, len(NAMES)))]
        for speaker, name in enumerate(names):
            gender = draw(st.sampled_from(("female", "male", None)))
            labels = draw(st.lists(st.sampled_from(EMOTIONS), min_size=1, max_size=12))
            known = not missing_ids or draw(st.integers(0, 9)) > 0
            for number, label in enumerate(labels):
                session = speaker // 2 if nested_sessions else draw(st.integers(0, 3))
                rows.append(
                    {
                        "utterance_id": f"{name}-{number}",
                        "corpus": ("toy", "other")[corpus],
                        "speaker_id": name if known else None,
                        "gender": gender,
                        "session": f"Ses{session}",
                        "emotion": label,
                    }
                )
    return datasets.Dataset.from_list(rows, features=FEATURES)


def utterances(rows):
    return list(zip(rows["corpus"], rows["utterance_id"], strict=True))


def speakers(rows):
    return {key for key in zip(rows["corpus"], rows["speaker_id"], strict=True) if key[1] is not None}


def part_of(parts):
    """Part of every utterance, with the check that it is in one."""
    found = [(utterance, part) for part, rows in parts.items() for utterance in utterances(rows)]
    assert len(dict(found)) == len(found)
    return dict(found)


def assert_split(dataset, split, shared=()):
    """Every utterance in one part, rows in order, no speaker in two parts but in `shared`, whatever the order."""
    parts = split(dataset)
    assert tuple(parts) == PARTS
    assert set(part_of(parts)) == set(utterances(dataset))
    position = {utterance: number for number, utterance in enumerate(utterances(dataset))}
    for rows in parts.values():
        numbers = [position[utterance] for utterance in utterances(rows)]
        assert numbers == sorted(numbers)
    for one, two in (("train", "test"), ("train", "validation"), ("validation", "test")):
        assert {one, two} <= set(shared) or not speakers(parts[one]) & speakers(parts[two])
    assert part_of(split(dataset)) == part_of(parts)
    assert part_of(split(dataset.select(range(len(dataset) - 1, -1, -1)))) == part_of(parts)
    return parts


def validation_of(parts):
    """Parts that may share speakers: train and validation, if there is nobody else to take."""
    return ("train", "validation") if len(speakers(parts["train"]) | speakers(parts["validation"])) <= 1 else ()


SEEDS = st.integers(0, 3)
SIZES = st.sampled_from((0.0, 0.1, 0.25))


@FEW
@given(corpora(), SEEDS, SIZES)
def test_speaker_independent(dataset, seed, validation_size):
    assume(len(speakers(dataset)) >= 2)

    def split(rows):
        return split_corpus(rows, "speaker_independent", seed=seed, validation_size=validation_size)

    parts = assert_split(dataset, split, shared=validation_of(split(dataset)))
    assert len(parts["train"])
    assert len(parts["test"])
    assert len(parts["validation"]) or validation_size == 0 or len(parts["train"]) < 1 / validation_size


@FEWER
@given(corpora(), SEEDS, st.integers(2, 4))
def test_the_folds_of_k_fold_are_disjoint_and_cover_all_speakers(dataset, seed, num_folds):
    assume(len(speakers(dataset)) >= num_folds)
    tested = []
    for fold in range(num_folds):

        def split(rows, fold=fold):
            return split_corpus(rows, "k_fold", num_folds=num_folds, fold=fold, seed=seed)

        parts = assert_split(dataset, split, shared=validation_of(split(dataset)))
        tested += sorted(speakers(parts["test"]))
    assert sorted(tested) == sorted(speakers(dataset))


@FEWER
@given(corpora(max_corpora=1))
def test_the_folds_of_leave_one_speaker_out_are_the_speakers(dataset):
    everybody = sorted(speakers(dataset))
    assume(len(everybody) >= 2)
    for fold, speaker in enumerate(everybody):

        def split(rows, fold=fold):
            return split_corpus(rows, "leave_one_speaker_out", fold=fold)

        parts = assert_split(dataset, split, shared=validation_of(split(dataset)))
        assert speakers(parts["test"]) == {speaker}


@FEWER
@given(corpora(min_speakers=4, nested_sessions=True, max_corpora=1))
def test_the_folds_of_leave_one_session_out_are_the_sessions(dataset):
    for fold, session in enumerate(sorted(set(dataset["session"]))):

        def split(rows, fold=fold):
            return split_corpus(rows, "leave_one_session_out", fold=fold)

        parts = assert_split(dataset, split, shared=validation_of(split(dataset)))
        assert set(parts["test"]["session"]) == {session}
        assert session not in set(parts["train"]["session"]) | set(parts["validation"]["session"])


@FEW
@given(corpora(max_corpora=1))
def test_sessions_that_share_a_speaker_are_an_error_and_never_a_leak(dataset):
    assume(len(set(dataset["session"])) >= 2)
    try:
        parts = split_corpus(dataset, "leave_one_session_out")
    except SplitLeakError:
        parts = split_corpus(dataset, "leave_one_session_out", allow_speaker_overlap=True)
        test = speakers(parts["test"])
        assert test & (speakers(parts["train"]) | speakers(parts["validation"]))
    else:
        assert not speakers(parts["train"]) & speakers(parts["test"])


@FEW
@given(corpora(), SEEDS, SIZES, st.sampled_from(("random", "speaker_dependent_80_20")))
def test_random_splits_have_the_wanted_sizes(dataset, seed, validation_size, strategy):
    def split(rows):
        return split_corpus(rows, strategy, seed=seed, validation_size=validation_size)

    parts = assert_split(dataset, split, shared=PARTS)
    assume(len(dataset) >= 20)
    # One utterance of every label more or less, as every label is to be in every part.
    assert abs(len(parts["test"]) - 0.2 * len(dataset)) <= len(EMOTIONS)
    assert abs(len(parts["validation"]) - validation_size * len(dataset)) <= len(EMOTIONS)


@FEW
@given(corpora(), SEEDS)
def test_auto_never_fails_and_shares_speakers_only_where_it_has_to(dataset, seed):
    assume(len(dataset) >= 4)
    parts = split_corpus(dataset, seed=seed)
    at_random = len(speakers(dataset)) < 2
    assert_split(dataset, lambda rows: split_corpus(rows, seed=seed), PARTS if at_random else validation_of(parts))


@pytest.fixture(scope="module", autouse=True)
def facts():
    """The corpus `toy` states the splits of `PUBLISHED`."""
    known = Corpus(name="toy", full_name="toy", languages=("en",), labels={}, published_splits=PUBLISHED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(published_splits, "list_corpora", lambda: ["toy"])
        patch.setattr(published_splits, "corpus_facts", {"toy": known}.__getitem__)
        yield


@FEW
@given(corpora(max_corpora=1), SEEDS, st.integers(0, 1), st.sampled_from(sorted(PUBLISHED)))
def test_published_splits_test_the_listed_speakers_and_nobody_else(dataset, seed, fold, name):
    listed = {("toy", speaker) for speaker in FOLDS[fold]["test"]} & speakers(dataset)
    assume(listed and len(speakers(dataset) - listed) >= 2)

    def split(rows):
        return split_corpus(rows, name, fold=fold, seed=seed)

    parts = assert_split(dataset, split, shared=("train", "validation") if name == "random_validation" else ())
    assert speakers(parts["test"]) == listed
    assert None not in parts["test"]["speaker_id"]


@FEW
@given(corpora(max_corpora=1, min_speakers=2), st.data())
def test_a_partition_file_gives_back_the_split_that_was_written(tmp_path_factory, dataset, data):
    names = [name for _, name in utterances(dataset)]
    assume(len(names) >= 3)
    words = data.draw(st.lists(st.sampled_from(PARTS), min_size=len(names), max_size=len(names)))
    assume(set(words) == set(PARTS))
    path = tmp_path_factory.mktemp("partition") / "folds.csv"
    lines = [f"{name},{part}" for name, part in zip(names, words, strict=True)]
    path.write_text("\n".join(["utterance_id,split", *data.draw(st.permutations(lines))]))
    parts = split_corpus(dataset, "partition_file", partition_file=path)
    expected = defaultdict(list)
    for name, part in zip(names, words, strict=True):
        expected[part].append(name)
    assert {part: rows["utterance_id"][:] for part, rows in parts.items()} == expected


@FEW
@given(corpora(), SEEDS)
def test_the_hash_says_whether_two_splits_are_the_same(dataset, seed):
    one, two = (split_corpus(dataset, "random", seed=number) for number in (seed, seed + 1))
    same = {part: sorted(rows["utterance_id"]) for part, rows in one.items()} == {
        part: sorted(rows["utterance_id"]) for part, rows in two.items()
    }
    assert (describe_split(one, "random").hash == describe_split(two, "random").hash) == same
