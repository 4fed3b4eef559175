"""The registry, and rules that every metric keeps by existing."""

import ast
import doctest
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import evaluate
import pytest

import hf_emotion.metrics
from hf_emotion.metrics import METRICS, list_metrics, load_metric, metric_path


FOLDER = Path(hf_emotion.metrics.__file__).parent
MODULES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")


def _metric_classes(path):
    return [
        node.name
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "evaluate.Metric" for base in node.bases)
    ]


def test_registry_lists_exactly_the_files_that_define_a_metric():
    files = {path.stem: path.name for path in FOLDER.glob("*.py") if _metric_classes(path)}
    assert files == METRICS
    assert list_metrics() == sorted(files)


def test_each_file_defines_at_most_one_metric():
    assert all(len(_metric_classes(path)) <= 1 for path in FOLDER.glob("*.py"))


@pytest.mark.parametrize("module", [*MODULES, "__init__"])
def test_every_example_in_the_documentation_runs(module):
    name = "hf_emotion.metrics" if module == "__init__" else f"hf_emotion.metrics.{module}"
    outcome = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert outcome.failed == 0
    assert outcome.attempted > 0 or module == "inputs"


@pytest.mark.parametrize("name", list_metrics())
def test_every_metric_documents_itself(name):
    metric = load_metric(name)
    assert isinstance(metric, evaluate.Metric)
    assert metric.info.description.strip()
    assert metric.info.citation.strip().startswith("@")
    for section in ("Args:", "Returns:", "Raises:", "Examples:"):
        assert section in metric.info.inputs_description
    assert f"{name} (`" in metric.info.inputs_description


@pytest.mark.parametrize("name", list_metrics())
def test_no_metric_swallows_misspelt_options(name):
    parameters = inspect.signature(load_metric(name)._compute).parameters.values()
    assert all(parameter.kind is not inspect.Parameter.VAR_KEYWORD for parameter in parameters)


@pytest.mark.parametrize("name", list_metrics())
def test_evaluate_load_reads_the_file_without_a_network(name, evaluate_cache):
    metric = evaluate.load(str(metric_path(name)), cache_dir=str(evaluate_cache))
    assert metric.__module__.startswith("evaluate_modules.")
    if metric.info.features is not None and isinstance(metric.info.features, list):
        inputs = {"predictions": [0, 1, 1, 1], "references": [0, 1, 1, 0]}
    elif "List" in str(metric.info.features["predictions"]):
        inputs = {"predictions": [[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.6, 0.4]], "references": [0, 1, 0, 1]}
    else:
        inputs = {"predictions": [1.0, 2.0, 4.0], "references": [1.0, 2.0, 3.0]}
    assert metric.compute(**inputs)[name] == load_metric(name).compute(**inputs)[name]


def test_unknown_metric_is_refused_with_a_suggestion():
    with pytest.raises(ValueError, match=r"no metric 'macro_f'. Did you mean .*macro_f1"):
        load_metric("macro_f")
    with pytest.raises(ValueError, match="Choose one of accuracy"):
        load_metric("xyz")


def test_loading_needs_no_writable_cache(tmp_path, monkeypatch, evaluate_cache):
    blocked = tmp_path / "cache"
    blocked.write_text("a file, so that no folder can be created here")
    monkeypatch.setattr(evaluate.config, "HF_METRICS_CACHE", str(blocked))
    with pytest.raises(OSError, match="cache"):
        evaluate.load(str(metric_path("accuracy")))
    assert load_metric("accuracy").compute(predictions=[1, 0], references=[1, 1]) == {"accuracy": 0.5}


def test_loading_leaves_no_file_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    load_metric("macro_f1").compute(predictions=[0, 1], references=[0, 1])
    assert list(tmp_path.iterdir()) == []


def test_importing_the_registry_does_not_import_evaluate():
    code = "import sys, hf_emotion.metrics; print('evaluate' in sys.modules, 'sklearn' in sys.modules)"
    finished = subprocess.run(
        [sys.executable, "-c", code], cwd=FOLDER.parents[1], capture_output=True, text=True, check=True
    )
    assert finished.stdout.split() == ["False", "False"]


def test_a_metric_can_be_used_again_and_filled_batch_by_batch():
    metric = load_metric("unweighted_average_recall")
    metric.add_batch(predictions=[0, 0], references=[0, 0])
    metric.add_batch(predictions=[0, 0], references=[1, 1])
    assert metric.compute() == {"unweighted_average_recall": 0.5}
    assert metric.compute(predictions=[1], references=[1]) == {"unweighted_average_recall": 1.0}


@pytest.mark.parametrize(
    "name", ["accuracy", "confusion_matrix", "macro_f1", "unweighted_average_recall", "weighted_f1"]
)
@pytest.mark.parametrize(
    ("predictions", "references", "message"),
    [
        ([0.2, 0.9], [0, 1], "found 0.2. Take the argmax"),
        ([0, float("nan")], [0, 1], "found nan"),
        ([0, 1], [0, None], "lacks the label of 1 of 2 utterances, first at position 1"),
        (["joy", "anger"], [0, 1], "don't match the expected format"),
        ([0, 1], [0, 1, 1], "Mismatch in the number"),
        ([[0.1, 0.9], [0.8, 0.2]], [0, 1], "don't match the expected format"),
    ],
)
def test_label_metrics_refuse(name, predictions, references, message):
    with pytest.raises(ValueError, match=message):
        load_metric(name).compute(predictions=predictions, references=references)


@pytest.mark.parametrize("name", ["equal_error_rate", "expected_calibration_error"])
@pytest.mark.parametrize(
    ("predictions", "references", "message"),
    [
        ([], [], "nothing to score"),
        ([[0.5, 0.5], [1.0]], [0, 1], r"row lengths are \[1, 2\]"),
        ([[1.0], [1.0]], [0, 0], "at least two classes"),
        ([[0.5, float("nan")], [0.5, 0.5]], [0, 1], "NaN or infinite for 1 of 2 utterances"),
        ([[0.5, 0.5], [0.5, 0.5]], [0, 2], r"class ids \[2\], but `predictions` has 2 columns"),
        ([[0.5, 0.5], [0.5, 0.5]], [0, None], "lacks the label of 1 of 2"),
    ],
)
def test_score_metrics_refuse(name, predictions, references, message):
    with pytest.raises(ValueError, match=message):
        load_metric(name).compute(predictions=predictions, references=references)
