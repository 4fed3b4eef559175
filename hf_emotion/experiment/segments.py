"""
Long recordings in an experiment: trained on as segments, scored as files.

What speaks of training counts segments: batches, epochs, shares of corpora, class weights, `subsample_labels`, the
loss. What speaks of data and scores counts files: splits with their sizes and hashes, predictions, every score of an
evaluation during and after training, intervals, comparisons. Only `eval_loss` is the mean over segments.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import datasets
import numpy as np
from scipy.special import softmax

from ..data.segmentation import check_segmentation, segment_dataset


if TYPE_CHECKING:
    from ..arguments import DataArguments


def segment_parts(parts: datasets.DatasetDict, data_args: DataArguments) -> datasets.DatasetDict:
    """
    Cut the files of each part into segments, if the experiment says so. It has to be split by now, so that no file is
    in two parts.

    Args:
        parts (`datasets.DatasetDict`): the parts of a corpus.
        data_args ([`DataArguments`]): whose `segment_seconds`, `segment_hop_seconds` and `segment_min_seconds` count.

    Raises:
        `ValueError`: if a duration is missing, or the fields contradict each other.
    """
    seconds, hop, shortest = _lengths(data_args)
    if seconds is None:
        return parts
    return datasets.DatasetDict({part: segment_dataset(rows, seconds, hop, shortest) for part, rows in parts.items()})


def describe_segments(data_args: DataArguments, trained: Sequence[datasets.Dataset] = ()) -> str | None:
    """
    How files are cut, for a table of facts; `None` if they are not.

    Args:
        data_args ([`DataArguments`]): the arguments.
        trained (`Sequence[datasets.Dataset]`, *optional*): segmented training part of each corpus, to be counted.

    Example:

    ```python
    >>> from hf_emotion.arguments import DataArguments
    >>> from hf_emotion.experiment.segments import describe_segments
    >>> describe_segments(DataArguments(segment_seconds=6.0, segment_hop_seconds=3.0))
    '6 s every 3 s'

    ```
    """
    seconds, hop, _ = _lengths(data_args)
    if seconds is None:
        return None
    text = f"{seconds:g} s every {seconds if hop is None else hop:g} s"
    num_files = sum(len(set(rows["file_id"][:])) for rows in trained)
    return f"{text}, {sum(map(len, trained)):,} for training from {num_files:,} files" if trained else text


def _lengths(data_args: DataArguments) -> tuple[float | None, float | None, float | None]:
    lengths = (data_args.segment_seconds, data_args.segment_hop_seconds, data_args.segment_min_seconds)
    check_segmentation(*lengths, data_args.max_duration_seconds)
    return lengths


class FilesOfRows:
    """
    The files that the rows of a dataset are segments of, in order of first occurrence. Rows without a `file_id` are
    files themselves, and all values stay as they are.

    Args:
        rows (`datasets.Dataset`): rows, perhaps with `file_id` and `corpus`, as
            [`~hf_emotion.data.segmentation.segment_dataset`] makes them. Equal ids of different corpora are different
            files.

    Example:

    ```python
    >>> import numpy as np
    >>> from datasets import Dataset
    >>> from hf_emotion.experiment.segments import FilesOfRows
    >>> files = FilesOfRows(Dataset.from_dict({"file_id": ["a", "a", "b"]}))
    >>> files.mean(np.array([[1.0], [2.0], [5.0]])).tolist(), files.first(np.array([0, 0, 1])).tolist()
    ([[1.5], [5.0]], [0, 1])

    ```
    """

    def __init__(self, rows: datasets.Dataset):
        self._number = self._first = None
        if "file_id" in rows.column_names:
            corpora = rows["corpus"][:] if "corpus" in rows.column_names else [None] * len(rows)
            numbers: dict[Any, int] = {}
            keys = zip(corpora, rows["file_id"][:], strict=True)
            self._number = np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)
            self._first = np.unique(self._number, return_index=True)[1]

    def first(self, values: Any) -> np.ndarray:
        """Value of the first row of each file, `(num_files, ...)`, for what all rows of a file share."""
        return np.asarray(values) if self._first is None else np.asarray(values)[self._first]

    def mean(self, values: Any) -> np.ndarray:
        """Mean over the rows of each file, `(num_files, ...)`, float64."""
        values = np.asarray(values)
        if self._first is None or self._number is None:
            return values
        sums = np.zeros((len(self._first), *values.shape[1:]))
        np.add.at(sums, self._number, values)
        counts = np.bincount(self._number, minlength=len(self._first))
        return sums / counts.reshape(-1, *(1,) * (values.ndim - 1))

    def class_scores(self, logits: Any) -> np.ndarray:
        """
        Scores of the classes, `(num_files, num_classes)`: the mean probability over the rows of each file, as in
        [`~hf_emotion.evaluation.file_predictions.aggregate_segments`], or the logits where rows are files.
        """
        logits = np.asarray(logits)
        if self._first is None:
            return logits
        return self.mean(softmax(logits.astype(np.float64), axis=-1))
