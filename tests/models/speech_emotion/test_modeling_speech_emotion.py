"""Heads, losses, conditions, freezing and loading of the classifier on any encoder."""

import pytest
import torch
from transformers import (
    AutoModelForAudioClassification,
    Wav2Vec2Config,
    Wav2Vec2ForCTC,
    WavLMConfig,
    WavLMForSequenceClassification,
    WavLMModel,
    WhisperConfig,
    WhisperForConditionalGeneration,
)

from hf_emotion.models.exhubert import ExHubertConfig, ExHubertModel
from hf_emotion.models.speech_emotion import SpeechEmotionConfig, SpeechEmotionForSequenceClassification
from hf_emotion.models.speech_emotion.conditioning_speech_emotion import Conditioning
from hf_emotion.models.speech_emotion.configuration_speech_emotion import FUSIONS, STACKED_HEADS
from hf_emotion.models.speech_emotion.loss_speech_emotion import concordance_loss
from hf_emotion.models.speech_emotion.pooling_speech_emotion import TimePooling

from .tiny_encoders import ENCODERS, padded_batch, tiny_model


def wavlm_fields() -> dict:
    return {name: value for name, value in ENCODERS["wavlm-large"].items() if name != "model_type"}


def test_linear_head_computes_what_the_stock_superb_head_computes_and_has_its_names():
    config = WavLMConfig(**wavlm_fields(), use_weighted_layer_sum=True, tie_last_hidden_states=True, num_labels=3)
    config.classifier_proj_size = 6
    stock = WavLMForSequenceClassification(config).eval()
    with torch.no_grad():
        stock.layer_weights.copy_(torch.tensor([0.3, -1.0, 2.0]))
    model = SpeechEmotionForSequenceClassification.from_encoder(
        stock, layer_selection="weighted", classifier_proj_size=6, num_labels=3
    ).eval()
    head = {name: value for name, value in stock.state_dict().items() if not name.startswith("wavlm.")}
    ours = {name for name in model.state_dict() if not name.startswith("speech_encoder.")}
    assert ours == set(head)
    model.load_state_dict(head, strict=False)
    batch, _ = padded_batch("wavlm-large")
    torch.testing.assert_close(model(**batch).logits, stock(**batch).logits, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [
        ("mean", [2.0, 4.0]),
        ("sum", [4.0, 8.0]),
        ("max", [3.0, 6.0]),
        ("std", [1.0, 2.0]),
        ("mean_std", [2.0, 4.0, 1.0, 2.0]),
        ("attention", [2.0, 4.0]),
        ("attentive_statistics", [2.0, 4.0, 1.0, 2.0]),
        ("first", [1.0, 2.0]),
    ],
)
def test_pooling_of_two_valid_frames_is_computed_by_hand(pooling, expected):
    encoder = {"model_type": "wavlm", "hidden_size": 2, "num_attention_heads": 1}
    module = TimePooling(SpeechEmotionConfig(encoder_config=encoder, pooling=pooling, attention_pooling_size=1))
    if "atten" in pooling:  # equal scores
        torch.nn.init.zeros_(module.score[2].weight)
    states = torch.tensor([[[1.0, 2.0], [3.0, 6.0], [float("nan"), 1e9]]])
    valid = torch.tensor([[True, True, False]])
    torch.testing.assert_close(module(states, valid), torch.tensor([expected]))


def test_layer_selection_by_index_takes_that_hidden_state():
    batch, _ = padded_batch("wavlm-large")
    for index in (0, 1, 2, -1):
        model = tiny_model("wavlm-large", layer_selection=index, pooling="first")
        outputs = model(**batch, output_hidden_states=True)
        expected = model.classifier(model.projector(outputs.hidden_states[index][:, 0]))
        torch.testing.assert_close(outputs.logits, expected)


def test_normalized_layers_are_averaged_with_mean_zero_and_variance_one():
    model = tiny_model("wavlm-large", layer_selection="weighted", normalize_layers=True, pooling="first")
    batch, _ = padded_batch("wavlm-large")
    outputs = model(**batch, output_hidden_states=True)
    frames = torch.stack([state[:, 0] for state in outputs.hidden_states])
    normed = (frames - frames.mean(-1, keepdim=True)) / (frames.var(-1, keepdim=True, correction=0) + 1e-5).sqrt()
    torch.testing.assert_close(outputs.logits, model.classifier(model.projector(normed.mean(0))))


def test_head_of_emo_superb_has_two_hidden_layers_of_1024_and_dropout_one_half():
    config = SpeechEmotionConfig(encoder_config=ENCODERS["wavlm-base"], head="mlp")
    layers = list(SpeechEmotionForSequenceClassification(config).projector)
    assert [type(layer).__name__ for layer in layers] == ["Linear", "ReLU", "Dropout"] * 2
    assert [layers[0].out_features, layers[3].out_features, layers[2].p, layers[5].p] == [1024, 1024, 0.5, 0.5]


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("head", STACKED_HEADS)
def test_head_of_equal_layers_is_dense_activation_out(head, num_layers):
    activations = {"tanh": torch.tanh, "relu": torch.relu, "dense": lambda values: values}
    model = tiny_model("wavlm-base", head=head, num_head_layers=num_layers, pooling="first")
    batch, _ = padded_batch("wavlm-base")
    outputs = model(**batch, output_hidden_states=True)
    hidden = outputs.hidden_states[-1][:, 0]
    weighted = [layer for layer in model.projector if hasattr(layer, "weight")]
    for layer in weighted:
        if head == "layer_norm_relu":
            hidden = torch.relu(layer(hidden)) if isinstance(layer, torch.nn.LayerNorm) else layer(hidden)
        else:
            hidden = activations[head](layer(hidden))
    torch.testing.assert_close(outputs.logits, model.classifier(hidden))
    assert len(weighted) == num_layers * (2 if head == "layer_norm_relu" else 1)
    assert [layer.p for layer in model.projector if isinstance(layer, torch.nn.Dropout)] == [0.5] * (num_layers + 1)


def test_layers_for_each_frame_come_between_the_layers_of_the_encoder_and_the_pooling():
    model = tiny_model("wavlm-large", num_frame_layers=3, frame_layer_size=5, pooling="mean_std")
    assert [type(layer).__name__ for layer in model.frame_layers] == ["Linear", *["ReLU", "Dropout", "Linear"] * 2]
    assert [model.frame_layers[index].in_features for index in (0, 3, 6)] == [16, 5, 5]
    assert (model.config.pooled_size, model.projector.in_features) == (10, 10)
    _, alone = padded_batch("wavlm-large")
    outputs = model(**alone, output_hidden_states=True)
    frames = outputs.hidden_states[-1]
    for index in (0, 3, 6):
        frames = model.frame_layers[index](frames if index == 0 else frames.relu())
    pooled = torch.cat([frames.mean(dim=1), frames.std(dim=1, correction=0)], dim=-1)
    torch.testing.assert_close(outputs.logits, model.classifier(model.projector(pooled)))


def test_variance_floor_is_the_least_variance_whose_root_is_taken():
    encoder = {"model_type": "wavlm", "hidden_size": 2, "num_attention_heads": 1}
    module = TimePooling(SpeechEmotionConfig(encoder_config=encoder, pooling="std", variance_floor=0.25))
    states = torch.tensor([[[1.0, 2.0], [1.0, 6.0]]])
    torch.testing.assert_close(module(states, torch.ones(1, 2, dtype=torch.bool)), torch.tensor([[0.5, 2.0]]))


def test_activation_of_dimensions_is_that_of_a_regression_too_and_of_no_classes():
    batch, _ = padded_batch("wavlm-base")
    plain = tiny_model("wavlm-base", num_dimensions=2)
    model = tiny_model("wavlm-base", num_dimensions=2, dimension_activation="sigmoid")
    model.load_state_dict(plain.state_dict())
    expected, outputs = plain(**batch), model(**batch)
    assert torch.equal(outputs.dimensions, expected.dimensions.sigmoid())
    assert torch.equal(outputs.logits, expected.logits)
    model.config.problem_type = "regression"
    targets = torch.tensor([[0.1, 0.2, 0.3], [0.9, 0.8, 0.7]])
    outputs = model(**batch, labels=targets)
    assert torch.equal(outputs.logits, expected.logits.sigmoid())
    torch.testing.assert_close(outputs.loss, (expected.logits.sigmoid() - targets).square().mean())


def test_loss_follows_the_problem_type():
    model = tiny_model("wavlm-base")
    batch, _ = padded_batch("wavlm-base")
    logits = model(**batch).logits.detach()
    hard = torch.tensor([2, 0])
    soft = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.2, 0.8]])
    one_hot = torch.nn.functional.one_hot(hard, 3).float()
    log_probabilities = logits.log_softmax(-1)
    expected = -(log_probabilities[0, 2] + log_probabilities[1, 0]) / 2
    torch.testing.assert_close(model(**batch, labels=hard).loss, expected)
    with pytest.raises(ValueError, match="set `config.problem_type`"):
        model(**batch, labels=soft)
    model.config.problem_type = "single_label_classification"
    torch.testing.assert_close(model(**batch, labels=soft).loss, -(soft * log_probabilities).sum(-1).mean())
    model.config.problem_type = "multi_label_classification"
    expected = -(one_hot * logits.sigmoid().log() + (1 - one_hot) * (-logits).sigmoid().log()).mean()
    torch.testing.assert_close(model(**batch, labels=one_hot).loss, expected)
    model.config.problem_type = "regression"
    torch.testing.assert_close(model(**batch, labels=soft).loss, (logits - soft).square().mean())


def test_concordance_loss_by_hand():
    targets = torch.tensor([[1.0], [2.0], [3.0]])
    # cov = var = 2/3: shifted by 1 CCC = (4/3) / (4/3 + 1) = 4/7; mirrored -1; constant 0
    for predictions, expected in [(targets, 0.0), (targets + 1, 3 / 7), (4 - targets, 2.0), (targets * 0 + 2, 1.0)]:
        torch.testing.assert_close(concordance_loss(predictions, targets), torch.tensor(expected))


def test_unknown_dimensions_are_left_out_of_the_loss():
    predictions = torch.tensor([[1.0, 5.0], [3.0, 6.0], [9.0, 7.0]], requires_grad=True)
    nan = float("nan")
    targets = torch.tensor([[1.0, nan], [2.0, nan], [nan, nan]])
    loss = concordance_loss(predictions, targets)
    torch.testing.assert_close(loss, concordance_loss(predictions[:2, :1], targets[:2, :1]))
    loss.backward()
    assert predictions.grad.isfinite().all()
    assert not predictions.grad[2].any()
    assert concordance_loss(predictions, targets * nan) == 0


def test_classes_and_dimensions_are_trained_together_and_apart():
    model = tiny_model("wavlm-base", num_dimensions=3, dimension_loss_weight=0.5)
    batch, _ = padded_batch("wavlm-base")
    classes = {"labels": torch.tensor([0, 1])}
    dimensions = {"dimension_labels": torch.tensor([[1.0, 2.0, 3.0], [3.0, 2.5, 1.0]])}
    both = model(**batch, **classes, **dimensions)
    assert both.dimensions.shape == (2, 3)
    apart = [model(**batch, **labels).loss for labels in (classes, dimensions)]
    torch.testing.assert_close(both.loss, apart[0] + apart[1])
    torch.testing.assert_close(apart[1], 0.5 * concordance_loss(both.dimensions, dimensions["dimension_labels"]))
    assert model(**batch).loss is None
    with pytest.raises(ValueError, match="num_dimensions=0"):
        tiny_model("wavlm-base")(**batch, **dimensions)
    with pytest.raises(ValueError, match=r"shape \(2, 2\)"):
        model(**batch, dimension_labels=torch.zeros(2, 2))


def conditioning(kind, **fields) -> Conditioning:
    config = SpeechEmotionConfig(encoder_config=ENCODERS["wavlm-base"], conditioning=kind, **fields)
    torch.manual_seed(0)
    return Conditioning(config).eval()


def test_fusions_compute_their_formula():
    pooled, ones = torch.randn(2, 16), torch.ones(2, 3)
    for kind in FUSIONS:
        module = conditioning(kind, text_embedding_size=3)
        projected = module.text_fusion.projection(ones)
        expected = {
            "product": lambda c: pooled * c,
            "mean": lambda c: (pooled + c) / 2,
            "concat": lambda c: torch.cat([pooled, c], -1),
            "film": lambda c: pooled * c[:, :16] + c[:, 16:],
        }[kind](projected)
        torch.testing.assert_close(module(pooled, text_embedding=ones), expected)


@pytest.mark.parametrize("kind", ["product", "film"])
def test_factors_let_the_speech_pass_at_first(kind):
    model = tiny_model("wavlm-base", conditioning=kind, gender_embedding_size=2, text_embedding_size=3)
    pooled = torch.randn(2, 16)
    for fusion in (model.conditioning.gender_fusion, model.conditioning.text_fusion):
        size = fusion.projection.in_features
        torch.testing.assert_close(fusion(pooled, torch.zeros(2, size)), pooled)


@pytest.mark.parametrize("kind", FUSIONS)
def test_absent_conditions_are_unknown_ones(kind):
    model = tiny_model("wavlm-base", conditioning=kind, gender_embedding_size=4, text_embedding_size=3, num_genders=2)
    batch, _ = padded_batch("wavlm-base")
    absent = model(**batch).logits
    unknown = {"gender": torch.tensor([-1, 2]), "text_embedding": torch.full((2, 3), float("nan"))}
    assert torch.equal(model(**batch, **unknown).logits, absent)
    partly = {"gender": torch.tensor([0, -1]), "text_embedding": torch.tensor([[1.0, 2, 3], [float("nan")] * 3])}
    known = model(**batch, **partly).logits
    assert torch.equal(known[1], absent[1])
    assert not torch.allclose(known[0], absent[0])
    genders = [model(**batch, gender=torch.full((2,), gender)).logits for gender in (0, 1)]
    assert not torch.allclose(*genders)


def test_dropout_of_the_condition_trains_the_unknown_embeddings_on_known_conditions():
    for dropout, is_trained in [(0.0, False), (1.0, True)]:
        module = conditioning("product", gender_embedding_size=4, text_embedding_size=3, condition_dropout=dropout)
        module.train()(torch.ones(2, 16), torch.tensor([0, 1]), torch.ones(2, 3)).square().sum().backward()
        assert bool(module.gender_embedding.weight.grad[2].any()) == is_trained
        assert bool(module.gender_embedding.weight.grad[:2].any()) != is_trained
        assert bool(module.unknown_text.grad.any()) == is_trained


def test_conditions_of_the_wrong_shape_or_range_are_refused():
    module = conditioning("product", gender_embedding_size=4, text_embedding_size=3)
    with pytest.raises(ValueError, match="one id for each of the 2 clips: 0 to 1"):
        module(torch.ones(2, 16), gender=torch.tensor([0, 3]))
    with pytest.raises(ValueError, match="one id for each"):
        module(torch.ones(2, 16), gender=torch.tensor([0]))
    with pytest.raises(ValueError, match=r"shape \(2, 4\).*needs \(2, 3\)"):
        module(torch.ones(2, 16), text_embedding=torch.ones(2, 4))


def test_models_without_conditions_ignore_them():
    model = tiny_model("wavlm-base")
    batch, _ = padded_batch("wavlm-base")
    given = model(**batch, gender=torch.tensor([0, 1]), text_embedding=torch.ones(2, 3)).logits
    assert torch.equal(given, model(**batch).logits)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_frozen_parts_get_no_gradient_and_the_rest_does(encoder):
    batch, _ = padded_batch(encoder)
    model = tiny_model(encoder, layer_selection="weighted").train()
    model.freeze_feature_encoder()
    frozen = {name.split(".")[1] for name, p in model.named_parameters() if not p.requires_grad}
    expected = {"whisper": {"conv1", "conv2", "embed_positions"}, "wav2vec2-bert": set()}
    assert frozen == expected.get(encoder, {"feature_extractor"})
    model(**batch, labels=torch.tensor([0, 1])).loss.backward()
    assert any(p.grad.any() for p in model.speech_encoder.parameters() if p.grad is not None)
    model.zero_grad()
    model.freeze_encoder()
    model(**batch, labels=torch.tensor([0, 1])).loss.backward()
    assert all(p.grad is None for p in model.speech_encoder.parameters())
    assert {name for name, p in model.named_parameters() if p.grad is not None and p.grad.any()} >= {
        "layer_weights",
        "projector.weight",
        "classifier.weight",
    }


def test_from_encoder_takes_encoders_and_models_with_other_heads_by_name_and_as_objects(tmp_path):
    wav2vec2 = {name: value for name, value in ENCODERS["wav2vec2-base"].items() if name != "model_type"}
    whisper = {name: value for name, value in ENCODERS["whisper"].items() if name != "model_type"}
    exhubert = {name: value for name, value in ENCODERS["exhubert"].items() if name != "model_type"}
    sources = {
        "wavlm-large": WavLMModel(WavLMConfig(**wavlm_fields())),
        "wav2vec2-base": Wav2Vec2ForCTC(Wav2Vec2Config(**wav2vec2, vocab_size=4)),
        "whisper": WhisperForConditionalGeneration(WhisperConfig(**whisper)),
        "exhubert": ExHubertModel(ExHubertConfig(**exhubert)),
    }
    for name, source in sources.items():
        source.save_pretrained(tmp_path / name)
        for given in (source, str(tmp_path / name)):
            model = SpeechEmotionForSequenceClassification.from_encoder(given, labels=["a", "b"], pooling="std")
            assert model.config.label2id == {"a": 0, "b": 1}
            expected = source.get_encoder() if name == "whisper" else source.base_model
            weights = expected.state_dict()
            found = model.speech_encoder.state_dict()
            assert found.keys() == weights.keys()
            assert all(torch.equal(found[key], weights[key]) for key in weights)
            assert model.classifier.weight.std() > 0


def test_from_encoder_passes_config_fields_on_to_the_encoder(tmp_path):
    WavLMModel(WavLMConfig(**wavlm_fields() | {"layerdrop": 0.3})).save_pretrained(tmp_path)
    model = SpeechEmotionForSequenceClassification.from_encoder(
        str(tmp_path), encoder_kwargs={"layerdrop": 0.0, "dtype": torch.bfloat16}
    )
    assert model.config.encoder_config.layerdrop == model.speech_encoder.config.layerdrop == 0.0
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}


def test_from_encoder_refuses_unknown_fields_and_foreign_weights(tmp_path):
    encoder = WavLMModel(WavLMConfig(**wavlm_fields()))
    with pytest.raises(ValueError, match=r"no \['layerdrop'\].*encoder_kwargs"):
        SpeechEmotionForSequenceClassification.from_encoder(encoder, layerdrop=0.1)
    with pytest.raises(ValueError, match=r"\['revision'\] apply to loading"):
        SpeechEmotionForSequenceClassification.from_encoder(encoder, encoder_kwargs={"revision": "main"})
    encoder.save_pretrained(tmp_path)
    config = WavLMConfig(**wavlm_fields() | {"num_hidden_layers": 1})
    config.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="left over: encoder.layers.1"):
        SpeechEmotionForSequenceClassification.from_encoder(str(tmp_path))
    config.num_hidden_layers = 3
    config.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="missing: encoder.layers.2"):
        SpeechEmotionForSequenceClassification.from_encoder(str(tmp_path))


def test_missing_or_left_over_weights_are_an_error(tmp_path):
    tiny_model("wavlm-base", num_dimensions=2).save_pretrained(tmp_path)
    for change, message in [({"num_dimensions": 0}, "2 left over: dimension"), ({"head": "tanh"}, "missing: proj")]:
        config = SpeechEmotionConfig.from_pretrained(tmp_path, **change)
        with pytest.raises(ValueError, match=message):
            SpeechEmotionForSequenceClassification.from_pretrained(tmp_path, config=config)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
def test_auto_class_reloads_exactly(dtype, tmp_path):
    model = tiny_model("wavlm-large", layer_selection="weighted", pooling="attention").to(dtype)
    model.save_pretrained(tmp_path)
    again = AutoModelForAudioClassification.from_pretrained(tmp_path).eval()
    assert type(again) is SpeechEmotionForSequenceClassification
    values = padded_batch("wavlm-large")[1]["input_values"].to(dtype)
    with torch.no_grad():
        assert torch.equal(again(values).logits, model(values).logits)


def test_reset_classifier_keeps_everything_before_it():
    model = tiny_model("wavlm-base", head="mlp")
    before = {name: value.clone() for name, value in model.state_dict().items() if "classifier" not in name}
    model.reset_classifier(["anger", "joy"])
    assert model.config.num_labels == 2
    assert model.classifier.weight.shape == (2, 6)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in before.items())
    with pytest.raises(ValueError, match="distinct"):
        model.reset_classifier(["anger", "anger"])
