"""Fetches transformers' own model test suite, which its wheel lacks, from the source archive on PyPI.

The archive is downloaded once per version into the user's cache. It leaves out `tests/exporters`, `tests/generation`
and `tests/utils`, from which the suite imports two mixins and one dict; empty ones stand in, because none of them
concerns an audio encoder.
"""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import transformers


CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "hf-emotion-tests"
STAND_INS = {
    "exporters/test_export.py": "class ExportTesterMixin:\n    pass\n",
    "generation/test_utils.py": "class GenerationTesterMixin:\n    pass\n",
    "utils/test_configuration_utils.py": "config_common_kwargs = {}\n",
}


class SuiteUnavailable(Exception):
    """The archive is neither cached nor to be had from a package index."""


def import_suite() -> None:
    """Put the suite on `sys.path` as the package `transformers_tests`; raises `SuiteUnavailable` when offline."""
    folder = CACHE / f"transformers-{transformers.__version__}"
    package = folder / "transformers_tests"
    if not package.is_dir():
        _fetch(package)
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _fetch(package: Path) -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    requirement = f"transformers=={transformers.__version__}"
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-d", str(CACHE)]
    try:
        subprocess.run([*command, requirement], check=True, capture_output=True, text=True, timeout=300)
    except (subprocess.SubprocessError, OSError) as error:
        details = getattr(error, "stderr", None) or str(error)
        raise SuiteUnavailable(f"no source archive of {requirement}: {details.strip()[-300:]}") from error
    archive = CACHE / f"transformers-{transformers.__version__}.tar.gz"
    staging = package.with_name(f"{package.name}.{os.getpid()}")
    for name, text in STAND_INS.items():
        path = staging / name
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(text)
    (staging / "__init__.py").touch()
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            parts = Path(member.name).parts
            if len(parts) == 3 and parts[1] == "tests" and member.name.endswith(".py"):
                (staging / parts[2]).write_bytes(tar.extractfile(member).read())
    try:
        staging.rename(package)
    except OSError:
        # another process was faster
        if not package.is_dir():
            raise
