"""The predictions table and the report made of it."""

import doctest
import json
import math

import numpy as np
import pandas as pd
import pytest

from hf_emotion.evaluation import predictions
from hf_emotion.evaluation import report as evaluation
from hf_emotion.evaluation.report import (
    evaluate_predictions,
    format_report,
    load_metrics,
    load_predictions,
    predictions_table,
    save_metrics,
    save_predictions,
)
from hf_emotion.metrics import load_metric


CLASSES = ["anger", "joy", "sadness"]


def _table(corpus, outcomes, speakers, genders=None):
    """Rows with the given (label, prediction) pairs; the predicted class gets probability 0.8."""
    rows = [
        {
            "utterance_id": f"{corpus}_{index}",
            "corpus": corpus,
            "speaker_id": speakers[index % len(speakers)],
            "gender": genders[index % len(genders)] if genders else None,
        }
        for index in range(len(outcomes))
    ]
    guesses = np.array([CLASSES.index(guess) for _, guess in outcomes])
    return predictions_table(
        rows,
        labels=[label for label, _ in outcomes],
        classes=CLASSES,
        probabilities=np.full((len(outcomes), 3), 0.1) + 0.7 * np.eye(3)[guesses],
    )


@pytest.fixture(scope="module")
def frame():
    """Corpus `one`: six speakers, recalls 3/4 and 1/2 of two classes. Corpus `two`: two speakers, all right."""
    one = [
        ("anger", "anger"),
        ("anger", "anger"),
        ("anger", "anger"),
        ("anger", "sadness"),
        ("joy", "joy"),
        ("joy", "anger"),
    ]
    two = [(name, name) for name in CLASSES]
    return pd.concat(
        [
            _table("one", one * 2, ["a", "b", "c", "d", "e", "f"], ["female", "male"]),
            _table("two", two * 2, ["a", "b"]),
        ],
        ignore_index=True,
    )


@pytest.fixture(scope="module")
def report(frame):
    return evaluate_predictions(frame)


def test_documentation_examples_run():
    assert all(doctest.testmod(module).failed == 0 for module in (evaluation, predictions))


def test_scores_of_a_corpus_are_those_computed_by_hand(report):
    one = report["per_corpus"]["one"]
    assert one["uar"] == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert one["accuracy"] == one["micro_f1"] == pytest.approx(4 / 6)
    # F1: anger 2 * 6 / (8 + 8), joy 2 * 2 / (4 + 2); sadness has no references.
    assert one["macro_f1"] == pytest.approx((3 / 4 + 2 / 3) / 2)
    assert one["weighted_f1"] == pytest.approx((8 * 3 / 4 + 4 * 2 / 3) / 12)
    assert one["ece"] == pytest.approx(abs(4 / 6 - 0.8))
    assert (one["num_utterances"], one["num_speakers"], one["num_classes"], one["chance_level"]) == (12, 6, 2, 0.5)
    assert one["recall"] == {"anger": 0.75, "joy": 0.5, "sadness": None}
    assert one["support"] == {"anger": 8, "joy": 4, "sadness": 0}


def test_mean_corpus_uar_is_the_papers_average(report):
    mean = report["mean_corpus_uar"]
    assert mean["value"] == pytest.approx((0.625 + 1.0) / 2)
    assert mean["chance_level"] == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert mean["interval"][0] < mean["value"] < mean["interval"][1]
    assert mean["num_corpora"] == 2


@pytest.mark.parametrize(("part", "unit"), [("one", "speaker"), ("two", "utterance")])
def test_interval_unit_says_what_was_resampled(report, part, unit):
    assert report["per_corpus"][part]["interval_unit"] == unit
    assert report["mean_corpus_uar"]["interval_unit"] == report["overall"]["interval_unit"] == "speaker or utterance"


def test_report_equals_the_metrics(frame, report):
    references = frame["label"].map(CLASSES.index).tolist()
    guesses = frame["prediction"].map(CLASSES.index).tolist()
    scores = frame[[f"probability_{name}" for name in CLASSES]].to_numpy().tolist()
    overall = report["overall"]
    for key, name in (
        ("uar", "unweighted_average_recall"),
        ("macro_f1",) * 2,
        ("weighted_f1",) * 2,
        ("accuracy",) * 2,
    ):
        assert overall[key] == pytest.approx(
            load_metric(name).compute(predictions=guesses, references=references)[name]
        )
    for key, name in (("eer", "equal_error_rate"), ("ece", "expected_calibration_error")):
        assert overall[key] == pytest.approx(
            load_metric(name).compute(predictions=scores, references=references)[name]
        )
    matrix = load_metric("confusion_matrix").compute(predictions=guesses, references=references)["confusion_matrix"]
    assert report["confusion"]["overall"] == matrix


def test_parts_add_up(report):
    assert list(report["per_corpus"]) == ["one", "two"]
    assert {name: part["num_utterances"] for name, part in report["per_gender"].items()} == {"female": 6, "male": 6}
    assert list(report["per_corpus_gender"]["one"]) == ["female", "male"]
    assert report["per_corpus_gender"]["two"] == {}
    total = np.sum(list(report["confusion"]["per_corpus"].values()), axis=0)
    assert total.tolist() == report["confusion"]["overall"]


def test_the_same_speaker_id_in_two_corpora_is_two_people(report):
    assert report["overall"]["num_speakers"] == 8


def test_intervals_of_a_corpus_do_not_depend_on_its_company(frame, report):
    alone = evaluate_predictions(frame[frame["corpus"] == "one"])
    assert alone["per_corpus"]["one"] == report["per_corpus"]["one"]
    assert alone["mean_corpus_uar"]["interval"] == report["per_corpus"]["one"]["intervals"]["uar"]


def test_row_order_does_not_matter(frame, report):
    assert evaluate_predictions(frame.sample(frac=1, random_state=0)) == report


def test_seed_and_confidence_change_intervals_only(frame, report):
    other = evaluate_predictions(frame, seed=1, confidence=0.5, num_resamples=500)
    assert other["bootstrap"] == {"method": "percentile", "num_resamples": 500, "confidence": 0.5, "seed": 1}
    assert other["overall"]["uar"] == report["overall"]["uar"]
    wide, narrow = (item["overall"]["intervals"]["uar"] for item in (report, other))
    assert narrow[1] - narrow[0] < wide[1] - wide[0]


def test_a_single_utterance_has_scores_but_no_interval():
    report = evaluate_predictions(_table("one", [("joy", "joy")], ["a"]))
    assert report["overall"]["uar"] == 1.0
    assert report["overall"]["eer"] is None
    assert report["overall"]["intervals"] == {"uar": None, "macro_f1": None, "accuracy": None}
    assert "100.0" in format_report(report)


def test_unknown_speakers_are_reported_as_unknown():
    table = _table("one", [("joy", "joy"), ("anger", "joy")], [None])
    overall = evaluate_predictions(table)["overall"]
    assert overall["num_speakers"] is None
    assert overall["interval_unit"] == "utterance"


def test_report_is_plain_json_in_a_stable_order(frame, report, tmp_path):
    save_metrics(report, tmp_path / "run" / "metrics.json")
    assert load_metrics(tmp_path / "run" / "metrics.json") == report
    first = (tmp_path / "run" / "metrics.json").read_bytes()
    save_metrics(evaluate_predictions(frame), tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == first


def test_nan_is_written_as_null(tmp_path):
    save_metrics({"b": float("nan"), "a": np.float32(0.5), "c": [np.int64(1), math.inf]}, tmp_path / "m.json")
    assert json.loads((tmp_path / "m.json").read_text()) == {"b": None, "a": 0.5, "c": [1, None]}
    assert list(load_metrics(tmp_path / "m.json")) == ["b", "a", "c"]


def test_predictions_survive_the_disk(frame, tmp_path):
    save_predictions(frame, tmp_path / "run" / "predictions.parquet")
    loaded = load_predictions(tmp_path / "run" / "predictions.parquet")
    assert list(loaded.columns) == list(frame.columns)
    assert evaluate_predictions(loaded) == evaluate_predictions(frame)


def test_tables_of_older_versions_are_read(frame, tmp_path):
    """They have no column `language`."""
    frame.drop(columns="language").to_parquet(tmp_path / "predictions.parquet")
    loaded = load_predictions(tmp_path / "predictions.parquet")
    assert list(loaded.columns) == list(frame.columns)
    assert loaded["language"].isna().all()
    assert evaluate_predictions(frame.drop(columns="language")) == evaluate_predictions(frame)


def test_language_is_taken_from_the_metadata():
    rows = [{"utterance_id": "u", "corpus": "c", "language": "fa", "duration": 2.0}]
    table = predictions_table(rows, labels=[1], classes=CLASSES, logits=[[0, 0, 1]])
    assert table["language"].tolist() == ["fa"]
    assert "duration" not in table.columns


def test_logits_become_probabilities():
    table = predictions_table(
        [{"utterance_id": "u", "corpus": "c"}], labels=[1], classes=CLASSES, logits=[[0.0, math.log(2), 1000 - 1000]]
    )
    assert table.iloc[0][["probability_anger", "probability_joy", "probability_sadness"]].tolist() == [0.25, 0.5, 0.25]
    assert table.loc[0, "label"] == table.loc[0, "prediction"] == "joy"
    assert pd.isna(table.loc[0, "gender"])


def test_large_logits_do_not_overflow():
    table = predictions_table(
        [{"utterance_id": "u", "corpus": "c"}], labels=["joy"], classes=CLASSES, logits=[[1e4, -1e4, 0.0]]
    )
    assert table.loc[0, "probability_anger"] == 1.0


def test_table_of_a_terminal_fits_eighty_columns(report):
    text = format_report(report)
    assert max(map(len, text.splitlines())) <= 80
    lines = {line.split()[0]: line for line in text.splitlines()}
    assert lines["one"].split()[1] == "62.5"
    assert lines["one"].split()[-5:] == ["70.8", "66.7", "50.0", "12", "6"]
    assert "*" not in lines["one"]
    assert "*" in lines["two"]
    assert "mean of 2 corpora" in text
    assert "81.2" in lines["mean"]
    assert "fewer than three known speakers" in text


def test_long_corpus_names_are_cut(frame):
    text = format_report(evaluate_predictions(frame.assign(corpus="a_corpus_with_an_endless_name")[:5]))
    assert "a_corpus_with_an_en… " in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.iloc[:0], "table is empty"),
        (lambda frame: frame.drop(columns="gender"), r"lacks the columns \['gender'\]"),
        (lambda frame: frame.assign(corpus=None), "needs a `corpus`"),
        (lambda frame: pd.concat([frame, frame[:2]]), "2 utterances are listed more than once, first 'one_0' of one"),
        (lambda frame: frame.assign(label="fear"), r"`label` holds \['fear'\], which are not among the classes"),
        (lambda frame: frame.assign(prediction="fear"), r"`prediction` holds \['fear'\]"),
        (lambda frame: frame.assign(probability_joy=np.nan), "18 of 18 utterances is not finite, first 'one_0'"),
        (lambda frame: frame.assign(probability_joy=3.0), "Pass `logits=` if these are raw outputs"),
    ],
)
def test_a_table_that_cannot_be_scored_is_refused(frame, change, message):
    with pytest.raises(ValueError, match=message):
        evaluate_predictions(change(frame), CLASSES)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": [0]}, "either `logits` or `probabilities`"),
        ({"labels": [0], "logits": [[0, 0, 0]], "probabilities": [[1, 0, 0]]}, "either `logits` or `probabilities`"),
        (
            {"labels": [0], "logits": [[0, 0]]},
            r"scores of shape \(1, 3\), found 1 labels and scores of shape \(1, 2\)",
        ),
        ({"labels": [0, 1], "logits": [[0, 0, 0]]}, "found 2 labels"),
        (
            {"labels": [-100], "logits": [[0, 0, 0]]},
            "Label -100 of utterance 0 is neither a class name nor an index 0 to 2",
        ),
        ({"labels": [None], "logits": [[0, 0, 0]]}, "Label None of utterance 0"),
        ({"labels": ["fear"], "logits": [[0, 0, 0]]}, "not among the classes"),
        ({"labels": [0], "logits": [[0, float("nan"), 0]]}, "not finite"),
    ],
)
def test_output_that_does_not_fit_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        predictions_table([{"utterance_id": "u", "corpus": "c"}], classes=CLASSES, **options)
