"""`accelerate launch --num_processes N` starts N processes on CPUs as well."""

import os
import subprocess
import sys

import pytest
import torch

from hf_emotion.scripts.cpu_processes import requested_processes


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("python accelerate launch --num_processes 2 train.py", 2),
        ("python -m accelerate.commands.launch train.py", 1),
        ("accelerate launch --num-processes=3 train.py", 3),
        ("accelerate launch train.py --num_train_epochs 5", 1),
        ("make demo", 1),
    ],
)
def test_number_of_processes_is_read_from_the_command_line(command, expected):
    assert requested_processes(command.split()) == expected


@pytest.mark.skipif(torch.accelerator.is_available(), reason="accelerate itself starts the processes on accelerators")
def test_accelerate_launch_gets_the_processes_it_asked_for(tmp_path, repo_dir):
    script = tmp_path / "script.py"
    script.write_text(
        "import os, sys\n"
        "from hf_emotion.scripts.cpu_processes import start_cpu_processes\n"
        "start_cpu_processes()\n"
        "rank, world_size = os.environ.get('RANK'), os.environ.get('WORLD_SIZE')\n"
        "sys.stdout.write(f'process {rank} of {world_size}\\n')\n"  # print() may write part by part
    )
    command = [
        sys.executable,
        "-m",
        "accelerate.commands.accelerate_cli",
        "launch",
        "--num_processes",
        "2",
        str(script),
    ]
    environment = os.environ | {"PYTHONPATH": str(repo_dir)}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert result.returncode == 0, result.stderr
    assert sorted(result.stdout.splitlines()) == ["process 0 of 2", "process 1 of 2"]
