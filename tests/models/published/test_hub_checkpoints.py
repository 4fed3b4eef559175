"""Published models from the Hub: revisions, private repositories, repositories without what is needed."""

import time

import pytest
import torch

from tests.hub_double import Fault, HubDouble

from .checkpoint_case import save_checkpoint
from .test_stock import CONFIGS, _checkpoint


PUSH = """
import json, sys
from huggingface_hub import HfApi
api = HfApi()
api.create_repo("user/ser", private=True, exist_ok=True)
print(json.dumps(api.upload_folder(repo_id="user/ser", folder_path=sys.argv[1]).oid))
"""
LOAD = """
import json, sys
import torch
from hf_emotion.models.loading import load_model
from tests.models.published.test_stock import CONFIGS, _inputs
try:
    model = load_model("user/ser", **json.loads(sys.argv[1]))
    with torch.no_grad():
        result = model(**_inputs(CONFIGS["superb hubert-large"])).logits.tolist()
except (OSError, ValueError) as error:
    result = f"{type(error).__name__}: {error}"
print(json.dumps(result))
"""


@pytest.fixture(scope="module")
def pushed(tmp_path_factory):
    """A Hub with a model, then with another classifier, and the two commits."""
    root = tmp_path_factory.mktemp("hub_checkpoints")
    _, weights = _checkpoint("superb hubert-large")
    config, preprocessor = CONFIGS["superb hubert-large"], {"do_normalize": False, "return_attention_mask": True}
    with HubDouble(root / "hub") as hub:
        first = hub.run(PUSH, save_checkpoint(root / "first", weights, config, preprocessor))
        weights = weights | {"classifier.bias": weights["classifier.bias"] + 1}
        hub.run(PUSH, save_checkpoint(root / "second", weights, config, preprocessor))
        yield hub, first


def test_revisions_are_those_asked_for(pushed):
    hub, first = pushed
    newest = torch.tensor(hub.run(LOAD, "{}"))
    older = torch.tensor(hub.run(LOAD, f'{{"revision": "{first}"}}'))
    torch.testing.assert_close(newest - older, torch.ones_like(newest), atol=1e-5, rtol=0)


def test_private_model_needs_a_token(pushed):
    hub, _ = pushed
    refusal = hub.run(LOAD, "{}", token=None, home="stranger")
    assert refusal.startswith(
        "FileNotFoundError: There is no folder user/ser, and no repository of that name on the Hub"
    )
    assert refusal.endswith("log in first: hf auth login")


def test_a_revision_that_does_not_exist_is_named(pushed):
    hub, _ = pushed
    assert hub.run(LOAD, '{"revision": "v9"}') == (
        "FileNotFoundError: The repository user/ser has no branch, tag or commit v9."
    )


def test_a_hub_that_never_answers_is_not_waited_for(pushed):
    hub, _ = pushed
    loaded = hub.run(LOAD, "{}", home="patient")
    hub.faults.append(Fault("/api/models/", "GET", delay=60, count=9))
    started = time.monotonic()
    try:
        assert hub.run(LOAD, "{}", home="patient") == loaded
    finally:
        hub.faults.clear()
    assert time.monotonic() - started < 60


def test_model_that_is_not_on_this_machine_is_said_offline(pushed):
    hub, _ = pushed
    assert hub.run(LOAD, '{"local_files_only": true}', home="empty") == (
        "FileNotFoundError: There is no folder user/ser. If it is a repository on the Hub, no download was allowed, "
        "and it was not downloaded before. Check the path, or the connection."
    )


def test_model_that_was_loaded_once_needs_no_connection_later(pushed):
    hub, _ = pushed
    loaded = hub.run(LOAD, "{}", home="traveller")
    hub.faults += [Fault("", method, status=503, count=999) for method in ("HEAD", "GET")]
    try:
        assert hub.run(LOAD, "{}", home="traveller") == loaded
        never_loaded = hub.run(LOAD, "{}", home="other")
    finally:
        hub.faults.clear()
    assert never_loaded.startswith(
        "FileNotFoundError: There is no folder user/ser. If it is a repository on the Hub, "
    )
    assert "the Hub cannot be asked (Server error '503" in never_loaded


def test_all_files_are_of_the_commit_that_was_resolved_at_first(pushed):
    hub, first = pushed
    hub.run(LOAD, f'{{"revision": "{first}"}}', home="reader")
    hub.log.clear()
    hub.run(LOAD, f'{{"revision": "{first}"}}', home="reader")
    assert hub.log == []  # all is known of a commit
    hub.run(LOAD, "{}", home="reader")
    newest = hub.repository("user/ser", "models").commit_id("main")
    assert {request.path.split("/")[4] for request in hub.requests("HEAD", "/resolve/")} == {newest}
