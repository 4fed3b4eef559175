"""Tables on the terminal."""

import textwrap
from collections.abc import Sequence


def print_table(
    header: Sequence[str], rows: Sequence[Sequence[str | int | float | None]], width: int | None = None
) -> None:
    """
    Print rows under a header, numbers to the right, `-` for `None`.

    Args:
        header (`Sequence[str]`):
            Names of the columns.
        rows (`Sequence[Sequence]`):
            Cells: text, integers (shown with thousands separators), floats (two decimals), or `None`.
        width (`int`, *optional*):
            Characters per line; the widest text column is shortened to fit. Unlimited by default.
    """
    table = [tuple(header), *(tuple(_cell(cell) for cell in row) for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    is_number = [
        any(row[column] is not None for row in rows)
        and all(isinstance(row[column], int | float | None) for row in rows)
        for column in range(len(header))
    ]
    if width is not None:
        widest = max((column for column in range(len(header)) if not is_number[column]), key=lambda c: widths[c])
        spare = width - (sum(widths) + 2 * (len(widths) - 1))
        widths[widest] = max(len(header[widest]), 8, widths[widest] + min(spare, 0))
    for row in table:
        cells = [
            cell.rjust(size) if number else textwrap.shorten(cell, size, placeholder="…").ljust(size)
            for cell, size, number in zip(row, widths, is_number, strict=True)
        ]
        print("  ".join(cells).rstrip())


def _cell(value: str | int | float | None) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"
