"""Figures about corpora show the counts they are given and leave matplotlib as it was."""

import base64

import matplotlib
import numpy as np
import pytest

from hf_emotion.corpus_reports.corpus_plots import distribution_figure, duration_figure, label_figure, svg_data_uri


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_labels_are_shares_of_the_part_with_their_counts():
    figure = label_figure({"train": {"anger": 3, "low_positive": 1}, "test": {"anger": 1}})
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["anger", "low / positive"]
    assert [bar.get_width() for bars in axes.containers for bar in bars] == [75, 25, 100, 0]
    assert texts(axes) == ["3", "1", "1", "0"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["train", "test"]


def test_a_single_series_is_counted_and_nothing_is_lost_outside_the_edges():
    (axes,) = distribution_figure({"all": [-5.0, 0.5, 1.5, 1.6, 99.0]}, [0, 1, 2, 3], "seconds").axes
    assert [bar.get_height() for bar in axes.patches] == [2, 2, 1]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("seconds", "utterances")
    assert not axes.figure.legends


def test_several_series_are_outlines_of_their_shares():
    (axes,) = distribution_figure({"train": [0.5, 0.5, 1.5, 1.5], "test": [0.5]}, [0, 1, 2], "seconds").axes
    assert [patch.get_data().values.tolist() for patch in axes.patches] == [[50, 50], [100, 0]]
    assert axes.get_ylabel() == "share of the part (%)"


def test_durations_of_few_corpora_are_stacked():
    (axes,) = duration_figure({"a": (1, 2, 0, 4), "b": (0, 1)}, last=2).axes
    assert [[bar.get_height() for bar in bars] for bars in axes.containers] == [[1, 2, 4], [0, 1, 0]]
    assert [bar.get_y() for bar in axes.containers[1]] == [1, 2, 4]
    assert texts(axes) == ["1", "3", "4"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0-1", "1-2", "≥ 2"]


def test_durations_of_many_corpora_are_added_up():
    (axes,) = duration_figure({str(number): (1, number) for number in range(9)}, last=1).axes
    assert [[bar.get_height() for bar in bars] for bars in axes.containers] == [[9, 36]]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0-1", "1-2"]


@pytest.mark.parametrize("counts", [(3,), (0, 0, 0, 1)])
def test_the_shortest_histograms_can_be_drawn(counts):
    assert texts(duration_figure({"a": counts}, last=len(counts) - 1).axes[0]) == [str(count) for count in counts]


def test_svg_is_the_same_twice_and_settings_stay():
    before = dict(matplotlib.rcParams)
    uris = {svg_data_uri(distribution_figure({"all": np.arange(9.0)}, range(10), "x")) for _ in range(2)}
    (uri,) = uris
    head, content = uri.split(",")
    assert head == "data:image/svg+xml;base64"
    assert base64.b64decode(content).lstrip().startswith(b"<?xml")
    assert dict(matplotlib.rcParams) == before
