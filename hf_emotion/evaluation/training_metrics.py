"""Scores that the Trainer computes while it trains: recall per corpus, concordance per emotion dimension."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..metrics import load_metric


def corpus_metrics(logits: np.ndarray, labels: np.ndarray, corpora: Sequence[str]) -> dict[str, float]:
    """Score logits corpus by corpus.

    Args:
        logits (`np.ndarray` of shape `(num_utterances, num_classes)`): Scores of the classes.
        labels (`np.ndarray` of shape `(num_utterances,)` or `(num_utterances, num_classes)`): Class ids, or
            distributions, whose largest entry is taken.
        corpora (`Sequence[str]`): Corpus of each utterance.

    Returns:
        `dict[str, float]`: `uar` (mean over the corpora of the unweighted average recall, which leaves out classes
        that the corpus does not have), `accuracy` (over all utterances) and `<corpus>_uar`.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_emotion.evaluation.training_metrics import corpus_metrics
    >>> logits = np.eye(3)[[0, 0, 1, 2, 2]]  # predicts the classes 0, 0, 1, 2, 2
    >>> corpus_metrics(logits, np.array([0, 0, 1, 2, 1]), ["emodb", "emodb", "emodb", "ravdess", "ravdess"])
    {'uar': 0.75, 'accuracy': 0.8, 'emodb_uar': 1.0, 'ravdess_uar': 0.5}

    ```
    """
    predicted = logits.argmax(-1)
    true = labels.argmax(-1) if labels.ndim > 1 else labels
    metric = load_metric("unweighted_average_recall")
    corpus_of = np.asarray(corpora)
    recalls = {}
    for corpus in np.unique(corpus_of).tolist():
        chosen = corpus_of == corpus
        (recalls[f"{corpus}_uar"],) = metric.compute(predictions=predicted[chosen], references=true[chosen]).values()
    return {"uar": float(np.mean(list(recalls.values()))), "accuracy": float((predicted == true).mean()), **recalls}


def dimension_metrics(predicted: Mapping[str, np.ndarray], rated: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Score predicted ratings over all utterances that have one.

    Args:
        predicted (`Mapping[str, np.ndarray]`): Predictions of shape `(num_utterances,)` by dimension.
        rated (`Mapping[str, np.ndarray]`): Ratings by dimension, NaN where unknown.

    Returns:
        `dict[str, float]`: `<dimension>_ccc`, the concordance correlation coefficient, of dimensions with two or more
        ratings, and `ccc`, its mean over them; empty if there are none.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_emotion.evaluation.training_metrics import dimension_metrics
    >>> rated = np.array([1.0, 2.0, 3.0, np.nan])
    >>> dimension_metrics({"arousal": np.array([2.0, 3.0, 4.0, 9.0])}, {"arousal": rated})  # a constant offset of 1
    {'arousal_ccc': 0.571..., 'ccc': 0.571...}

    ```
    """
    metric = load_metric("concordance_correlation_coefficient")
    scores = {}
    for name, values in predicted.items():
        is_rated = ~np.isnan(rated[name])
        if is_rated.sum() > 1:
            (coefficient,) = metric.compute(predictions=values[is_rated], references=rated[name][is_rated]).values()
            scores[f"{name}_ccc"] = float(coefficient)
    return scores | ({"ccc": float(np.mean(list(scores.values())))} if scores else {})
