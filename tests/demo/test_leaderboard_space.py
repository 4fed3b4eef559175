"""The leaderboard as a Space: its files, what they need, and their upload."""

import ast
import importlib.metadata
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from hf_emotion.demo.leaderboard.space import REQUIREMENTS, write_space
from tests.hub_double import REPO, HubDouble

from .served_spaces import served_config
from .small_store import small_store


STORE, LABELS = "user/results", "user/labels"
# Lays out the app as the Space does, draws and takes a submission, without the packages that it does not list.
USE = """
import sys
from pathlib import Path
for name in {blocked!r}:
    sys.modules[name] = None
from hf_emotion.benchmark.results.store import ResultsStore
from hf_emotion.demo.leaderboard import app, compare_tab, details_tab, submit_tab
from tests.benchmark.submissions.tiny_labels import PROTOCOL, write_submission, write_tiny_labels
import hf_emotion
folder = Path(sys.argv[1])
store, labels = ResultsStore(folder / "store"), write_tiny_labels(folder / "labels")
submission = write_submission(folder / "submission", labels)
app.build_app(store, labels)
app.launch_options()
files = [submission / name for name in ("crema_d.parquet", "system.json")]
entry = submit_tab.receive(store, PROTOCOL, labels, files, None, {{}})
assert "<svg" in compare_tab.radar_html(store, ["reported-fbank", entry.id])
assert "<svg" in details_tab.details_html(store, entry.id, "CREMA-D")
print(hf_emotion.__file__)
"""


@pytest.fixture(scope="module")
def space(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("space") / "files"
    write_space(folder, STORE, label_repo=LABELS)
    return folder


def card_metadata(folder: Path) -> dict:
    return yaml.safe_load((folder / "README.md").read_text(encoding="utf-8").split("---")[1])


def test_a_space_has_the_app_its_card_and_the_package(space):
    metadata = card_metadata(space)
    assert metadata["sdk"] == "gradio"
    assert metadata["sdk_version"] == importlib.metadata.version("gradio")
    assert metadata["app_file"] == "app.py"
    assert metadata["datasets"] == [STORE, LABELS]
    assert (space / "hf_emotion" / "demo" / "leaderboard" / "leaderboard.css").is_file()
    assert (space / "hf_emotion" / "benchmark" / "reported" / "emo_superb.csv").is_file()
    assert (space / "hf_emotion" / "trainer_configs" / "benchmarks" / "emo_superb_code.yaml").is_file()
    assert not list(space.rglob("__pycache__"))


def test_the_app_opens_the_store_and_fetches_labels_only_where_there_are_some(space, tmp_path):
    app = (space / "app.py").read_text(encoding="utf-8")
    ast.parse(app)
    assert "ResultsStore.from_hub('user/results')" in app
    assert "label_dir=snapshot_download('user/labels', repo_type='dataset')" in app
    write_space(tmp_path / "closed", STORE)
    closed = (tmp_path / "closed" / "app.py").read_text(encoding="utf-8")
    assert "label_dir=None" in closed
    assert "snapshot_download" not in closed
    assert "takes no submissions" in (tmp_path / "closed" / "README.md").read_text(encoding="utf-8")


def test_requirements_are_pinned_to_what_is_installed_here(space):
    lines = (space / "requirements.txt").read_text(encoding="utf-8").split()
    assert [line.split("==")[0] for line in lines] == list(REQUIREMENTS)
    assert f"numpy=={importlib.metadata.version('numpy')}" in lines


def test_the_app_of_a_space_needs_nothing_that_is_not_listed(space, tmp_path):
    known = importlib.metadata.requires("hf-emotion") or []
    direct = {re.split(r"[^\w.-]", line)[0].lower() for line in known if "extra ==" not in line}
    modules = importlib.metadata.packages_distributions()
    unlisted = {name for name in direct if name.replace("_", "-") not in {*REQUIREMENTS, "typer", "jinja2"}}
    blocked = sorted(name for name, owners in modules.items() if unlisted & {owner.lower() for owner in owners})
    assert "torch" in blocked
    done = subprocess.run(
        [sys.executable, "-c", USE.format(blocked=blocked), tmp_path],
        cwd=space,
        env={**os.environ, "PYTHONPATH": f"{space}{os.pathsep}{REPO}", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(space / "hf_emotion" / "__init__.py")


def test_a_space_serves_the_results_that_are_on_the_hub(space, tmp_path):
    small_store(tmp_path / "store")
    push = "import sys; from hf_emotion.benchmark.results.store import ResultsStore; "
    push += "ResultsStore(sys.argv[1]).push('user/results')"
    labels = "import huggingface_hub; huggingface_hub.HfApi().create_repo('user/labels', repo_type='dataset')"
    with HubDouble(tmp_path / "hub") as hub, socket.socket() as free:
        hub.run(push, tmp_path / "store")
        hub.run(labels)
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        environment = hub.client_environment() | {"PYTHONPATH": str(space), "GRADIO_SERVER_PORT": str(port)}
        command = [sys.executable, "app.py"]
        with subprocess.Popen(command, cwd=space, env=environment, stderr=subprocess.PIPE, text=True) as process:
            try:
                config = served_config(f"http://127.0.0.1:{port}", process)
            finally:
                process.terminate()
    assert "APC from scratch" in config
    assert "Check, score and add" in config


def test_a_folder_with_other_files_and_ids_that_are_none_are_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(FileExistsError, match="is not empty"):
        write_space(tmp_path, STORE)
    with pytest.raises(ValueError, match="'results' is no repository"):
        write_space(tmp_path / "new", "results")
    with pytest.raises(ValueError, match=r"no repository"):
        write_space(tmp_path / "new", "user/x'); import os; ('")
    assert not (tmp_path / "new").exists()


def test_a_space_is_created_and_updated_and_loses_modules_that_are_gone(tmp_path, space):
    code = "import json, sys; from hf_emotion.demo.space import push_space; "
    code += "print(json.dumps(push_space(sys.argv[1], 'user/board')))"
    gone = space / "hf_emotion" / "gone.py"
    with HubDouble(tmp_path / "hub") as hub:
        gone.write_text("")
        assert hub.run(code, space).endswith("/spaces/user/board")
        repository = hub.storage.repositories["spaces", "user/board"]
        assert "hf_emotion/gone.py" in repository.commits[repository.branches["main"]].files
        gone.unlink()
        hub.run(code, space)
        files = repository.commits[repository.branches["main"]].files
    assert set(files) - {".gitattributes"} == {
        path.relative_to(space).as_posix()
        for path in space.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
