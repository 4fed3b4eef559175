"""The card of an adapter: what it states is what was done, and what its author wrote by hand stays."""

import pytest
from huggingface_hub import ModelCard

from hf_emotion.adapters import add_adapter
from hf_emotion.adapters.card import AdapterFacts, build_adapter_card
from tests.hub_storage import card_problems

from .tiny_classifiers import make_classifier


pytest.importorskip("peft")

FACTS = {
    "architecture": "HubertForSequenceClassification",
    "base_model": "facebook/hubert-base-ls960",
    "method": "lora",
    "layers": [
        f"hubert.encoder.layers.{layer}.attention.{name}" for layer in range(12) for name in ("q_proj", "v_proj")
    ],
    "encoder": "hubert",
    "num_encoder_parameters": 94_371_712,
    "num_adapter_parameters": 294_912,
    "num_head_parameters": 198_150,
    "classes": ["anger", "joy"],
    "options": {"r": 8, "lora_alpha": 16},
    "is_stock": True,
}


def card_of(**changes):
    return build_adapter_card(AdapterFacts(**FACTS | changes))


def saved_card(kind, folder, **options):
    add_adapter(make_classifier(kind, folder), **options).save_pretrained(folder / "adapter")
    return ModelCard.load(folder / "adapter" / "README.md")


def test_the_hub_accepts_the_metadata():
    assert card_problems(str(card_of())) == []


def test_it_states_method_sizes_and_classes():
    text = card_of().text
    assert "LoRA ([Hu et al., ICLR 2022]" in text
    for row in ("| `r` | 8 |", "| `q_proj` | 12 |", "| `v_proj` | 12 |", "| saved here | 493,062 |", "| 1 | `joy` |"):
        assert row in text


def test_layers_of_the_head_have_their_full_names():
    card = card_of(layers=["hubert.encoder.layers.0.attention.q_proj", "projector"], trains_head=False)
    assert "| `projector` | 1 |" in card.text
    assert "Of the head, the adapters on its linear layers were trained and nothing else." in card.text


def test_a_checkpoint_on_this_machine_is_not_named():
    card = card_of(base_model="/home/someone/outputs/mixture")
    assert "someone" not in str(card)
    assert "base_model" not in card.data.to_dict()
    assert 'base_model="path/to/the/encoder"' in card.text


def test_dora_is_found_as_lora_as_well_since_the_same_code_loads_it():
    assert card_of(method="dora").data.tags[2:4] == ["dora", "lora"]


def test_a_class_that_transformers_lacks_is_loaded_by_this_package():
    assert "AutoModelForAudioClassification" not in card_of(is_stock=False).text


def test_the_card_of_a_saved_adapter_counts_what_the_file_holds(tmp_path):
    from safetensors.torch import load_file

    card = saved_card("speech_emotion-wavlm", tmp_path, method="dora", r=4)
    num_saved = sum(value.numel() for value in load_file(tmp_path / "adapter" / "adapter_model.safetensors").values())
    assert f"| saved here | {num_saved:,} |" in card.text
    assert "| `q_proj` | 2 |" in card.text
    assert "| `r` | 4 |" in card.text
    model = make_classifier("speech_emotion-wavlm", tmp_path)
    num_encoder = sum(value.numel() for value in model.speech_encoder.state_dict().values())
    assert f"| encoder, not saved here | {num_encoder:,} |" in card.text


def test_a_card_written_by_hand_keeps_its_text(tmp_path):
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "README.md").write_text("---\nlicense: mit\n---\n\n# My adapter\n")
    card = saved_card("hubert", tmp_path)
    assert "# My adapter" in card.text
    assert (card.data.license, card.data.library_name) == ("mit", "peft")


def test_our_card_is_written_anew_when_the_adapter_is(tmp_path):
    saved_card("hubert", tmp_path, r=4)
    assert "| `r` | 2 |" in saved_card("hubert", tmp_path, r=2).text
