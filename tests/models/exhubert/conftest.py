"""Tiny HuBERT and ExHuBERT models in the two shapes of the family."""

import pytest
import torch

from hf_emotion.models.exhubert import ExHubertConfig, ExHubertForSequenceClassification


TINY = {
    "hidden_size": 32,
    "num_attention_heads": 4,
    "num_hidden_layers": 3,
    "intermediate_size": 64,
    "conv_dim": (16,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
    "classifier_proj_size": 12,
    "num_labels": 6,
}
SHAPES = {
    "large": {"do_stable_layer_norm": True, "feat_extract_norm": "layer", "conv_bias": True},
    "base": {"do_stable_layer_norm": False, "feat_extract_norm": "group", "conv_bias": False},
}


@pytest.fixture(params=sorted(SHAPES))
def tiny(request):
    """Keyword arguments of a tiny config, large-shaped and base-shaped."""
    return TINY | SHAPES[request.param]


@pytest.fixture
def build(tiny):
    """Builds a tiny classifier in eval mode; keyword arguments change its config."""

    def build_model(**changes):
        torch.manual_seed(0)
        return ExHubertForSequenceClassification(ExHubertConfig(**(tiny | changes))).eval()

    return build_model


@pytest.fixture
def batch():
    """Two clips of 0.5 s and 0.3 s at 16 kHz, padded, with their mask."""
    generator = torch.Generator().manual_seed(1)
    input_values = torch.randn(2, 8000, generator=generator)
    attention_mask = torch.ones(2, 8000, dtype=torch.long)
    attention_mask[1, 4800:] = 0
    return {"input_values": input_values * attention_mask, "attention_mask": attention_mask}
