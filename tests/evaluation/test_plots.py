"""Figures show the numbers they are given and leave matplotlib as it was."""

import doctest
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from hf_emotion.evaluation import plots
from hf_emotion.evaluation.plots import (
    confusion_matrix_figure,
    save_figure,
    save_report_figures,
    training_curve_figure,
)


CLASSES = ["low_negative", "low_positive", "calm"]
HISTORY = [
    {"loss": 1.5, "step": 10},
    {"loss": 1.0, "step": 20},
    {"eval_loss": 1.2, "eval_uar": 0.5, "eval_emodb_uar": 0.6, "eval_crema_d_uar": 0.4, "step": 20},
    {"eval_loss": 1.1, "eval_uar": 0.6, "eval_emodb_uar": 0.7, "eval_crema_d_uar": 0.5, "step": 40},
    {"train_runtime": 12.0, "train_loss": 1.25, "step": 40},
]


def _texts(axes):
    return [text.get_text() for text in axes.texts]


def _lines(axes):
    return {line.get_label(): line.get_xydata().tolist() for line in axes.get_lines()}


def test_documentation_examples_run():
    assert doctest.testmod(plots).failed == 0


def test_confusion_figure_shows_shares_and_counts():
    axes = confusion_matrix_figure([[3, 1, 0], [0, 0, 0], [1, 0, 1]], CLASSES, title="emodb").axes[0]
    assert _texts(axes) == ["75.0", "3", "25.0", "1", "0.0", "0", "50.0", "1", "0.0", "0", "50.0", "1"]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["low / negative", "low / positive", "calm"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [
        "low / negative\n($n$ = 4)",
        "low / positive\n($n$ = 0)",
        "calm\n($n$ = 2)",
    ]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("predicted class", "true class", "emodb")


def test_a_class_without_references_has_an_empty_row():
    image = confusion_matrix_figure([[1, 0], [0, 0]], ["joy", "fear"]).axes[0].images[0]
    assert np.ma.getmaskarray(image.get_array())[1].all() or np.isnan(image.get_array()[1]).all()


def test_nothing_is_cut_off():
    figure = confusion_matrix_figure(np.eye(6, dtype=int), [f"high_class_{index}" for index in range(6)], title="t")
    FigureCanvasAgg(figure).draw()
    axes, page = figure.axes[0], figure.bbox
    for artist in (axes.xaxis.label, axes.yaxis.label, axes.title, *axes.get_xticklabels(), *axes.get_yticklabels()):
        box = artist.get_window_extent()
        assert page.contains(box.x0, box.y0), artist
        assert page.contains(box.x1, box.y1), artist


def test_a_matrix_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"3 classes need a square matrix of that size, found shape \(2, 2\)"):
        confusion_matrix_figure([[1, 0], [0, 1]], CLASSES)


def test_training_curves_are_those_of_the_log():
    loss, recall = training_curve_figure(HISTORY).axes
    assert _lines(loss) == {"training": [[10, 1.5], [20, 1.0]], "validation": [[20, 1.2], [40, 1.1]]}
    lines = _lines(recall)
    assert lines["validation"] == [[20, 50.0], [40, 60.0]]
    assert lines["emodb"] == [[20, 60.0], [40, 70.0]]
    assert lines["crema_d"] == [[20, 40.0], [40, 50.0]]


def test_the_long_name_of_the_metric_is_understood():
    history = [{"eval_unweighted_average_recall": 0.5, "eval_tess_unweighted_average_recall": 0.25, "step": 1}]
    assert _lines(training_curve_figure(history).axes[1]) == {"validation": [[1, 50.0]], "tess": [[1, 25.0]]}


def test_many_corpora_become_one_legend_entry():
    history = [{"eval_uar": 0.5, "step": 1, **{f"eval_c{index}_uar": 0.5 for index in range(37)}}]
    axes = training_curve_figure(history).axes[1]
    assert axes.get_legend_handles_labels()[1] == ["each of 37 corpora", "validation"]


def test_loss_alone_gives_one_panel():
    assert len(training_curve_figure(HISTORY[:2]).axes) == 1


def test_a_log_without_curves_is_refused():
    with pytest.raises(ValueError, match="Was `logging_steps` larger"):
        training_curve_figure([{"train_runtime": 1.0, "step": 3}])


def test_drawing_leaves_matplotlib_alone(tmp_path):
    before = (dict(matplotlib.rcParams), "matplotlib.pyplot" in sys.modules)
    save_figure(training_curve_figure(HISTORY), tmp_path / "figure.png")
    assert (dict(matplotlib.rcParams), "matplotlib.pyplot" in sys.modules) == before


def test_files_are_pngs_of_200_dpi_and_repeatable(tmp_path):
    for name in ("a.png", "b.png"):
        save_figure(confusion_matrix_figure([[1, 0], [1, 2]], ["joy", "fear"]), tmp_path / "new" / name)
    with Image.open(tmp_path / "new" / "a.png") as image:
        assert image.format == "PNG"
        assert image.info["dpi"] == pytest.approx((200, 200), abs=0.1)
    assert (tmp_path / "new" / "a.png").read_bytes() == (tmp_path / "new" / "b.png").read_bytes()


@pytest.mark.parametrize(
    ("corpora", "expected"),
    [
        (["emodb"], ["confusion_matrix_emodb.png"]),
        (
            ["emodb", "my corpus"],
            ["confusion_matrix.png", "confusion_matrix_emodb.png", "confusion_matrix_my_corpus.png"],
        ),
    ],
)
def test_a_report_gives_one_matrix_per_corpus_and_one_overall(tmp_path, corpora, expected):
    matrix = [[1, 0], [0, 1]]
    report = {
        "classes": ["joy", "fear"],
        "confusion": {"overall": matrix, "per_corpus": dict.fromkeys(corpora, matrix)},
    }
    files = save_report_figures(report, tmp_path, log_history=HISTORY)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*expected, "training_curve.png"])
    assert all(path.is_file() for path in files.values())
    assert list(files)[-1] == "Training curve"


def test_a_run_without_logged_losses_gets_its_other_figures(tmp_path):
    report = {"classes": ["joy"], "confusion": {"overall": [[1]], "per_corpus": {"emodb": [[1]]}}}
    files = save_report_figures(report, tmp_path, log_history=[{"train_runtime": 1.0, "step": 4}])
    assert list(files) == ["Confusion matrix, emodb"]
