"""An exported model computes what the original computes, for every family, length and batch, or is not written."""

import hashlib
import json
import shutil
import sys
from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard, ModelCardData

from hf_emotion.export import onnx_export
from hf_emotion.export.export_record import load_record
from hf_emotion.export.onnx_export import export_onnx
from hf_emotion.export.onnx_recognizer import OnnxSpeechEmotion
from hf_emotion.export.onnx_session import run_session
from tests.export.conftest import FAMILIES, clip


pytestmark = pytest.mark.usefixtures("one_thread")
SMALLEST = "whisper"  # the quickest export


def outputs(recognizer, clips: list[np.ndarray]) -> dict[str, np.ndarray]:
    found = vars(recognizer.forward(clips, wants_embeddings=True))
    return {name: value for name, value in found.items() if value is not None}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_gives_the_same_results_at_other_lengths_and_batch_sizes(family, exported, recognizer_of):
    original, recognizer = recognizer_of(family), OnnxSpeechEmotion.from_pretrained(exported(family))
    least = original.minimum_samples
    batches = [[least], [least + 1], [least + 79], [9_999], [5_000] * 2, [5_000] * 5]
    if recognizer.can_pad:
        batches += [[least, 8_000], [8_000, 7_999, least + 1, 3_000]]
    for lengths in batches:
        clips = [clip(length, seed) for seed, length in enumerate(lengths)]
        expected, found = outputs(original, clips), outputs(recognizer, clips)
        assert list(found) == list(expected)
        for name in expected:
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, atol=1e-5, err_msg=f"{name} {lengths}")


def test_models_that_padding_changes_are_said_to_take_clips_of_one_length_only(exported):
    can_pad = {family: load_record(exported(family))["recognizer"]["can_pad"] for family in FAMILIES}
    assert [family for family in FAMILIES if not can_pad[family]] == ["hubert, group norm", "wavlm"]


def test_the_folder_says_what_it_holds(exported):
    folder = exported("wavlm with gender and dimensions")
    names = ["README.md", "config.json", "export.json", "model.onnx", "preprocessor_config.json"]
    assert sorted(path.name for path in folder.iterdir()) == names
    record = json.loads((folder / "export.json").read_text())
    signal = {"input_values": ["batch", "time"], "attention_mask": ["batch", "time"]}
    assert record["inputs"] == signal | {"gender": ["batch"]}
    assert record["outputs"] == ["logits", "dimensions", "embeddings"]
    assert record["parity"]["max_difference"] <= 1e-5
    content = (folder / "model.onnx").read_bytes()
    assert record["files"] == {"model.onnx": {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}}
    card = (folder / "README.md").read_text()
    assert "arousal, valence" in card
    assert "`gender` (batch): 0 female, 1 male, -1 unknown" in card
    assert f"{record['parity']['max_difference']:.1e}" in card


def test_licence_languages_and_data_are_those_of_the_original(recognizer_of, tmp_path):
    recognizer_of(SMALLEST).save_pretrained(tmp_path / "model")
    metadata = ModelCardData(license="cc-by-4.0", language=["de", "ur"], datasets=["me/emodb"], library_name="x")
    (tmp_path / "model" / "README.md").write_text(f"---\n{metadata.to_yaml()}\n---\n# Mine\n")
    export_onnx(str(tmp_path / "model"), tmp_path / "export")
    card = ModelCard.load(tmp_path / "export" / "README.md")
    assert (card.data.license, card.data.language, card.data.datasets) == ("cc-by-4.0", ["de", "ur"], ["me/emodb"])
    assert card.data.library_name == "onnx"
    assert "# model for ONNX Runtime" in card.text


def test_whisper_keeps_its_fixed_number_of_frames(exported):
    assert load_record(exported("whisper"))["inputs"] == {"input_features": ["batch", 8, 60]}


def test_a_graph_with_other_results_is_not_written(recognizer_of, tmp_path, monkeypatch):
    def a_little_off(session, inputs):
        return {name: array + 2e-4 for name, array in run_session(session, inputs).items()}

    monkeypatch.setattr(onnx_export, "run_session", a_little_off)
    with pytest.raises(ValueError, match=r"on 1 x .* its outputs differ by 2\.\de-04"):
        export_onnx(recognizer_of(SMALLEST), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_graph_that_returns_not_a_number_is_not_written(recognizer_of, tmp_path, monkeypatch):
    monkeypatch.setattr(
        onnx_export, "run_session", lambda session, inputs: {"logits": np.full((1, 3), np.nan), "embeddings": 0.0}
    )
    with pytest.raises(ValueError, match="outputs differ by nan"):
        export_onnx(recognizer_of(SMALLEST), tmp_path)


def test_a_model_that_branches_on_its_values_is_refused(recognizer_of, tmp_path):
    recognizer = recognizer_of(SMALLEST)

    def doubled_if_positive(module, args, output):
        return 2 * output if output.sum() > 0 else output

    recognizer.model.classifier.register_forward_hook(doubled_if_positive)
    with pytest.raises(ValueError, match="cannot be traced with free batch and time axes.*data-dependent"):
        export_onnx(recognizer, tmp_path)


def test_large_weights_lie_in_a_file_beside_the_graph(recognizer_of, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_export, "LARGEST_SINGLE_FILE", 0)
    record = export_onnx(recognizer_of(SMALLEST), tmp_path)
    assert set(record["files"]) == {"model.onnx", "model.onnx.data"}
    moved = shutil.move(tmp_path, tmp_path.with_name("moved"))
    assert outputs(OnnxSpeechEmotion.from_pretrained(moved), [clip(9_000)])["logits"].shape == (1, 3)
    (moved / "model.onnx.data").unlink()
    with pytest.raises((FileNotFoundError, ValueError), match=r"model\.onnx"):
        OnnxSpeechEmotion.from_pretrained(moved)


def test_half_precision_is_exported_in_single_precision(recognizer_of, tmp_path):
    recognizer = recognizer_of(SMALLEST)
    recognizer.model.to(torch.bfloat16)
    export_onnx(recognizer, tmp_path)
    assert recognizer.model.dtype == torch.bfloat16
    assert outputs(OnnxSpeechEmotion.from_pretrained(tmp_path), [clip(9_000)])["logits"].dtype == np.float32


def test_an_export_leaves_nothing_of_the_one_before(recognizer_of, tmp_path):
    export_onnx(recognizer_of(SMALLEST), tmp_path, int8=True, clips=[clip(9_000)])
    assert (tmp_path / "model_int8.onnx").is_file()
    record = export_onnx(recognizer_of(SMALLEST), tmp_path, opset=18)
    assert not (tmp_path / "model_int8.onnx").exists()
    assert (record["opset"], "int8" in record) == (18, False)


@pytest.mark.parametrize("opset", [17, 24])
def test_an_opset_that_cannot_be_written_is_refused(opset, recognizer_of, tmp_path):
    with pytest.raises(ValueError, match=f"Opset {opset} cannot be written, only 18 to 23"):
        export_onnx(recognizer_of(SMALLEST), tmp_path, opset=opset)


def test_without_onnxruntime_the_extra_is_named(recognizer_of, exported, tmp_path, monkeypatch):
    folder = exported(SMALLEST)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ImportError, match=r'onnxruntime.*pip install "hf-emotion\[export\]"'):
        OnnxSpeechEmotion.from_pretrained(folder)

    def not_installed(package):
        raise PackageNotFoundError(package)

    monkeypatch.setattr(onnx_export, "version", not_installed)
    with pytest.raises(ImportError, match=r'needs onnx,.*pip install "hf-emotion\[export\]"'):
        export_onnx(recognizer_of(SMALLEST), tmp_path)
