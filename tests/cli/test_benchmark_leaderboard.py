"""`hf-emotion benchmark leaderboard` and `benchmark deploy`."""

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


def test_a_leaderboard_of_a_folder_is_served(run, tmp_path, launched):
    result = run("benchmark", "leaderboard", "--store", tmp_path / "store", "--port", "7999")
    assert result.exit_code == 0, result.stderr
    (options,) = launched
    assert (options["server_port"], options["share"]) == (7999, False)
    assert "takes no uploads" in str(options["app"].config)
    assert not options["app"].analytics_enabled


def test_label_files_open_the_form_of_submissions(run, tmp_path, launched):
    result = run("benchmark", "leaderboard", "--store", tmp_path / "store", "--label_dir", tmp_path, "--share")
    assert result.exit_code == 0, result.stderr
    assert launched[0]["share"]
    assert "Check, score and add" in str(launched[0]["app"].config)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--label_dir", "nowhere"), "There is no folder nowhere with label files."),
        (("--protocol", "emo_super"), "There is no protocol emo_super"),
    ],
)
def test_what_cannot_be_served_is_said(run, tmp_path, launched, arguments, message):
    result = run("benchmark", "leaderboard", "--store", tmp_path, *arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert launched == []


def test_without_gradio_the_extra_is_named(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    result = run("benchmark", "leaderboard", "--store", tmp_path)
    assert result.exit_code == 1
    assert 'pip install "hf-emotion[demo]"' in result.stderr


def test_a_dry_run_shows_the_card_and_needs_neither_token_nor_network(run):
    result = run("benchmark", "deploy", "user/board", "--store", "user/results", "--dry_run")
    assert result.exit_code == 0, result.stderr
    assert "nothing was pushed" in result.stdout
    assert "sdk: gradio" in result.stdout
    assert "This Space takes no submissions." in result.stdout


def test_files_are_written_for_a_look(run, tmp_path):
    result = run(
        *("benchmark", "deploy", "user/board", "--store", "user/results", "--label_repo", "user/labels"),
        *("--title", "Ours", "--output_dir", tmp_path / "space"),
    )
    assert result.exit_code == 0, result.stderr
    assert "title: Ours" in (tmp_path / "space" / "README.md").read_text(encoding="utf-8")
    assert (tmp_path / "space" / "app.py").is_file()


@pytest.mark.parametrize("names", [("board", "user/results"), ("user/board", "results")])
def test_names_that_are_no_repositories_are_refused(run, names):
    result = run("benchmark", "deploy", names[0], "--store", names[1], "--dry_run")
    assert result.exit_code == 1
    assert "write it as 'owner/name'" in result.stderr


def test_one_command_makes_a_space(tmp_path):
    with HubDouble(tmp_path / "hub") as hub:
        done = hub.start(
            *(sys.executable, "-c", "from hf_emotion.cli.main import app; app()", "benchmark", "deploy", "user/board"),
            *("--store", "user/results", "--label_repo", "user/labels", "--private"),
        )
        assert done.returncode == 0, done.stderr
        repository = hub.storage.repositories["spaces", "user/board"]
        assert repository.private
        assert "app.py" in repository.commits[repository.branches["main"]].files
    assert "/spaces/user/board" in done.stdout
    assert "secret HF_TOKEN" in done.stdout
