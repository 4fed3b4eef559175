"""Promises of the soft labels: EMO-SUPERB's formulas, and the numbers of its published label files."""

import json

import numpy as np
import pandas as pd
import pytest

from hf_emotion.data.soft_labels import (
    PUBLISHED_DECIMALS,
    effective_number_weights,
    smooth_labels,
    threshold_labels,
    vote_distribution,
)


SIX = ["anger", "sadness", "disgust", "fear", "neutral", "happiness"]

# Utterances above 1/C of each class, in the order of the columns of the label files.
POSITIVES = {
    "CREMA-D/Primary": (1955, 1835, 2378, 1966, 5739, 988),
    "IEMOCAP/Secondary": (5004, 2749, 2121, 256, 2892, 351, 4402, 615, 2410),
    "IMPROV/Primary": (1177, 1412, 4686, 3233),
    "IMPROV/Secondary": (1312, 2967, 1898, 2336, 1078, 2863, 528, 5706, 2141, 4098),
    "NNIME/Secondary": (963, 569, 357, 506, 394, 3108, 739, 917, 257, 534, 595),
}

# Class weights of IEMOCAP's files 1 to 5; those of file 3 are quoted in the released code.
IEMOCAP_WEIGHTS = {
    1: (0.2513, 0.3987, 0.4732, 2.6314, 0.3916, 2.8001, 0.2615, 1.3584, 0.4338),
    2: (0.2493, 0.4305, 0.4694, 2.9387, 0.3669, 2.4741, 0.2612, 1.3864, 0.4235),
    3: (0.2139, 0.3445, 0.4665, 3.3741, 0.3337, 2.2446, 0.2398, 1.3928, 0.3900),
    4: (0.1590, 0.2617, 0.3443, 4.2670, 0.2634, 1.8935, 0.1852, 1.3135, 0.3125),
    5: (0.1697, 0.2769, 0.3729, 3.6149, 0.2690, 2.4215, 0.1946, 1.3448, 0.3357),
}


def ballot(**counts):
    return [{"label": label, "count": count} for label, count in counts.items()]


@pytest.fixture(scope="module")
def published(emo_superb_labels_dir):
    """Reads a label file: its table, and its soft labels with the columns in published order."""

    def read(setting, fold=1):
        folder = emo_superb_labels_dir / setting
        classes = json.loads((folder / "config.json").read_text())["categorical"]["emo_type"]
        table = pd.read_csv(folder / f"labels_consensus_{fold}.csv")
        return table, table[classes].to_numpy()

    return read


class TestVotes:
    def test_shares_are_those_of_the_votes_for_the_classes(self):
        votes = [ballot(anger=3, fear=1), ballot(neutral=5)]
        expected = [[0.75, 0, 0, 0.25, 0, 0], [0, 0, 0, 0, 1, 0]]
        np.testing.assert_array_equal(vote_distribution(votes, SIX), expected)

    def test_votes_for_other_labels_do_not_count(self):
        np.testing.assert_array_equal(
            vote_distribution([ballot(anger=1, other=3, fear=1)], ["fear", "anger"]), [[0.5, 0.5]]
        )

    def test_the_order_of_the_classes_is_that_of_the_columns(self):
        votes = [ballot(anger=1, fear=4)]
        np.testing.assert_array_equal(vote_distribution(votes, ["fear", "anger"]), [[0.8, 0.2]])
        np.testing.assert_array_equal(vote_distribution(votes, ["anger", "fear"]), [[0.2, 0.8]])

    @pytest.mark.parametrize("votes", [None, [], ballot(other=4), ballot(anger=0)])
    def test_an_utterance_without_votes_for_the_classes_is_refused(self, votes):
        with pytest.raises(ValueError, match="1 utterances have no vote for any of .*, the first is number 1"):
            vote_distribution([ballot(anger=1), votes], SIX)

    def test_equal_classes_are_refused(self):
        with pytest.raises(ValueError, match="must differ"):
            vote_distribution([ballot(anger=1)], ["anger", "anger"])


class TestSmoothing:
    @pytest.mark.parametrize(
        ("num_classes", "low"), [(4, 0.016667), (6, 0.01), (9, 0.00625), (10, 0.005556), (11, 0.005)]
    )
    def test_a_unanimous_vote_keeps_95_percent_and_the_others_share_the_rest(self, num_classes, low):
        smooth = smooth_labels(np.eye(num_classes)[0]).round(PUBLISHED_DECIMALS)
        np.testing.assert_array_equal(smooth, [0.95] + [low] * (num_classes - 1))

    def test_it_is_not_the_usual_label_smoothing(self):
        szegedy = 0.95 * np.eye(6)[0] + 0.05 / 6
        assert smooth_labels(np.eye(6)[0])[0] == pytest.approx(0.95)
        assert szegedy[0] == pytest.approx(0.95833, abs=1e-5)

    def test_sums_and_the_order_of_the_classes_stay(self):
        shares = np.random.default_rng(0).dirichlet(np.ones(6), size=(4, 5))
        smooth = smooth_labels(shares, epsilon=0.3)
        np.testing.assert_allclose(smooth.sum(axis=-1), 1)
        np.testing.assert_array_equal(smooth.argsort(axis=-1), shares.argsort(axis=-1))

    def test_the_uniform_distribution_stays(self):
        np.testing.assert_allclose(smooth_labels(np.full(9, 1 / 9)), 1 / 9, rtol=1e-15)

    @pytest.mark.parametrize(
        ("distribution", "epsilon"), [([1.0], 0.05), (0.5, 0.05), ([0.5, 0.5], 0.5), ([1, 0], -0.1)]
    )
    def test_what_makes_no_sense_is_refused(self, distribution, epsilon):
        with pytest.raises(ValueError, match="Smoothing takes two or more classes and 0 <= epsilon < 1 - 1/C"):
            smooth_labels(distribution, epsilon)


class TestThreshold:
    def test_a_class_is_present_above_chance(self):
        np.testing.assert_array_equal(threshold_labels([[0.25, 0.26, 0.24, 0.25]]), [[False, True, False, False]])

    @pytest.mark.parametrize(
        ("num_classes", "is_present"),
        [(4, False), (6, True), (8, False), (9, False), (10, False), (11, False), (16, False)],
    )
    def test_of_a_share_of_exactly_chance_the_rounding_decides(self, num_classes, is_present):
        chance = smooth_labels(np.full(num_classes, 1 / num_classes))
        found = threshold_labels(chance, decimals=PUBLISHED_DECIMALS)
        np.testing.assert_array_equal(found, np.full(num_classes, is_present))

    def test_chance_can_be_that_of_more_classes(self):
        np.testing.assert_array_equal(threshold_labels([0.3, 0.2], num_classes=4), [True, False])


class TestWeights:
    def test_they_follow_the_formula(self):
        counts, total = np.array([1, 10, 200]), 1000
        beta = (total - 1) / total
        weights = (1 - beta) / (1 - beta**counts)
        expected = weights / weights.sum() * 3
        np.testing.assert_allclose(effective_number_weights(counts, num_utterances=total), expected, rtol=1e-9)

    def test_equally_frequent_classes_weigh_one(self):
        np.testing.assert_allclose(effective_number_weights([7, 7, 7], num_utterances=30), 1)

    def test_binary_labels_are_counted(self):
        labels = np.array([[1, 0], [1, 1], [1, 0]], dtype=bool)
        np.testing.assert_array_equal(
            effective_number_weights(labels), effective_number_weights([3, 1], num_utterances=3)
        )

    def test_a_single_utterance_has_weights(self):
        np.testing.assert_array_equal(effective_number_weights([[True, True]]), [1, 1])

    @pytest.mark.parametrize(
        ("labels", "num_utterances", "message"),
        [
            ([3, 0], 3, "Class 1 has 0 of 3 utterances"),
            ([[1, 0], [1, 0]], None, "Class 1 has 0 of 2 utterances"),
            ([3, 5], 4, "Class 1 has 5 of 4 utterances"),
            ([3, 5], None, "numbers per class and num_utterances"),
            ([[1, 0]], 2, "numbers per class and num_utterances"),
        ],
    )
    def test_what_has_no_weight_is_refused(self, labels, num_utterances, message):
        with pytest.raises(ValueError, match=message):
            effective_number_weights(labels, num_utterances)


@pytest.mark.real_data
class TestPublishedFiles:
    @pytest.mark.parametrize("setting", POSITIVES)
    def test_classes_are_present_as_often_as_published(self, published, setting):
        _, labels = published(setting)
        assert tuple(threshold_labels(labels).sum(axis=0)) == POSITIVES[setting]

    @pytest.mark.parametrize("setting", POSITIVES)
    def test_labels_sum_to_one_so_votes_for_other_labels_do_not_count(self, published, setting):
        _, labels = published(setting)
        assert np.abs(labels.sum(axis=1) - 1).max() < labels.shape[1] * 10**-PUBLISHED_DECIMALS

    @pytest.mark.parametrize("setting", POSITIVES)
    def test_the_extremes_are_those_of_unanimous_votes(self, published, setting):
        _, labels = published(setting)
        smooth = smooth_labels(np.eye(labels.shape[1])[0]).round(PUBLISHED_DECIMALS)
        assert (labels.max(), labels.min()) == (smooth.max(), smooth.min())

    @pytest.mark.parametrize(("setting", "most_votes"), zip(POSITIVES, (12, 9, 50, 89, 6), strict=True))
    def test_every_utterance_has_a_ballot_whose_votes_give_its_labels(self, published, setting, most_votes):
        _, labels = published(setting)
        num_classes = labels.shape[1]
        low, high = smooth_labels(np.eye(num_classes)[0])[[1, 0]]
        shares = (labels - low) / (high - low)
        found = np.full(len(labels), False)
        for total in range(1, most_votes + 1):
            counts = np.round(shares * total)
            smooth = smooth_labels(counts / total)
            found |= (counts.sum(axis=1) == total) & (np.abs(smooth - labels) < 1e-6).all(axis=1)
        assert found.all()

    def test_ten_cells_of_crema_d_are_present_through_rounding_alone(self, published):
        _, labels = published("CREMA-D/Primary")
        assert (labels == 0.166667).sum() == 10
        assert threshold_labels(labels).sum() - (labels > 0.166667).sum() == 10

    @pytest.mark.parametrize("fold", IEMOCAP_WEIGHTS)
    def test_the_published_class_weights_of_iemocap(self, published, fold):
        table, labels = published("IEMOCAP/Secondary", fold)
        train = threshold_labels(labels[table["Split_Set"] == "Train"])
        np.testing.assert_array_equal(effective_number_weights(train).round(4), IEMOCAP_WEIGHTS[fold])
