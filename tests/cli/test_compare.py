"""`hf-emotion compare` and `hf-emotion calibrate`, on folders that runs leave behind."""

import json

import pytest

from hf_emotion.predictions import load_predictions, save_predictions
from tests.prediction_tables import random_predictions


SIZES = {"one": (6, 120)}


@pytest.fixture
def runs(tmp_path):
    """Two run folders; the first has validation predictions too."""
    for name, seed in (("mean", 0), ("attention", 1)):
        save_predictions(
            random_predictions(SIZES, seed=seed, skill=1 + seed, sharpness=3.0),
            tmp_path / name / "predictions.parquet",
        )
    validation = random_predictions({"held_out": (6, 120)}, seed=2, sharpness=3.0)
    save_predictions(validation, tmp_path / "mean" / "validation_predictions.parquet")
    return tmp_path / "mean", tmp_path / "attention"


def test_compare_prints_and_writes(run, runs, tmp_path):
    result = run("compare", *runs, "--output_dir", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    report = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert report["runs"] == {"a": "mean", "b": "attention"}
    assert f"{100 * report['overall']['metrics']['uar']['difference']:+.1f} [" in result.stdout
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "comparison.json",
        "comparison.png",
        "comparison_classes.png",
    ]


def test_compare_takes_files_and_chosen_metrics(run, runs):
    result = run("compare", runs[0] / "predictions.parquet", runs[1] / "predictions.parquet", "--metric", "macro_f1")
    assert result.exit_code == 0, result.stderr
    assert "macro-F1" in result.stdout
    assert "UAR" not in result.stdout
    assert f"A: {runs[0] / 'predictions.parquet'}" in result.stdout  # the last parts of the paths are equal


def test_compare_says_what_differs_and_how_to_go_on(run, runs):
    save_predictions(load_predictions(runs[1] / "predictions.parquet").iloc[5:], runs[1] / "predictions.parquet")
    result = run("compare", *runs)
    assert result.exit_code == 1
    assert "115 utterances in common (only in A: 5" in result.stderr
    assert run("compare", *runs, "--intersect").exit_code == 0


def test_compare_refuses_a_folder_without_predictions(run, runs, tmp_path):
    (tmp_path / "empty").mkdir()
    result = run("compare", runs[0], tmp_path / "empty")
    assert result.exit_code == 1
    assert "Name a run folder that holds predictions.parquet" in result.stderr


def test_calibrate_a_run(run, runs, tmp_path):
    result = run("calibrate", runs[0], "--output_dir", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    report = json.loads((tmp_path / "out" / "calibration.json").read_text())
    assert report["temperature"] > 1
    assert report["test"]["after"]["ece"] < report["test"]["before"]["ece"]
    calibrated = load_predictions(tmp_path / "out" / "calibrated_predictions.parquet")
    assert calibrated["prediction"].equals(load_predictions(runs[0] / "predictions.parquet")["prediction"])
    assert (tmp_path / "out" / "reliability.png").is_file()
    assert f"Temperature {report['temperature']:.3f}" in result.stdout


def test_calibrate_files(run, runs):
    result = run(
        "calibrate", "--validation", runs[0] / "validation_predictions.parquet", "--predictions",
        runs[0] / "predictions.parquet",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert "test  " in result.stdout


def test_calibrate_on_validation_predictions_alone(run, runs):
    result = run("calibrate", "--validation", runs[0] / "validation_predictions.parquet")
    assert result.exit_code == 0, result.stderr
    assert "test  " not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Name what to fit a temperature on"),
        (["nowhere"], "There is no folder nowhere"),
        (["attention"], "--eval_split validation"),
    ],
)
def test_calibrate_says_what_is_missing(run, runs, arguments, message, monkeypatch):
    monkeypatch.chdir(runs[1].parent)
    result = run("calibrate", *arguments)
    assert result.exit_code == 1
    assert message in result.stderr
