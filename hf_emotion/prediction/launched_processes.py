"""A job that the processes of `accelerate launch` or torchrun share, on one machine or several."""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from .job import Job
from .shares import Share


# Until the slowest process is done; a process that dies is noticed by the launcher.
_PATIENCE = datetime.timedelta(weeks=1)


def is_launched() -> bool:
    """Whether this is one of several processes of a launcher."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def is_main_process() -> bool:
    """Whether this process finds the recordings and writes the outputs."""
    return os.environ.get("RANK", "0") == "0"


@contextlib.contextmanager
def shared_among_launched(job: Job | None) -> Iterator[Share]:
    """
    The share of this process, as the main process deals them out. At the end all wait for each other.

    Args:
        job ([`Job`], *optional*): That of the main process; `None` in the others, which may not see the same files.
    """
    import torch
    from accelerate import PartialState
    from accelerate.utils import broadcast_object_list

    # without being told, accelerate does not connect processes on CPUs
    state = PartialState(cpu=not torch.accelerator.is_available(), timeout=_PATIENCE)
    found: list[Any] = [job and job.pending]
    broadcast_object_list(found)
    share: Share = found[0].part(state.process_index, state.num_processes)
    yield replace(share, settings=replace(share.settings, device=share.settings.device or str(state.device)))
    state.wait_for_everyone()


def predict_launched(
    job: Job | None, on_file: Callable[[str], Any], on_loaded: Callable[[tuple[str, ...]], Any]
) -> None:
    """
    Predict the share of this process.

    Args:
        job ([`Job`], *optional*): That of the main process, `None` in the others.
        on_file (`Callable[[str], Any]`): Called with the name of each recording of this process that is done.
        on_loaded (`Callable[[tuple[str, ...]], Any]`): Called with what the model uses beside the audio, once it is
            loaded.
    """
    with shared_among_launched(job) as share:
        if share.recordings:
            recognizer = share.settings.load()
            on_loaded(recognizer.conditioned_on)
            for row in share.predict(recognizer):
                on_file(row["file"])
