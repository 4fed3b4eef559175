"""What a leaderboard shows, as data: from entries and predictions to `pd.DataFrame`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from ...benchmark.results.entries import ORIGINS, Entry
from ...benchmark.results.store import ResultsStore
from ...benchmark.scores import Folds, compare_settings
from ...metrics.significance import holm_adjusted


FACTS = ("id", "system", "origin", "protocol", "num_parameters", "average")
SIGNIFICANT = 0.05


def setting_names(entries: Iterable[Entry]) -> list[str]:
    """Settings of all entries: those of the most complete entry in its order, then what others add."""
    longest_first = sorted(entries, key=lambda entry: -len(entry.settings))
    return list(dict.fromkeys(name for entry in longest_first for name in entry.settings))


def leaderboard_table(
    entries: Iterable[Entry],
    settings: Sequence[str],
    *,
    query: str = "",
    origins: Sequence[str] = ORIGINS,
    max_parameters: float | None = None,
) -> pd.DataFrame:
    """
    Rows of the leaderboard, best average first.

    Args:
        entries (`Iterable[Entry]`): All entries.
        settings (`Sequence[str]`): Columns to show; the average is over these.
        query (`str`, *optional*, defaults to `""`): Words that a row must contain, in any order and spelling of case,
            in its name, id, encoder, origin, protocol or facts.
        origins (`Sequence[str]`, *optional*): Origins to show.
        max_parameters (`float`, *optional*): Millions; rows that have more, or do not say, are left out.

    Returns:
        `pd.DataFrame`: Columns `id`, `system`, `origin`, `protocol`, `num_parameters` (millions), `average` (NaN where
        a setting is missing), then macro-F1 for each setting (NaN where it was not measured).
    """
    chosen = [
        entry
        for entry in entries
        if entry.origin in origins and _has_words(entry, query) and _is_small(entry, max_parameters)
    ]
    rows = [_row(entry, settings) for entry in chosen]
    table = pd.DataFrame(rows, columns=[*FACTS, *settings])
    numbers = ["num_parameters", "average", *settings]
    table[numbers] = table[numbers].astype("float64")
    return table.sort_values("average", ascending=False, kind="stable", na_position="last", ignore_index=True)


def score_table(entries: Sequence[Entry], settings: Sequence[str]) -> pd.DataFrame:
    """Macro-F1 by entry, in their order, and setting; the last column is the average."""
    rows = {entry.id: _row(entry, settings) for entry in entries}
    return pd.DataFrame.from_dict(rows, orient="index", columns=[*FACTS, *settings])[[*settings, "average"]].astype(
        "float64"
    )


def class_table(scores: Mapping[str, Any]) -> pd.DataFrame:
    """F1, precision, recall and support by class; empty where an entry does not say."""
    return pd.DataFrame.from_dict(
        scores.get("per_class") or {}, orient="index", columns=["f1", "precision", "recall", "support"]
    )


def gender_table(entry: Entry, settings: Sequence[str]) -> pd.DataFrame:
    """Macro-F1 by setting (rows) and gender (columns), and the `gap`; only settings that say."""
    rows = {
        name: {**entry.settings[name]["per_gender"], "gap": entry.settings[name].get("gender_gap")}
        for name in settings
        if (entry.settings.get(name) or {}).get("per_gender")
    }
    table = pd.DataFrame.from_dict(rows, orient="index", dtype="float64")
    return table[[*sorted(set(table) - {"gap"}), *(["gap"] if "gap" in table else [])]]


def comparison_table(store: ResultsStore, first: Entry, second: Entry, settings: Sequence[str]) -> pd.DataFrame:
    """
    Is the second row better than the first, setting by setting?

    Args:
        store ([`~hf_emotion.benchmark.results.store.ResultsStore`]): Holds the predictions.
        first, second ([`Entry`]): The rows.
        settings (`Sequence[str]`): Settings to compare.

    Returns:
        `pd.DataFrame`: Columns `setting`, `a`, `b`, `difference` (b - a), `low` and `high` (its interval), `p_value`,
        `adjusted_p_value` (Holm, over the settings that could be tested), `unit`, and `problem`: why a setting could
        not be tested, `""` where it was. Settings that neither row has are left out.
    """
    rows = [
        _comparison(store, first, second, name) for name in settings if {name} & {*first.settings, *second.settings}
    ]
    columns = ["setting", "a", "b", "difference", "low", "high", "p_value", "adjusted_p_value", "unit", "problem"]
    table = pd.DataFrame(rows, columns=columns)
    tested = table["problem"] == ""
    if tested.any():
        table.loc[tested, "adjusted_p_value"] = holm_adjusted(table.loc[tested, "p_value"].to_list())
    return table


def has_predictions(entry: Entry) -> bool:
    """Whether predictions are kept with an entry: those that papers report have none."""
    return entry.origin != "reported"


def _row(entry: Entry, settings: Sequence[str]) -> dict[str, Any]:
    scores = {name: _number(entry.score(name)) for name in settings}
    facts = {name: getattr(entry, name) for name in FACTS[:4]}
    average = _number(entry.average(settings)) if settings else math.nan
    return {**facts, "num_parameters": _number(entry.num_parameters), "average": average, **scores}


def _comparison(store: ResultsStore, first: Entry, second: Entry, setting: str) -> dict[str, Any]:
    row: dict[str, Any] = {"setting": setting, "a": _number(first.score(setting)), "b": _number(second.score(setting))}
    row["difference"] = row["b"] - row["a"]
    if problem := _why_untestable(first, second, setting):
        return {**row, "problem": problem}
    try:
        found = _paired(*(store.predictions(entry.id, setting) for entry in (first, second)))
    except (OSError, ValueError) as error:
        return {**row, "problem": str(error)}
    low, high = found["interval"]
    return {
        "setting": setting,
        **{name: found[name] for name in ("a", "b", "difference", "p_value", "unit")},
        "low": low,
        "high": high,
        "problem": "",
    }


def _paired(first: Folds, second: Folds) -> dict[str, Any]:
    """Uploads list utterances in any order, so both sides are sorted."""
    sides = [
        {
            fold: [table.sort_values("utterance_id", ignore_index=True) for table in tables]
            for fold, tables in side.items()
        }
        for side in (first, second)
    ]
    return compare_settings(*sides)


def _why_untestable(first: Entry, second: Entry, setting: str) -> str:
    if first.id == second.id:
        return "This is one row twice: choose another."
    for entry in (first, second):
        if setting not in entry.settings:
            return f"{entry.system} was not measured on this setting."
        if not has_predictions(entry):
            return f"{entry.system} is reported by a paper, which publishes no predictions to pair."
    return ""


def _has_words(entry: Entry, query: str) -> bool:
    known = (entry.system, entry.id, entry.encoder, entry.origin, entry.protocol, *entry.facts.values())
    text = " ".join(map(str, known)).casefold()
    return all(word in text for word in query.casefold().split())


def _is_small(entry: Entry, max_parameters: float | None) -> bool:
    if max_parameters is None:
        return True
    return entry.num_parameters is not None and entry.num_parameters <= max_parameters


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
