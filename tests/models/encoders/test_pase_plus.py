"""PASE+: the forward pass against one written from the paper, strict loading, padding, parameter counts."""

import math

import pytest
import torch
from torch.nn import functional
from transformers import AutoModel

from hf_emotion.models.encoders import PasePlusConfig, PasePlusModel

from .test_wav2vec import padded_batch, random_weights, waveforms


TINY = {
    "hidden_size": 5,
    "conv_channels": (4, 4, 6, 6, 8),
    "conv_kernel": (31, 20, 11, 11, 11),
    "conv_stride": (1, 10, 2, 1, 2),
    "recurrent_size": 6,
}
PADDINGS = ((15, 15), (9, 10), (4, 5), (5, 5), (4, 5))


def tiny_model() -> PasePlusModel:
    model = PasePlusModel(PasePlusConfig(**TINY)).eval()
    weights = random_weights(model)
    for name, value in weights.items():
        if name.endswith("running_var"):
            weights[name] = value.abs() + 0.5
        elif name.endswith("num_batches_tracked"):
            weights[name] = torch.tensor(7)
        elif name.endswith("hz_"):
            weights[name] = 2000 * value  # negative edges count by their size
    model.load_state_dict(weights)
    return model


def reference_filter(low_hz: float, band_hz: float, kernel: int) -> torch.Tensor:
    """One band-pass filter: the difference of two sinc functions, windowed and scaled to 1 in the middle."""
    low = 50 + abs(low_hz)
    high = min(low + 50 + abs(band_hz), 8000.0)
    half, values = kernel // 2, []
    for index in range(half):
        seconds = (index - half) / 16000
        window = 0.54 - 0.46 * math.cos(2 * math.pi * index * (kernel / 2 - 1) / (half - 1) / kernel)
        sines = math.sin(2 * math.pi * high * seconds) - math.sin(2 * math.pi * low * seconds)
        values.append(sines / (math.pi * seconds) / (2 * (high - low)) * window)
    return torch.tensor([*values, 1.0, *reversed(values)])


def reference_norm(weights, name: str, states: torch.Tensor) -> torch.Tensor:
    mean, variance = weights[f"{name}.running_mean"], weights[f"{name}.running_var"]
    return (states - mean[:, None]) / torch.sqrt(variance + 1e-5)[:, None]


def reference_blocks(weights, clip: torch.Tensor) -> list[torch.Tensor]:
    states, outputs = clip[None], []
    for index, ((left, right), stride) in enumerate(zip(PADDINGS, TINY["conv_stride"], strict=True)):
        name = f"blocks.{index}"
        last = states.shape[1] - 1
        mirrored = torch.cat([states[:, 1 : left + 1].flip(1), states, states[:, last - right : last].flip(1)], dim=1)
        if index:
            kernel, bias = weights[f"{name}.conv.weight"], weights[f"{name}.conv.bias"]
        else:
            edges = zip(weights[f"{name}.conv.low_hz_"], weights[f"{name}.conv.band_hz_"], strict=True)
            kernel = torch.stack([reference_filter(float(low), float(band), 31) for low, band in edges])[:, None]
            bias = None
        states = reference_norm(weights, f"{name}.norm", functional.conv1d(mirrored, kernel, bias, stride=stride))
        states = states * weights[f"{name}.norm.weight"][:, None] + weights[f"{name}.norm.bias"][:, None]
        states = torch.where(states > 0, states, states * weights[f"{name}.act.weight"][:, None])
        outputs.append(states)
    return outputs


def reference_qrnn(weights, states: torch.Tensor) -> torch.Tensor:
    previous, cell, outputs = torch.zeros(len(states)), torch.zeros(6), []
    for frame in states.T:
        window = torch.cat([frame, previous])
        gates = weights["rnn.layers.0.linear.weight"] @ window + weights["rnn.layers.0.linear.bias"]
        new, update, leave = gates[:6].tanh(), gates[6:12].sigmoid(), gates[12:].sigmoid()
        cell = update * new + (1 - update) * cell
        outputs.append(leave * cell)
        previous = frame
    return torch.stack(outputs, dim=1)


def reference_states(weights, clip: torch.Tensor) -> list[torch.Tensor]:
    *skipped, last = reference_blocks(weights, clip)
    context = weights["W.weight"][..., 0] @ reference_qrnn(weights, last) + weights["W.bias"][:, None]
    num_frames, states = context.shape[1], []
    for index, output in enumerate(skipped):
        projected = weights[f"denseskips.{index}.weight"][..., 0] @ output
        width = projected.shape[1] // num_frames
        windows = [projected[:, frame * width : (frame + 1) * width].mean(dim=1) for frame in range(num_frames)]
        states.append(torch.stack(windows, dim=1))
    return [*states, context, reference_norm(weights, "norm_out", sum(states) + context)]


# 995 samples give 25 frames, and windows of 39 samples, one less than the hop
@pytest.mark.parametrize("num_samples", [800, 995])
def test_hidden_states_equal_the_paper_written_out(num_samples):
    model = tiny_model()
    (clip,) = waveforms(num_samples)
    expected = reference_states(model.state_dict(), clip)
    outputs = model(clip[None], output_hidden_states=True)
    assert len(outputs.hidden_states) == len(expected) == model.config.num_hidden_layers + 1
    for state, reference in zip(outputs.hidden_states, expected, strict=True):
        torch.testing.assert_close(state[0], reference.T, rtol=1e-4, atol=1e-5)
    assert outputs.last_hidden_state.equal(outputs.hidden_states[-1])
    assert model(clip[None]).hidden_states is None


def test_a_clip_does_not_depend_on_its_batch():
    model = tiny_model()
    clips = waveforms(995, 403, 800, model.config.minimum_samples)
    batch, mask = padded_batch(clips)
    together = model(batch, mask, output_hidden_states=True)
    for row, clip in enumerate(clips):
        alone = model(clip[None], output_hidden_states=True)
        frames = int(model._get_feat_extract_output_lengths(len(clip)))
        assert alone.last_hidden_state.shape[1] == frames
        for state, expected in zip(together.hidden_states, alone.hidden_states, strict=True):
            torch.testing.assert_close(state[row, :frames], expected[0], rtol=1e-4, atol=1e-5)
            assert not state[row, frames:].any()


def test_training_keeps_the_statistics_and_reaches_all_parameters():
    model = tiny_model()
    (clip,) = waveforms(800)
    expected = model(clip[None]).last_hidden_state
    trained = model.train()(clip[None]).last_hidden_state
    assert trained.equal(expected)
    trained.square().sum().backward()
    assert not [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert model.norm_out.num_batches_tracked == 7


def test_a_clip_too_short_to_reflect_is_refused():
    model = tiny_model()
    shortest = model.config.minimum_samples
    assert model(torch.zeros(1, shortest)).last_hidden_state.shape[1] >= 1
    with pytest.raises(ValueError, match=f"has {shortest - 1} samples, but PasePlusModel needs {shortest}"):
        model(torch.zeros(1, shortest - 1))


def test_new_filters_are_equally_wide_in_mel_and_new_activations_are_relu():
    conv = PasePlusModel(PasePlusConfig(**TINY)).blocks[0].conv
    low, band = conv.low_hz_.flatten().tolist(), conv.band_hz_.flatten().tolist()
    edges = [*low, low[-1] + band[-1]]
    mel = torch.tensor([2595 * math.log10(1 + hertz / 700) for hertz in edges])
    torch.testing.assert_close(mel.diff(), mel.diff()[:1].expand(4), rtol=1e-3, atol=0.1)
    assert edges[0] == pytest.approx(30, abs=0.1)
    assert edges[-1] == pytest.approx(7900, abs=1)
    assert not PasePlusModel(PasePlusConfig(**TINY)).blocks[1].act.weight.any()


@pytest.mark.parametrize("wrapped", [False, True])
def test_s3prl_checkpoint_loads_with_nothing_missing_or_left_over(tmp_path, wrapped):
    model = tiny_model()
    weights = model.state_dict()
    torch.save({"state_dict": weights, "step": 199} if wrapped else weights, tmp_path / "FE_e199.ckpt")
    loaded = PasePlusModel.from_s3prl(tmp_path / "FE_e199.ckpt", model.config)
    assert not loaded.training
    (clip,) = waveforms(800)
    assert loaded(clip[None]).last_hidden_state.equal(model(clip[None]).last_hidden_state)


def test_a_renamed_weight_is_refused_by_name(tmp_path):
    model = tiny_model()
    weights = model.state_dict()
    weights["rnn.linear.weight"] = weights.pop("rnn.layers.0.linear.weight")
    torch.save(weights, tmp_path / "FE_e199.ckpt")
    with pytest.raises(ValueError, match=r"missing: rnn\.layers\.0\.linear\.weight; 1 left over: rnn\.linear\.weight"):
        PasePlusModel.from_s3prl(tmp_path / "FE_e199.ckpt", model.config)


def test_weights_of_another_architecture_are_refused(tmp_path):
    torch.save(tiny_model().state_dict(), tmp_path / "FE_e199.ckpt")
    with pytest.raises(ValueError, match=r"misshapen: .*blocks\.0\.act\.weight is \(4,\) instead of \(64,\)"):
        PasePlusModel.from_s3prl(tmp_path / "FE_e199.ckpt")


@pytest.mark.parametrize(
    ("changes", "found"),
    [({"conv_stride": (1, 10)}, "one entry per layer"), ({"conv_kernel": (30, 20, 11, 11, 11)}, "odd kernel size")],
)
def test_impossible_convolutions_are_refused(changes, found):
    with pytest.raises(Exception, match=found):
        PasePlusConfig(**TINY | changes)


def test_parameter_count_is_that_of_emo_superb_table_3():
    with torch.device("meta"):
        model = PasePlusModel(PasePlusConfig())
    assert round(model.num_parameters() / 1e6) == 8
    channels, kernels = [64, 64, 128, 128, 256, 256, 512, 512], [20, 11, 11, 11, 11, 11, 11]
    pairs = zip(channels[1:], channels[:-1], kernels, strict=True)
    convolutions = 2 * 64 + sum(outputs * inputs * kernel + outputs for outputs, inputs, kernel in pairs)
    skips = 256 * sum(channels[:-1])
    qrnn, projection = 3 * 512 * (2 * 512 + 1), 256 * 513
    assert model.num_parameters() == convolutions + 3 * sum(channels) + skips + qrnn + projection


def test_the_names_outside_the_blocks_are_those_of_the_published_checkpoint():
    with torch.device("meta"):
        names = set(PasePlusModel(PasePlusConfig()).state_dict())
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    expected = {f"denseskips.{index}.weight" for index in range(7)} | {"W.weight", "W.bias"}
    expected |= {"rnn.layers.0.linear.weight", "rnn.layers.0.linear.bias"}
    expected |= {f"norm_out.{statistic}" for statistic in statistics}
    for index in range(8):
        conv = ("weight", "bias") if index else ("low_hz_", "band_hz_")
        expected |= {f"blocks.{index}.conv.{part}" for part in conv}
        expected |= {f"blocks.{index}.norm.{part}" for part in ("weight", "bias", *statistics)}
        expected.add(f"blocks.{index}.act.weight")
    assert names == expected


def test_saved_model_loads_through_auto_model(tmp_path):
    model = tiny_model()
    model.save_pretrained(tmp_path)
    loaded = AutoModel.from_pretrained(tmp_path)
    assert isinstance(loaded, PasePlusModel)
    (clip,) = waveforms(800)
    assert loaded(clip[None]).last_hidden_state.equal(model(clip[None]).last_hidden_state)
