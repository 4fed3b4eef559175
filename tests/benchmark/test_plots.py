"""Figures of benchmarks show the numbers they are given, and nothing of them is cut off."""

import doctest

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from hf_emotion.benchmark import plots
from hf_emotion.benchmark.plots import (
    layer_heatmap_figure,
    layer_weight_figure,
    line_style,
    multi_label_confusion_figure,
    radar_chart,
    soft_reliability_figure,
)
from hf_emotion.benchmark.reported import reported_entries
from hf_emotion.benchmark.scores import calibration_error_of

from .tiny_cells import soft_table


SCORES = {"large": {"A": 0.6, "B": 0.4, "C": 0.2}, "small": {"A": 0.3, "B": 0.4, "C": None}}


def reported_scores():
    return {
        entry.system: {setting: entry.score(setting) for setting in entry.settings}
        for entry in reported_entries("emo_superb")
    }


def legend(figure):
    (found,) = figure.legends
    return [text.get_text() for text in found.get_texts()]


def heights(figure):
    return {line.get_label(): line.get_ydata()[:-1] for line in figure.axes[0].get_lines()}


def test_documentation_examples_run():
    assert doctest.testmod(plots).failed == 0


def test_radar_draws_each_system_over_one_scale():
    figure = radar_chart(SCORES, title="macro-F1")
    np.testing.assert_allclose(heights(figure)["large"], [1.0, 0.4 / 0.6, 0.2 / 0.6])
    np.testing.assert_allclose(heights(figure)["small"], [0.5, 0.4 / 0.6, np.nan])
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["A", "B", "C"]
    assert legend(figure) == ["large", "small"]


def test_relative_radar_says_the_range_of_each_axis():
    figure = radar_chart(SCORES, is_relative=True)
    np.testing.assert_allclose(heights(figure)["large"], [1.0, 0.575, 0.575])  # alone or equal: half way
    np.testing.assert_allclose(heights(figure)["small"], [0.15, 0.575, np.nan])
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels == ["A\n0.300 to 0.600", "B\n0.400 to 0.400", "C\n0.200 to 0.200"]


def test_radar_takes_the_axes_it_is_told():
    figure = radar_chart(SCORES, settings=["C", "A", "B", "D"], is_relative=True)
    assert [label.get_text().split("\n")[0] for label in figure.axes[0].get_xticklabels()] == ["C", "A", "B", "D"]
    assert np.isnan(heights(figure)["large"][3])


@pytest.mark.parametrize("scores", [{}, {"a": {"A": 0.1, "B": 0.2}}, {"a": {"A": None, "B": None, "C": None}}])
def test_radar_refuses_what_makes_no_chart(scores):
    with pytest.raises(ValueError, match="at least 3 settings"):
        radar_chart(scores)


def test_layer_weights_have_a_panel_per_system_and_a_band_for_the_spread():
    weights = {"HuBERT": {"CREMA-D": [0.1, 0.9], "IEMOCAP": [0.5, 0.5]}, "FBANK": {}, "APC": {"CREMA-D": [0.2, 0.8]}}
    figure = layer_weight_figure(weights, {"HuBERT": {"CREMA-D": [0.05, 0.05]}})
    panels = {axes.get_title(): axes for axes in figure.axes if axes.get_visible()}
    assert set(panels) == {"HuBERT", "APC"}
    lines = {line.get_label(): list(line.get_ydata()) for line in panels["HuBERT"].get_lines()}
    assert lines["CREMA-D"] == [10, 90]
    (band,) = panels["HuBERT"].collections
    extremes = band.get_paths()[0].get_extents()
    np.testing.assert_allclose([extremes.ymin, extremes.ymax], [5, 95])
    assert legend(figure) == ["CREMA-D", "IEMOCAP"]
    with pytest.raises(ValueError, match="no layer weights to draw"):
        layer_weight_figure({"FBANK": {}})


def test_heatmap_compares_encoders_of_any_depth():
    axes = layer_heatmap_figure({"deep": [0.1, 0.4, 0.4, 0.1], "shallow": [0.5, 0.5]}).axes[0]
    deep, shallow = axes.collections
    np.testing.assert_allclose(deep.get_array().ravel(), [0.4, 1.6, 1.6, 0.4])
    np.testing.assert_allclose(shallow.get_array().ravel(), [1, 1])
    assert deep.get_coordinates()[0, -1, 0] == shallow.get_coordinates()[0, -1, 0] == 1
    with pytest.raises(ValueError, match="no layer weights to draw"):
        layer_heatmap_figure({})


def test_reliability_bars_are_the_mean_labels_and_their_gaps():
    table = soft_table(400, skill=4.0)
    figure = soft_reliability_figure({"a": table, "b": soft_table(10)})
    title = figure.axes[0].get_title()
    assert title == f"a\ncalibration error {100 * calibration_error_of(table):.1f} %"
    agreed, high, low = figure.axes[0].containers
    shares = [bar.get_height() / 100 for bar in figure.axes[2].containers[0]]
    gaps = [too_high.get_height() + too_low.get_height() for too_high, too_low in zip(high, low, strict=True)]
    assert np.dot(shares, gaps) == pytest.approx(calibration_error_of(table))
    assert sum(shares) == pytest.approx(1)
    for bars in zip(agreed, high, low, strict=True):
        assert min(bar.get_height() for bar in bars) >= 0
    with pytest.raises(ValueError, match="no predictions"):
        soft_reliability_figure({})


def test_confusion_shows_shares_of_each_class():
    axes = multi_label_confusion_figure([[0.9, 0.5], [0.1, 1.0]], ["angry", "sad"], support=[1200, 3]).axes[0]
    assert [text.get_text() for text in axes.texts] == ["90", "50", "10", "100"]
    assert [text.get_weight() for text in axes.texts] == ["bold", "normal", "normal", "bold"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["angry (1,200)", "sad (3)"]
    with pytest.raises(ValueError, match="3 classes need a square matrix"):
        multi_label_confusion_figure([[1.0]], ["a", "b", "c"])


def test_lines_differ_without_colour():
    styles = [line_style(index) for index in range(21)]
    assert len({(style["linestyle"], style["marker"]) for style in styles}) == 21
    assert len({(style["color"], style["linestyle"]) for style in styles}) == 21


def draw_figures():
    scores = dict(list(reported_scores().items())[:8])
    generator = np.random.default_rng(0)
    weights = {f"W2V2 {size}": {name: generator.dirichlet(np.ones(25)) for name in scores["APC"]} for size in range(5)}
    classes = [f"disappointed {index}" for index in range(16)]
    return {
        "radar": radar_chart(scores, title="EMO-SUPERB"),
        "relative radar": radar_chart(scores, is_relative=True),
        "layers": layer_weight_figure(weights, title="layers"),
        "heatmap": layer_heatmap_figure({f"{a}, {b}": w for a, lines in weights.items() for b, w in lines.items()}),
        "reliability": soft_reliability_figure({"HuBERT": soft_table(), "WavLM": soft_table(seed=1)}),
        "confusion": multi_label_confusion_figure(np.eye(16), classes, support=[99999] * 16, title="POD (S)"),
    }


@pytest.fixture(scope="module")
def figures():
    return draw_figures()


@pytest.mark.parametrize("name", ["radar", "relative radar", "layers", "heatmap", "reliability", "confusion"])
def test_nothing_is_cut_off(name, figures):
    figure = figures[name]
    FigureCanvasAgg(figure).draw()
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert box.x0 >= -0.02
    assert box.y0 >= -0.02
    assert box.x1 <= width + 0.02
    assert box.y1 <= height + 0.02


def test_figures_leave_matplotlib_as_it_was():
    before = dict(matplotlib.rcParams)
    draw_figures()
    assert dict(matplotlib.rcParams) == before
