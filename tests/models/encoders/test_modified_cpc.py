"""Modified CPC: the forward pass against one written from the paper, strict loading, padding, parameter counts."""

import pytest
import torch
from torch.nn import functional
from transformers import AutoModel

from hf_emotion.models.encoders import ModifiedCpcConfig, ModifiedCpcModel

from .test_wav2vec import padded_batch, random_weights, waveforms


TINY = {"conv_channels": 6, "hidden_size": 6}
# as the published checkpoint notes its architecture, beside the arguments of its training
CONFIG = {"hiddenEncoder": 6, "hiddenGar": 6, "arMode": "LSTM", "nLevelsGRU": 1, "normMode": "layerNorm"}
CONFIG |= {"encoder_type": "cpc", "cpc_mode": None, "samplingType": "samespeaker", "nPredicts": 12}


def tiny_model(**changes) -> ModifiedCpcModel:
    model = ModifiedCpcModel(ModifiedCpcConfig(**TINY | changes)).eval()
    model.load_state_dict(random_weights(model))
    return model


def reference_frames(weights, clip: torch.Tensor) -> torch.Tensor:
    states = clip[None]
    for index, (stride, padding) in enumerate(zip((5, 4, 2, 2, 2), (3, 2, 1, 1, 1), strict=True)):
        zeros = states.new_zeros(len(states), padding)
        states = torch.cat([zeros, states, zeros], dim=1)
        name = f"gEncoder.conv{index}"
        states = functional.conv1d(states, weights[f"{name}.weight"], weights[f"{name}.bias"], stride=stride)
        variance = (states - states.mean(dim=0)).square().sum(dim=0) / (len(states) - 1)
        normed = (states - states.mean(dim=0)) / torch.sqrt(variance + 1e-5)
        name = f"gEncoder.batchNorm{index}"
        states = (normed * weights[f"{name}.weight"][0] + weights[f"{name}.bias"][0]).clamp(min=0)
    return states.T


def reference_lstm(weights, frames: torch.Tensor) -> torch.Tensor:
    context = cell = frames.new_zeros(frames.shape[1])
    contexts = []
    for frame in frames:
        gates = weights["gAR.baseNet.weight_ih_l0"] @ frame + weights["gAR.baseNet.bias_ih_l0"]
        gates = gates + weights["gAR.baseNet.weight_hh_l0"] @ context + weights["gAR.baseNet.bias_hh_l0"]
        enter, forget, new, leave = gates.chunk(4)
        cell = forget.sigmoid() * cell + enter.sigmoid() * new.tanh()
        context = leave.sigmoid() * cell.tanh()
        contexts.append(context)
    return torch.stack(contexts)


def save_checkpoint(path, weights, **changes):
    torch.save({"config": CONFIG | changes, "weights": weights}, path)
    return path


def test_hidden_states_equal_the_paper_written_out():
    model = tiny_model()
    (clip,) = waveforms(1600)
    frames = reference_frames(model.state_dict(), clip)
    assert frames.shape == (10, 6)
    outputs = model(clip[None], output_hidden_states=True)
    assert len(outputs.hidden_states) == 2
    torch.testing.assert_close(outputs.hidden_states[0][0], frames, rtol=1e-4, atol=1e-5)
    expected = reference_lstm(model.state_dict(), frames)
    torch.testing.assert_close(outputs.hidden_states[1][0], expected, rtol=1e-4, atol=1e-5)
    assert outputs.last_hidden_state.equal(outputs.hidden_states[1])
    assert model(clip[None]).hidden_states is None


@pytest.mark.parametrize("aggregator", ["LSTM", "GRU"])
def test_a_clip_does_not_depend_on_its_batch(aggregator):
    model = tiny_model(aggregator=aggregator)
    clips = waveforms(1601, 640, 159, 777)
    batch, mask = padded_batch(clips)
    together = model(batch, mask, output_hidden_states=True)
    for row, clip in enumerate(clips):
        alone = model(clip[None], output_hidden_states=True)
        frames = int(model._get_feat_extract_output_lengths(len(clip)))
        assert alone.last_hidden_state.shape[1] == frames
        for state, expected in zip(together.hidden_states, alone.hidden_states, strict=True):
            torch.testing.assert_close(state[row, :frames], expected[0], rtol=1e-4, atol=1e-5)
            assert not state[row, frames:].any()


def test_a_clip_without_a_frame_is_refused():
    model = tiny_model()
    assert model(torch.zeros(1, 159)).last_hidden_state.shape == (1, 1, 6)
    with pytest.raises(ValueError, match="has 158 samples, but ModifiedCpcModel needs 159 for one frame"):
        model(torch.zeros(1, 158))


@pytest.mark.parametrize("aggregator", ["LSTM", "GRU"])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_s3prl_checkpoint_loads_with_nothing_missing_or_left_over(tmp_path, aggregator, num_layers):
    model = tiny_model(aggregator=aggregator, num_hidden_layers=num_layers)
    path = save_checkpoint(tmp_path / "cpc.pt", model.state_dict(), arMode=aggregator, nLevelsGRU=num_layers)
    (clip,) = waveforms(1600)
    assert ModifiedCpcModel.from_s3prl(path)(clip[None]).last_hidden_state.equal(model(clip[None]).last_hidden_state)


def test_the_names_are_those_of_the_published_checkpoint():
    with torch.device("meta"):
        shapes = {
            name: tuple(value.shape) for name, value in ModifiedCpcModel(ModifiedCpcConfig()).state_dict().items()
        }
    expected = {f"gAR.baseNet.weight_{part}_l0": (1024, 256) for part in ("ih", "hh")}
    expected |= {f"gAR.baseNet.bias_{part}_l0": (1024,) for part in ("ih", "hh")}
    for index, kernel in enumerate((10, 8, 4, 4, 4)):
        expected[f"gEncoder.conv{index}.weight"] = (256, 256 if index else 1, kernel)
        expected[f"gEncoder.conv{index}.bias"] = (256,)
        expected |= {f"gEncoder.batchNorm{index}.{part}": (1, 256, 1) for part in ("weight", "bias")}
    assert shapes == expected


def test_a_renamed_weight_is_refused_by_name(tmp_path):
    weights = tiny_model().state_dict()
    weights["gEncoder.norm3.weight"] = weights.pop("gEncoder.batchNorm3.weight")
    path = save_checkpoint(tmp_path / "cpc.pt", weights)
    names = r"missing: gEncoder\.batchNorm3\.weight; 1 left over: gEncoder\.norm3\.weight"
    with pytest.raises(ValueError, match=names):
        ModifiedCpcModel.from_s3prl(path)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"normMode": "batchNorm"}, "'normMode': 'batchNorm'"),
        ({"encoder_type": "mfcc"}, "'encoder_type': 'mfcc'"),
        ({"cpc_mode": "reverse"}, "'cpc_mode': 'reverse'"),
        ({"arMode": "transformer"}, "`aggregator` must be one of LSTM, GRU, but is 'transformer'"),
        ({"hiddenGar": 12}, "`conv_channels` 6 must equal `hidden_size` 12"),
    ],
)
def test_another_architecture_is_refused(tmp_path, changes, found):
    path = save_checkpoint(tmp_path / "cpc.pt", tiny_model().state_dict(), **changes)
    with pytest.raises(ValueError, match=found):
        ModifiedCpcModel.from_s3prl(path)


def test_parameter_count_is_that_of_emo_superb_table_3():
    with torch.device("meta"):
        model = ModifiedCpcModel(ModifiedCpcConfig())
    assert round(model.num_parameters() / 1e6) == 2
    convolutions = 256 * 10 + 256 * 256 * (8 + 4 + 4 + 4) + 5 * 256
    assert model.num_parameters() == convolutions + 5 * 2 * 256 + 4 * (2 * 256 * 256 + 2 * 256)


def test_new_norms_start_as_the_identity_and_recurrent_biases_at_zero():
    model = ModifiedCpcModel(ModifiedCpcConfig(**TINY, aggregator="GRU"))
    assert model.gEncoder.batchNorm0.weight.eq(1).all()
    assert not model.gAR.baseNet.bias_hh_l0.any()
    assert not model.gEncoder.batchNorm4.bias.any()


def test_saved_model_loads_through_auto_model(tmp_path):
    model = tiny_model()
    model.save_pretrained(tmp_path)
    loaded = AutoModel.from_pretrained(tmp_path)
    assert isinstance(loaded, ModifiedCpcModel)
    (clip,) = waveforms(1600)
    assert loaded(clip[None]).last_hidden_state.equal(model(clip[None]).last_hidden_state)
