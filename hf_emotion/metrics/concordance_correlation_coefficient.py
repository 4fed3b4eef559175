"""Concordance correlation coefficient (CCC) of continuous ratings such as arousal, valence and dominance."""

import datasets
import evaluate
import numpy as np

from .inputs import check_finite


_DESCRIPTION = """
Concordance correlation coefficient (CCC; Lin, 1989): agreement of predicted and true values of one dimension,

    CCC = 2 cov(x, y) / (var(x) + var(y) + (mean(x) - mean(y))^2)

with moments divided by the number of utterances, as in Lin's equation for the sample coefficient. Unlike Pearson's
correlation it punishes a wrong scale and a wrong offset.

Constant inputs: if only one side is constant, or both are but at different values, the coefficient is 0. If both hold
the same constant, the quotient is 0 / 0 and the result is NaN: agreement cannot be told from a model without output
range.
"""

_INPUTS = """
Args:
    predictions (`list` of `float`): Predicted value of each utterance.
    references (`list` of `float`): True value of each utterance.

Returns:
    concordance_correlation_coefficient (`float`): Between -1 and 1, higher is better; NaN if undefined.

Raises:
    ValueError: Fewer than two utterances, or a value that is missing, NaN or infinite.

Examples:

    >>> from hf_emotion.metrics import load_metric
    >>> ccc = load_metric("concordance_correlation_coefficient")

    An offset of one: 2 * (2 / 3) / (2 / 3 + 2 / 3 + 1) = 4 / 7, where Pearson's correlation is 1.

    >>> result = ccc.compute(predictions=[2.0, 3.0, 4.0], references=[1.0, 2.0, 3.0])
    >>> round(result["concordance_correlation_coefficient"], 4)
    0.5714
"""

_CITATION = """
@article{lin1989concordance,
  title   = {A Concordance Correlation Coefficient to Evaluate Reproducibility},
  author  = {Lin, Lawrence I-Kuei},
  journal = {Biometrics},
  volume  = {45},
  number  = {1},
  pages   = {255--268},
  year    = {1989}
}
"""


def _concordance(predictions, references):
    if np.ptp(predictions) == 0 and np.ptp(references) == 0 and predictions[0] == references[0]:
        return float("nan")
    if np.ptp(predictions) == 0 or np.ptp(references) == 0:
        return 0.0  # rounding in the mean would leave a tiny covariance
    covariance = np.cov(predictions, references, ddof=0)
    offset = predictions.mean() - references.mean()
    return float(2 * covariance[0, 1] / (covariance[0, 0] + covariance[1, 1] + offset**2))


@evaluate.utils.file_utils.add_start_docstrings(_DESCRIPTION, _INPUTS)
class ConcordanceCorrelationCoefficient(evaluate.Metric):
    def _info(self):
        number = datasets.Value("float64")
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_INPUTS,
            features=datasets.Features({"predictions": number, "references": number}),
        )

    def _compute(self, predictions, references):
        if len(references) < 2:
            raise ValueError(f"Concordance needs at least two utterances, found {len(references)}.")
        score = _concordance(check_finite("predictions", predictions), check_finite("references", references))
        return {"concordance_correlation_coefficient": score}
