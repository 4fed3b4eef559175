"""Recall, F1, accuracy and confusion matrix on numbers that can be checked by hand or in print."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score

from hf_emotion.metrics import confusion_statistics, load_metric


SCORES = ("unweighted_average_recall", "macro_f1", "weighted_f1", "micro_f1", "accuracy")


def _score(name, references, predictions, **options):
    return load_metric(name).compute(predictions=predictions, references=references, **options)[name]


@pytest.mark.parametrize(
    ("mode", "uar", "macro_f1", "weighted_f1", "accuracy"),
    [
        ("full", 0.8777, 0.8765, 0.8589, 2094 / 2432),
        ("lora_qkv", 0.7176, 0.6583, 0.6684, 1633 / 2432),
        ("lora_classifier", 0.5060, 0.4161, 0.4030, 1085 / 2432),
    ],
)
def test_published_confusion_matrices_give_the_published_accuracy(
    lora_paper_confusions, labels_of, mode, uar, macro_f1, weighted_f1, accuracy
):
    references, predictions = labels_of(lora_paper_confusions[mode])
    assert len(references) == 2432
    expected = dict(zip(SCORES, (uar, macro_f1, weighted_f1, accuracy, accuracy), strict=True))
    for name, value in expected.items():
        assert _score(name, references, predictions) == pytest.approx(value, abs=5e-5)


def test_the_papers_f1_is_micro_f1_not_macro_f1(lora_paper_confusions, labels_of):
    references, predictions = labels_of(lora_paper_confusions["full"])
    assert round(_score("micro_f1", references, predictions), 4) == 0.8610  # printed as "F1_score" in its Table 3
    assert round(_score("macro_f1", references, predictions), 4) != 0.8610


def test_confusion_metric_inverts_the_expansion(lora_paper_confusions, labels_of):
    references, predictions = labels_of(lora_paper_confusions["full"])
    matrix = _score("confusion_matrix", references, predictions)
    assert np.array_equal(matrix, lora_paper_confusions["full"])


@pytest.mark.parametrize("name", SCORES)
def test_statistics_of_a_confusion_matrix_equal_the_metric(name, lora_paper_confusions, labels_of):
    statistic = confusion_statistics.accuracy if name == "micro_f1" else getattr(confusion_statistics, name)
    stack = np.stack(list(lora_paper_confusions.values()))
    expected = [_score(name, *labels_of(matrix)) for matrix in stack]
    assert statistic(stack) == pytest.approx(expected)


def test_statistics_agree_with_scikit_learn_when_a_class_has_no_references():
    references, predictions = [0, 0, 0, 1, 1], [0, 0, 2, 1, 0]
    matrix = confusion_statistics.confusion_counts(np.array(references), np.array(predictions), 3)
    assert confusion_statistics.unweighted_average_recall(matrix) == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert confusion_statistics.macro_f1(matrix) == _score("macro_f1", references, predictions)
    assert confusion_statistics.weighted_f1(matrix) == _score("weighted_f1", references, predictions)
    assert np.isnan(confusion_statistics.recalls(matrix)[2])


def test_statistics_of_an_empty_matrix_are_nan():
    for name in ("unweighted_average_recall", "macro_f1", "weighted_f1", "accuracy"):
        assert np.isnan(getattr(confusion_statistics, name)(np.zeros((2, 2), dtype=int)))


def test_uar_counts_every_class_the_same():
    references = ["neutral"] * 98 + ["fear"] * 2
    assert _score("unweighted_average_recall", references, ["neutral"] * 100) == 0.5
    assert _score("accuracy", references, ["neutral"] * 100) == 0.98


def test_uar_is_balanced_accuracy():
    generator = np.random.default_rng(0)
    references, predictions = generator.integers(0, 5, size=(2, 300))
    assert _score("unweighted_average_recall", references, predictions) == pytest.approx(
        balanced_accuracy_score(references, predictions)
    )


def test_a_predicted_class_without_references_is_a_miss_but_no_class_of_its_own():
    references, predictions = [0, 0, 1, 1], [0, 2, 1, 1]
    assert _score("unweighted_average_recall", references, predictions) == 0.75
    # F1 of class 0 is 2/3 and of class 1 is 1; scikit-learn would average in F1 = 0 of class 2.
    assert _score("macro_f1", references, predictions) == pytest.approx(5 / 6)
    assert f1_score(references, predictions, average="macro") == pytest.approx(5 / 9)


@pytest.mark.parametrize("name", ["unweighted_average_recall", "macro_f1"])
def test_labels_restrict_the_mean(name):
    references, predictions = ["a", "a", "b", "c"], ["a", "a", "c", "c"]
    assert _score(name, references, predictions, labels=["a"]) == 1.0
    assert _score(name, references, predictions, labels=["b", "unheard"]) == 0.0


@pytest.mark.parametrize("name", ["unweighted_average_recall", "macro_f1"])
def test_labels_of_another_kind_are_refused(name):
    with pytest.raises(ValueError, match=r"None of labels=\['anger'\] occurs in `references`, which holds \[0, 1\]"):
        load_metric(name).compute(predictions=[0, 1], references=[0, 1], labels=["anger"])


def test_digit_strings_stay_strings():
    assert load_metric("confusion_matrix").compute(predictions=["1", "2"], references=["1", "1"]) == {
        "confusion_matrix": [[1, 1], [0, 0]],
        "labels": ["1", "2"],
    }


def test_confusion_rows_without_references_are_zero_when_normalised():
    result = load_metric("confusion_matrix").compute(predictions=[0, 1], references=[0, 0], normalize="true")
    assert result["confusion_matrix"] == [[0.5, 0.5], [0.0, 0.0]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": [0]}, r"labels \[1\] occur in the data but not in labels=\[0\]"),
        ({"normalize": "all"}, "normalize='all' is unknown"),
    ],
)
def test_confusion_matrix_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        load_metric("confusion_matrix").compute(predictions=[0, 1], references=[0, 0], **options)
