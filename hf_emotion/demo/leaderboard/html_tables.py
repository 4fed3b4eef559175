"""Tables as HTML that screen readers, keyboards and phones can use. All text is escaped."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd

from ...benchmark.results.entries import Entry


ORIGIN_NOTES = {
    "reported": "as printed in the paper",
    "measured": "measured with this package",
    "submitted": "predictions uploaded and scored here",
}
MISSING = "–"  # noqa: RUF001 (an en dash)


@dataclass(frozen=True)
class Cell:
    """
    A cell of a table.

    Args:
        text (`str`): What is shown; it is escaped.
        value (`float` or `str`, *optional*): What the column is sorted by; None is always last. Numbers are aligned
            to the right.
        note (`str`, *optional*): Smaller, below the text.
        title (`str`, *optional*): Shown on hover, and read out.
        badge (`str`, *optional*): One of the origins, marked behind the text.
        is_best (`bool`, *optional*): Whether it is the best of its column.
    """

    text: str
    value: float | str | None = None
    note: str = ""
    title: str = ""
    badge: str = ""
    is_best: bool = False

    def html(self, tag: str = "td") -> str:
        """The cell; `tag` is `th` for the header of a row."""
        sort = "" if self.value is None else f' data-sort="{escape(str(self.value))}"'
        title = f' title="{escape(self.title)}"' if self.title else ""
        content = escape(self.text)
        content = f"<strong>{content}</strong>" if self.is_best else content
        content += f' <span class="badge {escape(self.badge)}">{escape(self.badge)}</span>' if self.badge else ""
        content += f"<small>{escape(self.note)}</small>" if self.note else ""
        scope = ' scope="row"' if tag == "th" else ""
        return f'<{tag}{scope} class="{self.kind}"{sort}{title}>{content}</{tag}>'

    @property
    def kind(self) -> str:
        """`"text"` or `"number"`, which are aligned differently."""
        is_text = isinstance(self.value, str) or (self.value is None and self.text != MISSING)
        return "text" if is_text else "number"


def number(value: float | None, digits: int = 3, **options: Any) -> Cell:
    """A number, or a dash for None and NaN."""
    if value is None or math.isnan(value):
        return Cell(MISSING, None, **options)
    return Cell(f"{value:.{digits}f}", value, **options)


def html_table(
    header: Sequence[str], rows: Sequence[Sequence[Cell]], caption: str, *, sorted_by: str | None = None
) -> str:
    """
    A table whose first column names the rows.

    Args:
        header (`Sequence[str]`): Names of the columns.
        rows (`Sequence[Sequence[Cell]]`): Its cells.
        caption (`str`): What the table shows.
        sorted_by (`str`, *optional*): The column that the rows are sorted by, falling. With it, the table can be
            sorted: a click on a header does that in the browser, see `sortable_table.js`.
    """
    kinds = [cell.kind for cell in rows[0]] if rows else ["text"] * len(header)
    head = "".join(_header_cell(name, kind, sorted_by) for name, kind in zip(header, kinds, strict=True))
    body = (
        "".join(f"<tr>{row[0].html('th')}{''.join(cell.html() for cell in row[1:])}</tr>" for row in rows)
        or f'<tr><td colspan="{len(header)}" class="text">No row fits the filters.</td></tr>'
    )
    # a region that scrolls sideways must be reachable by keyboard
    return (
        f'<div class="table-box"><p aria-hidden="true">{escape(caption)}</p>'
        f'<div class="table-scroll" role="region" aria-label="{escape(caption)}" tabindex="0">'
        f'<table aria-label="{escape(caption)}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        "</div></div>"
    )


def _header_cell(name: str, kind: str, sorted_by: str | None) -> str:
    if sorted_by is None:
        return f'<th scope="col" class="{kind}">{escape(name)}</th>'
    order = "descending" if name == sorted_by else "none"
    # the arrow stands on the side where it does not push the name away from its column
    arrow, label = '<span class="arrow" aria-hidden="true"></span>', escape(name)
    words = " ".join(f"<span>{word}</span>" for word in label.split())  # CREMA-D stays on one line
    content = words + arrow if kind == "text" else arrow + words
    return (
        f'<th scope="col" class="{kind}" aria-sort="{order}">'
        f'<button type="button" title="Sort by {label}">{content}</button></th>'
    )


def leaderboard_html(
    table: pd.DataFrame, entries: Mapping[str, Entry], settings: Sequence[str], *, show_intervals: bool = False
) -> str:
    """
    The leaderboard.

    Args:
        table (`pd.DataFrame`): What [`~hf_emotion.demo.leaderboard.tables.leaderboard_table`] returns.
        entries (`Mapping[str, Entry]`): Entries by id.
        settings (`Sequence[str]`): Columns to show.
        show_intervals (`bool`, *optional*, defaults to `False`): Whether intervals stand below the scores; on hover
            they are there anyway.
    """
    has_protocols = table["protocol"].nunique() > 1
    best = table[["average", *settings]].max()
    rows = []
    for row in table.to_dict("records"):
        entry = entries[row["id"]]
        name = Cell(entry.system, entry.system.casefold(), title=_origin_text(entry), badge=entry.origin)
        protocol = [Cell(entry.protocol, entry.protocol)] if has_protocols else []
        average = number(row["average"], is_best=row["average"] == best["average"])
        scores = [_score_cell(entry, setting, row[setting] == best[setting], show_intervals) for setting in settings]
        rows.append([name, number(row["num_parameters"], 0), average, *scores, *protocol])
    header = ["System", "Params (M)", "Average", *settings, *(["Protocol"] if has_protocols else [])]
    count = f"{len(rows)} of {len(entries)} systems"
    return html_table(header, rows, f"Macro-F1 on each setting: {count}", sorted_by="Average")


def class_html(table: pd.DataFrame) -> str:
    """F1, precision and recall of each class."""
    rows = [
        [
            Cell(str(name), str(name)),
            *(number(row[score]) for score in ("f1", "precision", "recall")),
            Cell(f"{int(row['support']):,}", float(row["support"])),
        ]
        for name, row in table.iterrows()
    ]
    return html_table(["Class", "F1", "Precision", "Recall", "Utterances"], rows, "Scores of each class")


def gender_html(table: pd.DataFrame) -> str:
    """Macro-F1 of each gender and the gap, setting by setting."""
    rows = [[Cell(str(name), str(name)), *(number(value) for value in row)] for name, row in table.iterrows()]
    header = ["Setting", *(str(name).capitalize() for name in table.columns)]
    return html_table(header, rows, "Macro-F1 by gender of the speaker, and the gap")


def scores_html(table: pd.DataFrame, entries: Mapping[str, Entry], names: Sequence[str]) -> str:
    """The figures behind a radar chart: settings in rows, systems, by the names given, in columns."""
    rows = []
    for setting in table.columns:
        best = table[setting].max()
        cells = [number(table.loc[key, setting], is_best=table.loc[key, setting] == best) for key in entries]
        rows.append([Cell(setting.capitalize() if setting == "average" else setting, setting), *cells])
    return html_table(["Setting", *names], rows, "Macro-F1 of the chosen systems")


def comparison_html(table: pd.DataFrame, first: str, second: str, significant: float = 0.05) -> str:
    """What [`~hf_emotion.demo.leaderboard.tables.comparison_table`] found; `first` and `second` name A and B."""
    rows = []
    for row in table.to_dict("records"):
        if row["problem"]:
            verdict, interval, tests = Cell(f"not tested: {row['problem']}"), Cell(MISSING), [Cell(MISSING)] * 2
        else:
            is_significant = row["adjusted_p_value"] < significant
            better = f"{'B' if row['difference'] > 0 else 'A'} is better"
            verdict = Cell(better if is_significant else "no significant difference", is_best=is_significant)
            interval = Cell(f"{row['low']:+.3f} to {row['high']:+.3f}", row["low"])
            tests = [number(row["p_value"], 4), number(row["adjusted_p_value"], 4)]
        difference = Cell(MISSING) if math.isnan(row["difference"]) else Cell(f"{row['difference']:+.3f}", 0.0)
        setting = Cell(row["setting"], row["setting"])
        rows.append([setting, verdict, number(row["a"]), number(row["b"]), difference, interval, *tests])
    header = ["Setting", "Verdict", "A", "B", "B - A", "95 % interval", "p", "p (Holm)"]
    return html_table(header, rows, f"A is {first}, B is {second}")


def _score_cell(entry: Entry, setting: str, is_best: bool, show_intervals: bool) -> Cell:
    scores = entry.settings.get(setting)
    if scores is None:
        return Cell(MISSING, title="not measured")
    interval = scores.get("interval")
    if interval is None:
        return number(scores["macro_f1"], title=f"{setting}: no interval is reported", is_best=is_best)
    low, high = interval
    title = f"{setting}: 95 % interval {low:.3f} to {high:.3f}, resampled by {scores.get('unit', 'speaker')}"
    note = f"{low:.3f} to {high:.3f}" if show_intervals else ""
    return number(scores["macro_f1"], title=title, note=note, is_best=is_best)


def _origin_text(entry: Entry) -> str:
    source = entry.facts.get("paper") if entry.origin == "reported" else entry.facts.get("submitted_by")
    return f"{ORIGIN_NOTES[entry.origin]}{f': {source}' if source else ''}"
