"""The published ExHuBERT layout: read exactly, written back exactly, refused when it does not fit."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from hf_emotion.models.checkpoints import convert_published_exhubert, load_checkpoint, save_published_exhubert
from hf_emotion.models.exhubert import ExHubertConfig, ExHubertForSequenceClassification


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
    assert not convert_published_exhubert(weights, config)[0].gate_original_layers
    weights["hubert.encoder.layers.0.gate_bb_linear.bias"][0] = 0.5
    converted, renamed = convert_published_exhubert(weights, config)
    assert converted.gate_original_layers
    assert "hubert.encoder.layers.1.original_gate.weight" in renamed


def test_depth_comes_from_the_weights_not_from_the_config(published):
    weights = load_file(published / "model.safetensors")
    config = json.loads((published / "config.json").read_text()) | {"num_hidden_layers": 4}
    assert convert_published_exhubert(weights, config)[0].num_hidden_layers == 2


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
        ("hubert.encoder.layers.1.gate_bb_linear.weight", r"layers \[1\] .* no `gate_bb_linear`"),
        ("hubert.encoder.layers.1.attention.k_proj.bias", "copies.0.layer.attention.k_proj.bias"),
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
        convert_published_exhubert(odd, {})


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
