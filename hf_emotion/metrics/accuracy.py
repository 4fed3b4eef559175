"""Accuracy, the share of utterances that are right."""

import evaluate
from sklearn.metrics import accuracy_score

from .inputs import check_labels, label_features


_DESCRIPTION = """
Accuracy: the share of utterances whose predicted label is the true one, also called weighted average recall (WAR) or
weighted accuracy (WA) in this field. On skewed corpora it rewards predicting the most frequent emotion.
"""

_INPUTS = """
Args:
    predictions (`list` of `int` or `str`): Predicted label of each utterance.
    references (`list` of `int` or `str`): True label of each utterance.

Returns:
    accuracy (`float`): Between 0 and 1, higher is better.

Raises:
    ValueError: A missing label or a fractional class id.

Examples:

    >>> from hf_emotion.metrics import load_metric
    >>> accuracy = load_metric("accuracy")
    >>> accuracy.compute(predictions=["joy", "joy", "anger", "fear"], references=["joy", "anger", "anger", "fear"])
    {'accuracy': 0.75}
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
class Accuracy(evaluate.Metric):
    def _info(self):
        return evaluate.MetricInfo(
            description=_DESCRIPTION, citation=_CITATION, inputs_description=_INPUTS, features=label_features()
        )

    def _compute(self, predictions, references):
        predictions, references = check_labels(predictions, references)
        return {"accuracy": float(accuracy_score(references, predictions))}
