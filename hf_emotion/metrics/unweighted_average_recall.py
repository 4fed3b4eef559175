"""Unweighted average recall (UAR), the standard score of speech emotion recognition."""

import evaluate
from sklearn.metrics import recall_score

from .inputs import check_labels, classes_to_average, label_features


_DESCRIPTION = """
Unweighted average recall (UAR): the mean of the classes' recalls, so that every emotion counts the same however rare
it is. A model that ignores its input scores 1 / (number of classes). It equals macro-averaged recall and balanced
accuracy.

Classes that do not occur in the references are left out of the mean: their recall is undefined, and a corpus without
"surprise" says nothing about it. A prediction of such a class still counts as a miss of the true class.
"""

_INPUTS = """
Args:
    predictions (`list` of `int` or `str`): Predicted label of each utterance.
    references (`list` of `int` or `str`): True label of each utterance.
    labels (`list`, *optional*): Classes to average over; by default all that occur in the references.

Returns:
    unweighted_average_recall (`float`): Between 0 and 1, higher is better.

Raises:
    ValueError: A missing label, a fractional class id, or no reference among `labels`.

Examples:

    >>> from hf_emotion.metrics import load_metric
    >>> uar = load_metric("unweighted_average_recall")

    Three of four neutral utterances and one of two sad ones are right; nobody was angry.

    >>> references = ["neutral", "neutral", "neutral", "neutral", "sadness", "sadness"]
    >>> predictions = ["neutral", "neutral", "neutral", "anger", "sadness", "anger"]
    >>> uar.compute(predictions=predictions, references=references)
    {'unweighted_average_recall': 0.625}
    >>> uar.compute(predictions=predictions, references=references, labels=["sadness"])
    {'unweighted_average_recall': 0.5}
"""

_CITATION = """
@inproceedings{schuller2009interspeech,
  title     = {The {INTERSPEECH} 2009 Emotion Challenge},
  author    = {Schuller, Bj{\\"o}rn and Steidl, Stefan and Batliner, Anton},
  booktitle = {Proc. Interspeech},
  pages     = {312--315},
  year      = {2009}
}
"""


@evaluate.utils.file_utils.add_start_docstrings(_DESCRIPTION, _INPUTS)
class UnweightedAverageRecall(evaluate.Metric):
    def _info(self):
        return evaluate.MetricInfo(
            description=_DESCRIPTION, citation=_CITATION, inputs_description=_INPUTS, features=label_features()
        )

    def _compute(self, predictions, references, labels=None):
        predictions, references = check_labels(predictions, references)
        classes = classes_to_average(references, labels)
        score = recall_score(references, predictions, labels=classes, average="macro", zero_division=0)
        return {"unweighted_average_recall": float(score)}
