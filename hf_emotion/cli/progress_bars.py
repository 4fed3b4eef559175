"""Progress bars of datasets."""

import contextlib
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def progress_bars_on_terminals_only() -> Iterator[None]:
    """Keep the bars of datasets out of logs and pipes: they are drawn only where stderr is a terminal."""
    from datasets.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    if sys.stderr.isatty() or are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()
