# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""Python objects inside checkpoint files, replaced by objects that do nothing."""

import argparse
import contextlib
import os
import zipfile
from collections.abc import Iterator
from typing import Any

from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals


class InertObject:
    """Stands for an object of any class or function of a checkpoint; building it runs none of their code."""

    def __init__(self, *args, **kwargs):
        pass

    def __setstate__(self, state):
        pass


@contextlib.contextmanager
def inert_foreign_objects(path: str | os.PathLike) -> Iterator[None]:
    """
    Let `torch.load(path, weights_only=True)` read a file that keeps Python objects beside its weights, such as the
    command line or the schedule of its training: they become [`InertObject`]s, and nothing of them is imported.

    Files of torch < 1.6 do not tell their classes in advance; of those only the command line is let through.

    Args:
        path (`str` or `os.PathLike`): the checkpoint file.
    """
    names = {f"{argparse.Namespace.__module__}.{argparse.Namespace.__qualname__}"}
    if os.path.isfile(path) and zipfile.is_zipfile(path):
        names |= set(get_unsafe_globals_in_checkpoint(path))
    inert: list[Any] = [(InertObject, name) for name in sorted(names)]
    with safe_globals(inert):
        yield
