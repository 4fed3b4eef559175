"""Adapters: the whole head is saved, a fresh process gets the same outputs, merging changes nothing."""

import json
import subprocess
import sys

import pytest
import torch
from transformers import (
    AutoConfig,
    HubertConfig,
    HubertForSequenceClassification,
    HubertModel,
    WavLMConfig,
    WavLMForSequenceClassification,
    WavLMModel,
    WhisperConfig,
    WhisperForAudioClassification,
    WhisperModel,
)

from hf_emotion import ExHubertForSequenceClassification
from hf_emotion.adapters import add_adapter, encoder_name, load_adapted_classifier, train_head_only


peft = pytest.importorskip("peft")

SPEECH = {
    "hidden_size": 16,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "intermediate_size": 24,
    "conv_dim": (8, 8),
    "conv_kernel": (10, 8),
    "conv_stride": (5, 8),
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
    "use_weighted_layer_sum": True,
    "classifier_proj_size": 8,
    "layerdrop": 0.0,
}
WHISPER = {
    "d_model": 16,
    "encoder_layers": 2,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 24,
    "decoder_ffn_dim": 24,
    "num_mel_bins": 8,
    "max_source_positions": 20,
    "vocab_size": 20,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 1,
    "use_weighted_layer_sum": True,
    "classifier_proj_size": 8,
}
FAMILIES = ("hubert", "exhubert", "wavlm", "whisper")
METHODS = {
    "lora": {"method": "lora", "r": 4},
    "dora": {"method": "dora", "r": 4},
    "lora on the head": {"method": "lora", "r": 4, "head": "adapt", "target_modules": ()},
    "lora on both": {"method": "lora", "r": 4, "head": "adapt"},
    "loha": {"method": "loha", "r": 2},
}
OUTPUTS = """
import json, sys, torch
from hf_emotion.adapters import load_adapted_classifier
model = load_adapted_classifier(sys.argv[1])
inputs = torch.load(sys.argv[2], weights_only=True)
with torch.no_grad():
    loaded = model(**inputs).logits
    merged = model.merge_and_unload()(**inputs).logits
torch.save({"loaded": loaded, "merged": merged}, sys.argv[3])
"""


@pytest.fixture
def classifier(tmp_path):
    """Makes a checkpoint of an encoder and loads it as a classifier with a new head."""

    def make(family, num_labels=5):
        torch.manual_seed(0)
        folder = str(tmp_path / f"{family}_checkpoint")
        if family == "whisper":
            WhisperModel(WhisperConfig(**WHISPER)).save_pretrained(folder)
            return with_layer_weights(WhisperForAudioClassification.from_pretrained(folder, num_labels=num_labels))
        if family == "wavlm":
            WavLMModel(WavLMConfig(**SPEECH)).save_pretrained(folder)
            return with_layer_weights(WavLMForSequenceClassification.from_pretrained(folder, num_labels=num_labels))
        HubertModel(HubertConfig(**SPEECH)).save_pretrained(folder)
        if family == "hubert":
            return HubertForSequenceClassification.from_pretrained(folder, num_labels=num_labels)
        model = ExHubertForSequenceClassification.from_hubert(folder, labels=list("abcde"))
        model.expand_blocks()
        model.save_pretrained(tmp_path / "expanded")
        return ExHubertForSequenceClassification.from_pretrained(tmp_path / "expanded")

    return make


def with_layer_weights(model):
    # transformers leaves the layer weights of a new WavLM or Whisper head as the memory was
    with torch.no_grad():
        model.layer_weights.fill_(1 / len(model.layer_weights))
    return model


def inputs(family, num_clips=2):
    torch.manual_seed(1)
    if family == "whisper":
        return {"input_features": torch.randn(num_clips, 8, 40)}
    return {"input_values": torch.randn(num_clips, 3000)}


def train(model, family):
    """Three steps that move every parameter that is trained; returns the logits."""
    optimizer = torch.optim.SGD([weight for weight in model.parameters() if weight.requires_grad], lr=0.5)
    model.train()
    for _ in range(3):
        model(**inputs(family, 4), labels=torch.tensor([0, 1, 2, 3])).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return logits(model.eval(), family)


def logits(model, family):
    with torch.no_grad():
        return model(**inputs(family)).logits


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("method", METHODS)
def test_loaded_and_merged_outputs_are_those_that_were_saved(classifier, tmp_path, family, method):
    model = add_adapter(classifier(family), **METHODS[method])
    before = logits(model.eval(), family)
    trained = train(model, family)
    assert not torch.equal(before, trained)
    model.save_pretrained(str(tmp_path / "adapter"))
    loaded = load_adapted_classifier(tmp_path / "adapter")
    torch.testing.assert_close(logits(loaded, family), trained, rtol=0, atol=1e-6)
    merged = loaded.merge_and_unload()
    assert type(merged) is type(classifier(family))
    torch.testing.assert_close(logits(merged, family), trained, rtol=0, atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_fresh_process_gets_the_same_outputs(classifier, tmp_path, family):
    model = add_adapter(classifier(family), "lora", r=4)
    trained = train(model, family)
    model.save_pretrained(str(tmp_path / "adapter"))
    torch.save(inputs(family), tmp_path / "inputs.pt")
    files = [str(tmp_path / name) for name in ("adapter", "inputs.pt", "outputs.pt")]
    subprocess.run([sys.executable, "-c", OUTPUTS, *files], check=True, capture_output=True)
    outputs = torch.load(tmp_path / "outputs.pt", weights_only=True)
    torch.testing.assert_close(outputs["loaded"], trained, rtol=0, atol=1e-6)
    torch.testing.assert_close(outputs["merged"], trained, rtol=0, atol=1e-6)


def test_plain_peft_loads_it_if_told_the_number_of_labels(classifier, tmp_path):
    model = add_adapter(classifier("hubert"), "lora", r=4)
    trained = train(model, "hubert")
    model.save_pretrained(str(tmp_path / "adapter"))
    num_labels = AutoConfig.from_pretrained(tmp_path / "adapter").num_labels
    loaded = peft.AutoPeftModel.from_pretrained(str(tmp_path / "adapter"), num_labels=num_labels).eval()
    torch.testing.assert_close(logits(loaded, "hubert"), trained, rtol=0, atol=1e-6)


def test_the_adapter_is_small_and_holds_the_whole_head(classifier, tmp_path):
    model = add_adapter(classifier("hubert"), "lora", r=4)
    trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert {name.split(".")[2] for name in trained if "lora" not in name} == {
        "layer_weights",
        "projector",
        "classifier",
    }
    assert all("lora" in name for name in trained if ".hubert." in name)
    model.save_pretrained(str(tmp_path / "adapter"))
    from safetensors.torch import load_file

    saved = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    assert sum(value.numel() for value in saved.values()) == sum(
        weight.numel() for weight in model.parameters() if weight.requires_grad
    )
    assert json.loads((tmp_path / "adapter" / "config.json").read_text())["model_type"] == "hubert"


@pytest.mark.parametrize(("rank", "size"), [(8, 1_179_648), (16, 2_359_296), (32, 4_718_592)])
def test_sizes_on_hubert_large_are_the_real_ones(rank, size):
    config = HubertConfig(
        hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096, num_labels=8
    )
    with torch.device("meta"):
        model = add_adapter(HubertForSequenceClassification(config), "lora", r=rank)
    assert sum(weight.numel() for name, weight in model.named_parameters() if "lora_" in name) == size


def test_gradient_checkpointing_reaches_the_adapter(classifier):
    model = add_adapter(classifier("hubert"), "lora", r=4).train()
    model.gradient_checkpointing_enable({"use_reentrant": False})
    model(**inputs("hubert"), labels=torch.tensor([0, 1])).loss.backward()
    assert all(weight.grad is not None for weight in model.parameters() if weight.requires_grad)


def test_training_goes_on_from_a_saved_adapter(classifier, tmp_path):
    model = add_adapter(classifier("hubert"), "lora", r=4)
    train(model, "hubert")
    model.save_pretrained(str(tmp_path / "adapter"))
    again = load_adapted_classifier(tmp_path / "adapter", is_trainable=True)
    assert again.training
    assert any("lora_" in name and weight.requires_grad for name, weight in again.named_parameters())


def test_a_hubert_that_became_an_exhubert_is_loaded_from_its_own_checkpoint(classifier, tmp_path):
    classifier("exhubert")
    source = str(tmp_path / "exhubert_checkpoint")
    model = add_adapter(ExHubertForSequenceClassification.from_hubert(source, labels=list("abcde")), "lora", r=4)
    trained = train(model, "exhubert")
    model.save_pretrained(str(tmp_path / "adapter"))
    torch.testing.assert_close(
        logits(load_adapted_classifier(tmp_path / "adapter"), "exhubert"), trained, rtol=0, atol=1e-6
    )


def test_an_encoder_that_no_checkpoint_holds_is_refused_before_training(classifier):
    model = ExHubertForSequenceClassification.from_pretrained(classifier("exhubert").name_or_path)
    model.name_or_path = ""
    with pytest.raises(ValueError, match="was not loaded from a checkpoint. Save the model first"):
        add_adapter(model)


def test_an_encoder_that_was_expanded_after_loading_is_refused_before_training(classifier, tmp_path):
    classifier("exhubert")
    model = ExHubertForSequenceClassification.from_hubert(str(tmp_path / "exhubert_checkpoint"), labels=list("abcde"))
    model.expand_blocks()
    with pytest.raises(ValueError, match="has not the copies of its layers. Save the model first"):
        add_adapter(model)


def test_another_encoder_than_the_one_it_was_trained_on_is_refused(classifier, tmp_path):
    add_adapter(classifier("exhubert"), "lora", r=4).save_pretrained(str(tmp_path / "adapter"))
    with pytest.raises(ValueError, match="with 2 copies of layers, but .*exhubert_checkpoint has 0"):
        load_adapted_classifier(tmp_path / "adapter", base_model=tmp_path / "exhubert_checkpoint")


def test_the_head_alone_can_be_trained(classifier):
    model = train_head_only(classifier("hubert"))
    trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert {name.split(".")[0] for name in trained} == {"layer_weights", "projector", "classifier"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "lorra"}, "peft has no method 'lorra'; it has .*dora.*lora"),
        ({"method": "prefix_tuning"}, "adapts no linear layers"),
        ({"target_modules": ["q_porj"]}, "no linear layer 'q_porj'; it has .*q_proj"),
        ({"rank": 8}, "'lora' has no option rank; it has .*lora_alpha"),
        ({"head": "freeze"}, "head='freeze' is none of train, adapt"),
        ({"target_modules": ()}, "nothing to adapt.*train_head_only"),
    ],
)
def test_what_cannot_be_meant_is_refused(classifier, options, message):
    with pytest.raises(ValueError, match=message):
        add_adapter(classifier("hubert"), **options)


def test_a_folder_without_an_adapter_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no adapter"):
        load_adapted_classifier(tmp_path)


def test_an_encoder_alone_is_no_classifier():
    with pytest.raises(ValueError, match="HubertModel is no classifier"):
        encoder_name(HubertModel(HubertConfig(**SPEECH)))
