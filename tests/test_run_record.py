"""What a run leaves behind: facts about corpora, where the model comes from, and files that a reader can judge by."""

import json
from pathlib import Path

import datasets
import numpy as np
import pytest
from huggingface_hub import ModelCard

from hf_emotion import run_record
from hf_emotion.cards.model_card import CorpusUse
from hf_emotion.data.loading import corpus_facts
from hf_emotion.data.splits.split_info import SplitInfo
from hf_emotion.evaluation.predictions import load_predictions, predictions_table
from hf_emotion.evaluation.report import load_metrics
from hf_emotion.experiment.corpora import ExperimentCorpus
from hf_emotion.run_record import (
    corpus_uses,
    environment,
    is_finished,
    launch_command,
    lineage,
    record_config,
    recorded_config,
    write_run_record,
)


CLASSES = ["anger", "joy"]


def corpus(name, loader="manifest", languages=("de", "de", None)):
    rows = {"utterance_id": ["u1", "u2", "u3"], "speaker_id": ["a", "b", "c"], "language": list(languages)}
    dataset = datasets.Dataset.from_dict(rows)
    parts = {part: dataset.select([index]) for index, part in enumerate(("train", "validation", "test"))}
    speakers = {part: tuple(table["speaker_id"][:]) for part, table in parts.items()}
    leak = "all parts have the same sentences"
    split = SplitInfo("speaker_independent-seed0", "1.0.0", "cafe" * 16, dict.fromkeys(parts, 1), speakers, leak)
    return ExperimentCorpus(name, loader, datasets.DatasetDict(parts), split, 1.0)


def write(folder, corpora, base_model=None, config="output_dir: x\n"):
    folder.mkdir(parents=True)
    record_config(folder, config)
    metadata = [{"utterance_id": f"u{n}", "corpus": c.name} for c in corpora for n in range(4)]
    labels = [0, 0, 1, 1] * len(corpora)
    table = predictions_table(metadata, labels=labels, classes=CLASSES, logits=np.eye(2)[[0, 1, 1, 1] * len(corpora)])
    report = write_run_record(
        folder,
        table,
        corpora,
        classes=CLASSES,
        config_yaml=config,
        base_model=base_model,
        architecture="exhubert",
        training={"optimizer steps": 4},
        log_history=[{"step": 1, "loss": 1.0}, {"step": 2, "loss": 0.5}],
        sampling_rate=16_000,
        remote_code=True,
        seed=0,
    )
    return report, ModelCard.load(folder / "README.md")


class TestCorpora:
    def test_a_loader_knows_the_facts_of_its_corpus(self):
        (use,) = corpus_uses([corpus("ravdess", loader="ravdess")])
        facts = corpus_facts("ravdess")
        assert (use.title, use.licence, use.kind) == (facts.full_name, facts.licence, facts.kind)
        assert use.languages == facts.languages

    def test_a_manifest_says_the_language_and_no_more(self):
        (use,) = corpus_uses([corpus("calls")])
        assert (use.name, use.languages, use.kind, use.licence, use.title) == ("calls", ["de"], None, None, None)

    def test_synthetic_speech_is_called_so(self):
        (use,) = corpus_uses([corpus("synthetic_alba", languages=("art",) * 3)])
        assert (use.kind, use.languages) == ("synthetic", ["art"])

    def test_the_split_can_be_verified(self):
        (use,) = corpus_uses([corpus("calls")])
        assert use.split == {
            "name": "speaker_independent-seed0",
            "version": "1.0.0",
            "hash": "cafe" * 16,
            "sizes": {"train": 1, "validation": 1, "test": 1},
            "speakers": {"train": 1, "validation": 1, "test": 1},
            "leak": "all parts have the same sentences",
        }
        assert len(use.fingerprint.split("-")) == 3


class TestLineage:
    USES = (CorpusUse("calls", licence="CC BY 4.0"),)

    @pytest.mark.parametrize("origin", [None, "facebook/hubert-large-ls960-ft"])
    def test_a_model_from_elsewhere_is_its_own_origin(self, origin):
        assert lineage(origin, self.USES) == (origin, list(self.USES))

    def test_a_folder_without_a_record_is_its_own_origin(self, tmp_path):
        assert lineage(str(tmp_path), self.USES) == (str(tmp_path), list(self.USES))

    def test_corpora_and_origin_pass_through_the_folders_of_earlier_runs(self, tmp_path):
        first, second = tmp_path / "first", tmp_path / "second"
        write(
            first,
            [corpus("ravdess", loader="ravdess")],
            "facebook/hubert-base-ls960",
            "model_name_or_path: facebook/hubert-base-ls960\n",
        )
        write(second, [corpus("calls")], str(first), f"model_name_or_path: {first}\n")
        origin, uses = lineage(str(second), [CorpusUse("ravdess", fingerprint="new"), CorpusUse("hotline")])
        assert origin == "facebook/hubert-base-ls960"
        assert [(use.name, use.fingerprint == "new") for use in uses] == [
            ("ravdess", True),
            ("hotline", False),
            ("calls", False),
        ]

    def test_the_licence_of_an_earlier_run_s_corpora_binds(self, tmp_path):
        first, second = tmp_path / "first", tmp_path / "second"
        write(first, [corpus("ravdess", loader="ravdess")])
        _, card = write(second, [corpus("savee", loader="savee")], str(first))
        assert {"ravdess", "savee"} <= set(card.data.tags)
        assert corpus_facts("ravdess").full_name in card.content
        assert f"`{first}`" in card.content  # what training started from
        assert card.data.base_model is None


class TestRecord:
    def test_its_files_can_be_read(self, tmp_path):
        folder = tmp_path / "run"
        report, card = write(
            folder, [corpus("calls"), corpus("ravdess", loader="ravdess")], "facebook/hubert-base-ls960"
        )
        assert load_metrics(folder / "metrics.json") == report
        assert report["overall"]["uar"] == 0.75  # recalls 1/2 and 2/2
        assert len(load_predictions(folder / "predictions.parquet")) == 8
        assert [entry["name"] for entry in json.loads((folder / "corpora.json").read_text())] == ["calls", "ravdess"]
        assert json.loads((folder / "environment.json").read_text()) == environment()
        assert {path.name for path in folder.glob("*.png")} >= {"confusion_matrix.png", "training_curve.png"}
        assert (card.data.base_model, card.data.model_name) == ("facebook/hubert-base-ls960", "run")

    @pytest.mark.parametrize(
        ("name", "model"), [("my run (2)", "my-run-2"), ("größe_1.0", "größe_1.0"), ("a+b", "a-b")]
    )
    def test_a_folder_may_have_any_name(self, tmp_path, name, model):
        _, card = write(tmp_path / name, [corpus("calls")])
        assert card.data.model_name == model

    def test_it_is_finished_when_the_card_is_written(self, tmp_path):
        assert not is_finished(tmp_path / "run")
        write(tmp_path / "run", [corpus("calls")])
        assert is_finished(tmp_path / "run")
        (tmp_path / "run" / "README.md").unlink()
        assert not is_finished(tmp_path / "run")

    def test_the_config_is_there_from_the_start(self, tmp_path):
        assert recorded_config(tmp_path / "run") is None
        record_config(tmp_path / "run", "output_dir: größe\n")
        assert recorded_config(tmp_path / "run") == "output_dir: größe\n"


class TestEnvironment:
    def test_versions_are_those_installed(self):
        facts = environment()
        assert facts["transformers"] == __import__("transformers").__version__
        assert all(facts.values())

    @pytest.mark.parametrize(("processes", "launcher"), [(1, "python"), (2, "accelerate launch --num_processes 2")])
    def test_the_command_can_be_pasted(self, monkeypatch, processes, launcher):
        class State:
            num_processes = processes

        monkeypatch.setattr(run_record, "PartialState", State)
        monkeypatch.setattr("sys.argv", ["train.py", "--corpora_dir", "my corpora"])
        assert launch_command() == f"{launcher} train.py --corpora_dir 'my corpora'"

    def test_the_path_of_an_installed_command_is_left_out(self, monkeypatch):
        monkeypatch.setattr("sys.argv", ["/home/somebody/.venv/bin/hf-emotion", "train", "--config", "x.yaml"])
        assert launch_command() == "hf-emotion train --config x.yaml"


def test_a_record_holds_no_pickle(tmp_path):
    write(tmp_path / "run", [corpus("calls")])
    suffixes = {Path(path).suffix for path in (tmp_path / "run").rglob("*.*")}
    assert suffixes <= {".json", ".md", ".parquet", ".png", ".yaml"}
