"""Classifiers of the soxan family against its formula, on both encoders and with every pooling."""

import pytest
import torch

from hf_emotion.models.published.layout import Checkpoint
from hf_emotion.models.published.soxan import Soxan

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


LABELS = {"0": "anger", "1": "disgust", "2": "fear", "3": "happiness", "4": "sadness"}
HEAD = {
    "classifier.dense.weight": (SIZE, SIZE),
    "classifier.dense.bias": (SIZE,),
    "classifier.out_proj.weight": (5, SIZE),
    "classifier.out_proj.bias": (5,),
}
POOLINGS = {
    "mean": lambda states: states.mean(dim=1),
    "sum": lambda states: states.sum(dim=1),
    "max": lambda states: states.amax(dim=1),
}


def published(model_type="wav2vec2", **fields):
    """Encoder, weights and config.json of a checkpoint."""
    config = {
        **encoder_fields(model_type, is_large=model_type == "wav2vec2"),
        "architectures": ["Wav2Vec2ForSpeechClassification"],
        "finetuning_task": "wav2vec2_clf",
        "id2label": LABELS,
        "label2id": {name: int(index) for index, name in LABELS.items()},
        "pooling_mode": "mean",
        "problem_type": "single_label_classification",
        **fields,
    }
    encoder = encoder_of(config)
    return encoder, encoder_weights(encoder, f"{model_type}.") | random_weights(HEAD), config


def reference(encoder, weights, waveforms, pooling):
    """Dropout, dense, tanh, dropout, out_proj on the pooled last states."""
    pooled = POOLINGS[pooling](encoder(waveforms).last_hidden_state)
    dense = torch.tanh(pooled @ weights["classifier.dense.weight"].T + weights["classifier.dense.bias"])
    return dense @ weights["classifier.out_proj.weight"].T + weights["classifier.out_proj.bias"]


@torch.no_grad()
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("model_type", ["wav2vec2", "hubert"])
def test_logits_are_those_of_the_published_formula(model_type, pooling):
    encoder, weights, config = published(model_type, pooling_mode=pooling)
    model, found = converted(Soxan(), weights, config)
    waveforms = clips()
    expected = reference(encoder, weights, waveforms, pooling)
    torch.testing.assert_close(model(waveforms).logits, expected, atol=1e-5, rtol=0)
    assert expected.std() > 0.1  # so that the tolerance says something
    assert_batch_equals_clips(model, waveforms)
    assert model.config.id2label == {int(index): name for index, name in LABELS.items()}
    assert (model.config.problem_type, model.config.head_dropout) == ("single_label_classification", 0.1)
    assert type(found.feature_extractor).__name__ == "Wav2Vec2FeatureExtractor"


def test_saved_and_loaded_it_computes_the_same_to_the_last_bit(tmp_path):
    _, weights, config = published(pooling_mode="sum")
    model, _ = converted(Soxan(), weights, config)
    assert_reloads_bit_equal(model, {"input_values": clips()}, tmp_path)


@torch.no_grad()
def test_head_without_pooling_mode_and_names_is_that_of_xmj2002():
    head = HEAD | {"classifier.out_proj.weight": (6, SIZE), "classifier.out_proj.bias": (6,)}
    config = encoder_fields("hubert", is_large=False, num_class=6, classifier_dropout=0.2)
    encoder = encoder_of(config)
    weights = encoder_weights(encoder, "hubert.") | random_weights(head)
    model, found = converted(Soxan(), weights, config)
    torch.testing.assert_close(model(clips()).logits, reference(encoder, weights, clips(), "mean"), atol=1e-5, rtol=0)
    assert list(model.config.id2label.values()) == ["angry", "fear", "happy", "neutral", "sad", "surprise"]
    assert model.config.head_dropout == 0.2
    assert "6 s" in found.warnings[0]


def test_problem_type_is_what_soxan_would_find():
    head = HEAD | {"classifier.out_proj.weight": (1, SIZE), "classifier.out_proj.bias": (1,)}
    encoder, weights, config = published(problem_type=None)
    assert converted(Soxan(), weights, config)[0].config.problem_type == "single_label_classification"
    weights = encoder_weights(encoder, "wav2vec2.") | random_weights(head)
    config |= {"id2label": {"0": "valence"}, "label2id": {"valence": 0}}
    assert converted(Soxan(), weights, config)[0].config.problem_type == "regression"


@pytest.mark.parametrize("key", HEAD)
def test_missing_renamed_and_misshapen_weights_are_refused_by_name(key, tmp_path):
    _, weights, config = published()
    assert_refused_by_name(key, tmp_path, weights, config)


def test_config_that_contradicts_the_weights_or_says_nothing_of_the_encoder_is_refused():
    _, weights, config = published()
    with pytest.raises(ValueError, match="has 5 outputs, but the option `labels` names 2"):
        converted(Soxan(), weights, config, labels=["anger", "joy"])
    with pytest.raises(ValueError, match="pooling_mode='median', but soxan knows mean, sum, max"):
        converted(Soxan(), weights, config | {"pooling_mode": "median"})
    with pytest.raises(ValueError, match="model_type='gpt2', but the encoder must be one of"):
        converted(Soxan(), weights, config | {"model_type": "gpt2"})
    assert Soxan().mismatch(Checkpoint("tiny", {}, {"projector.weight": torch.ones(2)})).startswith("no classifier")
