"""The terminal that results are shown on."""

import shutil
import sys


def terminal_width() -> int | None:
    """Columns of the terminal; `None`, for no limit, where standard output is a file or a pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
