"""Figures of the leaderboard."""

import io

import pandas as pd
import pytest

from hf_emotion.demo.leaderboard.figures import confusion_figure, layer_figure, radar_figure, reliability_figure
from hf_emotion.demo.leaderboard.tables import setting_names

from .small_store import CLASSES, SETTING


def drawn(figure) -> str:
    stream = io.StringIO()
    figure.savefig(stream, format="svg")
    return stream.getvalue()


def test_a_radar_chart_has_a_line_per_row_an_axis_per_setting_and_one_scale(store):
    entries, names = store.entries(), setting_names(store.entries())
    figure = radar_figure(entries[:3], names)
    (axes,) = figure.axes
    lines = [line for line in axes.lines if len(line.get_xdata()) == len(names) + 1]
    assert len(lines) == 3
    assert [label.get_text() for label in axes.get_xticklabels()] == [name.replace(" (", "\n(") for name in names]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0.2", "0.4", "0.6"]
    assert axes.get_legend() is None


def test_names_of_rows_do_not_enter_a_drawing(store):
    hostile = store.entry("hostile")
    assert "frac" not in drawn(radar_figure([hostile], setting_names(store.entries())))


def test_relative_axes_say_their_ranges(store):
    figure = radar_figure(store.entries()[:2], setting_names(store.entries()), is_relative=True)
    assert figure.axes[0].get_xticklabels()[0].get_text() == "IMPROV (P)\n0.552 to 0.559"


@pytest.mark.parametrize("settings", [[], [SETTING, "IEMOCAP"], ["IEMOCAP", "NNIME", "POD (P)"]])
def test_without_three_axes_or_any_score_there_is_no_chart(store, settings):
    assert radar_figure([store.entry("apc")], settings) is None


def test_layer_weights_have_a_line_for_each_setting():
    figure = layer_figure({"CREMA-D": [0.5, 0.3, 0.2], "IEMOCAP": [0.2, 0.3, 0.5]})
    (axes,) = figure.axes
    assert [list(line.get_ydata()) for line in axes.lines[:2]] == [[50, 30, 20], [20, 30, 50]]
    assert not figure.legends
    assert layer_figure({}) is None


def test_confusion_has_its_numbers_in_colours_of_their_own(store):
    confusion = store.entry("apc").settings[SETTING]["confusion"]
    figure = confusion_figure(confusion, CLASSES)
    (axes,) = figure.axes  # no colour bar
    assert [text.get_text() for text in axes.texts[:6]] == [f"{100 * share:.0f}" for share in confusion[0]]
    assert {text.get_color() for text in axes.texts} <= {"#111111", "white"}


def test_reliability_takes_folds_and_seeds_together(store):
    tables = [table for tables in store.predictions("hubert-base", SETTING).values() for table in tables]
    figure = reliability_figure(pd.concat(tables, ignore_index=True))
    shares = [patch.get_height() for patch in figure.axes[1].patches]
    assert sum(shares) == pytest.approx(100)
    assert figure.axes[0].get_title() == ""


def test_figures_are_as_narrow_as_a_phone(store):
    names = setting_names(store.entries())
    weights = {name: [0.5, 0.5] for name in names}
    for figure in (radar_figure(store.entries()[:5], names), layer_figure(weights)):
        assert figure.get_figwidth() <= 4.6
