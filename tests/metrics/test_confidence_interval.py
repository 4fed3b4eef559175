"""Bootstrap intervals: what is resampled, and that they cover what they promise."""

import time

import numpy as np
import pytest

from hf_emotion.metrics import confusion_statistics
from hf_emotion.metrics.confidence_interval import (
    bootstrap_confusions,
    bootstrap_interval,
    percentile_interval,
    resampling_units,
)


@pytest.mark.parametrize(
    ("groups", "unit", "ids"),
    [
        (["a", "b", "a", "c"], "speaker", [0, 1, 0, 2]),
        ([7, 3, 7, 5], "speaker", [2, 0, 2, 1]),
        (["a", "b", "a", "b"], "utterance", [0, 1, 2, 3]),  # two speakers are too few
        (["a", "b", None, "c"], "utterance", [0, 1, 2, 3]),
        (["a", "b", float("nan"), "c"], "utterance", [0, 1, 2, 3]),
        (None, "utterance", [0, 1, 2, 3]),
    ],
)
def test_speakers_are_resampled_if_three_are_known(groups, unit, ids):
    found_unit, found_ids = resampling_units(groups, 4)
    assert found_unit == unit
    assert found_ids.tolist() == ids


def test_speakers_of_another_number_of_utterances_are_refused():
    with pytest.raises(ValueError, match="speakers of 3 utterances, but there are 4"):
        resampling_units(["a", "b", "c"], 4)


def test_identical_speakers_leave_no_uncertainty():
    # Each speaker has one hit and one miss: whoever is drawn, accuracy is one half.
    is_right = np.array([1, 0] * 5)
    speakers = np.repeat(list("abcde"), 2)
    by_speaker = bootstrap_interval(np.mean, is_right, groups=speakers)
    assert by_speaker == (0.5, 0.5, "speaker", 5)
    by_utterance = bootstrap_interval(np.mean, is_right)
    assert by_utterance.unit == "utterance"
    assert by_utterance.low < 0.5 < by_utterance.high


def test_speakers_that_differ_widen_the_interval():
    is_right = np.repeat([1, 1, 1, 0, 0, 0], 50)
    speakers = np.repeat(list("abcdef"), 50)
    by_speaker = bootstrap_interval(np.mean, is_right, groups=speakers)
    by_utterance = bootstrap_interval(np.mean, is_right)
    assert by_speaker.high - by_speaker.low > 5 * (by_utterance.high - by_utterance.low)


def test_utterance_interval_of_accuracy_matches_the_normal_approximation():
    # 400 utterances, 75 % right: 0.75 -+ 1.96 * sqrt(0.75 * 0.25 / 400) = 0.75 -+ 0.0424.
    references = np.zeros(400, dtype=int)
    predictions = np.repeat([0, 1], [300, 100])
    matrices, unit, num_units = bootstrap_confusions(
        references, predictions, 2, num_resamples=4000, generator=np.random.default_rng(0)
    )
    assert (unit, num_units) == ("utterance", 400)
    low, high = percentile_interval(confusion_statistics.accuracy(matrices))
    assert low == pytest.approx(0.75 - 0.0424, abs=0.005)
    assert high == pytest.approx(0.75 + 0.0424, abs=0.005)


def test_quick_and_plain_bootstrap_agree():
    generator = np.random.default_rng(1)
    references, predictions = generator.integers(0, 3, size=(2, 240))
    predictions = np.where(generator.random(240) < 0.6, references, predictions)
    speakers = generator.integers(0, 12, 240).tolist()
    matrices, _, num_units = bootstrap_confusions(
        references, predictions, 3, groups=speakers, num_resamples=2000, generator=generator
    )
    quick = percentile_interval(confusion_statistics.unweighted_average_recall(matrices))

    def uar(truth, guess):
        return confusion_statistics.unweighted_average_recall(confusion_statistics.confusion_counts(truth, guess, 3))

    plain = bootstrap_interval(uar, references, predictions, groups=speakers, num_resamples=2000)
    assert num_units == plain.num_units == 12
    assert quick == pytest.approx(plain[:2], abs=0.01)


def test_every_replicate_of_speakers_of_equal_size_keeps_the_number_of_utterances():
    references, predictions = np.array([0, 1] * 6), np.array([0, 0, 1] * 4)
    matrices, _, _ = bootstrap_confusions(
        references, predictions, 2, groups=np.repeat(list("abcd"), 3), generator=np.random.default_rng(0)
    )
    assert matrices.shape == (1000, 2, 2)
    assert (matrices.sum(axis=(1, 2)) == 12).all()


def test_speaker_interval_covers_the_true_accuracy():
    """Nominal 95 %; a percentile bootstrap over 20 speakers falls a little short, one over utterances far short."""
    generator = np.random.default_rng(0)
    hits = {"speaker": 0, "utterance": 0}
    for _ in range(200):
        skill = generator.beta(4, 2, size=20)  # true accuracy 4 / 6
        is_right = (generator.random((20, 30)) < skill[:, None]).astype(int).ravel()
        for unit, groups in (("speaker", np.repeat(np.arange(20), 30)), ("utterance", None)):
            matrices, found, _ = bootstrap_confusions(
                np.zeros(600, dtype=int), 1 - is_right, 2, groups=groups, num_resamples=300, generator=generator
            )
            low, high = percentile_interval(confusion_statistics.accuracy(matrices))
            assert found == unit
            hits[unit] += low <= 4 / 6 <= high
    assert 0.88 <= hits["speaker"] / 200 <= 0.98
    assert hits["utterance"] / 200 < 0.8


def test_the_seed_decides_the_interval():
    values = np.random.default_rng(0).normal(size=50)
    assert bootstrap_interval(np.mean, values, seed=1) == bootstrap_interval(np.mean, values, seed=1)
    assert bootstrap_interval(np.mean, values, seed=1) != bootstrap_interval(np.mean, values, seed=2)


def test_a_corpus_of_a_hundred_thousand_utterances_takes_well_under_a_second():
    generator = np.random.default_rng(0)
    references, predictions = generator.integers(0, 6, size=(2, 100_000))
    started = time.process_time()
    bootstrap_confusions(
        references, predictions, 6, groups=generator.integers(0, 1500, 100_000).tolist(), generator=generator
    )
    assert time.process_time() - started < 2


def test_replicates_without_a_value_are_left_out():
    assert percentile_interval(np.array([np.nan, 1.0, 1.0])) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        (([1, 2], [1]), {}, r"one common length above zero, found lengths \[1, 2\]"),
        (([],), {}, r"found lengths \[0\]"),
        (([1, 2],), {"confidence": 95}, "confidence=95 is no coverage"),
    ],
)
def test_bootstrap_refuses(arrays, options, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_interval(lambda *samples: 0.0, *arrays, **options)


def test_a_statistic_without_a_value_is_refused():
    with pytest.raises(ValueError, match="undefined on every bootstrap replicate"):
        bootstrap_interval(lambda sample: float("nan"), [1, 2, 3])
