"""A wheel holds everything that a checkout does at run time, and finds it."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from itertools import chain
from pathlib import Path

import pytest

import hf_emotion


tomllib = pytest.importorskip("tomllib" if sys.version_info >= (3, 11) else "tomli")

REPO = Path(__file__).resolve().parents[1]
FOLDERS = ("hf_emotion", "dataset_scripts", "model_cards", "trainer_configs")
PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))
CHECK = """
import json, pathlib, hf_emotion
from hf_emotion.data.loading import corpus_facts, list_corpora
from hf_emotion.cards.templates import template_dir
package = pathlib.Path(hf_emotion.__file__).parent
facts = [corpus_facts(name).name for name in list_corpora()]
print(json.dumps([str(package), list_corpora(), facts, str(template_dir())]))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel of a copy of the checkout, so that nothing is written into it."""
    pytest.importorskip("setuptools", minversion="77")
    source = tmp_path_factory.mktemp("source")
    for folder in FOLDERS:
        shutil.copytree(REPO / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPO / name, source)
    build = "import setuptools.build_meta as backend; backend.build_wheel('dist')"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    return next((source / "dist").glob("*.whl"))


def test_every_package_is_listed():
    packages = {path.parent.relative_to(REPO).as_posix().replace("/", ".") for path in REPO.glob("hf_emotion/**/*.py")}
    beside = {f"hf_emotion.{folder}" for folder in FOLDERS[1:]}
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == packages | beside


def test_wheel_holds_every_file_that_is_used_at_run_time(wheel):
    expected = {
        path.relative_to(REPO).as_posix() if folder == "hf_emotion" else f"hf_emotion/{path.relative_to(REPO)}"
        for folder in FOLDERS
        for path in (REPO / folder).rglob("*")
        if path.suffix in (".py", ".yaml", ".md", ".html", ".css", ".js", ".csv", ".typed")
        and (folder, path.suffix) != ("dataset_scripts", ".md")
    }
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name for name in names if ".dist-info/" not in name} == expected
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_an_installed_wheel_finds_corpora_and_templates(wheel, tmp_path):
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    result = subprocess.run(
        [sys.executable, "-c", CHECK],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    )
    package, corpora, facts, templates = json.loads(result.stdout)
    assert package == str(site / "hf_emotion")
    assert corpora == facts == hf_emotion.list_corpora()
    assert templates == str(site / "hf_emotion" / "model_cards")


def test_a_bare_checkout_finds_corpora_and_templates(tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", CHECK],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(result.stdout)[1:] == [hf_emotion.list_corpora()] * 2 + [str(REPO / "model_cards")]


def test_constraints_allow_what_the_project_asks_for():
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    pins = [Requirement(line) for line in (REPO / "constraints.txt").read_text().splitlines() if line[0] != "#"]
    extras = PROJECT["project"]["optional-dependencies"].values()
    for requirement in map(Requirement, chain(PROJECT["project"]["dependencies"], *extras)):
        found = [pin for pin in pins if canonicalize_name(pin.name) == canonicalize_name(requirement.name)]
        assert found, f"constraints.txt does not pin {requirement.name}"
        assert all(requirement.specifier.contains(next(iter(pin.specifier)).version) for pin in found)
