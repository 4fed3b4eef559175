"""The files of an unpacked corpus archive: finding them by name, whatever folder layout the download has."""

import csv
import io
import logging
import os
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from re import Match, Pattern

import soundfile


logger = logging.getLogger(__name__)

# What libsndfile reads; a file counts under its stem, whatever its suffix.
AUDIO_SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".aiff", ".aif", ".au", ".sph")
VIDEO_SUFFIXES = (".avi", ".mp4", ".webm", ".mkv", ".flv", ".mov", ".m4a")

# libsndfile reports 2**63 - 1 frames for a stream whose encoder did not know its length.
_MAX_FRAMES = 2**62


def audio_files(root: str | os.PathLike[str], suffixes: Collection[str] = AUDIO_SUFFIXES) -> list[Path]:
    """
    All audio files below a folder, sorted.

    Hidden files and folders (`.DS_Store`, the `._name` twins that macOS leaves in zip files) and `__MACOSX` are not
    looked at. Links to folders are followed, each folder once.

    Args:
        root (`str` or `os.PathLike`):
            Folder to search, with everything below it.
        suffixes (`Collection[str]`, *optional*):
            What their names may end with, in lower case; by default the formats that corpora come in.

    Returns:
        `list[Path]`: The files in the order of their paths.
    """
    return [Path(path) for path in sorted(_audio_paths(root, suffixes), key=_folder_by_folder)]


def _audio_paths(root: str | os.PathLike[str], suffixes: Collection[str]) -> Iterator[str]:
    # Strings, since a `Path` takes several times the memory, and there may be hundreds of thousands.
    visited: set[str] = set()
    for folder, subfolders, names in os.walk(os.fspath(Path(root)), followlinks=True):
        real_folder = os.path.realpath(folder)
        if real_folder in visited:
            subfolders.clear()
            continue
        visited.add(real_folder)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith(".") and name != "__MACOSX")
        for name in names:
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in suffixes:
                yield os.path.join(folder, name)


def _folder_by_folder(path: str) -> str:
    """Sorts like `Path`: by the names of the folders, one after the other."""
    return path.replace(os.sep, "\0")


def named_audio_files(root: str | os.PathLike[str], pattern: Pattern[str]) -> Iterator[tuple[Path, Match[str]]]:
    """
    The audio files below a folder whose name follows the corpus' naming scheme, without second copies.

    Some downloads hold the whole tree twice (the RAVDESS and TESS zips on Kaggle). Of files with the same name and the
    same size only the one nearest to the root is kept. Files with the same name that differ in size are all kept,
    so that the builder can report them as a conflict.

    Args:
        root (`str` or `os.PathLike`):
            Folder of the archive.
        pattern (`re.Pattern`):
            Searched in the absolute path without suffix, with forward slashes; anchor it with `/` and `$`.

    Yields:
        `tuple[Path, re.Match]`: A file and the match of the pattern.
    """
    kept: dict[str, list[str]] = {}
    copies = 0
    for path in sorted(
        _audio_paths(root, AUDIO_SUFFIXES), key=lambda path: (path.count(os.sep), _folder_by_folder(path))
    ):
        match = pattern.search(os.path.splitext(path)[0].replace(os.sep, "/"))
        if match is None:
            continue
        namesakes = kept.setdefault(match.group(), [])
        if namesakes and os.path.getsize(path) in map(os.path.getsize, namesakes):
            copies += 1
            continue
        namesakes.append(path)
        yield Path(path), match
    if copies:
        logger.info("%s holds second copies of %d files; they are ignored", root, copies)


def archive_file(root: Path, name: str) -> Path | None:
    """
    A file that comes with an archive, found also if `data_dir` is one folder too high or too low.

    Args:
        root (`Path`):
            Folder of the archive, or the one above, or an inner one.
        name (`str`):
            Path of the file below the folder of the archive.
    """
    candidates = [root / name, root.parent / name, *(folder / name for folder in sorted(root.glob("*/")))]
    return next((path for path in candidates if path.is_file()), None)


def read_text(path: Path) -> str:
    """Text of a file of unknown encoding: UTF-16 or UTF-8 by its byte order mark, else UTF-8, GB 18030, Latin-1."""
    data = path.read_bytes()
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16")
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def table_rows(root: Path, name: str, delimiter: str = ",") -> list[dict[str, str]]:
    """
    Rows of a table that comes with an archive, see [`archive_file`] and [`read_text`].

    Args:
        root (`Path`):
            Folder of the archive, or the one above, or an inner one.
        name (`str`):
            Path of the table below the folder of the archive. Its first line names the columns.
        delimiter (`str`, *optional*, defaults to `","`):
            Character between cells.

    Returns:
        `list[dict[str, str]]`: One dict per row; empty if there is no such table.
    """
    path = archive_file(root, name)
    if path is None:
        return []
    return list(csv.DictReader(io.StringIO(read_text(path), newline=""), delimiter=delimiter))


def header_duration(path: str | os.PathLike) -> float:
    """
    Duration of an audio file in seconds, read from its header; no sample is decoded.

    Args:
        path (`str` or `os.PathLike`):
            File in a format that libsndfile reads.

    Raises:
        `ValueError`: If the file is missing, empty, has no readable header, or says that it holds no samples.
    """
    try:
        with soundfile.SoundFile(os.fspath(path)) as file:
            num_frames, sampling_rate = file.frames, file.samplerate
    except soundfile.LibsndfileError as error:
        if not os.path.isfile(path):
            raise ValueError("no such file") from error
        if os.path.getsize(path) == 0:
            raise ValueError("file of 0 bytes") from error
        raise ValueError(f"unreadable header: {error.error_string}") from error
    if num_frames <= 0:
        raise ValueError("no samples")
    if num_frames > _MAX_FRAMES:
        raise ValueError("the header does not say how many samples there are")
    return num_frames / sampling_rate


def describe_folder(root: str | os.PathLike[str], num_shown: int = 8) -> str:
    """What lies directly in a folder, for error messages; and what to do if it holds videos instead of audio."""
    if not os.path.exists(root):
        return "the path does not exist"
    if not os.path.isdir(root):
        return "it is a file, not a folder (unpack archives first)"
    names = sorted(entry.name + ("/" if entry.is_dir() else "") for entry in os.scandir(os.fspath(root)))
    if not names:
        return "the folder is empty"
    more = f" and {len(names) - num_shown} more" if len(names) > num_shown else ""
    listing = f"it holds {', '.join(names[:num_shown])}{more}"
    videos = Counter(path.suffix.lower() for path in Path(root).rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES)
    if not videos or audio_files(root):
        return listing
    suffix, count = videos.most_common(1)[0]
    return (
        f"{listing}; {count} {suffix} files below it, but no audio. Extract the audio beside them, with ffmpeg:\n"
        f"  find {os.fspath(root)} -name '*{suffix}' -exec sh -c "
        f'\'ffmpeg -nostdin -loglevel error -i "$1" -vn "${{1%{suffix}}}.wav"\' _ {{}} \\;\n'
    )
