"""Macro-F1 over several classes at once is scikit-learn's, for one test set and for many."""

import numpy as np
import pytest
from sklearn.metrics import classification_report, precision_recall_fscore_support

from hf_emotion.metrics.multi_label_statistics import (
    ACTUAL,
    class_f1,
    class_precision,
    class_recall,
    multi_label_counts,
    multi_label_macro_f1,
)


@pytest.fixture
def random_labels():
    generator = np.random.default_rng(0)
    truth, guess = generator.random((2, 60, 5)) < 0.3
    truth[:, 4] = guess[:, 4] = False  # a class that nobody has and nobody predicts
    truth[:, 3] = False
    return truth, guess


def test_macro_f1_is_that_of_scikit_learn_with_absent_classes_counted_as_zero(random_labels):
    truth, guess = random_labels
    report = classification_report(truth, guess, output_dict=True, zero_division=0)
    assert multi_label_macro_f1(multi_label_counts(truth, guess)) == pytest.approx(report["macro avg"]["f1-score"])


def test_scores_of_classes_are_those_of_scikit_learn(random_labels):
    counts = multi_label_counts(*random_labels)
    precision, recall, f1, support = precision_recall_fscore_support(*random_labels, zero_division=0)
    np.testing.assert_allclose(class_precision(counts), precision)
    np.testing.assert_allclose(class_recall(counts), recall)
    np.testing.assert_allclose(class_f1(counts), f1)
    np.testing.assert_array_equal(counts[:, ACTUAL], support)


def test_counts_of_speakers_add_up_to_those_of_all(random_labels):
    speakers = np.arange(60) % 7
    per_speaker = multi_label_counts(*random_labels, units=speakers)
    assert per_speaker.shape == (7, 5, 3)
    np.testing.assert_array_equal(per_speaker.sum(axis=0), multi_label_counts(*random_labels))
    np.testing.assert_array_equal(
        per_speaker[2], multi_label_counts(*(labels[speakers == 2] for labels in random_labels))
    )
