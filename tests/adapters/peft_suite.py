"""Fetches peft's own test helpers, which its wheel lacks, from the source archive on PyPI.

The archive is downloaded once per version into the user's cache. The helpers import one class of diffusers, for tests
of image models; an empty one stands in during the import where diffusers is not installed.
"""

import importlib
import importlib.metadata
import importlib.util
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from types import ModuleType

from tests.models.exhubert.transformers_suite import CACHE, SuiteUnavailable


FILES = ("testing_common.py", "testing_utils.py")


def import_suite() -> ModuleType:
    """The module `testing_common` of the installed peft; raises `SuiteUnavailable` when offline."""
    version = importlib.metadata.version("peft")
    folder = CACHE / f"peft-{version}"
    package = folder / "peft_tests"
    if not package.is_dir():
        _fetch(package, version)
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    if importlib.util.find_spec("diffusers") is not None:
        return importlib.import_module("peft_tests.testing_common")
    stand_in = ModuleType("diffusers")
    stand_in.StableDiffusionPipeline = type("StableDiffusionPipeline", (), {})
    sys.modules["diffusers"] = stand_in
    try:
        return importlib.import_module("peft_tests.testing_common")
    finally:
        del sys.modules["diffusers"]


def _fetch(package: Path, version: str) -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    requirement = f"peft=={version}"
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-build-isolation"]
    command += ["--no-binary", ":all:", "-d", str(CACHE), requirement]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    except (subprocess.SubprocessError, OSError) as error:
        details = getattr(error, "stderr", None) or str(error)
        raise SuiteUnavailable(f"no source archive of {requirement}: {details.strip()[-300:]}") from error
    staging = package.with_name(f"{package.name}.{os.getpid()}")
    staging.mkdir(parents=True, exist_ok=True)
    (staging / "__init__.py").touch()
    with tarfile.open(CACHE / f"peft-{version}.tar.gz") as tar:
        for name in FILES:
            (staging / name).write_bytes(tar.extractfile(f"peft-{version}/tests/{name}").read())
    try:
        staging.rename(package)
    except OSError:
        # another process was faster
        if not package.is_dir():
            raise
