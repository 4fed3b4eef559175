"""Temperature scaling finds the temperature that made the probabilities, and changes nothing else."""

import doctest

import numpy as np
import pandas as pd
import pytest

from hf_emotion.evaluation import calibration
from hf_emotion.evaluation.calibration import (
    calibration_report,
    calibration_scores,
    fit_temperature,
    format_calibration,
    reliability_bins,
    scaled_predictions,
)
from hf_emotion.evaluation.predictions import predicted_classes, predictions_table
from hf_emotion.evaluation.report import evaluate_predictions
from tests.prediction_tables import random_predictions


CLASSES = ["joy", "fear", "anger"]


def _calibrated(num_utterances, temperature, seed=0):
    """Labels drawn from the very probabilities that a model states, whose logits are then multiplied."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(scale=1.5, size=(num_utterances, 3))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (generator.uniform(size=(num_utterances, 1)) > probabilities.cumsum(axis=1)).sum(axis=1)
    rows = [{"utterance_id": f"{seed}_{index}", "corpus": "toy"} for index in range(num_utterances)]
    return predictions_table(rows, labels=labels.tolist(), classes=CLASSES, logits=logits * temperature)


def test_documentation_examples_run():
    assert doctest.testmod(calibration).failed == 0


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_of_the_data_is_found(temperature):
    fitted = fit_temperature(_calibrated(20_000, temperature))
    assert fitted.temperature == pytest.approx(temperature, rel=0.05)
    assert not fitted.is_at_bound


def test_no_other_temperature_has_a_smaller_log_loss():
    table = _calibrated(300, 2.0)
    best = fit_temperature(table).temperature
    losses = {t: calibration_scores(scaled_predictions(table, t))["log_loss"] for t in np.geomspace(0.06, 19, 200)}
    assert calibration_scores(scaled_predictions(table, best))["log_loss"] <= min(losses.values()) + 1e-9


def test_scaling_is_that_of_the_logits():
    rows = [{"utterance_id": "a", "corpus": "toy"}]
    table = predictions_table(rows, labels=[0], classes=["x", "y"], logits=np.array([[2 * np.log(3), 0.0]]))
    assert table["probability_x"][0] == pytest.approx(9 / 10)
    assert scaled_predictions(table, 2.0)["probability_x"][0] == pytest.approx(3 / 4)


def test_scaling_changes_probabilities_only():
    table = random_predictions({"one": (5, 100)})
    scaled = scaled_predictions(table, 3.0)
    others = [name for name in table.columns if not name.startswith("probability_")]
    pd.testing.assert_frame_equal(scaled[others], table[others])
    before, after = (evaluate_predictions(frame, num_resamples=10)["overall"] for frame in (table, scaled))
    assert before["uar"] == after["uar"]
    assert before["ece"] != after["ece"]


def test_temperature_one_changes_nothing():
    table = random_predictions({"one": (5, 100)})
    columns = [f"probability_{name}" for name in predicted_classes(table)]
    np.testing.assert_allclose(scaled_predictions(table, 1.0)[columns], table[columns], rtol=1e-12)


def test_calibration_lowers_the_error_on_other_utterances():
    report = calibration_report(_calibrated(2000, 3.0), _calibrated(2000, 3.0, seed=1))
    assert report["test"]["before"]["ece"] > 0.15
    assert report["test"]["after"]["ece"] < 0.05
    assert report["test"]["after"]["accuracy"] == report["test"]["before"]["accuracy"]
    assert f"Temperature {report['temperature']:.3f}, fitted on 2000 validation utterances" in format_calibration(
        report
    )


def test_the_text_fits_a_terminal_and_shows_both_parts():
    report = calibration_report(_calibrated(2000, 3.0), _calibrated(700, 3.0, seed=1))
    lines = format_calibration(report).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[2].split() == ["before", "->", "after", "validation", "(2000)", "test", "(700)"]
    errors = [100 * report[part][when]["ece"] for part in ("validation", "test") for when in ("before", "after")]
    assert "calibration error (%)" in lines[4]
    assert [float(word) for word in lines[4].split()[3:] if word != "->"] == pytest.approx(errors, abs=0.051)


def test_dimensions_are_not_touched():
    table = random_predictions({"one": (5, 100)}, dimensions=("arousal",))
    scaled = scaled_predictions(table, 3.0)
    pd.testing.assert_frame_equal(scaled[["arousal", "predicted_arousal"]], table[["arousal", "predicted_arousal"]])


def test_scores_by_hand():
    rows = [{"utterance_id": str(index), "corpus": "toy"} for index in range(2)]
    table = predictions_table(rows, labels=[0, 1], classes=["x", "y"], probabilities=[[0.8, 0.2], [0.6, 0.4]])
    scores = calibration_scores(table)
    assert scores["log_loss"] == pytest.approx(-(np.log(0.8) + np.log(0.4)) / 2)
    assert scores["brier"] == pytest.approx((2 * 0.2**2 + 2 * 0.6**2) / 2)
    assert scores["ece"] == pytest.approx((0.2 + 0.6) / 2)
    assert (scores["confidence"], scores["accuracy"]) == (pytest.approx(0.7), 0.5)


@pytest.mark.parametrize("num_bins", [5, 15])
def test_the_error_can_be_read_off_the_diagram(num_bins):
    table = random_predictions({"one": (5, 400)}, sharpness=2.0)
    bins = reliability_bins(table, num_bins=num_bins)
    error = sum(row["count"] * abs(row["accuracy"] - row["confidence"]) for row in bins if row["count"]) / 400
    assert error == pytest.approx(calibration_scores(table, num_bins=num_bins)["ece"])
    assert sum(row["count"] for row in bins) == 400
    assert all(row["low"] < row["confidence"] <= row["high"] for row in bins if row["count"])


def test_a_perfect_model_stays_within_bounds_and_is_warned_about(caplog):
    rows = [{"utterance_id": str(index), "corpus": "toy"} for index in range(4)]
    table = predictions_table(rows, labels=[0, 1, 0, 1], classes=["x", "y"], logits=np.eye(2)[[0, 1, 0, 1]])
    fitted = fit_temperature(table)
    assert fitted.is_at_bound
    assert fitted.temperature == pytest.approx(0.05, rel=1e-3)
    assert "right on all 4 validation utterances, or no better than chance" in caplog.text


def test_probabilities_of_zero_can_be_scaled():
    rows = [{"utterance_id": str(index), "corpus": "toy"} for index in range(3)]
    table = predictions_table(rows, labels=[0, 0, 1], classes=["x", "y"], probabilities=[[1.0, 0.0]] * 3)
    scaled = scaled_predictions(table, fit_temperature(table).temperature)
    assert np.isfinite(scaled["probability_y"]).all()


def test_validation_utterances_among_the_test_are_refused():
    table = _calibrated(50, 1.0)
    with pytest.raises(ValueError, match="50 of 50 test utterances are validation utterances too, first '0_0' of toy"):
        calibration_report(table, table)


def test_predictions_of_another_model_are_refused():
    with pytest.raises(ValueError, match="they come from different models"):
        calibration_report(_calibrated(50, 1.0), random_predictions({"one": (5, 50)}))


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_a_temperature_that_is_not_positive_is_refused(temperature):
    with pytest.raises(ValueError, match="must be a positive number"):
        scaled_predictions(_calibrated(5, 1.0), temperature)


def test_bounds_that_are_no_range_are_refused():
    with pytest.raises(ValueError, match="choose two positive numbers, low before high"):
        fit_temperature(_calibrated(5, 1.0), bounds=(2.0, 1.0))
