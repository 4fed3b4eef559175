"""`hf-emotion benchmark run`, then table, analysis, layers, export and publish, as the README has them."""

import pytest
import soundfile
import yaml
from PIL import Image
from transformers import pipeline
from typer.testing import CliRunner

from hf_emotion.cli.main import app
from tests.benchmark.tiny_benchmark import write_benchmark
from tests.benchmark.training.toy_grid import write_toy


def run(*arguments) -> str:
    result = CliRunner().invoke(app, ["benchmark", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reader")
    write_benchmark(folder)
    protocol = {
        "kind": "frozen_encoders",
        "seeds": [0, 1],
        "learning_rate": 0.01,
        "settings": [{"name": "CREMA-D", "corpus": "crema_d", "label_folder": "CREMA-D/Primary", "epochs": 2}],
        "systems": [
            {"name": "tiny HuBERT", "encoder": str(folder / "encoders" / "hubert-large")},
            {"name": "FBANK", "model_type": "filter_bank"},
        ],
    }
    (folder / "mine.yaml").write_text(yaml.safe_dump(protocol))
    return folder


@pytest.fixture(scope="module")
def outputs(folder):
    options = ["--corpora_dir", folder / "corpora", "--label_dir", folder / "labels"]
    output = run("run", folder / "mine.yaml", *options, "--output_dir", folder / "outputs")
    assert "Cells trained: 12, finished before: 0" in output
    return folder / "outputs"


def test_what_was_measured_is_shown_in_a_table(folder, outputs):
    shown = run("table", folder / "mine.yaml", outputs)
    assert "tiny HuBERT" in shown
    assert "FBANK" in shown


def test_layers_and_analysis_are_written(outputs, tmp_path):
    run("layers", outputs, "--plot", tmp_path / "layers.png")
    assert Image.open(tmp_path / "layers.png").width > 300
    assert "tiny HuBERT" in run("analysis", outputs)


def test_a_cell_becomes_a_pipeline(outputs, tmp_path, folder):
    cell = ["--system", "tiny HuBERT", "--fold", 1, "--seed", 0]
    run("export", outputs, tmp_path / "model", *cell, "--data_dir", folder / "corpora" / "crema_d")
    classifier = pipeline("audio-classification", str(tmp_path / "model"))
    clip, _ = soundfile.read(folder / "corpora" / "crema_d" / "AudioWAV" / "1001_IEO_ANG_XX.wav", dtype="float32")
    assert {answer["label"] for answer in classifier(clip)} == {"angry", "sad", "neutral"}


def test_a_missing_corpus_is_named_and_ends_in_an_error(folder, tmp_path):
    options = ["--corpora_dir", tmp_path, "--label_dir", folder / "labels", "--output_dir", tmp_path / "out"]
    result = CliRunner().invoke(app, ["benchmark", "run", str(folder / "mine.yaml"), *map(str, options)])
    assert result.exit_code == 1
    assert "Left out: CREMA-D" in result.output


def test_a_protocol_that_trains_runs_by_the_same_command(tmp_path, quiet_training):
    protocol = write_toy(tmp_path)
    options = ["--system", "plain", "--setting", "Alba", "--seed", 0, "--set", "learning_rate=0.001"]
    shown = run("run", protocol, *options, "--output_dir", tmp_path / "out", "--corpora_dir", tmp_path)
    assert "Cells trained: 1, finished before: 0" in shown
    assert "plain" in run("table", protocol, tmp_path / "out")
