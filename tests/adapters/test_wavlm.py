"""Adapters on WavLM: the stock attention passes them by; ours computes the same and calls them."""

import pytest
import torch
from transformers.models.wavlm.modeling_wavlm import WavLMAttention

from hf_emotion.adapters import add_adapter, load_adapted_classifier
from hf_emotion.adapters.wavlm_attention import AdaptableWavLMAttention, make_adaptable, make_plain
from tests.models.speech_emotion.tiny_encoders import ENCODERS, padded_batch, tiny_model

from .tiny_classifiers import inputs, logits, make_classifier, train


peft = pytest.importorskip("peft")


def attentions(model):
    return {type(module) for module in model.modules() if isinstance(module, WavLMAttention)}


def test_the_stock_attention_gives_an_adapter_no_gradient(tmp_path):
    """If this fails, transformers has changed, and `hf_emotion/adapter_attention.py` may no longer be needed."""
    model = make_classifier("wavlm", tmp_path)
    adapted = peft.get_peft_model(model, peft.LoraConfig(target_modules=["q_proj"], modules_to_save=["classifier"]))
    adapted(**inputs("wavlm"), labels=torch.tensor([0, 1])).loss.backward()
    assert all(weight.grad is None for name, weight in adapted.named_parameters() if "lora_" in name)


@pytest.mark.parametrize("encoder", ["wavlm-base", "wavlm-large"])
def test_ours_gives_the_outputs_and_attention_weights_of_the_stock_one(encoder):
    model = tiny_model(encoder)
    before = attentions(model)
    batch, _ = padded_batch(encoder)
    with torch.no_grad():
        expected = model(**batch, output_attentions=True, output_hidden_states=True)
        make_adaptable(model)
        assert attentions(model) == {AdaptableWavLMAttention}
        found = model(**batch, output_attentions=True, output_hidden_states=True)
    torch.testing.assert_close(found.logits, expected.logits, rtol=0, atol=1e-6)
    torch.testing.assert_close(found.hidden_states, expected.hidden_states, rtol=0, atol=1e-5)
    torch.testing.assert_close(found.attentions, expected.attentions, rtol=0, atol=1e-6)
    make_plain(model)
    assert attentions(model) == before


@pytest.mark.parametrize("leave", ["merge_and_unload", "unload"])
def test_a_model_without_its_adapter_has_the_stock_attention_again(tmp_path, leave):
    model = add_adapter(make_classifier("wavlm", tmp_path), "lora", r=4)
    assert attentions(model) == {AdaptableWavLMAttention}
    assert attentions(getattr(model, leave)()) == {WavLMAttention}


def test_plain_peft_gets_the_outputs_after_merging_only(tmp_path):
    model = add_adapter(make_classifier("wavlm", tmp_path), "lora", r=4)
    trained = train(model, "wavlm", 3)
    model.save_pretrained(tmp_path / "adapter")
    plain = peft.PeftModel.from_pretrained(make_classifier("wavlm", tmp_path), str(tmp_path / "adapter")).eval()
    assert not torch.allclose(logits(plain, "wavlm"), trained, rtol=0, atol=1e-6)
    torch.testing.assert_close(logits(plain.merge_and_unload(), "wavlm"), trained, rtol=0, atol=1e-6)
    assert "Do merge" in (tmp_path / "adapter" / "README.md").read_text()
    torch.testing.assert_close(
        logits(load_adapted_classifier(tmp_path / "adapter"), "wavlm"), trained, rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("encoder", ENCODERS)
def test_adapters_on_the_attention_of_every_encoder_take_part(encoder, tmp_path):
    fields = {"layer_selection": "weighted"}
    tiny_model(encoder, **fields).save_pretrained(tmp_path)
    model = add_adapter(type(tiny_model(encoder, **fields)).from_pretrained(tmp_path), "lora", r=2)
    for name, weight in model.named_parameters():
        if name.endswith(".zero_linear.weight"):  # a copy takes part once the linear layer behind it is trained
            torch.nn.init.normal_(weight)
    batch, _ = padded_batch(encoder)
    model(**batch, labels=torch.tensor([0, 1])).loss.backward()
    gradients = {name: weight.grad for name, weight in model.named_parameters() if "lora_B" in name}
    assert len(gradients) >= 6
    assert [name for name, gradient in gradients.items() if gradient is None or not gradient.any()] == []
