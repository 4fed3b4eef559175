"""Mockingjay and TERA: checked against numpy features and torch's own transformer layer."""

import argparse
import sys
import types

import numpy as np
import pytest
import torch
from torch import nn
from transformers import AutoModel

from hf_emotion.models.encoders import MockingjayConfig, MockingjayModel


SIZES = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 40}


def tiny_model(seed: int = 0, **changes) -> MockingjayModel:
    torch.manual_seed(seed)
    model = MockingjayModel(MockingjayConfig(**SIZES, **changes)).eval()
    for parameter in model.parameters():  # norms and biases that tell whether they are used
        nn.init.normal_(parameter, std=0.2)
    return model


def noise(num_samples: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(num_samples, generator=generator) * torch.linspace(0.01, 0.3, num_samples)


def reference_spectrum(waveform: torch.Tensor) -> np.ndarray:
    """Powers of Hann windows of 400 samples around every 160th of a clip at -25 dB that is mirrored at its ends."""
    samples = waveform.double().numpy()
    samples = samples * 10 ** (-25 / 20) / np.sqrt(np.mean(samples**2))
    mirrored = np.pad(samples, 200, mode="reflect")
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    starts = range(0, len(samples) + 1, 160)
    return np.stack([np.abs(np.fft.rfft(mirrored[start : start + 400] * hann)) ** 2 for start in starts])


def reference_triangles(num_bins: int = 80) -> np.ndarray:
    """Corners equally spaced on the HTK mel scale, sides straight in Hz."""
    corners = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + 8000 / 700), num_bins + 2) / 2595) - 1)
    frequencies = np.arange(201) * 40.0
    return np.stack([np.interp(frequencies, corners[i : i + 3], [0, 1, 0]) for i in range(num_bins)], axis=1)


def reference_deltas(frames: np.ndarray) -> np.ndarray:
    padded = np.pad(frames, ((2, 2), (0, 0)), mode="edge")
    n = len(frames)
    return sum(k * (padded[2 + k : 2 + k + n] - padded[2 - k : 2 - k + n]) for k in (1, 2)) / 10


def normalised(frames: np.ndarray) -> np.ndarray:
    return (frames - frames.mean(0)) / frames.std(0, ddof=1)


def reference_mel(waveform: torch.Tensor) -> np.ndarray:
    return normalised(np.log(reference_spectrum(waveform) @ reference_triangles() + 1e-10))


def reference_states(model: MockingjayModel, features: np.ndarray) -> list[torch.Tensor]:
    """The transformer of the papers with torch's layers, for one clip."""
    weights = {name: value.double() for name, value in model.state_dict().items()}
    size = SIZES["hidden_size"]
    position, index = np.meshgrid(np.arange(len(features)), np.arange(size), indexing="ij")
    angle = position / np.power(10000, 2 * (index // 2) / size)
    positions = torch.from_numpy(np.where(index % 2, np.cos(angle), np.sin(angle)))
    name = "input_representations"
    states = nn.functional.linear(
        torch.from_numpy(features), weights[f"{name}.spec_transform.weight"], weights[f"{name}.spec_transform.bias"]
    )
    norm = (size,), weights[f"{name}.LayerNorm.weight"], weights[f"{name}.LayerNorm.bias"], 1e-12
    states = [nn.functional.layer_norm(states + positions, *norm)]
    for layer in range(SIZES["num_hidden_layers"]):
        states.append(reference_layer(weights, f"encoder.layer.{layer}")(states[-1][None])[0])
    return [state.float() for state in states]


def reference_layer(weights: dict, name: str) -> nn.Module:
    layer = nn.TransformerEncoderLayer(
        SIZES["hidden_size"],
        SIZES["num_attention_heads"],
        SIZES["intermediate_size"],
        activation="gelu",
        layer_norm_eps=1e-12,
        batch_first=True,
    ).double()
    names = {
        "self_attn.out_proj": "attention.output.dense",
        "norm1": "attention.output.LayerNorm",
        "linear1": "intermediate.dense",
        "linear2": "output.dense",
        "norm2": "output.LayerNorm",
    }
    state = {f"{to}.{end}": weights[f"{name}.{of}.{end}"] for to, of in names.items() for end in ("weight", "bias")}
    for end in ("weight", "bias"):
        parts = [weights[f"{name}.attention.self.{part}.{end}"] for part in ("query", "key", "value")]
        state[f"self_attn.in_proj_{end}"] = torch.cat(parts)
    layer.load_state_dict(state)
    return layer.eval()


def assert_close(actual: torch.Tensor, expected, tolerance: float = 2e-4):
    torch.testing.assert_close(actual, torch.as_tensor(expected, dtype=actual.dtype), atol=tolerance, rtol=1e-4)


def test_every_state_equals_that_of_a_reference():
    model, waveform = tiny_model(), noise(5000)
    with torch.no_grad():
        outputs = model(waveform[None], output_hidden_states=True)
        expected = reference_states(model, reference_mel(waveform))
    assert len(outputs.hidden_states) == len(expected) == 3
    for actual, state in zip(outputs.hidden_states, expected, strict=True):
        assert_close(actual[0], state)
    assert torch.equal(outputs.last_hidden_state, outputs.hidden_states[-1])


@pytest.mark.parametrize(
    ("changes", "reference"),
    [
        ({}, reference_mel),
        ({"feature_type": "linear"}, lambda waveform: normalised(np.log(reference_spectrum(waveform) + 1e-10))),
        (
            {"feature_type": "linear", "log": False, "normalize": False, "num_deltas": 1},
            lambda waveform: np.hstack([(power := reference_spectrum(waveform)), reference_deltas(power)]),
        ),
    ],
    ids=["mel", "linear", "linear_without_log_with_deltas"],
)
def test_features_equal_those_of_a_reference(changes, reference):
    model = tiny_model(**changes)
    waveform = noise(4321)
    features, num_frames = model._features(waveform[None], None)
    assert features.shape == (1, int(num_frames), model.config.num_features)
    assert_close(features[0], reference(waveform), tolerance=1e-3)


def test_fbank_features_are_those_of_kaldi_with_derivatives():
    model = tiny_model(feature_type="fbank", num_deltas=2)
    outputs = model(noise(4000)[None])
    assert model.config.num_features == 240
    assert outputs.last_hidden_state.shape[1] == model._get_feat_extract_output_lengths(4000) == 23


def test_a_clip_longer_than_the_limit_is_encoded_in_equal_pieces():
    model, waveform = tiny_model(max_frames=20), noise(50 * 160)  # 51 frames: 17 + 17 + 17
    with torch.no_grad():
        actual = model(waveform[None], output_hidden_states=True).hidden_states
        pieces = [reference_states(model, piece) for piece in np.split(reference_mel(waveform), 3)]
    for state, expected in zip(actual, zip(*pieces, strict=True), strict=True):
        assert_close(state[0], torch.cat(expected))


@pytest.mark.parametrize("changes", [{}, {"max_frames": 20}, {"feature_type": "fbank", "num_deltas": 2}])
def test_a_clip_is_encoded_alike_alone_and_in_a_batch(changes):
    model = tiny_model(**changes)
    lengths = [3000, 7777, 5200, 8000]
    batch, mask = torch.full((4, 8000), 9.0), torch.zeros(4, 8000, dtype=torch.long)
    for row, length in enumerate(lengths):
        batch[row, :length], mask[row, :length] = noise(length, seed=row), 1
    with torch.no_grad():
        together = model(batch, attention_mask=mask, output_hidden_states=True).hidden_states
        for row, length in enumerate(lengths):
            alone = model(batch[row : row + 1, :length], output_hidden_states=True).hidden_states
            frames = int(model._get_feat_extract_output_lengths(torch.tensor(length)))
            for state, expected in zip(together, alone, strict=True):
                assert expected.shape[1] == frames
                torch.testing.assert_close(state[row, :frames], expected[0], atol=1e-5, rtol=1e-5)
    assert all(state.isfinite().all() for state in together)


@pytest.mark.parametrize("waveform", [torch.zeros(3000), torch.ones(50)], ids=["silence", "3_ms"])
def test_silence_and_very_short_clips_give_finite_states(waveform):
    assert tiny_model()(waveform[None]).last_hidden_state.isfinite().all()


@pytest.mark.parametrize(("layers", "millions"), [(12, 85), (3, 21)], ids=["mockingjay", "tera"])
def test_parameter_counts_are_those_of_emo_superb(layers, millions):
    with torch.device("meta"):
        model = MockingjayModel(MockingjayConfig(num_hidden_layers=layers))
    assert round(model.num_parameters() / 1e6) == millions


def s3prl_weights(size: int = 24, inner: int = 40, layers: int = 2, features: int = 80) -> dict[str, torch.Tensor]:
    """Names and shapes of `Transformer` in a checkpoint."""
    linear = {
        "input_representations.spec_transform": (size, features),
        "input_representations.LayerNorm": (size,),
    }
    for index in range(layers):
        name = f"encoder.layer.{index}"
        linear |= {f"{name}.attention.self.{part}": (size, size) for part in ("query", "key", "value")}
        linear |= {
            f"{name}.attention.output.dense": (size, size),
            f"{name}.attention.output.LayerNorm": (size,),
            f"{name}.intermediate.dense": (inner, size),
            f"{name}.output.dense": (size, inner),
            f"{name}.output.LayerNorm": (size,),
        }
    weights = {f"{name}.weight": torch.rand(shape) for name, shape in linear.items()}
    return weights | {f"{name}.bias": torch.rand(shape[0]) for name, shape in linear.items()}


def s3prl_description(**transformer) -> dict:
    return {
        "transformer": {
            "input_dim": -1,
            **SIZES,
            "hidden_act": "gelu",
            "hidden_dropout_prob": 0.1,
            "attention_probs_dropout_prob": 0.2,
            "initializer_range": 0.02,
            "layer_norm_eps": "1e-12",
            "share_layer": False,
            "pre_layer_norm": False,
            **transformer,
        },
        "task": {"loss": "L1", "sequence_length": 3000, "mask_proportion": 0.15},
        "audio": {
            "target_level": -23,
            "win_ms": 25,
            "hop_ms": 10,
            "n_freq": 201,
            "n_mels": 80,
            "n_mfcc": 13,
            "input": {"feat_type": "mel", "channel": 0, "log": True, "delta": 0, "cmvn": True},
            "target": {"feat_type": "mel", "channel": 1, "log": True, "delta": 0, "cmvn": True},
        },
    }


def s3prl_checkpoint(weights: dict, description: dict, is_legacy: bool = True) -> dict:
    training = {"Step": 1_000_000, "Optimizer": {"state": {}}, "Args": argparse.Namespace(seed=1337)}
    head = {"SpecHead": {"dense.weight": torch.rand(24, 24)}, "Transformer": weights}
    configs = {"Config": description} if is_legacy else {"Config": {"runner": {}}, "Upstream_Config": description}
    return {**training, **head, **configs}


@pytest.mark.parametrize("is_legacy", [True, False])
def test_a_checkpoint_in_the_layout_of_s3prl_loads_whole(tmp_path, is_legacy):
    weights, path = s3prl_weights(), tmp_path / "states.ckpt"
    torch.save(s3prl_checkpoint(weights, s3prl_description(), is_legacy), path)
    model = MockingjayModel.from_s3prl(path)
    assert not model.training
    assert set(model.state_dict()) == set(weights)
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
    config = model.config
    assert (config.max_frames, config.target_level, config.attention_dropout) == (3000, -23.0, 0.2)
    assert config.layer_norm_eps == 1e-12


def test_a_file_of_old_torch_loads_although_it_keeps_the_command_line(tmp_path):
    checkpoint, path = s3prl_checkpoint(s3prl_weights(), s3prl_description()), tmp_path / "states.ckpt"
    torch.save(checkpoint, path, _use_new_zipfile_serialization=False)
    assert set(MockingjayModel.from_s3prl(path).state_dict()) == set(checkpoint["Transformer"])


def test_the_kaldi_features_of_a_checkpoint_are_taken_over(tmp_path):
    description = s3prl_description()
    description["audio"] = {
        "kaldi": {"feat_type": "fbank", "fbank": {"num_mel_bins": 80, "frame_length": 25.0, "frame_shift": 10.0}},
        "delta": {"order": 2, "win_length": 5},
        "cmvn": {"use_cmvn": True},
    }
    torch.save(s3prl_checkpoint(s3prl_weights(features=240), description), tmp_path / "states.ckpt")
    config = MockingjayModel.from_s3prl(tmp_path / "states.ckpt").config
    assert (config.feature_type, config.num_features, config.normalize) == ("fbank", 240, True)


def test_objects_of_the_training_code_are_never_built(tmp_path, monkeypatch):
    module = types.ModuleType("optimizers_of_training")
    module.built = []
    exec("class Schedule:\n    def __setstate__(self, state):\n        built.append(self)\n", module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    schedule = module.Schedule()
    schedule.step = 1
    checkpoint = s3prl_checkpoint(s3prl_weights(), s3prl_description()) | {"Scheduler": schedule}
    torch.save(checkpoint, tmp_path / "states.ckpt")
    MockingjayModel.from_s3prl(tmp_path / "states.ckpt")
    assert module.built == []
    torch.load(tmp_path / "states.ckpt", weights_only=False)
    assert len(module.built) == 1  # what plain unpickling does


@pytest.mark.parametrize("renamed", ["encoder.layer.1.output.dense.bias", "input_representations.LayerNorm.weight"])
def test_a_renamed_weight_is_refused_by_name(tmp_path, renamed):
    weights = s3prl_weights()
    weights[f"{renamed}_"] = weights.pop(renamed)
    torch.save(s3prl_checkpoint(weights, s3prl_description()), tmp_path / "states.ckpt")
    with pytest.raises(ValueError, match=f"missing: {renamed}; 1 left over: {renamed}_"):
        MockingjayModel.from_s3prl(tmp_path / "states.ckpt")


def with_audio(**changes) -> dict:
    description = s3prl_description()
    description["audio"] |= changes
    return description


@pytest.mark.parametrize(
    ("description", "message"),
    [
        (s3prl_description(pre_layer_norm=True), "found {'pre_layer_norm': True}"),
        (s3prl_description(share_layer=True), "found {'share_layer': True}"),
        (with_audio(input={"feat_type": "mfcc"}), "reads 'mfcc' features"),
        (with_audio(hop_ms=20), "needs {'hop_ms': 10}, but found {'hop_ms': 20}"),
        ({"transformer": {}, "task": {}}, "lacks 'audio'"),
        ({"runner": {}}, "lacks 'Upstream_Config'"),
        (s3prl_description() | {"task": {}}, "lacks 'sequence_length'"),
        (s3prl_description(hidden_size="wide"), "hidden_size='wide', but needs a value of the type int"),
        (s3prl_description(num_attention_heads=5), "(?s)no MockingjayModel that can be built.*5 attention heads"),
    ],
    ids=["pre_norm", "shared_layers", "mfcc", "hop", "no_audio", "no_description", "no_length", "no_size", "heads"],
)
def test_a_variant_that_the_class_does_not_have_is_refused(tmp_path, description, message):
    torch.save(s3prl_checkpoint(s3prl_weights(), description), tmp_path / "states.ckpt")
    with pytest.raises(ValueError, match=message):
        MockingjayModel.from_s3prl(tmp_path / "states.ckpt")


def test_a_saved_model_loads_through_auto_model(tmp_path):
    model, waveforms = tiny_model(num_deltas=1), noise(3000)[None]
    model.save_pretrained(tmp_path)
    loaded = AutoModel.from_pretrained(tmp_path)
    assert type(loaded) is MockingjayModel
    assert torch.equal(loaded(waveforms).last_hidden_state, model(waveforms).last_hidden_state)


def test_hidden_states_come_only_when_asked_for():
    model = tiny_model()
    assert model(noise(3000)[None]).hidden_states is None
    model.config.output_hidden_states = True
    assert len(model(noise(3000)[None]).hidden_states) == 3


def test_every_parameter_gets_a_gradient():
    model = tiny_model().train()
    model(noise(3000)[None]).last_hidden_state.square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
