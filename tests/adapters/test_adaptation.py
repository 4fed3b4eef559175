"""Adapters: what is put where, what is refused, what is loaded. See `adapters/` for training, the Hub and peft."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import HubertConfig, HubertForSequenceClassification, HubertModel

from hf_emotion import ExHubertForSequenceClassification
from hf_emotion.adapters import add_adapter, encoder_name, load_adapted_classifier, merge_adapter, train_head_only
from hf_emotion.models.speech_emotion import SpeechEmotionForSequenceClassification
from tests.adapters.tiny_classifiers import (
    LABELS,
    SPEECH,
    encoder_checkpoint,
    logits,
    make_classifier,
    train,
)


peft = pytest.importorskip("peft")


@pytest.fixture
def hubert(tmp_path):
    return make_classifier("hubert", tmp_path)


def assert_loads(folder, kind, trained, **options):
    torch.testing.assert_close(logits(load_adapted_classifier(folder, **options), kind), trained, rtol=0, atol=1e-6)


def test_the_adapter_is_small_and_holds_the_whole_head(hubert, tmp_path):
    model = add_adapter(hubert, "lora", r=4)
    trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert {name.split(".")[2] for name in trained if "lora" not in name} == {
        "layer_weights",
        "projector",
        "classifier",
    }
    assert all("lora" in name for name in trained if ".hubert." in name)
    model.save_pretrained(tmp_path / "adapter")
    saved = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    assert sum(value.numel() for value in saved.values()) == sum(
        weight.numel() for weight in model.parameters() if weight.requires_grad
    )
    assert json.loads((tmp_path / "adapter" / "config.json").read_text())["model_type"] == "hubert"


def test_every_part_of_the_head_of_speech_emotion_is_trained_and_saved(tmp_path):
    model = add_adapter(make_classifier("speech_emotion-wavlm", tmp_path), "lora", r=4)
    model.save_pretrained(tmp_path / "adapter")
    saved = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    head = {key.removeprefix("base_model.model.") for key in saved if ".speech_encoder." not in key}
    assert head >= {
        "layer_weights",
        "pooling.score.0.weight",
        "conditioning.gender_embedding.weight",
        "conditioning.gender_fusion.projection.weight",
        "conditioning.unknown_text",
        "conditioning.text_fusion.projection.bias",
        "projector.3.weight",
        "classifier.bias",
        "dimension_regressor.weight",
    }
    trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    assert trained == sum(value.numel() for value in saved.values())


@pytest.mark.parametrize(("rank", "size"), [(8, 1_179_648), (16, 2_359_296), (32, 4_718_592)])
def test_sizes_on_hubert_large_are_the_real_ones(rank, size):
    config = HubertConfig(
        hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096, num_labels=8
    )
    with torch.device("meta"):
        model = add_adapter(HubertForSequenceClassification(config), "lora", r=rank)
    assert sum(weight.numel() for name, weight in model.named_parameters() if "lora_" in name) == size


def test_disabling_the_adapter_gives_the_head_of_before_but_for_parameters_that_stand_alone(hubert):
    before = logits(hubert.eval(), "hubert")
    model = add_adapter(hubert, "lora", r=4)
    train(model, "hubert")
    with torch.no_grad():
        model.get_base_model().layer_weights.fill_(1 / 3)
    with model.disable_adapter():
        torch.testing.assert_close(logits(model, "hubert"), before, rtol=0, atol=1e-6)


def test_a_second_adapter_is_saved_with_its_own_head(hubert, tmp_path):
    model = add_adapter(hubert, "lora", r=4)
    model.add_adapter("other", peft.LoraConfig(r=2, target_modules=["q_proj"], modules_to_save=["classifier"]))
    model.save_pretrained(tmp_path / "adapter")
    for folder in (tmp_path / "adapter", tmp_path / "adapter" / "other"):
        saved = load_file(folder / "adapter_model.safetensors")
        assert "base_model.model.layer_weights" in saved
        assert (folder / "config.json").is_file()
    assert "base_model.model.projector.weight" in load_file(tmp_path / "adapter" / "adapter_model.safetensors")


def test_weights_are_never_pickled(hubert, tmp_path):
    with pytest.raises(ValueError, match="as safetensors only"):
        add_adapter(hubert).save_pretrained(tmp_path / "adapter", safe_serialization=False)


def test_merging_saves_the_adapter_first_and_gives_a_plain_classifier(hubert, tmp_path):
    model = add_adapter(hubert, "lora", r=4)
    trained = train(model, "hubert")
    merged = merge_adapter(model, tmp_path / "adapter")
    assert type(merged) is HubertForSequenceClassification
    torch.testing.assert_close(logits(merged, "hubert"), trained, rtol=0, atol=1e-6)
    assert_loads(tmp_path / "adapter", "hubert", trained)


def test_an_encoder_that_has_moved_is_named_when_loading(hubert, tmp_path):
    model = add_adapter(hubert, "lora", r=4)
    trained = train(model, "hubert")
    model.save_pretrained(tmp_path / "adapter")
    (tmp_path / "hubert_checkpoint").rename(tmp_path / "moved")
    assert_loads(tmp_path / "adapter", "hubert", trained, base_model=tmp_path / "moved")
    again = load_adapted_classifier(tmp_path / "adapter", base_model=tmp_path / "moved")
    again.save_pretrained(tmp_path / "again")
    assert_loads(tmp_path / "again", "hubert", trained)


def test_a_hubert_that_became_an_exhubert_is_loaded_from_its_own_checkpoint(tmp_path):
    source = encoder_checkpoint("hubert", tmp_path)
    model = add_adapter(ExHubertForSequenceClassification.from_hubert(source, labels=LABELS), "lora", r=4)
    trained = train(model, "exhubert")
    model.save_pretrained(tmp_path / "adapter")
    assert_loads(tmp_path / "adapter", "exhubert", trained)


def test_an_exhubert_in_the_published_layout_can_be_adapted(tmp_path, fixtures_dir):
    source = str(fixtures_dir / "exhubert_published_layout")
    model = ExHubertForSequenceClassification.from_pretrained(source)
    model = add_adapter(model, "lora", r=4)
    trained = logits(model.eval(), "exhubert")
    model.save_pretrained(tmp_path / "adapter")
    assert_loads(tmp_path / "adapter", "exhubert", trained)


def test_speech_emotion_is_loaded_from_its_own_checkpoint_where_it_has_one(tmp_path):
    make_classifier("speech_emotion-wavlm", tmp_path).save_pretrained(tmp_path / "model")
    model = add_adapter(SpeechEmotionForSequenceClassification.from_pretrained(tmp_path / "model"), "lora", r=4)
    trained = train(model, "speech_emotion-wavlm")
    model.save_pretrained(tmp_path / "adapter")
    record = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert record["base_model_name_or_path"] == str(tmp_path / "model")
    assert_loads(tmp_path / "adapter", "speech_emotion-wavlm", trained)
    loaded = peft.AutoPeftModel.from_pretrained(str(tmp_path / "adapter"), import_allowlist=["hf_emotion"]).eval()
    merged = loaded.merge_and_unload()
    torch.testing.assert_close(logits(merged, "speech_emotion-wavlm"), trained, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", ["hubert", "speech_emotion-hubert"])
def test_the_precision_is_that_of_training_and_not_of_the_checkpoint(kind, tmp_path):
    HubertModel(HubertConfig(**SPEECH)).half().save_pretrained(tmp_path / "half")
    if kind == "hubert":
        model = HubertForSequenceClassification.from_pretrained(tmp_path / "half", dtype=torch.float32, num_labels=5)
    else:
        model = SpeechEmotionForSequenceClassification.from_encoder(
            str(tmp_path / "half"), LABELS, {"dtype": torch.float32}, num_dimensions=2
        )
    model = add_adapter(model, "lora", r=4)
    trained = train(model, kind)
    model.save_pretrained(tmp_path / "adapter")
    assert {weight.dtype for weight in load_adapted_classifier(tmp_path / "adapter").parameters()} == {torch.float32}
    assert_loads(tmp_path / "adapter", kind, trained)


def test_an_encoder_that_no_checkpoint_holds_is_refused_before_training():
    with pytest.raises(ValueError, match="was not loaded from a checkpoint. Save the model first"):
        add_adapter(HubertForSequenceClassification(HubertConfig(**SPEECH)))


@pytest.mark.parametrize("kind", ["exhubert", "speech_emotion"])
def test_an_encoder_that_was_expanded_after_loading_is_refused_before_training(kind, tmp_path):
    if kind == "exhubert":
        source = encoder_checkpoint("hubert", tmp_path)
        model = ExHubertForSequenceClassification.from_hubert(source, labels=LABELS)
    else:
        model = make_classifier("speech_emotion-wavlm", tmp_path)
    model.expand_blocks()
    with pytest.raises(ValueError, match="has not the copies of its layers. Save the model first"):
        add_adapter(model)


def test_another_encoder_than_the_one_it_was_trained_on_is_refused(tmp_path):
    add_adapter(make_classifier("exhubert", tmp_path), "lora", r=4).save_pretrained(tmp_path / "adapter")
    with pytest.raises(ValueError, match="with 2 copies of layers, but .*hubert_checkpoint has 0"):
        load_adapted_classifier(tmp_path / "adapter", base_model=encoder_checkpoint("hubert", tmp_path))


def test_an_encoder_of_another_size_is_refused(tmp_path):
    add_adapter(make_classifier("speech_emotion-wavlm", tmp_path)).save_pretrained(tmp_path / "adapter")
    deeper = HubertModel(HubertConfig(**SPEECH | {"num_hidden_layers": 3}))
    deeper.save_pretrained(tmp_path / "deeper")
    with pytest.raises(ValueError, match="deeper is not the one that the adapter was trained on"):
        load_adapted_classifier(tmp_path / "adapter", base_model=tmp_path / "deeper")


def test_weights_that_neither_checkpoint_nor_adapter_hold_are_refused(hubert, tmp_path):
    add_adapter(hubert).save_pretrained(tmp_path / "adapter")
    path = tmp_path / "adapter" / "adapter_model.safetensors"
    weights = load_file(path)
    del weights["base_model.model.projector.weight"]
    save_file(weights, path)
    with pytest.raises(ValueError, match="lacks 1 weights of HubertForSequenceClassification .*projector.weight"):
        load_adapted_classifier(tmp_path / "adapter")


@pytest.mark.parametrize(("library", "name"), [("os", "system"), ("transformers", "pipeline"), ("my_models", "Model")])
def test_an_adapter_cannot_name_any_code_to_run(hubert, tmp_path, library, name):
    add_adapter(hubert).save_pretrained(tmp_path / "adapter")
    path = tmp_path / "adapter" / "adapter_config.json"
    record = json.loads(path.read_text())
    record["auto_mapping"] = {"parent_library": library, "base_model_class": name}
    path.write_text(json.dumps(record))
    with pytest.raises(ValueError, match="is no model of transformers or hf_emotion"):
        load_adapted_classifier(tmp_path / "adapter")


def test_the_head_alone_can_be_trained(hubert):
    model = train_head_only(hubert)
    trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert {name.split(".")[0] for name in trained} == {"layer_weights", "projector", "classifier"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "lorra"}, "peft has no method 'lorra'; it has .*dora.*lora"),
        ({"method": "prefix_tuning"}, "adapts no linear layers"),
        ({"target_modules": ["q_porj"]}, "no linear layer 'q_porj'; it has .*q_proj"),
        ({"rank": 8}, "'lora' has no option rank; it has .*lora_alpha"),
        ({"task_type": "SEQ_CLS"}, "'lora' has no option task_type"),
        ({"head": "freeze"}, "head='freeze' is none of train, adapt"),
        ({"target_modules": ()}, "nothing to adapt.*train_head_only"),
    ],
)
def test_what_cannot_be_meant_is_refused(hubert, options, message):
    with pytest.raises(ValueError, match=message):
        add_adapter(hubert, **options)


def test_a_folder_without_an_adapter_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no adapter"):
        load_adapted_classifier(tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no folder .*absent, and it is no id on the Hub"):
        load_adapted_classifier(tmp_path / "absent")


def test_an_encoder_alone_is_no_classifier():
    with pytest.raises(ValueError, match="HubertModel is no classifier"):
        encoder_name(HubertModel(HubertConfig(**SPEECH)))
