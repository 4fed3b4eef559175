"""Several processes on a machine without accelerators, as `accelerate launch --num_processes N` promises.

On CPUs, accelerate (1.15) starts a single process whatever `--num_processes` says, and says nothing. torchrun starts
them, so the first process replaces itself by torchrun with the number that was asked for.
"""

import logging
import os
import sys
from collections.abc import Sequence

import psutil
import torch


logger = logging.getLogger(__name__)


def start_cpu_processes() -> None:
    """
    Replace this process by torchrun with N processes, if `accelerate launch --num_processes N` started it alone on a
    machine without accelerators. Returns otherwise.
    """
    if (
        "WORLD_SIZE" in os.environ
        or "ACCELERATE_MIXED_PRECISION" not in os.environ
        or torch.accelerator.is_available()
    ):
        return
    parent = psutil.Process().parent()
    num_processes = 1 if parent is None else requested_processes(parent.cmdline())
    if num_processes <= 1:
        return
    logger.warning("accelerate starts one process on CPUs; torchrun starts the %d asked for.", num_processes)
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // num_processes)))
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(num_processes)]
    os.execv(sys.executable, [sys.executable, *launcher, *sys.argv])


def requested_processes(command: Sequence[str]) -> int:
    """
    The `--num_processes` of an `accelerate launch` command line; 1 if it has none or is another command.

    Example:

    ```python
    >>> from hf_emotion.scripts.cpu_processes import requested_processes

    >>> requested_processes(["python", "accelerate", "launch", "--num_processes", "2", "train.py"])
    2
    >>> requested_processes(["python", "train.py"])
    1

    ```
    """
    words = list(command)
    if "launch" not in words:
        return 1
    for index, word in enumerate(words):
        flag, _, value = word.partition("=")
        if flag in ("--num_processes", "--num-processes"):
            return int(value or words[index + 1])
    return 1
