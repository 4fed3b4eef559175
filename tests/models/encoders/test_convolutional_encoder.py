"""Encoders with convolutions over the waveform: frames of a clip, and clips that they refuse."""

import pytest
import torch
from transformers import CONFIG_MAPPING, AutoModel

from hf_emotion.models.encoders.convolutional_encoder import ConvolutionalEncoder, ConvWindow

from ..speech_emotion.tiny_encoders import SELF_CONTAINED


CONVOLUTIONAL = ["wav2vec", "vq_wav2vec", "modified_cpc", "pase_plus"]


def tiny_model(encoder: str) -> ConvolutionalEncoder:
    fields = dict(SELF_CONTAINED[encoder])
    return AutoModel.from_config(CONFIG_MAPPING[fields.pop("model_type")](**fields)).eval()


@pytest.mark.parametrize("window", [ConvWindow(10, 5, 3, 3), ConvWindow(11, 2, 4, 5), ConvWindow(4, 2)])
def test_windows_are_those_of_a_convolution(window):
    for length in range(12, 40):
        padded = torch.zeros(1, 1, length + window.left + window.right)
        convolved = torch.nn.functional.conv1d(padded, torch.zeros(1, 1, window.kernel), stride=window.stride)
        assert window.num_outputs(length) == convolved.shape[-1]
    for num_outputs in range(1, 9):
        assert window.num_outputs(window.num_inputs(num_outputs)) == num_outputs
        assert window.num_outputs(window.num_inputs(num_outputs) - 1) == num_outputs - 1


@pytest.mark.parametrize("encoder", CONVOLUTIONAL)
def test_the_number_of_frames_is_known_before(encoder):
    model = tiny_model(encoder)
    lengths = [model.config.minimum_samples, 500, 777, 1601]
    expected = [model(torch.zeros(1, length)).last_hidden_state.shape[1] for length in lengths]
    assert [model._get_feat_extract_output_lengths(length) for length in lengths] == expected
    assert model._get_feat_extract_output_lengths(torch.tensor(lengths)).tolist() == expected
    assert model(torch.zeros(1, 1600 * model.config.inputs_to_logits_ratio)).last_hidden_state.shape[1] in (1599, 1600)


@pytest.mark.parametrize("encoder", CONVOLUTIONAL)
@pytest.mark.parametrize(
    ("shape", "mask", "message"),
    [
        ((2000,), None, "waveforms are"),
        ((1, 1, 2000), None, "waveforms are"),
        ((1, 2000), torch.ones(1, 1999), "one value for each sample"),
        ((1, 2000), torch.arange(2000)[None] > 9, "padded on the right"),
        ((1, 2000), torch.arange(2000)[None] < 9, "A clip has 9 samples, but .*Model needs .* for one frame"),
    ],
)
def test_input_that_does_not_fit_is_refused(encoder, shape, mask, message):
    with pytest.raises(ValueError, match=message):
        tiny_model(encoder)(torch.zeros(shape), mask)
