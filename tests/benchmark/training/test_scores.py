"""Paired tests and intervals of several folds and seeds: speakers vary, and seeds do not make them more."""

import numpy as np
import pandas as pd
import pytest

from hf_emotion.benchmark.training.scores import compare_trainings, training_interval
from hf_emotion.evaluation.comparison import compare_predictions
from hf_emotion.evaluation.predictions import predictions_table
from hf_emotion.evaluation.report import evaluate_predictions
from tests.prediction_tables import random_predictions


CORPORA = {"one": (5, 60), "two": (4, 40)}


def answers(text, speakers="aabbcc", corpus="toy"):
    """Predictions `text` for utterances whose true classes are x, y, x, y, ..."""
    rows = [
        {"utterance_id": f"{speaker}{index}", "corpus": corpus, "speaker_id": speaker}
        for index, speaker in enumerate(speakers)
    ]
    labels = ["xy"[index % 2] for index in range(len(text))]
    probabilities = [[0.9, 0.1] if answer == "x" else [0.1, 0.9] for answer in text]
    return predictions_table(rows, labels=labels, classes=["x", "y"], probabilities=probabilities)


def test_three_speakers_can_be_exchanged_in_eight_ways():
    found = compare_trainings({1: [answers("yxyxyx")]}, {1: [answers("xyxyxy")]}, "uar")
    assert (found["a"], found["b"], found["difference"], found["interval"]) == (0, 1, 1, [1, 1])
    assert found["p_value"] == pytest.approx(2 / 8)
    assert (found["is_exact"], found["unit"], found["num_utterances"]) == (True, "speaker", 6)


def test_one_training_each_is_compared_as_two_runs_are():
    first, second = (random_predictions(CORPORA, skill=skill, seed=seed) for seed, skill in enumerate((1.0, 1.6)))
    expected = compare_predictions(first, second)["overall"]["metrics"]
    for metric in ("uar", "macro_f1", "accuracy"):
        found = compare_trainings({1: [first]}, {1: [second]}, metric)
        assert found["is_exact"]
        assert expected[metric]["is_exact"]
        for name in ("a", "b", "difference", "p_value"):
            assert found[name] == pytest.approx(expected[metric][name])
        np.testing.assert_allclose(found["interval"], expected[metric]["interval"], atol=0.03)


def test_the_interval_of_one_training_is_that_of_its_report():
    frame = random_predictions(CORPORA, seed=3)
    report = evaluate_predictions(frame)["overall"]
    interval, unit = training_interval({1: [frame]}, "uar")
    np.testing.assert_allclose(interval, report["intervals"]["uar"], atol=0.02)
    assert unit == report["interval_unit"] == "speaker"


def test_seeds_that_answer_alike_change_neither_test_nor_interval():
    first, second = (random_predictions(CORPORA, skill=skill, seed=seed) for seed, skill in enumerate((1.0, 1.6)))
    one = compare_trainings({1: [first]}, {1: [second]}, "uar")
    many = compare_trainings({1: [first] * 2}, {1: [second] * 3}, "uar")
    assert many["interval"] == pytest.approx(one["interval"])
    assert {**many, "interval": None} == pytest.approx({**one, "interval": None})
    assert training_interval({1: [first] * 3}, "uar")[0] == pytest.approx(training_interval({1: [first]}, "uar")[0])


def test_each_seed_counts_the_same_however_many_the_other_system_has():
    found = compare_trainings({1: [answers("xyxyxy"), answers("yxyxyx")]}, {1: [answers("xyxyxx")] * 3}, "accuracy")
    assert (found["a"], found["b"]) == (0.5, pytest.approx(5 / 6))


def test_the_score_is_the_mean_over_folds_not_over_utterances():
    small, large = answers("xyxyxy"), answers("yx" * 6, "dd" + "eeeee" + "fffff")
    found = compare_trainings({1: [small], 2: [large]}, {1: [small], 2: [large]}, "uar")
    assert (found["a"], found["b"], found["difference"], found["p_value"]) == (0.5, 0.5, 0, 1)


def test_the_order_of_rows_does_not_matter():
    first, second = (random_predictions(CORPORA, seed=seed) for seed in (0, 1))
    shuffled = second.sample(frac=1, random_state=0)
    assert compare_trainings({1: [first]}, {1: [shuffled]}, "uar") == compare_trainings(
        {1: [first]}, {1: [second]}, "uar"
    )


def test_utterances_stand_in_for_unknown_speakers():
    first, second = (random_predictions({"one": (5, 200)}, skill=s, seed=s) for s in (0, 2))
    for frame in (first, second):
        frame["speaker_id"] = None
    found = compare_trainings({1: [first]}, {1: [second]}, "uar", num_permutations=999)
    assert (found["unit"], found["is_exact"], found["p_value"]) == ("utterance", False, 0.001)
    assert training_interval({1: [first]}, "uar")[1] == "utterance"


def test_what_cannot_be_paired_is_refused():
    frame = answers("xyxyxy")
    with pytest.raises(ValueError, match=r"The systems have the folds \[1\] and \[1, 2\]"):
        compare_trainings({1: [frame]}, {1: [frame], 2: [frame]}, "uar")
    with pytest.raises(ValueError, match=r"In fold 1 .* other utterances \(6 and 5\)"):
        compare_trainings({1: [frame]}, {1: [frame.iloc[:5]]}, "uar")
    other = frame.assign(label=list("yyxyxy"))
    with pytest.raises(ValueError, match="with other labels"):
        compare_trainings({1: [frame]}, {1: [pd.DataFrame(other)]}, "uar")
