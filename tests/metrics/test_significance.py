"""Paired tests: exact small cases, scipy's answers, and the right share of false alarms."""

import doctest
import itertools

import numpy as np
import pytest
from scipy import stats

from hf_emotion.metrics import confusion_statistics as statistics
from hf_emotion.metrics import significance
from hf_emotion.metrics.significance import (
    holm_adjusted,
    joined_units,
    paired_units,
    permutation_p_value,
    permuted_confusions,
    resampled_confusions,
    score_differences,
)


SCORES = [statistics.unweighted_average_recall, statistics.macro_f1, statistics.accuracy]


def _answers(seed, num_speakers, per_speaker, num_classes=3, skill=(0.5, 0.5)):
    """Labels, answers of two models that are right with the given probabilities, and speakers."""
    generator = np.random.default_rng(seed)
    shape = (num_speakers, per_speaker)
    truth = generator.integers(num_classes, size=shape)
    wrong = (truth + generator.integers(1, num_classes, size=(2, *shape))) % num_classes
    # What a model can do differs from speaker to speaker, which makes utterances of one speaker alike.
    ability = np.array(skill)[:, None, None] + generator.uniform(-0.25, 0.25, size=(2, num_speakers, 1))
    answers = np.where(generator.uniform(size=(2, *shape)) < ability, truth, wrong)
    return truth.ravel(), *answers.reshape(2, -1), np.repeat(np.arange(num_speakers), per_speaker)


def _p_value(truth, first, second, speakers, score, num_permutations=9999, num_classes=3):
    units = paired_units(truth, first, second, num_classes, speakers)
    permuted, weights = permuted_confusions(units, num_permutations, np.random.default_rng(0))
    return permutation_p_value(
        score_differences(units.total, score), score_differences(permuted, score), weights
    ), weights is not None


def test_documentation_examples_run():
    assert doctest.testmod(significance).failed == 0


def test_mcnemar_by_hand():
    """Utterances: 8 answers became right and 2 wrong. Exact: 2 * (1 + 10 + 45) / 2**10."""
    truth = np.zeros(30, dtype=int)
    first = np.array([1] * 8 + [0] * 2 + [0] * 20)
    second = np.array([0] * 8 + [1] * 2 + [0] * 20)
    p_value, is_exact = _p_value(truth, first, second, None, statistics.accuracy, num_classes=2)
    assert is_exact
    assert p_value == pytest.approx(112 / 1024)


@pytest.mark.parametrize("score", SCORES)
def test_few_speakers_are_enumerated_as_by_brute_force(score):
    truth, first, second, speakers = _answers(3, num_speakers=7, per_speaker=9)
    observed = score(statistics.confusion_counts(truth, second, 3)) - score(
        statistics.confusion_counts(truth, first, 3)
    )
    extreme = 0
    for exchanged in itertools.product([False, True], repeat=7):
        mask = np.array(exchanged)[speakers]
        one, other = np.where(mask, second, first), np.where(mask, first, second)
        difference = score(statistics.confusion_counts(truth, other, 3)) - score(
            statistics.confusion_counts(truth, one, 3)
        )
        extreme += abs(difference) >= abs(observed) - 1e-12
    assert _p_value(truth, first, second, speakers, score) == (pytest.approx(extreme / 2**7), True)


def test_exact_p_value_is_that_of_scipy():
    """With one class per speaker, UAR is a mean over speakers, which scipy's paired test can compute."""
    truth, first, second, speakers = _answers(1, num_speakers=8, per_speaker=10)
    rights = [[(guess == truth)[speakers == speaker].mean() for speaker in range(8)] for guess in (first, second)]
    expected = stats.permutation_test(
        rights, lambda x, y: np.mean(x) - np.mean(y), permutation_type="samples", n_resamples=np.inf
    ).pvalue
    assert _p_value(truth, first, second, speakers, statistics.accuracy)[0] == pytest.approx(expected)


def test_random_permutations_come_near_the_exact_p_value():
    truth, first, second, speakers = _answers(1, num_speakers=10, per_speaker=10, skill=(0.4, 0.5))
    exact = _p_value(truth, first, second, speakers, statistics.macro_f1)
    drawn = _p_value(truth, first, second, speakers, statistics.macro_f1, num_permutations=999)
    assert (exact[1], drawn[1]) == (True, False)
    assert drawn[0] == pytest.approx(exact[0], abs=3 * np.sqrt(exact[0] * (1 - exact[0]) / 999))


def test_equal_runs_have_p_value_one_and_interval_zero():
    truth, first, _, speakers = _answers(0, num_speakers=40, per_speaker=5)
    assert _p_value(truth, first, first, speakers, statistics.unweighted_average_recall) == (1.0, True)
    drawn = resampled_confusions(paired_units(truth, first, first, 3, speakers), 50, np.random.default_rng(0))
    assert not score_differences(drawn, statistics.macro_f1).any()


def test_drawn_p_values_are_never_zero():
    truth, _, _, speakers = _answers(0, num_speakers=30, per_speaker=5)
    assert _p_value(truth, (truth + 1) % 3, truth, speakers, statistics.accuracy, 199) == (1 / 200, False)


def test_exchanges_keep_every_speaker_in_one_piece():
    truth, first, second, speakers = _answers(5, num_speakers=12, per_speaker=4)
    units = paired_units(truth, first, second, 3, speakers)
    permuted, _ = permuted_confusions(units, 200, np.random.default_rng(0))
    possible = {
        tuple(
            (statistics.confusion_counts(truth, np.where(np.array(mask)[speakers], second, first), 3)).ravel().tolist()
        )
        for mask in itertools.product([False, True], repeat=12)
    }
    assert {tuple(matrix) for matrix in permuted[:, 0].reshape(len(permuted), -1).astype(int).tolist()} <= possible
    assert (permuted.sum(axis=1) == units.total.sum(axis=0)).all()


def test_bootstrap_spread_is_that_of_scipy():
    truth, first, second, speakers = _answers(2, num_speakers=25, per_speaker=8)
    units = paired_units(truth, first, second, 3, speakers)
    ours = score_differences(resampled_confusions(units, 5000, np.random.default_rng(0)), statistics.accuracy)
    gains = [((second == truth) * 1.0 - (first == truth))[speakers == speaker].mean() for speaker in range(25)]
    theirs = stats.bootstrap((gains,), np.mean, n_resamples=5000, method="percentile", rng=np.random.default_rng(1))
    assert ours.std() == pytest.approx(theirs.standard_error, rel=0.05)
    assert np.quantile(ours, [0.025, 0.975]) == pytest.approx(theirs.confidence_interval, abs=0.01)


@pytest.mark.parametrize("score", SCORES)
def test_p_values_are_uniform_when_models_are_equally_good(score):
    p_values = np.array(
        [_p_value(*_answers(seed, num_speakers=20, per_speaker=10), score, 499)[0] for seed in range(400)]
    )
    if score is not statistics.accuracy:  # a difference of exactly 0, p = 1, is too frequent for a continuous test
        assert stats.kstest(p_values, "uniform").pvalue > 0.01
    for level in (0.05, 0.1, 0.2, 0.5):
        assert (p_values <= level).mean() == pytest.approx(level, abs=3 * np.sqrt(level * (1 - level) / 400))


def test_treating_utterances_as_independent_raises_false_alarms():
    """Why speakers are the unit: the naive test alarms far more often than at its five percent."""
    drawn = [_answers(seed, num_speakers=10, per_speaker=60) for seed in range(100)]
    rates = [
        np.mean([_p_value(*answers[:3], groups(answers[3]), statistics.accuracy, 299)[0] <= 0.05 for answers in drawn])
        for groups in (lambda speakers: None, lambda speakers: speakers)
    ]
    assert rates[0] > 0.2
    assert rates[1] < 0.12


def test_intervals_cover_the_true_difference():
    """True difference 0.1 in accuracy, 40 speakers. A percentile bootstrap covers slightly less than it says."""
    covered = []
    for seed in range(400):
        units = paired_units(*_answers(seed, 40, 10, skill=(0.5, 0.6))[:3], 3, np.repeat(np.arange(40), 10))
        drawn = score_differences(resampled_confusions(units, 500, np.random.default_rng(seed)), statistics.accuracy)
        low, high = np.quantile(drawn, [0.025, 0.975])
        covered.append(low <= 0.1 <= high)
    assert 0.91 < np.mean(covered) < 0.98


def test_corpora_are_joined_without_mixing_up_speakers_of_the_same_name():
    parts = [paired_units(*_answers(seed, 4, 6)[:3], 3, list("abcd") * 6) for seed in (0, 1)]
    joined = joined_units(parts)
    assert (joined.unit, joined.num_units) == ("speaker", 8)
    np.testing.assert_array_equal(joined.total, parts[0].total + parts[1].total)


def test_too_few_speakers_leave_utterances():
    truth, first, second, _ = _answers(0, 2, 6)
    units = paired_units(truth, first, second, 3, ["a"] * 6 + ["b"] * 6)
    assert (units.unit, units.num_units) == ("utterance", 12)


def test_holm_by_hand():
    assert holm_adjusted([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm_adjusted([0.9, 0.8]) == [1.0, 1.0]
    assert holm_adjusted([]) == []
