"""Scores of soft predictions, by numbers that a reader can check."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from hf_emotion.benchmark.scores import (
    calibration_error_of,
    compare_settings,
    macro_f1_of,
    macro_f1_of_batches,
    setting_scores,
)
from hf_emotion.benchmark.soft_predictions import decisions_of, soft_predictions_table, truth_of


CLASSES = ("angry", "sad", "neutral")


def table(labels, probabilities, speakers=None, genders=None):
    size = len(labels)
    rows = {
        "utterance_id": [f"u{index:03}" for index in range(size)],
        "speaker_id": speakers or [None] * size,
        "gender": genders or [None] * size,
    }
    return soft_predictions_table(pd.DataFrame(rows, dtype=object), labels, probabilities, CLASSES)


def random_table(seed, *, skill=0.0, num_speakers=6, per_speaker=10):
    """Labels of one class each; `skill` pulls the probabilities towards them."""
    truth = np.eye(3)[np.random.default_rng(7).integers(3, size=num_speakers * per_speaker)]
    noise = np.random.default_rng(seed).dirichlet(np.ones(3), size=len(truth))
    speakers = [str(index // per_speaker) for index in range(len(truth))]
    genders = ["female" if int(speaker) % 2 else "male" for speaker in speakers]
    return table(truth, skill * truth + (1 - skill) * noise, speakers, genders)


def test_classes_count_above_chance():
    found = table([[0.95, 0.025, 0.025], [0.4, 0.35, 0.25]], [[0.3, 0.4, 0.3], [0.5, 0.2, 0.3]])
    assert truth_of(found).tolist() == [[True, False, False], [True, True, False]]
    assert decisions_of(found).tolist() == [[False, True, False], [True, False, False]]
    # angry: 1 of 1 predicted, 1 of 2 found -> 2/3; sad: predicted once, wrongly -> 0; neutral: neither -> 0
    assert macro_f1_of(found) == pytest.approx(2 / 9)


def test_macro_f1_of_batches_is_the_mean_over_batches_and_not_the_score():
    found = random_table(0)
    truth, decisions = truth_of(found), decisions_of(found)
    batches = [slice(0, 32), slice(32, 60)]
    expected = [f1_score(truth[rows], decisions[rows], average="macro", zero_division=0) for rows in batches]
    assert macro_f1_of_batches(found) == pytest.approx(np.mean(expected))
    assert macro_f1_of_batches(found) != pytest.approx(macro_f1_of(found))
    # in the order of the names, whatever that of the rows is
    assert macro_f1_of_batches(found.sample(frac=1, random_state=0)) == macro_f1_of_batches(found)


def test_a_prediction_equal_to_the_votes_is_calibrated_and_a_sure_wrong_one_is_not():
    votes = [[0.5, 0.25, 0.25], [0.2, 0.2, 0.6]]
    assert calibration_error_of(table(votes, votes)) == 0
    # two of three cells are off by one
    assert calibration_error_of(table([[1, 0, 0]], [[0, 1, 0]])) == pytest.approx(2 / 3)


def test_a_setting_is_the_mean_over_folds_and_seeds():
    folds = {1: [random_table(0), random_table(1)], 2: [random_table(2), random_table(3)]}
    scores = setting_scores(folds, num_resamples=50)
    single = {fold: [macro_f1_of(frame) for frame in tables] for fold, tables in folds.items()}
    assert scores["macro_f1"] == pytest.approx(np.mean([*single[1], *single[2]]))
    assert scores["folds"] == {"1": pytest.approx(np.mean(single[1])), "2": pytest.approx(np.mean(single[2]))}
    per_seed = np.mean([single[1], single[2]], axis=0)
    assert scores["std_of_seeds"] == pytest.approx(per_seed.std(ddof=1))
    assert scores["interval"][0] < scores["macro_f1"] < scores["interval"][1]
    assert (scores["unit"], scores["num_utterances"]) == ("speaker", 120)


def test_scores_by_class_gender_and_confusion():
    labels = np.eye(3)[[0, 0, 1, 2] * 5]
    probabilities = np.eye(3)[[0, 1, 1, 2] * 5]
    genders = ["female", "male", "female", "male"] * 5
    scores = setting_scores({1: [table(labels, probabilities, None, genders)]}, num_resamples=20)
    assert scores["per_class"]["angry"] == {"f1": pytest.approx(2 / 3), "precision": 1.0, "recall": 0.5, "support": 10}
    # women: angry and sad are right and neutral does not occur; men: angry is missed, sad is wrong, neutral is right
    assert scores["per_gender"] == {"female": pytest.approx(2 / 3), "male": pytest.approx(1 / 3)}
    assert scores["gender_gap"] == pytest.approx(1 / 3)
    assert scores["confusion"] == [[0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    assert scores["unit"] == "utterance"


def test_a_clearly_better_system_is_significantly_better_and_an_equal_one_is_not():
    weak, strong = ({1: [random_table(seed, skill=skill)]} for seed, skill in ((0, 0.0), (1, 0.6)))
    better = compare_settings(weak, strong, num_resamples=200, num_permutations=999)
    assert better["difference"] == pytest.approx(better["b"] - better["a"])
    assert better["difference"] > 0.2
    assert better["interval"][0] > 0
    assert better["p_value"] <= 0.05
    same = compare_settings(weak, weak, num_resamples=200, num_permutations=999)
    assert (same["difference"], same["interval"], same["p_value"]) == (0, [0, 0], 1)


def test_the_smallest_p_value_of_six_speakers_is_one_in_32():
    weak, strong = ({1: [random_table(seed, skill=skill)]} for seed, skill in ((0, 0.0), (1, 0.9)))
    # of 64 exchanges, that of nobody and that of everybody differ as much
    assert compare_settings(weak, strong, num_permutations=9999)["p_value"] == pytest.approx(2 / 64, abs=0.008)


def test_systems_tested_on_other_utterances_are_not_compared():
    first, second = random_table(0), random_table(0).iloc[::-1].reset_index(drop=True)
    with pytest.raises(ValueError, match="other utterances in fold 1"):
        compare_settings({1: [first]}, {1: [second]})
    with pytest.raises(ValueError, match=r"the folds \[1\] and \[2\]"):
        compare_settings({1: [first]}, {2: [first]})


def test_folds_with_other_numbers_of_seeds_have_no_mean():
    with pytest.raises(ValueError, match="different numbers of seeds"):
        setting_scores({1: [random_table(0)], 2: [random_table(0), random_table(1)]})
