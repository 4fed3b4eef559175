"""Macro-averaged F1."""

import evaluate
from sklearn.metrics import f1_score

from .inputs import check_labels, classes_to_average, label_features


_DESCRIPTION = """
Macro-F1: the mean of the classes' F1 scores, F1 being the harmonic mean of precision and recall.

As for the unweighted average recall, classes that do not occur in the references are left out of the mean.
scikit-learn's `f1_score(average="macro")` counts such a class as F1 = 0 as soon as it is predicted once; pass `labels`
to fix the classes. The other reading of "macro-F1", the F1 of macro precision and macro recall, is not this one (Opitz
and Burst, 2019).
"""

_INPUTS = """
Args:
    predictions (`list` of `int` or `str`): Predicted label of each utterance.
    references (`list` of `int` or `str`): True label of each utterance.
    labels (`list`, *optional*): Classes to average over; by default all that occur in the references.

Returns:
    macro_f1 (`float`): Between 0 and 1, higher is better.

Raises:
    ValueError: A missing label, a fractional class id, or no reference among `labels`.

Examples:

    >>> from hf_emotion.metrics import load_metric
    >>> macro_f1 = load_metric("macro_f1")

    Class 0: precision 2/2, recall 2/3, F1 0.8. Class 1: precision 1/2, recall 1/1, F1 2/3.

    >>> result = macro_f1.compute(predictions=[0, 0, 1, 1], references=[0, 0, 0, 1])
    >>> round(result["macro_f1"], 4)
    0.7333
"""

_CITATION = """
@article{opitz2019macro,
  title   = {Macro {F1} and Macro {F1}},
  author  = {Opitz, Juri and Burst, Sebastian},
  journal = {arXiv preprint arXiv:1911.03347},
  year    = {2019}
}
"""


@evaluate.utils.file_utils.add_start_docstrings(_DESCRIPTION, _INPUTS)
class MacroF1(evaluate.Metric):
    def _info(self):
        return evaluate.MetricInfo(
            description=_DESCRIPTION, citation=_CITATION, inputs_description=_INPUTS, features=label_features()
        )

    def _compute(self, predictions, references, labels=None):
        predictions, references = check_labels(predictions, references)
        classes = classes_to_average(references, labels)
        score = f1_score(references, predictions, labels=classes, average="macro", zero_division=0)
        return {"macro_f1": float(score)}
