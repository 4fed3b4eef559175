"""The training script from end to end: two steps on tiny synthetic corpora, what they leave, and running again."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from huggingface_hub import ModelCard
from safetensors.torch import load_file
from transformers import (
    HubertConfig,
    HubertForCTC,
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    pipeline,
)

from hf_emotion.data.audio import load_audio
from hf_emotion.data.loading import load_corpus
from hf_emotion.data.synthetic import generate_synthetic_corpora
from hf_emotion.evaluation.predictions import load_predictions
from hf_emotion.evaluation.report import load_metrics
from hf_emotion.experiment.steps import load_experiment
from hf_emotion.models.exhubert import ExHubertForSequenceClassification
from hf_emotion.scripts import train
from tests.data.fake_audio import write_noise


pytestmark = pytest.mark.usefixtures("quiet_training")


EXPERIMENT = """
config_name: exhubert
config_overrides: {hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 32,
  conv_dim: [8, 8, 8], conv_kernel: [80, 8, 8], conv_stride: [40, 8, 4], do_stable_layer_norm: true,
  feat_extract_norm: layer, num_conv_pos_embeddings: 8, num_conv_pos_embedding_groups: 2, classifier_proj_size: 8,
  mask_time_prob: 0.0, layerdrop: 0.0}
freeze_feature_encoder: false
max_duration_seconds: 0.5
per_device_train_batch_size: 2
learning_rate: 1e-3
max_steps: 4
eval_strategy: steps
eval_steps: 2
save_strategy: steps
save_steps: 2
load_best_model_at_end: true
logging_steps: 1
use_cpu: true
disable_tqdm: true
steps:
  - step_name: mixture
  - step_name: transfer
    label_column: emotion
    expand_num_copies: 1
"""
FILES = {
    "README.md",
    "confusion_matrix_synthetic_duna.png",
    "config.json",
    "corpora.json",
    "environment.json",
    "experiment.yaml",
    "metrics.json",
    "model.safetensors",
    "predictions.parquet",
    "preprocessor_config.json",
    "training_curve.png",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A finished experiment in `<folder>/outputs`."""
    folder = tmp_path_factory.mktemp("experiment")
    corpora = generate_synthetic_corpora(
        folder / "corpora",
        speakers_per_corpus=4,
        utterances_per_emotion=1,
        corpora=["synthetic_alba", "synthetic_brio", "synthetic_duna"],
    )
    entries = {name: {"name": "manifest", "data_dir": str(path)} for name, path in corpora.items()}
    values = yaml.safe_load(EXPERIMENT) | {"output_dir": str(folder / "outputs"), "cache_dir": str(folder / "cache")}
    values["steps"][0]["corpora"] = [entries["synthetic_alba"], entries["synthetic_brio"]]
    values["steps"][1]["corpora"] = [entries["synthetic_duna"]]
    (folder / "experiment.yaml").write_text(yaml.safe_dump(values))
    train.main(["--config", str(folder / "experiment.yaml")])
    return folder


def run(folder, *flags):
    train.main(["--config", str(folder / "experiment.yaml"), *flags])


def modified(folder):
    return {path: path.stat().st_mtime_ns for path in (folder / "outputs").rglob("*") if path.is_file()}


def test_each_step_leaves_its_record(folder):
    for step in ("mixture", "transfer"):
        found = {path.name for path in (folder / "outputs" / step).iterdir()}
        expected = FILES if step == "transfer" else FILES - {"confusion_matrix_synthetic_duna.png"}
        assert expected <= found
        assert {"checkpoint-2", "checkpoint-4"} <= found
        assert ".incomplete" not in found


def test_scores_are_about_the_test_parts(folder):
    report = load_metrics(folder / "outputs" / "mixture" / "metrics.json")
    corpora = json.loads((folder / "outputs" / "mixture" / "corpora.json").read_text())
    sizes = {corpus["name"]: corpus["split"]["sizes"]["test"] for corpus in corpora}
    assert {name: part["num_utterances"] for name, part in report["per_corpus"].items()} == sizes
    table = load_predictions(folder / "outputs" / "mixture" / "predictions.parquet")
    assert table.groupby("corpus").size().to_dict() == sizes
    assert report["overall"]["accuracy"] == (table["label"] == table["prediction"]).mean()


def test_the_second_step_expands_and_transfers_the_model_of_the_first(folder):
    first, second = (
        ExHubertForSequenceClassification.from_pretrained(folder / "outputs" / step)
        for step in ("mixture", "transfer")
    )
    assert (first.config.num_copies_per_layer, second.config.num_copies_per_layer) == (None, [1, 1])
    assert len(first.config.id2label) == 6
    assert list(second.config.id2label.values()) == ["anger", "neutral", "happiness", "fear", "sadness"]
    before, after = first.state_dict(), second.state_dict()
    frozen = [name for name in before if ".layers." in name or ".feature_extractor." in name]
    assert all(torch.equal(before[name], after[name]) for name in frozen)
    assert after["hubert.encoder.layers.0.copies.0.zero_linear.weight"].any()
    assert json.loads((folder / "outputs" / "transfer" / "corpora.json").read_text())[0]["name"] == "synthetic_duna"


def test_the_card_is_about_the_whole_way_of_the_model(folder):
    card = ModelCard.load(folder / "outputs" / "transfer" / "README.md")
    assert (card.data.pipeline_tag, card.data.model_name) == ("audio-classification", "transfer")
    assert {"exhubert", "synthetic-alba", "synthetic-brio", "synthetic-duna"} <= set(card.data.tags)
    assert card.data.base_model is None  # the first step began from scratch
    assert f"`{folder / 'outputs' / 'mixture'}`" in card.content
    assert "synthetic. Spontaneous emotion sounds different" in card.content
    results = {
        result.dataset_name: result for result in card.data.eval_results if result.metric_name.startswith("Unw")
    }
    report = load_metrics(folder / "outputs" / "transfer" / "metrics.json")
    assert results["synthetic_duna"].metric_value == round(report["overall"]["uar"], 4)


def test_the_recorded_experiment_repeats_the_step(folder, tmp_path):
    recorded = folder / "outputs" / "transfer" / "experiment.yaml"
    (step,) = load_experiment(["--config", str(recorded), "--output_dir", str(tmp_path / "again")])
    report = train.run_step(step)
    first, second = (load_predictions(path / "predictions.parquet") for path in (recorded.parent, tmp_path / "again"))
    assert first.equals(second)
    assert report == load_metrics(recorded.parent / "metrics.json")


def test_a_folder_works_in_a_pipeline(folder):
    step = folder / "outputs" / "transfer"
    classifier = pipeline("audio-classification", model=str(step), trust_remote_code=True, device="cpu")
    rows = load_corpus("manifest", folder / "corpora" / "synthetic_duna", cache_dir=folder / "cache")["train"]
    table = load_predictions(step / "predictions.parquet").set_index("utterance_id")
    audio = {row["utterance_id"]: row["audio"] for row in rows}
    assert len(table) == 5
    for utterance_id, expected in table.iterrows():
        for score in classifier({"raw": load_audio(audio[utterance_id]), "sampling_rate": 16_000}, top_k=None):
            np.testing.assert_allclose(score["score"], expected[f"probability_{score['label']}"], atol=1e-4)


SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "conv_dim": (8, 8, 8),
    "conv_kernel": (80, 8, 8),
    "conv_stride": (40, 8, 4),
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
    "feat_extract_norm": "layer",
    "do_stable_layer_norm": True,
    "mask_time_length": 2,
    "vocab_size": 5,
}


def wav2vec2():
    return Wav2Vec2ForCTC(Wav2Vec2Config(**SIZES)), Wav2Vec2FeatureExtractor(return_attention_mask=True)


def hubert():
    return HubertForCTC(HubertConfig(**SIZES)), Wav2Vec2FeatureExtractor(return_attention_mask=True)


def whisper():
    config = WhisperConfig(
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        num_mel_bins=8,
        max_source_positions=50,
        vocab_size=10,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
    )
    return WhisperForConditionalGeneration(config), WhisperFeatureExtractor(feature_size=8, chunk_length=1)


def train_from_checkpoint(folder, tmp_path, make, **options):
    """Train on the corpora of the first step from a saved encoder, with activations recomputed; returns the output."""
    for part in make():
        part.save_pretrained(tmp_path / "encoder")
    values = yaml.safe_load((folder / "experiment.yaml").read_text())
    options |= {
        "model_name_or_path": str(tmp_path / "encoder"),
        "corpora": values["steps"][0]["corpora"],
        "activation_checkpointing": True,
        "output_dir": str(tmp_path / "out"),
        "max_steps": 2,
    }
    values = {
        name: value for name, value in values.items() if name not in ("steps", "config_name", "config_overrides")
    }
    (tmp_path / "experiment.yaml").write_text(yaml.safe_dump(values | options))
    train.main(["--config", str(tmp_path / "experiment.yaml")])
    return tmp_path / "out"


@pytest.mark.parametrize("make", [wav2vec2, whisper])
def test_stock_encoders_train_as_in_the_backbone_selection(folder, tmp_path, make):
    frozen = make is wav2vec2
    out = train_from_checkpoint(folder, tmp_path, make, round_robin_unit="step", freeze_feature_encoder=frozen)
    card = ModelCard.load(out / "README.md")
    assert "| batch size | 2 x 2 accumulated x 1 |" in card.content  # one batch of each corpus
    assert "trust_remote_code" not in card.content
    classifier = pipeline("audio-classification", model=str(out), device="cpu")
    assert len(classifier({"raw": np.zeros(16_000, dtype=np.float32), "sampling_rate": 16_000}, top_k=None)) == 6


@pytest.mark.parametrize("freeze_original_layers", [True, False])
def test_a_hubert_checkpoint_is_expanded_and_trained(folder, tmp_path, freeze_original_layers):
    options = {"expand_num_copies": 2, "freeze_original_layers": freeze_original_layers}
    out = train_from_checkpoint(folder, tmp_path, hubert, freeze_feature_encoder=True, **options)
    model = ExHubertForSequenceClassification.from_pretrained(out)
    assert model.config.num_copies_per_layer == [2, 2]
    before, after = load_file(tmp_path / "encoder" / "model.safetensors"), model.state_dict()
    same = {name for name in before if name in after and torch.equal(before[name], after[name])}
    layers = {name for name in before if ".layers." in name}
    assert {name for name in before if ".feature_extractor." in name} <= same
    assert (layers <= same) is freeze_original_layers
    assert all(model.get_parameter(f"hubert.encoder.layers.1.copies.{n}.zero_linear.weight").any() for n in (0, 1))


class TestRunningAgain:
    def test_it_is_refused_unless_it_shall_resume(self, folder):
        before = modified(folder)
        for flags in ((), ("--resume_from_checkpoint", "false")):
            with pytest.raises(ValueError, match="mixture holds a run already. Continue it with"):
                run(folder, *flags)
        assert modified(folder) == before

    def test_finished_steps_are_skipped(self, folder, capsys):
        before = modified(folder)
        run(folder, "--resume_from_checkpoint", "true")
        assert modified(folder) == before
        assert "transfer: scores on the test parts" in capsys.readouterr().out

    def test_another_experiment_is_refused_by_what_differs(self, folder):
        with pytest.raises(ValueError, match="run of another experiment: learning_rate, seed differ"):
            run(folder, "--resume_from_checkpoint", "true", "--learning_rate", "1e-2", "--seed", "1")

    def test_an_interrupted_step_continues_where_it_was(self, folder):
        step = folder / "outputs" / "transfer"
        weights, losses = (step / "model.safetensors").read_bytes(), losses_of(step)
        for path in step.iterdir():  # as if killed after the second of four optimizer steps
            if path.is_file() and path.name != "experiment.yaml":
                path.unlink()
        shutil.rmtree(step / "checkpoint-4")
        untouched = {path: time for path, time in modified(folder).items() if path.name != "experiment.yaml"}
        run(folder, "--resume_from_checkpoint", "true")
        assert untouched.items() <= modified(folder).items()  # neither the first step nor the first half is run again
        assert (step / "model.safetensors").read_bytes() == weights
        assert losses_of(step) == losses

    def test_a_run_that_has_not_begun_starts_without_a_word(self, folder, tmp_path, capsys):
        flags = ("--resume_from_checkpoint", "true", "--output_dir", str(tmp_path / "new"), "--max_steps", "1")
        run(folder, *flags, "--eval_strategy", "no", "--save_strategy", "no", "--load_best_model_at_end", "false")
        assert (tmp_path / "new" / "transfer" / "README.md").is_file()
        assert "WARNING" not in capsys.readouterr().err


def losses_of(step: Path) -> list[float]:
    state = json.loads((step / "checkpoint-4" / "trainer_state.json").read_text())
    return [entry["loss"] for entry in state["log_history"] if "loss" in entry]


def test_a_dry_run_writes_nothing(folder, tmp_path, capsys):
    run(folder, "--dry_run", "true", "--output_dir", str(tmp_path / "new"))
    assert not (tmp_path / "new").exists()
    report = capsys.readouterr().out
    assert report.count("experiment ") == 2
    assert f"starts from {tmp_path / 'new' / 'mixture'}" in report


class TestRefusals:
    FLAGS = ("--config_name", "exhubert", "--use_cpu", "--report_to", "none")

    def manifest(self, tmp_path, splits):
        lines = ["path,label,split"]
        for number, split in enumerate(splits):
            write_noise(tmp_path / f"{number}.wav")
            lines.append(f"{number}.wav,{('anger', 'joy')[number % 2]},{split}")
        (tmp_path / "manifest.csv").write_text("\n".join(lines))
        (tmp_path / "x.yaml").write_text(f"corpora: [{{name: manifest, data_dir: {tmp_path}}}]\n")
        return ("--config", str(tmp_path / "x.yaml"), "--output_dir", str(tmp_path / "out"), *self.FLAGS)

    def test_without_test_utterances_nothing_is_trained(self, tmp_path):
        with pytest.raises(ValueError, match="No corpus has a labelled test utterance"):
            train.main(self.manifest(tmp_path, ["train"] * 4 + ["validation"] * 2))

    def test_a_model_that_is_not_there_yet_is_named(self, tmp_path):
        flags = self.manifest(tmp_path, ["train"] * 4 + ["test"] * 2)
        with pytest.raises(FileNotFoundError, match="no folder outputs/not/there to start from.*run that first"):
            train.main([*flags, "--model_name_or_path", "outputs/not/there"])
