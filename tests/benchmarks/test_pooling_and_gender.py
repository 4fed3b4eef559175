"""The report of the study of pooling and gender, on runs with known predictions."""

import importlib.util
import re
from pathlib import Path

import pytest
import yaml

from hf_emotion.evaluation.predictions import load_predictions, save_predictions
from hf_emotion.evaluation.report import evaluate_predictions, save_metrics
from tests.prediction_tables import random_predictions


REPO = Path(__file__).resolve().parents[2]
SEEDS = [1, 2]


@pytest.fixture(scope="module")
def study():
    path = REPO / "benchmarks" / "studies" / "pooling_and_gender.py"
    spec = importlib.util.spec_from_file_location("pooling_and_gender", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def arms(study):
    return [step["step_name"] for step in yaml.safe_load(study.CONFIG.read_text())["steps"]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory, arms):
    """Runs of models to whom gender is of much help."""
    folder = tmp_path_factory.mktemp("study")
    for seed in SEEDS:
        for number, arm in enumerate(arms):
            run = folder / f"seed_{seed}" / arm
            skill = 3.0 if arm.endswith("_gender") else 1.0
            test = random_predictions({"crema_d": (8, 160)}, skill=skill, seed=100 * seed + number)
            validation = random_predictions({"crema_d": (4, 40)}, skill=skill, seed=50 + 100 * seed + number)
            validation["utterance_id"] = "validation_" + validation["utterance_id"]
            save_predictions(test, run / "predictions.parquet")
            save_predictions(validation, run / "validation_predictions.parquet")
            save_metrics(evaluate_predictions(test, num_resamples=20), run / "metrics.json")
    return folder


def test_seeds_are_pooled_without_becoming_speakers(study, runs):
    table = study.pooled("mean", SEEDS, runs)
    assert (len(table), table["speaker_id"].nunique(), table["utterance_id"].is_unique) == (320, 8, True)


def test_every_arm_is_reported_with_the_mean_over_its_seeds(study, runs, arms, capsys):
    study.report_arms(arms, SEEDS, runs)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:]] == arms
    recalls = [
        evaluate_predictions(load_predictions(runs / f"seed_{seed}" / "std" / "predictions.parquet"))["overall"]["uar"]
        for seed in SEEDS
    ]
    (line,) = [line for line in lines if line.startswith("std ")]
    assert line.split()[1] == f"{100 * sum(recalls) / 2:.1f}"


def test_a_large_effect_of_gender_is_found_and_none_of_pooling(study, runs, capsys):
    study.report_differences(SEEDS, runs)
    found = dict(re.findall(r"^(\S+ - \S+) .* adjusted ([\d.]+)$", capsys.readouterr().out, flags=re.MULTILINE))
    assert set(found) == {f"{second} - {first}" for first, second in study.PAIRS}
    assert all((float(p_value) < 0.1) is ("gender" in pair) for pair, p_value in found.items())


def test_an_ensemble_is_never_worse_than_its_best_member_where_its_weights_are_fitted(study, runs, arms, capsys):
    study.report_ensembles(arms, SEEDS, runs)
    losses = re.findall(r"log loss ([\d.]+) \(best member ([\d.]+)\)", capsys.readouterr().out)
    assert len(losses) == 1 + len(SEEDS)
    assert all(float(ensemble) <= float(best) for ensemble, best in losses)
