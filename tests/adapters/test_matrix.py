"""Every method on every kind of classifier: two steps, saved, loaded in a fresh process, merged."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from hf_emotion.adapters import add_adapter, load_adapted_classifier, train_head_only

from .tiny_classifiers import CLASSIFIERS, inputs, logits, make_classifier, targets, train


pytest.importorskip("peft")

REPO = Path(__file__).resolve().parents[2]
METHODS = {
    "lora": {"method": "lora", "r": 4},
    "dora": {"method": "dora", "r": 4},
    "lora on the head": {"method": "lora", "r": 4, "head": "adapt", "target_modules": ()},
    "dora on both": {"method": "dora", "r": 4, "head": "adapt"},
    "ia3": {"method": "ia3"},
    "loha": {"method": "loha", "r": 2},
    "oft": {"method": "oft", "oft_block_size": 4},
    "vera": {"method": "vera", "r": 4},
    "head_only": None,
}


pytestmark = pytest.mark.usefixtures("one_thread")


def adapted(kind, method, folder):
    model = make_classifier(kind, folder)
    return train_head_only(model) if METHODS[method] is None else add_adapter(model, **METHODS[method])


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """By kind and method: logits before training, after it, loaded in a fresh process, and merged there."""
    top = tmp_path_factory.mktemp("matrix")
    found = {}
    for kind in CLASSIFIERS:
        for method in METHODS:
            model = adapted(kind, method, top / kind)
            found[kind, method] = [logits(model.eval(), kind), train(model, kind)]
            model.save_pretrained(top / kind / method)
    command = [sys.executable, "-m", "tests.adapters.reload", str(top), json.dumps([list(CLASSIFIERS), list(METHODS)])]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for cell, outputs in torch.load(top / "outputs.pt").items():
        found[tuple(cell.split(":"))] += outputs
    return top, found


@pytest.fixture(params=CLASSIFIERS)
def kind(request):
    return request.param


@pytest.fixture
def folder(runs, kind):
    return runs[0] / kind


@pytest.mark.parametrize("method", METHODS)
def test_a_fresh_process_gets_the_outputs_of_training_and_merging_keeps_them(runs, kind, method):
    before, trained, loaded, merged = runs[1][kind, method]
    assert not torch.equal(before, trained)
    assert torch.equal(loaded, trained)
    torch.testing.assert_close(merged, trained, rtol=0, atol=1e-6)


@pytest.mark.parametrize("method", [method for method in METHODS if method != "head_only"])
def test_the_file_holds_the_whole_head_and_nothing_of_the_encoder(kind, folder, method):
    saved = load_file(folder / method / "adapter_model.safetensors")
    below = {key.removeprefix("base_model.model.").replace(".base_layer.", ".") for key in saved}
    model = make_classifier(kind, folder)
    encoder = "encoder" if kind == "whisper" else model.base_model_prefix
    head = {key for key in model.state_dict() if not key.startswith(f"{encoder}.")}
    assert below >= head
    assert not below & (set(model.state_dict()) - head)


@pytest.mark.parametrize("method", ["lora", "dora on both", "oft"])
def test_training_goes_on_where_it_ended(kind, folder, runs, method):
    original = adapted(kind, method, folder)
    train(original, kind)
    again = load_adapted_classifier(folder / method, is_trainable=True)
    assert again.training
    assert [name for name, weight in again.named_parameters() if weight.requires_grad] == [
        name for name, weight in original.named_parameters() if weight.requires_grad
    ]
    trained = train(original, kind, 1)
    assert not torch.equal(trained, runs[1][kind, method][1])
    assert torch.equal(train(again, kind, 1), trained)


def gradients(model, kind):
    torch.manual_seed(3)
    model.train()(**inputs(kind, 4), **targets(kind)).loss.backward()
    return {name: weight.grad for name, weight in model.named_parameters() if weight.requires_grad}


def test_every_adapter_gets_a_gradient_and_gradient_checkpointing_gives_the_same(kind, folder):
    expected = gradients(adapted(kind, "lora", folder), kind)
    assert [name for name, gradient in expected.items() if gradient is None] == []
    model = adapted(kind, "lora", folder)
    model.gradient_checkpointing_enable()
    found = gradients(model, kind)
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, msg=name)


def test_reentrant_checkpointing_which_gives_adapters_no_gradients_is_refused(kind, folder):
    with pytest.raises(ValueError, match='use {"use_reentrant": False}'):
        adapted(kind, "lora", folder).gradient_checkpointing_enable({"use_reentrant": True})
