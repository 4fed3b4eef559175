"""Tables as HTML that screen readers, keyboards and phones can use. All text is escaped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any


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
