"""A result as files that people take with them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ...prediction.formats.flat_tables import columns_of, csv_text
from ...prediction.formats.textgrid import textgrid
from .analysis import Analysis


@dataclass(frozen=True)
class Download:
    """
    A file.

    Args:
        name (`str`): File name.
        title (`str`): What it is called on the page.
        media_type (`str`): Its type.
        text (`str`): Its content.
    """

    name: str
    title: str
    media_type: str
    text: str


def download_files(analysis: Analysis) -> list[Download]:
    """
    A result as CSV (one line for each span of the timeline), as a TextGrid for Praat, and as JSON with all there is.
    """
    row = {"file": analysis.clip.name, "model": analysis.model, **analysis.result}
    stem = Path(analysis.clip.name).stem
    table = csv_text(columns_of([row], analysis.classes, by_time=True))
    return [
        Download(f"{stem}.csv", "CSV", "text/csv", table),
        Download(f"{stem}.TextGrid", "TextGrid", "text/plain", textgrid(row)),
        Download(f"{stem}.json", "JSON", "application/json", json.dumps(row, indent=2, ensure_ascii=False) + "\n"),
    ]
