"""The Odyssey 2024 baselines against the formulas of the challenge's code."""

import numpy as np
import pytest
import torch
from transformers import pipeline

from hf_emotion.adapters import add_adapter, load_adapted_classifier
from hf_emotion.models.loading import convert_checkpoint, load_model
from hf_emotion.models.published.odyssey import OdysseyBaseline

from .checkpoint_case import assert_refused_by_name, encoder_weights, random_weights, save_checkpoint
from .tiny_heads import (
    SIZE,
    assert_batch_equals_clips,
    assert_reloads_bit_equal,
    assert_trains,
    clips,
    converted,
    encoder_fields,
    encoder_of,
)


MEAN, STD = 0.02, 0.084855
CLASSES = ["Angry", "Sad", "Happy", "Surprise", "Fear", "Disgust", "Contempt", "Neutral"]
VARIANTS = {"Categorical": CLASSES, "Multi-Attributes": ["arousal", "dominance", "valence"], "Valence": ["valence"]}


def head_shapes(num_outputs, num_layers=1):
    shapes = {
        "pool_model.sap_linear.weight": (SIZE, SIZE),
        "pool_model.sap_linear.bias": (SIZE,),
        "pool_model.attention": (SIZE, 1),
    }
    for index in range(num_layers):
        inputs = SIZE if index else 2 * SIZE
        shapes |= {f"ser_model.fc.{index}.0.weight": (SIZE, inputs), f"ser_model.fc.{index}.0.bias": (SIZE,)}
        shapes |= {f"ser_model.fc.{index}.1.weight": (SIZE,), f"ser_model.fc.{index}.1.bias": (SIZE,)}
    return shapes | {"ser_model.out.0.weight": (num_outputs, SIZE), "ser_model.out.0.bias": (num_outputs,)}


def published(names=CLASSES, num_layers=1, **fields):
    """Encoder, weights and config.json of a checkpoint."""
    config = {
        "architectures": ["SERModel"],
        "model_type": "ser",
        "ssl_type": "microsoft/wavlm-large",
        "auto_map": {"AutoModelForAudioClassification": "pipeline_utils.SERModel"},
        "num_classes": len(names),
        "hidden_size": SIZE,
        "num_attention_heads": 16,
        "num_hidden_layers": 24,
        "classifier_hidden_layers": num_layers,
        "classifier_dropout_prob": 0.5,
        "id2label": {str(index): name for index, name in enumerate(names)},
        "label2id": {name: index for index, name in enumerate(names)},
        "mean": MEAN,
        "std": STD,
        "sampling_rate": 16000,
        **fields,
    }
    encoder = encoder_of(encoder_fields("wavlm"))
    head = random_weights(head_shapes(len(names), num_layers))
    return encoder, encoder_weights(encoder, "ssl_model.") | head, config


def reference(encoder, weights, waveforms, num_layers=1, num_samples=None):
    """Attentive statistics of the valid frames, hidden layers with layer norm and ReLU, an output layer."""
    waveforms = (waveforms - MEAN) / (STD + 0.000001)
    mask = None
    num_frames = [None] * len(waveforms)
    if num_samples is not None:
        mask = (torch.arange(waveforms.shape[1]) < torch.tensor(num_samples)[:, None]).long()
        waveforms = waveforms * mask
        num_frames = encoder._get_feat_extract_output_lengths(torch.tensor(num_samples)).tolist()
    states = encoder(waveforms, attention_mask=mask).last_hidden_state
    pooled = []
    for frames, length in zip(states, num_frames, strict=True):
        frames = frames[:length]
        hidden = torch.tanh(frames @ weights["pool_model.sap_linear.weight"].T + weights["pool_model.sap_linear.bias"])
        shares = torch.softmax(hidden @ weights["pool_model.attention"], dim=0)
        mean = (frames * shares).sum(dim=0)
        variance = (frames**2 * shares).sum(dim=0) - mean**2
        pooled.append(torch.cat([mean, variance.clamp(min=1e-5).sqrt()]))
    hidden = torch.stack(pooled)
    for index in range(num_layers):
        layer = f"ser_model.fc.{index}"
        hidden = hidden @ weights[f"{layer}.0.weight"].T + weights[f"{layer}.0.bias"]
        centred = hidden - hidden.mean(dim=-1, keepdim=True)
        hidden = centred / (centred.square().mean(dim=-1, keepdim=True) + 1e-5).sqrt()
        hidden = torch.relu(hidden * weights[f"{layer}.1.weight"] + weights[f"{layer}.1.bias"])
    return hidden @ weights["ser_model.out.0.weight"].T + weights["ser_model.out.0.bias"]


@torch.no_grad()
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("names", VARIANTS.values(), ids=VARIANTS)
def test_outputs_are_those_of_the_published_formula_on_waveforms_as_they_are(names, num_layers, tmp_path):
    encoder, weights, config = published(names, num_layers)
    model, found = converted(OdysseyBaseline(), weights, config)
    waveforms = 0.1 * clips() + 0.05
    expected = reference(encoder, weights, waveforms, num_layers)
    torch.testing.assert_close(model(waveforms).logits, expected, atol=1e-5, rtol=0)
    unnormalised = reference(encoder, weights, waveforms * (STD + 1e-6) + MEAN, num_layers)
    assert (expected - unnormalised).abs().max() > 1e-4  # so that the statistics matter
    assert list(model.config.id2label.values()) == names
    assert model.config.problem_type == ("single_label_classification" if len(names) == 8 else "regression")
    assert not found.feature_extractor.do_normalize
    assert_batch_equals_clips(model, waveforms)
    assert_reloads_bit_equal(model, {"input_values": waveforms}, tmp_path)


@torch.no_grad()
def test_padded_batch_is_that_of_the_published_formula_on_its_valid_frames():
    encoder, weights, config = published()
    model, _ = converted(OdysseyBaseline(), weights, config)
    waveforms, num_samples = 0.1 * clips(), [1200, 801]
    mask = (torch.arange(1200) < torch.tensor(num_samples)[:, None]).long()
    expected = reference(encoder, weights, waveforms, num_samples=num_samples)
    found = model(waveforms * mask, attention_mask=mask).logits
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@torch.no_grad()
def test_variance_has_the_published_floor():
    encoder, weights, config = published()
    # an encoder that says the same of every frame
    for name in ("ssl_model.encoder.layer_norm.weight", "encoder.layer_norm.weight"):
        (weights[name] if name in weights else encoder.get_parameter(name)).zero_()
    model, _ = converted(OdysseyBaseline(), weights, config)
    torch.testing.assert_close(model(clips()).logits, reference(encoder, weights, clips()), atol=1e-5, rtol=0)


def test_adapter_on_a_published_checkpoint_is_loaded_on_top_of_it_again(tmp_path):
    _, weights, config = published()
    save_checkpoint(tmp_path / "published", weights, config)
    adapted = add_adapter(load_model(tmp_path / "published"), "lora", r=2)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter)
    adapted.save_pretrained(tmp_path / "adapter")
    again = load_adapted_classifier(tmp_path / "adapter")
    with torch.no_grad():
        expected = adapted.eval()(clips()).logits
        torch.testing.assert_close(again.eval()(clips()).logits, expected, atol=0, rtol=0)


def test_every_part_of_the_head_learns():
    _, weights, config = published(num_layers=2)
    model, _ = converted(OdysseyBaseline(), weights, config)
    inputs = {"input_values": clips(), "labels": torch.tensor([0, 7])}
    # the same for all frames, so that no softmax over time sees it
    assert_trains(model, inputs, lambda name: "speech_encoder" not in name and name != "pooling.score.2.bias")


def test_stock_pipeline_reads_the_converted_folder(tmp_path):
    encoder, weights, config = published()
    source = save_checkpoint(tmp_path / "published", weights, config, {"do_normalize": True})
    convert_checkpoint(source, tmp_path / "converted")
    classify = pipeline("audio-classification", model=str(tmp_path / "converted"), trust_remote_code=True)
    waveform = 0.1 * clips(num_clips=1)
    scores = classify({"raw": waveform[0].numpy(), "sampling_rate": 16000})
    with torch.no_grad():
        expected = reference(encoder, weights, waveform)[0].softmax(-1)
    found = {score["label"]: score["score"] for score in scores}
    np.testing.assert_allclose([found[name] for name in CLASSES], expected, atol=1e-5)


def test_outputs_without_names_are_named_by_their_number_or_by_the_user():
    for names, expected in ((CLASSES, CLASSES), (["a", "b", "c"], ["arousal", "dominance", "valence"])):
        _, weights, config = published(names)
        model, _ = converted(OdysseyBaseline(), weights, config | {"id2label": None})
        assert list(model.config.id2label.values()) == expected
    _, weights, config = published(["valence"])
    model, found = converted(OdysseyBaseline(), weights, config | {"id2label": None})
    assert 'labels=["valence"]' in found.warnings[0]
    assert model.config.problem_type == "regression"
    model, found = converted(OdysseyBaseline(), weights, config | {"id2label": None}, labels=["dominance"])
    assert (model.config.id2label, found.warnings) == ({0: "dominance"}, ())


def test_config_without_statistics_is_refused():
    _, weights, config = published()
    del config["std"]
    with pytest.raises(ValueError, match="lacks std"):
        converted(OdysseyBaseline(), weights, config)


@pytest.mark.parametrize("key", head_shapes(8))
def test_missing_renamed_and_misshapen_weights_are_refused_by_name(key, tmp_path):
    _, weights, config = published()
    assert_refused_by_name(key, tmp_path, weights, config)
