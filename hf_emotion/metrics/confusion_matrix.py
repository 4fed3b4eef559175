"""Confusion matrix, true classes in rows."""

import evaluate
import numpy as np
from sklearn.metrics import confusion_matrix

from .inputs import check_labels, label_features


_DESCRIPTION = """
Confusion matrix: entry (i, j) counts the utterances of true class i that were predicted as class j. Normalised over
its rows it shows the recalls on the diagonal; the row of a class without references is then all zeros.
"""

_INPUTS = """
Args:
    predictions (`list` of `int` or `str`): Predicted label of each utterance.
    references (`list` of `int` or `str`): True label of each utterance.
    labels (`list`, *optional*): Order of the classes; by default all that occur in either input, sorted.
    normalize (`str`, *optional*): `"true"` divides each row by its sum; by default entries are counts.

Returns:
    confusion_matrix (`list` of `list`): Shape `(num_classes, num_classes)`.
    labels (`list`): The class of each row and column.

Raises:
    ValueError: A missing label, a fractional class id, or a label that `labels` does not list.

Examples:

    >>> from hf_emotion.metrics import load_metric
    >>> confusion = load_metric("confusion_matrix")
    >>> references = ["joy", "joy", "joy", "joy", "fear"]
    >>> predictions = ["joy", "joy", "joy", "fear", "fear"]
    >>> confusion.compute(predictions=predictions, references=references)
    {'confusion_matrix': [[1, 0], [1, 3]], 'labels': ['fear', 'joy']}
    >>> confusion.compute(predictions=predictions, references=references, labels=["joy", "fear"], normalize="true")
    {'confusion_matrix': [[0.75, 0.25], [0.0, 1.0]], 'labels': ['joy', 'fear']}
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
class ConfusionMatrix(evaluate.Metric):
    def _info(self):
        return evaluate.MetricInfo(
            description=_DESCRIPTION, citation=_CITATION, inputs_description=_INPUTS, features=label_features()
        )

    def _compute(self, predictions, references, labels=None, normalize=None):
        if normalize not in (None, "true"):
            raise ValueError(f"normalize={normalize!r} is unknown: choose None (counts) or 'true' (rows sum to one).")
        predictions, references = check_labels(predictions, references)
        occurring = np.union1d(predictions, references).tolist()
        labels = occurring if labels is None else list(labels)
        outside = [label for label in occurring if label not in labels]
        if outside:
            raise ValueError(f"The labels {outside} occur in the data but not in labels={labels}; list every class.")
        matrix = confusion_matrix(references, predictions, labels=labels, normalize=normalize)
        return {"confusion_matrix": matrix.tolist(), "labels": labels}
