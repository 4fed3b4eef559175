"""Tables of the leaderboard as HTML."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from ...benchmark.results.entries import Entry
from ..html_tables import MISSING, Cell, html_table, number


ORIGIN_NOTES = {
    "reported": "as printed in the paper",
    "measured": "measured with this package",
    "submitted": "predictions uploaded and scored here",
}


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
