"""Equal error rate, calibration error and concordance on numbers that can be checked by hand."""

import math

import numpy as np
import pytest

from hf_emotion.metrics import load_metric


def _two_columns(scores):
    """Scores of class 1 beside their negative, so that both classes have the same error rate."""
    return [[-score, score] for score in scores]


@pytest.mark.parametrize(
    ("scores", "references", "expected"),
    [
        ([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1], 0.0),  # perfect ranking
        ([0.9, 0.8, 0.2, 0.1], [0, 0, 1, 1], 1.0),  # reversed ranking
        ([0.5, 0.5, 0.5, 0.5], [0, 0, 1, 1], 0.5),  # one tie: the curve is the diagonal
        ([0.1, 0.6, 0.4, 0.9], [0, 0, 1, 1], 0.5),  # a corner at (1/2, 1/2)
        # Positives 3 of 3 above the lower two of four negatives, 1 above all: points (0, 1/3), (2/4, 1/3), (2/4, 1).
        # False negatives equal false positives where both are 1/2, on the vertical piece.
        ([1, 2, 6, 7, 3, 4, 8], [0, 0, 0, 0, 1, 1, 1], 0.5),
        # Two negatives tie with one of two positives: (0, 1/2) to (2/3, 1); 1/2 - 3/4 x = x at x = 2/7.
        ([5, 5, 1, 5, 9], [0, 0, 0, 1, 1], 2 / 7),
    ],
)
def test_equal_error_rate_is_interpolated_exactly(scores, references, expected):
    result = load_metric("equal_error_rate").compute(predictions=_two_columns(scores), references=references)
    assert result["equal_error_rate"] == pytest.approx(expected)
    assert result["per_class"] == pytest.approx([expected, expected])


def test_equal_error_rate_averages_the_classes_that_have_one():
    scores = [[0.9, 0.1, 0.3], [0.8, 0.2, 0.1], [0.1, 0.9, 0.2], [0.85, 0.15, 0.4]]
    result = load_metric("equal_error_rate").compute(predictions=scores, references=[0, 0, 1, 1])
    # Class 0: positives .9 .8, negatives .1 .85 -> 1/2. Class 1: positives .9 .15, negatives .1 .2 -> 1/2.
    assert result == {"equal_error_rate": 0.5, "per_class": [0.5, 0.5, None]}


def test_equal_error_rate_ignores_monotone_rescaling():
    generator = np.random.default_rng(0)
    scores, references = generator.normal(size=(60, 3)), generator.integers(0, 3, 60)
    metric = load_metric("equal_error_rate")
    plain = metric.compute(predictions=scores, references=references)["equal_error_rate"]
    assert metric.compute(predictions=np.exp(3 * scores), references=references)["equal_error_rate"] == plain
    assert 0.2 < plain < 0.8


def test_equal_error_rate_of_one_class_is_refused():
    with pytest.raises(ValueError, match="All 2 references are of class 1: the equal error rate needs"):
        load_metric("equal_error_rate").compute(predictions=[[0.1, 0.9], [0.2, 0.8]], references=[1, 1])


@pytest.mark.parametrize(
    ("probabilities", "references", "num_bins", "expected"),
    [
        ([[1.0, 0.0]] * 4, [0, 0, 0, 0], 15, 0.0),
        ([[1.0, 0.0]] * 4, [1, 1, 1, 1], 15, 1.0),
        ([[0.5, 0.5]] * 4, [0, 0, 1, 1], 15, 0.0),  # half right at confidence one half
        ([[0.8, 0.2]] * 10, [0] * 6 + [1] * 4, 15, 0.2),
        # Two bins of five: |1/2 - .6| for two utterances at .6, |1 - .9| for two at .9.
        ([[0.6, 0.4], [0.6, 0.4], [0.9, 0.1], [0.9, 0.1]], [0, 1, 0, 0], 5, 0.1),
        # In one bin the same gaps cancel: accuracy 3/4, mean confidence 3/4.
        ([[0.6, 0.4], [0.6, 0.4], [0.9, 0.1], [0.9, 0.1]], [0, 1, 0, 0], 1, 0.0),
        # The upper edge belongs to a bin: .5 and .7 share (0, 1/2] and (1/2, 1] no more than their sides allow.
        ([[0.5, 0.5], [0.7, 0.3]], [0, 1], 2, (0.5 + 0.7) / 2),
    ],
)
def test_calibration_error(probabilities, references, num_bins, expected):
    result = load_metric("expected_calibration_error").compute(
        predictions=probabilities, references=references, num_bins=num_bins
    )
    assert result["expected_calibration_error"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("probabilities", "num_bins", "message"),
    [
        ([[2.0, -1.0], [0.5, 0.5]], 15, "smallest entry is -1 .*softmax"),
        ([[0.9, 0.9], [0.5, 0.5]], 15, "row 0 sums to 1.8"),
        ([[0.5, 0.5], [0.5, 0.5]], 0, "num_bins=0 leaves no bin"),
    ],
)
def test_calibration_error_refuses(probabilities, num_bins, message):
    with pytest.raises(ValueError, match=message):
        load_metric("expected_calibration_error").compute(
            predictions=probabilities, references=[0, 1], num_bins=num_bins
        )


@pytest.mark.parametrize(
    ("predictions", "references", "expected"),
    [
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], 1.0),
        ([3.0, 2.0, 1.0], [1.0, 2.0, 3.0], -1.0),
        ([2.0, 3.0, 4.0], [1.0, 2.0, 3.0], 4 / 7),  # offset 1: (4/3) / (2/3 + 2/3 + 1)
        ([2.0, 4.0, 6.0], [1.0, 2.0, 3.0], 4 / 11),  # scale 2: (8/3) / (8/3 + 2/3 + 4)
        ([0.1, 0.1, 0.1], [1.0, 2.0, 3.0], 0.0),  # a constant prediction
        ([0.1, 0.1, 0.1], [0.3, 0.3, 0.3], 0.0),  # two different constants
    ],
)
def test_concordance(predictions, references, expected):
    result = load_metric("concordance_correlation_coefficient").compute(predictions=predictions, references=references)
    assert result["concordance_correlation_coefficient"] == pytest.approx(expected)


def test_concordance_of_equal_constants_is_nan():
    result = load_metric("concordance_correlation_coefficient").compute(predictions=[0.1] * 3, references=[0.1] * 3)
    assert math.isnan(result["concordance_correlation_coefficient"])


@pytest.mark.parametrize(
    ("predictions", "references", "message"),
    [
        ([1.0], [1.0], "at least two utterances, found 1"),
        ([1.0, float("inf")], [1.0, 2.0], "`predictions` holds values that are missing, NaN or infinite for 1 of 2"),
        ([1.0, 2.0], [1.0, None], "`references` holds values"),
    ],
)
def test_concordance_refuses(predictions, references, message):
    with pytest.raises(ValueError, match=message):
        load_metric("concordance_correlation_coefficient").compute(predictions=predictions, references=references)
