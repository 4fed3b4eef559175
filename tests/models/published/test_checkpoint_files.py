"""Files of checkpoints in every form they are published in; what is damaged or no checkpoint is said."""

import json

import pytest
import torch
from safetensors.torch import save_file

from hf_emotion.models.loading import load_model
from hf_emotion.models.published.checkpoint_files import load_checkpoint, read_checkpoint

from .checkpoint_case import save_checkpoint


WEIGHTS = {"encoder.weight": torch.ones(2, 3), "classifier.bias": torch.zeros(2)}


def _save_shards(folder, suffix):
    index = {"weight_map": {}}
    for number, (name, value) in enumerate(WEIGHTS.items(), start=1):
        file = f"{'model' if suffix == 'safetensors' else 'pytorch_model'}-{number:05}-of-00002.{suffix}"
        index["weight_map"][name] = file
        if suffix == "safetensors":
            save_file({name: value}, folder / file)
        else:
            torch.save({name: value}, folder / file)
    stem = "model.safetensors" if suffix == "safetensors" else "pytorch_model.bin"
    (folder / f"{stem}.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin", "safetensors shards", "bin shards"])
def test_weights_are_read_in_every_form(file, tmp_path):
    if file.endswith("shards"):
        _save_shards(tmp_path, file.split()[0])
    else:
        save_checkpoint(tmp_path, WEIGHTS, None, file=file)
    found = load_checkpoint(tmp_path)
    assert found.keys() == WEIGHTS.keys()
    assert all(torch.equal(found[name], value) for name, value in WEIGHTS.items())


def test_config_and_preprocessor_may_be_absent(tmp_path):
    checkpoint = read_checkpoint(save_checkpoint(tmp_path / "bare", WEIGHTS, None))
    assert (checkpoint.config, checkpoint.preprocessor) == ({}, None)
    checkpoint = read_checkpoint(save_checkpoint(tmp_path / "full", WEIGHTS, {"a": 1}, {"b": 2}), {"labels": ["x"]})
    assert (checkpoint.config, checkpoint.preprocessor) == ({"a": 1}, {"b": 2})
    assert checkpoint.options == {"labels": ["x"]}


def test_single_file_of_weights_is_a_checkpoint(tmp_path):
    save_checkpoint(tmp_path, WEIGHTS, None)
    assert read_checkpoint(tmp_path / "model.safetensors").weights.keys() == WEIGHTS.keys()


def test_folder_without_weights_is_named(tmp_path):
    with pytest.raises(OSError, match="model.safetensors"):
        load_checkpoint(tmp_path)


class _Harmful:
    def __reduce__(self):
        return exec, ("raise AssertionError('code of a checkpoint ran')",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"weight": torch.ones(1), "extra": _Harmful()}, "holds Python objects"),
        ({"model": {"weight": torch.ones(1)}}, "holds more than weights"),
        ([torch.ones(1)], "holds more than weights"),
    ],
)
def test_code_and_other_content_in_bin_files_is_refused(content, message, tmp_path):
    torch.save(content, tmp_path / "pytorch_model.bin")
    with pytest.raises(ValueError, match=message):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
@pytest.mark.parametrize("content", [b"", b"version https://git-lfs.github.com/spec/v1\n", b"\x80\x02}q\x00("])
def test_damaged_weights_are_refused_by_the_name_of_the_file(file, content, tmp_path):
    (tmp_path / file).write_bytes(content)
    with pytest.raises(ValueError, match=f"{file} cannot be read as weights"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize(("content", "message"), [("{", "is no JSON"), ("[1]", "is a list")])
def test_damaged_config_is_refused_by_name(content, message, tmp_path):
    save_checkpoint(tmp_path, WEIGHTS, None)
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ValueError, match=f"config.json of .* {message}"):
        read_checkpoint(tmp_path)


def test_missing_places_are_named_with_what_lies_below(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder .*nowhere"):
        read_checkpoint(tmp_path / "nowhere")
    save_checkpoint(tmp_path / "runs" / "first", WEIGHTS, {})
    with pytest.raises(FileNotFoundError, match="Did you mean .*runs/first"):
        read_checkpoint(tmp_path / "runs")
    (tmp_path / "s3prl").mkdir()
    (tmp_path / "s3prl" / "dev-best.ckpt").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match="Did you mean .*dev-best.ckpt"):
        read_checkpoint(tmp_path / "s3prl")


@pytest.mark.parametrize(
    ("name", "hint"), [("adapter_config.json", "load_adapted_classifier"), ("ensemble.json", "load_recognizer")]
)
def test_adapters_and_ensembles_are_told_apart_from_models(name, hint, tmp_path):
    (tmp_path / name).write_text("{}")
    with pytest.raises(ValueError, match=hint):
        read_checkpoint(tmp_path)
    save_checkpoint(tmp_path, WEIGHTS, {"model_type": "exhubert"})
    with pytest.raises(ValueError, match=hint):
        load_model(tmp_path)
