"""The table of a benchmark as text for a terminal, Markdown, CSV, JSON or LaTeX."""

from __future__ import annotations

import itertools
import json
import math
import re
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from .benchmark_table import BenchmarkTable


METRIC_TITLES = {
    "uar": "UAR",
    "macro_f1": "macro-F1",
    "weighted_f1": "weighted F1",
    "micro_f1": "micro-F1",
    "accuracy": "accuracy",
    "eer": "equal error rate",
}
_AVERAGE = "Average"
_GAP = "  "
_WIDEST_NOTE = 100
_HALF = 1e-9
_LATEX_SPECIAL = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
}


def format_text(table: BenchmarkTable, width: int = 80) -> str:
    """
    Lay out a table for a terminal: three lines for each system (ours, its interval, the paper's figure with the
    difference of ours), and as many blocks of columns as the width asks for.

    Args:
        table ([`~hf_emotion.benchmark.tables.benchmark_table.BenchmarkTable`]): The table.
        width (`int`, *optional*, defaults to 80): Characters in a line.
    """
    columns = [(name, [_lines(table, system, name) for system in table.systems]) for name in _columns(table)]
    names = [[system, "", "  paper"] for system in table.systems]
    first = max(len(line) for lines in names for line in lines)
    sizes = [max(map(len, [title, *itertools.chain(*cells)])) for title, cells in columns]
    parts = _parts(sizes, width - first)
    blocks = [_block(names, first, [columns[i] for i in part], [sizes[i] for i in part]) for part in parts]
    notes = [
        textwrap.fill(note, min(width, _WIDEST_NOTE), initial_indent="- ", subsequent_indent="  ")
        for note in table.notes
    ]
    comparisons = [_comparison_text(*comparison) for comparison in _comparisons(table)]
    return "\n\n".join([_title(table), *blocks, *comparisons, "\n".join(notes)])


def format_markdown(table: BenchmarkTable) -> str:
    """A table in Markdown, ours above the paper's figure in each cell, the best of ours bold."""
    header = ["System", *_columns(table)]
    rows = [[system, *(_markdown_cell(table, system, name) for name in _columns(table))] for system in table.systems]
    lines = [f"**{_title(table)}**", "", _markdown_row(header), _markdown_row(["---"] * len(header))]
    lines += [_markdown_row(row) for row in rows]
    for title, found in _comparisons(table):
        lines += ["", f"**{title}**", "", *map(_markdown_row, [found[0], ["---"] * len(found[0]), *found[1:]])]
    return "\n".join([*lines, "", *(f"- {note}" for note in table.notes)])


def format_csv(table: BenchmarkTable) -> str:
    """The cells as CSV, one per line, averages last."""
    averages = table.averages.assign(setting=_AVERAGE) if table.average_settings else table.averages.iloc[:0]
    counts = [name for name in table.cells.columns if name.startswith("num_")]
    cells = pd.concat([table.cells.astype(dict.fromkeys(counts, "Int64")), averages])
    return cells.to_csv(index=False, lineterminator="\n").rstrip("\n")


def format_json(table: BenchmarkTable) -> str:
    """All of a table as JSON; `null` where there is no value."""
    content = {
        "protocol": table.protocol,
        "metrics": table.metrics,
        "in_percent": table.in_percent,
        "average_settings": list(table.average_settings),
        **{name: _records(getattr(table, name)) for name in ("cells", "averages", "comparisons", "pairwise")},
        "notes": list(table.notes),
    }
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)


def format_latex(table: BenchmarkTable) -> str:
    """A `tabular` for the package booktabs, the best of ours bold."""
    names = _columns(table)
    rows = []
    for system in table.systems:
        ours, interval, paper = zip(*(_latex_cell(table, system, name) for name in names), strict=True)
        rows.append([_latex(system), *ours])
        rows += [["", *interval]] if any(interval) else []
        rows += [["\\quad paper", *paper]] if any(paper) else []
    body = [" & ".join(row) + r" \\" for row in rows]
    header = " & ".join(["System", *map(_latex, names)]) + r" \\"
    notes = [f"% {line}" for note in [_title(table), *table.notes] for line in textwrap.wrap(note, 100)]
    start = ["\\begin{tabular}{l" + "r" * len(names) + "}", r"\toprule", header, r"\midrule"]
    return "\n".join([*notes, *start, *body, r"\bottomrule", r"\end{tabular}"])


FORMATS: dict[str, Callable[[BenchmarkTable], str]] = {
    "text": format_text,
    "markdown": format_markdown,
    "csv": format_csv,
    "json": format_json,
    "latex": format_latex,
}
_COMPARISON_HEADER = ["setting", "A", "B", "B - A [95 % CI]", "p", "p (Holm)"]


def _title(table: BenchmarkTable) -> str:
    metrics = [METRIC_TITLES[name] for name in dict.fromkeys(table.metrics.values())]
    unit = " in %" if table.in_percent else ""
    return f"{table.protocol}: {', '.join(metrics)}{unit}"


def _columns(table: BenchmarkTable) -> list[str]:
    return [*table.settings, *([_AVERAGE] if table.average_settings else [])]


def _row(table: BenchmarkTable, system: str, name: str) -> pd.Series:
    return table.average(system) if name == _AVERAGE and name not in table.settings else table.cell(system, name)


def _lines(table: BenchmarkTable, system: str, name: str) -> list[str]:
    """Ours, its interval, and the paper's figure."""
    row = _row(table, system, name)
    return [_ours(table, row), _interval(table, row), _paper(table, row)]


def _ours(table: BenchmarkTable, row: pd.Series) -> str:
    if pd.notna(row["score"]):
        return " ".join(filter(None, [_number(table, row["score"]), row.get("letters", "")]))
    return f"- {row['num_cells']} of {row['num_expected']}" if row.get("num_cells") else "-"


def _interval(table: BenchmarkTable, row: pd.Series) -> str:
    if pd.isna(row.get("low", math.nan)):
        return ""
    return f"[{_number(table, row['low'])}, {_number(table, row['high'])}]"


def _paper(table: BenchmarkTable, row: pd.Series) -> str:
    if pd.isna(row["reported"]):
        return ""
    difference = "" if pd.isna(row["difference"]) else f" ({_number(table, row['difference'], '+')})"
    return f"{_printed(table, row['reported'])}{difference}"


def _number(table: BenchmarkTable, value: float, sign: str = "") -> str:
    """One decimal of percent, or three of a share without the zero before them."""
    value += math.copysign(_HALF, value)  # 57.05 is a little less in binary, but 57.1 in print
    return f"{value:{sign}.1f}" if table.in_percent else _share(f"{value:{sign}.3f}")


def _printed(table: BenchmarkTable, value: float) -> str:
    """A figure of a paper, with as many decimals as it prints."""
    return _share(f"{value + _HALF:.{table.decimals}f}")


def _share(text: str) -> str:
    return re.sub(r"^([+-]?)0\.", r"\1.", text)


def _parts(sizes: Sequence[int], room: int) -> list[list[int]]:
    """Columns of each block: as many as fit, at least one."""
    parts: list[list[int]] = [[]]
    left = room
    for index, size in enumerate(sizes):
        if parts[-1] and size + len(_GAP) > left:
            parts.append([])
            left = room
        parts[-1].append(index)
        left -= size + len(_GAP)
    return parts


def _block(
    names: Sequence[Sequence[str]], first: int, columns: Sequence[tuple[str, list[list[str]]]], sizes: Sequence[int]
) -> str:
    lines = [[" " * first, *(title for title, _ in columns)]]
    for system, labels in enumerate(names):
        for kind, label in enumerate(labels):
            cells = [column[system][kind] for _, column in columns]
            if kind == 0 or any(cells):
                lines.append([label, *cells])
    widths = [first, *sizes]
    text = [_GAP.join(cell.ljust(size) for cell, size in zip(line, widths, strict=True)).rstrip() for line in lines]
    rule = "-" * (sum(widths) + len(_GAP) * len(sizes))
    return "\n".join([text[0], rule, *text[1:]])


def _comparisons(table: BenchmarkTable) -> list[tuple[str, list[list[str]]]]:
    """For each pair of systems a title, a header and a row for each setting."""
    return [
        (f"A: {a}, B: {b}", [_COMPARISON_HEADER, *(_comparison_cells(table, row) for _, row in rows.iterrows())])
        for (a, b), rows in table.comparisons.groupby(["a", "b"], sort=False)
    ]


def _comparison_cells(table: BenchmarkTable, row: pd.Series) -> list[str]:
    low, high = (_number(table, row[name], "+") for name in ("low", "high"))
    scores = [_number(table, row[name]) for name in ("score_a", "score_b")]
    difference = f"{_number(table, row['difference'], '+')} [{low}, {high}]"
    return [row["setting"], *scores, difference, f"{row['p_value']:.4f}", f"{row['p_value_holm']:.4f}"]


def _comparison_text(title: str, rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [_GAP.join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([title, lines[0], "-" * max(map(len, lines)), *lines[1:]])


def _markdown_cell(table: BenchmarkTable, system: str, name: str) -> str:
    row = _row(table, system, name)
    ours = _ours(table, row)
    if name in table.settings and system in table.best_systems(name):
        ours = f"**{ours}**"
    paper = _paper(table, row)
    lines = [" ".join(filter(None, [ours, _interval(table, row)])), f"paper {paper}" if paper else ""]
    return "<br>".join(filter(None, lines))


def _markdown_row(cells: Sequence[str]) -> str:
    plain = [cell.replace("|", r"\|") for cell in cells]
    return f"| {' | '.join(plain)} |"


def _latex_cell(table: BenchmarkTable, system: str, name: str) -> tuple[str, str, str]:
    row = _row(table, system, name)
    score, _, letters = _ours(table, row).partition(" ") if pd.notna(row["score"]) else (_ours(table, row), "", "")
    if name in table.settings and system in table.best_systems(name):
        score = f"\\textbf{{{score}}}"
    interval, paper = _interval(table, row), _paper(table, row)
    return (
        f"{score}$^{{{letters}}}$" if letters else score,
        f"{{\\scriptsize {interval}}}" if interval else "",
        paper,
    )


def _latex(text: str) -> str:
    return "".join(_LATEX_SPECIAL.get(character, character) for character in text)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return json.loads(frame.to_json(orient="records", double_precision=15, force_ascii=False))
