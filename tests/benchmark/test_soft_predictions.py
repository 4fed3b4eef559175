"""The soft predictions table, with probabilities or with decisions only."""

import numpy as np
import pandas as pd
import pytest

from hf_emotion.benchmark.scores import macro_f1_of, setting_scores
from hf_emotion.benchmark.soft_predictions import (
    check_soft_predictions,
    decisions_of,
    decisions_table,
    has_probabilities,
    probabilities_of,
    soft_predictions_table,
    truth_of,
)


CLASSES = ["angry", "sad", "happy", "neutral"]
ROWS = pd.DataFrame({"utterance_id": ["a", "b"], "speaker_id": ["1", "2"], "gender": ["male", None]})
LABELS = np.array([[0.25, 0.25, 0.25, 0.25], [0.7, 0.3, 0.0, 0.0]])
PROBABILITIES = np.array([[0.26, 0.24, 0.25, 0.25], [0.4, 0.1, 0.4, 0.1]])


def test_classes_count_above_chance_and_not_at_chance():
    table = soft_predictions_table(ROWS, LABELS, PROBABILITIES, CLASSES)
    assert truth_of(table).tolist() == [[False] * 4, [True, True, False, False]]
    assert decisions_of(table).tolist() == [[True, False, False, False], [True, False, True, False]]


def test_decisions_score_as_the_probabilities_that_they_come_from():
    soft = soft_predictions_table(ROWS, LABELS, PROBABILITIES, CLASSES)
    hard = decisions_table(ROWS, LABELS, PROBABILITIES > 0.25, CLASSES)
    assert (has_probabilities(soft), has_probabilities(hard)) == (True, False)
    assert np.array_equal(decisions_of(hard), decisions_of(soft))
    assert macro_f1_of(hard) == macro_f1_of(soft) == pytest.approx((2 / 3 + 0 + 0 + 0) / 4)
    scores = setting_scores({1: [hard]}), setting_scores({1: [soft]})
    assert scores[0].pop("calibration_error") is None
    assert scores[1].pop("calibration_error") > 0
    assert scores[0] == scores[1]


def test_probabilities_of_decisions_do_not_exist():
    with pytest.raises(ValueError, match="Only the decisions of this system are known"):
        probabilities_of(decisions_table(ROWS, LABELS, PROBABILITIES > 0.25, CLASSES))


def test_a_table_of_decisions_needs_those_of_every_class():
    table = decisions_table(ROWS, LABELS, PROBABILITIES > 0.25, CLASSES).drop(columns="decision_sad")
    with pytest.raises(ValueError, match=r"lacks the columns \['decision_sad'\]"):
        check_soft_predictions(table)


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1, 0.9])
def test_probabilities_that_are_no_distribution_are_refused(value):
    wrong = PROBABILITIES.copy()
    wrong[1, 0] = value
    with pytest.raises(ValueError, match="probability_<class> of 1 utterances are no distribution, first 'b'"):
        soft_predictions_table(ROWS, LABELS, wrong, CLASSES)
