# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""From the numbers of a network to labels and scores."""

import difflib
from collections.abc import Sequence
from typing import Any

import numpy as np

from .recognition_options import check_count, check_positive


ACTIVATIONS = ("softmax", "sigmoid")


class Scorer:
    """
    Turns logits into scores of the classes that were asked for, and numbers into results.

    Args:
        classes (`Sequence[str]`): Class names in the order of the logits; none for a model that only regresses.
        dimension_names (`Sequence[str]`, *optional*, defaults to `()`): Names of the regressed dimensions.
        activation (`str`, *optional*, defaults to `"softmax"`): `"softmax"` or `"sigmoid"`.
        top_k (`int`, *optional*): Number of classes in a result.
        labels (`Sequence[str]`, *optional*): Classes to keep; the others are as if they were impossible.
        temperature (`float`, *optional*, defaults to 1.0): Logits are divided by it.

    Raises:
        `ValueError`: If a label is no class of the model, or a number is out of range.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_emotion.pipelines.scoring import Scorer
    >>> scorer = Scorer(["anger", "joy", "fear"], labels=["joy", "anger"])
    >>> scorer.result(scorer.scores(np.zeros((1, 3)))[0])["scores"]
    [{'label': 'anger', 'score': 0.5}, {'label': 'joy', 'score': 0.5}]

    ```
    """

    def __init__(
        self,
        classes: Sequence[str],
        dimension_names: Sequence[str] = (),
        activation: str = "softmax",
        *,
        top_k: int | None = None,
        labels: Sequence[str] | None = None,
        temperature: float = 1.0,
    ):
        check_positive("temperature", temperature)
        if top_k is not None:
            check_count("top_k", top_k)
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation={activation!r} is not known. Choose one of {', '.join(ACTIVATIONS)}.")
        self.dimension_names = list(dimension_names)
        self._kept = _kept_classes(classes, labels)
        self._labels = [classes[index] for index in self._kept]
        self._is_softmax, self._top_k, self._temperature = activation == "softmax", top_k, temperature

    @property
    def has_classes(self) -> bool:
        """Whether there are scores, or only dimensions."""
        return bool(self._labels)

    def scores(self, logits: np.ndarray | None) -> np.ndarray | None:
        """Scores `(batch_size, num_kept_classes)` of logits `(batch_size, num_classes)`; `None` of none."""
        if logits is None or not self.has_classes:
            return None
        kept = np.asarray(logits, dtype=np.float64)[:, self._kept] / self._temperature
        if self._is_softmax:
            exponentials = np.exp(kept - kept.max(axis=1, keepdims=True))
            return exponentials / exponentials.sum(axis=1, keepdims=True)
        # the logistic function, written so that nothing overflows
        return 0.5 * (1 + np.tanh(0.5 * kept))

    def result(self, scores: np.ndarray | None = None, dimensions: np.ndarray | None = None) -> dict[str, Any]:
        """`{"label", "score", "scores", "dimensions"}` of one row, as far as there are any."""
        result: dict[str, Any] = {}
        if scores is not None:
            ranked = self.ranking(scores)
            result = {**ranked[0], "scores": ranked}
        return result | self.named_dimensions(dimensions)

    def ranking(self, scores: np.ndarray) -> list[dict[str, Any]]:
        """`{"label", "score"}` of the best classes, best first; the first in the order of classes among equals."""
        best = np.argsort(-scores, kind="stable")[: self._top_k]
        return [{"label": self._labels[index], "score": float(scores[index])} for index in best]

    def named_dimensions(self, dimensions: np.ndarray | None) -> dict[str, Any]:
        """`{"dimensions": {name: value}}`, or nothing where there are none."""
        if dimensions is None or not self.dimension_names:
            return {}
        return {"dimensions": dict(zip(self.dimension_names, dimensions.tolist(), strict=True))}


def _kept_classes(classes: Sequence[str], labels: Sequence[str] | None) -> list[int]:
    if labels is None:
        return list(range(len(classes)))
    if isinstance(labels, str) or not labels or len(set(labels)) != len(labels):
        raise ValueError(f"labels must be a list of different class names, at least one, got {labels!r}.")
    if not classes:
        raise ValueError("The model has no classes that labels could be taken from: leave them out.")
    if unknown := [label for label in labels if label not in classes]:
        raise ValueError(
            f"The model has no class {unknown[0]!r}. {did_you_mean(unknown[0], classes)}Its classes are "
            f"{', '.join(classes)}."
        )
    return [index for index, name in enumerate(classes) if name in set(labels)]


def did_you_mean(name: object, known: Sequence[str]) -> str:
    """A sentence that proposes known names close to a wrong one, with a space behind it; empty if none is close."""
    lowered = {word.lower(): word for word in known}
    close = difflib.get_close_matches(str(name).lower(), lowered, n=1)
    return f"Did you mean {lowered[close[0]]!r}? " if close else ""
