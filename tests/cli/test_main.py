"""The command as a whole: verbs, help, and how errors are shown."""

import subprocess
import sys

import numpy as np
import pytest
import soundfile

import hf_emotion


def test_help_lists_every_verb(run):
    result = run("--help")
    assert result.exit_code == 0
    verbs = ("predict", "evaluate", "train", "corpora", "ensemble", "compare", "calibrate", "robustness", "latency")
    for verb in (*verbs, "version"):
        assert f" {verb} " in result.stdout


@pytest.mark.parametrize(
    "verb",
    [
        "predict",
        "evaluate",
        "train",
        "corpora",
        "corpora synthesize",
        "ensemble",
        "compare",
        "calibrate",
        "robustness",
        "latency",
        "version",
    ],
)
def test_help_of_a_verb_is_about_that_verb(verb, run):
    result = run(*verb.split(), "--help")
    assert result.exit_code == 0
    assert "usage:" in result.stdout.lower()


def test_an_error_is_one_sentence_without_traceback(run):
    result = run("train", "--config", "no_such.yaml")
    assert result.exit_code == 1
    assert result.stderr == "Error: There is no experiment file no_such.yaml.\n"


def test_a_warning_is_one_sentence_without_the_line_of_code(model_dir, tmp_path):
    soundfile.write(tmp_path / "cut.wav", np.linspace(-0.5, 0.5, 16_000), 16_000)
    (tmp_path / "cut.wav").write_bytes((tmp_path / "cut.wav").read_bytes()[:8_044])
    command = [sys.executable, "-m", "hf_emotion", "predict", tmp_path / "cut.wav", "--model", model_dir]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"Warning: {tmp_path / 'cut.wav'} ends after 0.25 s; its header promises 1.00 s.")


@pytest.mark.parametrize("switch", ["option", "environment"])
def test_debug_keeps_the_exception(switch, run, monkeypatch):
    if switch == "environment":
        monkeypatch.setenv("HF_EMOTION_DEBUG", "1")
    result = run(*["--debug"] * (switch == "option"), "train", "--config", "no_such.yaml")
    assert isinstance(result.exception, FileNotFoundError)


@pytest.mark.parametrize("arguments", [["predict"], ["corpora", "info"], ["nonsense"], ["version", "--nonsense"]])
def test_wrong_usage_exits_with_2(arguments, run):
    assert run(*arguments).exit_code == 2


def test_version_says_what_a_bug_report_needs(run):
    lines = dict(line.split() for line in run("version").stdout.splitlines())
    assert lines["hf-emotion"] == hf_emotion.__version__
    assert {"python", "torch", "transformers", "datasets"} <= set(lines)
