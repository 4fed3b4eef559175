"""The command in processes of its own: killed, stopped, shared, piped."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile
import torch
from typer.testing import CliRunner

from hf_emotion.cli.main import app
from tests.cli.conftest import save_classifier


NUM_FILES = 120
SECONDS_TO_WAIT = 120
JSONL = ("--format", "jsonl")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model and recordings, enough of them to kill a process in between."""
    folder = tmp_path_factory.mktemp("processes")
    save_classifier(folder / "model")
    (folder / "rec").mkdir()
    generator = np.random.default_rng(0)
    for number in range(NUM_FILES):
        noise = 0.1 * generator.standard_normal(8000 + 160 * number)
        soundfile.write(folder / "rec" / f"{number:03d}.wav", noise, 16_000)
    return folder


@pytest.fixture
def start(folder, repo_dir):
    """`start("--output", "scores.csv")` -> running command; killed at the end of a test with all that it started."""
    started = []
    paths = os.pathsep.join(filter(None, [str(repo_dir), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": paths}

    def start(*arguments, launcher=()):
        arguments = ["predict", "rec", "--model", "model", "--batch_size", "1", *map(str, arguments)]
        command = [sys.executable, *(launcher or ["-m", "hf_emotion"]), *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
        process = subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True, **pipes)
        started.append(process)
        return process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def finish(process, code=0) -> tuple[str, str]:
    """Output and messages of a command that ends with this code."""
    output, messages = (text.decode() for text in process.communicate(timeout=SECONDS_TO_WAIT))
    assert process.returncode == code, messages
    return output, messages


def wait_for_rows(journal: Path, number: int) -> None:
    deadline = time.monotonic() + SECONDS_TO_WAIT
    while time.monotonic() < deadline:
        lines = [line for part in journal.glob("part-*.jsonl") for line in part.read_text().splitlines()]
        if len(lines) > number:
            return
        time.sleep(0.002)
    raise AssertionError(f"{journal} never had {number} rows")


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def run_here(folder, monkeypatch):
    """The command in this process: quicker, and enough where nothing happens to it."""
    monkeypatch.chdir(folder)
    return lambda *arguments, **options: CliRunner().invoke(
        app, ["predict", *map(str, arguments), "--model", "model"], catch_exceptions=False, **options
    )


@pytest.fixture(scope="module")
def expected(folder):
    """Scores of the best class by file, from one process that nobody disturbs."""
    result = CliRunner().invoke(app, ["predict", str(folder / "rec"), "--model", str(folder / "model"), *JSONL])
    scores = {row["file"]: row["score"] for row in map(json.loads, result.stdout.splitlines())}
    return {name.removeprefix(f"{folder}/"): score for name, score in scores.items()}


def test_a_killed_command_goes_on_where_it_was(folder, start, run_here, expected):
    output = folder / "killed.jsonl"
    process = start("--output", output)
    wait_for_rows(folder / "killed.jsonl.journal", 5)
    process.kill()
    process.communicate()
    assert not output.exists()
    messages = run_here("rec", "--output", output).stderr
    num_before = int(messages.split(" of 120 files were predicted before")[0])
    assert 5 <= num_before < NUM_FILES
    assert [row["file"] for row in rows(output)] == sorted(expected)
    assert {row["file"]: row["score"] for row in rows(output)} == pytest.approx(expected, abs=1e-5)
    assert not (folder / "killed.jsonl.journal").exists()


def test_ctrl_c_is_answered_by_a_sentence_that_says_what_is_kept(folder, start):
    process = start("--output", folder / "stopped.csv")
    wait_for_rows(folder / "stopped.csv.journal", 5)
    process.send_signal(signal.SIGINT)
    _, messages = finish(process, code=130)
    assert "of 120 files are done; the same command goes on with the others." in messages
    assert "Traceback" not in messages
    assert (folder / "stopped.csv.journal").is_dir()


def test_two_processes_write_what_one_does(folder, start, expected):
    output = folder / "shared.jsonl"
    finish(start("--output", output, "--num_processes", 2))
    assert [row["file"] for row in rows(output)] == sorted(expected)
    assert {row["file"]: row["score"] for row in rows(output)} == pytest.approx(expected, abs=1e-5)


def test_a_worker_that_is_killed_costs_only_its_share(folder, start, run_here, expected):
    output = folder / "worker.jsonl"
    process = start("--output", output, "--num_processes", 2)
    wait_for_rows(folder / "worker.jsonl.journal", 10)
    workers = [child for child in psutil.Process(process.pid).children() if "spawn_main" in " ".join(child.cmdline())]
    workers[0].kill()
    _, messages = finish(process, code=1)
    assert f"Process {workers[0].pid} was killed by signal 9 (SIGKILL)" in messages
    assert "files are not predicted. The same command goes on with them." in messages
    assert not output.exists()
    assert run_here("rec", "--output", output).exit_code == 0
    assert {row["file"]: row["score"] for row in rows(output)} == pytest.approx(expected, abs=1e-5)


def test_workers_that_cannot_load_the_model_say_so_once(folder, start):
    _, messages = finish(start("--num_processes", 2, "--labels", "boredom"), code=1)
    assert messages.count("boredom") == 1
    assert "Traceback" not in messages


@pytest.mark.skipif(torch.accelerator.is_available(), reason="one device cannot be shared by two launched processes")
def test_accelerate_launch_shares_the_work(folder, start, expected):
    launcher = ["-m", "accelerate.commands.accelerate_cli", "launch", "--num_processes", "2", "-m", "hf_emotion"]
    output = folder / "launched.csv"
    shown, _ = finish(start("--output", output, launcher=launcher))
    assert shown == ""
    lines = output.read_text().splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == sorted(expected)
    assert not (folder / "launched.csv.journal").exists()


def test_a_reader_that_closes_the_pipe_is_no_error_message(start):
    process = start("--format", "jsonl")
    process.stdout.readline()
    process.stdout.close()
    messages = process.stderr.read().decode()
    process.wait(timeout=SECONDS_TO_WAIT)
    assert messages == ""


def test_a_recording_may_come_from_a_pipe_that_does_not_know_its_length(folder, run_here, expected):
    content = bytearray((folder / "rec" / "007.wav").read_bytes())
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"  # as ffmpeg writes WAV into a pipe
    row = json.loads(run_here("-", *JSONL, input=bytes(content)).stdout)
    assert row["file"] == "stdin"
    assert row["score"] == pytest.approx(expected["rec/007.wav"], abs=1e-5)
