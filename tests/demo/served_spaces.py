"""Apps of Spaces that run in a process of their own."""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress

import httpx


def served_config(address: str, process: subprocess.Popen) -> str:
    """The configuration of a Gradio app, as soon as it answers."""
    for _ in range(300):
        assert process.poll() is None, process.stderr.read()
        with suppress(httpx.TransportError):
            return httpx.get(f"{address}/config").text
        time.sleep(0.1)
    raise AssertionError(f"{address} does not answer.")
