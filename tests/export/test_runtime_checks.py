"""The checks of torch.export, torch.compile and the files say whether each computes what the model computes."""

import pytest

from hf_emotion.export.runtime_checks import check_runtimes, check_torch_compile, check_torch_export


pytestmark = pytest.mark.usefixtures("one_thread")


def test_torch_export_equals_the_model_and_names_what_it_refuses(recognizer_of):
    check = check_torch_export(recognizer_of("hubert, layer norm"))
    assert check.works
    assert check.max_difference <= 1e-5
    # torch takes an axis of one for another program than a longer one
    assert check.note.startswith("refuses 1 x 0.006562 s and 1 x 0.006625 s: Guard failed")


def test_a_program_of_torch_export_that_takes_no_single_clip_does_not_work(recognizer_of):
    check = check_torch_export(recognizer_of("wavlm"))
    assert not check.works
    assert check.milliseconds_per_second is None
    assert check.max_difference <= 1e-5  # on batches
    assert "1 x 2.7 s: Guard failed" in check.note


def test_torch_compile_equals_the_model(recognizer_of):
    check = check_torch_compile(recognizer_of("whisper"), backend="eager")
    assert check.works
    assert check.max_difference <= 1e-5
    assert check.num_recompilations <= 4
    assert check.milliseconds_per_second > 0


def test_a_failing_compiler_is_a_note(recognizer_of):
    def broken(graph_module, example_inputs):
        raise RuntimeError("out of order")

    check = check_torch_compile(recognizer_of("whisper"), backend=broken)
    assert not check.works
    assert "out of order" in check.note


def test_a_missing_cpp_compiler_is_a_sentence(recognizer_of, exported, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    checks = {check.runtime: check for check in check_runtimes(recognizer_of("whisper"), exported("whisper"))}
    assert list(checks) == ["eager", "torch.export", "torch.compile", "onnx"]
    assert not checks["torch.compile"].works
    assert checks["torch.compile"].note.startswith("There is no C++ compiler no-such-compiler: install g++")
    assert checks["onnx"].works
    assert checks["onnx"].bytes == (exported("whisper") / "model.onnx").stat().st_size
