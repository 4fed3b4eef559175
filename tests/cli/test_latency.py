"""`hf-emotion latency`."""

import json
import shutil

import pytest
import yaml


QUICK = ("--durations", "0.2", "0.5", "--batch_sizes", "1", "2", "--num_repeats", "2", "--device", "cpu")


def test_a_model_is_measured_shown_and_written(run, model_dir, tmp_path):
    result = run("latency", model_dir, *QUICK, "--threads", "1", "--output_dir", tmp_path)
    assert result.exit_code == 0, result.stderr
    report = json.loads((tmp_path / "latency.json").read_text())
    assert [(arm["duration"], arm["batch_size"]) for arm in report["arms"]] == [(0.2, 1), (0.2, 2), (0.5, 1), (0.5, 2)]
    assert report["checkpoint_bytes"] == (model_dir / "model.safetensors").stat().st_size
    assert report["hardware"]["num_threads"] == 1
    assert report["environment"]["torch"]
    assert report["trained_parameters"] is None  # nothing says how this model was trained
    assert f"{report['parameters']['total']:,}" in result.stdout


def test_trained_parameters_are_those_of_the_experiment(run, model_dir, tmp_path):
    folder = shutil.copytree(model_dir, tmp_path / "run")
    experiment = {
        "model_name_or_path": str(model_dir),
        "output_dir": str(folder),
        "corpora": [{"name": "manifest", "data_dir": "absent"}],
        "label_column": "emotion",
        "freeze_feature_encoder": False,
        "adapter": "head_only",
    }
    (folder / "experiment.yaml").write_text(yaml.safe_dump(experiment))
    run("latency", folder, *QUICK, "--output_dir", tmp_path / "head")
    report = json.loads((tmp_path / "head" / "latency.json").read_text())
    assert 0 < report["trained_parameters"] < report["parameters"]["total"] / 2
    (folder / "experiment.yaml").write_text(
        yaml.safe_dump(experiment | {"model_name_or_path": str(tmp_path / "gone"), "adapter": None})
    )
    run("latency", folder, *QUICK, "--output_dir", tmp_path / "gone")
    assert json.loads((tmp_path / "gone" / "latency.json").read_text())["trained_parameters"] is None


def test_an_ensemble_is_measured_by_its_members(run, tmp_path):
    (tmp_path / "ensemble.json").write_text("{}")
    result = run("latency", tmp_path)
    assert result.exit_code == 1
    assert "is an ensemble: it takes as long as its members together" in result.stderr


@pytest.mark.parametrize("options", [[], ["model", "--durations", "long"], ["model", "--nonsense"]])
def test_wrong_usage_exits_with_2(options, run):
    assert run("latency", *options).exit_code == 2


def test_a_missing_folder_is_named(run):
    result = run("latency", "./absent")
    assert result.exit_code == 1
    assert "There is no folder ./absent" in result.stderr
