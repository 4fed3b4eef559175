"""`push_to_hub: true` in an experiment: the finished model goes to the Hub, with card and code, in one commit."""

import sys

import pytest
import yaml

from hf_emotion.arguments import EmotionTrainingArguments
from hf_emotion.publishing.training_run import check_push
from tests.publishing.conftest import experiment


def test_a_training_ends_on_the_hub(hub, tmp_path):
    path = experiment(tmp_path, push_to_hub=True, hub_model_id="trained", hub_private_repo=True)
    done = hub.start(sys.executable, "-m", "hf_emotion", "train", "--config", path)
    assert done.returncode == 0, done.stderr
    repository = hub.repository("user/trained", "models")
    assert repository.private
    (sha, commit), _ = repository.history("main")
    assert f"Pushed: {hub.url}/user/trained/commit/{sha}" in done.stdout
    assert {
        "README.md",
        "config.json",
        "model.safetensors",
        "modeling_exhubert.py",
        "pipeline_speech_emotion.py",
    } <= set(commit.files)
    assert not [name for name in commit.files if "checkpoint" in name or "training_args" in name]
    card = hub.read("user/trained", "README.md", "models").decode()
    assert 'pipeline(model="user/trained", trust_remote_code=True)' in card
    assert yaml.safe_load(card.split("---")[1])["model-index"][0]["name"] == "trained"


def test_a_model_that_could_not_be_pushed_is_not_trained(monkeypatch, tmp_path):
    monkeypatch.setattr("hf_emotion.publishing.errors.stored_token", lambda: None)
    arguments = {"push_to_hub": True, "use_cpu": True}
    with pytest.raises(PermissionError, match="no access token"):
        check_push(EmotionTrainingArguments(str(tmp_path), **arguments))
    with pytest.raises(ValueError, match="is no repository on the Hub"):
        check_push(EmotionTrainingArguments(str(tmp_path), hub_model_id="a/b/c", **arguments))
    check_push(EmotionTrainingArguments(str(tmp_path), use_cpu=True))


def test_a_token_does_not_get_into_the_record_of_a_run(tmp_path):
    with pytest.raises(ValueError, match="hub_token would be written into the record of the run"):
        check_push(EmotionTrainingArguments(str(tmp_path), hub_token="hf_secret", use_cpu=True))
