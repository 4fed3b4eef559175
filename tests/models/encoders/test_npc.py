"""NPC sees what the paper lets it see, loads S3PRL's checkpoint strictly, and looks at no padding."""

import numpy as np
import pytest
import torch
from transformers import AutoModel

from hf_emotion.models.encoders import NpcConfig, NpcModel
from hf_emotion.models.encoders.filter_bank import clip_features

from .test_filter_bank import noise, padded_batch


TINY = {
    "num_mel_bins": 5,
    "hidden_size": 6,
    "num_hidden_layers": 2,
    "kernel_size": 9,
    "mask_size": 3,
    "codebook_sizes": [4, 4],
    "code_sizes": [3, 3],
}
# what the checkpoint of two such blocks holds, written out by hand
BLOCK = {"conv.bias": (6,), "linear.weight": (6, 6, 1), "linear.bias": (6,)}
NORM = {"weight": (6,), "bias": (6,), "running_mean": (6,), "running_var": (6,), "num_batches_tracked": ()}
CODEBOOK = {"vq_logits.weight": (4, 3), "vq_logits.bias": (4,), "codebook_CxE.weight": (3, 4)}


def tiny_model(seed: int = 0) -> NpcModel:
    torch.manual_seed(seed)
    model = NpcModel(NpcConfig(**TINY)).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    return model


def s3prl_checkpoint() -> dict:
    shapes = {"postnet.weight": (5, 6), "postnet.bias": (5,)}
    for index, size in enumerate((5, 6)):
        shapes |= {f"blocks.{index}.conv.weight": (6, size, 3)}
        shapes |= {f"blocks.{index}.{name}": shape for name, shape in BLOCK.items()}
        shapes |= {f"blocks.{index}.{norm}.{name}": shape for norm in ("bn1", "bn2") for name, shape in NORM.items()}
        shapes |= {f"masked_convs.{index}.conv.weight": (6, 6, 9), f"masked_convs.{index}.conv.bias": (6,)}
        shapes |= {f"vq_layers.{index}.{name}": shape for name, shape in CODEBOOK.items()}
    generator = torch.Generator().manual_seed(1)
    weights = {name: 0.5 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    for index, mask_size in enumerate((5, 7)):
        mask = torch.ones(6, 6, 9)
        mask[:, :, (9 - mask_size) // 2 : (9 + mask_size) // 2] = 0
        weights[f"masked_convs.{index}.conv_mask"] = mask
    for name in weights:
        if name.endswith("running_var"):
            weights[name] = weights[name].abs() + 0.5
        elif name.endswith("num_batches_tracked"):
            weights[name] = torch.tensor(7)
    paras = {"kernel_size": 9, "mask_size": 3, "n_blocks": 2, "hidden_size": 6, "dropout": 0.1, "residual": True}
    paras |= {"batch_norm": True, "activate": "relu", "disable_cross_layer": False}
    paras["vq"] = {"codebook_size": [4, 4], "code_dim": [3, 3], "gumbel_temperature": 1.0}
    audio = {"feat_type": "fbank", "feat_dim": 5, "frame_length": 25, "frame_shift": 10, "cmvn": True}
    return {"model": weights, "config": {"data": {"audio": audio}, "model": {"method": "npc", "paras": paras}}}


def convolved(frames: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Frame by frame, zeros beyond the ends; weight `(out, in, kernel)`."""
    reach = weight.shape[2] // 2
    padded = np.pad(frames, ((reach, reach), (0, 0)))
    windows = [padded[t : t + weight.shape[2]] for t in range(len(frames))]
    return np.stack([np.einsum("oik,ki->o", weight, window) for window in windows]) + bias


def reference_forward(frames: np.ndarray, weights: dict[str, np.ndarray]) -> list[np.ndarray]:
    """States of two blocks by the paper's Figure 2, and the sum of the masked convolutions."""

    def normed(values, name):
        scale = weights[f"{name}.weight"] / np.sqrt(weights[f"{name}.running_var"] + 1e-5)
        return (values - weights[f"{name}.running_mean"]) * scale + weights[f"{name}.bias"]

    states = []
    for index, hidden in enumerate((3, 2)):  # frames visible on each side of the mask, of 9: 2 and 1
        block = f"blocks.{index}"
        inner = convolved(frames, weights[f"{block}.conv.weight"], weights[f"{block}.conv.bias"])
        inner = np.maximum(normed(inner, f"{block}.bn1"), 0)
        inner = inner @ weights[f"{block}.linear.weight"][:, :, 0].T + weights[f"{block}.linear.bias"]
        inner = normed(inner, f"{block}.bn2")
        frames = np.maximum(inner + frames if index else inner, 0)
        kernel = weights[f"masked_convs.{index}.conv.weight"].copy()
        kernel[:, :, hidden - 1 : 10 - hidden] = 0
        states += [frames, np.tanh(convolved(frames, kernel, weights[f"masked_convs.{index}.conv.bias"]))]
    return [*states, states[1] + states[3]]


def test_checkpoint_of_s3prl_computes_the_papers_formulas(tmp_path):
    checkpoint = s3prl_checkpoint()
    torch.save(checkpoint, tmp_path / "npc.ckpt")
    model = NpcModel.from_s3prl(tmp_path / "npc.ckpt")
    features, _ = clip_features(noise(4000), num_mel_bins=5, window="hamming")
    weights = {name: value.double().numpy() for name, value in checkpoint["model"].items()}
    expected = reference_forward(features[0].double().numpy(), weights)
    with torch.no_grad():
        outputs = model(noise(4000), output_hidden_states=True)
    assert len(outputs.hidden_states) == len(expected) == 5
    for found, wanted in zip(outputs.hidden_states, expected, strict=True):
        np.testing.assert_allclose(found[0].numpy(), wanted, atol=1e-4)
    assert outputs.last_hidden_state is outputs.hidden_states[-1]


def test_every_weight_of_the_checkpoint_is_loaded(tmp_path):
    checkpoint = s3prl_checkpoint()
    torch.save(checkpoint, tmp_path / "npc.ckpt")
    loaded = NpcModel.from_s3prl(tmp_path / "npc.ckpt").state_dict()
    assert set(loaded) == set(checkpoint["model"])
    assert all(torch.equal(loaded[name], value) for name, value in checkpoint["model"].items())


def test_checkpoint_without_codebooks_gives_a_model_without(tmp_path):
    checkpoint = s3prl_checkpoint()
    del checkpoint["config"]["model"]["paras"]["vq"]
    weights = checkpoint["model"]
    checkpoint["model"] = {name: value for name, value in weights.items() if not name.startswith("vq_layers")}
    torch.save(checkpoint, tmp_path / "npc.ckpt")
    model = NpcModel.from_s3prl(tmp_path / "npc.ckpt")
    frames = torch.ones(1, 2, 6)
    torch.testing.assert_close(model.predict(frames), frames @ weights["postnet.weight"].T + weights["postnet.bias"])


def test_renamed_weight_is_refused_by_both_names(tmp_path):
    checkpoint = s3prl_checkpoint()
    checkpoint["model"]["blocks.1.norm.weight"] = checkpoint["model"].pop("blocks.1.bn1.weight")
    torch.save(checkpoint, tmp_path / "npc.ckpt")
    with pytest.raises(ValueError, match="missing: blocks.1.bn1.weight.*left over: blocks.1.norm.weight"):
        NpcModel.from_s3prl(tmp_path / "npc.ckpt")


@pytest.mark.parametrize(("option", "value"), [("disable_cross_layer", True), ("dim_bottleneck", 4), ("stride", 2)])
def test_option_that_is_not_computed_is_refused_by_name(option, value, tmp_path):
    checkpoint = s3prl_checkpoint()
    checkpoint["config"]["model"]["paras"][option] = value
    torch.save(checkpoint, tmp_path / "npc.ckpt")
    with pytest.raises(ValueError, match=option):
        NpcModel.from_s3prl(tmp_path / "npc.ckpt")


def test_parameter_count_is_that_of_the_published_model():
    # blocks 388096 + 3 * 1051648; masked convolutions 4 * 3932672; codebooks 4 * 16448; postnet 41040
    with torch.device("meta"):
        assert NpcModel(NpcConfig()).num_parameters() == 19_380_560


def test_prediction_of_a_frame_sees_its_surroundings_but_not_itself():
    model = tiny_model()
    features = torch.randn(1, 40, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
    model.extract_features = lambda input_values, attention_mask: (features, torch.tensor([40]))
    model(torch.zeros(1, 1)).last_hidden_state[0, 20].sum().backward()
    seen = features.grad[0].abs().sum(dim=-1).nonzero().flatten().tolist()
    # 9 frames and one more per block on both sides, without the 3 in the middle
    assert seen == [14, 15, 16, 17, 18, 22, 23, 24, 25, 26]


def test_states_of_a_clip_do_not_depend_on_its_batch():
    model = tiny_model()
    clips = [noise(length, seed) for seed, length in enumerate((6000, 2500, 100))]
    with torch.no_grad():
        together = model(*padded_batch(*clips, padding=3.0), output_hidden_states=True).hidden_states
        for row, clip in enumerate(clips):
            alone = model(clip, output_hidden_states=True).hidden_states
            for batch, single in zip(together, alone, strict=True):
                frames = single.shape[1]
                torch.testing.assert_close(batch[row, :frames], single[0], atol=1e-5, rtol=0)
                assert not batch[row, frames:].any()


def test_batch_statistics_leave_padding_out():
    waveforms = noise(3000, num_clips=2)
    padded, longer = (tiny_model().train() for _ in range(2))
    for model in (padded, longer):
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
    expected = padded(waveforms).last_hidden_state
    mask = torch.nn.functional.pad(torch.ones(2, 3000), (0, 5000))
    found = longer(torch.nn.functional.pad(waveforms, (0, 5000)), mask).last_hidden_state
    torch.testing.assert_close(found[:, : expected.shape[1]], expected, atol=1e-5, rtol=0)
    for name, value in padded.named_buffers():
        torch.testing.assert_close(longer.get_buffer(name), value, atol=1e-6, rtol=1e-5)


def test_saved_model_loads_through_the_auto_classes(tmp_path):
    model = tiny_model()
    model.save_pretrained(tmp_path)
    loaded, info = AutoModel.from_pretrained(tmp_path, output_loading_info=True)
    assert type(loaded) is NpcModel
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    with torch.no_grad():
        torch.testing.assert_close(loaded(noise(3000)).last_hidden_state, model(noise(3000)).last_hidden_state)


def test_every_tensor_is_on_the_device_of_the_model():
    outputs = tiny_model().to("meta")(torch.zeros(2, 3000, device="meta"))
    assert outputs.last_hidden_state.shape == (2, 17, 6)


def test_pretraining_loss_reaches_every_parameter():
    model = tiny_model().train()
    waveform = noise(4000)
    target, _ = model.extract_features(waveform)
    (model.predict(model(waveform).last_hidden_state) - target).abs().mean().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"kernel_size": 8}, "odd"), ({"mask_size": 2}, "odd"), ({"mask_size": 5}, "leaves nothing")],
)
def test_config_that_cannot_work_is_refused(changes, message):
    with pytest.raises(Exception, match=message):
        NpcConfig(**{**TINY, **changes})
