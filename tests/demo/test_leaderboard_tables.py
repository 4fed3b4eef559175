"""From entries and predictions to the tables of the leaderboard."""

import math

import pandas as pd
import pytest

from hf_emotion.benchmark.results.entries import Entry
from hf_emotion.benchmark.results.store import ResultsStore
from hf_emotion.demo.leaderboard.tables import (
    class_table,
    comparison_table,
    gender_table,
    leaderboard_table,
    score_table,
    setting_names,
)

from .small_store import HOSTILE_NAME, SETTING, add_row


A, B = "CREMA-D", "IEMOCAP"


def row(key: str, scores: dict[str, float], **fields) -> Entry:
    settings = {name: {"macro_f1": score} for name, score in scores.items()}
    return Entry(id=key, settings=settings, **{"system": key, "origin": "measured", "protocol": "p"} | fields)


ENTRIES = [
    row("half", {A: 0.9}, num_parameters=4.0),
    row("low", {A: 0.2, B: 0.4}, num_parameters=95.0, encoder="facebook/hubert-base-ls960"),
    row("high", {A: 0.5, B: 0.6}, origin="submitted", facts={"notes": "Ten seconds"}),
]


def test_rows_are_sorted_by_an_average_that_only_complete_rows_have():
    table = leaderboard_table(ENTRIES, [A, B])
    assert table["id"].to_list() == ["high", "low", "half"]
    assert table["average"].round(6).to_list()[:2] == [0.55, 0.3]
    assert math.isnan(table["average"][2])
    assert math.isnan(table[B][2])


def test_the_average_is_over_the_chosen_settings():
    table = leaderboard_table(ENTRIES, [A])
    assert table[["id", "average"]].to_numpy().tolist() == [["half", 0.9], ["high", 0.5], ["low", 0.2]]
    assert B not in table.columns


def test_without_settings_there_is_no_average():
    assert leaderboard_table(ENTRIES, [])["average"].isna().all()


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"query": "HUBERT base"}, ["low"]),
        ({"query": "seconds"}, ["high"]),
        ({"query": "hubert seconds"}, []),
        ({"query": "  "}, ["high", "low", "half"]),
        ({"origins": ["submitted"]}, ["high"]),
        ({"origins": []}, []),
        ({"max_parameters": 10}, ["half"]),
        ({"max_parameters": 95}, ["low", "half"]),
    ],
)
def test_filters(filters, expected):
    assert leaderboard_table(ENTRIES, [A, B], **filters)["id"].to_list() == expected


def test_the_paper_has_its_nine_settings_first_and_its_averages(store):
    names = setting_names(store.entries())
    assert names[:2] == ["IMPROV (P)", "CREMA-D"]
    assert len(names) == 9
    table = leaderboard_table(store.entries(), names).set_index("id")
    averages = table["average"][["reported-fbank", "reported-xls_r_1b", "reported-fine_tuned_w2v2_r"]]
    assert averages.round(3).to_list() == [0.191, 0.384, 0.477]  # the averages of Tables 3 and 4
    assert table["origin"].value_counts().to_dict() == {"reported": 18, "measured": 2, "submitted": 2}


def test_settings_that_only_some_rows_have_come_last():
    assert setting_names([row("a", {"X": 0.1}), row("b", {A: 0.1, B: 0.2})]) == [A, B, "X"]


def test_score_table_keeps_the_order_of_the_rows():
    table = score_table([ENTRIES[1], ENTRIES[2]], [A, B])
    assert table.loc["low"].round(6).to_list() == [0.2, 0.4, 0.3]
    assert table.index.to_list() == ["low", "high"]


def test_class_table_has_every_class_and_reported_rows_have_none(store):
    table = class_table(store.entry("apc").settings[SETTING])
    assert table.index.to_list() == ["angry", "sad", "disgust", "fear", "neutral", "happy"]
    assert table["f1"].between(0, 1).all()
    assert class_table(store.entry("reported-fbank").settings[SETTING]).empty


def test_gender_table_ends_with_the_gap(store):
    table = gender_table(store.entry("apc"), ["IEMOCAP", SETTING])
    assert list(table.columns) == ["female", "male", "gap"]
    assert table.index.to_list() == [SETTING]
    assert table["gap"].iloc[0] == pytest.approx(abs(table["female"] - table["male"]).iloc[0])
    assert gender_table(store.entry("reported-fbank"), [SETTING]).empty


def test_a_clearly_better_row_differs_significantly(store):
    table = comparison_table(store, store.entry("hubert-base"), store.entry("apc"), [SETTING, "IEMOCAP"])
    assert table["setting"].to_list() == [SETTING]
    (found,) = table.to_dict("records")
    assert found["difference"] == pytest.approx(found["b"] - found["a"])
    assert found["low"] > 0
    assert found["p_value"] == found["adjusted_p_value"] < 0.05
    assert found["problem"] == ""


def test_p_values_are_adjusted_for_the_number_of_settings(store, monkeypatch):
    scores = {"a": 0.1, "b": 0.2, "difference": 0.1, "interval": [0.05, 0.15], "p_value": 0.02, "unit": "speaker"}
    monkeypatch.setattr("hf_emotion.demo.leaderboard.tables.compare_settings", lambda first, second: scores)
    monkeypatch.setattr(store, "predictions", lambda entry_id, setting: {})
    pair = [row(key, {A: 0.1, B: 0.2}) for key in ("one", "two")]
    assert comparison_table(store, *pair, [A, B])["adjusted_p_value"].to_list() == [0.04, 0.04]


@pytest.mark.parametrize(
    ("first", "second", "problem"),
    [
        ("reported-fbank", "apc", "FBANK is reported by a paper"),
        ("apc", "reported-fbank", "FBANK is reported by a paper"),
        ("apc", "apc", "one row twice"),
    ],
)
def test_why_rows_cannot_be_compared_is_said(store, first, second, problem):
    table = comparison_table(store, store.entry(first), store.entry(second), [SETTING])
    assert problem in table["problem"].iloc[0]
    assert pd.isna(table["p_value"].iloc[0])


def test_rows_on_other_utterances_are_not_compared(tmp_path, monkeypatch):
    store = ResultsStore(tmp_path)
    first = add_row(store, "first", 0.5)
    second = row("second", {SETTING: 0.5})
    tables = store.predictions("first", SETTING)
    moved = {
        fold: [table.assign(utterance_id="x" + table["utterance_id"]) for table in tables[fold]] for fold in tables
    }
    monkeypatch.setattr(store, "predictions", lambda key, setting: tables if key == "first" else moved)
    assert "other utterances" in comparison_table(store, first, second, [SETTING])["problem"].iloc[0]


def test_names_are_kept_as_they_are(store):
    assert HOSTILE_NAME in leaderboard_table(store.entries(), [SETTING])["system"].to_list()
