"""The skeleton of a corpus: its own tests pass as it is, and nothing of the user's is overwritten."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hf_emotion.corpus_reports.corpus_skeleton import write_corpus_skeleton


REPO = Path(__file__).resolve().parents[2]


@pytest.fixture
def clone(tmp_path):
    ignored = shutil.ignore_patterns("__pycache__")
    for folder in ("hf_emotion", "dataset_scripts", "tests/dataset_scripts", "tests/data"):
        shutil.copytree(REPO / folder, tmp_path / "clone" / folder, ignore=ignored)
    for file in ("pyproject.toml", "tests/__init__.py", "tests/conftest.py"):
        shutil.copy(REPO / file, tmp_path / "clone" / file)
    return tmp_path / "clone"


def test_its_test_passes_as_it_is_and_it_keeps_the_style(clone):
    files = write_corpus_skeleton("toy_corpus2", clone, full_name='The "toy" corpus', language="de")
    assert [path.relative_to(clone).as_posix() for path in files] == [
        "dataset_scripts/toy_corpus2.py",
        "tests/dataset_scripts/test_toy_corpus2.py",
    ]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(files[1])]
    run = subprocess.run(command, cwd=clone, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout
    assert "passed" in run.stdout
    style = subprocess.run([sys.executable, "-m", "ruff", "check", *files], cwd=clone, capture_output=True, text=True)
    assert style.returncode == 0, style.stdout
    layout = [sys.executable, "-m", "ruff", "format", "--check", *files]
    assert subprocess.run(layout, cwd=clone, capture_output=True).returncode == 0


@pytest.mark.parametrize("name", ["Toy", "toy-corpus", "2toy", "toy__corpus", "class", "../toy", ""])
def test_a_name_that_python_cannot_import_is_refused(name, tmp_path):
    with pytest.raises(ValueError, match="cannot name a corpus"):
        write_corpus_skeleton(name, tmp_path)


@pytest.mark.parametrize("name", ["ravdess", "emobox", "manifest"])
def test_a_name_that_is_taken_is_refused(name, tmp_path):
    with pytest.raises(ValueError, match=f"'{name}' is taken"):
        write_corpus_skeleton(name, tmp_path)


def test_outside_a_clone_it_says_where_to_run_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="Run this in a clone of hf-emotion"):
        write_corpus_skeleton("toy", tmp_path)


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "dataset_scripts").mkdir()
    (tmp_path / "tests" / "dataset_scripts").mkdir(parents=True)
    test = tmp_path / "tests" / "dataset_scripts" / "test_toy.py"
    test.write_text("mine")
    with pytest.raises(FileExistsError, match="is not overwritten"):
        write_corpus_skeleton("toy", tmp_path)
    assert test.read_text() == "mine"
    assert not (tmp_path / "dataset_scripts" / "toy.py").exists()
