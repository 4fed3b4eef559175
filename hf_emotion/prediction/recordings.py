"""Which recordings a user means by files, folders, patterns, addresses, manifests and standard input."""

from __future__ import annotations

import csv
import glob
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from ..data.archive import audio_files
from ..pipelines.conditions import GENDERS


# The second line are formats that libsndfile cannot read: they are reported, not passed over in silence.
AUDIO_SUFFIXES = {
    *(".aif", ".aiff", ".au", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".sph", ".w64", ".wav"),
    *(".aac", ".amr", ".m4a", ".mp4", ".webm", ".wma"),
}
MANIFEST_SUFFIXES = {".csv", ".jsonl"}
STANDARD_INPUT = "-"

# First bytes that no list of paths has: 64 bit WAV of Sony, FLAC, OGG, AU, CAF, SPHERE, WavPack, Matroska, MP3, ADTS.
_MAGIC = (
    *(b"riff\x2e\x91", b"fLaC\x00", b"fLaC\x80", b"OggS\x00", b".snd\x00", b"caff\x00", b"NIST_1A\n", b"wvpk"),
    *(b"\x1aE\xdf\xa3", b"ID3\x02", b"ID3\x03", b"ID3\x04"),
    *(b"\xff\xfa", b"\xff\xfb", b"\xff\xf2", b"\xff\xf3", b"\xff\xf1", b"\xff\xf9"),
)
_CHUNKED = {b"RIFF": (b"WAVE",), b"RIFX": (b"WAVE",), b"RF64": (b"WAVE",), b"FORM": (b"AIFF", b"AIFC")}
_CONTROL_CHARACTERS = re.compile(rb"[\x01-\x08\x0e-\x1f]")


@dataclass(frozen=True)
class Recording:
    """
    One recording to predict.

    Args:
        name (`str`): How the user calls it: a path as it was given, an address, or `stdin`. No two share one.
        audio (`str` or `bytes`): What a recogniser reads: the path or address, or the bytes of a file.
        identifier (`str`): Short path without suffix, unique among the recordings of a command: names the files
            that are written for it, and stands in RTTM.
        num_bytes (`int`, *optional*): Size of the file; `None` for addresses, standard input and missing files.
        modified_ns (`int`, *optional*): When the file was changed, in ns since 1970.
        gender (`str`, *optional*): That of the speaker in the words of a manifest, see [`gender_of`].
        row (`int`, *optional*): Row of the manifest that says so, from 1.
    """

    name: str
    audio: str | bytes
    identifier: str
    num_bytes: int | None = None
    modified_ns: int | None = None
    gender: str | None = None
    row: int | None = None


def gender_of(recording: Recording) -> str | None:
    """
    The speaker's gender, `None` where it is unknown. Called for models that use it: to others it does not matter what
    a manifest calls it.

    Raises:
        ValueError: The manifest has a word for it that models do not know.
    """
    if recording.gender is not None and recording.gender not in GENDERS:
        raise ValueError(
            f"Row {recording.row} of the manifest with {recording.name} has the gender {recording.gender!r}, which is "
            f"not known. Write {' or '.join(GENDERS)}, or leave it empty."
        )
    return recording.gender


def find_recordings(sources: Sequence[str], standard_input: BinaryIO | None = None) -> list[Recording]:
    """
    Recordings in the order of the sources, each once, with the gender from the first manifest that has one for it.

    Args:
        sources (`Sequence[str]`): Any of

            - a file, whatever its suffix;
            - a folder: all audio files below it (`AUDIO_SUFFIXES`), hidden ones aside, in the order of paths;
            - a pattern with `*`, `**`, `?` or `[...]`: the audio files that it matches, folders searched as above;
            - an address that starts with `http://` or `https://`;
            - a manifest, `.csv` or `.jsonl`, whose column `path` names files relative to it, and whose column
              `gender`, if there is one, says `female`, `male` or nothing;
            - `-`: standard input, either the bytes of one recording, or a list of any of the above, one per line or
              separated by NUL characters (`find -print0`).
        standard_input (`BinaryIO`, *optional*): What `-` reads.

    Returns:
        `list[Recording]`: Missing files are among them; it is the recogniser that reports them.

    Raises:
        ValueError: A folder, a pattern or the list holds no audio file, a manifest has no column `path`, or standard
            input is neither audio nor a list.

    Example:

    ```python
    >>> from hf_emotion.prediction.recordings import find_recordings
    >>> [recording] = find_recordings(["https://example.org/speech/hello%20there.wav?download=true"])
    >>> recording.identifier
    'hello there'

    ```
    """
    found: dict[str, Recording] = {}
    for recording in _expand_all(sources, standard_input):
        first = found.setdefault(recording.name, recording)
        if first.gender is None and recording.gender is not None:
            found[first.name] = replace(first, gender=recording.gender, row=recording.row)
    return _with_unique_identifiers(list(found.values()))


def _expand_all(sources: Iterable[str], standard_input: BinaryIO | None) -> Iterator[Recording]:
    for source in sources:
        if source != STANDARD_INPUT:
            yield from _expand(source)
        elif standard_input is None:
            raise ValueError("`-` stands for standard input, of which there is none here. Name files instead.")
        else:
            yield from _from_standard_input(standard_input.read())


def _expand(source: str) -> Iterator[Recording]:
    if source.startswith(("http://", "https://")):
        name = unquote(os.path.basename(urlsplit(source).path))
        yield Recording(source, source, _stem(name) or "recording")
    elif os.path.isdir(source):
        yield from _in_folder(source)
    elif os.path.splitext(source)[1].lower() in MANIFEST_SUFFIXES and os.path.isfile(source):
        yield from _in_manifest(Path(source))
    elif glob.has_magic(source) and not os.path.exists(source):
        yield from _matching(source)
    else:
        yield _file(source, os.path.basename(source))


def _file(path: str, shown_as: str) -> Recording:
    identifier = _stem(_below_root(shown_as))
    try:
        status = os.stat(path)
    except (OSError, ValueError):  # the latter for paths that no file can have
        return Recording(path, path, identifier)
    return Recording(path, path, identifier, status.st_size, status.st_mtime_ns)


def _stem(path: str) -> str:
    return os.path.splitext(path)[0]


def _in_folder(folder: str) -> Iterator[Recording]:
    paths = [str(path) for path in audio_files(folder, AUDIO_SUFFIXES)]
    if not paths:
        raise ValueError(f"There is no audio file in {folder} ({_LOOKED_FOR}).")
    for path in paths:
        yield _file(path, os.path.relpath(path, folder))


_LOOKED_FOR = f"looked for {' '.join(sorted(AUDIO_SUFFIXES))}"


def _is_audio(name: str) -> bool:
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in AUDIO_SUFFIXES


def _matching(pattern: str) -> Iterator[Recording]:
    # the part of the pattern before its first wildcard is the folder that identifiers are relative to
    parts = Path(pattern).parts
    fixed = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    root = os.path.join(*parts[:fixed]) if fixed else os.curdir
    paths: dict[str, None] = {}
    for path in sorted(glob.glob(os.path.expanduser(pattern), recursive=True)):
        if os.path.isdir(path) and os.path.basename(pattern) != "**":  # which has matched what is below as well
            paths |= dict.fromkeys(map(str, audio_files(path, AUDIO_SUFFIXES)))
        elif _is_audio(os.path.basename(path)):
            paths[path] = None
    if not paths:
        raise ValueError(f"No audio file matches {pattern!r} ({_LOOKED_FOR}).")
    for path in paths:
        yield _file(path, os.path.relpath(path, root))


def _in_manifest(manifest: Path) -> Iterator[Recording]:
    with manifest.open(encoding="utf-8-sig", newline="") as file:
        try:
            lines = (json.loads(line) for line in file if line.strip())
            rows = list(csv.DictReader(file) if manifest.suffix.lower() == ".csv" else lines)
        except ValueError as error:
            raise ValueError(f"{manifest} cannot be read as a list of recordings: {error}") from error
    if not rows:
        raise ValueError(f"{manifest} has no rows.")
    for number, row in enumerate(rows, 1):
        path = row.get("path") if isinstance(row, dict) else None
        if not path:
            raise ValueError(f"Row {number} of {manifest} has no `path`. A list of recordings needs a column `path`.")
        recording = _file(os.path.join(manifest.parent, path), path)
        gender = str(row.get("gender") or "").strip()
        yield replace(recording, gender=gender, row=number) if gender else recording


def _from_standard_input(content: bytes) -> Iterator[Recording]:
    if is_audio_content(content):
        yield Recording("stdin", content, "stdin")
        return
    if _CONTROL_CHARACTERS.search(content):
        raise ValueError(
            "Standard input is neither a list of paths nor audio in a format that is known by its first bytes (WAV, "
            "FLAC, OGG, MP3, AIFF ...). Raw samples need a header: ffmpeg -f s16le -ar 16000 -ac 1 -i - -f wav -"
        )
    lines = content.split(b"\0") if b"\0" in content else content.splitlines()
    names = [os.fsdecode(line) for line in lines if line.strip()]
    if not names:
        raise ValueError("Standard input is empty: there is neither audio nor a list of paths.")
    for name in names:
        yield from _expand(name)


def is_audio_content(content: bytes) -> bool:
    r"""
    Whether bytes start as a file of audio does, in a format that libsndfile reads or one that it should report.

    Example:

    ```python
    >>> from hf_emotion.prediction.recordings import is_audio_content
    >>> is_audio_content(b"RIFF$\x00\x00\x00WAVEfmt "), is_audio_content(b"RIFF/a.wav")
    (True, False)

    ```
    """
    is_chunked = content[8:12] in _CHUNKED.get(content[:4], ())
    is_mp4 = content[4:8] == b"ftyp"
    return is_chunked or is_mp4 or content.startswith(_MAGIC)


def _with_unique_identifiers(recordings: list[Recording]) -> list[Recording]:
    """Where two share an identifier, theirs is the whole path; where these differ in the suffix only, with it."""
    for longer in (lambda path: _stem(_below_root(path)), _below_root):
        times = Counter(recording.identifier for recording in recordings)
        recordings = [
            replace(recording, identifier=longer(recording.name)) if times[recording.identifier] > 1 else recording
            for recording in recordings
        ]
    return recordings


def _below_root(path: str) -> str:
    """A path or an address as a relative path without `..`, so that nothing is written outside a folder."""
    parts = re.sub(r"^\w+://", "", path).replace(os.sep, "/").split("/")
    return "/".join(part for part in parts if part not in ("", ".", ".."))
