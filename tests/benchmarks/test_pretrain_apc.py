"""Pretraining of APC: the loss by hand, padding has no part in it, speakers are kept out, and a model that learns."""

import argparse
import importlib.util
import json
import sys

import datasets
import numpy as np
import pytest
import soundfile
import torch
from transformers import AutoModel

from hf_emotion.models.encoders.apc import ApcConfig, ApcModel


@pytest.fixture(scope="module")
def study(repo_dir):
    path = repo_dir / "benchmarks" / "studies" / "pretrain_apc.py"
    spec = importlib.util.spec_from_file_location("pretrain_apc", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tiny_model():
    torch.manual_seed(0)
    return ApcModel(ApcConfig(hidden_size=16, num_hidden_layers=1)).eval()


@pytest.fixture
def emodb(tmp_path, monkeypatch):
    """Ten speakers with two clips each of a tone that goes up and down, under the file names of EMO-DB."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    generator = np.random.default_rng(0)
    folder = tmp_path / "corpora" / "emodb" / "wav"
    folder.mkdir(parents=True)
    for speaker in ("03", "08", "09", "10", "11", "12", "13", "14", "15", "16"):
        for text in ("a01", "b02"):
            time = np.arange(int(16_000 * generator.uniform(0.6, 1.0))) / 16_000
            tone = np.sin(2 * np.pi * 200 * time + 30 * np.sin(2 * np.pi * 3 * time))
            soundfile.write(
                folder / f"{speaker}{text}Fa.wav", 0.1 * tone + generator.normal(0, 0.01, len(time)), 16_000
            )
    return tmp_path / "corpora"


def test_frames_are_compared_with_those_that_follow(study, tiny_model):
    batch = {"input_values": torch.randn(1, 3200, generator=torch.Generator().manual_seed(0))}
    predicted, future, last, valid = study.predictions(tiny_model, batch, num_future=3)
    frames, _ = tiny_model.extract_features(**batch)
    assert valid.tolist() == [[True] * (frames.shape[1] - 3)]
    assert torch.equal(future[0, 0], frames[0, 3])
    assert torch.equal(last[0, 0], frames[0, 0])
    assert predicted.shape == future.shape


def test_loss_is_the_mean_absolute_difference_of_frames_that_are_no_padding(study):
    predicted, future = torch.zeros(1, 3, 2), torch.tensor([[[1.0, -2.0], [3.0, 0.0], [100.0, 100.0]]])
    valid = torch.tensor([[True, True, False]])
    assert study.mean_absolute_error(predicted, future, valid).item() == 1.5  # (1 + 2 + 3 + 0) / 4


def test_padding_does_not_change_the_loss_of_a_clip(study, tiny_model):
    clip = torch.randn(1, 4000, generator=torch.Generator().manual_seed(0))
    padded = {
        "input_values": torch.nn.functional.pad(clip, (0, 4000)),
        "attention_mask": torch.nn.functional.pad(torch.ones(1, 4000), (0, 4000)),
    }
    alone, together = (study.predictions(tiny_model, batch, 5) for batch in ({"input_values": clip}, padded))
    losses = [study.mean_absolute_error(found[0], found[1], found[3]).item() for found in (alone, together)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_speakers_who_are_kept_out_are_not_trained_on(study, emodb):
    mixture, held_out = study.speech(emodb, ["emodb"])
    training = set(mixture.corpora["emodb"]["speaker_id"][:])
    others = set(held_out["speaker_id"][:])
    assert (len(training), len(others)) == (9, 1)
    assert not training & others


def test_training_beats_both_predictors_without_parameters(study, emodb, tiny_model, one_thread):
    mixture, held_out = study.speech(emodb, ["emodb"])
    options = {
        "num_epochs": 30,
        "max_minutes": 5.0,
        "batch_size": 6,
        "learning_rate": 0.02,
        "num_future": 5,
        "seed": 0,
    }
    epochs = study.pretrain(tiny_model, mixture, held_out, argparse.Namespace(**options))
    assert [epoch["steps"] for epoch in epochs] == [3 * number for number in range(1, 31)]
    assert epochs[-1]["apc"] < 0.9 * min(epochs[-1]["last_frame"], epochs[-1]["clip_mean"])
    assert epochs[0]["last_frame"] == epochs[-1]["last_frame"]


def test_training_ends_when_its_time_is_over(study, emodb, tiny_model):
    mixture, held_out = study.speech(emodb, ["emodb"])
    options = {"num_epochs": 10**6, "max_minutes": 0.02, "batch_size": 6, "learning_rate": 0.01, "num_future": 5}
    epochs = study.pretrain(tiny_model, mixture, held_out, argparse.Namespace(**options, seed=0))
    assert 0 < len(epochs) < 200


def test_script_saves_a_model_that_auto_model_loads_with_its_record(study, emodb, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(study, "ApcConfig", lambda: ApcConfig(hidden_size=16, num_hidden_layers=1))
    output_dir = tmp_path / "apc"
    flags = ["--data_dir", str(emodb), "--corpora", "emodb", "--output_dir", str(output_dir), "--num_epochs", "1"]
    monkeypatch.setattr(sys, "argv", ["pretrain_apc.py", *flags])
    study.main()
    assert isinstance(AutoModel.from_pretrained(output_dir), ApcModel)
    record = json.loads((output_dir / "pretraining.json").read_text())
    assert record["settings"]["num_future"] == 5
    printed = capsys.readouterr().out.splitlines()
    assert printed[-2].split()[3] == f"{record['epochs'][0]['apc']:.4f}"
