"""APC and VQ-APC compute what the papers say, load S3PRL's checkpoints strictly, and look at no padding."""

import copy

import numpy as np
import pytest
import torch
from transformers import AutoModel

from hf_emotion.models.encoders import ApcConfig, ApcModel, VqApcConfig, VqApcModel
from hf_emotion.models.encoders.filter_bank import clip_features

from .test_filter_bank import noise, padded_batch


TINY = {"num_mel_bins": 6, "hidden_size": 8}
TINY_CODES = {**TINY, "codebook_sizes": [5, 3], "code_sizes": [6, 2]}
MODELS = [(ApcConfig, ApcModel, TINY), (VqApcConfig, VqApcModel, TINY_CODES)]


def tiny_model(model_class=ApcModel, seed: int = 0):
    torch.manual_seed(seed)
    sizes = TINY_CODES if model_class is VqApcModel else TINY
    return model_class(model_class.config_class(**sizes)).eval()


def s3prl_checkpoint(codebooks: bool) -> dict:
    """The layout that S3PRL downloads, for tiny sizes; names written out by hand."""
    generator = torch.Generator().manual_seed(1)
    shapes = {}
    for layer, size in enumerate((6, 8, 8)):
        shapes[f"rnn_layers.{layer}.weight_ih_l0"] = (24, size)
        shapes[f"rnn_layers.{layer}.weight_hh_l0"] = (24, 8)
        shapes[f"rnn_layers.{layer}.bias_ih_l0"] = (24,)
        shapes[f"rnn_layers.{layer}.bias_hh_l0"] = (24,)
    shapes |= {"postnet.weight": (6, 8), "postnet.bias": (6,)}
    paras = {"num_layers": 3, "hidden_size": 8, "dropout": 0.1, "residual": True}
    if codebooks:
        paras["vq"] = {"codebook_size": [5, 3], "code_dim": [6, 2], "gumbel_temperature": 0.5}
        for group, (size, codes) in enumerate(((6, 5), (2, 3))):
            shapes[f"vq_layers.{group}.vq_logits.weight"] = (codes, size)
            shapes[f"vq_layers.{group}.vq_logits.bias"] = (codes,)
            shapes[f"vq_layers.{group}.codebook_CxE.weight"] = (size, codes)
    audio = {"feat_type": "fbank", "feat_dim": 6, "frame_length": 25, "frame_shift": 10, "cmvn": True}
    return {
        "model": {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()},
        "config": {"data": {"audio": audio}, "model": {"method": "apc", "paras": paras}},
        "global_step": 3,
    }


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def gru(inputs: np.ndarray, weights: dict[str, np.ndarray], layer: int) -> np.ndarray:
    """Cho et al., 2014, in the form that PyTorch documents: gates r, z, n stacked in this order."""
    w_ih, w_hh, b_ih, b_hh = (
        weights[f"rnn_layers.{layer}.{name}_l0"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    state = np.zeros(w_hh.shape[1])
    states = []
    for frame in inputs:
        from_input, from_state = np.split(w_ih @ frame + b_ih, 3), np.split(w_hh @ state + b_hh, 3)
        reset, update = sigmoid(from_input[0] + from_state[0]), sigmoid(from_input[1] + from_state[1])
        candidate = np.tanh(from_input[2] + reset * from_state[2])
        state = (1 - update) * candidate + update * state
        states.append(state)
    return np.stack(states)


def reference_forward(features: np.ndarray, weights: dict[str, np.ndarray], code_sizes=()):
    """Hidden states and prediction by the papers: residual connections from the second layer on, nearest code last."""
    states = [gru(features, weights, 0)]
    for layer in (1, 2):
        states.append(gru(states[-1], weights, layer) + states[-1])
    frames = states[-1]
    if code_sizes:
        parts = np.split(frames, np.cumsum(code_sizes)[:-1], axis=1)
        quantized = []
        for group, part in enumerate(parts):
            logits = part @ weights[f"vq_layers.{group}.vq_logits.weight"].T
            chosen = (logits + weights[f"vq_layers.{group}.vq_logits.bias"]).argmax(axis=1)
            quantized.append(weights[f"vq_layers.{group}.codebook_CxE.weight"].T[chosen])
        frames = np.concatenate(quantized, axis=1)
    return states, frames @ weights["postnet.weight"].T + weights["postnet.bias"]


@pytest.mark.parametrize("codebooks", [False, True])
def test_checkpoint_of_s3prl_computes_the_papers_formulas(codebooks, tmp_path):
    checkpoint = s3prl_checkpoint(codebooks)
    torch.save(checkpoint, tmp_path / "apc.ckpt")
    model = (VqApcModel if codebooks else ApcModel).from_s3prl(tmp_path / "apc.ckpt")
    assert not model.training
    waveform = noise(3000)
    features, _ = clip_features(waveform, num_mel_bins=6, window="hamming")
    weights = {name: value.double().numpy() for name, value in checkpoint["model"].items()}
    states, prediction = reference_forward(features[0].double().numpy(), weights, (6, 2) if codebooks else ())
    with torch.no_grad():
        outputs = model(waveform, output_hidden_states=True)
        predicted = model.predict(outputs.last_hidden_state)
    assert len(outputs.hidden_states) == 3
    for found, expected in zip(outputs.hidden_states, states, strict=True):
        np.testing.assert_allclose(found[0].numpy(), expected, atol=1e-4)
    np.testing.assert_allclose(outputs.last_hidden_state[0].numpy(), states[-1], atol=1e-4)
    np.testing.assert_allclose(predicted[0].numpy(), prediction, atol=1e-3)


@pytest.mark.parametrize(("codebooks", "model_class"), [(False, ApcModel), (True, VqApcModel)])
def test_every_weight_of_the_checkpoint_is_loaded(codebooks, model_class, tmp_path):
    checkpoint = s3prl_checkpoint(codebooks)
    torch.save(checkpoint, tmp_path / "apc.ckpt")
    loaded = model_class.from_s3prl(tmp_path / "apc.ckpt").state_dict()
    assert set(loaded) == set(checkpoint["model"])
    assert all(torch.equal(loaded[name], value) for name, value in checkpoint["model"].items())


def test_renamed_weight_is_refused_by_both_names(tmp_path):
    checkpoint = s3prl_checkpoint(codebooks=False)
    checkpoint["model"]["rnn_layers.1.weights"] = checkpoint["model"].pop("rnn_layers.1.weight_ih_l0")
    torch.save(checkpoint, tmp_path / "apc.ckpt")
    with pytest.raises(ValueError, match="rnn_layers.1.weight_ih_l0.*left over: rnn_layers.1.weights"):
        ApcModel.from_s3prl(tmp_path / "apc.ckpt")


def test_misshapen_weight_is_refused_by_name(tmp_path):
    checkpoint = s3prl_checkpoint(codebooks=False)
    checkpoint["model"]["postnet.weight"] = torch.zeros(6, 9)
    torch.save(checkpoint, tmp_path / "apc.ckpt")
    with pytest.raises(ValueError, match=r"postnet.weight is \(6, 9\) instead of \(6, 8\)"):
        ApcModel.from_s3prl(tmp_path / "apc.ckpt")


@pytest.mark.parametrize(
    ("part", "option", "value", "message"),
    [
        ("audio", "frame_shift", 20, "frame_shift"),
        ("audio", "feat_type", "mfcc", "mfcc"),
        ("audio", "vtln_warp", 1.1, "vtln_warp"),
        ("paras", "bidirectional", True, "bidirectional"),
    ],
)
def test_option_that_is_not_computed_is_refused_by_name(part, option, value, message, tmp_path):
    checkpoint = s3prl_checkpoint(codebooks=False)
    config = checkpoint["config"]
    (config["data"]["audio"] if part == "audio" else config["model"]["paras"])[option] = value
    torch.save(checkpoint, tmp_path / "apc.ckpt")
    with pytest.raises(ValueError, match=message):
        ApcModel.from_s3prl(tmp_path / "apc.ckpt")


@pytest.mark.parametrize(
    ("part", "option", "value"), [("paras", "hidden_size", "8"), ("vq", "code_dim", [5, 2]), ("vq", "code_dim", [8])]
)
def test_config_that_describes_no_model_is_refused_by_name(part, option, value, tmp_path):
    checkpoint = s3prl_checkpoint(codebooks=True)
    paras = checkpoint["config"]["model"]["paras"]
    (paras if part == "paras" else paras["vq"])[option] = value
    torch.save(checkpoint, tmp_path / "apc.ckpt")
    with pytest.raises(ValueError, match="(?s)no VqApcModel that can be built.*(hidden_size|code_sizes)"):
        VqApcModel.from_s3prl(tmp_path / "apc.ckpt")


def test_config_without_sizes_is_refused(tmp_path):
    torch.save({**s3prl_checkpoint(codebooks=False), "config": {}}, tmp_path / "apc.ckpt")
    with pytest.raises(ValueError, match="data.audio"):
        ApcModel.from_s3prl(tmp_path / "apc.ckpt")


@pytest.mark.parametrize(
    ("codebooks", "model_class", "fitting"), [(True, ApcModel, "VqApcModel"), (False, VqApcModel, "`ApcModel")]
)
def test_checkpoint_of_the_other_model_names_the_class_that_fits(codebooks, model_class, fitting, tmp_path):
    torch.save(s3prl_checkpoint(codebooks), tmp_path / "apc.ckpt")
    with pytest.raises(ValueError, match=fitting):
        model_class.from_s3prl(tmp_path / "apc.ckpt")


@pytest.mark.parametrize(
    ("config", "model_class", "parameters"),
    # three GRUs: 912384 + 2 * 1575936; postnet 41040; 512 logits of size 512 with bias and 512 codes: 524800
    [(ApcConfig(), ApcModel, 4_105_296), (VqApcConfig(), VqApcModel, 4_630_096)],
)
def test_parameter_counts_are_those_of_the_published_models(config, model_class, parameters):
    with torch.device("meta"):
        assert model_class(config).num_parameters() == parameters


@pytest.mark.parametrize("model_class", [ApcModel, VqApcModel])
def test_states_of_a_clip_do_not_depend_on_its_batch(model_class):
    model = tiny_model(model_class)
    clips = [noise(length, seed) for seed, length in enumerate((6000, 2500, 100))]
    with torch.no_grad():
        together = model(*padded_batch(*clips, padding=3.0), output_hidden_states=True).hidden_states
        for row, clip in enumerate(clips):
            alone = model(clip, output_hidden_states=True).hidden_states
            for batch, single in zip(together, alone, strict=True):
                frames = single.shape[1]
                torch.testing.assert_close(batch[row, :frames], single[0], atol=1e-5, rtol=0)
                assert not batch[row, frames:].any()


def test_no_state_depends_on_later_frames():
    model = tiny_model()
    model.config.normalize = False  # statistics of the clip do
    waveform = noise(4000)
    changed = waveform.clone()
    changed[:, 2000:] += 0.5
    with torch.no_grad():
        before, after = (model(clip).last_hidden_state for clip in (waveform, changed))
    seen = 1 + (2000 - 400) // 160
    torch.testing.assert_close(before[:, :seen], after[:, :seen])
    assert not torch.allclose(before[:, seen:], after[:, seen:])


@pytest.mark.parametrize("model_class", [ApcModel, VqApcModel])
def test_saved_model_loads_through_the_auto_classes(model_class, tmp_path):
    model = tiny_model(model_class)
    model.save_pretrained(tmp_path)
    loaded, info = AutoModel.from_pretrained(tmp_path, output_loading_info=True)
    assert type(loaded) is model_class
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    with torch.no_grad():
        for found, expected in zip(
            loaded(noise(3000), output_hidden_states=True).hidden_states,
            model(noise(3000), output_hidden_states=True).hidden_states,
            strict=True,
        ):
            torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("model_class", [ApcModel, VqApcModel])
def test_pretraining_loss_reaches_every_parameter(model_class):
    model = tiny_model(model_class).train()
    waveform = noise(4000)
    target, _ = model.extract_features(waveform)
    predicted = model.predict(model(waveform).last_hidden_state)
    (predicted[:, :-3] - target[:, 3:]).abs().mean().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert any(parameter.grad.any() for parameter in model.rnn_layers[0].parameters())


@pytest.mark.parametrize("model_class", [ApcModel, VqApcModel])
def test_every_tensor_is_on_the_device_of_the_model(model_class):
    outputs = tiny_model(model_class).to("meta")(torch.zeros(2, 3000, device="meta"))
    assert outputs.last_hidden_state.shape == (2, 17, 8)


def test_hidden_states_are_returned_on_request_only():
    model = tiny_model()
    assert model(noise(1000)).hidden_states is None
    assert len(model(noise(1000), output_hidden_states=True, return_dict=False)) == 2


def test_fresh_weights_are_those_of_torch():
    model = ApcModel(ApcConfig(hidden_size=64))
    bound = 64**-0.5
    for name, parameter in model.named_parameters():
        assert parameter.abs().max() <= bound, name
        assert parameter.abs().max() > 0.8 * bound, name


@pytest.mark.parametrize(
    "changes", [{"code_sizes": [5, 2]}, {"code_sizes": [8]}, {"codebook_sizes": None}, {"num_hidden_layers": 0}]
)
def test_config_that_cannot_work_is_refused(changes):
    with pytest.raises(Exception, match="hidden_size|codebook_sizes|num_hidden_layers"):
        VqApcConfig(**(copy.deepcopy(TINY_CODES) | changes))
