"""`hf-emotion push`: what it takes a source for, what it would send, and a push to a Hub on this machine."""

import json
import sys

import pytest

from tests.hub_double import HubDouble
from tests.prediction_tables import random_predictions
from tests.small_corpora import write_manifest


def test_a_dry_run_shows_files_sizes_and_what_the_card_lacks(run, model_dir):
    result = run("push", model_dir, "user/x", "--dry_run", "--licence", "mit")
    assert result.exit_code == 0, result.stderr
    assert f"{model_dir} is a model." in result.stdout
    size = (model_dir / "model.safetensors").stat().st_size
    assert f"{size:,}" in result.stdout
    assert "-> model user/x" in result.stdout
    assert "The card has no model-index: its scores are not shown." in result.stdout
    assert "no license" not in result.stdout
    assert "Nothing was pushed. The card would be:\n\n---\n" in result.stdout


def test_a_metric_and_recordings_and_results_are_told_apart(run, tmp_path):
    from hf_emotion.evaluation.report import evaluate_predictions, save_metrics

    result = run("push", "macro_f1", "user/x", "--dry_run")
    assert "macro_f1 is a metric." in result.stdout
    assert "-> space user/x" in result.stdout
    recordings = write_manifest(tmp_path / "recordings")
    result = run("push", recordings, "user/x", "--dry_run", "--licence", "cc-by-4.0")
    assert "is a corpus." in result.stdout
    assert "Nothing was pushed" in result.stdout
    for name in ("a", "b"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        report = evaluate_predictions(random_predictions({"toy": (4, 20)}), num_resamples=10)
        save_metrics(report, tmp_path / "runs" / name / "metrics.json")
    result = run("push", tmp_path / "runs", "user/x", "--dry_run")
    assert "holds results." in result.stdout
    assert "| b | `toy` |" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "user/x"], "There is no folder nowhere, and no metric or corpus of that name"),
        (["macro_f1", "x"], "repo_id='x' is no repository on the Hub; write it as 'owner/name'"),
        (["macro_f1", "user/x", "--licence", "mit"], "--licence says nothing about a metric"),
        (["ravdess", "user/x"], "Say where the archive of ravdess is: --data_dir FOLDER"),
        (["macro_f1", "user/x", "--kind", "model"], "macro_f1 holds no model"),
        ([".", "user/x", "--kind", "adapter"], "holds no adapter"),
    ],
)
def test_mistakes_are_said_in_one_sentence(run, arguments, message):
    result = run("push", *arguments)
    assert result.exit_code == 1
    assert message in " ".join(result.stderr.split())


def test_an_experiment_of_several_steps_names_them(run, model_dir):
    result = run("push", model_dir.parent, "user/x")
    assert result.exit_code == 1
    assert f"Did you mean {model_dir}" in " ".join(result.stderr.split())


def test_there_is_no_option_for_a_token(run):
    assert "--token" not in run("push", "--help").stdout


def test_a_push_says_where_it_is(tmp_path, model_dir):
    with HubDouble(tmp_path) as hub:
        done = hub.start(
            sys.executable, "-m", "hf_emotion", "push", model_dir, "user/x", "--private", "--revision", "next"
        )
        assert done.returncode == 0, done.stderr
        repository = hub.repository("user/x", "models")
        assert f"Pushed: {hub.url}/user/x/commit/{repository.branches['next']}" in done.stdout
        assert repository.private
        assert json.loads(hub.read("user/x", "config.json", "models", "next"))["custom_pipelines"]
