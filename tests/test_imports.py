"""`import hf_emotion` and `hf-emotion --help` stay quick: nothing heavy is imported before it is used."""

import resource
import statistics
import subprocess
import sys

import pytest

import hf_emotion


HELP = "from hf_emotion.cli.main import app; app(['--help'], standalone_mode=False)"
HEAVY = ("torch", "transformers", "datasets", "accelerate", "pandas", "numpy", "scipy", "sklearn", "matplotlib")


def cpu_seconds(code: str) -> float:
    """Median processor time of five runs, interpreter included; wall time would depend on what else is running."""
    times = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(times)


@pytest.mark.parametrize(("code", "limit"), [("import hf_emotion", 0.2), (HELP, 0.6)], ids=["package", "help"])
def test_start_is_quick(code, limit):
    assert cpu_seconds(code) < limit


@pytest.mark.parametrize("code", ["import hf_emotion", HELP], ids=["package", "help"])
def test_nothing_heavy_is_imported_at_the_start(code):
    check = f"{code}\nimport sys\nprint(*set({HEAVY!r}) & set(sys.modules), file=sys.stderr)"
    result = subprocess.run([sys.executable, "-c", check], check=True, capture_output=True, text=True)
    assert result.stderr.split() == []


@pytest.mark.parametrize("name", hf_emotion.__all__)
def test_every_public_name_can_be_imported(name):
    assert getattr(hf_emotion, name).__name__ == name


def test_public_names_are_few_and_listed():
    assert len(hf_emotion.__all__) <= 20
    assert set(hf_emotion.__all__) <= set(dir(hf_emotion))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'load_corpuses'"):
        hf_emotion.load_corpuses  # noqa: B018
