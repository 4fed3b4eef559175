"""Weights with a known optimum, baselines, and diversity by hand."""

import numpy as np
import pytest
from scipy.optimize import check_grad
from sklearn.metrics import f1_score, log_loss

from hf_emotion.ensembles.weights import (
    OBJECTIVES,
    LogLoss,
    MacroF1,
    SoftMacroF1,
    greedy_weights,
    majority_vote,
    optimise_weights,
    oracle_accuracy,
    pairwise_diversity,
    scores,
    weighted_sum,
)


SMOOTH = [LogLoss, SoftMacroF1]


def members(num_members=4, num_utterances=60, num_classes=3, seed=0, skill=1.5):
    """Noisy softmax outputs, more or less right, and the labels."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(num_classes, size=num_utterances)
    logits = generator.standard_normal((num_members, num_utterances, num_classes))
    logits += skill * generator.random((num_members, 1, 1)) * np.eye(num_classes)[labels]
    return np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True), labels


class TestObjectives:
    def test_log_loss_is_that_of_scikit_learn(self):
        probabilities, labels = members(1)
        found = LogLoss(probabilities, labels).value(np.ones(1))
        assert found == pytest.approx(log_loss(labels, probabilities[0], labels=[0, 1, 2]))

    def test_soft_macro_f1_of_certain_predictions_is_macro_f1(self):
        probabilities, labels = members(1)
        certain = np.eye(3)[probabilities.argmax(axis=2)]
        expected = f1_score(labels, certain[0].argmax(axis=1), average="macro")
        assert SoftMacroF1(certain, labels).value(np.ones(1)) == pytest.approx(expected)
        assert MacroF1(probabilities, labels).value(np.ones(1)) == pytest.approx(expected)

    def test_soft_macro_f1_by_hand(self):
        # class 0: TP .8 + .4, predicted 1.5; class 1: TP .7, predicted 1.5; class 2 has no utterance
        probabilities = np.array([[[0.8, 0.2, 0.0], [0.4, 0.6, 0.0], [0.3, 0.7, 0.0]]])
        found = SoftMacroF1(probabilities, np.array([0, 0, 1]), sharpness=1).value(np.ones(1))
        assert found == pytest.approx((2 * 1.2 / (1.5 + 2) + 2 * 0.7 / (1.5 + 1)) / 2)

    def test_sharpening_squares_odds(self):
        # .8 : .2 becomes .64 : .04
        probabilities = np.array([[[0.8, 0.2]]])
        found = SoftMacroF1(probabilities, np.array([0]), sharpness=2).value(np.ones(1))
        share = 0.64 / 0.68
        assert found == pytest.approx(2 * share / (share + 1))

    def test_sharp_soft_macro_f1_is_macro_f1(self):
        probabilities, labels = members()
        weights = np.array([0.1, 0.2, 0.3, 0.4])
        soft, hard = SoftMacroF1(probabilities, labels, sharpness=1e4), MacroF1(probabilities, labels)
        assert soft.value(weights) == pytest.approx(hard.value(weights), abs=1e-3)

    @pytest.mark.parametrize("seed", range(5))
    def test_optimising_soft_macro_f1_raises_macro_f1_where_members_complement_each_other(self, seed):
        probabilities, labels = members(5, 300, seed=seed)
        hard = MacroF1(probabilities, labels)
        found = optimise_weights(SoftMacroF1(probabilities, labels))
        assert hard.value(found) > max(map(hard.value, np.eye(5)))

    @pytest.mark.parametrize("kind", SMOOTH)
    def test_gradients_are_those_of_the_values(self, kind):
        objective = kind(*members())
        weights = np.array([0.1, 0.2, 0.3, 0.4])
        assert check_grad(objective.value, objective.gradient, weights) < 1e-6

    def test_a_certain_mistake_costs_much_but_not_infinitely(self):
        found = LogLoss(np.array([[[1.0, 0.0]]]), np.array([1])).value(np.ones(1))
        assert found == pytest.approx(-np.log(1e-15))


class TestWeightedSum:
    def test_the_optimum_of_two_members_is_the_one_computed_by_hand(self):
        # on 3 of 4 utterances A gives the true class .8 and B .2, on the fourth the other way round;
        # 3 log(.2 + .6 w) + log(.8 - .6 w) is stationary where 3 (.8 - .6 w) = .2 + .6 w, at w = 2.2 / 2.4
        of_true_class = np.array([[0.8, 0.8, 0.8, 0.2], [0.2, 0.2, 0.2, 0.8]])
        probabilities = np.stack([of_true_class, 1 - of_true_class], axis=-1)
        weights = optimise_weights(LogLoss(probabilities, np.zeros(4, dtype=int)))
        np.testing.assert_allclose(weights, [11 / 12, 1 / 12], atol=1e-5)

    @pytest.mark.parametrize("kind", SMOOTH)
    def test_the_optimum_is_that_of_a_fine_grid(self, kind):
        probabilities, labels = members(3, seed=5)
        objective = kind(probabilities, labels)
        steps = np.linspace(0, 1, 101)
        grid = [np.array([a, b, 1 - a - b]) for a in steps for b in steps if a + b <= 1]
        best = min(objective.loss(np.maximum(weights, 0)) for weights in grid)
        found = objective.loss(optimise_weights(objective))
        assert best - 1e-3 < found <= best + 1e-9

    @pytest.mark.parametrize("find", [optimise_weights, greedy_weights])
    @pytest.mark.parametrize("kind", SMOOTH)
    @pytest.mark.parametrize("seed", range(20))
    def test_it_is_never_worse_than_the_best_single_member(self, find, kind, seed):
        objective = kind(*members(2 + seed % 5, 5 + seed, seed=seed, skill=6 * (seed % 3)))
        weights = find(objective)
        assert (weights >= 0).all()
        assert weights.sum() == pytest.approx(1, abs=1e-12)
        assert objective.loss(weights) <= min(map(objective.loss, np.eye(objective.num_members)))

    def test_it_is_never_worse_than_the_plain_mean(self):
        objective = LogLoss(*members(seed=3))
        assert objective.loss(optimise_weights(objective)) <= objective.loss(np.full(4, 0.25))

    @pytest.mark.parametrize("kind", SMOOTH)
    def test_the_order_of_the_members_does_not_matter(self, kind):
        probabilities, labels = members(seed=7)
        order = np.array([2, 0, 3, 1])
        straight, permuted = kind(probabilities, labels), kind(probabilities[order], labels)
        found, again = optimise_weights(straight), optimise_weights(permuted)
        assert permuted.value(again) == pytest.approx(straight.value(found), abs=1e-9)
        np.testing.assert_allclose(again, found[order], atol=1e-3)

    def test_the_same_seed_gives_the_same_weights(self):
        objective = SoftMacroF1(*members(seed=2))
        assert optimise_weights(objective, seed=1).tolist() == optimise_weights(objective, seed=1).tolist()

    @pytest.mark.parametrize("kind", SMOOTH)
    def test_one_member_has_all_the_weight(self, kind):
        assert optimise_weights(kind(*members(1))).tolist() == [1.0]
        assert greedy_weights(kind(*members(1))).tolist() == [1.0]

    @pytest.mark.parametrize("kind", SMOOTH)
    def test_identical_members_are_worth_one(self, kind):
        probabilities, labels = members(1)
        weights = optimise_weights(kind(np.repeat(probabilities, 3, axis=0), labels))
        np.testing.assert_allclose(weighted_sum(np.repeat(probabilities, 3, axis=0), weights), probabilities[0])

    @pytest.mark.parametrize("kind", SMOOTH)
    def test_a_member_that_is_certain_and_always_wrong_gets_nothing(self, kind):
        probabilities, labels = members(2, skill=9)
        wrong = np.eye(3)[(labels + 1) % 3]
        weights = optimise_weights(kind(np.stack([wrong, *probabilities]), labels))
        assert weights[0] == 0

    def test_a_member_that_is_always_right_gets_everything(self):
        probabilities, labels = members(2)
        weights = optimise_weights(LogLoss(np.stack([probabilities[0], np.eye(3)[labels]]), labels))
        assert weights.tolist() == [0.0, 1.0]

    def test_members_that_are_all_certain_and_wrong_still_get_weights(self):
        wrong = np.eye(3)[np.array([[1, 2, 0], [2, 0, 1]])]
        weights = optimise_weights(LogLoss(wrong, np.array([0, 1, 2])))
        assert weights.sum() == 1

    def test_a_class_without_utterances_does_not_count(self):
        probabilities, labels = members(3, num_classes=3)
        wider = np.concatenate([probabilities, np.zeros((3, 60, 1))], axis=2)
        assert SoftMacroF1(wider, labels).value(np.eye(3)[0]) == SoftMacroF1(probabilities, labels).value(np.eye(3)[0])

    def test_a_score_in_steps_is_refused(self):
        with pytest.raises(ValueError, match="macro_f1 changes in steps.*'greedy'"):
            optimise_weights(MacroF1(*members()))


class TestGreedySelection:
    def test_members_are_chosen_again_where_that_helps(self):
        of_true_class = np.array([[0.8, 0.8, 0.8, 0.2], [0.2, 0.2, 0.2, 0.8]])
        probabilities = np.stack([of_true_class, 1 - of_true_class], axis=-1)
        objective = LogLoss(probabilities, np.zeros(4, dtype=int))
        np.testing.assert_allclose(greedy_weights(objective, num_rounds=12), [11 / 12, 1 / 12])

    def test_macro_f1_itself_can_be_followed(self):
        # A is right on the first two, B on the last two, both more certain there
        of_true_class = np.array([[0.9, 0.9, 0.4, 0.4], [0.4, 0.4, 0.9, 0.9]])
        labels = np.array([0, 1, 0, 1])
        probabilities = np.where(np.eye(2)[labels] == 1, of_true_class[..., None], 1 - of_true_class[..., None])
        weights = greedy_weights(MacroF1(probabilities, labels))
        assert weights.tolist() == [0.5, 0.5]
        assert MacroF1(probabilities, labels).value(weights) == 1

    def test_no_rounds_are_refused(self):
        with pytest.raises(ValueError, match="at least one round"):
            greedy_weights(LogLoss(*members()), num_rounds=0)


class TestMajorityVote:
    def test_shares_are_probabilities(self):
        probabilities, _ = members(5)
        voted = majority_vote(probabilities)
        np.testing.assert_allclose(voted.sum(axis=1), 1)
        votes = np.eye(3)[probabilities.argmax(axis=2)].mean(axis=0)
        np.testing.assert_allclose(voted, votes, atol=1e-3)

    def test_no_number_of_members_lets_the_mean_overrule_a_vote(self):
        barely, certain = [0.501, 0.499], [0.0, 1.0]
        probabilities = np.array([[barely]] * 1001 + [[certain]] * 1000)
        assert majority_vote(probabilities).argmax() == 0
        assert probabilities.mean(axis=0).argmax() == 1


class TestDiversity:
    LABELS = np.zeros(8, dtype=int)

    def pair(self, first, second):
        right = np.array([list(map(int, first)), list(map(int, second))])
        return pairwise_diversity(np.stack([right, 1 - right], axis=-1), self.LABELS, ["A", "B"]).iloc[0]

    def test_by_hand(self):
        # both right 3, only A 2, only B 1, neither 2, of 8
        found = self.pair("11111000", "11100100")
        assert (found["member_a"], found["member_b"]) == ("A", "B")
        assert found["disagreement"] == 3 / 8
        assert found["double_fault"] == 2 / 8
        assert found["q_statistic"] == pytest.approx((3 * 2 - 2 * 1) / (3 * 2 + 2 * 1))
        assert found["error_correlation"] == pytest.approx((3 * 2 - 2 * 1) / np.sqrt(5 * 3 * 4 * 4))

    def test_the_same_errors_correlate_fully_and_opposite_ones_inversely(self):
        same, opposite = self.pair("11110000", "11110000"), self.pair("11110000", "00001111")
        assert (same["disagreement"], same["q_statistic"], same["error_correlation"]) == (0, 1, pytest.approx(1))
        assert (opposite["disagreement"], opposite["q_statistic"]) == (1, -1)

    def test_a_member_without_errors_has_no_correlation(self):
        found = self.pair("11111111", "11110000")
        assert np.isnan(found["error_correlation"])
        assert np.isnan(found["q_statistic"])

    def test_one_member_has_no_pair(self):
        probabilities, labels = members(1)
        assert pairwise_diversity(probabilities, labels, ["A"]).empty

    def test_the_oracle_needs_one_member_that_is_right(self):
        right = np.array([[1, 1, 0, 0], [0, 1, 1, 0]])
        assert oracle_accuracy(np.stack([right, 1 - right], axis=-1), np.zeros(4, dtype=int)) == 0.75


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_scores_are_those_of_scikit_learn(objective):
    probabilities, labels = members(1)
    found = scores(probabilities[0], labels, objective)
    predicted = probabilities[0].argmax(axis=1)
    assert found["macro_f1"] == pytest.approx(f1_score(labels, predicted, average="macro"))
    assert found["accuracy"] == (labels == predicted).mean()
    assert found[objective] == OBJECTIVES[objective](probabilities, labels).value(np.ones(1))
