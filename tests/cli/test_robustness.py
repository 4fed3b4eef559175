"""`hf-emotion robustness`."""

import json
import os
import re
import shutil

import pandas as pd
import pytest
import soundfile
import yaml

from hf_emotion.evaluation.predictions import load_predictions
from tests.conditioned_models import save_conditioned


@pytest.fixture
def arguments(model_dir, corpus_dir, tmp_path):
    """A test of a model that was not trained here."""
    return [
        "robustness", model_dir, "--corpora", "manifest", "--data_dir", corpus_dir, "--eval_split", "all",
        "--cache_dir", tmp_path / "cache", "--num_resamples", "100", "--output_dir", tmp_path / "scores",
    ]  # fmt: skip


def test_clean_clips_get_the_predictions_of_evaluate(run, arguments, model_dir, corpus_dir, tmp_path):
    result = run(*arguments, "--conditions", "white_noise:0", "telephone", "--batch_size", "4")
    assert result.exit_code == 0, result.stderr
    *lines, last = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert last == f"Written to {tmp_path / 'scores'}"
    report = json.loads((tmp_path / "scores" / "robustness.json").read_text())
    assert [entry["condition"] for entry in report["conditions"]] == ["clean", "white_noise:0", "telephone"]
    assert (tmp_path / "scores" / "robustness.png").stat().st_size > 10_000
    run(
        "evaluate", "--model", model_dir, "--corpora", "manifest", "--data_dir", corpus_dir, "--eval_split", "all",
        "--cache_dir", tmp_path / "cache", "--use_cpu", "--output_dir", tmp_path / "evaluated",
    )  # fmt: skip
    table = pd.read_parquet(tmp_path / "scores" / "robustness_predictions.parquet")
    clean = table[table["condition"] == "clean"].drop(columns="condition").sort_values("utterance_id")
    expected = load_predictions(tmp_path / "evaluated" / "predictions.parquet").sort_values("utterance_id")
    pd.testing.assert_frame_equal(
        clean.reset_index(drop=True), expected.reset_index(drop=True)[list(clean.columns)], atol=1e-5
    )


def test_noise_files_come_from_the_folder(run, arguments, tmp_path):
    (tmp_path / "noise").mkdir()
    soundfile.write(tmp_path / "noise" / "square.wav", [0.1, -0.1] * 800, 8000)
    result = run(*arguments, "--conditions", "noise_files:5", "--noise_dir", tmp_path / "noise")
    assert result.exit_code == 0, result.stderr
    assert "noise_files:5" in result.stdout


class TestRecordedCorpora:
    @pytest.fixture
    def run_dir(self, model_dir, corpus_dir, tmp_path):
        folder = shutil.copytree(model_dir, tmp_path / "run")
        experiment = {
            "config_name": "exhubert",
            "corpora": [{"name": "manifest", "data_dir": str(corpus_dir)}],
            "label_column": "emotion",
            "test_size": 0.4,
            "cache_dir": str(tmp_path / "cache"),
        }
        (folder / "experiment.yaml").write_text(yaml.safe_dump(experiment))
        return folder

    def test_a_run_is_tested_on_its_own_test_part(self, run, run_dir):
        result = run("robustness", run_dir, "--conditions", "gain:-6", "--num_resamples", "100")
        assert result.exit_code == 0, result.stderr
        assert "10 utterances, 2 speakers" in result.stdout
        assert "Written to" not in result.stdout

    def test_an_ensemble_is_tested_on_that_of_its_first_member(self, run, run_dir, tmp_path):
        (tmp_path / "sum").mkdir()
        member = {"name": "run", "path": os.path.relpath(run_dir, tmp_path / "sum"), "weight": 1.0}
        (tmp_path / "sum" / "ensemble.json").write_text(json.dumps({"members": [member], "method": "weighted"}))
        options = ["--conditions", "telephone", "--num_resamples", "100"]
        alone, ensemble = (run("robustness", path, *options) for path in (run_dir, tmp_path / "sum"))
        assert ensemble.exit_code == 0, ensemble.stderr
        assert ensemble.stdout == alone.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--conditions", "telefone"], "There is no condition 'telefone'. Did you mean 'telephone'?"),
        (["--conditions", "noise_files"], "needs a folder of noise recordings"),
        (["--noise_dir", "absent"], "There is no folder absent with noise files"),
        (["--corpora", "emodbb"], "Unknown corpora .'emodbb'.. Did you mean 'emodb'?"),
        (["--batch_size", "0"], "--batch_size must be 1 or more"),
    ],
)
def test_what_cannot_work_is_one_sentence(options, message, run, arguments):
    result = run(*arguments, *options)
    assert result.exit_code == 1
    assert re.search(message, result.stderr)
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("name", ["model", "sum"])
def test_a_model_that_uses_the_gender_is_tested_without_and_says_so(name, run, corpus_dir, tmp_path, caplog):
    save_conditioned(tmp_path / "model", ("anger", "sadness", "happiness"), text_embedding_size=6)
    (tmp_path / "sum").mkdir()
    members = [{"name": "model", "path": "../model", "weight": 1.0}]
    (tmp_path / "sum" / "ensemble.json").write_text(json.dumps({"members": members, "method": "weighted"}))
    result = run(
        "robustness", tmp_path / name, "--corpora", "manifest", "--data_dir", corpus_dir, "--eval_split", "all",
        "--cache_dir", tmp_path / "cache", "--conditions", "telephone", "--num_resamples", "100",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert "The model uses gender and text, but is tested on the audio alone" in caplog.text


def test_an_empty_noise_folder_is_refused(run, arguments, tmp_path):
    (tmp_path / "noise").mkdir()
    result = run(*arguments, "--noise_dir", tmp_path / "noise")
    assert result.exit_code == 1
    assert "There is no noise file in" in result.stderr


def test_a_model_without_record_needs_corpora(run, model_dir):
    result = run("robustness", model_dir)
    assert result.exit_code == 1
    assert "does not say what it was trained on: name --corpora and --data_dir" in result.stderr


@pytest.mark.parametrize("options", [[], ["--conditions", "telephone"]])
def test_the_run_comes_first(options, run):
    result = run("robustness", *options)
    assert result.exit_code == 2
    assert "name the run first" in result.stderr


def test_unknown_options_are_wrong_usage(run, arguments):
    result = run(*arguments, "--condition", "telephone")
    assert result.exit_code == 2
    assert "unknown argument --condition" in result.stderr
