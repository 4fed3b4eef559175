"""Micro-averaged F1, which equals accuracy when each utterance has one label."""

import evaluate
from sklearn.metrics import f1_score

from .inputs import check_labels, label_features


_DESCRIPTION = """
Micro-F1: F1 of the true positives, false positives and false negatives summed over all classes. With one label per
utterance it equals accuracy; papers that print one number for both "F1" and accuracy report this one.
"""

_INPUTS = """
Args:
    predictions (`list` of `int` or `str`): Predicted label of each utterance.
    references (`list` of `int` or `str`): True label of each utterance.

Returns:
    micro_f1 (`float`): Between 0 and 1, higher is better.

Raises:
    ValueError: A missing label or a fractional class id.

Examples:

    >>> from hf_emotion.metrics import load_metric
    >>> micro_f1 = load_metric("micro_f1")
    >>> micro_f1.compute(predictions=[0, 0, 1, 1], references=[0, 0, 0, 1])
    {'micro_f1': 0.75}
"""

_CITATION = """
@article{pedregosa2011scikit,
  title   = {Scikit-learn: Machine Learning in {P}ython},
  author  = {Pedregosa, Fabian and Varoquaux, Ga{\\"e}l and Gramfort, Alexandre and others},
  journal = {Journal of Machine Learning Research},
  volume  = {12},
  pages   = {2825--2830},
  year    = {2011}
}
"""


@evaluate.utils.file_utils.add_start_docstrings(_DESCRIPTION, _INPUTS)
class MicroF1(evaluate.Metric):
    def _info(self):
        return evaluate.MetricInfo(
            description=_DESCRIPTION, citation=_CITATION, inputs_description=_INPUTS, features=label_features()
        )

    def _compute(self, predictions, references):
        predictions, references = check_labels(predictions, references)
        return {"micro_f1": float(f1_score(references, predictions, average="micro", zero_division=0))}
