"""Temperature scaling: make the probabilities of a classifier as trustworthy as they look, without changing a class.

The logits are divided by one number, the temperature T: `softmax(logits / T)`, T > 0 (Guo et al., On Calibration of
Modern Neural Networks, ICML 2017, section 4.2). T is fitted to the log loss on validation predictions; above 1 it
makes an overconfident model more modest. The most probable class stays what it was, and so do UAR, F1 and accuracy.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from ..metrics.expected_calibration_error import calibration_error
from .predictions import PROBABILITY_PREFIX, check_predictions, predicted_classes


logger = logging.getLogger(__name__)

# Beyond these a classifier is a constant or an argmax for all purposes; without bounds a perfect one would get T = 0.
TEMPERATURE_BOUNDS = (0.05, 20.0)

# Lines of the terminal table: label, score, factor, digits behind the point.
_SHOWN_SCORES = (
    ("calibration error (%)", "ece", 100, 1),
    ("log loss (nats)", "log_loss", 1, 3),
    ("Brier score (0 to 2)", "brier", 1, 3),
    ("mean confidence (%)", "confidence", 100, 1),
    ("accuracy (%)", "accuracy", 100, 1),
)
_LABEL_WIDTH, _COLUMN_WIDTH = 25, 27


class FittedTemperature(NamedTuple):
    """A temperature and what it was fitted to.

    Args:
        temperature (`float`): What logits are divided by.
        is_at_bound (`bool`): Whether the best temperature lies outside the permitted range.
        num_utterances (`int`): Size of the validation set.
    """

    temperature: float
    is_at_bound: bool
    num_utterances: int


def fit_temperature(
    frame: pd.DataFrame, *, bounds: tuple[float, float] = TEMPERATURE_BOUNDS, tolerance: float = 1e-6
) -> FittedTemperature:
    """Find the temperature with the smallest log loss.

    The logarithms of probabilities serve as logits: they differ from them by a constant per utterance, which a softmax
    does not see. The log loss is convex in 1 / T, so that the minimum found is the only one.

    Args:
        frame (`pd.DataFrame`): Predictions table of validation utterances, which were neither trained nor tested on.
        bounds (`tuple[float, float]`, *optional*, defaults to `(0.05, 20.0)`): Range of the temperature.
        tolerance (`float`, *optional*, defaults to 1e-6): Precision of log T.

    Returns:
        [`FittedTemperature`]: The temperature.

    Raises:
        ValueError: The table cannot be scored, or the bounds are no range of positive numbers.

    Example: a model that claims 0.9 and is right in six of ten cases should claim 0.6.

    ```python
    >>> from hf_emotion.evaluation.predictions import predictions_table
    >>> rows = [{"utterance_id": str(index), "corpus": "toy"} for index in range(10)]
    >>> table = predictions_table(
    ...     rows, labels=[0] * 6 + [1] * 4, classes=["sad", "joy"], probabilities=np.full((10, 2), [0.9, 0.1])
    ... )
    >>> fitted = fit_temperature(table)
    >>> round(fitted.temperature, 3)
    5.419
    >>> scaled_predictions(table, fitted.temperature)["probability_sad"].round(3).unique().tolist()
    [0.6]

    ```
    """
    low, high = bounds
    if not 0 < low < high:
        raise ValueError(
            f"bounds={bounds} are no range of temperatures; choose two positive numbers, low before high."
        )
    scores, truth = _logits(frame), _references(frame)

    def loss(log_temperature):
        return _log_loss(scores / np.exp(log_temperature), truth)

    found = minimize_scalar(loss, bounds=np.log(bounds), method="bounded", options={"xatol": tolerance})
    temperature = float(np.exp(found.x))
    is_at_bound = bool(min(found.x - np.log(low), np.log(high) - found.x) < 10 * tolerance)
    if is_at_bound:
        logger.warning(
            "The best temperature is at the end of the permitted range %g to %g: the model is right on all %d "
            "validation utterances, or no better than chance. Calibrate on more or on other utterances.",
            low,
            high,
            len(frame),
        )
    return FittedTemperature(temperature, is_at_bound, len(frame))


def scaled_predictions(frame: pd.DataFrame, temperature: float) -> pd.DataFrame:
    """Divide the logits of a predictions table by a temperature.

    Args:
        frame (`pd.DataFrame`): Predictions table.
        temperature (`float`): Above 0.

    Returns:
        `pd.DataFrame`: A copy with other probabilities and the same predicted classes.

    Raises:
        ValueError: The temperature is not a positive number, or the table cannot be scored.
    """
    if not (np.isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature={temperature} cannot divide logits; it must be a positive number.")
    scaled = frame.copy()
    scaled[_columns(frame)] = softmax(_logits(frame) / temperature, axis=1)
    return scaled


def calibration_scores(frame: pd.DataFrame, *, num_bins: int = 15) -> dict[str, float]:
    """How trustworthy the probabilities of a predictions table are.

    Args:
        frame (`pd.DataFrame`): Predictions table.
        num_bins (`int`, *optional*, defaults to 15): Bins of the expected calibration error.

    Returns:
        `dict[str, float]`: `ece`; `log_loss` in nats; `brier` (the squared distance between probabilities and the
        true class, from 0 to 2); mean `confidence` and `accuracy` of the most probable class. The lower the first
        three, the better.
    """
    logits, truth = _logits(frame), _references(frame)
    probabilities = frame[_columns(frame)].to_numpy(dtype=np.float64)
    one_hot = np.eye(probabilities.shape[1])[truth]
    return {
        "ece": calibration_error(probabilities, truth, num_bins),
        "log_loss": _log_loss(logits, truth),
        "brier": float(((probabilities - one_hot) ** 2).sum(axis=1).mean()),
        "confidence": float(probabilities.max(axis=1).mean()),
        "accuracy": float((probabilities.argmax(axis=1) == truth).mean()),
    }


def reliability_bins(frame: pd.DataFrame, *, num_bins: int = 15) -> list[dict[str, Any]]:
    """Sort utterances by the probability of the predicted class, for a reliability diagram.

    Args:
        frame (`pd.DataFrame`): Predictions table.
        num_bins (`int`, *optional*, defaults to 15): Number of equally wide bins.

    Returns:
        `list[dict]`: For each bin (low, high] its `low`, `high` and `count`, and the `accuracy` and mean `confidence`
        of its utterances (`None` in an empty bin). The expected calibration error is the mean of their distances,
        weighted by `count`.
    """
    probabilities, truth = frame[_columns(frame)].to_numpy(dtype=np.float64), _references(frame)
    confidence, is_right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    edges = np.linspace(0, 1, num_bins + 1)
    bins = np.digitize(confidence, edges[1:-1], right=True)
    rows = []
    for index in range(num_bins):
        inside = bins == index
        rows.append(
            {
                "low": float(edges[index]),
                "high": float(edges[index + 1]),
                "count": int(inside.sum()),
                "accuracy": float(is_right[inside].mean()) if inside.any() else None,
                "confidence": float(confidence[inside].mean()) if inside.any() else None,
            }
        )
    return rows


def calibration_report(
    validation: pd.DataFrame, test: pd.DataFrame | None = None, *, num_bins: int = 15
) -> dict[str, Any]:
    """Fit a temperature on validation predictions and score both tables before and after.

    Args:
        validation (`pd.DataFrame`): Predictions table to fit the temperature on.
        test (`pd.DataFrame`, *optional*): Predictions table of other utterances with the same classes.
        num_bins (`int`, *optional*, defaults to 15): Bins of the expected calibration error.

    Returns:
        `dict`: `temperature`, `is_at_bound`, `num_bins`, and under `validation` and, if given, `test`: their
        `num_utterances`, `before` and `after` ([`calibration_scores`]), and `bins` (the same two keys, each
        [`reliability_bins`]).

    Raises:
        ValueError: The tables share utterances or differ in their classes, or one cannot be scored.
    """
    fitted = fit_temperature(validation)
    report: dict[str, Any] = {
        "temperature": fitted.temperature,
        "is_at_bound": fitted.is_at_bound,
        "num_bins": num_bins,
        "validation": _before_and_after(validation, fitted.temperature, num_bins),
    }
    if test is not None:
        _check_apart(validation, test)
        report["test"] = _before_and_after(test, fitted.temperature, num_bins)
    return report


def format_calibration(report: Mapping[str, Any]) -> str:
    """Lay out a calibration report for a terminal of 80 columns.

    Args:
        report (`Mapping`): What [`calibration_report`] returns.

    Returns:
        `str`: The temperature, and the scores of each table before and after, one below the other.
    """
    parts = [part for part in ("validation", "test") if part in report]
    titles = [f"{part} ({report[part]['num_utterances']})" for part in parts]
    count = report["validation"]["num_utterances"]
    lines = [
        f"Temperature {report['temperature']:.3f}, fitted on {count} validation utterances",
        "-" * 79,
        f"{'before -> after':<{_LABEL_WIDTH}}" + "".join(f"{title:>{_COLUMN_WIDTH}}" for title in titles),
        "-" * 79,
    ]
    for label, key, factor, digits in _SHOWN_SCORES:
        values = [[factor * report[part][when][key] for when in ("before", "after")] for part in parts]
        cells = [f"{before:.{digits}f} -> {after:.{digits}f}" for before, after in values]
        lines.append(f"{label:<{_LABEL_WIDTH}}" + "".join(f"{cell:>{_COLUMN_WIDTH}}" for cell in cells))
    if report["is_at_bound"]:
        lines.append("The temperature is at the end of its permitted range: do not rely on it.")
    return "\n".join(lines)


def _before_and_after(frame, temperature, num_bins):
    tables = {"before": frame, "after": scaled_predictions(frame, temperature)}
    return {
        "num_utterances": len(frame),
        **{name: calibration_scores(table, num_bins=num_bins) for name, table in tables.items()},
        "bins": {name: reliability_bins(table, num_bins=num_bins) for name, table in tables.items()},
    }


def _check_apart(validation: pd.DataFrame, test: pd.DataFrame) -> None:
    if predicted_classes(validation) != predicted_classes(test):
        raise ValueError(
            f"The validation predictions are over the classes {predicted_classes(validation)}, the test predictions "
            f"over {predicted_classes(test)}: they come from different models."
        )
    shared = validation[["corpus", "utterance_id"]].merge(test[["corpus", "utterance_id"]])
    if len(shared):
        raise ValueError(
            f"{len(shared)} of {len(test)} test utterances are validation utterances too, first "
            f"{shared['utterance_id'].iloc[0]!r} of {shared['corpus'].iloc[0]}. A temperature that was fitted on them "
            "looks better than it is: score other utterances."
        )


def _columns(frame: pd.DataFrame) -> list[str]:
    return [PROBABILITY_PREFIX + name for name in predicted_classes(frame)]


def _references(frame: pd.DataFrame) -> np.ndarray:
    return pd.Categorical(frame["label"], categories=predicted_classes(frame)).codes.astype(np.int64)


def _logits(frame: pd.DataFrame) -> np.ndarray:
    check_predictions(frame, predicted_classes(frame))
    probabilities = frame[_columns(frame)].to_numpy(dtype=np.float64)
    return np.log(np.maximum(probabilities, np.finfo(np.float64).tiny))  # a softmax in float32 underflows to 0


def _log_loss(logits: np.ndarray, references: Sequence[int] | np.ndarray) -> float:
    return float(-log_softmax(logits, axis=1)[np.arange(len(logits)), references].mean())
