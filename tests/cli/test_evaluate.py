"""`hf-emotion evaluate`."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import yaml

from hf_emotion.data.loading import load_corpus
from hf_emotion.data.splits import split_corpus
from hf_emotion.data.splits.split_info import describe_split
from hf_emotion.evaluation.predictions import load_predictions
from tests.cli.conftest import save_classifier


SPLIT = {"validation_size": 0.2, "test_size": 0.4, "seed": 3}


@pytest.fixture
def arguments(model_dir, corpus_dir, tmp_path):
    """Evaluation of a model that was not trained here."""
    return [
        "evaluate", "--model", model_dir, "--corpora", "manifest", "--data_dir", corpus_dir, "--use_cpu",
        "--cache_dir", tmp_path / "cache",
    ]  # fmt: skip


@pytest.fixture
def trained_dir(model_dir, corpus_dir, tmp_path):
    """The model as a training run on the corpus leaves it: with its experiment and its split on record."""
    folder = shutil.copytree(model_dir, tmp_path / "trained")
    experiment = {
        "config_name": "exhubert",
        "corpora": [{"name": "manifest", "data_dir": str(corpus_dir)}],
        "label_column": "emotion",
        "validation_size": SPLIT["validation_size"],
        "test_size": SPLIT["test_size"],
        "split_seed": SPLIT["seed"],
        "cache_dir": str(tmp_path / "cache"),
        "max_steps": 10,
    }
    (folder / "experiment.yaml").write_text(yaml.safe_dump(experiment))
    parts = split_corpus(load_corpus("manifest", corpus_dir, cache_dir=tmp_path / "cache"), **SPLIT)
    split = {"hash": describe_split(parts, "speaker_independent").hash}
    (folder / "corpora.json").write_text(json.dumps([{"name": "synthetic_duna", "role": "train", "split": split}]))
    return folder, parts


def test_all_parts_are_scored_and_written(run, arguments, tmp_path):
    result = run(*arguments, "--eval_split", "all", "--output_dir", tmp_path / "scores")
    assert result.exit_code == 0, result.stderr
    table = load_predictions(tmp_path / "scores" / "predictions.parquet")
    assert len(table) == 25
    recalls = [
        np.mean(rows["prediction"] == label) for label, rows in table.groupby("label")
    ]  # five utterances of each emotion
    metrics = json.loads((tmp_path / "scores" / "metrics.json").read_text())
    assert metrics["overall"]["uar"] == pytest.approx(np.mean(recalls))
    assert f"synthetic_duna        {100 * np.mean(recalls):.1f} [" in result.stdout
    assert (tmp_path / "scores" / "confusion_matrix_synthetic_duna.png").stat().st_size > 1000


def test_without_output_dir_nothing_is_written(run, arguments, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert run(*arguments).exit_code == 0
    assert list((tmp_path / "here").iterdir()) == []


def test_predictions_are_those_of_predict(run, arguments, model_dir, corpus_dir, tmp_path):
    run(*arguments, "--eval_split", "all", "--output_dir", tmp_path)
    run("predict", corpus_dir, "--model", model_dir, "--format", "csv", "--output", tmp_path / "scores.csv")
    table = load_predictions(tmp_path / "predictions.parquet").set_index("utterance_id")
    scores = pd.read_csv(tmp_path / "scores.csv")
    scores.index = scores["file"].str.extract(r"([^/]+)\.wav$")[0]
    columns = [name for name in table.columns if name.startswith("probability_")]
    assert columns == [name for name in scores.columns if name.startswith("probability_")]
    np.testing.assert_allclose(table[columns], scores.loc[table.index, columns], atol=1e-5)


def test_a_model_trained_here_is_tested_as_in_its_training(run, trained_dir, tmp_path, caplog):
    folder, parts = trained_dir
    result = run("evaluate", "--model", folder, "--use_cpu", "--output_dir", tmp_path / "scores")
    assert result.exit_code == 0, result.stderr
    table = load_predictions(tmp_path / "scores" / "predictions.parquet")
    assert sorted(table["utterance_id"]) == sorted(parts["test"]["utterance_id"])
    assert not caplog.records


@pytest.mark.parametrize(
    ("options", "warning"),
    [
        (["--test_size", "0.2"], "not the split that the model was trained with"),
        (["--eval_split", "all"], "include utterances that the model was trained on"),
    ],
)
def test_scores_on_training_speakers_are_warned_about(options, warning, run, trained_dir, caplog):
    result = run("evaluate", "--model", trained_dir[0], "--use_cpu", *options)
    assert result.exit_code == 0, result.stderr
    assert warning in caplog.text


def test_labels_are_matched_by_meaning(run, arguments, tmp_path):
    arguments[2] = save_classifier(tmp_path / "model", ("sad", "Neutral", "happy", "angry", "fearful"))
    result = run(*arguments, "--eval_split", "all", "--output_dir", tmp_path)
    assert result.exit_code == 0, result.stderr
    assert set(load_predictions(tmp_path / "predictions.parquet")["label"]) == {
        "sadness", "neutral", "happiness", "anger", "fear",
    }  # fmt: skip


def test_labels_that_the_model_does_not_have_are_left_out_and_counted(run, arguments, tmp_path, caplog):
    arguments[2] = save_classifier(tmp_path / "model", ("anger", "sadness"))
    result = run(*arguments, "--eval_split", "all", "--output_dir", tmp_path)
    assert result.exit_code == 0, result.stderr
    assert len(load_predictions(tmp_path / "predictions.parquet")) == 10
    assert "15 of 25 utterances left out: the model has no fear 5, happiness 5, neutral 5." in caplog.text


def test_a_model_with_other_classes_cannot_be_scored(run, arguments, tmp_path):
    arguments[2] = save_classifier(tmp_path / "model", ("LABEL_0", "LABEL_1"))
    result = run(*arguments)
    assert result.exit_code == 1
    assert "None of 5 utterances has a label that the model knows" in result.stderr


def test_a_predictions_table_is_scored_as_it_was(run, arguments, tmp_path):
    scored = run(*arguments, "--eval_split", "all", "--output_dir", tmp_path).stdout
    again = run("evaluate", "--predictions", tmp_path / "predictions.parquet").stdout
    assert scored == f"{again}Written to {tmp_path}\n"


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ([], 1, "either --model DIR_OR_ID or --predictions"),
        (["--model", "{model}", "--predictions", "x.parquet"], 1, "either --model DIR_OR_ID or --predictions"),
        (["--model", "{model}"], 1, "name --corpora and --data_dir"),
        (["--model", "{model}", "--corpora", "emodb", "ravdess", "--data_dir", "x"], 1, "one folder for each corpus"),
        (["--model", "{model}", "--corpus", "emodb"], 2, "unknown argument --corpus"),
    ],
)
def test_arguments_that_cannot_work_are_explained(options, code, message, run, model_dir):
    result = run("evaluate", *(option.format(model=model_dir) for option in options))
    assert result.exit_code == code
    assert message in " ".join(result.stderr.split())
