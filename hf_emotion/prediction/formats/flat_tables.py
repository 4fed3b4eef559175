"""One line per recording, or per span of its timeline, with a column for each class: CSV and Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..spans import channel_results, timeline


if TYPE_CHECKING:
    import pyarrow


def columns_of(rows: Sequence[dict[str, Any]], classes: Sequence[str], by_time: bool) -> dict[str, list[Any]]:
    """
    Columns `file`, `channel` (where each channel has a result), `duration` or `start` and `end`, `prediction`,
    `probability_<class>` and `predicted_<dimension>`, as predictions tables call them.

    Args:
        rows (`Sequence[dict]`): Results of recordings.
        classes (`Sequence[str]`): Classes of the model in its order; others than those with a score are left out.
        by_time (`bool`): One line per span of the timeline instead of one per recording.
    """
    lines = [line for row in rows for line in _lines(row, by_time)]
    scored = {label for line in lines for label in line["scores"]}
    names = [name for name in ("file", "channel", "duration", "start", "end") if any(name in line for line in lines)]
    columns = {name: [line[name] for line in lines] for name in names or ["file"]}
    if scored:
        columns["prediction"] = [max(line["scores"], key=line["scores"].__getitem__) for line in lines]
        for label in [*(name for name in classes if name in scored), *sorted(scored - set(classes))]:
            columns[f"probability_{label}"] = [line["scores"].get(label) for line in lines]
    for name in lines[0]["dimensions"] if lines else ():
        columns[f"predicted_{name}"] = [line["dimensions"][name] for line in lines]
    return columns


def _lines(row: dict[str, Any], by_time: bool) -> Iterator[dict[str, Any]]:
    for channel, result in channel_results(row):
        place = {"file": row["file"]} | ({} if channel is None else {"channel": channel})
        spans = timeline(result) if by_time else [result]
        for span in spans:
            times = ("start", "end") if by_time else ("duration",)
            yield {
                **place,
                **{name: span[name] for name in times},
                "scores": {score["label"]: score["score"] for score in span.get("scores", [])},
                "dimensions": span.get("dimensions", {}),
            }


def csv_text(columns: dict[str, list[Any]]) -> str:
    """The columns as CSV, with a header."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return file.getvalue()


def parquet_bytes(columns: dict[str, list[Any]]) -> bytes:
    """The columns as a Parquet file."""
    import pyarrow

    return table_bytes(pyarrow.table(columns))


def table_bytes(table: pyarrow.Table) -> bytes:
    """A Parquet file with one table."""
    import pyarrow.parquet

    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(table, sink)
    return sink.getvalue().to_pybytes()
