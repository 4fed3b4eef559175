"""F1 weighted by the number of utterances of each class."""

import evaluate
from sklearn.metrics import f1_score

from .inputs import check_labels, label_features


_DESCRIPTION = """
Weighted F1: the mean of the classes' F1 scores, each class weighted by its number of references. Frequent emotions
dominate it, so read it beside macro-F1 or the unweighted average recall.
"""

_INPUTS = """
Args:
    predictions (`list` of `int` or `str`): Predicted label of each utterance.
    references (`list` of `int` or `str`): True label of each utterance.

Returns:
    weighted_f1 (`float`): Between 0 and 1, higher is better.

Raises:
    ValueError: A missing label or a fractional class id.

Examples:

    >>> from hf_emotion.metrics import load_metric
    >>> weighted_f1 = load_metric("weighted_f1")

    Class 0 (3 utterances) has F1 0.8, class 1 (1 utterance) has F1 2/3.

    >>> result = weighted_f1.compute(predictions=[0, 0, 1, 1], references=[0, 0, 0, 1])
    >>> round(result["weighted_f1"], 4)
    0.7667
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
class WeightedF1(evaluate.Metric):
    def _info(self):
        return evaluate.MetricInfo(
            description=_DESCRIPTION, citation=_CITATION, inputs_description=_INPUTS, features=label_features()
        )

    def _compute(self, predictions, references):
        predictions, references = check_labels(predictions, references)
        return {"weighted_f1": float(f1_score(references, predictions, average="weighted", zero_division=0))}
