"""`hf-emotion export`."""

import json

import numpy as np
import pytest
import soundfile


def test_a_model_is_exported_and_its_files_predict(run, model_dir, tmp_path):
    soundfile.write(tmp_path / "clip.wav", 0.1 * np.random.default_rng(0).standard_normal(8_000), 16_000)
    result = run("export", model_dir, tmp_path / "onnx", "--int8", "--audio", tmp_path / "clip.wav")
    assert result.exit_code == 0, result.stderr
    record = json.loads((tmp_path / "onnx" / "export.json").read_text())
    assert f"differ by at most {record['parity']['max_difference']:.1e}" in result.stdout
    assert "int8 against float32 on 1 clips: same best class for 100.0 %" in result.stdout
    assert record["source"] == model_dir.name
    original, exported = (
        json.loads(run("predict", tmp_path / "clip.wav", "--model", model, "--format", "jsonl").stdout)
        for model in (model_dir, tmp_path / "onnx")
    )
    assert exported["label"] == original["label"]
    assert exported["score"] == pytest.approx(original["score"], abs=1e-5)


def test_the_check_shows_a_row_for_each_runtime(run, model_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    result = run("export", model_dir, tmp_path, "--check")
    assert result.exit_code == 0, result.stderr
    rows = {line.split()[0]: line.split()[1] for line in result.stdout.splitlines() if line}
    assert {name: rows[name] for name in ("eager", "torch.export", "torch.compile", "onnx")} == {
        "eager": "yes",
        "torch.export": "yes",
        "torch.compile": "no",
        "onnx": "yes",
    }
    assert "There is no C++ compiler no-such-compiler" in result.stdout


def test_what_cannot_be_exported_is_a_sentence(run, model_dir, tmp_path):
    assert run("export", model_dir, tmp_path / "onnx", "--opset", "7").exit_code == 1
    result = run("export", model_dir, tmp_path / "onnx", "--audio", "clip.wav")
    assert result.exit_code == 1
    assert "add --int8" in result.stderr
    assert not (tmp_path / "onnx").exists()
