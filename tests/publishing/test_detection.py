"""What a folder holds, told from its files."""

import pytest

from hf_emotion.publishing import detect_kind


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["config.json", "model.safetensors"], "model"),
        (["config.json", "adapter_config.json"], "adapter"),
        (["ensemble.json", "metrics.json"], "ensemble"),
        (["manifest.csv"], "corpus"),
        (["metrics.json", "predictions.parquet"], "results"),
        (["entries/a.json"], "results"),
        (["a/metrics.json", "b/metrics.json"], "results"),
    ],
)
def test_kinds(tmp_path, names, kind):
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert detect_kind(tmp_path) == kind


def test_a_folder_of_models_names_them(tmp_path):
    for step in ("mixture", "transfer"):
        (tmp_path / step).mkdir()
        (tmp_path / step / "config.json").touch()
    with pytest.raises(ValueError, match="Did you mean .*mixture or .*transfer.*kind='results'"):
        detect_kind(tmp_path)


def test_a_folder_of_something_else_is_described(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ValueError, match="holds no model.*but notes.txt"):
        detect_kind(tmp_path)
