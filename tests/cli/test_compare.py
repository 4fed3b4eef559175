"""`hf-emotion compare` and `hf-emotion calibrate`, on folders that runs leave behind."""

import json
import shutil

import pytest
import torch

from hf_emotion.evaluation.predictions import load_predictions, save_predictions
from hf_emotion.models.loading import load_model_and_extractor
from tests.cli.conftest import CLASSES
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
    assert "test (120)" in result.stdout


def test_calibrate_on_validation_predictions_alone(run, runs):
    result = run("calibrate", "--validation", runs[0] / "validation_predictions.parquet")
    assert result.exit_code == 0, result.stderr
    assert "test (120)" not in result.stdout


@pytest.fixture
def model_run(model_dir, tmp_path):
    """A trained model with predictions of its validation and test parts."""
    shutil.copytree(model_dir, tmp_path / "model")
    for name, seed in (("validation_predictions", 2), ("predictions", 3)):
        table = random_predictions({name: (6, 120)}, seed=seed, classes=list(CLASSES), sharpness=3.0)
        save_predictions(table, tmp_path / "model" / f"{name}.parquet")
    return tmp_path / "model"


def test_calibrate_writes_a_model_that_gives_calibrated_probabilities(run, model_run, tmp_path):
    result = run("calibrate", model_run, "--save_model", tmp_path / "modest", "--output_dir", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert f"Model with calibrated probabilities: {tmp_path / 'modest'}" in result.stdout
    note = json.loads((tmp_path / "modest" / "calibration.json").read_text())
    report = json.loads((tmp_path / "out" / "calibration.json").read_text())
    assert note["temperature"] == report["temperature"] > 1
    layers = [load_model_and_extractor(str(folder))[0].classifier for folder in (model_run, tmp_path / "modest")]
    torch.testing.assert_close(layers[1].weight, layers[0].weight / note["temperature"])
    again = run("calibrate", tmp_path / "modest", "--save_model", tmp_path / "twice")
    assert again.exit_code == 1
    assert "temperatures multiply" in again.stderr
    allowed = run("calibrate", tmp_path / "modest", "--save_model", tmp_path / "twice", "--allow_repeated")
    assert allowed.exit_code == 0, allowed.stderr


def test_calibrate_says_where_the_model_has_to_come_from_and_go_to(run, runs, model_run, tmp_path):
    tables = ["--validation", runs[0] / "validation_predictions.parquet"]
    assert "needs the run folder" in run("calibrate", *tables, "--save_model", tmp_path / "out").stderr
    same = run("calibrate", model_run, "--save_model", tmp_path / "out", "--output_dir", tmp_path / "out")
    assert "a folder other than --output_dir" in same.stderr
    assert "holds no model" in run("calibrate", runs[0], "--save_model", tmp_path / "out").stderr
    assert not (tmp_path / "out").exists()


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
