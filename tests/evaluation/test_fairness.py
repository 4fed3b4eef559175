"""Gaps between genders, languages and speakers."""

import doctest

import numpy as np
import pytest

from hf_emotion.evaluation import fairness
from hf_emotion.evaluation.fairness import fairness_gaps, format_fairness, speaker_scores
from hf_emotion.evaluation.predictions import predictions_table
from hf_emotion.evaluation.report import evaluate_predictions, format_report
from tests.prediction_tables import CLASSES, random_predictions


def _table(answers, corpus="toy"):
    """Rows from `{speaker: (gender, [(label, prediction), ...])}` over the classes joy and fear."""
    rows, labels, guesses = [], [], []
    for speaker, (gender, outcomes) in answers.items():
        for index, (label, guess) in enumerate(outcomes):
            rows.append(
                {"utterance_id": f"{speaker}{index}", "corpus": corpus, "speaker_id": speaker, "gender": gender}
            )
            labels.append(label)
            guesses.append(guess)
    return predictions_table(rows, labels=labels, classes=["joy", "fear"], probabilities=np.eye(2)[guesses])


@pytest.fixture
def table():
    """Three women: joy 15/15, fear 12/15; three men: joy 9/15, fear 6/15; each the same as the others."""
    woman = [(0, 0)] * 5 + [(1, 1)] * 4 + [(1, 0)]
    man = [(0, 0)] * 3 + [(0, 1)] * 2 + [(1, 1)] * 2 + [(1, 0)] * 3
    people = dict.fromkeys("abc", ("female", woman)) | dict.fromkeys("def", ("male", man))
    return _table(people)


def test_documentation_examples_run():
    assert doctest.testmod(fairness).failed == 0


def test_gender_gap_by_hand(table):
    report = fairness_gaps(table, ["joy", "fear"])["gender"]
    assert report["uar"] == {
        "best": "female",
        "worst": "male",
        "gap": pytest.approx(0.9 - 0.5),
        # All women are alike and so are all men: whoever is drawn, the gap is the same.
        "interval": [pytest.approx(0.4), pytest.approx(0.4)],
    }
    assert report["recall"]["joy"]["gap"] == pytest.approx(1 - 3 / 5)
    assert report["recall"]["fear"]["gap"] == pytest.approx(4 / 5 - 2 / 5)
    assert report["groups"]["male"] == {
        "uar": pytest.approx(0.5),
        "recall": {"joy": pytest.approx(0.6), "fear": pytest.approx(0.4)},
        "num_utterances": 30,
        "num_speakers": 3,
    }


def test_groups_that_are_too_small_are_named(table):
    report = fairness_gaps(table[table["speaker_id"] != "f"], ["joy", "fear"])
    assert report["gender"]["uar"] is None
    assert report["gender"]["too_small"] == {"male": "2 speakers, fewer than 3"}
    text = format_fairness(report)
    assert "gender               not compared: fewer than two groups are large enough" in text
    assert "  male not scored: 2 speakers, fewer than 3" in text


def test_a_group_of_unknown_speakers_is_named(table):
    table.loc[table["speaker_id"] == "f", "speaker_id"] = None
    report = fairness_gaps(table, ["joy", "fear"])["gender"]
    assert report["too_small"] == {"male": "10 of 30 utterances are by unknown speakers"}


def test_utterances_without_gender_are_counted(table):
    table.loc[table["speaker_id"] == "a", "gender"] = None
    assert fairness_gaps(table, ["joy", "fear"])["gender"]["num_unknown"] == 10


def test_classes_that_a_group_lacks_are_not_compared(table):
    few = table.drop(table.index[(table["gender"] == "male") & (table["label"] == "fear")][:6])
    report = fairness_gaps(few, ["joy", "fear"])
    assert report["gender"]["classes"] == ["joy"]
    assert report["gender"]["uar"] is None
    assert list(report["gender"]["recall"]) == ["joy"]
    assert "not compared: fewer than two classes" in format_fairness(report)


def test_languages_come_from_the_corpora():
    corpora = {"crema_d": (8, 200), "emodb": (8, 200), "my_recordings": (8, 200)}
    report = fairness_gaps(random_predictions(corpora), CLASSES)["language"]
    assert set(report["groups"]) == {"de", "en"}
    assert report["num_unknown"] == 200


def test_a_language_column_is_preferred():
    frame = random_predictions({"emodb": (8, 400)})
    frame["language"] = ["de", "fr"] * 200
    report = fairness_gaps(frame, CLASSES)["language"]
    assert {name: group["num_utterances"] for name, group in report["groups"].items()} == {"de": 200, "fr": 200}


def test_where_the_column_is_empty_the_corpus_says_the_language():
    frame = random_predictions({"emodb": (8, 400)})
    frame["language"] = ["fr", None] * 200
    report = fairness_gaps(frame, CLASSES)["language"]
    assert {name: group["num_utterances"] for name, group in report["groups"].items()} == {"de": 200, "fr": 200}


def test_tables_without_the_column_are_those_of_older_versions():
    frame = random_predictions({"emodb": (8, 400), "crema_d": (8, 400)})
    assert fairness_gaps(frame.drop(columns="language"), CLASSES) == fairness_gaps(frame, CLASSES)


def test_regions_of_a_language_are_one_group():
    sizes, tags = {"a": (4, 100), "b": (4, 100), "c": (4, 100)}, {"a": "en-US", "b": "en_GB", "c": "zh-Hans-CN"}
    report = fairness_gaps(random_predictions(sizes, languages=tags), CLASSES)["language"]
    assert {name: group["num_speakers"] for name, group in report["groups"].items()} == {"en": 8, "zh": 4}


def test_all_groups_are_shown_the_best_first():
    sizes = dict.fromkeys(("aa", "bb", "cc"), (5, 200))
    report = fairness_gaps(random_predictions(sizes, languages={name: name for name in sizes}), CLASSES)
    groups = report["language"]["groups"]
    ranked = sorted(groups, key=lambda name: -groups[name]["uar"])
    shown = ", ".join(f"{name} {100 * groups[name]['uar']:.1f} (5)" for name in ranked)
    assert shown in " ".join(format_fairness(report).split())


def test_one_language_is_not_compared_with_itself():
    frame = random_predictions({"toy": (2, 60)}, languages={"toy": "fa"})
    report = fairness_gaps(frame, CLASSES)
    assert report["language"]["uar"] is None
    assert "language" not in format_fairness(report)


def test_speakers_by_hand(table):
    report = speaker_scores(table, ["joy", "fear"])
    assert report["gap"] == pytest.approx(0.4)
    assert report["lowest_tenth"] == pytest.approx(0.5)
    assert [speaker["speaker_id"] for speaker in report["worst"]] == ["d", "e", "f", "a", "b"]
    assert report["worst"][0] == {
        "corpus": "toy",
        "speaker_id": "d",
        "uar": pytest.approx(0.5),
        "num_utterances": 10,
        "num_classes": 2,
    }


def test_speakers_with_few_utterances_are_counted_not_scored(table):
    report = speaker_scores(table.drop(table.index[table["speaker_id"] == "d"][:1]), ["joy", "fear"])
    assert (report["num_scored"], report["num_too_small"]) == (5, 1)


def test_intervals_of_a_gap_cover_the_truth():
    """Women and men are recognised equally well: about 95 % of the intervals hold 0."""
    covered = []
    for seed in range(100):
        frame = random_predictions({"one": (20, 200)}, seed=seed)
        gap = fairness_gaps(frame, CLASSES, num_resamples=300)["gender"]["uar"]
        covered.append(gap["interval"][0] <= 0 <= gap["interval"][1])
    assert 0.87 < np.mean(covered) < 1


def test_gaps_are_part_of_the_evaluation(table):
    report = evaluate_predictions(table)
    assert report["fairness"]["gender"]["uar"]["gap"] == pytest.approx(0.4)
    line = next(line for line in format_report(report).splitlines() if line.startswith("gender"))
    assert line.split() == ["gender", "40.0", "[+40.0,", "+40.0]", "female", "90.0", "(3),", "male", "50.0", "(3)"]


def test_the_text_fits_a_terminal():
    sizes = {"crema_d": (9, 300), "emodb": (8, 300), "urdu": (2, 60)}
    sizes |= {f"a_corpus_with_an_endless_name_{index}": (8, 200) for index in range(12)}
    frame = random_predictions(sizes, languages={name: f"x{index}" for index, name in enumerate(sizes)})
    assert max(map(len, format_fairness(fairness_gaps(frame, CLASSES)).splitlines())) <= 80


@pytest.mark.parametrize("length", range(8, 40))
def test_scores_of_speakers_are_never_cut_in_two(length):
    frame = random_predictions({"x" * length: (4, 200)})
    shown = format_fairness(fairness_gaps(frame, CLASSES, num_resamples=10)).replace(",", " ").split()
    for speaker in speaker_scores(frame, CLASSES)["worst"][:3]:
        assert f"{100 * speaker['uar']:.1f}" in shown


def test_reports_of_older_versions_can_be_shown(table):
    report = evaluate_predictions(table)
    del report["fairness"]
    assert "Gaps" not in format_report(report)
