"""DeCoAR 2.0: checked against numpy features and the transformer of Wav2Vec 2.0, whose layers it shares."""

import argparse

import numpy as np
import pytest
import torch
from torch import nn
from transformers import AutoModel, Wav2Vec2Config
from transformers.models.wav2vec2.modeling_wav2vec2 import Wav2Vec2Encoder

from hf_emotion.models.encoders import Decoar2Config, Decoar2Model


SIZES = {
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 4,
}


def tiny_model(seed: int = 0, **changes) -> Decoar2Model:
    torch.manual_seed(seed)
    model = Decoar2Model(Decoar2Config(**SIZES | changes)).eval()
    for parameter in model.parameters():  # norms and biases that tell whether they are used
        nn.init.normal_(parameter, std=0.2)
    return model


def noise(num_samples: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(num_samples, generator=generator) * torch.linspace(0.01, 0.3, num_samples)


def reference_features(waveform: torch.Tensor) -> np.ndarray:
    """Kaldi's filter bank with a Hamming window, normalised over all frames, then every second frame."""
    samples = waveform.double().numpy()
    hamming = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(400) / 399)
    corners = np.linspace(1127 * np.log(1 + 20 / 700), 1127 * np.log(1 + 8000 / 700), 82)
    mels = 1127 * np.log(1 + np.arange(256) * 31.25 / 700)
    triangles = np.stack([np.interp(mels, corners[i : i + 3], [0, 1, 0]) for i in range(80)], axis=1)
    frames = []
    for start in range(0, len(samples) - 399, 160):
        frame = samples[start : start + 400] - samples[start : start + 400].mean()
        frame = (frame - 0.97 * np.insert(frame[:-1], 0, frame[0])) * hamming
        power = np.abs(np.fft.rfft(frame, 512))[:256] ** 2
        frames.append(np.log(np.maximum(power @ triangles, np.finfo(np.float32).eps)))
    return ((frames - np.mean(frames, 0)) / np.std(frames, 0, ddof=1))[::2]


def reference_states(model: Decoar2Model, features: np.ndarray) -> list[torch.Tensor]:
    sizes = {name: getattr(model.config, name) for name in SIZES}
    reference = Wav2Vec2Encoder(Wav2Vec2Config(**sizes, attn_implementation="eager")).eval()
    parts = {
        "pos_conv.0.weight_g": "pos_conv_embed.conv.parametrizations.weight.original0",
        "pos_conv.0.weight_v": "pos_conv_embed.conv.parametrizations.weight.original1",
        "pos_conv.0.bias": "pos_conv_embed.conv.bias",
        "self_attn_layer_norm": "layer_norm",
        "self_attn": "attention",
        "fc1": "feed_forward.intermediate_dense",
        "fc2": "feed_forward.output_dense",
    }
    state = {}
    for name, value in model.encoder.state_dict().items():
        for ours, theirs in parts.items():
            if ours in name:
                name = name.replace(ours, theirs)
                break
        state[name] = value
    reference.load_state_dict(state)
    projected = model.post_extract_proj(torch.from_numpy(features).float())
    states: list[torch.Tensor] = []
    for layer in reference.layers:
        layer.register_forward_pre_hook(lambda module, args: states.append(args[0]))
    last = reference(projected[None]).last_hidden_state
    return [*states, last]


@pytest.mark.parametrize(("num_samples", "taps"), [(6000, 8), (6160, 7)], ids=["even", "odd"])
def test_every_state_equals_that_of_a_reference(num_samples, taps):
    model, waveform = tiny_model(num_conv_pos_embeddings=taps), noise(num_samples)
    with torch.no_grad():
        outputs = model(waveform[None], output_hidden_states=True)
        expected = reference_states(model, reference_features(waveform))
    assert len(outputs.hidden_states) == len(expected) == 3
    for actual, state in zip(outputs.hidden_states, expected, strict=True):
        torch.testing.assert_close(actual, state, atol=3e-4, rtol=1e-4)
    assert torch.equal(outputs.last_hidden_state, outputs.hidden_states[-1])


def test_a_clip_is_encoded_alike_alone_and_in_a_batch():
    model = tiny_model()
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


def test_the_parameter_count_is_that_of_emo_superb():
    with torch.device("meta"):
        model = Decoar2Model(Decoar2Config())
    assert round(model.num_parameters() / 1e6) == 90


def test_a_fresh_positional_convolution_has_the_weights_that_were_drawn():
    torch.manual_seed(0)
    conv = Decoar2Model(Decoar2Config(num_hidden_layers=1)).encoder.pos_conv[0]
    length = conv.weight_v.norm(dim=(0, 1), keepdim=True)
    torch.testing.assert_close(conv.weight_g.expand_as(length), length, rtol=0.05, atol=0)
    assert conv.bias.abs().max() == 0


@pytest.fixture(scope="module")
def published_weights() -> dict[str, torch.Tensor]:
    """Names and shapes of the encoder in the published checkpoint."""
    shapes = {
        "post_extract_proj": (768, 80),
        "encoder.layer_norm": (768,),
    }
    for index in range(12):
        name = f"encoder.layers.{index}"
        shapes |= {f"{name}.self_attn.{part}_proj": (768, 768) for part in "kvq"}
        shapes |= {f"{name}.self_attn.out_proj": (768, 768), f"{name}.self_attn_layer_norm": (768,)}
        shapes |= {f"{name}.fc1": (3072, 768), f"{name}.fc2": (768, 3072), f"{name}.final_layer_norm": (768,)}
    # one value for each weight, expanded: a file holds only the values
    value = iter(torch.linspace(0.1, 0.9, 2 * len(shapes) + 3))
    weights = {f"{name}.weight": next(value).expand(shape) for name, shape in shapes.items()}
    weights |= {f"{name}.bias": next(value).expand(shape[0]) for name, shape in shapes.items()}
    conv = {"bias": (768,), "weight_g": (1, 1, 128), "weight_v": (768, 48, 128)}
    return weights | {f"encoder.pos_conv.0.{name}": next(value).expand(shape) for name, shape in conv.items()}


def save_checkpoint(path, weights: dict) -> None:
    torch.save({"args": argparse.Namespace(arch="decoar2"), "model": weights, "optimizer_history": []}, path)


def test_a_checkpoint_in_the_layout_of_s3prl_loads_whole(tmp_path, published_weights):
    pretraining = {"mask_emb": torch.rand(768), "quantizer.vars": torch.rand(1, 640, 384)}
    save_checkpoint(tmp_path / "checkpoint_decoar2.pt", published_weights | pretraining)
    model = Decoar2Model.from_s3prl(tmp_path / "checkpoint_decoar2.pt")
    assert not model.training
    assert set(model.state_dict()) == set(published_weights)
    for name, value in model.state_dict().items():
        assert value.shape == published_weights[name].shape
        assert value.flatten()[-1] == published_weights[name].flatten()[-1]


@pytest.mark.parametrize("renamed", ["encoder.layers.11.fc2.bias", "encoder.pos_conv.0.weight_g"])
def test_a_renamed_weight_is_refused_by_name(tmp_path, published_weights, renamed):
    weights = dict(published_weights)
    weights[f"{renamed}_"] = weights.pop(renamed)
    save_checkpoint(tmp_path / "checkpoint_decoar2.pt", weights)
    with pytest.raises(ValueError, match=f"missing: {renamed}; 1 left over: {renamed}_"):
        Decoar2Model.from_s3prl(tmp_path / "checkpoint_decoar2.pt")


def test_a_checkpoint_of_another_encoder_is_refused(tmp_path):
    torch.save({"Config": {}, "Transformer": {}}, tmp_path / "states.ckpt")
    with pytest.raises(ValueError, match="keys model, but is .*Transformer"):
        Decoar2Model.from_s3prl(tmp_path / "states.ckpt")


def test_a_saved_model_loads_through_auto_model(tmp_path):
    model, waveforms = tiny_model(), noise(3000)[None]
    model.save_pretrained(tmp_path)
    loaded = AutoModel.from_pretrained(tmp_path)
    assert type(loaded) is Decoar2Model
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
