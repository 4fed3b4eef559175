"""The published ExHuBERT layout: read exactly, written back exactly, refused when it does not fit."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import linear
from transformers import HubertConfig, HubertModel

from hf_emotion.models.exhubert import ExHubertConfig, ExHubertForSequenceClassification
from hf_emotion.models.loading import load_model, load_model_and_extractor
from hf_emotion.models.published.checkpoint_files import load_checkpoint
from hf_emotion.models.published.exhubert import PUBLISHED_LABELS, ExHubertLayout, save_published_exhubert
from hf_emotion.models.published.layout import Checkpoint

from .checkpoint_case import assert_refused_by_name, encoder_weights, random_weights, save_checkpoint


FLAT = {
    "model_type": "hubert",
    "architectures": ["ExHuBERT"],
    "hidden_size": 16,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,  # of the model before its expansion, as the published code allows
    "intermediate_size": 24,
    "conv_dim": [8] * 7,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
    "do_stable_layer_norm": True,
    "feat_extract_norm": "layer",
    "conv_bias": True,
    "classifier_proj_size": 8,
    "layerdrop": 0.1,
}
HEAD_KEYS = ("projector.weight", "projector.bias", "classifier.weight", "classifier.bias")
GATE_KEYS = tuple(
    f"hubert.encoder.layers.{index}.gate_bb_linear.{part}" for index in (0, 3) for part in ("weight", "bias")
)
ENCODER_KEYS = (
    "hubert.encoder.layers.2.attention.k_proj.bias",
    "hubert.encoder.layers.3.final_layer_norm.weight",
    "hubert.encoder.pos_conv_embed.conv.weight_g",
    "hubert.feature_extractor.conv_layers.6.conv.bias",
)


def _flat_encoder():
    torch.manual_seed(0)
    fields = {name: value for name, value in FLAT.items() if name != "model_type"}
    return HubertModel(HubertConfig(**fields | {"num_hidden_layers": 4})).eval()


def _flat_weights(encoder, identity_gates=False):
    """Four flat layers, each with a gate, and a head: the keys of the published checkpoint."""
    shapes = {
        "projector.weight": (8, 16),
        "projector.bias": (8,),
        "classifier.weight": (6, 8),
        "classifier.bias": (6,),
    }
    for index in range(4):
        gate = f"hubert.encoder.layers.{index}.gate_bb_linear"
        shapes |= {f"{gate}.weight": (16, 16), f"{gate}.bias": (16,)}
    weights = encoder_weights(encoder, "hubert.") | random_weights(shapes)
    for index in (0, 2) if identity_gates else ():
        gate = f"hubert.encoder.layers.{index}.gate_bb_linear"
        weights |= {f"{gate}.weight": torch.eye(16), f"{gate}.bias": torch.zeros(16)}
    return weights


def _reference(encoder, weights, waveforms):
    """Each layer, then the gate on its output; behind a copy what its original gave is added."""
    with torch.no_grad():
        states = encoder.feature_projection(encoder.feature_extractor(waveforms).transpose(1, 2))
        states = states + encoder.encoder.pos_conv_embed(states)
        for index, layer in enumerate(encoder.encoder.layers):
            output = layer(states)
            output = output[0] if isinstance(output, tuple) else output
            gate = f"hubert.encoder.layers.{index}.gate_bb_linear"
            gated = linear(output, weights[f"{gate}.weight"], weights[f"{gate}.bias"])
            states = gated + states if index % 2 else gated
        states = encoder.encoder.layer_norm(states)
    pooled = linear(states, weights["projector.weight"], weights["projector.bias"]).mean(1)
    return linear(pooled, weights["classifier.weight"], weights["classifier.bias"])


@pytest.mark.parametrize("identity_gates", [False, True])
@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
def test_logits_are_those_of_an_independent_forward(identity_gates, file, tmp_path):
    encoder = _flat_encoder()
    weights = _flat_weights(encoder, identity_gates)
    model, extractor = load_model_and_extractor(save_checkpoint(tmp_path / "published", weights, FLAT, file=file))
    waveforms = torch.randn((2, 4000), generator=torch.Generator().manual_seed(1))
    expected = _reference(encoder, weights, waveforms)
    assert expected.std() > 0.05
    with torch.no_grad():
        torch.testing.assert_close(model(waveforms).logits, expected, atol=1e-5, rtol=0)
    assert isinstance(model, ExHubertForSequenceClassification)
    assert model.config.gate_original_layers is not identity_gates
    assert list(model.config.id2label.values()) == list(PUBLISHED_LABELS)
    assert extractor.do_normalize


@pytest.mark.parametrize("key", [*HEAD_KEYS, *GATE_KEYS, *ENCODER_KEYS])
def test_misfits_are_refused_by_their_published_names(key, tmp_path):
    assert_refused_by_name(key, tmp_path, _flat_weights(_flat_encoder()), FLAT)


def test_checkpoint_without_its_architecture_is_recognised_by_its_gates(tmp_path):
    weights = _flat_weights(_flat_encoder())
    config = {name: value for name, value in FLAT.items() if name != "architectures"}
    model = load_model(save_checkpoint(tmp_path / "published", weights, config))
    assert model.config.num_copies_per_layer == [1, 1]


def _converted(weights, config):
    return ExHubertLayout().convert(Checkpoint("a checkpoint", config, weights))


@pytest.fixture
def expanded():
    config = ExHubertConfig(
        hidden_size=16,
        num_attention_heads=2,
        num_hidden_layers=2,
        intermediate_size=24,
        conv_dim=(8,) * 7,
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2,
        do_stable_layer_norm=True,
        feat_extract_norm="layer",
        num_labels=6,
    )
    torch.manual_seed(0)
    model = ExHubertForSequenceClassification(config).expand_blocks(init="random")
    return model.eval()


@pytest.fixture
def published(expanded, tmp_path):
    folder = tmp_path / "published"
    save_published_exhubert(expanded, folder)
    return folder


@pytest.mark.real_data
def test_published_fixture_gives_the_logits_of_the_original_code(fixtures_dir, tmp_path):
    source = fixtures_dir / "exhubert_published_layout"
    expected = load_file(source / "expected.safetensors")
    model = ExHubertForSequenceClassification.from_pretrained(source).eval()
    values, mask = expected["input_values"], expected["attention_mask"]
    with torch.no_grad():
        outputs = model.hubert(values, output_hidden_states=True)
        logits = {"no": model(values).logits, "with": model(values, attention_mask=mask).logits}
    # logits reach 17: one part in 1e5 of that is 1.7e-4, and float64 arithmetic itself is 1.1e-5 off the fixture
    for name, value in logits.items():
        torch.testing.assert_close(value, expected[f"logits_{name}_mask"], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(outputs.last_hidden_state, expected["last_hidden_state_no_mask"], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(outputs.hidden_states[12], expected["layer_24_output_no_mask"], atol=1e-5, rtol=1e-5)
    assert list(model.config.id2label.values())[:2] == ["low_negative", "low_neutral"]

    save_published_exhubert(model, tmp_path)
    original, written = load_checkpoint(source), load_file(tmp_path / "model.safetensors")
    assert written.keys() == original.keys()
    assert all(torch.equal(written[name], original[name]) for name in original)


def test_published_layout_round_trip_is_exact(expanded, published):
    config = json.loads((published / "config.json").read_text())
    assert (config["model_type"], config["architectures"]) == ("hubert", ["ExHuBERT"])
    model = ExHubertForSequenceClassification.from_pretrained(published).eval()
    values = torch.randn(2, 4000)
    assert torch.equal(model(values).logits, expanded(values).logits)


def test_identity_gates_of_originals_are_dropped_and_others_kept(expanded, published):
    weights = load_file(published / "model.safetensors")
    config = json.loads((published / "config.json").read_text())
    assert not _converted(weights, config).config.gate_original_layers
    weights["hubert.encoder.layers.0.gate_bb_linear.bias"][0] = 0.5
    converted = _converted(weights, config)
    assert converted.config.gate_original_layers
    assert "hubert.encoder.layers.1.original_gate.weight" in converted.weights


def test_depth_comes_from_the_weights_not_from_the_config(published):
    weights = load_file(published / "model.safetensors")
    config = json.loads((published / "config.json").read_text()) | {"num_hidden_layers": 4}
    assert _converted(weights, config).config.num_hidden_layers == 2


def test_old_weight_norm_names_and_bin_files_load(expanded, published):
    weights = load_file(published / "model.safetensors")
    for old, new in (("weight_g", "original0"), ("weight_v", "original1")):
        prefix = "hubert.encoder.pos_conv_embed.conv."
        weights[prefix + old] = weights.pop(f"{prefix}parametrizations.weight.{new}")
    (published / "model.safetensors").unlink()
    torch.save(weights, published / "pytorch_model.bin")
    model = ExHubertForSequenceClassification.from_pretrained(published).eval()
    values = torch.randn(1, 4000)
    assert torch.equal(model(values).logits, expanded(values).logits)


@pytest.mark.parametrize(
    ("removed", "message"),
    [
        ("classifier.bias", "1 missing: classifier.bias"),
        ("hubert.encoder.layers.1.gate_bb_linear.weight", "hubert.encoder.layers.1.gate_bb_linear.weight"),
        ("hubert.encoder.layers.1.attention.k_proj.bias", "hubert.encoder.layers.1.attention.k_proj.bias"),
    ],
)
def test_missing_keys_are_refused_by_name(published, removed, message):
    weights = load_file(published / "model.safetensors")
    del weights[removed]
    save_file(weights, published / "model.safetensors")
    with pytest.raises(ValueError, match=message):
        ExHubertForSequenceClassification.from_pretrained(published)


def test_left_over_keys_are_refused_by_name(published):
    weights = load_file(published / "model.safetensors") | {"classifier.extra": torch.zeros(1)}
    save_file(weights, published / "model.safetensors")
    with pytest.raises(ValueError, match="left over: classifier.extra"):
        ExHubertForSequenceClassification.from_pretrained(published)


def test_odd_number_of_layers_is_refused(published):
    weights = load_file(published / "model.safetensors")
    odd = {name: value for name, value in weights.items() if ".layers.3." not in name}
    with pytest.raises(ValueError, match="alternates originals and copies"):
        _converted(odd, {})


def test_config_fields_can_be_changed_while_loading(published):
    model = ExHubertForSequenceClassification.from_pretrained(
        published, num_labels=4, ignore_mismatched_sizes=True, hidden_dropout=0.0, dtype=torch.bfloat16
    )
    assert model.classifier.weight.shape[0] == model.config.num_labels == 4
    assert model.config.hidden_dropout == 0.0
    assert model.dtype == torch.bfloat16
    with pytest.raises(RuntimeError, match="mismatched"):
        ExHubertForSequenceClassification.from_pretrained(published, num_labels=4)


def test_layout_cannot_hold_other_expansions(expanded, tmp_path):
    expanded.config.num_copies_per_layer = [2, 1]
    with pytest.raises(ValueError, match="exactly one copy per layer"):
        save_published_exhubert(expanded, tmp_path)


def test_folder_without_weights_is_named(tmp_path):
    with pytest.raises(OSError, match="model.safetensors"):
        load_checkpoint(tmp_path)
