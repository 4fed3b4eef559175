"""Durations of audio files, read from their headers by many threads and kept in a journal that survives a crash."""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from datasets.utils import tqdm

from .archive import header_duration


# A killed process loses at most this many files per thread.
_FILES_PER_CHUNK = 256


class FileState(NamedTuple):
    """
    A file as it lay on the disk. With another size or time it is another file.

    Args:
        path (`str`):
            Where it lies.
        size (`int`, *optional*):
            Its bytes; `None` if there is no such file.
        mtime_ns (`int`, *optional*):
            When it was last written, in nanoseconds.
    """

    path: str
    size: int | None
    mtime_ns: int | None

    @classmethod
    def of(cls, path: str) -> "FileState":
        """The state of a file now."""
        try:
            state = os.stat(path)
        except OSError:  # what is wrong is said where its header is read
            return cls(path, None, None)
        return cls(path, state.st_size, state.st_mtime_ns)


def journal_path(cache_dir: str | os.PathLike[str], corpus: str, root: str) -> Path:
    """Where the durations of a corpus are kept, by the folder of its archive."""
    digest = hashlib.sha256(os.fsencode(root)).hexdigest()[:16]
    return Path(cache_dir) / "hf_emotion_headers" / f"{corpus}-{digest}.jsonl"


def read_durations(
    files: Sequence[FileState], journal: Path, *, num_threads: int | None = None, title: str = "headers"
) -> list[float | None]:
    """
    Durations of audio files from their headers; no sample is decoded.

    What has been read is appended to the journal chunk by chunk, a line per file, so that a process that is killed and
    started again goes on where it stopped. A line that was cut off is ignored, and so is one about a file whose size
    or time has changed since. Several processes may append at the same time. Files that cannot be read are not written
    down: a disk that failed once may answer the next time.

    Args:
        files (`Sequence[FileState]`):
            Files with their size and time.
        journal (`Path`):
            File to read and to append to; see [`journal_path`].
        num_threads (`int`, *optional*):
            Headers read at the same time, by default four more than there are processors (at most 32). More help
            where files answer slowly, as on a network disk.
        title (`str`, *optional*):
            What the progress bar shows. There is none where stderr is not a terminal.

    Returns:
        `list[float | None]`: Seconds, in the order of `files`; `None` for a file that cannot be read
        ([`~hf_emotion.data.archive.header_duration`] says why).
    """
    known = _read_journal(journal)
    unknown = [file for file in files if file not in known]
    if unknown:
        known |= _read_headers(unknown, journal, num_threads, title)
    return [known.get(file) for file in files]


def _read_headers(
    files: list[FileState], journal: Path, num_threads: int | None, title: str
) -> dict[FileState, float]:
    found: dict[FileState, float] = {}
    chunks = [files[start : start + _FILES_PER_CHUNK] for start in range(0, len(files), _FILES_PER_CHUNK)]
    journal.parent.mkdir(parents=True, exist_ok=True)
    pool = ThreadPoolExecutor(num_threads)
    # Unbuffered: one system call appends a chunk, so that the lines of threads and processes do not mix.
    with (
        journal.open("ab", buffering=0) as lines,
        tqdm(total=len(files), desc=title, unit="file", disable=None) as bar,
    ):
        try:
            sizes = {pool.submit(_read_chunk, chunk, lines): len(chunk) for chunk in chunks}
            for future in as_completed(sizes):
                found |= future.result()
                bar.update(sizes[future])
        finally:  # an interrupted process does not wait for the other chunks
            pool.shutdown(cancel_futures=True)
    return found


def _read_chunk(files: list[FileState], lines: FileIO) -> dict[FileState, float]:
    found = {}
    for file in files:
        try:
            found[file] = header_duration(file.path)
        except ValueError:  # the caller asks again for the reason: libsndfile keeps it in one place for all threads
            continue
    if found:
        lines.write(_to_lines(found))
    return found


def _to_lines(durations: dict[FileState, float]) -> bytes:
    # The newline at the start ends a line that a killed process left unfinished.
    return "".join(["\n", *(f"{json.dumps([*file, seconds])}\n" for file, seconds in durations.items())]).encode()


def _read_journal(journal: Path) -> dict[FileState, float]:
    if not journal.exists():
        return {}
    with journal.open(encoding="utf-8", errors="replace") as lines:
        return dict(_entries(lines))


def _entries(lines: Iterator[str]) -> Iterator[tuple[FileState, float]]:
    for line in lines:
        try:
            path, size, mtime_ns, seconds = json.loads(line)
        except (ValueError, TypeError):  # blank, cut off, or not ours
            continue
        yield FileState(path, size, mtime_ns), seconds
