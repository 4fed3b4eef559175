"""`hf-emotion demo`."""

import sys

import pytest

from tests.hub_double import HubDouble


gradio = pytest.importorskip("gradio", reason="gradio is not installed")


@pytest.fixture
def launched(monkeypatch) -> list[dict]:
    """Arguments that apps are launched with, instead of being served."""
    calls: list[dict] = []
    monkeypatch.setattr(gradio.Blocks, "launch", lambda app, **options: calls.append(options | {"app": app}))
    return calls


def test_models_are_served_within_limits(run, launched, model_dir):
    result = run(
        *("demo", "--model", model_dir, "--model", "user/other", "--port", 7999, "--host", "0.0.0.0", "--share"),
        *("--max_seconds", 90, "--max_megabytes", 2, "--concurrency", 3, "--queue_size", 5, "--title", "Ours"),
    )
    assert result.exit_code == 0, result.stderr
    (options,) = launched
    assert (options["server_name"], options["server_port"], options["share"]) == ("0.0.0.0", 7999, True)
    assert options["max_file_size"] == 2 * 2**20
    app = options["app"]
    assert (app.title, app.analytics_enabled) == ("Ours", False)
    assert (app._queue.max_size, app._queue.default_concurrency_limit) == (5, 3)
    assert "up to 1 min 30 s and 2 MB" in str(app.config)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--max_seconds", 0), "max_seconds is 0"),
        (("--private",), "--private and --output_dir are about a Space"),
        (("--space", "board"), "write it as 'owner/name'"),
        (("--model", "user/model"), "user/model is named twice"),
    ],
)
def test_what_cannot_be_served_is_said(run, launched, arguments, message):
    result = run("demo", "--model", "user/model", *arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert launched == []


def test_without_gradio_the_extra_is_named(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    result = run("demo", "--model", "user/model")
    assert result.exit_code == 1
    assert 'pip install "hf-emotion[demo]"' in result.stderr


def test_files_of_a_space_are_written_for_a_look(run, tmp_path):
    result = run("demo", "--model", "user/model", "--space", "user/demo", "--output_dir", tmp_path / "space")
    assert result.exit_code == 0, result.stderr
    assert "nothing was pushed" in result.stdout
    assert "user/model" in (tmp_path / "space" / "app.py").read_text(encoding="utf-8")


def test_one_command_makes_a_private_space(tmp_path):
    with HubDouble(tmp_path / "hub") as hub:
        done = hub.start(
            *(sys.executable, "-c", "from hf_emotion.cli.main import app; app()", "demo", "--model", "user/model"),
            *("--space", "user/demo", "--private"),
        )
        assert done.returncode == 0, done.stderr
        repository = hub.storage.repositories["spaces", "user/demo"]
        assert repository.private
        assert {"app.py", "README.md", "requirements.txt"} <= set(
            repository.commits[repository.branches["main"]].files
        )
    assert "/spaces/user/demo" in done.stdout
