"""`hf-emotion ensemble`, on runs that the training script left."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import yaml

from hf_emotion.data.loading import load_corpus
from hf_emotion.data.synthetic import generate_synthetic_corpora
from hf_emotion.ensembles.ensemble import load_ensemble
from hf_emotion.evaluation.predictions import load_predictions
from hf_emotion.run_record import is_finished
from hf_emotion.scripts import train


pytestmark = pytest.mark.usefixtures("quiet_training")


EXPERIMENT = """
config_name: exhubert
config_overrides: {hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 32,
  conv_dim: [8, 8, 8], conv_kernel: [80, 8, 8], conv_stride: [40, 8, 4], do_stable_layer_norm: true,
  feat_extract_norm: layer, num_conv_pos_embeddings: 8, num_conv_pos_embedding_groups: 2, classifier_proj_size: 8,
  mask_time_prob: 0.0, layerdrop: 0.0, initializer_range: 0.2}
freeze_feature_encoder: false
label_column: emotion
max_steps: 3
learning_rate: 1e-2
per_device_train_batch_size: 4
validation_size: 0.3
save_strategy: "no"
use_cpu: true
disable_tqdm: true
"""
NAMES = ("seed_0", "seed_1", "seed_2")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Three runs that differ in their seed, below a folder that also holds their corpus."""
    folder = tmp_path_factory.mktemp("trained")
    corpora = generate_synthetic_corpora(
        folder / "corpora", speakers_per_corpus=6, utterances_per_emotion=1, corpora=["synthetic_duna"]
    )
    values = yaml.safe_load(EXPERIMENT) | {"cache_dir": str(folder / "cache")}
    values["corpora"] = [{"name": "manifest", "data_dir": str(corpora["synthetic_duna"])}]
    for seed, name in enumerate(NAMES):
        config = folder / f"{name}.yaml"
        config.write_text(yaml.safe_dump(values | {"output_dir": str(folder / name), "seed": seed}))
        train.main(["--config", str(config)])
    return folder


@pytest.fixture
def runs(trained, tmp_path):
    """Copies of the runs, which the command may write to."""
    return [shutil.copytree(trained / name, tmp_path / name) for name in NAMES]


def write_tables(folder, run):
    """The tables of a finished run under names of one's own."""
    folder.mkdir(parents=True)
    shutil.copy(run / "predictions.parquet", folder / "test.parquet")
    shutil.copy(run / "validation_predictions.parquet", folder / "validation.parquet")
    return ["--validation_predictions", folder / "validation.parquet", "--test_predictions", folder / "test.parquet"]


def test_runs_become_one_classifier(run, runs, trained, tmp_path):
    result = run("ensemble", *runs, "--output_dir", tmp_path / "sum", "--use_cpu")
    assert result.exit_code == 0, result.stderr
    assert is_finished(tmp_path / "sum")
    record = json.loads((tmp_path / "sum" / "ensemble.json").read_text())
    assert [entry["path"] for entry in record["members"]] == [f"../{name}" for name in NAMES]
    scores = record["scores"]["validation"]
    best = min(part["log_loss"] for part in scores["members"].values())
    assert scores["methods"]["weighted"]["log_loss"] <= best
    recorded = json.loads((trained / NAMES[0] / "corpora.json").read_text())
    for entry in record["members"]:
        assert entry["split_hashes"] == {use["name"]: use["split"]["hash"] for use in recorded}
    assert json.loads((tmp_path / "sum" / "corpora.json").read_text())[0]["name"] == "synthetic_duna"

    lines = result.stdout.splitlines()
    first_words = {line.split()[0] for line in lines if line.strip()}
    assert {*NAMES, "weighted", "greedy", "mean", "vote"} <= first_words
    marked = [line.split()[0] for line in lines if line.split()[1:2] == ["*"]]
    assert marked == ["weighted"]
    assert any(line.split()[:2] == ["seed_0", "seed_1"] for line in lines)  # diversity
    assert f"Written to {tmp_path}/sum" in lines


def test_its_predictions_are_those_of_the_loaded_ensemble(run, runs, trained, tmp_path):
    assert run("ensemble", *runs, "--output_dir", tmp_path / "sum", "--method", "mean").exit_code == 0
    table = load_predictions(tmp_path / "sum" / "predictions.parquet").set_index("utterance_id")
    (corpus,) = (trained / "corpora").iterdir()
    rows = load_corpus("manifest", corpus, cache_dir=trained / "cache")["train"]
    audio = {row["utterance_id"]: row["audio"] for row in rows if row["utterance_id"] in table.index}
    answers = load_ensemble(tmp_path / "sum")(list(audio.values()), batch_size=4)
    assert len(answers) == len(table) > 0
    for utterance_id, answer in zip(audio, answers, strict=True):
        for score in answer["scores"]:
            expected = table.loc[utterance_id, f"probability_{score['label']}"]
            assert score["score"] == pytest.approx(expected, abs=1e-4)


def test_predict_takes_the_folder(run, runs, trained, tmp_path):
    assert run("ensemble", *runs[:2], "--output_dir", tmp_path / "sum", "--method", "mean").exit_code == 0
    (corpus,) = (trained / "corpora").iterdir()
    tables = []
    for number, name in enumerate((runs[0], runs[1], tmp_path / "sum")):
        scores = tmp_path / f"{number}.csv"
        result = run("predict", corpus, "--model", name, "--format", "csv", "--output", scores)
        assert result.exit_code == 0, result.stderr
        tables.append(pd.read_csv(scores).filter(like="probability_"))
    assert len(tables[2]) == 30
    np.testing.assert_allclose(tables[2], (tables[0] + tables[1]) / 2, atol=1e-5)


def test_validation_predictions_that_are_missing_are_made_once_and_kept(run, runs, tmp_path):
    written_by_training = load_predictions(runs[0] / "validation_predictions.parquet")
    for folder in runs:
        (folder / "validation_predictions.parquet").unlink()
    first = run("ensemble", *runs, "--output_dir", tmp_path / "one")
    assert first.stdout.count("Predicted the validation parts") == 3
    table = load_predictions(runs[0] / "validation_predictions.parquet")
    pd.testing.assert_frame_equal(table, written_by_training, atol=1e-5)
    recorded = json.loads((runs[0] / "corpora.json").read_text())[0]["split"]
    assert len(table) == recorded["sizes"]["validation"]
    second = run("ensemble", *runs, "--output_dir", tmp_path / "two")
    assert "Predicted" not in second.stdout
    records = [json.loads((tmp_path / name / "ensemble.json").read_text()) for name in ("one", "two")]
    assert records[0] == records[1]


def test_tables_of_predictions_are_members(run, runs, tmp_path):
    assert run("ensemble", *runs, "--output_dir", tmp_path / "sum").exit_code == 0
    options = [option for path in runs for option in write_tables(tmp_path / "tables" / path.name, path)]
    result = run("ensemble", *options, "--output_dir", tmp_path / "of_tables")
    assert result.exit_code == 0, result.stderr
    found, expected = (
        json.loads((tmp_path / name / "ensemble.json").read_text())["members"] for name in ("of_tables", "sum")
    )
    assert [entry["name"] for entry in found] == [f"{name}/test" for name in NAMES]
    assert [entry["weight"] for entry in found] == [entry["weight"] for entry in expected]


def test_runs_of_other_splits_are_refused(run, runs, trained, tmp_path):
    train.main(
        ["--config", str(trained / "seed_0.yaml"), "--split_seed", "5", "--output_dir", str(tmp_path / "other")]
    )
    result = run("ensemble", runs[0], tmp_path / "other", "--output_dir", tmp_path / "sum")
    assert result.exit_code == 1
    assert "seed_0 and other differ in their validation utterances" in result.stderr
    assert not (tmp_path / "sum").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Name the members"),
        (["{run}", "{run}"], "is named twice"),
        (["{run}", "--test_predictions", "x.parquet"], "0 --validation_predictions and 1 --test_predictions"),
        (["{run}/.."], "Did you mean"),
        (["{run}", "--objective", "macro_f1"], "Use method 'greedy'"),
        (["{run}", "--output_dir", "{run}"], "holds a run already"),
    ],
)
def test_arguments_that_cannot_work_are_explained(arguments, message, run, runs, tmp_path):
    words = [argument.format(run=runs[0]) for argument in arguments]
    result = run("ensemble", "--output_dir", tmp_path / "sum", *words)
    assert result.exit_code == 1
    assert message in result.stderr
