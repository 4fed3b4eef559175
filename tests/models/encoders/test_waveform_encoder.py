"""What all encoders share: the auto classes know them; files that are no checkpoint are refused in one sentence."""

import re

import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModel

from hf_emotion.models import encoders
from hf_emotion.models.encoders.waveform_encoder import S3prlEncoder, WaveformEncoder


def all_subclasses(cls: type) -> list[type]:
    return [found for child in cls.__subclasses__() for found in (child, *all_subclasses(child))]


# bases have no model type of their own
MODELS = [model for model in all_subclasses(WaveformEncoder) if getattr(model.config_class, "model_type", "")]
LOADED = sorted((model for model in MODELS if issubclass(model, S3prlEncoder)), key=lambda model: model.__name__)


def test_every_encoder_is_exported_and_known_to_the_auto_classes():
    assert len(MODELS) == 10
    names = {cls.__name__ for model in MODELS for cls in (model, model.config_class)}
    assert names == set(encoders.__all__)
    for model in MODELS:
        config = AutoConfig.for_model(model.config_class.model_type)
        assert type(config) is model.config_class
        with torch.device("meta"):
            assert type(AutoModel.from_config(config)) is model


def test_every_encoder_is_in_the_table_of_the_package():
    assert all(f"[`{model.__name__}`]" in encoders.__doc__ for model in MODELS)


BROKEN = {
    "none": (FileNotFoundError, "does not exist"),
    "folder": (IsADirectoryError, "is a folder. Pass the checkpoint file in it"),
    "empty": (ValueError, "is empty, as a download that failed leaves it"),
    "cut": (ValueError, "was cut short"),
    "old_cut": (ValueError, "it is damaged, or holds Python objects"),
    "page": (ValueError, "is no file that `torch.save` wrote: it begins with b'<!DOCTYPE html>"),
    "model.safetensors": (ValueError, "is a safetensors file"),
    "renamed_safetensors": (ValueError, "is a safetensors file"),
    "list": (ValueError, "but is list"),
    "other": (ValueError, "but is \\['epoch'\\]|1 left over: epoch"),
}


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    root = tmp_path_factory.mktemp("broken")
    (root / "folder").mkdir()
    (root / "empty").touch()
    (root / "page").write_text("<!DOCTYPE html><title>Sign in</title>")
    for name, is_zip in (("cut", True), ("old_cut", False)):
        torch.save({"model": torch.zeros(1000)}, root / name, _use_new_zipfile_serialization=is_zip)
        (root / name).write_bytes((root / name).read_bytes()[:900])
    for name in ("model.safetensors", "renamed_safetensors"):
        save_file({"weight": torch.zeros(3)}, root / name)
    torch.save([torch.zeros(1)], root / "list")
    torch.save({"epoch": 3}, root / "other")
    return root


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("model_class", LOADED)
def test_a_file_that_is_no_checkpoint_is_refused_in_one_sentence(model_class, name, broken):
    error, message = BROKEN[name]
    with pytest.raises(error, match=re.escape(str(broken / name)) + ".*" + message) as raised:
        model_class.from_s3prl(broken / name)
    assert "\n" not in str(raised.value)
