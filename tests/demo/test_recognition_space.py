"""The recognition app as a Space: its files, what they need, and that they serve a model of the Hub."""

import ast
import importlib.metadata
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from hf_emotion.demo.recognition.app import Limits
from hf_emotion.demo.recognition.space import write_space
from tests.hub_double import REPO

from .served_spaces import served_config


MODELS = ["user/hubert-emotions", "user/exhubert"]


@pytest.fixture(scope="module")
def space(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("space") / "files"
    write_space(folder, MODELS, limits=Limits(max_seconds=60), title='A "quoted" {title}')
    return folder


def test_a_space_has_the_app_its_card_and_the_package(space):
    metadata = yaml.safe_load((space / "README.md").read_text(encoding="utf-8").split("---")[1])
    assert metadata["title"] == 'A "quoted" {title}'
    assert metadata["sdk"] == "gradio"
    assert metadata["sdk_version"] == importlib.metadata.version("gradio")
    assert metadata["models"] == MODELS
    assert (space / "hf_emotion" / "demo" / "page.css").is_file()
    assert (space / "hf_emotion" / "demo" / "recognition" / "recognition.css").is_file()
    assert not list(space.rglob("__pycache__"))


def test_the_app_has_the_settings_that_it_was_written_with(space):
    app = (space / "app.py").read_text(encoding="utf-8")
    ast.parse(app)
    assert f"ModelShelf({MODELS!r}, loader(trust_remote_code=False))" in app
    assert "max_seconds=60" in app


def test_requirements_are_what_the_package_needs_in_the_versions_that_are_here(space):
    wheels, *lines = (space / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert wheels == "--extra-index-url https://download.pytorch.org/whl/cpu"
    versions = dict(line.split("==") for line in lines)
    assert versions["torch"] == importlib.metadata.version("torch").partition("+")[0]
    assert {"soundfile", "soxr", "transformers"} <= set(versions)
    assert "gradio" not in versions


def test_the_app_of_a_space_starts_and_lists_its_models(space):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": str(space), "GRADIO_SERVER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "app.py"]
    with subprocess.Popen(command, cwd=space, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            config = served_config(f"http://127.0.0.1:{port}", process)
        finally:
            process.terminate()
    assert "hubert-emotions" in config
    assert "up to 1 minute and 50 MB" in config


def test_models_that_a_space_cannot_read_and_folders_with_other_files_are_refused(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep me")
    with pytest.raises(ValueError, match="is a folder of this machine, which a Space cannot read"):
        write_space(tmp_path / "new", [str(REPO)])
    with pytest.raises(ValueError, match="'model' is no repository"):
        write_space(tmp_path / "new", ["model"])
    with pytest.raises(FileExistsError, match="is not empty"):
        write_space(tmp_path / "mine", MODELS)
    assert not (tmp_path / "new").exists()
