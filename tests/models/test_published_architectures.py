"""Published architectures, held against the parameter counts that papers print (on the meta device)."""

import pytest

from hf_emotion.models.classifier import build_classifier, classifier_config
from hf_emotion.models.published_architectures import PUBLISHED_ARCHITECTURES


SIX = [f"class {number}" for number in range(6)]


def model_of(name, **overrides):
    return build_classifier(classifier_config(name, SIX, **overrides), device="meta")


def millions(parameters):
    return sum(parameter.numel() for parameter in parameters) / 1e6


@pytest.mark.parametrize(
    ("name", "overrides", "expected"),
    [
        # ExHuBERT paper, Table 2, trainable with a frozen CNN and six classes
        ("facebook/hubert-large-ls960-ft", {}, 311.492486),
        ("facebook/hubert-large-ll60k", {}, 311.492486),
        ("facebook/wav2vec2-xls-r-300m", {}, 311.492486),
        ("audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim", {"classifier_proj_size": 1024}, 161.129606),
        ("amiriparian/ExHuBERT", {}, 664.18),
    ],
)
def test_trainable_parameters_are_those_of_table_2(name, overrides, expected):
    model = model_of(name, **overrides)
    model.freeze_feature_encoder()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    decimals = len(str(expected).split(".")[1])
    assert round(millions(trained), decimals) == expected


def test_the_published_exhubert_trains_as_many_parameters_as_the_paper_says():
    model = model_of("amiriparian/ExHuBERT")
    model.freeze_original_layers()
    assert round(millions(p for p in model.parameters() if p.requires_grad), 2) == 336.68


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # EMO-SUPERB paper, Table 3, in millions
        ("facebook/wav2vec2-xls-r-1b", 965),
        ("facebook/wav2vec2-xls-r-300m", 317),
        ("facebook/hubert-large-ll60k", 317),
        # HuBERT and Whisper papers: 95 M and 1 B; the encoders of 769 M and 1,550 M models
        ("facebook/hubert-base-ls960", 95),
        ("facebook/hubert-xlarge-ls960-ft", 964),
        ("openai/whisper-medium", 307),
        ("openai/whisper-large-v3", 637),
    ],
)
def test_encoders_have_their_published_size(name, expected):
    model = model_of(name)
    # papers count with heads for pre-training or without any: within 0.6 %
    assert millions(model.parameters()) == pytest.approx(expected, rel=0.006)


@pytest.mark.parametrize("name", PUBLISHED_ARCHITECTURES)
def test_every_architecture_has_only_fields_of_its_config(name):
    fields = {key: value for key, value in PUBLISHED_ARCHITECTURES[name].items() if key != "model_type"}
    config = classifier_config(name, SIX, **fields)  # unknown fields are refused
    assert config.num_hidden_layers in (12, 24, 32, 48)
