"""Adapters in experiments: the adapter is trained, resumed and saved, and the run folder holds a plain classifier."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file
from transformers import AutoModelForAudioClassification, pipeline

from hf_emotion.adapters import load_adapted_classifier
from hf_emotion.data.audio import load_audio
from hf_emotion.data.synthetic import generate_synthetic_corpora
from hf_emotion.evaluation.predictions import load_predictions
from hf_emotion.experiment.check import check_experiment
from hf_emotion.experiment.steps import load_experiment
from hf_emotion.recognition import load_recognizer
from hf_emotion.scripts import train
from tests.scripts.test_train import EXPERIMENT


pytestmark = pytest.mark.usefixtures("quiet_training")


pytest.importorskip("peft")


@pytest.fixture(scope="module")
def values(tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapters")
    names = ["synthetic_alba", "synthetic_duna"]
    corpora = generate_synthetic_corpora(
        folder / "corpora", speakers_per_corpus=4, utterances_per_emotion=1, corpora=names
    )
    values = yaml.safe_load(EXPERIMENT) | {"output_dir": str(folder / "outputs"), "cache_dir": str(folder / "cache")}
    for step, name in zip(values["steps"], names, strict=True):
        step["corpora"] = [{"name": "manifest", "data_dir": str(corpora[name])}]
    del values["steps"][1]["expand_num_copies"]
    values["steps"][1] |= {"adapter": "lora", "adapter_options": {"r": 4}}
    return values


def run(values, folder, *flags):
    (folder / "experiment.yaml").write_text(yaml.safe_dump(values))
    train.main(["--config", str(folder / "experiment.yaml"), *flags])
    return Path(values["output_dir"]) / "transfer"


@pytest.fixture(scope="module")
def trained(values, tmp_path_factory):
    return run(values, tmp_path_factory.mktemp("yaml"))


def weights(model):
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def test_the_run_folder_holds_the_merged_model_and_the_adapter_beside_it(trained):
    merged = AutoModelForAudioClassification.from_pretrained(trained, trust_remote_code=True)
    adapter = load_adapted_classifier(trained / "adapter")
    torch.manual_seed(0)
    speech = torch.randn(2, 8000)
    with torch.no_grad():
        expected = merged.eval()(speech).logits
        torch.testing.assert_close(adapter(speech).logits, expected, rtol=0, atol=1e-5)
    assert (trained / "adapter" / "adapter_model.safetensors").stat().st_size < 60_000


def test_adapter_and_merged_model_recognise_the_same(trained):
    clip = np.random.default_rng(0).standard_normal(8000).astype(np.float32)
    of_adapter, of_run = (load_recognizer(path)(clip) for path in (trained / "adapter", trained))
    assert [row["label"] for row in of_adapter["scores"]] == [row["label"] for row in of_run["scores"]]
    scores = [row["score"] for row in of_run["scores"]]
    assert [row["score"] for row in of_adapter["scores"]] == pytest.approx(scores, abs=1e-5)


def test_only_query_key_value_and_head_differ_from_the_model_it_started_from(trained):
    before = weights(
        AutoModelForAudioClassification.from_pretrained(trained.parent / "mixture", trust_remote_code=True)
    )
    after = weights(AutoModelForAudioClassification.from_pretrained(trained, trust_remote_code=True))
    changed = {name for name in before if name in after and before[name].shape == after[name].shape
               and not torch.equal(before[name], after[name])}  # fmt: skip
    encoder = {name for name in changed if name.startswith("hubert.")}
    assert encoder
    assert all(name.split(".")[-2] in ("q_proj", "k_proj", "v_proj") for name in encoder)


def test_predictions_of_the_run_are_those_of_the_merged_model(values, trained):
    table = load_predictions(trained / "predictions.parquet")
    classifier = pipeline("audio-classification", model=str(trained), trust_remote_code=True)
    first = table.iloc[0]
    clip = Path(values["steps"][1]["corpora"][0]["data_dir"], "audio", f"{first['utterance_id']}.wav")
    scores = {score["label"]: score["score"] for score in classifier(load_audio(clip))}
    assert scores == pytest.approx({label: first[f"probability_{label}"] for label in scores}, abs=1e-4)


def test_a_resumed_run_ends_with_the_same_adapter(values, trained, tmp_path):
    uninterrupted = load_file(trained / "adapter" / "adapter_model.safetensors")
    shutil.rmtree(trained / "adapter")
    shutil.rmtree(trained / "checkpoint-4")
    (trained / "metrics.json").unlink()
    run(values, tmp_path, "--resume_from_checkpoint", "true")
    resumed = load_file(trained / "adapter" / "adapter_model.safetensors")
    assert set(resumed) == set(uninterrupted)
    assert all(torch.equal(resumed[name], value) for name, value in uninterrupted.items())


def load_first_step(values, folder):
    (folder / "experiment.yaml").write_text(yaml.safe_dump(values))
    return load_experiment(["--config", str(folder / "experiment.yaml")])[0]


def test_the_dry_run_counts_what_is_trained(values, tmp_path):
    first = values["steps"][0]
    lines = {}
    for adapter in (None, "head_only"):
        step = load_first_step(values | {"steps": [first | {"adapter": adapter}]}, tmp_path)
        lines[adapter] = next(line for line in check_experiment(step).splitlines() if line.startswith("parameters"))
    assert lines[None].split("M,")[0] == lines["head_only"].split("M,")[0]
    assert lines["head_only"].endswith(" 0.00 M trained")


def test_options_without_a_method_are_refused(values, tmp_path):
    with pytest.raises(ValueError, match="need an `adapter`, for example lora"):
        load_first_step(values | {"steps": [values["steps"][0] | {"adapter_options": {"r": 4}}]}, tmp_path)
