"""Tables on the terminal."""

from collections.abc import Sequence


_NARROWEST = 8  # characters that a shortened column keeps


def print_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str | int | float | None]],
    width: int | None = None,
    keep: Sequence[str] = (),
) -> None:
    """
    Print rows under a header, numbers to the right, `-` for `None`.

    Args:
        header (`Sequence[str]`):
            Names of the columns.
        rows (`Sequence[Sequence]`):
            Cells: text, integers (shown with thousands separators), floats (two decimals), or `None`.
        width (`int`, *optional*):
            Characters per line; the widest text columns are shortened to fit. Unlimited by default.
        keep (`Sequence[str]`, *optional*):
            Columns that are never shortened.
    """
    table = [tuple(header), *(tuple(_cell(cell) for cell in row) for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    is_number = [
        any(row[column] is not None for row in rows)
        and all(isinstance(row[column], int | float | None) for row in rows)
        for column in range(len(header))
    ]
    if width is not None:
        narrowest = {
            column: max(_NARROWEST, len(name))
            for column, name in enumerate(header)
            if not is_number[column] and name not in keep
        }
        _shorten(widths, narrowest, room=width - 2 * (len(widths) - 1))
    for row in table:
        cells = [
            cell.rjust(size) if number else _shortened(cell, size).ljust(size)
            for cell, size, number in zip(row, widths, is_number, strict=True)
        ]
        print("  ".join(cells).rstrip())


def _shorten(widths: list[int], narrowest: dict[int, int], room: int) -> None:
    """Take characters from the columns in `narrowest`, always from the widest, until all columns fit."""
    while sum(widths) > room:
        wide = [column for column, least in narrowest.items() if widths[column] > least]
        if not wide:
            return
        widths[max(wide, key=widths.__getitem__)] -= 1


def _shortened(cell: str, size: int) -> str:
    return cell if len(cell) <= size else f"{cell[: size - 1].rstrip()}…"


def _cell(value: str | int | float | None) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, str):
        return " ".join(value.split())
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"
