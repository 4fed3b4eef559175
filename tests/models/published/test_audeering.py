"""audEERING's models against the formulas of their cards."""

import pytest
import torch

from hf_emotion.models.published.audeering import AudeeringAgeGender, AudeeringDimensions
from hf_emotion.models.published.layout import Checkpoint

from .checkpoint_case import assert_refused_by_name, encoder_weights, random_weights
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


PREPROCESSOR = {
    "do_normalize": True,
    "feature_extractor_type": "Wav2Vec2FeatureExtractor",
    "feature_size": 1,
    "padding_side": "right",
    "padding_value": 0.0,
    "return_attention_mask": True,
    "sampling_rate": 16000,
}


def head_shapes(name, num_outputs):
    dense = {f"{name}.dense.weight": (SIZE, SIZE), f"{name}.dense.bias": (SIZE,)}
    return dense | {f"{name}.out_proj.weight": (num_outputs, SIZE), f"{name}.out_proj.bias": (num_outputs,)}


DIMENSIONS_HEAD = head_shapes("classifier", 3)
TWO_HEADS = head_shapes("age", 1) | head_shapes("gender", 3)


def published(head, **fields):
    """Encoder, weights and config.json of a checkpoint."""
    config = encoder_fields("wav2vec2", **fields)
    encoder = encoder_of(encoder_fields("wav2vec2"))
    return encoder, encoder_weights(encoder, "wav2vec2.") | random_weights(head), config


def published_dimensions():
    names = {"0": "arousal", "1": "dominance", "2": "valence"}
    fields = {"id2label": names, "problem_type": "regression", "pooling_mode": "mean"}
    return published(DIMENSIONS_HEAD, architectures=["Wav2Vec2ForSpeechClassification"], **fields)


def published_age_gender():
    return published(TWO_HEADS, architectures=["AgeGenderModel"])


def reference(encoder, weights, waveforms, name):
    """Dropout, dense, tanh, dropout, out_proj on the mean of the last states."""
    pooled = encoder(waveforms).last_hidden_state.mean(dim=1)
    dense = torch.tanh(pooled @ weights[f"{name}.dense.weight"].T + weights[f"{name}.dense.bias"])
    return dense @ weights[f"{name}.out_proj.weight"].T + weights[f"{name}.out_proj.bias"]


@torch.no_grad()
def test_dimensions_are_those_of_the_card(tmp_path):
    encoder, weights, config = published_dimensions()
    model, found = converted(AudeeringDimensions(), weights, config, PREPROCESSOR)
    expected = reference(encoder, weights, clips(), "classifier")
    torch.testing.assert_close(model(clips()).logits, expected, atol=1e-5, rtol=0)
    assert_batch_equals_clips(model, clips())
    assert_reloads_bit_equal(model, {"input_values": clips()}, tmp_path)
    assert model.config.id2label == {0: "arousal", 1: "dominance", 2: "valence"}
    assert model.config.problem_type == "regression"
    assert found.feature_extractor.do_normalize
    assert not found.warnings


def test_dimensions_without_names_are_in_the_order_of_the_card():
    _, weights, config = published_dimensions()
    del config["id2label"]
    model, _ = converted(AudeeringDimensions(), weights, config, PREPROCESSOR)
    assert list(model.config.id2label.values()) == ["arousal", "dominance", "valence"]


def test_classifier_with_the_same_keys_is_another_layout():
    _, weights, config = published_dimensions()
    classes = config | {"id2label": {"0": "anger", "1": "joy", "2": "sadness"}, "problem_type": None}
    assert "no regressor" in AudeeringDimensions().mismatch(Checkpoint("tiny", classes, weights))


@torch.no_grad()
def test_age_and_gender_are_those_of_the_card(tmp_path):
    encoder, weights, config = published_age_gender()
    model, found = converted(AudeeringAgeGender(), weights, config, PREPROCESSOR)
    outputs = model(clips())
    for name, values in (("age", outputs.dimensions), ("gender", outputs.logits)):
        torch.testing.assert_close(values, reference(encoder, weights, clips(), name), atol=1e-5, rtol=0)
    assert_batch_equals_clips(model, clips())
    assert_reloads_bit_equal(model, {"input_values": clips()}, tmp_path)
    assert model.config.id2label == {0: "female", 1: "male", 2: "child"}
    assert model.config.dimension_names == ["age"]
    assert "100 years" in found.notes[0]


def test_both_halves_of_age_and_gender_learn():
    _, weights, config = published_age_gender()
    model, _ = converted(AudeeringAgeGender(), weights, config)
    targets = {"labels": torch.tensor([0, 1]), "dimension_labels": torch.tensor([[0.2], [0.7]])}
    assert_trains(model, {"input_values": clips()} | targets, lambda name: not name.startswith("speech_encoder."))


@pytest.mark.parametrize("key", DIMENSIONS_HEAD)
def test_spoilt_weights_of_the_dimensions_are_refused_by_name(key, tmp_path):
    _, weights, config = published_dimensions()
    assert_refused_by_name(key, tmp_path, weights, config, PREPROCESSOR)


@pytest.mark.parametrize("key", TWO_HEADS)
def test_spoilt_weights_of_age_and_gender_are_refused_by_name(key, tmp_path):
    _, weights, config = published_age_gender()
    assert_refused_by_name(key, tmp_path, weights, config, PREPROCESSOR)
