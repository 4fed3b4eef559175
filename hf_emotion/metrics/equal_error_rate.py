"""Equal error rate (EER) of each class against the rest, and its mean."""

import evaluate
import numpy as np
from sklearn.metrics import roc_curve

from .inputs import check_scores, score_features


_DESCRIPTION = """
Equal error rate (EER): the error of a detector at the threshold where false alarms are as frequent as misses. Each
class is detected against all others from its own score column, and the classes' EERs are averaged.

Convention: the receiver operating characteristic is the polyline through the points of all thresholds, ties included,
and the EER is where it crosses the line false positive rate = false negative rate, interpolated exactly. Scores that
do not separate the class at all give 0.5, a perfect ranking gives 0. Only the order of the scores within a column
counts, so logits serve as well as probabilities if their offset is the same for all utterances. A class without
references, or without references of another class, has no EER and is left out of the mean.
"""

_INPUTS = """
Args:
    predictions (`list` of `list` of `float`): Scores of shape `(num_utterances, num_classes)`, higher = more likely.
    references (`list` of `int`): True class id of each utterance, an index into the score columns.

Returns:
    equal_error_rate (`float`): Mean over the classes, between 0 and 1, lower is better.
    per_class (`list` of `float` or `None`): EER of each class in column order, `None` where it is undefined.

Raises:
    ValueError: No utterance, rows of different lengths, a score that is not finite, an id without a column, or
        references of one class only.

Examples:

    >>> from hf_emotion.metrics import load_metric
    >>> eer = load_metric("equal_error_rate")

    Class 1 scores 0.9 and 0.4 where it is true, 0.6 and 0.1 where it is not: one of two errors either way at 0.5.

    >>> scores = [[0.1, 0.9], [0.6, 0.4], [0.4, 0.6], [0.9, 0.1]]
    >>> eer.compute(predictions=scores, references=[1, 1, 0, 0])
    {'equal_error_rate': 0.5, 'per_class': [0.5, 0.5]}
"""

_CITATION = """
@article{fawcett2006introduction,
  title   = {An introduction to {ROC} analysis},
  author  = {Fawcett, Tom},
  journal = {Pattern Recognition Letters},
  volume  = {27},
  number  = {8},
  pages   = {861--874},
  year    = {2006}
}
"""


def class_equal_error_rates(scores: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Equal error rate of each class against the rest.

    Args:
        scores (`np.ndarray` of shape `(num_utterances, num_classes)`): Higher means more likely.
        references (`np.ndarray` of shape `(num_utterances,)`): True class ids.

    Returns:
        `np.ndarray` of shape `(num_classes,)`: NaN where a class has no positive or no negative reference.
    """
    rates = np.full(scores.shape[1], np.nan)
    for index in range(scores.shape[1]):
        is_positive = references == index
        if is_positive.any() and not is_positive.all():
            rates[index] = _crossing(*roc_curve(is_positive, scores[:, index], drop_intermediate=False)[:2])
    return rates


def _crossing(false_positive_rate, true_positive_rate):
    """Where the polyline of the curve meets false positive rate = false negative rate."""
    gap = (1 - true_positive_rate) - false_positive_rate  # falls from 1 to -1
    after = int(np.argmax(gap <= 0))
    share = gap[after - 1] / (gap[after - 1] - gap[after])
    return false_positive_rate[after - 1] + share * (false_positive_rate[after] - false_positive_rate[after - 1])


@evaluate.utils.file_utils.add_start_docstrings(_DESCRIPTION, _INPUTS)
class EqualErrorRate(evaluate.Metric):
    def _info(self):
        return evaluate.MetricInfo(
            description=_DESCRIPTION, citation=_CITATION, inputs_description=_INPUTS, features=score_features()
        )

    def _compute(self, predictions, references):
        scores, references = check_scores(predictions, references)
        rates = class_equal_error_rates(scores, references)
        if np.isnan(rates).all():
            raise ValueError(
                f"All {len(references)} references are of class {references[0]}: the equal error rate needs "
                "utterances of at least two classes."
            )
        per_class = [None if np.isnan(rate) else float(rate) for rate in rates]
        return {"equal_error_rate": float(np.nanmean(rates)), "per_class": per_class}
