"""Saved folders load as pipelines in a fresh process in which hf_emotion cannot be imported."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import transformers

from hf_emotion import pipelines
from hf_emotion.pipelines import SpeechEmotionPipeline, add_pipeline_code

from .tiny_recognizers import noise, tiny_recognizer


pytestmark = pytest.mark.usefixtures("one_thread")

KINDS = ("hubert, group norm", "exhubert", "speech_emotion on wavlm", "whisper")
SCRIPT = """
import json, sys
from pathlib import Path
sys.modules["hf_emotion"] = None  # any import of it raises ImportError
import torch
from transformers import pipeline
torch.set_num_threads(1)
found = {}
for folder in sorted(Path(sys.argv[1]).iterdir()):
    recognise = pipeline(model=str(folder), trust_remote_code=True, device="cpu", top_k=2)
    clips = sorted(str(path) for path in Path(sys.argv[2]).iterdir())
    results = recognise(clips, batch_size=2)
    again = Path(sys.argv[3]) / folder.name
    recognise.save_pretrained(again)
    twice = pipeline(model=str(again), trust_remote_code=True, device="cpu", top_k=2)(clips)
    stock = pipeline("audio-classification", model=str(folder), trust_remote_code=True, device="cpu")
    found[folder.name] = [type(recognise).__name__, recognise.task, results, twice, type(stock).__name__]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Folders of models, the first of them saved by the pipeline, the others given its code afterwards."""
    folder = tmp_path_factory.mktemp("saved")
    for number, kind in enumerate(KINDS):
        model, extractor = tiny_recognizer(kind)
        target = folder / str(number)
        if number == 0:
            SpeechEmotionPipeline(model, extractor, device="cpu").save_pretrained(target)
            continue
        model.save_pretrained(target)
        extractor.save_pretrained(target)
        add_pipeline_code(target)
    return folder


@pytest.fixture(scope="module")
def audio(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audio")
    for number, clip in enumerate(noise(5000, 16_000, 3000)):
        soundfile.write(folder / f"{number}.wav", clip / 10, 16_000, subtype="FLOAT")
    return folder


@pytest.fixture(scope="module")
def fresh_process(saved, audio, tmp_path_factory):
    root = tmp_path_factory.mktemp("process")
    environment = {"PATH": "", "HF_HUB_OFFLINE": "1", "HF_MODULES_CACHE": str(root / "modules")}
    command = [sys.executable, "-c", SCRIPT, str(saved), str(audio), str(root)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=root, env=environment)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


@pytest.mark.parametrize("number", range(len(KINDS)), ids=KINDS)
def test_reloads_without_the_package(number, fresh_process, audio):
    name, task, results, twice, _ = fresh_process[str(number)]
    assert (name, task) == ("SpeechEmotionPipeline", "speech-emotion-recognition")
    recognise = SpeechEmotionPipeline(*tiny_recognizer(KINDS[number]), device="cpu", top_k=2)
    expected = recognise(sorted(map(str, audio.iterdir())))
    for found in (results, twice):
        for before, after in zip(expected, found, strict=True):
            assert after["label"] == before["label"]
            assert after["score"] == pytest.approx(before["score"], abs=1e-6)
            assert after["duration"] == before["duration"]
            assert ("dimensions" in after) is (KINDS[number] == "speech_emotion on wavlm")


@pytest.mark.parametrize("number", range(len(KINDS)), ids=KINDS)
def test_the_stock_task_still_gives_the_stock_pipeline(number, fresh_process, saved):
    assert fresh_process[str(number)][-1] == "AudioClassificationPipeline"
    # with the package, no remote code is needed
    stock = transformers.pipeline("audio-classification", model=str(saved / str(number)), device="cpu")
    assert len(stock(np.ones(4000, dtype=np.float32))) == 3


def test_only_files_that_are_needed_are_written(saved, tmp_path):
    shutil.copy(saved / "3" / "config.json", tmp_path)
    written = add_pipeline_code(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["config.json", *(path.name for path in written)]
    )
    sources = Path(pipelines.__file__).parent
    assert {path.name for path in written} == {path.name for path in sources.glob("*.py")} - {"__init__.py"}
    for path in written:
        assert path.read_bytes() == (sources / path.name).read_bytes()


def test_files_import_nothing_but_each_other_of_the_package(saved, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    for path in add_pipeline_code(tmp_path):
        code = [line for line in path.read_text().splitlines() if line.startswith(("import ", "from "))]
        assert not [line for line in code if "hf_emotion" in line or line.startswith("from ..")]


def test_adding_twice_changes_nothing(saved, tmp_path):
    shutil.copytree(saved / "1", tmp_path / "again")
    before = {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()}
    add_pipeline_code(tmp_path / "again")
    assert {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()} == before


def test_fields_and_pipelines_of_the_config_stay(tmp_path):
    other = {"impl": "other.OtherPipeline", "pt": ["AutoModel"]}
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "hubert", "custom_pipelines": {"other": other}}))
    add_pipeline_code(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["model_type"] == "hubert"
    assert config["custom_pipelines"]["other"] == other
    assert config["custom_pipelines"]["speech-emotion-recognition"]["type"] == "audio"


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no model .no config.json."):
        add_pipeline_code(tmp_path)
