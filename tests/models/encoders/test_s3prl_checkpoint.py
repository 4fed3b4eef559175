"""Checkpoint files: what is no checkpoint is refused with a reason, and nothing in a file runs."""

import os

import pytest
import torch

from hf_emotion.models.encoders.s3prl_checkpoint import load_strictly, read_s3prl_checkpoint


class Touches:
    """An object whose unpickling creates a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_code_in_a_file_does_not_run(tmp_path):
    torch.save({"weights": Touches(tmp_path / "touched")}, tmp_path / "hostile.pt")
    with pytest.raises(ValueError, match="could run code when loaded"):
        read_s3prl_checkpoint(tmp_path / "hostile.pt", ("weights",))
    assert not (tmp_path / "touched").exists()


def test_only_the_named_parts_are_returned(tmp_path):
    torch.save({"weights": {"a": torch.ones(1)}, "epoch": 4}, tmp_path / "model.pt")
    assert set(read_s3prl_checkpoint(tmp_path / "model.pt", ("weights",))) == {"weights"}


def test_another_layout_is_refused_with_its_keys(tmp_path):
    torch.save({"model": {}, "args": {}}, tmp_path / "fairseq.pt")
    with pytest.raises(ValueError, match=r"keys model_cfg, model_weight, but is \['args', 'model'\]"):
        read_s3prl_checkpoint(tmp_path / "fairseq.pt", ("model_cfg", "model_weight"))
    torch.save(torch.ones(1), tmp_path / "tensor.pt")
    with pytest.raises(ValueError, match="but is Tensor"):
        read_s3prl_checkpoint(tmp_path / "tensor.pt", ("weights",))


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match="none.pt"):
        read_s3prl_checkpoint(tmp_path / "none.pt", ("weights",))


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


def test_a_file_that_was_cut_short_is_refused_with_a_reason(tmp_path):
    torch.save({"weight": torch.zeros(1000)}, tmp_path / "whole.ckpt")
    whole = (tmp_path / "whole.ckpt").read_bytes()
    for length in (0, 10, len(whole) // 2):
        (tmp_path / "cut.ckpt").write_bytes(whole[:length])
        with pytest.raises(ValueError, match="may be damaged"):
            read_s3prl_checkpoint(tmp_path / "cut.ckpt")
