"""A normalisation of waveforms as part of the first convolution."""

import numpy as np
import pytest
import torch

from hf_emotion.models.speech_emotion.encoding_speech_emotion import build_encoder, encode
from hf_emotion.models.statistics_folding import can_fold_statistics, fold_affine, fold_statistics

from .speech_emotion.tiny_encoders import padded_batch, tiny_model


SCALE, OFFSET = 1.7, -0.4


def affine(waveform: np.ndarray) -> np.ndarray:
    return (SCALE * waveform + OFFSET).astype(np.float32)


@torch.no_grad()
@pytest.mark.parametrize("name", ["wavlm-base", "wavlm-large", "wav2vec2-large", "hubert-base", "data2vec-audio"])
def test_folded_encoder_computes_from_waveforms_what_the_given_one_computes_from_normalised_ones(name):
    encoder = tiny_model(name).speech_encoder
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    _, clip = padded_batch(name)
    waveform = clip["input_values"]
    expected = encode(encoder, SCALE * waveform + OFFSET).last_hidden_state
    assert can_fold_statistics(encoder)
    found = encode(fold_statistics(encoder, affine), waveform).last_hidden_state
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert all(torch.equal(value, before[key]) for key, value in encoder.state_dict().items())


def test_weights_below_a_prefix_are_folded_and_others_stay():
    encoder = tiny_model("wavlm-large", {"conv_bias": False}).speech_encoder
    weights = {f"encoder.{key}": value for key, value in encoder.state_dict().items()} | {"head": torch.ones(2)}
    config, folded = fold_affine(encoder.config, weights, SCALE, OFFSET, prefix="encoder.")
    assert (encoder.config.conv_bias, config.conv_bias) == (False, True)
    assert folded.pop("head") is weights["head"]
    names = {key.removeprefix("encoder.") for key in folded}
    assert names == set(build_encoder(config).state_dict())
    added = names - set(encoder.state_dict())
    assert added == {f"feature_extractor.conv_layers.{index}.conv.bias" for index in range(3)}
    assert folded["encoder.feature_extractor.conv_layers.0.conv.bias"].any()
    assert not folded["encoder.feature_extractor.conv_layers.1.conv.bias"].any()


def test_a_filter_bank_has_no_convolution_to_fold_into():
    assert not can_fold_statistics(tiny_model("filter_bank").speech_encoder)
