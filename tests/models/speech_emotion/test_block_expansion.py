"""Backbone block expansion of every encoder: nothing changes at first, copies train, originals do not, all reloads."""

import copy
import pickle

import pytest
import torch
from transformers import WavLMModel

from hf_emotion.models.speech_emotion import SpeechEmotionConfig, SpeechEmotionForSequenceClassification
from hf_emotion.models.speech_emotion.block_expansion_speech_emotion import CopyOfLayer
from hf_emotion.models.speech_emotion.encoding_speech_emotion import encoder_layers

from .tiny_encoders import ENCODERS, NO_RANDOMNESS, padded_batch, tiny_model


LABELS = torch.tensor([0, 2])
STOCK = [name for name in ENCODERS if name != "exhubert"]
# their attention is not one of transformers' interchangeable ones
OWN_ATTENTION = ("wavlm-base", "wavlm-large", "sew-d")


def unexpanded(encoder, encoder_fields=None, **fields):
    """A tiny model without copies, in an encoder that could have its own as well."""
    no_copies = {"num_copies_per_layer": None} if encoder == "exhubert" else {}
    return tiny_model(encoder, no_copies | (encoder_fields or {}), **({"layer_selection": "weighted"} | fields))


def expanded(encoder, encoder_fields=None, num_copies=1, layers=None, **fields):
    """A tiny model with copies that say something."""
    model = unexpanded(encoder, encoder_fields, **fields).expand_blocks(num_copies=num_copies, layers=layers)
    for name, parameter in model.named_parameters():
        if name.endswith("zero_linear.weight"):
            torch.nn.init.normal_(parameter, std=0.3)
    return model


def without_randomness(encoder):
    if encoder == "whisper":
        return {"dropout": 0.0}
    is_conformer = encoder in ("wav2vec2-conformer", "wav2vec2-bert")
    return NO_RANDOMNESS | ({"conformer_conv_dropout": 0.0} if is_conformer else {})


def in_precision(batch, dtype):
    return {name: value.to(dtype) if value.is_floating_point() else value for name, value in batch.items()}


@pytest.mark.parametrize("with_grad", [False, True], ids=["no_grad", "grad"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
@pytest.mark.parametrize(("layers", "num_copies"), [(None, 1), ([-1], 2)])
@pytest.mark.parametrize("encoder", ENCODERS)
def test_outputs_after_expansion_equal_those_before_bit_for_bit(encoder, layers, num_copies, dtype, with_grad):
    with torch.set_grad_enabled(with_grad):
        check_identity(unexpanded(encoder).to(dtype), encoder, layers, num_copies, dtype)


def check_identity(model, encoder, layers, num_copies, dtype):
    batches = [in_precision(batch, dtype) for batch in padded_batch(encoder)]
    before = [model(**batch, output_hidden_states=True) for batch in batches]
    model.expand_blocks(num_copies=num_copies, layers=layers)
    assert {parameter.dtype for parameter in model.parameters()} == {dtype}
    for old, batch in zip(before, batches, strict=True):
        new = model(**batch, output_hidden_states=True)
        assert torch.equal(old.logits, new.logits)
        assert all(torch.equal(*states) for states in zip(old.hidden_states, new.hidden_states, strict=True))


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("encoder", [name for name in ENCODERS if name not in OWN_ATTENTION])
def test_copies_follow_the_attention_implementation_set_before_and_after(encoder, attention):
    model = unexpanded(encoder)
    model.set_attn_implementation(attention)
    batch, _ = padded_batch(encoder)
    before = model(**batch).logits
    model.expand_blocks()
    assert torch.equal(model(**batch).logits, before)
    model = expanded(encoder)
    outputs = []
    for implementation in ("eager", "sdpa"):
        model.set_attn_implementation(implementation)
        configs = {part.config._attn_implementation for part in model.speech_encoder.modules() if is_attention(part)}
        assert configs == {implementation}
        outputs.append(model(**batch).logits)
    torch.testing.assert_close(*outputs, atol=1e-5, rtol=1e-5)


def is_attention(module):
    return "Attention" in type(module).__name__ and hasattr(module, "config")


@pytest.mark.parametrize("encoder", ENCODERS)
def test_parameters_of_the_originals_keep_their_names_and_copies_start_as_they_are(encoder):
    model = unexpanded(encoder)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.expand_blocks(num_copies=2)
    after = model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    for layer in encoder_layers(model.speech_encoder):
        for number in (0, 1):
            copied = layer.copies[number].layer.state_dict()
            assert copied
            assert all(torch.equal(value, layer.state_dict()[name]) for name, value in copied.items())
            assert layer.copies[number].layer is not layer.copies[1 - number].layer


@pytest.mark.parametrize("encoder", ENCODERS)
def test_training_moves_copies_and_head_but_neither_originals_nor_the_cnn(encoder):
    model = unexpanded(encoder, without_randomness(encoder)).expand_blocks().train()
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2, weight_decay=0.0)
    batch, _ = padded_batch(encoder)
    for _ in range(3):  # the first step moves the zero linears only, whose weights hold the copies' gradients back
        optimizer.zero_grad()
        model(**batch, labels=LABELS).loss.backward()
        optimizer.step()
    moved = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert not moved & frozen
    assert not any(".copies." in name for name in frozen)
    layers = encoder_layers(model.speech_encoder)
    originals = [p for name, p in layers.named_parameters() if ".copies." not in name]
    assert originals
    assert not any(parameter.requires_grad for parameter in originals)
    for index in range(2):
        linears = [name for name in moved if f".{index}.copies.0.zero_linear." in name]
        assert len(linears) == 2
        assert any(f".{index}.copies.0.layer." in name for name in moved)
    assert {"layer_weights", "projector.weight", "classifier.weight"} <= moved


@pytest.mark.parametrize("encoder", ENCODERS)
def test_expanded_model_reloads_bit_equal_and_ignores_padding(encoder, tmp_path):
    model = expanded(encoder, num_copies=2, layers=[1]).reset_classifier(["a", "b"])
    model.save_pretrained(tmp_path)
    again = SpeechEmotionForSequenceClassification.from_pretrained(tmp_path).eval()
    assert again.config.is_expanded
    assert again.config.num_copies_per_layer == (None if encoder == "exhubert" else [0, 2])
    batch, alone = padded_batch(encoder)
    with torch.no_grad():
        together = model(**batch).logits
        assert torch.equal(again(**batch).logits, together)
        torch.testing.assert_close(together[1:], model(**alone).logits, atol=1e-5, rtol=1e-5)
        torch.nn.init.zeros_(encoder_layers(model.speech_encoder)[1].copies[1].zero_linear.weight)
        assert not torch.allclose(model(**batch).logits, together, atol=1e-4)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_gradient_checkpointing_gives_the_same_gradients(encoder):
    model = expanded(encoder, without_randomness(encoder)).train()
    batch, _ = padded_batch(encoder)
    gradients = []
    for checkpointing in (False, True):
        if checkpointing:
            model.gradient_checkpointing_enable()
        model.zero_grad()
        model(**batch, labels=LABELS).loss.backward()
        gradients.append({name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})
    assert set(gradients[0]) ^ set(gradients[1]) == set()
    for name, plain in gradients[0].items():
        torch.testing.assert_close(plain, gradients[1][name], atol=1e-6, rtol=1e-4)


def test_a_block_is_checkpointed_as_a_whole():
    model = expanded("whisper", {"dropout": 0.0}, num_copies=2).train()
    model.gradient_checkpointing_enable()
    calls = {"original": 0, "copy": 0}
    layer = encoder_layers(model.speech_encoder)[0]

    def count(name):
        return lambda module, args: calls.__setitem__(name, calls[name] + 1)

    layer.fc1.register_forward_pre_hook(count("original"))
    layer.copies[1].layer.fc1.register_forward_pre_hook(count("copy"))
    model(**padded_batch("whisper")[0], labels=LABELS).loss.backward()
    assert calls == {"original": 2, "copy": 2}  # once forward, once again in the backward pass


@pytest.mark.parametrize("encoder", [name for name in STOCK if name != "sew-d"])  # which has no LayerDrop
def test_layerdrop_takes_a_block_with_its_copies(encoder):
    field = "encoder_layerdrop" if encoder == "whisper" else "layerdrop"
    model = expanded(encoder, without_randomness(encoder) | {field: 1.0}).train()
    model(**padded_batch(encoder)[0], labels=LABELS, output_hidden_states=True).loss.backward()
    reached = {
        index
        for index, layer in enumerate(encoder_layers(model.speech_encoder))
        if any(parameter.grad is not None and parameter.grad.any() for parameter in layer.parameters())
    }
    # WavLM never drops its first layer, which computes the position bias
    assert reached == ({0} if encoder.startswith("wavlm") else set())
    set_layerdrop(model.speech_encoder, field, 0.5)
    for seed in range(4):
        torch.manual_seed(seed)
        outputs = model(**padded_batch(encoder)[0], labels=LABELS, output_hidden_states=True)
        assert len(outputs.hidden_states) == 3
        outputs.loss.backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def set_layerdrop(encoder, field, probability):
    setattr(encoder.config, field, probability)
    for module in encoder.modules():
        if hasattr(module, "layerdrop"):
            module.layerdrop = probability


@pytest.mark.parametrize("encoder", ENCODERS)
def test_hidden_states_are_of_blocks_and_attentions_of_originals_and_copies(encoder):
    model = unexpanded(encoder)
    model.set_attn_implementation("eager")
    batch, _ = padded_batch(encoder)
    assert len(model(**batch, output_attentions=True).attentions) == 2  # installs transformers' hooks
    seen = []
    model.expand_blocks(num_copies=2, layers=[0])
    torch.nn.init.normal_(encoder_layers(model.speech_encoder)[0].copies[1].zero_linear.weight)
    encoder_layers(model.speech_encoder)[0].copies[1].register_forward_hook(
        lambda module, args, output: seen.append(output)
    )
    outputs = model(**batch, output_hidden_states=True, output_attentions=True)
    assert len(outputs.hidden_states) == 3
    assert len(outputs.attentions) == 4
    if not encoder.startswith("sew"):  # whose states are held for several frames
        assert torch.equal(outputs.hidden_states[1], seen[0])


def test_the_encoder_alone_records_one_hidden_state_per_block():
    encoder = expanded("wavlm-large").speech_encoder
    _, alone = padded_batch("wavlm-large")
    assert len(encoder(**alone, output_hidden_states=True).hidden_states) == 3


@pytest.mark.parametrize("encoder", ["wavlm-large", "whisper", "wav2vec2-conformer"])
def test_a_deep_copy_is_independent_and_equal(encoder):
    model = expanded(encoder)
    twin = copy.deepcopy(model)
    batch, _ = padded_batch(encoder)
    before = model(**batch).logits
    assert torch.equal(twin(**batch).logits, before)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.zero_()
    assert torch.equal(model(**batch).logits, before)


def test_models_that_can_be_pickled_can_be_pickled_with_copies():
    model = expanded("whisper", num_copies=2, layers=[0])
    batch, _ = padded_batch("whisper")
    assert torch.equal(pickle.loads(pickle.dumps(model))(**batch).logits, model(**batch).logits)


def test_state_of_an_optimizer_continues_in_a_reloaded_model(tmp_path):
    def step(model, optimizer):
        optimizer.zero_grad()
        model(**padded_batch("wavlm-base")[0], labels=LABELS).loss.backward()
        optimizer.step()

    def optimizer_of(model):
        return torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)

    model = expanded("wavlm-base")
    optimizer = optimizer_of(model)
    step(model, optimizer)
    model.save_pretrained(tmp_path)
    again = SpeechEmotionForSequenceClassification.from_pretrained(tmp_path).eval()
    again.freeze_original_layers()
    resumed = optimizer_of(again)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    step(model, optimizer)
    step(again, resumed)
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(again.get_parameter(name), parameter, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("encoder", STOCK)
def test_a_new_model_with_copies_computes_what_it_would_without(encoder):
    model = tiny_model(encoder, num_copies_per_layer=[1, 2])
    plain = tiny_model(encoder)
    plain.load_state_dict({name: value for name, value in model.state_dict().items() if ".copies." not in name})
    batch, _ = padded_batch(encoder)
    assert torch.equal(model(**batch).logits, plain(**batch).logits)
    copies = [part for part in model.modules() if hasattr(part, "zero_linear")]
    assert len(copies) == 3
    assert all(p.any() for part in copies for name, p in part.layer.named_parameters() if name.endswith("proj.weight"))


@pytest.mark.parametrize("encoder", STOCK)
def test_blocks_keep_the_class_name_by_which_layers_are_kept_on_one_device(encoder):
    model = unexpanded(encoder)
    before = [type(layer).__name__ for layer in encoder_layers(model.speech_encoder)]
    model.expand_blocks(layers=[1])
    assert [type(layer).__name__ for layer in encoder_layers(model.speech_encoder)] == before
    stock = type(tiny_model(encoder).speech_encoder)
    assert type(model.speech_encoder) is stock
    copies = [part for part in model.modules() if isinstance(part, CopyOfLayer)]
    assert len(copies) == 1
    assert not {type(part).__name__ for part in copies[0].modules()} & set(before)


def test_random_init_changes_the_outputs():
    model = unexpanded("wavlm-base")
    batch, _ = padded_batch("wavlm-base")
    before = model(**batch).logits
    assert not torch.allclose(model.expand_blocks(init="random")(**batch).logits, before)


def test_copies_of_a_frozen_model_in_training_train():
    model = unexpanded("wavlm-base").train()
    model.freeze_encoder()
    model.expand_blocks()
    copies = [part for part in model.modules() if isinstance(part, CopyOfLayer)]
    assert all(part.training for part in copies)
    assert all(parameter.requires_grad for part in copies for parameter in part.parameters())


def test_only_the_original_first_layer_of_wavlm_has_the_table_of_position_biases():
    model = expanded("wavlm-large")
    tables = [name for name in model.state_dict() if "rel_attn_embed" in name]
    assert tables == ["speech_encoder.encoder.layers.0.attention.rel_attn_embed.weight"]


@pytest.mark.parametrize("encoder", ["wavlm-base", "exhubert"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_copies": 0}, "at least 1"),
        ({"num_copies": True}, "integer"),
        ({"layers": []}, "empty"),
        ({"layers": [2]}, "layers 0 to 1"),
        ({"layers": [0, -2]}, "twice"),
        ({"init": "ones"}, '"zero" or "random"'),
    ],
)
def test_bad_expansion_arguments_are_named_and_leave_the_model_alone(encoder, arguments, message):
    model = unexpanded(encoder)
    with pytest.raises(ValueError, match=message):
        model.expand_blocks(**arguments)
    assert not model.config.is_expanded
    assert all(parameter.requires_grad for parameter in model.projector.parameters())
    assert not any(".copies." in name for name in model.state_dict())


@pytest.mark.parametrize("encoder", ["wavlm-base", "exhubert"])
def test_expanding_a_layer_twice_is_refused_and_other_layers_are_not(encoder):
    model = unexpanded(encoder).expand_blocks(layers=[0])
    with pytest.raises(ValueError, match=r"layers \[0\] have copies already"):
        model.expand_blocks()
    model.expand_blocks(layers=[1], num_copies=2)
    assert [len(layer.copies) for layer in encoder_layers(model.speech_encoder)] == [1, 2]
    owner = model.config.encoder_config if encoder == "exhubert" else model.config
    assert owner.num_copies_per_layer == [1, 2]


@pytest.mark.parametrize(
    ("encoder", "copies", "message"),
    [
        ("wavlm-base", [1], "each of the 2 encoder layers"),
        ("wavlm-base", [1, -1], "non-negative"),
        ("wavlm-base", [1, "x"], "num_copies_per_layer"),
        ("exhubert", [1, 0], "set `encoder_config.num_copies_per_layer`"),
    ],
)
def test_wrong_copy_counts_are_refused(encoder, copies, message):
    with pytest.raises(Exception, match=message):
        SpeechEmotionConfig(encoder_config=ENCODERS[encoder], num_copies_per_layer=copies)


def test_copies_that_a_checkpoint_lacks_or_has_over_are_an_error(tmp_path):
    expanded("wavlm-base", layers=[1]).save_pretrained(tmp_path / "expanded")
    for counts, message in [([1, 1], "missing: .*layers.0.copies.0"), (None, "left over: .*layers.1.copies.0")]:
        config = SpeechEmotionConfig.from_pretrained(tmp_path / "expanded", num_copies_per_layer=counts)
        with pytest.raises(ValueError, match=message):
            SpeechEmotionForSequenceClassification.from_pretrained(tmp_path / "expanded", config=config)
    encoder = unexpanded("wavlm-base").speech_encoder
    assert type(encoder) is WavLMModel
    with pytest.raises(ValueError, match="missing: .*copies.0"):
        SpeechEmotionForSequenceClassification.from_encoder(encoder, num_copies_per_layer=[1, 0])
