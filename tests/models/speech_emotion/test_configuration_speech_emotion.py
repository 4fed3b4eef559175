"""Configs that cannot work are refused by the name of the field."""

import pytest

from hf_emotion.models.speech_emotion import SpeechEmotionConfig

from .tiny_encoders import ENCODERS


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"pooling": "median"}, "mean, sum, max, std"),
        ({"variance_floor": 0.0}, "must be positive"),
        ({"num_frame_layers": -1}, "not be negative"),
        ({"frame_layer_size": 0}, "at least 1"),
        ({"frame_layer_dropout": 1.1}, "in \\[0, 1\\]"),
        ({"head": "cnn"}, "linear, mlp, tanh, relu"),
        ({"head": "mlp", "num_head_layers": 2}, "one of the heads tanh, relu, dense, layer_norm_relu"),
        ({"num_head_layers": 0}, "at least 1"),
        ({"dimension_activation": "tanh"}, "none, sigmoid"),
        ({"conditioning": "sum"}, "product, mean"),
        ({"layer_selection": "first"}, '"last", "weighted" or an integer'),
        ({"layer_selection": 3}, "0 .* to 2"),
        ({"layer_selection": -4}, "0 .* to 2"),
        ({"head_dropout": 1.5}, "in \\[0, 1\\]"),
        ({"num_dimensions": -1}, "not be negative"),
        ({"classifier_proj_size": 0}, "at least 1"),
        ({"encoder_config": {"hidden_size": 4}}, "no `model_type`"),
        ({"encoder_config": {"model_type": "wav2vec2", "add_adapter": True}}, "add_adapter"),
    ],
)
def test_bad_config_fields_are_named(fields, message):
    with pytest.raises(Exception, match=message):
        SpeechEmotionConfig(**{"encoder_config": ENCODERS["wavlm-base"]} | fields)
