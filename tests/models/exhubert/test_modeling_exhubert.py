"""ExHuBERT: identity at expansion, exact gradients, the paper's parameter counts, padding without effect."""

import json

import pytest
import torch
from transformers import (
    HubertConfig,
    HubertForCTC,
    HubertForSequenceClassification,
    HubertModel,
    Wav2Vec2Config,
    Wav2Vec2Model,
)

from hf_emotion.models.exhubert import ExHubertConfig, ExHubertForSequenceClassification, ExHubertModel


HUBERT_LARGE = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "do_stable_layer_norm": True,
    "feat_extract_norm": "layer",
    "conv_bias": True,
    "num_labels": 6,
}


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
@pytest.mark.parametrize(("layers", "num_copies"), [(None, 1), ([0], 1), ([2, -3], 2)])
@pytest.mark.parametrize("with_grad", [False, True], ids=["no_grad", "grad"])
def test_logits_after_expansion_equal_those_before_bit_for_bit(
    build, batch, attention, dtype, layers, num_copies, with_grad
):
    model = build(use_weighted_layer_sum=True).to(dtype)
    model.set_attn_implementation(attention)
    batch["input_values"] = batch["input_values"].to(dtype)
    with torch.set_grad_enabled(with_grad):
        before = [model(**batch).logits, model(batch["input_values"]).logits]
        model.expand_blocks(num_copies=num_copies, layers=layers)
        after = [model(**batch).logits, model(batch["input_values"]).logits]
    assert all(torch.equal(old, new) for old, new in zip(before, after, strict=True))


def test_a_model_built_with_copies_and_gates_starts_as_if_it_had_none(tiny):
    model = ExHubertForSequenceClassification(
        ExHubertConfig(**tiny, num_copies_per_layer=[1, 0, 2], gate_original_layers=True)
    )
    for name, parameter in model.named_parameters():
        if ".zero_linear." in name or name.endswith(".original_gate.bias"):
            assert not parameter.any(), name
        elif name.endswith(".original_gate.weight"):
            assert torch.equal(parameter, torch.eye(len(parameter))), name


def test_expanded_model_differs_once_the_zero_linears_are_trained(build, batch):
    model = build().expand_blocks(layers=[1])
    before = model(**batch).logits
    torch.nn.init.eye_(model.hubert.encoder.layers[1].copies[0].zero_linear.weight)
    assert not torch.allclose(before, model(**batch).logits)


def test_random_init_changes_the_outputs(build, batch):
    model = build()
    before = model(**batch).logits
    model.expand_blocks(init="random")
    assert not torch.allclose(before, model(**batch).logits)


def test_unexpanded_model_equals_stock_hubert(tiny, build, batch):
    model = build()
    stock = HubertForSequenceClassification(HubertConfig(**tiny)).eval()
    stock.load_state_dict(model.state_dict())
    assert torch.equal(stock(batch["input_values"]).logits, model(batch["input_values"]).logits)


def test_batched_result_equals_single_result_for_both_kinds_of_norm(build, batch):
    model = build().expand_blocks()
    together = model(**batch).logits
    alone = model(batch["input_values"][1:, :4800]).logits
    torch.testing.assert_close(together[1:], alone, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("num_samples", [1, 399, 400, 719, 720])
def test_clips_shorter_than_receptive_field_and_mask_span_train_and_predict(build, num_samples):
    model = build(mask_time_prob=0.5, mask_time_length=10, mask_feature_prob=0.1).expand_blocks()
    clip = torch.randn(2, num_samples)
    mask = torch.ones_like(clip, dtype=torch.long)
    mask[1, num_samples // 2 :] = 0
    assert model(clip, attention_mask=mask).logits.isfinite().all()
    model.train()
    model(clip, attention_mask=mask, labels=torch.tensor([0, 1])).loss.backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_frozen_cnn_gives_the_features_of_a_trained_one(build, batch):
    model = build().train()
    cnn = model.hubert.feature_extractor
    num_samples = batch["attention_mask"].sum(-1)
    together = cnn(batch["input_values"], num_samples).detach()
    model.freeze_feature_encoder()
    clip_by_clip = cnn(batch["input_values"], num_samples)
    assert clip_by_clip.shape == together.shape
    torch.testing.assert_close(clip_by_clip[0], together[0], atol=1e-6, rtol=1e-5)
    num_frames = (4800 - 400) // 320 + 1
    torch.testing.assert_close(clip_by_clip[1, :, :num_frames], together[1, :, :num_frames], atol=1e-6, rtol=1e-5)
    assert not clip_by_clip[1, :, num_frames:].any()


def test_short_clip_in_a_batch_equals_the_clip_alone(build):
    model = build()
    clip = torch.randn(1, 100)
    padded = torch.nn.functional.pad(clip, (0, 900))
    mask = (torch.arange(1000) < 100).long()[None]
    torch.testing.assert_close(model(padded, attention_mask=mask).logits, model(clip).logits, atol=1e-6, rtol=1e-5)


def test_weighted_layer_sum_trains_with_layerdrop(build, batch):
    model = build(use_weighted_layer_sum=True, layerdrop=0.9).expand_blocks().train()
    torch.manual_seed(0)
    for _ in range(5):
        model(**batch, labels=torch.tensor([0, 1])).loss.backward()
    assert model.layer_weights.grad.abs().sum() > 0


def test_gradients_reach_exactly_copies_zero_linears_projections_and_head(build, batch):
    model = build(mask_time_prob=0.0, layerdrop=0.0).expand_blocks(layers=[0, 2]).train()
    # zero linears keep the gradient from their copies until they move: let them move first
    for layer in (model.hubert.encoder.layers[0], model.hubert.encoder.layers[2]):
        torch.nn.init.normal_(layer.copies[0].zero_linear.weight, std=0.1)
    model(**batch, labels=torch.tensor([0, 1])).loss.backward()
    moved = {
        name for name, parameter in model.named_parameters() if parameter.grad is not None and parameter.grad.any()
    }
    trained = (
        ".copies.",
        "feature_projection.",
        "pos_conv_embed.",
        "hubert.encoder.layer_norm.",
        "projector.",
        "classifier.",
    )
    # the bias of a key projection shifts all scores of a query alike: softmax gives it no gradient but rounding
    expected = {name for name, _ in model.named_parameters() if any(part in name for part in trained)}
    assert {name for name in expected - moved if not name.endswith("k_proj.bias")} == set()
    assert moved <= expected


def test_first_step_moves_the_zero_linears(build, batch):
    model = build(layerdrop=0.0).expand_blocks().train()
    model(**batch, labels=torch.tensor([0, 1])).loss.backward()
    copy = model.hubert.encoder.layers[0].copies[0]
    assert copy.zero_linear.weight.grad.any()
    assert not copy.layer.feed_forward.output_dense.weight.grad.any()


@pytest.mark.parametrize(
    ("expansion", "trainable"),
    [
        (None, 311_492_486),
        ({"num_copies": 1}, 336_682_886),
        ({"num_copies": 1, "freeze_original": False}, 638_992_262),
        ({"num_copies": 2}, 664_182_662),
    ],
    ids=["HuBERT 311.49 M", "ExHuBERT 336.68 M", "non-frozen 638.99 M", "XLarge 664.18 M"],
)
def test_parameter_counts_of_the_paper(expansion, trainable):
    with torch.device("meta"):
        model = ExHubertForSequenceClassification(ExHubertConfig(**HUBERT_LARGE))
    model.freeze_feature_encoder()
    if expansion:
        model.expand_blocks(**expansion)
    assert model.trainable_parameter_summary()["total"]["trainable"] == trainable


def test_published_non_frozen_count_includes_gates_on_the_originals():
    config = ExHubertConfig(**HUBERT_LARGE, num_copies_per_layer=[1] * 24, gate_original_layers=True)
    with torch.device("meta"):
        model = ExHubertForSequenceClassification(config)
    model.freeze_feature_encoder()
    assert model.trainable_parameter_summary()["total"]["trainable"] == 664_182_662


def test_expansion_with_gates_on_the_originals_keeps_the_outputs_and_reloads(build, batch, tmp_path):
    model = build(gate_original_layers=True)
    before = model(**batch).logits
    model.expand_blocks(layers=[1])
    torch.testing.assert_close(model(**batch).logits, before)
    model.save_pretrained(tmp_path)
    again = ExHubertForSequenceClassification.from_pretrained(tmp_path).eval()
    assert torch.equal(again(**batch).logits, model(**batch).logits)


def test_trainable_parameter_summary_adds_up(build):
    summary = build().expand_blocks().trainable_parameter_summary()
    total = summary.pop("total")
    assert sum(part["total"] for part in summary.values()) == total["total"]
    assert sum(part["trainable"] for part in summary.values()) == total["trainable"]
    assert summary["original_layers"]["trainable"] == summary["feature_encoder"]["trainable"] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_copies": 0}, "at least 1"),
        ({"num_copies": True}, "integer"),
        ({"layers": []}, "empty"),
        ({"layers": [3]}, "layers 0 to 2"),
        ({"layers": [0, -3]}, "twice"),
        ({"init": "ones"}, '"zero" or "random"'),
    ],
)
def test_bad_expansion_arguments_are_named(build, arguments, message):
    model = build()
    with pytest.raises(ValueError, match=message):
        model.expand_blocks(**arguments)
    assert not model.config.is_expanded


def test_expanding_a_layer_twice_is_refused_and_other_layers_are_not(build):
    model = build().expand_blocks(layers=[0])
    with pytest.raises(ValueError, match=r"layers \[0\] have copies already"):
        model.expand_blocks()
    model.expand_blocks(layers=[1], num_copies=2)
    assert model.config.num_copies_per_layer == [1, 2, 0]


def test_config_refuses_a_wrong_number_of_copy_counts():
    with pytest.raises(Exception, match="num_copies_per_layer"):
        ExHubertConfig(num_hidden_layers=3, num_copies_per_layer=[1, 1])


def test_hidden_states_are_one_per_block_and_attentions_one_per_attention_layer(build, batch):
    model = build()
    model.set_attn_implementation("eager")
    model(**batch, output_hidden_states=True, output_attentions=True)
    model.expand_blocks(layers=[0, 1])
    outputs = model(**batch, output_hidden_states=True, output_attentions=True)
    assert len(outputs.hidden_states) == 4
    assert len(outputs.attentions) == 5
    encoder = model.hubert(**batch, output_hidden_states=True)
    assert torch.equal(encoder.hidden_states[-1], encoder.last_hidden_state)


def test_gradient_checkpointing_gives_the_same_gradients(build, batch):
    off = dict.fromkeys(
        ("mask_time_prob", "hidden_dropout", "attention_dropout", "activation_dropout", "layerdrop"), 0.0
    )
    model = build(**off).expand_blocks().train()
    gradients = []
    for checkpointing in (False, True):
        if checkpointing:
            model.gradient_checkpointing_enable()
        model.zero_grad()
        model(**batch, labels=torch.tensor([0, 1])).loss.backward()
        gradients.append([p.grad.clone() for p in model.parameters() if p.grad is not None])
    assert len(gradients[0]) == len(gradients[1])
    for plain, checkpointed in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, checkpointed, atol=1e-6, rtol=1e-5)


def test_loss_follows_the_problem_type(build, batch):
    model = build()
    logits = model(**batch).logits.detach()
    hard = torch.tensor([2, 5])
    soft = torch.tensor([[0.5, 0.5, 0, 0, 0, 0], [0, 0, 0, 0.2, 0.3, 0.5]])
    log_probabilities = logits.log_softmax(-1)
    model.config.problem_type = "single_label_classification"
    expected = -(log_probabilities[0, 2] + log_probabilities[1, 5]) / 2
    torch.testing.assert_close(model(**batch, labels=hard).loss, expected)
    expected = -(soft * log_probabilities).sum(-1).mean()
    torch.testing.assert_close(model(**batch, labels=soft).loss, expected)
    one_hot = torch.nn.functional.one_hot(hard, 6).float()
    torch.testing.assert_close(model(**batch, labels=one_hot).loss, model(**batch, labels=hard).loss)
    model.config.problem_type = "multi_label_classification"
    expected = -(one_hot * logits.sigmoid().log() + (1 - one_hot) * (-logits).sigmoid().log()).mean()
    torch.testing.assert_close(model(**batch, labels=one_hot).loss, expected)
    model.config.problem_type = "regression"
    torch.testing.assert_close(model(**batch, labels=soft).loss, (logits - soft).square().mean())


def test_float_labels_without_a_problem_type_are_refused(build, batch):
    with pytest.raises(ValueError, match="set `config.problem_type`"):
        build()(**batch, labels=torch.rand(2, 6))


def test_reset_classifier_keeps_encoder_and_projector(build):
    model = build()
    projector = model.projector.weight.clone()
    model.reset_classifier(["anger", "joy"])
    assert model.config.num_labels == 2
    assert model.config.label2id == {"anger": 0, "joy": 1}
    assert model.classifier.weight.shape == (2, 12)
    assert torch.equal(model.projector.weight, projector)
    with pytest.raises(ValueError, match="distinct"):
        model.reset_classifier(["anger", "anger"])


def test_from_hubert_takes_encoder_ctc_and_classifier(tiny, batch, tmp_path):
    config = HubertConfig(**tiny)
    for stock in (HubertModel(config), HubertForCTC(config), HubertForSequenceClassification(config)):
        stock.eval().save_pretrained(tmp_path)
        expected = stock.base_model(batch["input_values"]).last_hidden_state
        for source in (stock, str(tmp_path)):
            model = ExHubertForSequenceClassification.from_hubert(source, labels=["a", "b"]).eval()
            assert torch.equal(model.hubert(batch["input_values"]).last_hidden_state, expected)
    kept = ExHubertForSequenceClassification.from_hubert(stock).eval()
    assert torch.equal(kept(batch["input_values"]).logits, stock(batch["input_values"]).logits)


@pytest.mark.parametrize("is_saved", [True, False], ids=["saved", "in memory"])
@pytest.mark.parametrize("is_tied", [None, True, False])
def test_averaged_layers_of_a_stock_classifier_mean_what_they_meant_to_it(is_tied, is_saved, tiny, batch, tmp_path):
    fields = tiny | {"do_stable_layer_norm": True, "use_weighted_layer_sum": True}
    if is_tied is not None:
        fields["tie_last_hidden_states"] = is_tied
    stock = HubertForSequenceClassification(HubertConfig(**fields)).eval()
    stock.hubert.encoder.layer_norm.weight.data.uniform_(2, 4)  # the state behind it is another one
    expected = stock(batch["input_values"]).logits
    sources = [stock]
    if is_saved:
        stock.save_pretrained(tmp_path)
        sources = [str(tmp_path)]
    models = [ExHubertForSequenceClassification.from_hubert(source) for source in sources]
    if is_saved:
        models.append(ExHubertForSequenceClassification.from_pretrained(tmp_path))
    for model in models:
        assert torch.allclose(model.eval()(batch["input_values"]).logits, expected, atol=1e-5)


def test_averaged_layers_of_transformers_4_end_behind_the_final_norm(tiny, batch, tmp_path):
    fields = tiny | {"do_stable_layer_norm": True, "use_weighted_layer_sum": True, "tie_last_hidden_states": True}
    stock = HubertForSequenceClassification(HubertConfig(**fields)).eval()
    stock.hubert.encoder.layer_norm.weight.data.uniform_(2, 4)
    stock.save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    del config["tie_last_hidden_states"]
    path.write_text(json.dumps(config | {"transformers_version": "4.8.2"}))
    for load in (ExHubertForSequenceClassification.from_hubert, ExHubertForSequenceClassification.from_pretrained):
        logits = load(str(tmp_path)).eval()(batch["input_values"]).logits
        assert torch.allclose(logits, stock(batch["input_values"]).logits, atol=1e-5)


def test_from_hubert_refuses_other_encoders_and_missing_heads(tiny):
    with pytest.raises(ValueError, match="pass `labels`"):
        ExHubertForSequenceClassification.from_hubert(HubertModel(HubertConfig(**tiny)))
    other = Wav2Vec2Model(Wav2Vec2Config(hidden_size=16, num_hidden_layers=1, num_attention_heads=2))
    with pytest.raises(ValueError, match="wav2vec2"):
        ExHubertForSequenceClassification.from_hubert(other, labels=["a"])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
def test_saved_expanded_model_reloads_exactly(build, batch, tmp_path, dtype):
    model = build().expand_blocks(layers=[1]).to(dtype)
    model.save_pretrained(tmp_path)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", *[".py"] * 4, ".safetensors"]
    again = ExHubertForSequenceClassification.from_pretrained(tmp_path).eval()
    values = batch["input_values"].to(dtype)
    assert torch.equal(model(values).logits, again(values).logits)


def test_missing_or_left_over_weights_are_an_error(build, tmp_path):
    model = build()
    ExHubertModel(model.config).save_pretrained(tmp_path / "encoder")
    with pytest.raises(ValueError, match="4 missing: classifier.bias, classifier.weight"):
        ExHubertForSequenceClassification.from_pretrained(tmp_path / "encoder")
    model.expand_blocks().save_pretrained(tmp_path / "expanded")
    config = ExHubertConfig.from_pretrained(tmp_path / "expanded", num_copies_per_layer=[0, 1, 1])
    with pytest.raises(ValueError, match="left over.*layers.0.copies.0"):
        ExHubertForSequenceClassification.from_pretrained(tmp_path / "expanded", config=config)
    encoder = ExHubertModel.from_pretrained(tmp_path / "expanded")
    assert encoder.config.is_expanded
