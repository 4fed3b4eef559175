"""`OnnxSpeechEmotion` answers like `SpeechEmotionPipeline`, without torch, and says what is wrong with its files."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from hf_emotion.export.onnx_recognizer import OnnxSpeechEmotion
from hf_emotion.pipelines.conditions import GENDERS
from hf_emotion.recognition import load_recognizer
from tests.conditioned_models import save_gender_model
from tests.export.conftest import clip


pytestmark = pytest.mark.usefixtures("one_thread")
FAMILY = "wavlm with gender and dimensions"
WITHOUT_TORCH = """
import importlib.machinery, sys

class WithoutTorch(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.split(".")[0] == "torch" else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(importlib.machinery.PathFinder)] = WithoutTorch
import numpy as np
from hf_emotion.export.onnx_recognizer import OnnxSpeechEmotion
print(sorted(OnnxSpeechEmotion.from_pretrained(sys.argv[1])(np.ones(8000, dtype=np.float32))))
assert "torch" not in sys.modules
"""


def assert_same(found, expected):
    """Equal results, numbers within 1e-5."""
    assert type(found) is type(expected)
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for key in expected:
            assert_same(found[key], expected[key])
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, str):
        assert found == expected
    else:
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_results_are_those_of_the_pipeline(exported, recognizer_of, tmp_path):
    soundfile.write(tmp_path / "stereo.wav", np.stack([clip(5_000), clip(5_000, 1)], axis=1), 8_000)
    inputs = [tmp_path / "stereo.wav", clip(3_000), {"array": clip(7_000), "sampling_rate": 16_000}, clip(20)]
    options = {"batch_size": 3, "return_embeddings": True, "labels": ["LABEL_0", "LABEL_2"]}
    recognizer = load_recognizer(exported(FAMILY))
    assert isinstance(recognizer, OnnxSpeechEmotion)
    assert_same(recognizer(inputs, **options), recognizer_of(FAMILY)(inputs, **options))


def test_windows_and_streams_are_those_of_the_pipeline(exported, recognizer_of):
    original, recognizer = recognizer_of(FAMILY), load_recognizer(exported(FAMILY))
    windows = {"window_seconds": 0.5, "hop_seconds": 0.25, "batch_size": 2}
    assert_same(recognizer(clip(20_000), **windows), original(clip(20_000), **windows))
    chunks = np.split(clip(16_000), 4)
    hops = {"window_seconds": 0.5, "hop_seconds": 0.25}
    assert_same(list(recognizer.stream(chunks, 16_000, **hops)), list(original.stream(chunks, 16_000, **hops)))


@pytest.mark.parametrize("gender", [None, "female", ["male", None, "female"]])
def test_genders_make_the_difference_that_they_make_to_the_pipeline(gender, exported, recognizer_of):
    clips = [clip(4_000), clip(6_000), clip(5_000)]
    recognizer, original = load_recognizer(exported(FAMILY)), recognizer_of(FAMILY)
    assert recognizer.conditioned_on == ("gender",)
    assert_same(recognizer(clips, gender=gender, batch_size=3), original(clips, gender=gender, batch_size=3))
    scores = {load_recognizer(exported(FAMILY))(clips[0], gender=one)["score"] for one in (None, "female", "male")}
    assert len(scores) == 3


def test_a_gender_model_is_asked_for_what_is_not_given(exported, tmp_path):
    gender_model = load_recognizer(save_gender_model(tmp_path / "gender"))
    clips = [clip(4_000, seed) for seed in range(4)]
    heard = [result["label"] if result["label"] in GENDERS else None for result in gender_model(clips)]
    recognizer = load_recognizer(exported(FAMILY), gender_model=gender_model)
    expected = load_recognizer(exported(FAMILY))(clips, gender=heard)
    assert_same(recognizer(clips), expected)


def test_a_regressor_has_dimensions_and_no_classes(exported, recognizer_of):
    result = load_recognizer(exported("regressor"))(clip(5_000))
    assert list(result["dimensions"]) == ["anger", "joy", "neutral"]
    assert "label" not in result
    assert_same(result, recognizer_of("regressor")(clip(5_000)))


def test_it_runs_where_torch_is_not_installed(exported, repo_dir):
    command = [sys.executable, "-c", WITHOUT_TORCH, str(exported(FAMILY))]
    result = subprocess.run(command, cwd=repo_dir, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "['dimensions', 'duration', 'label', 'score', 'scores']"


@pytest.fixture
def folder(exported, tmp_path):
    """A copy to damage."""
    return shutil.copytree(exported("whisper"), tmp_path / "copy")


@pytest.mark.parametrize("content", [b"", b"no model", None])
def test_a_damaged_file_is_refused_in_one_sentence(content, folder):
    model = folder / "model.onnx"
    model.write_bytes(model.read_bytes()[:2_000] if content is None else content)
    with pytest.raises(ValueError, match=r"model\.onnx is no model that ONNX Runtime .* can run") as refusal:
        load_recognizer(folder)
    assert "\n" not in str(refusal.value)


def test_a_missing_record_and_a_newer_one_are_named(folder):
    record = folder / "export.json"
    record.write_text('{"format": 2}')
    with pytest.raises(ValueError, match="has the format 2, but this version reads 1: upgrade"):
        load_recognizer(folder)
    record.write_text("[")
    with pytest.raises(ValueError, match=r"export\.json is no record of an export"):
        load_recognizer(folder)
    record.unlink()
    with pytest.raises(FileNotFoundError, match=r"no export\.json.*hf-emotion export"):
        load_recognizer(folder)


def test_what_is_not_there_is_named(folder):
    with pytest.raises(FileNotFoundError, match=r"no model_int8\.onnx, only model\.onnx"):
        OnnxSpeechEmotion.from_pretrained(folder, "model_int8.onnx")
    with pytest.raises(FileNotFoundError, match="There is no folder /nowhere"):
        OnnxSpeechEmotion.from_pretrained("/nowhere")
    with pytest.raises(ValueError, match="has no TeaKettle here, only .*CPUExecutionProvider"):
        OnnxSpeechEmotion.from_pretrained(folder, providers=["TeaKettle"])


def test_threads_and_providers_reach_the_session(folder):
    recognizer = OnnxSpeechEmotion.from_pretrained(folder, providers=["CPUExecutionProvider"], num_threads=1)
    assert recognizer.session.get_session_options().intra_op_num_threads == 1
    assert recognizer.session.get_providers() == ["CPUExecutionProvider"]
