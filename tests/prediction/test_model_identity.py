"""Which model a prediction is of."""

import json
import shutil

import huggingface_hub
import pytest

from hf_emotion.prediction.model_identity import model_identity


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def test_a_copy_elsewhere_is_the_same_model(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    assert model_identity(str(folder)) == model_identity(str(tmp_path / "copy"))


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "preprocessor_config.json", "modeling_x.py"])
def test_other_weights_settings_or_code_make_another_model(folder, name):
    before = model_identity(str(folder))
    (folder / name).write_text("other")
    assert model_identity(str(folder)) != before


@pytest.mark.parametrize(
    "name", ["README.md", "metrics.json", "predictions.parquet", "checkpoint-3/model.safetensors"]
)
def test_what_lies_beside_a_model_does_not_matter(folder, name):
    before = model_identity(str(folder))
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("other")
    assert model_identity(str(folder)) == before


def test_an_ensemble_is_its_members(folder, tmp_path):
    both = tmp_path / "both"
    both.mkdir()
    (both / "ensemble.json").write_text(json.dumps({"members": [{"path": "../model"}, {"path": None}]}))
    before = model_identity(str(both))
    (folder / "model.safetensors").write_bytes(b"trained further")
    assert model_identity(str(both)) != before


def test_a_model_on_the_hub_is_its_id_and_commit(tmp_path, monkeypatch):
    snapshot = tmp_path / "models--me--ser" / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    (tmp_path / "models--me--ser" / "refs").mkdir()
    (tmp_path / "models--me--ser" / "refs" / "main").write_text("a" * 40)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    assert model_identity("me/ser") == f"me/ser@{'a' * 40}"


def test_that_a_path_leads_nowhere_is_left_to_loading():
    assert model_identity("/no/such/folder") == "/no/such/folder"
