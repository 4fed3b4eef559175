"""Scores read off moments equal those computed from the values themselves."""

import doctest

import numpy as np
import pytest

from hf_emotion.metrics import concordance_statistics, load_metric
from hf_emotion.metrics.concordance_statistics import (
    bootstrap_moments,
    concordance_correlation_coefficient,
    exchanged_moments,
    pearson_correlation,
    resampled_moments,
    unit_moments,
)


def _pair(seed=0, size=60, offset=0.5):
    generator = np.random.default_rng(seed)
    truth = 3 + generator.normal(size=size)
    return truth, offset + truth + generator.normal(size=size)


def _moments(truth, guess):
    return unit_moments(np.asarray(truth), np.asarray(guess), np.zeros(len(truth), dtype=int))[0]


def test_documentation_examples_run():
    assert doctest.testmod(concordance_statistics).failed == 0


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_concordance_is_that_of_the_metric(scale):
    truth, guess = (scale * values for values in _pair())
    metric = load_metric("concordance_correlation_coefficient")
    (expected,) = metric.compute(predictions=guess, references=truth).values()
    assert concordance_correlation_coefficient(_moments(truth, guess)) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize(
    ("truth", "guess"),
    [([1.1, 2.2, 3.3], [0.7] * 3), ([0.7] * 3, [1.1, 2.2, 3.3]), ([0.7] * 3, [1.1] * 3), ([0.7] * 3, [0.7] * 3)],
)
def test_constants_are_treated_as_the_metric_treats_them(truth, guess):
    metric = load_metric("concordance_correlation_coefficient")
    (expected,) = metric.compute(predictions=guess, references=truth).values()
    found = concordance_correlation_coefficient(_moments(truth, guess))
    assert found == pytest.approx(expected, nan_ok=True)


def test_pearson_is_that_of_numpy():
    truth, guess = _pair()
    assert pearson_correlation(_moments(truth, guess)) == pytest.approx(np.corrcoef(truth, guess)[0, 1])
    assert np.isnan(pearson_correlation(_moments(truth, np.full(60, 0.3))))


def test_moments_of_speakers_add_up():
    truth, guess = _pair()
    speakers = np.arange(60) % 7
    per_speaker = unit_moments(truth, guess, speakers)
    assert per_speaker.shape == (7, 3, 3)
    np.testing.assert_allclose(per_speaker.sum(axis=0), _moments(truth, guess))
    np.testing.assert_allclose(per_speaker[3], _moments(truth[speakers == 3], guess[speakers == 3]))


def test_whole_speakers_are_drawn():
    """Two kinds of utterances, one speaker each: a replicate holds multiples of 20 of either."""
    truth, guess = np.repeat([1.0, 2.0, 4.0], 20), np.repeat([1.0, 2.0, 4.0], 20)
    moments, unit = bootstrap_moments(
        truth, guess, groups=np.repeat(list("abc"), 20).tolist(), num_resamples=50, generator=np.random.default_rng(0)
    )
    assert unit == "speaker"
    assert moments.shape == (50, 3, 3)
    assert set(moments[:, 0, 0]) == {60.0}
    assert set(moments[:, 0, 1]) <= {20.0 * (a + 2 * b + 4 * (3 - a - b)) for a in range(4) for b in range(4 - a)}


@pytest.mark.parametrize("unit", ["speaker", "utterance"])
def test_both_ways_of_drawing_have_the_same_distribution(unit):
    """Each unit is drawn once on average, with variance 1 - 1/n."""
    moments = np.eye(20).reshape(20, 20)
    drawn = resampled_moments(moments, unit, 20_000, np.random.default_rng(0))
    assert set(drawn.sum(axis=1)) == {20.0}
    np.testing.assert_allclose(drawn.mean(axis=0), 1, atol=0.03)
    np.testing.assert_allclose(drawn.var(axis=0), 1 - 1 / 20, atol=0.05)


def test_exchanges_are_fair_and_keep_the_sum_of_both_models():
    generator = np.random.default_rng(0)
    moments = generator.normal(size=(11, 2, 3, 3))
    exchanged = exchanged_moments(moments, 20_000, generator)
    np.testing.assert_allclose(exchanged.sum(axis=1), np.broadcast_to(moments.sum(axis=(0, 1)), (20_000, 3, 3)))
    np.testing.assert_allclose(exchanged[:, 0].mean(axis=0), moments.sum(axis=(0, 1)) / 2, atol=0.06)
    spread = ((moments[:, 1] - moments[:, 0]) ** 2).sum(axis=0) / 4  # of independent fair exchanges
    np.testing.assert_allclose(exchanged[:, 0].var(axis=0), spread, rtol=0.05)


def test_portions_do_not_change_the_draws(monkeypatch):
    truth, guess = _pair()
    at_once, unit = bootstrap_moments(truth, guess, num_resamples=20, generator=np.random.default_rng(0))
    monkeypatch.setattr(concordance_statistics, "_DRAWS_AT_ONCE", 180)
    in_portions, _ = bootstrap_moments(truth, guess, num_resamples=20, generator=np.random.default_rng(0))
    assert unit == "utterance"
    np.testing.assert_allclose(in_portions, at_once, rtol=1e-12)
