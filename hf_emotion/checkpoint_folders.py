"""Checkpoint folders that are complete whenever they exist, even if a run is killed while it writes or deletes one."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import sort_checkpoints


logger = logging.getLogger(__name__)

# Holds checkpoints while they are written or deleted. Killed in between, a run leaves its debris here only.
INCOMPLETE_DIR = ".incomplete"


def last_checkpoint(output_dir: str | os.PathLike) -> str | None:
    """Complete checkpoint with the highest step in a folder; incomplete ones are skipped with a warning.

    Args:
        output_dir (`str` or `os.PathLike`): Output folder of a training run; it need not exist.

    Returns:
        `str` or `None`: Path of the checkpoint.
    """
    for path in reversed(sort_checkpoints(os.fspath(output_dir))):
        # The Trainer writes this file last.
        if os.path.isfile(os.path.join(path, TRAINER_STATE_NAME)):
            return path
        logger.warning("%s is incomplete (no %s) and is not used. Delete it.", path, TRAINER_STATE_NAME)
    return None


def publish_checkpoint(staged: Path, checkpoint: Path) -> None:
    """Give a completely written folder its final name, replacing an older checkpoint of that name.

    Args:
        staged (`Path`): Folder in which the checkpoint was written, on the same disk.
        checkpoint (`Path`): Final name.
    """
    if os.name == "posix":  # so that not even a power failure leaves empty files under the final name
        for path in (*staged.rglob("*"), staged):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    if checkpoint.exists():
        _delete(checkpoint)
    os.replace(staged, checkpoint)


def delete_old_checkpoints(
    output_dir: str | os.PathLike, limit: int | None, kept: Iterable[str | os.PathLike | None]
) -> None:
    """Delete the checkpoints with the lowest steps until `limit` are left.

    Args:
        output_dir (`str` or `os.PathLike`): Folder with the checkpoints.
        limit (`int`, *optional*): Number of checkpoints to leave; all of them if `None` or 0.
        kept (`Iterable[str | os.PathLike | None]`): Checkpoints that stay, and count; `None` is skipped.
    """
    if limit is None or limit <= 0:
        return
    kept = {os.path.abspath(path) for path in kept if path is not None}
    old = [path for path in sort_checkpoints(os.fspath(output_dir)) if os.path.abspath(path) not in kept]
    for path in old[: len(old) - max(limit - len(kept), 0)]:
        _delete(Path(path))


def delete_incomplete_checkpoints(output_dir: str | os.PathLike) -> None:
    """Delete what an earlier run was writing or deleting when it was killed."""
    incomplete = os.path.join(output_dir, INCOMPLETE_DIR)
    if os.path.isdir(incomplete):
        shutil.rmtree(incomplete)


def _delete(checkpoint: Path) -> None:
    """Delete a checkpoint such that its name is gone before its files are."""
    incomplete = checkpoint.parent / INCOMPLETE_DIR
    incomplete.mkdir(exist_ok=True)
    rubbish = tempfile.mkdtemp(dir=incomplete)
    os.replace(checkpoint, os.path.join(rubbish, checkpoint.name))
    shutil.rmtree(rubbish)
