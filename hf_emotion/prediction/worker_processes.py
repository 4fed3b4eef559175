"""Several processes on this machine that share the recordings of a job, one device each."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from .shares import Share


PLAIN_ERRORS = (ImportError, OSError, ValueError)  # their message is all that a user needs


def predict_in_processes(
    share: Share,
    num_processes: int,
    on_file: Callable[[str], Any],
    on_loaded: Callable[[tuple[str, ...]], Any],
) -> list[str]:
    """
    Predict a share in processes of which each loads the model and appends to the journal.

    Args:
        share ([`Share`]): All recordings to predict.
        num_processes (`int`): How many processes. Accelerators are dealt out in turn; without any, the processes
            share the CPU cores.
        on_file (`Callable[[str], Any]`): Called with the name of each recording that is done.
        on_loaded (`Callable[[tuple[str, ...]], Any]`): Called with what the model uses beside the audio, once the
            first process has loaded it.

    Returns:
        `list[str]`: A sentence on each process that did not end well. The others finish their part nevertheless.

    Raises:
        ValueError: The model cannot be loaded or run; the message is that of the first process to say so.
    """
    context = multiprocessing.get_context("spawn")  # a fork would copy the threads of torch half
    workers: dict[Connection, BaseProcess] = {}
    failures: list[str] = []
    try:
        for index in range(num_processes):
            receiver, sender = context.Pipe(duplex=False)
            arguments = (sender, share.part(index, num_processes), index, num_processes)
            process: BaseProcess = context.Process(target=_work, args=arguments, daemon=True)
            process.start()
            sender.close()  # so that the end of the process ends the pipe
            workers[receiver] = process
        while workers:
            ready: list[Any] = wait(list(workers))
            for receiver in ready:
                if not _receive(receiver, {"file": on_file, "loaded": on_loaded}):
                    failures += _farewell(workers.pop(receiver))
    finally:
        for process in workers.values():
            process.terminate()
            process.join()
    return failures


def _receive(receiver: Connection, handlers: Mapping[str, Callable[[Any], Any]]) -> bool:
    """Take one message; `False` if there will be no more."""
    try:
        kind, content = receiver.recv()
    except EOFError:
        return False
    if kind == "error":
        raise ValueError(content)
    handlers[kind](content)
    return True


def _farewell(process: BaseProcess) -> list[str]:
    process.join()
    code = process.exitcode or 0
    if code == 0:
        return []
    how = f"was killed by signal {-code} ({signal.Signals(-code).name})" if code < 0 else f"ended with code {code}"
    memory = "; was there too little memory for so many?" if code == -9 else ""
    return [f"Process {process.pid} {how}{memory}"]


def _work(sender: Connection, share: Share, index: int, num_processes: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers on Ctrl-C
    num_threads = max(1, num_cores() // num_processes)
    os.environ.setdefault("OMP_NUM_THREADS", str(num_threads))
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    try:
        settings = replace(share.settings, device=share.settings.device or _device(index))
        recognizer = settings.load()
        if index == 0:
            sender.send(("loaded", recognizer.conditioned_on))
        for row in share.predict(recognizer):
            sender.send(("file", row["file"]))
    except BrokenPipeError:  # the parent was killed: nobody waits for the rest
        return
    except PLAIN_ERRORS as error:
        sender.send(("error", str(error)))


def _device(index: int) -> str | None:
    import torch

    accelerator = torch.accelerator.current_accelerator(check_available=True)
    return None if accelerator is None else f"{accelerator.type}:{index % torch.accelerator.device_count()}"


def num_cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
