"""A temperature written into a model: the same probabilities as dividing its logits, for every class and layout."""

import doctest
import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from huggingface_hub import ModelCard
from torch import nn
from transformers import (
    ASTConfig,
    ASTForAudioClassification,
    AutoModelForAudioClassification,
    HubertConfig,
    HubertForSequenceClassification,
    Wav2Vec2FeatureExtractor,
    WavLMConfig,
    WavLMForSequenceClassification,
    WhisperConfig,
    WhisperForAudioClassification,
)

from hf_emotion.cards.model_card import RunFacts, build_model_card
from hf_emotion.ensembles.ensemble import build_ensemble, load_ensemble, load_member
from hf_emotion.evaluation import calibrated_model
from hf_emotion.evaluation.calibrated_model import apply_temperature, save_calibrated_model
from hf_emotion.evaluation.predictions import load_predictions
from hf_emotion.evaluation.report import evaluate_predictions, load_metrics, save_metrics
from hf_emotion.models.exhubert import ExHubertConfig, ExHubertForSequenceClassification
from hf_emotion.models.loading import load_model_and_extractor
from hf_emotion.recognition import load_recognizer
from tests.models.speech_emotion.tiny_encoders import ENCODERS, tiny_model
from tests.prediction_tables import CLASSES, random_predictions


TINY = {
    "hidden_size": 16,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "intermediate_size": 24,
    "conv_dim": (8, 8),
    "conv_kernel": (10, 8),
    "conv_stride": (5, 8),
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
    "classifier_proj_size": 12,
    "initializer_range": 0.5,
    "id2label": dict(enumerate(CLASSES)),
    "label2id": {name: index for index, name in enumerate(CLASSES)},
}
WHISPER = {name: value for name, value in ENCODERS["whisper"].items() if name != "model_type"}
LABELS = {name: TINY[name] for name in ("id2label", "label2id")}


class OutProjHead(nn.Module):
    """A head of the kind that RoBERTa and audEERING's models have."""

    def __init__(self, size: int, num_labels: int):
        super().__init__()
        self.dense, self.out_proj = nn.Linear(size, size), nn.Linear(size, num_labels, bias=False)

    def forward(self, pooled):
        return self.out_proj(torch.tanh(self.dense(pooled)))


def with_out_proj():
    model = WavLMForSequenceClassification(WavLMConfig(**TINY))
    model.classifier = OutProjHead(12, len(CLASSES))
    return model


MODELS = {
    "exhubert": lambda: ExHubertForSequenceClassification(ExHubertConfig(**TINY)).expand_blocks(init="random"),
    "hubert": lambda: HubertForSequenceClassification(HubertConfig(**TINY)),
    "wavlm, out_proj": with_out_proj,
    "whisper": lambda: WhisperForAudioClassification(WhisperConfig(**WHISPER, **LABELS, init_std=0.5)),
}


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def test_documentation_examples_run():
    assert doctest.testmod(calibrated_model).failed == 0


@pytest.mark.parametrize("temperature", [0.3, 2.5])
@pytest.mark.parametrize("name", MODELS)
def test_probabilities_are_those_of_divided_logits(name, temperature):
    model = MODELS[name]().eval()
    batch = torch.randn(3, 8, 60) if name == "whisper" else torch.randn(3, 1600)
    with torch.no_grad():
        before = model(batch).logits
        after = apply_temperature(model, temperature)(batch).logits
    expected = (before / temperature).softmax(-1)
    assert (expected - before.softmax(-1)).abs().max() > 1e-3
    torch.testing.assert_close(after.softmax(-1), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("head", ["linear", "mlp", "tanh"])
def test_dimensions_of_a_speech_emotion_model_stay_as_they_are(head):
    model = tiny_model("wavlm-large", head=head, num_dimensions=2).eval()
    batch = torch.randn(2, 1600)
    with torch.no_grad():
        before = model(batch)
        after = apply_temperature(model, 4.0)(batch)
    torch.testing.assert_close(after.logits.softmax(-1), (before.logits / 4).softmax(-1), atol=1e-6, rtol=0)
    assert torch.equal(after.dimensions, before.dimensions)


@pytest.mark.parametrize("problem", ["regression", "multi_label_classification"])
def test_outputs_without_a_softmax_are_refused(problem):
    model = HubertForSequenceClassification(HubertConfig(**TINY, problem_type=problem))
    before = model.classifier.weight.clone()
    with pytest.raises(ValueError, match=f"problem_type='{problem}'.*belongs to the softmax"):
        apply_temperature(model, 2.0)
    assert torch.equal(model.classifier.weight, before)


def test_a_single_output_is_refused():
    with pytest.raises(ValueError, match=r"1 output\(s\)"):
        apply_temperature(HubertForSequenceClassification(HubertConfig(**{**TINY, "id2label": {0: "x"}})), 2.0)


def test_unknown_layouts_are_refused():
    config = ASTConfig(hidden_size=16, num_attention_heads=2, num_hidden_layers=1, intermediate_size=16, **LABELS)
    with pytest.raises(ValueError, match="a `classifier` of type ASTMLPHead.*divide the logits of other models"):
        apply_temperature(ASTForAudioClassification(config), 2.0)


def test_layers_that_compute_more_than_a_product_are_refused():
    peft = pytest.importorskip("peft")
    model = HubertForSequenceClassification(HubertConfig(**TINY))
    adapted = peft.inject_adapter_in_model(peft.LoraConfig(target_modules=["classifier"]), model)
    with pytest.raises(ValueError, match="Merge an adapter first"):
        apply_temperature(adapted, 2.0)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("inf"), float("nan")])
def test_a_temperature_that_is_not_positive_is_refused(temperature):
    with pytest.raises(ValueError, match="must be a positive number"):
        apply_temperature(HubertForSequenceClassification(HubertConfig(**TINY)), temperature)


@pytest.fixture
def tables():
    return (
        random_predictions({"held_out": (6, 200)}, seed=1, sharpness=3.0),
        random_predictions({"one": (6, 200), "two": (4, 80)}, seed=2, sharpness=3.0),
    )


@pytest.fixture
def run_dir(tmp_path, tables):
    """A finished run: model, extractor, metrics, corpora and card."""
    folder = tmp_path / "overconfident"
    MODELS["exhubert"]().save_pretrained(folder)
    Wav2Vec2FeatureExtractor(return_attention_mask=True).save_pretrained(folder)
    report = evaluate_predictions(tables[1], seed=7)
    save_metrics(report, folder / "metrics.json")
    corpora = [{"name": "one", "title": "The One", "licence": "cc0-1.0"}, {"name": "two"}]
    (folder / "corpora.json").write_text(json.dumps(corpora))
    (folder / "experiment.yaml").write_text("learning_rate: 1\n")
    (folder / "confusion_matrix_one.png").write_bytes(b"a figure")
    facts = RunFacts("overconfident", CLASSES, corpora=corpora, report=report, training={"steps": 11})
    build_model_card(facts).save(folder / "README.md")
    return folder


def probabilities(folder, batch):
    model, _ = load_model_and_extractor(str(folder))
    with torch.no_grad():
        return model(batch).logits


def test_the_saved_model_is_calibrated_and_everything_says_so(run_dir, tables, tmp_path):
    record = save_calibrated_model(run_dir, tmp_path / "modest", *tables)
    temperature, batch = record["temperature"], torch.randn(2, 1600)
    assert temperature > 1.5
    before, after = probabilities(run_dir, batch), probabilities(tmp_path / "modest", batch)
    torch.testing.assert_close(after.softmax(-1), (before / temperature).softmax(-1), atol=1e-6, rtol=0)

    assert load_metrics(tmp_path / "modest" / "calibration.json") == record
    assert record["applied"] == {"model": "overconfident", "total_temperature": temperature}
    report = load_metrics(tmp_path / "modest" / "metrics.json")
    assert report == evaluate_predictions(load_predictions(tmp_path / "modest" / "predictions.parquet"), seed=7)
    assert report["overall"]["ece"] == pytest.approx(record["test"]["after"]["ece"])
    assert (tmp_path / "modest" / "validation_predictions.parquet").is_file()
    assert (tmp_path / "modest" / "confusion_matrix_one.png").is_file()
    assert (tmp_path / "modest" / "experiment.yaml").read_text() == "learning_rate: 1\n"


def test_the_card_shows_the_scores_of_the_calibrated_model(run_dir, tables, tmp_path):
    record = save_calibrated_model(run_dir, tmp_path / "modest", *tables)
    report = load_metrics(tmp_path / "modest" / "metrics.json")
    card = ModelCard.load(tmp_path / "modest" / "README.md")
    values = {(item.dataset_name, item.metric_type): item.metric_value for item in card.data.eval_results}
    for title, name in (("The One", "one"), ("two", "two")):
        part = report["per_corpus"][name]
        assert values[title, "expected_calibration_error"] == pytest.approx(part["ece"], abs=5e-5)
        assert values[title, "recall"] == pytest.approx(part["uar"], abs=5e-5)
        assert f"| {100 * part['eer']:.1f} | {100 * part['ece']:.1f} |" in card.text
    assert f"divided by the temperature {record['temperature']:.4f}, fitted on 200 validation utterances" in card.text
    assert "before calibration." not in card.text
    assert "| steps | 11 |" in card.text  # what the run's card says stays
    assert 'model="modest"' in card.text
    assert "overconfident" not in card.text
    assert card.text.index("## Calibration") < card.text.index("## Limitations")
    assert card.data.model_name == "modest"


def test_scores_of_other_utterances_do_not_replace_those_of_the_card(run_dir, tables, tmp_path):
    save_calibrated_model(run_dir, tmp_path / "modest", tables[0], tables[1].iloc[1:])
    card = ModelCard.load(tmp_path / "modest" / "README.md")
    assert {item.metric_type for item in card.data.eval_results} == {"recall", "f1", "accuracy"}
    assert "ECE and EER in the text above, if any, are those before calibration." in card.text


def test_without_test_predictions_there_are_no_metrics(run_dir, tables, tmp_path):
    record = save_calibrated_model(run_dir, tmp_path / "modest", tables[0])
    assert "test" not in record
    assert not (tmp_path / "modest" / "metrics.json").exists()
    assert "| score | validation, before | validation, after |" in (tmp_path / "modest" / "README.md").read_text()


def test_a_temperature_that_cannot_be_trusted_is_marked(run_dir, tables, tmp_path):
    right = tables[0].assign(label=tables[0]["prediction"])
    assert save_calibrated_model(run_dir, tmp_path / "sure", right)["is_at_bound"]
    assert "do not rely on the probabilities" in (tmp_path / "sure" / "README.md").read_text()


def test_a_model_without_a_card_gets_one(run_dir, tables, tmp_path):
    (run_dir / "README.md").unlink()
    save_calibrated_model(run_dir, tmp_path / "modest model", *tables)
    text = (tmp_path / "modest model" / "README.md").read_text()
    assert "# modest-model" in text
    assert "## Calibration" in text


def test_a_stock_model_loads_with_transformers_alone(tables, tmp_path):
    HubertForSequenceClassification(HubertConfig(**TINY)).save_pretrained(tmp_path / "stock")
    Wav2Vec2FeatureExtractor(return_attention_mask=False).save_pretrained(tmp_path / "stock")
    record = save_calibrated_model(tmp_path / "stock", tmp_path / "modest", *tables)
    extractors = [
        json.loads((tmp_path / name / "preprocessor_config.json").read_text()) for name in ("stock", "modest")
    ]
    assert extractors[0] == extractors[1]
    batch = torch.randn(2, 1600)
    models = [AutoModelForAudioClassification.from_pretrained(tmp_path / name).eval() for name in ("stock", "modest")]
    with torch.no_grad():
        before, after = (model(batch).logits for model in models)
    torch.testing.assert_close(after, before / record["temperature"])


def test_calibrated_models_can_be_members_of_an_ensemble_that_runs(run_dir, tables, tmp_path):
    save_calibrated_model(run_dir, tmp_path / "modest", *tables)
    twin = shutil.copytree(tmp_path / "modest", tmp_path / "twin")
    members = [load_member(tmp_path / "modest"), load_member(twin)]
    build_ensemble(members, tmp_path / "both", method="mean")
    audio = np.random.default_rng(0).normal(size=1600).astype(np.float32)
    answer, alone = load_ensemble(tmp_path / "both")(audio), load_recognizer(tmp_path / "modest")(audio)
    assert answer["label"] == alone["label"]
    assert answer["score"] == pytest.approx(alone["score"])


def test_temperatures_multiply_only_if_that_is_meant(run_dir, tables, tmp_path):
    first = save_calibrated_model(run_dir, tmp_path / "once", *tables)
    again = [
        load_predictions(tmp_path / "once" / name)
        for name in ("validation_predictions.parquet", "predictions.parquet")
    ]
    with pytest.raises(ValueError, match="carries the temperature .* already .*'overconfident'.*--allow_repeated"):
        save_calibrated_model(tmp_path / "once", tmp_path / "twice", *again)
    second = save_calibrated_model(tmp_path / "once", tmp_path / "twice", *again, allow_repeated=True)
    assert second["temperature"] == pytest.approx(1, abs=1e-4)  # nothing is left to do
    assert second["applied"]["total_temperature"] == first["temperature"] * second["temperature"]


def test_a_report_beside_an_uncalibrated_model_is_no_obstacle(run_dir, tables, tmp_path):
    save_metrics({"temperature": 2.0}, run_dir / "calibration.json")
    record = save_calibrated_model(run_dir, tmp_path / "modest", *tables)
    assert record["applied"]["total_temperature"] == record["temperature"]


def test_ensembles_are_refused_with_what_to_do(run_dir, tables, tmp_path):
    (run_dir / "ensemble.json").write_text("{}")
    with pytest.raises(ValueError, match="no weights of its own. Calibrate its members"):
        save_calibrated_model(run_dir, tmp_path / "modest", *tables)


def test_predictions_of_another_model_are_refused(run_dir, tmp_path):
    other = random_predictions({"held_out": (6, 60)}, classes=["x", "y"])
    with pytest.raises(ValueError, match="they come from another model"):
        save_calibrated_model(run_dir, tmp_path / "modest", other)
    assert not (tmp_path / "modest").exists()


def test_a_folder_that_holds_something_is_not_written_to(run_dir, tables):
    with pytest.raises(ValueError, match="is not empty"):
        save_calibrated_model(run_dir, run_dir, *tables)


def test_predicted_classes_stay(run_dir, tables, tmp_path):
    save_calibrated_model(run_dir, tmp_path / "modest", *tables)
    found = load_predictions(tmp_path / "modest" / "predictions.parquet")
    pd.testing.assert_series_equal(found["prediction"], tables[1]["prediction"])
    np.testing.assert_allclose(found.filter(like="probability_").sum(axis=1), 1)
