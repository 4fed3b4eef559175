"""Adapters on the Hub: pushed, and loaded by processes that know the id alone. The Hub is that of `hub_double`."""

import re

import pytest

from tests.hub_double import HubDouble


pytest.importorskip("peft")

SETUP = """
import json, sys, torch
from pathlib import Path
from hf_emotion.adapters import add_adapter, load_adapted_classifier
from tests.adapters.tiny_classifiers import *
torch.set_num_threads(1)
folder = Path(sys.argv[1])
def same(model, name):
    torch.manual_seed(0)
    kind = "speech_emotion-wavlm" if "speech" in name else "hubert"
    return bool(torch.allclose(logits(model.eval(), kind), torch.load(folder / f"{name}.pt"), rtol=0, atol=1e-6))
"""
# An encoder and, on it, an adapter that pins its commit; afterwards both repositories move on.
PUSH = (
    SETUP
    + """
encoder = HubertModel.from_pretrained(encoder_checkpoint("hubert", folder))
commit = encoder.push_to_hub("user/hubert").oid
for name, seed in (("adapter", 0), ("adapter_2", 1)):
    torch.manual_seed(seed)
    model = HubertForSequenceClassification.from_pretrained("user/hubert", revision=commit, num_labels=5)
    adapted = add_adapter(model, "lora", r=4, revision=commit)
    torch.save(train(adapted, "hubert"), folder / f"{name}.pt")
    pushed = adapted.push_to_hub("user/adapter").oid
    if seed == 0:
        first = pushed
WavLMModel.from_pretrained(encoder_checkpoint("wavlm", folder)).push_to_hub("user/wavlm", private=True)
model = SpeechEmotionForSequenceClassification.from_encoder("user/wavlm", LABELS, **CONDITIONS, **HEADS["wavlm"])
adapted = add_adapter(model, "dora", r=4)
torch.save(train(adapted, "speech_emotion-wavlm"), folder / "speech.pt")
adapted.push_to_hub("user/speech", private=True)
with torch.no_grad():
    encoder.encoder.layers[0].final_layer_norm.bias.fill_(1.0)
encoder.push_to_hub("user/hubert")
print(json.dumps([commit, first]))
"""
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with HubDouble(tmp_path_factory.mktemp("hub")) as double:
        yield double


@pytest.fixture(scope="module")
def pushed(hub, folder):
    """Commits of the encoder and of the first adapter."""
    return hub.run(PUSH, folder)


@pytest.fixture(scope="module")
def read(hub, folder, pushed):
    """What a process without token finds: outputs of models that are loaded in each way, and the card."""
    card = hub.read("user/adapter", "README.md", kind="models").decode()
    first, second = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    assert f'revision="{pushed[0]}"' in second
    code = f"""
from huggingface_hub import ModelCard
from huggingface_hub.errors import RepositoryNotFoundError
from peft import AutoPeftModel
found = dict(ours=same(load_adapted_classifier("user/adapter"), "adapter_2"))
found["revision"] = same(load_adapted_classifier("user/adapter", revision="{pushed[1]}"), "adapter")
found["auto"] = same(AutoPeftModel.from_pretrained("user/adapter", num_labels=5), "adapter_2")
{first}
found["card of ours"] = same(classifier, "adapter_2")
{second}
found["card of peft"] = same(model, "adapter_2")
found["metadata"] = ModelCard.load("user/adapter").data.to_dict()
try:
    load_adapted_classifier("user/speech")
except RepositoryNotFoundError:
    found["private"] = same(load_adapted_classifier("user/speech", token="hf_owner"), "speech")
try:
    load_adapted_classifier("user/hubert")
except FileNotFoundError as error:
    found["no adapter"] = str(error)
print(json.dumps(found))
"""
    return hub.run(SETUP + code, folder, token=None, home="reader")


def test_our_loader_needs_the_id_alone(read):
    assert read["ours"] is True


def test_an_earlier_adapter_is_found_by_its_revision(read):
    assert read["revision"] is True


def test_auto_peft_loads_it_if_told_what_differs_from_the_config_of_the_encoder(read):
    assert read["auto"] is True


def test_the_code_in_the_card_runs(read):
    assert read["card of ours"] is True
    assert read["card of peft"] is True


def test_the_card_is_found_under_its_task_and_its_encoder(read):
    assert read["metadata"] == {
        "base_model": "user/hubert",
        "library_name": "peft",
        "pipeline_tag": "audio-classification",
        "tags": ["hf-emotion", "speech-emotion-recognition", "lora", "base_model:adapter:user/hubert"],
    }


def test_a_private_adapter_and_its_private_encoder_need_the_token(read):
    assert read["private"] is True


def test_a_repository_without_an_adapter_is_named(read):
    assert "user/hubert holds no adapter with its model: there is no adapter_config.json" in read["no adapter"]


def test_nothing_that_is_pushed_names_a_folder_of_this_machine(hub, folder, pushed):
    for name in ("user/adapter", "user/speech"):
        for path in hub.repository(name, "models").history("main")[0][1].files:
            assert str(folder).encode() not in hub.read(name, path, kind="models")
