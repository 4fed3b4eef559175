"""Adapters, ensembles, metrics, scores and corpora come back from the Hub, each by the call that a user knows."""

import json
import re

import pytest
import yaml

from hf_emotion.data.columns import COLUMNS
from hf_emotion.publishing.adapter import prepare_adapter
from hf_emotion.publishing.ensemble import prepare_ensemble
from hf_emotion.publishing.metric import prepare_metric
from hf_emotion.publishing.results import prepare_results


pytest.importorskip("peft")

STRANGER = """
import json, sys, torch
from pathlib import Path
sys.modules["hf_emotion"] = None
import datasets, evaluate
from huggingface_hub import ModelCard
from peft import AutoPeftModelForSequenceClassification, AutoPeftModel, PeftModel
from transformers import AutoFeatureExtractor
torch.set_num_threads(1)
expected = torch.load(Path(sys.argv[1]) / "adapter.pt")
batch = torch.load(Path(sys.argv[1]) / "batch.pt")
def same(model):
    with torch.no_grad():
        return bool(torch.allclose(model.eval()(**batch).logits, expected, rtol=0, atol=1e-6))
found = {"auto": same(AutoPeftModel.from_pretrained("user/adapter", num_labels=5))}
found["card"] = ModelCard.load("user/adapter").data.to_dict()
found["rate"] = AutoFeatureExtractor.from_pretrained("user/adapter").sampling_rate
code = sys.argv[2].replace("path/to/this/folder", "user/adapter")
exec(code)
found["card code"] = same(model)
metric = evaluate.load("user/uar")
found["uar"] = metric.compute(predictions=["a", "a", "b", "a"], references=["a", "a", "b", "b"])
found["scores"] = datasets.load_dataset("user/scores", split="test")[:]
print(json.dumps(found))
"""
OURS = """
import json, sys, torch
import numpy as np
from pathlib import Path
from hf_emotion import load_corpus
from hf_emotion.recognition import load_recognizer
from hf_emotion.adapters import load_adapted_classifier
from tests.adapters.tiny_classifiers import logits
torch.set_num_threads(1)
folder = Path(sys.argv[1])
clip = np.sin(np.arange(8000) / 7).astype(np.float32)
def scores(recognizer):
    return {row["label"]: row["score"] for row in recognizer(clip.copy())["scores"]}
found = {"pulled": scores(load_recognizer("user/ensemble"))}
found["here"] = scores(load_recognizer(folder / "ensemble"))
export = load_recognizer("user/export", revision="onnx")
found["export"] = [type(export).__name__, scores(export), scores(load_recognizer(folder / "export"))]
adapted = load_adapted_classifier("user/local")
found["adapter"] = bool(torch.allclose(logits(adapted, "hubert"), torch.load(folder / "local.pt"), rtol=0, atol=1e-6))
pushed, here = load_corpus("user/corpus"), load_corpus("manifest", folder / "recordings")
found["features"] = pushed["train"].features == here["train"].features
found["columns"] = pushed["train"].column_names
def plain(rows):
    return [{name: value for name, value in row.items() if name != "audio"} for row in rows]
found["rows"] = plain(pushed["train"]) == plain(here["train"])
found["bytes"] = [row["audio"]["bytes"] == Path(other["audio"]["path"]).read_bytes()
                  for row, other in zip(pushed["train"], here["train"], strict=True)]
found["streamed"] = plain(load_corpus("user/corpus", split="train", streaming=True)) == plain(here["train"])
try:
    load_corpus("user/scores")
except ValueError as error:
    found["no corpus"] = str(error)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def card(everything):
    return everything[0].read("user/adapter", "README.md", "models").decode()


@pytest.fixture(scope="module")
def stranger(everything, work, card):
    """What a process finds that has no hf-emotion and no token."""
    import torch

    from tests.adapters.tiny_classifiers import inputs

    torch.save(inputs("hubert"), work / "batch.pt")
    with_peft = re.findall(r"```python\n(.*?)```", card, re.DOTALL)[1]
    return everything[0].run(STRANGER, work, with_peft, token=None, home="stranger")


@pytest.fixture(scope="module")
def ours(everything, work):
    """What a process finds that has hf-emotion and the token."""
    return everything[0].run(OURS, work, home="ours")


def test_peft_alone_loads_the_adapter_in_both_ways(stranger):
    assert stranger["auto"] is True
    assert stranger["card code"] is True
    assert stranger["rate"] == 16_000


def test_the_card_of_an_adapter_has_the_scores_of_its_run(stranger, card, run_folder):
    metadata = stranger["card"]
    assert metadata["library_name"] == "peft"
    assert metadata["base_model"] == "user/hubert"
    assert metadata["model-index"][0]["results"][0]["dataset"]["name"] == "synthetic_duna"
    assert metadata["language"] == ["art"]
    of_run = (run_folder / "README.md").read_text()
    for title in ("Results", "Data", "Limitations", "Licence"):
        section = re.search(rf"^## {title}\n.*?(?=^## )", of_run, re.DOTALL | re.MULTILINE)[0]
        assert section.split("### Figures")[0] in card


def test_an_adapter_on_an_encoder_of_this_machine_needs_another_place(everything, ours):
    hub, said = everything
    assert "on this machine: nobody else could load the adapter. Push the encoder" in said["local"]
    assert ours["adapter"] is True
    config = json.loads(hub.read("user/local", "adapter_config.json", "models"))
    assert config["base_model_name_or_path"] == "user/hubert"


def test_a_pulled_ensemble_answers_as_the_one_here(ours):
    assert ours["pulled"] == pytest.approx(ours["here"], abs=1e-6)


def test_a_pulled_export_runs_as_the_one_here(ours):
    name, pulled, here = ours["export"]
    assert name == "OnnxSpeechEmotion"
    assert pulled == here


def test_an_ensemble_holds_its_members_and_its_card(everything):
    hub, _ = everything
    names = list(hub.repository("user/ensemble", "models").history("main")[0][1].files)
    record = json.loads(hub.read("user/ensemble", "ensemble.json", "models"))
    assert [member["path"] for member in record["members"]] == [
        "members/0_runs_member_0",
        "members/1_runs_member_1",
        None,
    ]
    assert {name.split("/")[1] for name in names if name.startswith("members/")} == {
        "0_runs_member_0",
        "1_runs_member_1",
    }
    card = hub.read("user/ensemble", "README.md", "models").decode()
    assert 'load_recognizer("user/ensemble")' in card
    assert "weight of `runs/member_0`" in card
    metadata = yaml.safe_load(card.split("---")[1])
    assert metadata["library_name"] == "hf-emotion"
    assert metadata["model-index"][0]["name"] == "ensemble"


def test_evaluate_loads_the_metric_without_the_package(stranger):
    assert stranger["uar"] == {"unweighted_average_recall": 0.75}


def test_the_space_of_a_metric_says_what_it_is(everything):
    hub, _ = everything
    files = hub.repository("user/uar", "spaces").history("main")[0][1].files
    assert set(files) == {".gitattributes", "README.md", "index.html", "inputs.py", "requirements.txt", "uar.py"}
    metadata = yaml.safe_load(hub.read("user/uar", "README.md", "spaces").decode().split("---")[1])
    assert (metadata["sdk"], metadata["tags"][:2]) == ("static", ["evaluate", "metric"])
    needed = hub.read("user/uar", "requirements.txt", "spaces").decode()
    assert {line.split(">=")[0] for line in needed.splitlines()} == {"datasets", "evaluate", "numpy", "scikit-learn"}


def test_scores_come_back_as_a_table(stranger, run_folder):
    part = json.loads((run_folder / "metrics.json").read_text())["per_corpus"]["synthetic_duna"]
    split = json.loads((run_folder / "corpora.json").read_text())[0]["split"]
    scores = stranger["scores"]
    assert (scores["run"], scores["corpus"]) == (["run"], ["synthetic_duna"])
    assert scores["uar"] == [part["uar"]]
    assert [scores["uar_low"][0], scores["uar_high"][0]] == part["intervals"]["uar"]
    assert scores["split_hash"] == [split["hash"]]


def test_a_corpus_comes_back_with_its_columns_features_and_bytes(ours):
    assert ours["features"] is True
    assert ours["columns"] == list(COLUMNS)
    assert ours["rows"] is True
    assert ours["streamed"] is True
    assert set(ours["bytes"]) == {True}
    assert "user/scores is no corpus of hf-emotion: it lacks the columns arousal" in ours["no corpus"]


def test_nothing_that_is_pushed_names_a_folder_of_this_machine(everything, work):
    hub, _ = everything
    for kind, repo_id in hub.storage.repositories:
        for name in hub.repository(repo_id, kind).history("main")[0][1].files:
            assert str(work).encode() not in hub.read(repo_id, name, kind), (repo_id, name)


class TestRefusals:
    def test_folders_of_another_kind(self, tmp_path, model_folder):
        with pytest.raises(FileNotFoundError, match="holds no adapter: adapter_config.json or"):
            prepare_adapter(model_folder, "user/x")
        with pytest.raises(FileNotFoundError, match="holds no ensemble"):
            prepare_ensemble(model_folder, "user/x")
        with pytest.raises(FileNotFoundError, match="holds no scores"):
            prepare_results(model_folder, "user/x")
        with pytest.raises(ValueError, match="no metric 'uar'"):
            prepare_metric("uar", "user/x")

    def test_members_without_a_model(self, tmp_path):
        (tmp_path / "README.md").write_text("# x\n")
        member = {"name": "a", "path": None, "weight": 1.0}
        (tmp_path / "ensemble.json").write_text(json.dumps({"members": [member]}))
        with pytest.raises(ValueError, match="'a' of .* was given as predictions"):
            prepare_ensemble(tmp_path, "user/x")
        (tmp_path / "ensemble.json").write_text(json.dumps({"members": [member | {"path": "../gone"}]}))
        with pytest.raises(FileNotFoundError, match="'a' of .* is not at .*gone"):
            prepare_ensemble(tmp_path, "user/x")

    def test_reports_that_are_none(self, tmp_path):
        (tmp_path / "metrics.json").write_text('{"eval_loss": 1.0}')
        with pytest.raises(ValueError, match="is no report of hf-emotion"):
            prepare_results(tmp_path, "user/x")


def test_every_metric_can_be_pushed():
    from hf_emotion.metrics import list_metrics

    for name in list_metrics():
        upload = prepare_metric(name, f"user/{name}")
        assert not upload.problems
        assert f"{name}.py" in upload.files
