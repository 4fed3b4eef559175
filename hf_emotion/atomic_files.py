"""Files that are complete whenever they have their name (stdlib only)."""

import os
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> Path:
    """Write a file that has all of its content whenever it exists, even after a kill or a power failure."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.unfinished")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)
    if os.name == "posix":  # the name itself
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return path


def delete_unfinished(folder: Path) -> None:
    """Delete what killed processes were writing. No other process may be writing to the folder."""
    for path in sorted(folder.glob("*.unfinished")):
        path.unlink()
