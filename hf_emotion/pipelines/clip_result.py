# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""Gathers what the network says about the windows of a clip, and makes the clip's result of it."""

from typing import Any

import numpy as np

from .scoring import Scorer
from .windowing import WindowPlan, merge_segments, timeline_cells


class TrackResult:
    """
    The windows of one channel, or of the mix, and what the network said about them.

    Args:
        scorer ([`Scorer`]): Makes results of numbers.
    """

    def __init__(self, scorer: Scorer):
        self._scorer = scorer
        self._spans: list[tuple[int, int]] = []
        self._rows: dict[int, tuple[np.ndarray | None, ...]] = {}

    def expect(self, start: int, num_samples: int) -> int:
        """Note a window, and return its number."""
        self._spans.append((start, start + num_samples))
        return len(self._spans) - 1

    def put(self, number: int, *row: np.ndarray | None) -> None:
        """Note scores, dimensions and embedding of a window."""
        self._rows[number] = row

    @property
    def is_complete(self) -> bool:
        """Whether all windows that were noted have been heard."""
        return len(self._rows) == len(self._spans)

    def result(self, sampling_rate: int, plan: WindowPlan | None) -> dict[str, Any]:
        """The result without `duration`; with `timeline` and `segments` if there is a plan."""
        columns = zip(*(self._rows[number] for number in range(len(self._spans))), strict=True)
        # a model says of all clips the same kinds of things
        scores, dimensions, embeddings = (None if column[0] is None else np.stack(column) for column in columns)
        weights = np.array([end - start for start, end in self._spans], dtype=np.float64)
        result = self._scorer.result(_mean(scores, weights), _mean(dimensions, weights))
        if plan is not None:
            result["timeline"] = list(self._timeline(scores, dimensions, plan.hop, sampling_rate))
            if scores is not None:
                result["segments"] = merge_segments(result["timeline"])
        if embeddings is not None:
            result["embedding"] = _mean(embeddings, weights).astype(np.float32)
        return result

    def _timeline(self, scores, dimensions, hop: int, sampling_rate: int):
        starts, ends = zip(*self._spans, strict=True)
        for start, end, rows in timeline_cells(starts, ends, hop):
            cell: dict[str, Any] = {"start": start / sampling_rate, "end": end / sampling_rate}
            if scores is not None:
                cell["scores"] = self._scorer.ranking(scores[rows].mean(axis=0))
            if dimensions is not None:
                cell |= self._scorer.named_dimensions(dimensions[rows].mean(axis=0))
            yield cell


def _mean(rows: np.ndarray | None, weights: np.ndarray) -> Any:
    if rows is None or len(rows) == 1:  # exactly the row, without rounding
        return rows if rows is None else rows[0]
    return weights @ rows / weights.sum()
