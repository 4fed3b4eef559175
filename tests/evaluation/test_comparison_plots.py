"""Figures of comparisons and calibration show the numbers of their reports."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection

from hf_emotion.evaluation.calibration import calibration_report
from hf_emotion.evaluation.comparison import compare_predictions
from hf_emotion.evaluation.comparison_plots import (
    class_difference_figure,
    class_heatmap_figure,
    comparison_figure,
    dimension_difference_figure,
    save_calibration_figure,
    save_comparison_figures,
)
from tests.prediction_tables import CLASSES, random_predictions


@pytest.fixture(scope="module")
def report():
    sizes = {"one": (12, 240), "two": (8, 80)}
    return compare_predictions(
        *(random_predictions(sizes, skill=skill, seed=int(10 * skill)) for skill in (0.8, 1.2)), names=("old", "new")
    )


def _intervals(axes):
    return [
        [segment[0][0], segment[1][0]]
        for lines in axes.collections
        if isinstance(lines, LineCollection)
        for segment in lines.get_segments()
    ]


def _labels(axes):
    return [tick.get_text() for tick in axes.get_yticklabels()]


def test_differences_are_those_of_the_report(report):
    figure = comparison_figure(report)
    panels = figure.axes
    assert [panel.get_title() for panel in panels] == ["UAR", "macro-F1", "accuracy"]
    assert _labels(panels[0]) == ["one", "two", "mean of corpora", "all utterances"]
    expected = [report["per_corpus"][name]["metrics"]["uar"]["interval"] for name in ("one", "two")]
    np.testing.assert_allclose(_intervals(panels[0])[:2], 100 * np.array(expected))


def test_dimensions_have_a_figure_with_the_corpora_that_are_rated(tmp_path):
    names, sizes = ("arousal", "dominance"), {"one": (12, 240), "two": (8, 80), "three": (4, 40)}
    frames = [random_predictions(sizes, seed=seed, dimensions=names, unrated=["three"]) for seed in (0, 1)]
    report = compare_predictions(*frames)
    panels = dimension_difference_figure(report).axes
    assert [panel.get_title() for panel in panels] == ["CCC of arousal", "CCC of dominance"]
    assert _labels(panels[1]) == ["one", "two", "mean of corpora", "all utterances"]
    expected = [report["dimensions"]["dominance"]["per_corpus"][name]["interval"] for name in ("one", "two")]
    np.testing.assert_allclose(_intervals(panels[1])[:2], 100 * np.array(expected))
    assert (tmp_path / "comparison_dimensions.png") in save_comparison_figures(report, tmp_path)


def test_classes_show_both_recalls_and_their_difference(report):
    recalls, differences = class_difference_figure(report).axes
    entries = report["overall"]["recall"]
    points = [collection.get_offsets()[:, 0] for collection in recalls.collections[1:]]
    np.testing.assert_allclose(points[0], [100 * entries[name]["a"] for name in CLASSES])
    np.testing.assert_allclose(points[1], [100 * entries[name]["b"] for name in CLASSES])
    np.testing.assert_allclose(
        _intervals(differences), [100 * np.array(entries[name]["interval"]) for name in CLASSES]
    )


def test_the_heatmap_writes_differences_and_leaves_absent_classes_empty(report):
    part = report["per_corpus"]["two"] | {"recall": report["per_corpus"]["two"]["recall"] | {"anger": None}}
    figure = class_heatmap_figure(report | {"per_corpus": {"one": report["per_corpus"]["one"], "two": part}})
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert len(texts) == 2 * len(CLASSES) - 1
    assert texts[0] == f"{100 * report['per_corpus']['one']['recall']['anger']['difference']:+.1f}"


@pytest.mark.parametrize("draw", [comparison_figure, class_difference_figure, class_heatmap_figure])
def test_nothing_is_cut_off(report, draw):
    figure = draw(report)
    FigureCanvasAgg(figure).draw()
    axes = figure.axes[0]
    for artist in (axes.xaxis.label, axes.title, *axes.get_xticklabels(), *axes.get_yticklabels()):
        if not artist.get_text():
            continue
        box = artist.get_window_extent()
        assert figure.bbox.contains(box.x0, box.y0), artist
        assert figure.bbox.contains(box.x1, box.y1), artist


def test_files_are_written(report, tmp_path):
    assert [path.name for path in save_comparison_figures(report, tmp_path)] == [
        "comparison.png",
        "comparison_classes.png",
        "comparison_corpora_classes.png",
    ]
    one_corpus = report | {"per_corpus": {"one": report["per_corpus"]["one"]}, "mean_of_corpora": None}
    assert len(save_comparison_figures(one_corpus, tmp_path)) == 2


@pytest.mark.parametrize("has_test", [True, False])
def test_the_reliability_diagram_is_of_the_test_where_there_is_one(has_test, tmp_path):
    validation = random_predictions({"held_out": (5, 100)}, sharpness=2.0)
    test = random_predictions({"one": (5, 100)}, sharpness=2.0) if has_test else None
    path = save_calibration_figure(calibration_report(validation, test), tmp_path)
    assert path.name == "reliability.png"
    assert path.stat().st_size > 5000
