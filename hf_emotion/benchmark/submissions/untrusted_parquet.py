"""Reading Parquet files of strangers in a process of its own, with limited memory and time.

A Parquet file of a kilobyte can ask for gigabytes, and its footer need not tell the truth about its pages; a damaged
one may crash the decoder. Here that ends the other process only. It gets the content, opens no file, and hands back
flat columns of known types.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .untrusted_files import SubmissionError, shown


logger = logging.getLogger(__name__)

PROBABILITY = "probability_"
_MAX_MEMORY = 2 << 30  # bytes of address space, of which pyarrow itself takes about a third
_MAX_SECONDS = 60
_MAX_COLUMNS = 200
_MAX_ROW_GROUPS = 10_000
_MAX_ID_LENGTH = 300  # characters
# Columns of our own tables that a submission needs not have, and that are not read.
_IGNORED = ("speaker_id", "gender", "label_", "__index_level_")
_REFUSED, _BATCH = 3, 8192
_DECODING_ERRORS = (pa.ArrowException, ValueError, OSError, MemoryError, OverflowError)


def read_untrusted_table(content: bytes, file: str, classes: Sequence[str], max_rows: int) -> pa.Table:
    """
    The columns of a table of predictions.

    Args:
        content (`bytes`): Content of the Parquet file.
        file (`str`): Its name, for messages.
        classes (`Sequence[str]`): Classes of the setting.
        max_rows (`int`): A longer table is not read.

    Returns:
        `pa.Table`: `utterance_id` (string), `fold` and `seed` (int64; 0 where the file has no seeds) and
        `probability_<class>` (float64) in the order of the classes. Nulls, and values of any size, are possible.

    Raises:
        SubmissionError: It is no Parquet file, has other columns or types, is too long, or takes too much memory or
            time.
    """
    root = Path(__file__).resolve().parents[3]
    # pyarrow's own allocators reserve more address space than they use
    environment = os.environ | {"ARROW_DEFAULT_MEMORY_POOL": "system", "OMP_NUM_THREADS": "1"}
    code = "from hf_emotion.benchmark.submissions.untrusted_parquet import _serve; _serve()"
    command = [sys.executable, "-c", code, json.dumps([list(classes), max_rows]), f"{_MAX_MEMORY}"]
    unreadable = f"{file} is damaged, or takes more memory or time than a table of predictions does. Write it again."
    try:
        done = subprocess.run(
            command, input=content, capture_output=True, timeout=2 * _MAX_SECONDS, cwd=root, env=environment
        )
    except subprocess.TimeoutExpired as error:
        raise SubmissionError([unreadable]) from error
    if done.returncode == _REFUSED:
        raise SubmissionError(f"{file}{problem}" for problem in json.loads(done.stdout))
    if done.returncode:
        logger.warning("Reading %s ended with %d: %s", file, done.returncode, shown(done.stderr[-500:]))
        raise SubmissionError([unreadable])
    return pa.ipc.open_stream(done.stdout).read_all()


def decode_table(content: bytes, classes: Sequence[str], max_rows: int) -> tuple[list[str], pa.Table | None]:
    """
    What [`read_untrusted_table`] has another process do.

    Returns:
        `tuple[list[str], pa.Table | None]`: The problems, each to be put behind the name of the file, and without any
        the table.
    """
    try:
        source = _opened(content)
        problems = _problems_of_size(source.metadata, len(classes), max_rows)
        problems = problems or _problems_of_columns(source.schema_arrow, classes)
        # an id of a megabyte is not repeated for each row
        return (problems, None) if problems else _decoded(_opened(content, ["utterance_id"]), classes, max_rows)
    except _DECODING_ERRORS as error:
        reason = shown(str(error).split("\n")[0])
        return [f" is no Parquet file, or a damaged one ({reason}). Write it again, with pandas or pyarrow."], None


def _opened(content: bytes, dictionaries: Sequence[str] = ()) -> pq.ParquetFile:
    return pq.ParquetFile(
        pa.BufferReader(content),
        read_dictionary=list(dictionaries),
        pre_buffer=False,
        thrift_string_size_limit=1 << 20,
        thrift_container_size_limit=1 << 20,
        page_checksum_verification=True,
    )


def _problems_of_size(metadata: Any, num_classes: int, max_rows: int) -> list[str]:
    max_bytes = max_rows * (8 * num_classes + 16 + 4 * _MAX_ID_LENGTH)
    groups = [metadata.row_group(number) for number in range(min(metadata.num_row_groups, _MAX_ROW_GROUPS))]
    num_bytes = sum(group.total_byte_size for group in groups)
    if metadata.num_columns > _MAX_COLUMNS or metadata.num_row_groups > _MAX_ROW_GROUPS:
        return [
            f" has {metadata.num_columns:,} columns in {metadata.num_row_groups:,} row groups: too many to be read."
        ]
    if metadata.num_rows > max_rows or num_bytes > max_bytes or sum(group.num_rows for group in groups) > max_rows:
        return [
            f" has {metadata.num_rows:,} rows that take {num_bytes:,} bytes unpacked, but a table of this setting has "
            f"at most {max_rows:,} rows and {max_bytes:,} bytes. Was a prediction for each frame written, or for "
            "the training part?"
        ]
    return []


def _problems_of_columns(schema: pa.Schema, classes: Sequence[str]) -> list[str]:
    names, expected = schema.names, [PROBABILITY + name for name in classes]
    problems = [
        f": the column {shown(name)} is there {names.count(name)} times. Keep one."
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    required = ["utterance_id", "fold", *expected]
    if missing := [name for name in required if name not in names]:
        problems.append(
            f" lacks the columns {', '.join(missing)}. A table has {', '.join(required)}, and may have seed."
        )
    for name in names:
        if name not in (*required, "seed") and not name.startswith(_IGNORED):
            is_class = name.startswith(PROBABILITY)
            text = f"no class of this setting, which are {', '.join(classes)}" if is_class else "not known"
            problems.append(f": the column {shown(name)} is {text}. Rename it or leave it out.")
    return problems or _problems_of_types(schema, expected)


def _problems_of_types(schema: pa.Schema, probabilities: Iterable[str]) -> list[str]:
    checks: list[tuple[Iterable[str], Any, str]] = [
        (("utterance_id",), _is_text, "text"),
        (("fold", "seed"), pa.types.is_integer, "integers"),
        (probabilities, pa.types.is_floating, "floating point numbers"),
    ]
    return [
        f": the column {name} has the type {shown(str(schema.field(name).type))}. It must hold {what}."
        for names, is_valid, what in checks
        for name in names
        if name in schema.names and not is_valid(schema.field(name).type)
    ]


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _decoded(source: pq.ParquetFile, classes: Sequence[str], max_rows: int) -> tuple[list[str], pa.Table | None]:
    has_seed = "seed" in source.schema_arrow.names
    columns = ["utterance_id", "fold", *(["seed"] if has_seed else []), *(PROBABILITY + name for name in classes)]
    fields = [("utterance_id", pa.string()), ("fold", pa.int64()), ("seed", pa.int64())]
    schema = pa.schema([*fields, *((PROBABILITY + name, pa.float64()) for name in classes)])
    batches: list[pa.RecordBatch] = []
    num_rows = 0
    for batch in source.iter_batches(_BATCH, columns=columns, use_threads=False):
        first, num_rows = num_rows, num_rows + batch.num_rows
        if num_rows > max_rows:  # more than the footer says
            return [f" has more than {max_rows:,} rows. It is damaged; write it again."], None
        ids = batch.column("utterance_id")
        if pa.types.is_dictionary(ids.type):
            longest = max(map(len, ids.dictionary.cast(pa.large_binary()).to_pylist() or [b""]))
            if longest > 4 * _MAX_ID_LENGTH:
                return [f", from row {first}: an utterance_id has {longest:,} bytes. Ids are names of files."], None
        arrays = {name: batch.column(name) for name in columns}
        arrays.setdefault("seed", pa.array([0] * batch.num_rows))
        batches.append(pa.record_batch([arrays[name].cast(schema.field(name).type) for name in schema.names], schema))
    return [], pa.Table.from_batches(batches, schema)


def _serve() -> None:
    """The other process: content from stdin, table or problems to stdout."""
    if sys.platform != "win32":
        import resource

        max_memory = int(sys.argv[2])
        resource.setrlimit(resource.RLIMIT_AS, (max_memory, max_memory))
        resource.setrlimit(resource.RLIMIT_CPU, (_MAX_SECONDS, _MAX_SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # it writes to a pipe only
    problems, table = decode_table(sys.stdin.buffer.read(), *json.loads(sys.argv[1]))
    if problems or table is None:
        sys.stdout.buffer.write(json.dumps(problems).encode())
        sys.stdout.buffer.flush()
        raise SystemExit(_REFUSED)
    with pa.ipc.new_stream(sys.stdout.buffer, table.schema) as stream:
        stream.write_table(table)
    sys.stdout.buffer.flush()
