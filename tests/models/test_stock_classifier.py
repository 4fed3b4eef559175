"""Classifiers as stock classes: the same logits, or a refusal that names the reason."""

import json
import logging
import subprocess
import sys

import numpy as np
import pytest
import torch
from transformers import HubertForSequenceClassification, SeamlessM4TFeatureExtractor, Wav2Vec2FeatureExtractor
from transformers.models.auto.modeling_auto import MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING

from hf_emotion.models.exhubert import ExHubertConfig, ExHubertForSequenceClassification
from hf_emotion.models.stock_classifier import to_stock_classifier

from .speech_emotion.tiny_encoders import ENCODERS, padded_batch, tiny_model


# encoder -> its stock class, and whether padding changes the logits there
EXPORTED = {
    "hubert-base": ("HubertForSequenceClassification", True),
    "hubert-large": ("HubertForSequenceClassification", False),
    "exhubert": ("HubertForSequenceClassification", False),
    "wav2vec2-base": ("Wav2Vec2ForSequenceClassification", True),
    "wav2vec2-large": ("Wav2Vec2ForSequenceClassification", False),
    "wav2vec2-conformer": ("Wav2Vec2ConformerForSequenceClassification", True),
    "wav2vec2-bert": ("Wav2Vec2BertForSequenceClassification", False),
    "wavlm-base": ("WavLMForSequenceClassification", True),
    "wavlm-large": ("WavLMForSequenceClassification", False),
    "data2vec-audio": ("Data2VecAudioForSequenceClassification", True),
    "unispeech": ("UniSpeechForSequenceClassification", True),
    "unispeech-sat": ("UniSpeechSatForSequenceClassification", False),
}
# encoder and layers -> why its stock class is another classifier
REFUSED = {
    ("sew", "last"): "SEWForSequenceClassification gives other logits .* zeros that fill up the end",
    ("sew", "weighted"): "SEWForSequenceClassification fails on a random clip .* another frame rate",
    ("sew-d", "last"): "SEWDForSequenceClassification gives other logits .* zeros that fill up the end",
    ("sew-d", "weighted"): "SEWDForSequenceClassification fails on a random clip .* another frame rate",
    ("whisper", "last"): "WhisperForAudioClassification gives other logits .* padding up to 30 s",
    ("whisper", "weighted"): "WhisperForAudioClassification gives other logits .* padding up to 30 s",
}
SCRIPT = """
import json, sys
from pathlib import Path
sys.modules["hf_emotion"] = None  # any import of it raises ImportError
import numpy as np, torch
from transformers import AutoModelForAudioClassification, pipeline
torch.set_num_threads(1)
logits, scores = {}, {}
for folder in sorted(Path(sys.argv[1]).iterdir()):
    model = AutoModelForAudioClassification.from_pretrained(folder).eval()
    assert type(model).__module__.startswith("transformers.")
    with torch.no_grad():
        logits[folder.name] = model(**torch.load(folder / "alone.pt")).logits.tolist()
    clip = np.linspace(-1, 1, 16000, dtype=np.float32) ** 3
    found = pipeline("audio-classification", model=str(folder))({"raw": clip, "sampling_rate": 16000})
    scores[folder.name] = {score["label"]: score["score"] for score in found}
print(json.dumps([logits, scores]))
"""
EXTRACTORS = {encoder: Wav2Vec2FeatureExtractor(return_attention_mask=True) for encoder in EXPORTED}
EXTRACTORS["wav2vec2-bert"] = SeamlessM4TFeatureExtractor(feature_size=4, num_mel_bins=4)
LABELS = ["anger", "joy", "sadness"]


def classifier(encoder, **fields):
    """A tiny model without copies, with names for its classes and layers that count unequally."""
    model = tiny_model(encoder, {"num_copies_per_layer": None} if encoder == "exhubert" else None, **fields)
    model.config.id2label = dict(enumerate(LABELS))
    model.config.label2id = {label: index for index, label in enumerate(LABELS)}
    if fields.get("layer_selection") == "weighted":
        with torch.no_grad():
            model.layer_weights.copy_(torch.tensor([0.3, -1.0, 2.0]))
    return model


def test_every_encoder_is_in_one_of_the_tables():
    assert set(EXPORTED) | {encoder for encoder, _ in REFUSED} == set(ENCODERS)


@pytest.mark.parametrize("layers", ["last", "weighted"])
@pytest.mark.parametrize("encoder", EXPORTED)
def test_the_stock_class_has_weights_labels_and_logits_of_the_model(encoder, layers, caplog):
    model = classifier(encoder, layer_selection=layers).train()
    with caplog.at_level(logging.WARNING):
        stock = to_stock_classifier(model)
    name, padding_matters = EXPORTED[encoder]
    assert type(stock).__name__ == name
    assert type(stock).__module__.startswith("transformers.")
    assert ("lets the padding of a batch into its logits" in caplog.text) == padding_matters
    assert model.training
    assert not stock.training
    assert stock.config.use_weighted_layer_sum == (layers == "weighted")
    assert stock.config.classifier_proj_size == 6
    assert [stock.config.id2label[index] for index in range(3)] == LABELS
    assert torch.equal(stock.classifier.weight, model.classifier.weight)
    assert stock.classifier.weight is not model.classifier.weight
    batch, alone = padded_batch(encoder)
    model.eval()
    with torch.no_grad():
        torch.testing.assert_close(stock(**alone).logits, model(**alone).logits, atol=1e-5, rtol=0)
        is_same = torch.allclose(stock(**batch).logits, model(**batch).logits, atol=1e-5, rtol=0)
    assert is_same != padding_matters


@pytest.mark.parametrize(("encoder", "layers"), REFUSED)
def test_a_stock_class_that_computes_something_else_is_refused(encoder, layers):
    with pytest.raises(ValueError, match=REFUSED[encoder, layers]) as error:
        to_stock_classifier(classifier(encoder, layer_selection=layers))
    assert "trust_remote_code=True" in str(error.value)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"head": "mlp"}, "head='mlp'"),
        ({"head": "tanh"}, "head='tanh'"),
        ({"pooling": "mean_std"}, "pooling='mean_std'"),
        ({"pooling": "sum"}, "pooling='sum'"),
        ({"num_frame_layers": 1}, "num_frame_layers=1"),
        ({"problem_type": "regression", "dimension_activation": "sigmoid"}, "dimension_activation='sigmoid'"),
        ({"pooling": "attention"}, "pooling='attention'"),
        ({"layer_selection": 0}, "layer_selection=0"),
        ({"layer_selection": -2}, "layer_selection=-2"),
        ({"layer_selection": "weighted", "normalize_layers": True}, "normalize_layers=True"),
        ({"num_dimensions": 3}, "num_dimensions=3"),
        ({"gender_embedding_size": 4}, "gender_embedding_size=4"),
        ({"text_embedding_size": 5}, "text_embedding_size=5"),
        ({"num_copies_per_layer": [0, 1]}, r"num_copies_per_layer=\[0, 1\]"),
        ({"pooling": "std", "num_dimensions": 1}, "pooling='std', num_dimensions=1"),
    ],
)
def test_what_stock_classes_lack_is_named(fields, named):
    with pytest.raises(ValueError, match=f"know nothing of {named}, .*trust_remote_code=True"):
        to_stock_classifier(classifier("wavlm-large", **fields))


@pytest.mark.parametrize("fields", [{"layer_selection": -1}, {"layer_selection": 2}, {"normalize_layers": True}])
def test_options_that_change_nothing_are_exported(fields):
    model = classifier("wavlm-large", **fields)
    _, alone = padded_batch("wavlm-large")
    torch.testing.assert_close(to_stock_classifier(model)(**alone).logits, model(**alone).logits, atol=1e-5, rtol=0)


def exhubert(**fields):
    torch.manual_seed(0)
    given = {name: value for name, value in ENCODERS["exhubert"].items() if name != "model_type"}
    config = ExHubertConfig(**given | {"num_copies_per_layer": None, "num_labels": 3} | fields)
    return ExHubertForSequenceClassification(config).eval()


@pytest.mark.parametrize(
    "fields",
    [{}, {"use_weighted_layer_sum": True}, {"use_weighted_layer_sum": True, "tie_last_hidden_states": False}],
)
def test_an_exhubert_without_copies_becomes_hubert(fields, tmp_path):
    model = exhubert(**fields, classifier_proj_size=5)
    stock = to_stock_classifier(model)
    assert type(stock) is HubertForSequenceClassification
    stock.save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "config.json").read_text())
    assert saved["model_type"] == "hubert"
    assert not {"num_copies_per_layer", "gate_original_layers", "auto_map"} & set(saved)
    again = HubertForSequenceClassification.from_pretrained(tmp_path).eval()
    _, alone = padded_batch("exhubert")
    torch.testing.assert_close(again(**alone).logits, model(**alone).logits, atol=1e-5, rtol=0)


def test_copies_of_exhubert_are_named():
    for model in (exhubert().expand_blocks(layers=[0]), tiny_model("exhubert")):
        with pytest.raises(ValueError, match=r"num_copies_per_layer=\[1, 0\]"):
            to_stock_classifier(model)


def test_other_models_and_models_without_weights_are_refused():
    with pytest.raises(ValueError, match="the model is a HubertForSequenceClassification. Merge an adapter"):
        to_stock_classifier(to_stock_classifier(exhubert()))
    with torch.device("meta"):
        model = classifier("wavlm-large")
    with pytest.raises(ValueError, match="meta device"):
        to_stock_classifier(model)


def test_an_encoder_without_a_stock_class_is_refused(monkeypatch):
    model = classifier("wavlm-large")
    monkeypatch.setattr(type(MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING), "get", lambda self, key, default: default)
    with pytest.raises(ValueError, match="no audio classifier on a wavlm encoder"):
        to_stock_classifier(model)


def test_half_precision_and_frozen_weights_are_exported_and_the_model_is_left_alone():
    model = classifier("wavlm-large").to(torch.bfloat16)
    model.freeze_encoder()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    stock = to_stock_classifier(model)
    assert {parameter.dtype for parameter in stock.parameters()} == {torch.bfloat16}
    assert torch.equal(stock.projector.weight, model.projector.weight)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in before.items())
    assert not any(parameter.requires_grad for parameter in model.speech_encoder.parameters())


@pytest.fixture(scope="module")
def models():
    """A model of every family that has a stock class, with weighted layers."""
    return {encoder: classifier(encoder, layer_selection="weighted") for encoder in EXPORTED}


@pytest.fixture(scope="module")
def fresh_process(models, tmp_path_factory):
    """Logits of a clip and scores of another through the pipeline, both from a fresh process."""
    root = tmp_path_factory.mktemp("stock_classifier")
    for name, model in models.items():
        folder = root / "models" / name
        to_stock_classifier(model).save_pretrained(folder)
        torch.save(padded_batch(name)[1], folder / "alone.pt")
        EXTRACTORS[name].save_pretrained(folder)
    environment = {"PATH": "", "HF_HUB_OFFLINE": "1", "HF_MODULES_CACHE": str(root / "modules")}
    command = [sys.executable, "-c", SCRIPT, str(root / "models")]
    result = subprocess.run(command, capture_output=True, text=True, cwd=root, env=environment)
    assert result.returncode == 0, result.stderr
    assert not list((root / "models").glob("*/*.py"))
    return json.loads(result.stdout.splitlines()[-1])


@pytest.mark.parametrize("encoder", EXPORTED)
def test_saved_stock_classes_load_in_a_fresh_process_without_the_package(encoder, models, fresh_process):
    with torch.no_grad():
        expected = models[encoder](**padded_batch(encoder)[1]).logits
    torch.testing.assert_close(torch.tensor(fresh_process[0][encoder]), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("encoder", EXPORTED)
def test_their_pipeline_gives_the_scores_of_the_model(encoder, models, fresh_process):
    clip = np.linspace(-1, 1, 16000, dtype=np.float32) ** 3
    with torch.no_grad():
        inputs = EXTRACTORS[encoder](clip, sampling_rate=16000, return_tensors="pt")
        expected = models[encoder](**inputs).logits.softmax(-1)[0]
    found = torch.tensor([fresh_process[1][encoder][label] for label in LABELS])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
