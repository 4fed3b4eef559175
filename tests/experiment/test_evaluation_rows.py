"""What a classifier is tested on, with and without a record of its training."""

import json
import logging

import pytest
import yaml

from hf_emotion.arguments import DataArguments
from hf_emotion.experiment.evaluation_rows import evaluation_rows, recorded_data_arguments, with_folders
from tests.small_corpora import write_manifest


@pytest.fixture(scope="module")
def corpus_dir(tmp_path_factory):
    """Speakers a, b and c, each with one clip of anger and one of joy."""
    return write_manifest(tmp_path_factory.mktemp("corpus"), "mine")


@pytest.fixture
def data_args(corpus_dir, tmp_path):
    return DataArguments(
        corpora=[{"name": "manifest", "data_dir": str(corpus_dir)}],
        label_column="emotion",
        cache_dir=str(tmp_path / "cache"),
        validation_size=0.34,
        test_size=0.34,
    )


class TestRows:
    def test_the_part_is_the_one_asked_for(self, data_args):
        parts = {
            part: evaluation_rows(data_args, ["anger", "joy"], model="a/model", eval_split=part)
            for part in ("train", "validation", "test", "all")
        }
        speakers = {part: set(found.rows["speaker_id"]) for part, found in parts.items()}
        assert speakers["all"] == {"a", "b", "c"}
        assert all(len(speakers[part]) == 1 for part in ("train", "validation", "test"))
        assert sorted(parts["test"].labels) == ["anger", "joy"]

    def test_other_spellings_of_classes_become_those_of_the_corpora(self, data_args):
        data_args.label_column = None
        found = evaluation_rows(data_args, ["sad", "angry"], model="a/model", eval_split="all")
        assert data_args.label_column == "emotion"
        assert found.classes == ["sadness", "anger"]
        assert found.labels == ["anger"] * 3

    def test_utterances_with_other_labels_are_left_out_and_counted(self, data_args, caplog):
        with caplog.at_level(logging.WARNING, logger="hf_emotion.experiment.evaluation_rows"):
            found = evaluation_rows(data_args, ["sadness", "anger"], model="a/model", eval_split="all")
        assert found.labels == ["anger"] * 3
        assert "3 of 6 utterances left out: the model has no" in caplog.text

    def test_no_label_in_common_is_an_error(self, data_args):
        with pytest.raises(ValueError, match="None of 2 utterances has a label that the model knows"):
            evaluation_rows(data_args, ["sadness", "fear"], model="a/model")

    def test_another_split_than_that_of_the_training_is_warned_of(self, data_args, tmp_path, caplog):
        record = [{"name": "mine", "role": "train", "split": {"hash": "another"}}]
        (tmp_path / "corpora.json").write_text(json.dumps(record))
        evaluation_rows(data_args, ["anger", "joy"], model=str(tmp_path))
        assert "mine: this is not the split that the model was trained with" in caplog.text
        evaluation_rows(data_args, ["anger", "joy"], model=str(tmp_path), eval_split="all")
        assert "mine: these scores include utterances that the model was trained on" in caplog.text


class TestRecord:
    def test_only_what_says_which_data_is_read(self, tmp_path):
        experiment = {"corpora": ["emodb"], "label_column": "emotion", "max_steps": 3, "config_name": "exhubert"}
        (tmp_path / "experiment.yaml").write_text(yaml.safe_dump(experiment))
        assert recorded_data_arguments(tmp_path) == {"corpora": ["emodb"], "label_column": "emotion"}

    def test_an_ensemble_is_tested_as_its_first_member_with_a_folder(self, tmp_path):
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "experiment.yaml").write_text(yaml.safe_dump({"label_column": "emotion"}))
        (tmp_path / "sum").mkdir()
        members = [{"name": "table", "path": None}, {"name": "run", "path": "../run"}]
        (tmp_path / "sum" / "ensemble.json").write_text(json.dumps({"members": members}))
        assert recorded_data_arguments(tmp_path / "sum") == {"label_column": "emotion"}

    def test_a_model_without_record_says_nothing(self, tmp_path):
        assert recorded_data_arguments(tmp_path) == recorded_data_arguments("somebody/model") == {}


def test_folders_are_given_to_corpora_in_order():
    assert with_folders(["emodb", {"name": "tess", "weight": 2}], ["a", "b"]) == [
        {"name": "emodb", "data_dir": "a"},
        {"name": "tess", "weight": 2, "data_dir": "b"},
    ]
    with pytest.raises(ValueError, match="names 1 folder.s. and --corpora 2 corpora"):
        with_folders(["emodb", "tess"], ["a"])
