"""Metrics of speech emotion recognition, each an `evaluate.Metric` in a file of its own, all usable without a network.

The name of a metric is its key in `METRICS`, its file name, and the key of its score in the result.
"""

from __future__ import annotations

import importlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ..suggestions import did_you_mean


if TYPE_CHECKING:
    import evaluate

METRICS = {
    "accuracy": "accuracy.py",
    "concordance_correlation_coefficient": "concordance_correlation_coefficient.py",
    "confusion_matrix": "confusion_matrix.py",
    "equal_error_rate": "equal_error_rate.py",
    "expected_calibration_error": "expected_calibration_error.py",
    "macro_f1": "macro_f1.py",
    "micro_f1": "micro_f1.py",
    "unweighted_average_recall": "unweighted_average_recall.py",
    "weighted_f1": "weighted_f1.py",
}


def list_metrics() -> list[str]:
    """Names that [`load_metric`] knows, sorted."""
    return sorted(METRICS)


def metric_path(name: str) -> Path:
    """File of a metric, for `evaluate.load`, which adds caching on disk and scoring across processes.

    Args:
        name (`str`): One of [`list_metrics`].

    Returns:
        `pathlib.Path`: The metric's module.

    Raises:
        ValueError: There is no such metric.

    Example:

    ```python
    >>> metric_path("macro_f1").name
    'macro_f1.py'

    ```
    """
    if name not in METRICS:
        raise ValueError(
            f"There is no metric {name!r}. {did_you_mean(name, METRICS)}Choose one of {', '.join(list_metrics())}."
        )
    return Path(__file__).with_name(METRICS[name])


def load_metric(name: str) -> evaluate.Metric:
    """Load a metric that keeps its inputs in memory: no cache file, no lock, no network, no writable home needed.

    Args:
        name (`str`): One of [`list_metrics`].

    Returns:
        `evaluate.Metric`: The metric; `metric.compute(predictions=..., references=...)[name]` is its score.

    Raises:
        ValueError: There is no such metric.

    Example:

    ```python
    >>> load_metric("accuracy").compute(predictions=[0, 1, 1], references=[0, 1, 0])["accuracy"]
    0.6666666666666666

    ```
    """
    module = importlib.import_module(f"{__name__}.{metric_path(name).stem}")
    metric_class = getattr(module, "".join(word.capitalize() for word in name.split("_")))
    # The constructor creates a cache folder even for a metric that never writes to it.
    with tempfile.TemporaryDirectory(prefix="hf_emotion_metric_") as unused_cache:
        return metric_class(keep_in_memory=True, cache_dir=unused_cache)
