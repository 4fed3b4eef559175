"""Tables fit the terminal, and are whole where nobody looks at a terminal."""

import os
import struct
import subprocess
import sys

import pytest

from hf_emotion.terminal import terminal_width


PROGRAM = "import sys; from hf_emotion.terminal import terminal_width; print(terminal_width(), file=sys.stderr)"


def test_a_pipe_has_no_limit(monkeypatch):
    monkeypatch.setenv("COLUMNS", "57")  # which some libraries set for all child processes
    assert terminal_width() is None


def test_a_terminal_says_how_wide_it_is():
    fcntl, pty, termios = (pytest.importorskip(name) for name in ("fcntl", "pty", "termios"))  # of POSIX
    reader, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 131, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], stdout=terminal, stderr=subprocess.PIPE, env=environment, text=True
    )
    os.close(terminal)
    os.close(reader)
    assert done.stderr == "131\n"
