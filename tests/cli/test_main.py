"""The command as a whole: verbs, help, and how errors are shown."""

import pytest

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
