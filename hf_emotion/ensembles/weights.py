"""How several classifiers become one: weights on validation predictions, baselines, and how much the members differ.

Everything here works on arrays: `probabilities` of shape `(num_members, num_utterances, num_classes)`, `labels` of
shape `(num_utterances,)` with class ids, `weights` of shape `(num_members,)` that are not negative and sum to one.
"""

from __future__ import annotations

import abc
from itertools import combinations
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from ..metrics import confusion_statistics as statistics


# Below it a probability counts as this much, so that one certain mistake does not make the log loss infinite.
SMALLEST_PROBABILITY = 1e-15
_NEGLIGIBLE_WEIGHT = 1e-6  # what the solver leaves of a member that it has no use for


class Objective(abc.ABC):
    """A score of the weighted sum of member probabilities, as a function of the weights.

    Args:
        probabilities (`np.ndarray` of shape `(num_members, num_utterances, num_classes)`): Predictions of the members.
        labels (`np.ndarray` of shape `(num_utterances,)`): True class ids.
    """

    name: ClassVar[str]
    higher_is_better: ClassVar[bool]

    def __init__(self, probabilities: np.ndarray, labels: np.ndarray):
        self.num_members = len(probabilities)

    @abc.abstractmethod
    def value(self, weights: np.ndarray) -> float:
        """Score of these weights."""

    def loss(self, weights: np.ndarray) -> float:
        """The score, turned so that lower is better."""
        return -self.value(weights) if self.higher_is_better else self.value(weights)


class SmoothObjective(Objective):
    """A score that a solver can follow, because it has a derivative everywhere."""

    @abc.abstractmethod
    def gradient(self, weights: np.ndarray) -> np.ndarray:
        """Derivative of the score by each weight."""


class LogLoss(SmoothObjective):
    r"""Mean negative log probability of the true class, convex in the weights:
    `-1/N sum_i log(sum_m w_m p_m(y_i | x_i))`.

    Example:

    ```python
    >>> halves = np.full((1, 4, 2), 0.5)
    >>> round(LogLoss(halves, np.array([0, 1, 0, 1])).value(np.ones(1)), 4)  # log 2
    0.6931

    ```
    """

    name = "log_loss"
    higher_is_better = False

    def __init__(self, probabilities: np.ndarray, labels: np.ndarray):
        super().__init__(probabilities, labels)
        self.of_true_class = probabilities[:, np.arange(len(labels)), labels]

    def value(self, weights: np.ndarray) -> float:
        return float(-np.log(np.maximum(weights @ self.of_true_class, SMALLEST_PROBABILITY)).mean())

    def gradient(self, weights: np.ndarray) -> np.ndarray:
        return -(self.of_true_class / np.maximum(weights @ self.of_true_class, SMALLEST_PROBABILITY)).mean(axis=1)


class SoftMacroF1(SmoothObjective):
    r"""Macro-F1 of expected counts, a smooth stand-in for macro-F1.

    With `p_ic = sum_m w_m p_m(c | x_i)`, sharpened to `q_ic = p_ic^s / sum_k p_ik^s`, the expected counts of class c,
    of which there are `n_c` utterances, are `TP_c = sum_{i: y_i = c} q_ic`, `TP_c + FP_c = sum_i q_ic` and
    `TP_c + FN_c = n_c`, so that `F1_c = 2 TP_c / (sum_i q_ic + n_c)`; the score is the mean over the classes with
    `n_c > 0`. If every prediction is certain, or s grows without bound, it is macro-F1 itself.

    Sharpening matters: with s = 1 the counts of a mixture are the weighted means of the members' counts, so that
    hardly any mixture beats the best member. The score is not concave: several starts are needed.

    Args:
        probabilities (`np.ndarray` of shape `(num_members, num_utterances, num_classes)`): Predictions of the members.
        labels (`np.ndarray` of shape `(num_utterances,)`): True class ids.
        sharpness (`float`, *optional*, defaults to 10): The exponent s.

    Example:

    ```python
    >>> halves = np.full((1, 4, 2), 0.5)
    >>> SoftMacroF1(halves, np.array([0, 1, 0, 1])).value(np.ones(1))  # 2 * 1 / (2 + 2) for both classes
    0.5

    ```
    """

    name = "soft_macro_f1"
    higher_is_better = True

    def __init__(self, probabilities: np.ndarray, labels: np.ndarray, sharpness: float = 10.0):
        super().__init__(probabilities, labels)
        self.probabilities, self.sharpness = probabilities, sharpness
        self.truth = np.eye(probabilities.shape[2])[labels]
        self.is_present = self.truth.any(axis=0)

    def value(self, weights: np.ndarray) -> float:
        _, sharpened = self._predictions(weights)
        true_positives, total = self._counts(sharpened)
        return float((2 * true_positives / total)[self.is_present].mean())

    def gradient(self, weights: np.ndarray) -> np.ndarray:
        mixed, sharpened = self._predictions(weights)
        true_positives, total = self._counts(sharpened)
        by_sharpened = 2 * (self.truth - true_positives / total) / total * self.is_present / self.is_present.sum()
        centred = by_sharpened - (by_sharpened * sharpened).sum(axis=1, keepdims=True)
        return np.einsum("mnc,nc->m", self.probabilities, self.sharpness * sharpened * centred / mixed)

    def _predictions(self, weights):
        mixed = np.maximum(weighted_sum(self.probabilities, weights), SMALLEST_PROBABILITY)
        powers = (mixed / mixed.max(axis=1, keepdims=True)) ** self.sharpness
        return mixed, powers / powers.sum(axis=1, keepdims=True)

    def _counts(self, sharpened):
        """Expected true positives, and the denominators of F1, which are positive for absent classes too."""
        return (sharpened * self.truth).sum(axis=0), sharpened.sum(axis=0) + np.maximum(self.truth.sum(axis=0), 1)


class MacroF1(Objective):
    """Macro-F1 of the most probable classes. It changes in steps, so only greedy selection can follow it."""

    name = "macro_f1"
    higher_is_better = True

    def __init__(self, probabilities: np.ndarray, labels: np.ndarray):
        super().__init__(probabilities, labels)
        self.probabilities, self.labels = probabilities, labels

    def value(self, weights: np.ndarray) -> float:
        return float(statistics.macro_f1(confusion(weighted_sum(self.probabilities, weights), self.labels)))


OBJECTIVES: dict[str, type[Objective]] = {kind.name: kind for kind in (LogLoss, SoftMacroF1, MacroF1)}


def optimise_weights(objective: Objective, *, num_restarts: int = 8, seed: int = 0) -> np.ndarray:
    """Weights of the constrained weighted sum (`w >= 0`, `sum w = 1`) with the best objective.

    Sequential least squares (SLSQP) starts from uniform weights, from every member alone, and from random weights. The
    starts compete as well, so the result is never worse than the best single member or the plain mean.

    Args:
        objective ([`SmoothObjective`]): What to optimise, on validation predictions.
        num_restarts (`int`, *optional*, defaults to 8): Random starts in addition, uniform over the simplex.
        seed (`int`, *optional*, defaults to 0): Seed of the random starts.

    Returns:
        `np.ndarray` of shape `(num_members,)`: The weights.

    Raises:
        ValueError: The objective is not a smooth one.

    Example:

    ```python
    >>> right, wrong = [[0.9, 0.1], [0.2, 0.8]], [[0.1, 0.9], [0.9, 0.1]]
    >>> optimise_weights(LogLoss(np.array([wrong, right]), np.array([0, 1]))).tolist()
    [0.0, 1.0]

    ```
    """
    if not isinstance(objective, SmoothObjective):
        raise ValueError(
            f"{objective.name} changes in steps, so a solver cannot follow it. Use method 'greedy', or the objective "
            f"{SoftMacroF1.name!r} with method 'weighted'."
        )
    size = objective.num_members
    generator = np.random.default_rng(seed)
    starts = [np.full(size, 1 / size), *np.eye(size)]
    if size > 1:
        # dealt by the members' own ranks, so that the order in which they are named does not matter
        ranks = np.argsort(np.argsort([objective.loss(alone) for alone in np.eye(size)], kind="stable"))
        starts += list(generator.dirichlet(np.ones(size), num_restarts)[:, ranks])
    candidates = [*starts, *(_descend(objective, start) for start in starts if size > 1)]
    losses = [objective.loss(weights) for weights in candidates]
    return candidates[int(np.argmin(losses))]


def _descend(objective: SmoothObjective, start: np.ndarray) -> np.ndarray:
    """End of one descent, on the simplex exactly; the start where the solver got lost."""
    sign = -1.0 if objective.higher_is_better else 1.0
    found = minimize(
        objective.loss,
        start,
        jac=lambda weights: sign * objective.gradient(weights),
        method="SLSQP",
        bounds=[(0.0, 1.0)] * len(start),
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1, "jac": np.ones_like},
        options={"maxiter": 500, "ftol": 1e-12},
    ).x
    if not np.isfinite(found).all():
        return start
    found = np.where(found < _NEGLIGIBLE_WEIGHT, 0.0, found)
    return found / found.sum() if found.sum() > 0 else start


def greedy_weights(objective: Objective, *, num_rounds: int = 50) -> np.ndarray:
    """Forward selection with replacement (Caruana et al., "Ensemble selection from libraries of models", ICML 2004).

    Each round adds the member that makes the mean of those chosen so far best; a member may be added again. The best
    of all rounds counts, and the first holds the best single member, so the result is never worse than that.

    Args:
        objective ([`Objective`]): Any objective on validation predictions.
        num_rounds (`int`, *optional*, defaults to 50): Rounds; weights are multiples of 1 / rounds or coarser.

    Returns:
        `np.ndarray` of shape `(num_members,)`: How often each member was chosen, as a share.

    Raises:
        ValueError: There are no rounds.
    """
    if num_rounds < 1:
        raise ValueError(f"num_rounds={num_rounds}: greedy selection needs at least one round.")
    counts = np.zeros(objective.num_members)
    best, smallest = counts, np.inf
    for size in range(1, num_rounds + 1):
        losses = [objective.loss((counts + one) / size) for one in np.eye(len(counts))]
        counts = counts + np.eye(len(counts))[int(np.argmin(losses))]
        if min(losses) < smallest:
            best, smallest = counts / size, min(losses)
    return best


def weighted_sum(probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted sum over the members, shape `(num_utterances, num_classes)`."""
    return np.einsum("m,mnc->nc", weights, probabilities)


def majority_vote(probabilities: np.ndarray) -> np.ndarray:
    """Share of the members that vote for each class, shape `(num_utterances, num_classes)`.

    The mean probability counts as a thousandth of a vote, shared out in proportion, so that it breaks ties.

    Example:

    ```python
    >>> members = np.array([[[0.6, 0.4]], [[0.6, 0.4]], [[0.0, 1.0]]])
    >>> int(majority_vote(members).argmax()), int(members.mean(axis=0).argmax())  # two of three; the mean differs
    (0, 1)
    >>> int(majority_vote(members[1:]).argmax())  # a tie
    1

    ```
    """
    votes = np.eye(probabilities.shape[2])[probabilities.argmax(axis=2)]
    tie_breaker = 1e-3 * probabilities.mean(axis=0)
    totals = votes.sum(axis=0) + tie_breaker
    return totals / totals.sum(axis=1, keepdims=True)


def combine(probabilities: np.ndarray, weights: np.ndarray, method: str) -> np.ndarray:
    """Predictions of an ensemble: [`majority_vote`] for the method `"vote"`, else [`weighted_sum`]."""
    return majority_vote(probabilities) if method == "vote" else weighted_sum(probabilities, weights)


def scores(probabilities: np.ndarray, labels: np.ndarray, objective: str) -> dict[str, float]:
    """Objective, UAR, macro-F1 and accuracy of predictions of shape `(num_utterances, num_classes)`."""
    counts = confusion(probabilities, labels)
    return {
        objective: OBJECTIVES[objective](probabilities[None], labels).value(np.ones(1)),
        "uar": float(statistics.unweighted_average_recall(counts)),
        "macro_f1": float(statistics.macro_f1(counts)),
        "accuracy": float(statistics.accuracy(counts)),
    }


def confusion(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Confusion matrix of the most probable classes, true classes in rows."""
    return statistics.confusion_counts(labels, probabilities.argmax(axis=1), probabilities.shape[1])


def pairwise_diversity(probabilities: np.ndarray, labels: np.ndarray, names: list[str]) -> pd.DataFrame:
    """How much two members err on different utterances (Kuncheva & Whitaker, Machine Learning 51, 2003).

    With the shares `a` both right, `b` and `c` only one of them right, `d` both wrong:

    * `disagreement = b + c`;
    * `q_statistic = (ad - bc) / (ad + bc)`, Yule's Q: 0 for independent errors, 1 for the same, negative if one is
      right where the other errs;
    * `error_correlation = (ad - bc) / sqrt((a + b)(c + d)(a + c)(b + d))`;
    * `double_fault = d`.

    Undefined values, such as those of a member that is always right, are NaN.

    Args:
        probabilities (`np.ndarray` of shape `(num_members, num_utterances, num_classes)`): Predictions of the members.
        labels (`np.ndarray` of shape `(num_utterances,)`): True class ids.
        names (`list[str]`): Names of the members.

    Returns:
        `pd.DataFrame`: One row for each pair, with `member_a`, `member_b` and the four statistics.
    """
    right = (probabilities.argmax(axis=2) == labels).astype(float)
    rows: list[dict[str, Any]] = []
    for first, second in combinations(range(len(names)), 2):
        both, only_first = (right[first] * right[second]).mean(), (right[first] * (1 - right[second])).mean()
        only_second, neither = (
            ((1 - right[first]) * right[second]).mean(),
            ((1 - right[first]) * (1 - right[second])).mean(),
        )
        same, different = both * neither, only_first * only_second
        spread = np.sqrt((both + only_first) * (only_second + neither) * (both + only_second) * (only_first + neither))
        rows.append(
            {
                "member_a": names[first],
                "member_b": names[second],
                "disagreement": only_first + only_second,
                "q_statistic": (same - different) / (same + different) if same + different > 0 else np.nan,
                "error_correlation": (same - different) / spread if spread > 0 else np.nan,
                "double_fault": neither,
            }
        )
    columns = ["member_a", "member_b", "disagreement", "q_statistic", "error_correlation", "double_fault"]
    return pd.DataFrame(rows, columns=columns)


def oracle_accuracy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Share of the utterances that at least one member gets right: what an ideal choice among them would reach."""
    return float((probabilities.argmax(axis=2) == labels).any(axis=0).mean())
