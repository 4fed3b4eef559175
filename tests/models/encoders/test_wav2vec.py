"""wav2vec: the forward pass against one written from the paper, strict loading, padding, parameter counts."""

import argparse
import math

import pytest
import torch
from torch.nn import functional
from transformers import AutoConfig, AutoModel

from hf_emotion.models.encoders import Wav2VecConfig, Wav2VecModel


TINY = {
    "hidden_size": 6,
    "conv_kernel": (10, 8, 4, 1),
    "conv_stride": (5, 4, 2, 1),
    "aggregator_kernel": (2, 3, 4),
    "num_prediction_steps": 2,
}
# as fairseq notes the layers of the tiny model
MODEL_CFG = {
    "_name": "wav2vec",
    "infonce": False,
    "conv_feature_layers": "[(6, 10, 5), (6, 8, 4)] + [(6, 4, 2)] * 1 + [(6, 1, 1)]",
    "conv_aggregator_layers": "[(6, 2, 1), (6, 3, 1), (6, 4, 1)]",
    "activation": "relu",
    "log_compression": True,
    "skip_connections_agg": True,
    "residual_scale": 0.5,
    "prediction_steps": 2,
    "vq_type": "none",
    "vq_temp": [2.0, 0.5, 0.999995],
}


def random_weights(model: torch.nn.Module, seed: int = 0) -> dict[str, torch.Tensor]:
    """Weights that make every parameter count, norms and biases included."""
    generator = torch.Generator().manual_seed(seed)
    return {name: 0.3 * torch.randn(value.shape, generator=generator) for name, value in model.state_dict().items()}


def waveforms(*num_samples: int, seed: int = 1) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [0.1 * torch.randn(length, generator=generator) for length in num_samples]


def padded_batch(clips: list[torch.Tensor], value: float = 0.7) -> tuple[torch.Tensor, torch.Tensor]:
    """The padding is loud, so that a model that hears it gives itself away."""
    longest = max(map(len, clips))
    batch = torch.stack([functional.pad(clip, (0, longest - len(clip)), value=value) for clip in clips])
    mask = torch.stack([(torch.arange(longest) < len(clip)).long() for clip in clips])
    return batch, mask


def one_group_norm(states: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    mean, variance = states.mean(), states.var(unbiased=False)
    return (states - mean) / math.sqrt(variance + 1e-5) * weight[:, None] + bias[:, None]


def reference_features(weights, clip, strides, activation) -> torch.Tensor:
    states = clip[None]
    for index, stride in enumerate(strides):
        name = f"feature_extractor.conv_layers.{index}"
        states = functional.conv1d(states, weights[f"{name}.0.weight"], stride=stride)
        states = activation(one_group_norm(states, weights[f"{name}.2.weight"], weights[f"{name}.2.bias"]))
    return states


def reference_contexts(weights, states, num_layers, activation) -> list[torch.Tensor]:
    outputs = []
    for index in range(num_layers):
        name = f"feature_aggregator.conv_layers.{index}"
        kernel = weights[f"{name}.1.weight"]
        past = torch.cat([states[:, :1].expand(-1, kernel.shape[-1] - 1), states], dim=1)
        new = functional.conv1d(past, kernel, weights[f"{name}.1.bias"])
        new = activation(one_group_norm(new, weights[f"{name}.3.weight"], weights[f"{name}.3.bias"]))
        states = (new + states) * math.sqrt(0.5)
        outputs.append(states)
    return outputs


@pytest.fixture
def model() -> Wav2VecModel:
    model = Wav2VecModel(Wav2VecConfig(**TINY)).eval()
    model.load_state_dict(random_weights(model))
    return model


def save_checkpoint(path, weights, **changes):
    torch.save({"task_cfg": {"data": "/"}, "model_cfg": MODEL_CFG | changes, "model_weight": weights}, path)
    return path


def test_hidden_states_equal_the_paper_written_out(model):
    (clip,) = waveforms(1000)
    weights = model.state_dict()
    z = torch.log(1 + reference_features(weights, clip, TINY["conv_stride"], torch.relu).abs())
    expected = [z, *reference_contexts(weights, z, 3, torch.relu)]
    outputs = model(clip[None], output_hidden_states=True)
    assert len(outputs.hidden_states) == len(expected)
    for state, reference in zip(outputs.hidden_states, expected, strict=True):
        torch.testing.assert_close(state[0], reference.T, rtol=1e-4, atol=1e-5)
    assert outputs.last_hidden_state.equal(outputs.hidden_states[-1])


def test_hidden_states_are_returned_only_on_request(model):
    (clip,) = waveforms(1000)
    assert model(clip[None]).hidden_states is None
    assert isinstance(model(clip[None], return_dict=False), tuple)


def test_a_clip_does_not_depend_on_its_batch(model):
    clips = waveforms(1000, 403, 777)
    batch, mask = padded_batch(clips)
    together = model(batch, mask, output_hidden_states=True)
    num_frames = model._get_feat_extract_output_lengths(mask.sum(dim=-1)).tolist()
    for row, clip in enumerate(clips):
        alone = model(clip[None], output_hidden_states=True)
        assert alone.last_hidden_state.shape[1] == num_frames[row]
        for state, expected in zip(together.hidden_states, alone.hidden_states, strict=True):
            torch.testing.assert_close(state[row, : num_frames[row]], expected[0], rtol=1e-4, atol=1e-5)
            assert not state[row, num_frames[row] :].any()


def test_group_norms_do_hear_the_padding_without_a_mask(model):
    clips = waveforms(1000, 403)
    batch, _ = padded_batch(clips)
    frames = int(model._get_feat_extract_output_lengths(403))
    alone = model(clips[1][None]).last_hidden_state[0]
    assert not torch.allclose(model(batch).last_hidden_state[1, :frames], alone, atol=1e-3)


def test_a_clip_without_a_frame_is_refused(model):
    shortest = model.config.minimum_samples
    assert model(torch.zeros(1, shortest)).last_hidden_state.shape == (1, 1, 6)
    with pytest.raises(ValueError, match=f"has {shortest - 1} samples, but Wav2VecModel needs {shortest}"):
        model(torch.zeros(1, shortest - 1))
    with pytest.raises(ValueError, match="has 3 samples"):
        model(torch.zeros(2, 1000), torch.tensor([[1] * 1000, [1] * 3 + [0] * 997]))


def test_s3prl_checkpoint_loads_with_nothing_missing_or_left_over(model, tmp_path):
    loaded = Wav2VecModel.from_s3prl(save_checkpoint(tmp_path / "wav2vec.pt", model.state_dict()))
    assert not loaded.training
    (clip,) = waveforms(1000)
    assert loaded(clip[None]).last_hidden_state.equal(model(clip[None]).last_hidden_state)


def test_python_objects_beside_the_weights_are_left_out(model, tmp_path):
    path = save_checkpoint(tmp_path / "wav2vec.pt", model.state_dict())
    torch.save({**torch.load(path), "task_cfg": argparse.Namespace(data="/")}, path)
    assert set(Wav2VecModel.from_s3prl(path).state_dict()) == set(model.state_dict())


def test_the_names_are_those_of_fairseq():
    with torch.device("meta"):
        shapes = {name: tuple(value.shape) for name, value in Wav2VecModel(Wav2VecConfig()).state_dict().items()}
    expected = {"wav2vec_predictions.project_to_steps.weight": (512, 512, 1, 12)}
    expected["wav2vec_predictions.project_to_steps.bias"] = (512,)
    for index, kernel in enumerate((10, 8, 4, 4, 4, 1, 1)):
        name = f"feature_extractor.conv_layers.{index}"
        expected |= {f"{name}.0.weight": (512, 512 if index else 1, kernel)}
        expected |= {f"{name}.2.weight": (512,), f"{name}.2.bias": (512,)}
    for index in range(12):
        name = f"feature_aggregator.conv_layers.{index}"
        expected |= {f"{name}.1.weight": (512, 512, index + 2), f"{name}.1.bias": (512,)}
        expected |= {f"{name}.3.weight": (512,), f"{name}.3.bias": (512,)}
    assert shapes == expected


def test_a_renamed_weight_is_refused_by_name(model, tmp_path):
    weights = model.state_dict()
    weights["feature_aggregator.conv_layers.1.2.weight"] = weights.pop("feature_aggregator.conv_layers.1.1.weight")
    path = save_checkpoint(tmp_path / "wav2vec.pt", weights)
    layer = r"feature_aggregator\.conv_layers\.1"
    with pytest.raises(ValueError, match=rf"1 missing: {layer}\.1\.weight; 1 left over: {layer}\.2\.weight"):
        Wav2VecModel.from_s3prl(path)


def test_a_misshapen_weight_is_refused_by_name(model, tmp_path):
    weights = model.state_dict() | {"feature_extractor.conv_layers.0.2.bias": torch.zeros(7)}
    path = save_checkpoint(tmp_path / "wav2vec.pt", weights)
    with pytest.raises(ValueError, match=r"feature_extractor\.conv_layers\.0\.2\.bias is \(7,\) instead of \(6,\)"):
        Wav2VecModel.from_s3prl(path)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"vq_type": "gumbel"}, "quantizer 'gumbel', but Wav2VecModel has 'none'"),
        ({"aggregator": "gru"}, "'aggregator': 'gru'"),
        ({"agg_zero_pad": True}, "'agg_zero_pad': True"),
        ({"conv_aggregator_layers": "[(6, 2, 2)]"}, "stride 1"),
        ({"conv_aggregator_layers": "", "conv_feature_layers": ""}, "one number of channels"),
        ({"prediction_steps": "12"}, "describes no Wav2VecModel that can be built"),
    ],
)
def test_another_architecture_is_refused(model, tmp_path, changes, found):
    path = save_checkpoint(tmp_path / "wav2vec.pt", model.state_dict(), **changes)
    with pytest.raises(ValueError, match=found):
        Wav2VecModel.from_s3prl(path)


def test_fields_that_the_checkpoint_leaves_out_are_those_of_wav2vec(model, tmp_path):
    fields = {name: MODEL_CFG[name] for name in MODEL_CFG if name.startswith(("conv", "prediction"))}
    torch.save({"model_cfg": fields, "model_weight": model.state_dict()}, tmp_path / "wav2vec.pt")
    (clip,) = waveforms(1000)
    loaded = Wav2VecModel.from_s3prl(tmp_path / "wav2vec.pt")
    assert loaded(clip[None]).last_hidden_state.equal(model(clip[None]).last_hidden_state)


def test_unequal_kernels_and_strides_are_refused():
    with pytest.raises(Exception, match="one entry per layer"):
        Wav2VecConfig(conv_kernel=(10, 8), conv_stride=(5,))


def test_parameter_count_is_that_of_emo_superb_table_3():
    with torch.device("meta"):
        model = Wav2VecModel(Wav2VecConfig())
    assert round(model.num_parameters() / 1e6) == 33
    # 22 * 512 * 512 and 10 * 512 in the extractor, kernels 2 to 13 in the aggregator, 12 prediction steps
    norms = 2 * 512 * (7 + 12)
    assert model.num_parameters() == 512 * 512 * (22 + 90 + 12) + 10 * 512 + 12 * 512 + 512 + norms


def test_only_the_weights_of_pretraining_get_no_gradient(model):
    model(waveforms(1000)[0][None]).last_hidden_state.sum().backward()
    unused = {name for name, parameter in model.named_parameters() if parameter.grad is None}
    assert unused == {f"wav2vec_predictions.project_to_steps.{part}" for part in ("weight", "bias")}


def test_saved_model_loads_through_auto_model(model, tmp_path):
    model.save_pretrained(tmp_path)
    loaded = AutoModel.from_pretrained(tmp_path)
    assert isinstance(loaded, Wav2VecModel)
    assert AutoConfig.from_pretrained(tmp_path).num_hidden_layers == 3
    (clip,) = waveforms(1000)
    assert loaded(clip[None]).last_hidden_state.equal(model(clip[None]).last_hidden_state)
