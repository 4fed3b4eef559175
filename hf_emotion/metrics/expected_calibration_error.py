"""Expected calibration error (ECE): how far a model's confidence is from its accuracy."""

import evaluate
import numpy as np

from .inputs import check_scores, score_features


_DESCRIPTION = """
Expected calibration error (ECE; Guo et al., 2017, section 2): utterances are sorted by the probability of the
predicted class into bins of equal width ((m - 1) / M, m / M], and the gap between each bin's accuracy and its mean
confidence is averaged, weighted by the bin's share of utterances. The estimate depends on the number of bins and is
biased upwards on small test sets: compare models on the same utterances with the same `num_bins`.
"""

_INPUTS = """
Args:
    predictions (`list` of `list` of `float`): Probabilities of shape `(num_utterances, num_classes)`, rows summing to
        1.
    references (`list` of `int`): True class id of each utterance, an index into the columns.
    num_bins (`int`, defaults to 15): Number of equally wide bins.

Returns:
    expected_calibration_error (`float`): Between 0 and 1, lower is better.

Raises:
    ValueError: No utterance, rows that are no probabilities, an id without a column, or `num_bins` below 1.

Examples:

    >>> from hf_emotion.metrics import load_metric
    >>> ece = load_metric("expected_calibration_error")

    Ten utterances at confidence 0.8, six of them right: the gap is 0.2.

    >>> probabilities = [[0.8, 0.2]] * 10
    >>> result = ece.compute(predictions=probabilities, references=[0] * 6 + [1] * 4)
    >>> round(result["expected_calibration_error"], 4)
    0.2
"""

_CITATION = """
@inproceedings{guo2017calibration,
  title     = {On Calibration of Modern Neural Networks},
  author    = {Guo, Chuan and Pleiss, Geoff and Sun, Yu and Weinberger, Kilian Q.},
  booktitle = {Proc. International Conference on Machine Learning},
  pages     = {1321--1330},
  year      = {2017}
}
"""

# Softmax in half precision leaves row sums off by about 1e-3.
_SUM_TOLERANCE = 5e-3


def calibration_error(probabilities: np.ndarray, references: np.ndarray, num_bins: int = 15) -> float:
    """Expected calibration error of the most probable class.

    Args:
        probabilities (`np.ndarray` of shape `(num_utterances, num_classes)`): Rows that sum to 1.
        references (`np.ndarray` of shape `(num_utterances,)`): True class ids.
        num_bins (`int`, *optional*, defaults to 15): Number of equally wide bins.

    Returns:
        `float`: Between 0 and 1.
    """
    confidence = probabilities.max(axis=1)
    is_right = probabilities.argmax(axis=1) == references
    bins = np.digitize(confidence, np.linspace(0, 1, num_bins + 1)[1:-1], right=True)
    gaps = np.bincount(bins, weights=is_right - confidence, minlength=num_bins)
    return float(np.abs(gaps).sum() / len(references))


@evaluate.utils.file_utils.add_start_docstrings(_DESCRIPTION, _INPUTS)
class ExpectedCalibrationError(evaluate.Metric):
    def _info(self):
        return evaluate.MetricInfo(
            description=_DESCRIPTION, citation=_CITATION, inputs_description=_INPUTS, features=score_features()
        )

    def _compute(self, predictions, references, num_bins=15):
        if num_bins < 1:
            raise ValueError(f"num_bins={num_bins} leaves no bin to sort into; use 1 or more (the usual value is 15).")
        probabilities, references = check_scores(predictions, references)
        sums = probabilities.sum(axis=1)
        if probabilities.min() < 0 or np.abs(sums - 1).max() > _SUM_TOLERANCE:
            row = int(np.abs(sums - 1).argmax())
            raise ValueError(
                f"`predictions` must hold probabilities, but the smallest entry is {probabilities.min():.4g} and row "
                f"{row} sums to {sums[row]:.4g}. Apply a softmax to logits first."
            )
        return {"expected_calibration_error": calibration_error(probabilities, references, num_bins)}
