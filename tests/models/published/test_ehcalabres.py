"""The layout whose activation was never published: each of the three, and a warning where none is chosen."""

import pytest
import torch

from hf_emotion.models.published.ehcalabres import Ehcalabres

from .checkpoint_case import assert_refused_by_name, encoder_weights, random_weights
from .tiny_heads import (
    SIZE,
    assert_batch_equals_clips,
    assert_reloads_bit_equal,
    clips,
    converted,
    encoder_fields,
    encoder_of,
)


LABELS = ("angry", "calm", "disgust", "fearful", "happy", "neutral", "sad", "surprised")
HEAD = {
    "classifier.dense.weight": (SIZE, SIZE),
    "classifier.dense.bias": (SIZE,),
    "classifier.output.weight": (8, SIZE),
    "classifier.output.bias": (8,),
}
ACTIVATIONS = {"tanh": torch.tanh, "relu": torch.relu, "none": lambda values: values, None: torch.tanh}


def published():
    """Encoder, weights and config.json of a checkpoint."""
    config = encoder_fields("wav2vec2", architectures=["Wav2Vec2ForSpeechClassification"], pooling_mode="mean")
    config |= {"id2label": {str(index): label for index, label in enumerate(LABELS)}, "transformers_version": "4.8.2"}
    encoder = encoder_of(encoder_fields("wav2vec2"))
    return encoder, encoder_weights(encoder, "wav2vec2.") | random_weights(HEAD), config


@torch.no_grad()
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_logits_are_those_of_the_formula_with_the_chosen_activation(activation, tmp_path):
    encoder, weights, config = published()
    options = {} if activation is None else {"head_activation": activation}
    model, found = converted(Ehcalabres(), weights, config, **options)
    pooled = encoder(clips()).last_hidden_state.mean(dim=1)
    dense = pooled @ weights["classifier.dense.weight"].T + weights["classifier.dense.bias"]
    expected = ACTIVATIONS[activation](dense) @ weights["classifier.output.weight"].T
    expected = expected + weights["classifier.output.bias"]
    torch.testing.assert_close(model(clips()).logits, expected, atol=1e-5, rtol=0)
    assert_batch_equals_clips(model, clips())
    assert_reloads_bit_equal(model, {"input_values": clips()}, tmp_path)
    assert tuple(model.config.id2label.values()) == LABELS
    # without a preprocessor_config.json that is a second thing to warn of
    assert any("never published: tanh is assumed" in text for text in found.warnings) == (activation is None)


def test_unknown_activation_is_refused():
    _, weights, config = published()
    with pytest.raises(ValueError, match="head_activation='gelu' is none of tanh, relu, none"):
        converted(Ehcalabres(), weights, config, head_activation="gelu")


@pytest.mark.parametrize("key", HEAD)
def test_missing_renamed_and_misshapen_weights_are_refused_by_name(key, tmp_path):
    _, weights, config = published()
    assert_refused_by_name(key, tmp_path, weights, config)
