"""Checkpoint files: what is no checkpoint is refused with a reason, and nothing in a file runs."""

import shutil

import pytest
import torch

from hf_emotion.models.encoders.s3prl_checkpoint import (
    check_only_values,
    load_strictly,
    part_of,
    read_s3prl_checkpoint,
)


class Copies:
    """An object whose unpickling copies a file."""

    def __init__(self, source, target):
        self.paths = str(source), str(target)

    def __reduce__(self):
        return shutil.copyfile, self.paths


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (lambda hostile: hostile, "`weights` is a Python object"),
        (lambda hostile: [1.0], "`weights` is list"),
        (lambda hostile: {"weight": hostile, "bias": torch.zeros(2)}, "1 no tensors: weight"),
    ],
    ids=["object", "list", "inside"],
)
def test_code_in_a_file_does_not_run_and_is_no_weight(tmp_path, weights, message):
    hostile = Copies(tmp_path / "hostile.pt", tmp_path / "copied")
    torch.save({"weights": weights(hostile), "args": hostile}, tmp_path / "hostile.pt")
    with pytest.raises(ValueError, match=message):
        load_strictly(
            torch.nn.Linear(2, 2), read_s3prl_checkpoint(tmp_path / "hostile.pt", ("weights",))["weights"], "it"
        )
    assert not (tmp_path / "copied").exists()
    torch.load(tmp_path / "hostile.pt", weights_only=False)
    assert (tmp_path / "copied").exists()  # what plain unpickling does


def test_objects_in_a_file_of_old_torch_are_refused(tmp_path):
    hostile = Copies(tmp_path / "hostile.pt", tmp_path / "copied")
    torch.save({"weights": {}, "args": hostile}, tmp_path / "hostile.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(ValueError, match="could run code when loaded"):
        read_s3prl_checkpoint(tmp_path / "hostile.pt", ("weights",))
    assert not (tmp_path / "copied").exists()


def test_only_the_named_parts_are_returned(tmp_path):
    torch.save({"weights": {"a": torch.ones(1)}, "epoch": 4}, tmp_path / "model.pt")
    assert set(read_s3prl_checkpoint(tmp_path / "model.pt", ("weights",))) == {"weights"}
    assert set(read_s3prl_checkpoint(tmp_path / "model.pt", ("weights",), ("epoch", "step"))) == {"weights", "epoch"}
    assert set(read_s3prl_checkpoint(tmp_path / "model.pt")) == {"weights", "epoch"}


def test_another_layout_is_refused_with_its_keys(tmp_path):
    torch.save({"model": {}, "args": {}}, tmp_path / "fairseq.pt")
    with pytest.raises(ValueError, match=r"keys model_cfg, model_weight, but is \['args', 'model'\]"):
        read_s3prl_checkpoint(tmp_path / "fairseq.pt", ("model_cfg", "model_weight"))
    torch.save(torch.ones(1), tmp_path / "tensor.pt")
    with pytest.raises(ValueError, match="but is Tensor"):
        read_s3prl_checkpoint(tmp_path / "tensor.pt", ("weights",))


def test_a_refused_checkpoint_leaves_the_model_as_it_was():
    model = torch.nn.Linear(2, 2)
    before = model.weight.detach().clone()
    with pytest.raises(ValueError, match="2 left over: extra0, extra1"):
        load_strictly(model, {**model.state_dict(), "weight": before + 1} | dict.fromkeys(("extra0", "extra1")), "it")
    assert model.weight.equal(before)


def test_long_lists_of_names_are_abbreviated():
    model = torch.nn.Linear(2, 2)
    weights = model.state_dict() | {f"extra{index}": torch.ones(1) for index in range(8)}
    with pytest.raises(ValueError, match=r"8 left over: extra0, .*extra5, \.\.\. and 2 more"):
        load_strictly(model, weights, "it")


@pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "old_torch"])
def test_a_file_that_was_cut_short_is_refused_wherever_that_was(tmp_path, is_zip):
    whole, cut = tmp_path / "whole.ckpt", tmp_path / "cut.ckpt"
    torch.save({"weight": torch.zeros(100)}, whole, _use_new_zipfile_serialization=is_zip)
    content = whole.read_bytes()
    for length in range(0, len(content), 7):
        cut.write_bytes(content[:length])
        with pytest.raises(ValueError, match="is empty|was cut short|no file that `torch.save` wrote|is damaged"):
            read_s3prl_checkpoint(cut)


def test_a_damaged_file_is_refused(tmp_path):
    torch.save({"weight": torch.zeros(100)}, tmp_path / "model.ckpt")
    content = bytearray((tmp_path / "model.ckpt").read_bytes())
    content[content.index(b"weight")] = 255  # no UTF-8
    (tmp_path / "model.ckpt").write_bytes(content)
    with pytest.raises(ValueError, match="is damaged"):
        read_s3prl_checkpoint(tmp_path / "model.ckpt")


def test_an_option_that_a_description_lacks_has_the_value_needed():
    needed = {"dither": 0, "bottleneck": None, "log": True}
    check_only_values({"dither": 0.0, "bottleneck": None, "log": None, "other": 1}, needed, "Model", "it")
    for found in ({"dither": 1}, {"bottleneck": 4}, {"log": False}):
        (name,) = found
        with pytest.raises(ValueError, match=f"needs {{'{name}': {needed[name]}}}, but found {found}"):
            check_only_values(found, needed, "Model", "it")


def test_a_part_is_found_by_its_keys_or_named():
    assert part_of({"data": {"audio": {"a": 1}}}, "data", "audio") == {"a": 1}
    for description in ({}, {"data": None}, {"data": {"audio": [1]}}):
        with pytest.raises(KeyError, match=r"data\.audio"):
            part_of(description, "data", "audio")
