"""Eight bits: smaller, nearly the same results, and a report that says how nearly."""

import shutil

import numpy as np
import onnx
import pytest

from hf_emotion.export.export_record import load_record
from hf_emotion.export.onnx_recognizer import OnnxSpeechEmotion
from hf_emotion.export.quantization import quantize_int8
from tests.export.conftest import clip


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def folder(exported, tmp_path):
    return shutil.copytree(exported("exhubert, two copies"), tmp_path / "copy")


def test_the_report_is_what_the_two_files_say(folder):
    clips = [clip(3_000 + 500 * seed, seed) for seed in range(8)]
    report = quantize_int8(folder, clips=clips)
    scores = []
    for file in ("model.onnx", "model_int8.onnx"):
        recognizer = OnnxSpeechEmotion.from_pretrained(folder, file)
        scores.append(np.array(list(recognizer.probabilities(clips))))
    assert report["max_score_difference"] == pytest.approx(np.abs(scores[0] - scores[1]).max(), abs=1e-6)
    assert report["top_class_agreement"] == np.mean(scores[0].argmax(1) == scores[1].argmax(1))
    assert 0 < report["max_score_difference"] < 0.05
    assert report["top_class_agreement"] >= 7 / 8
    assert (report["num_clips"], report["generated"], report["max_dimension_difference"]) == (8, False, None)
    record = load_record(folder)
    assert record["int8"] == report
    assert record["files"]["model_int8.onnx"]["bytes"] == report["bytes"] < report["float32_bytes"]


def test_linear_layers_get_eight_bits_and_the_classifier_does_not(folder):
    report = quantize_int8(folder, clips=[clip(3_000)])
    graph = onnx.load(folder / "model_int8.onnx").graph
    operators = [node.op_type for node in graph.node]
    # two layers and two copies of six linear layers, a zero linear for each copy, feature projection and projector
    assert operators.count("MatMulInteger") == report["num_quantized"] == 4 * 6 + 2 + 2
    assert "ConvInteger" not in operators
    kinds = {array.name: array.data_type for array in graph.initializer}
    assert kinds["model.classifier.weight"] == onnx.TensorProto.FLOAT


def test_dimensions_of_a_regressor_are_compared(exported, tmp_path):
    folder = shutil.copytree(exported("regressor"), tmp_path / "copy")
    report = quantize_int8(folder, clips=[clip(3_000)])
    assert report["max_dimension_difference"] > 0
    assert report["top_class_agreement"] is report["max_score_difference"] is None


def test_a_folder_without_an_export_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no export\.json"):
        quantize_int8(tmp_path)
