"""Where predictions go and in which form."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..atomic_files import write_atomically
from ..data.archive import header_duration
from ..terminal import terminal_width
from .formats.embedding_files import SUFFIXES as EMBEDDING_SUFFIXES
from .formats.embedding_files import add_embeddings, embedding_bytes, read_embeddings
from .formats.flat_tables import columns_of, csv_text, parquet_bytes
from .formats.label_lines import audacity_lines, rttm_lines
from .formats.terminal_table import table_lines
from .formats.textgrid import textgrid
from .recordings import Recording
from .spans import has_classes


Row = dict[str, Any]

FORMAT_OF_SUFFIX = {
    ".jsonl": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".rttm": "rttm",
    ".txt": "audacity",
    ".textgrid": "textgrid",
}
# Formats whose files are of one recording each, and their suffixes.
LABEL_SUFFIXES = {"audacity": ".txt", "textgrid": ".TextGrid"}
RECORD_FILE = "predictions.jsonl"  # in a folder of label files: what they were made of
_SHOWN_CLASSES = 3
_DURATION_TOLERANCE = 1e-3  # seconds: a sample at the rate of a model and one at that of the file


@dataclass(frozen=True)
class Outputs:
    """
    What is written. Make one with [`choose_outputs`].

    Files are written when all recordings are done, each at once, so that a file that exists is complete.

    Args:
        layout (`str`): `"table"`, `"jsonl"`, `"csv"`, `"parquet"`, `"rttm"`, `"audacity"` or `"textgrid"`.
        path (`Path`, *optional*): The file; the terminal if there is no folder either.
        folder (`Path`, *optional*): Where each recording gets a file, under its identifier.
        embeddings (`Path`, *optional*): A `.parquet` or `.safetensors` file with embeddings.
        top_k (`int`, *optional*): Classes to show; by default 3 in a table and all in JSON lines. CSV and Parquet
            have all.
        by_time (`bool`, *optional*, defaults to `False`): CSV and Parquet: one line per span of the timeline.
        overwrite (`bool`, *optional*, defaults to `False`): Whether to replace what is there.
    """

    layout: str
    path: Path | None = None
    folder: Path | None = None
    embeddings: Path | None = None
    top_k: int | None = None
    by_time: bool = False
    overwrite: bool = False

    @property
    def record(self) -> Path | None:
        """JSON lines to which later jobs add."""
        if self.folder is not None:
            return self.folder / RECORD_FILE
        return self.path if self.layout == "jsonl" else None

    @property
    def anchor(self) -> Path | None:
        """The file that the journal lies beside; `None` if nothing is written."""
        return self.record or self.path or self.embeddings

    @property
    def is_stream(self) -> bool:
        """Whether results are shown as they come."""
        return self.layout == "jsonl" and self.anchor is None

    @property
    def has_place_for_many(self) -> bool:
        """Whether more than one recording fits in."""
        return self.layout not in LABEL_SUFFIXES or self.folder is not None

    def refuse_overwriting(self, recordings: Sequence[Recording], is_resumed: bool) -> None:
        """
        Keep finished files, which no one can tell the settings of, from being replaced unasked.

        Args:
            recordings (`Sequence[Recording]`): What is still to be predicted.
            is_resumed (`bool`): Whether a journal says that an earlier job of this command did not finish.

        Raises:
            ValueError: A file is in the way.
        """
        if self.overwrite:
            return
        in_the_way = [] if self.folder is None else [self.label_file(recording) for recording in recordings]
        if not is_resumed and not (self.record is not None and self.record.exists()):
            in_the_way += [path for path in (self.path, self.embeddings) if path is not None]
        for path in in_the_way:
            if path.exists():
                raise ValueError(
                    f"{path} exists already, maybe with corrections of yours. Choose another output, or --overwrite."
                )

    def label_file(self, recording: Recording) -> Path:
        """The file of a recording in the folder."""
        folder = self.folder or Path()
        return folder / f"{recording.identifier}{LABEL_SUFFIXES[self.layout]}"

    def finished_rows(self) -> list[Row]:
        """
        Results of earlier jobs that finished, with their embeddings.

        Raises:
            ValueError: The file is not of this command.
        """
        if self.record is None or self.overwrite or not self.record.is_file():
            return []
        rows = list(_recorded_rows(self.record))
        if self.embeddings is not None and self.embeddings.is_file():
            add_embeddings(rows, read_embeddings(self.embeddings))
        return rows

    def write(self, rows: Sequence[Row], recordings: Sequence[Recording], classes: Sequence[str]) -> bytes | None:
        """
        Write all files, the one that says that the job is done last.

        Args:
            rows (`Sequence[dict]`): Results, in the order of the recordings; errors among them.
            recordings (`Sequence[Recording]`): Recordings of this job. Rows of others are kept in JSON lines.
            classes (`Sequence[str]`): Classes of the model in its order.

        Returns:
            `bytes`: What belongs on the terminal, `None` if there is a file.
        """
        good = [row for row in rows if "error" not in row]
        if self.layout in {"rttm", *LABEL_SUFFIXES} and good and not (has_classes(good) or self.layout == "textgrid"):
            raise ValueError(
                f"The model gives ratings and no classes, of which {self.layout} has nothing to say. Use --format "
                "textgrid, jsonl, csv or parquet."
            )
        if self.embeddings is not None and good:
            _write(self.embeddings, embedding_bytes(good, self.embeddings.suffix.lower()))
        if self.folder is not None:
            self._write_labels(good, recordings)
        if self.record is not None:
            _write(self.record, b"".join(json_line(row, self.top_k) for row in rows))
            return None
        content = self._content(good, recordings, classes)
        if self.path is None:
            return content
        if good:
            _write(self.path, content)
        return None

    def _write_labels(self, rows: Sequence[Row], recordings: Sequence[Recording]) -> None:
        by_name = {recording.name: recording for recording in recordings}
        for row in rows:
            if row["file"] not in by_name:  # of another job into the same folder
                continue
            path = self.label_file(by_name[row["file"]])
            if self.overwrite or not path.exists():
                _write(path, _label_text(self.layout, row, by_name[row["file"]]).encode())

    def _content(self, rows: Sequence[Row], recordings: Sequence[Recording], classes: Sequence[str]) -> bytes:
        readable = [row | {"file": _readable(row["file"])} for row in rows]
        if self.layout == "jsonl":
            return b"".join(json_line(row, self.top_k) for row in rows)
        if self.layout == "parquet":
            return parquet_bytes(columns_of(readable, classes, self.by_time))
        if self.layout == "csv":
            return csv_text(columns_of(readable, classes, self.by_time)).encode()
        if self.layout == "table":
            return _joined(table_lines(readable, self.top_k or _SHOWN_CLASSES, terminal_width()))
        if self.layout == "rttm":
            identifiers = {recording.name: _readable(recording.identifier) for recording in recordings}
            return _joined(line for row in rows for line in rttm_lines(row, identifiers[row["file"]]))
        by_name = {recording.name: recording for recording in recordings}
        return "".join(_label_text(self.layout, row, by_name[row["file"]]) for row in rows).encode()


def choose_outputs(
    layout: str | None,
    path: Path | None,
    folder: Path | None,
    *,
    embeddings: Path | None = None,
    top_k: int | None = None,
    by_time: bool = False,
    overwrite: bool = False,
) -> Outputs:
    """
    What is to be written by what a user asks for; see [`Outputs`].

    Raises:
        ValueError: The wishes do not fit together.

    Example:

    ```python
    >>> from pathlib import Path
    >>> from hf_emotion.prediction.outputs import choose_outputs
    >>> choose_outputs(None, Path("speech.TextGrid"), None).layout
    'textgrid'

    ```
    """
    if path is not None and (folder is not None or path.is_dir()):
        raise ValueError(
            f"--output {path} is one file. A folder with a file per recording is --output_dir, of --format textgrid "
            "or audacity."
        )
    layout = layout or _layout_of(path, folder)
    if folder is not None and layout not in LABEL_SUFFIXES:
        raise ValueError(
            f"--output_dir takes a file per recording, --format textgrid or audacity; {layout} is one file: --output."
        )
    if layout == "parquet" and path is None:
        raise ValueError("Parquet is no text for a terminal. Name a file: --output scores.parquet")
    if by_time and layout not in ("csv", "parquet"):
        raise ValueError(f"--timeline is for csv and parquet; {layout} shows windows wherever there are any.")
    if embeddings is not None and embeddings.suffix.lower() not in EMBEDDING_SUFFIXES:
        raise ValueError(f"--embeddings {embeddings} must end in {' or '.join(EMBEDDING_SUFFIXES)}.")
    return Outputs(layout, path, folder, embeddings, top_k, by_time, overwrite)


def _layout_of(path: Path | None, folder: Path | None) -> str:
    if folder is not None:
        raise ValueError("--output_dir needs --format textgrid or --format audacity.")
    if path is None:
        return "table"
    suffix = path.suffix.lower()
    if suffix not in FORMAT_OF_SUFFIX:
        known = ", ".join(FORMAT_OF_SUFFIX)
        raise ValueError(f"The format of --output {path} is unclear: name it --format, or end in one of {known}.")
    return FORMAT_OF_SUFFIX[suffix]


def json_line(row: Row, top_k: int | None) -> bytes:
    """A result as a line of JSON, without embeddings, with the best classes only."""
    if "channels" in row:
        row = row | {"channels": [_shown(result, top_k) for result in row["channels"]]}
    text = json.dumps(_shown(row, top_k), ensure_ascii=False, allow_nan=False)
    # file names that are not Unicode: JSON has an escape for them, from which Python makes the same name again
    return f"{text}\n".encode(errors="backslashreplace")


def _shown(result: Row, top_k: int | None) -> Row:
    shown = {name: value for name, value in result.items() if name != "embedding"}
    if top_k is not None and "scores" in shown:
        shown["scores"] = shown["scores"][:top_k]
    return shown


def _recorded_rows(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if not isinstance(row, dict) or "file" not in row or not ("source" in row or "error" in row):
                raise ValueError(
                    f"{path} exists and line {number} of it is not of a job of this command, so that no job can go on "
                    "with it. Choose another output, or --overwrite."
                )
            yield row


def _label_text(layout: str, row: Row, recording: Recording) -> str:
    if layout == "textgrid":
        return textgrid(row, _file_duration(recording, row["duration"]))
    return "".join(f"{line}\n" for line in audacity_lines(row))


def _file_duration(recording: Recording, measured: float) -> float:
    """What the header says, unless more or less than that was heard."""
    try:
        stated = measured if recording.num_bytes is None else header_duration(recording.name)
    except ValueError:  # compressed audio may not say
        return measured
    return stated if abs(stated - measured) < _DURATION_TOLERANCE else measured


def _joined(lines: Iterator[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _readable(name: str) -> str:
    """A file name with question marks for bytes that are not UTF-8."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content)
