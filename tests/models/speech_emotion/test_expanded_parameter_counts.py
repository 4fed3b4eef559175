"""Parameters of published encoders with copies behind their layers, computed by hand (on the meta device)."""

import pytest
import torch

from hf_emotion.models.published_architectures import PUBLISHED_ARCHITECTURES
from hf_emotion.models.speech_emotion import SpeechEmotionConfig, SpeechEmotionForSequenceClassification


# a layer of width 1024: four projections in attention, two layers of 4096, two norms
LAYER = 4 * (1024 * 1024 + 1024) + (1024 * 4096 + 4096) + (4096 * 1024 + 1024) + 2 * 2 * 1024
ZERO_LINEAR = 1024 * 1024 + 1024


@pytest.mark.parametrize(
    ("name", "layer", "only_first"),
    [
        ("facebook/wav2vec2-xls-r-300m", LAYER, 0),
        # the gate of the position bias: a factor per head, and 64 to 8; in the first layer the table of 320 buckets
        ("microsoft/wavlm-large", LAYER + 16 + 64 * 8 + 8, 320 * 16),
        # keys without bias
        ("openai/whisper-medium", LAYER - 1024, 0),
    ],
)
@pytest.mark.parametrize("num_copies", [1, 2])
def test_parameter_counts_of_published_architectures(name, layer, only_first, num_copies):
    config = SpeechEmotionConfig(encoder_config=PUBLISHED_ARCHITECTURES[name], num_labels=6)
    with torch.device("meta"):
        model = SpeechEmotionForSequenceClassification(config)
    before = model.num_parameters()
    model.expand_blocks(num_copies=num_copies)
    assert all(parameter.is_meta for name, parameter in model.named_parameters() if ".copies." in name)
    summary = model.trainable_parameter_summary()
    assert summary["original_layers"] == {"total": 24 * layer + only_first, "trainable": 0}
    assert summary["copies"] == dict.fromkeys(("total", "trainable"), num_copies * 24 * layer)
    assert summary["zero_linears"] == dict.fromkeys(("total", "trainable"), num_copies * 24 * ZERO_LINEAR)
    assert summary["feature_encoder"]["trainable"] == 0
    head = 1024 * 256 + 256 + 256 * 6 + 6
    assert summary["head"] == {"total": head, "trainable": head}
    assert summary["total"]["total"] == before + num_copies * 24 * (layer + ZERO_LINEAR)
    parts = [counts for part, counts in summary.items() if part != "total"]
    assert all(sum(part[kind] for part in parts) == summary["total"][kind] for kind in ("total", "trainable"))


def test_expanded_xls_r_trains_as_many_parameters_as_exhubert_of_the_same_size():
    config = SpeechEmotionConfig(encoder_config=PUBLISHED_ARCHITECTURES["facebook/wav2vec2-xls-r-300m"], num_labels=6)
    with torch.device("meta"):
        model = SpeechEmotionForSequenceClassification(config).expand_blocks()
    # ExHuBERT paper, Table 2: 336.68 M
    assert model.trainable_parameter_summary()["total"]["trainable"] == 336_682_886
