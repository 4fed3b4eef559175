"""The terminal that results are shown on."""

import os
import shutil
import sys


def terminal_width() -> int | None:
    """
    Columns of the terminal; `None`, for no limit, where standard output is a file or a pipe. `COLUMNS` in the
    environment wins.
    """
    is_known = "COLUMNS" in os.environ or sys.stdout.isatty()
    return shutil.get_terminal_size().columns if is_known else None
