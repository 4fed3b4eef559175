"""Losses of ratings, of several labels and of several tasks: numbers by hand, PyTorch, and our metric."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from hf_emotion.losses import load_loss
from hf_emotion.metrics import load_metric


NAN = math.nan
RATINGS = torch.tensor([[1.0, 2.0], [2.0, 2.0], [3.0, 5.0]], dtype=torch.float64)


class TestConcordance:
    LOSS = load_loss("concordance_correlation_coefficient")

    def test_an_offset_by_hand(self):
        """2 (2/3) / (2/3 + 2/3 + 1) = 4/7."""
        assert self.LOSS(RATINGS[:, :1] + 1, RATINGS[:, :1]).item() == pytest.approx(3 / 7)

    def test_a_scale_by_hand(self):
        """Twice the ratings: 2 (4/3) / (8/3 + 2/3 + 4) = 4/11."""
        assert self.LOSS(2 * RATINGS[:, :1], RATINGS[:, :1]).item() == pytest.approx(7 / 11)

    @pytest.mark.parametrize(("sign", "expected"), [(1, 0.0), (-1, 2.0)])
    def test_agreement_is_0_and_its_opposite_2(self, sign, expected):
        centred = RATINGS - RATINGS.mean(0)
        assert self.LOSS(sign * centred, centred).item() == pytest.approx(expected, abs=1e-7)

    def test_it_is_one_minus_the_metric_averaged_over_dimensions(self):
        generator = torch.Generator().manual_seed(0)
        predictions = torch.randn(20, 3, generator=generator, dtype=torch.float64)
        ratings = predictions + torch.randn(20, 3, generator=generator, dtype=torch.float64)
        metric = load_metric("concordance_correlation_coefficient")
        scores = [
            metric.compute(predictions=predictions[:, index].tolist(), references=ratings[:, index].tolist())
            for index in range(3)
        ]
        expected = 1 - np.mean([score["concordance_correlation_coefficient"] for score in scores])
        assert self.LOSS(predictions, ratings).item() == pytest.approx(expected, abs=1e-7)

    def test_a_missing_rating_leaves_the_other_dimensions_of_its_utterance(self):
        predictions = torch.tensor([[2.0, 1.0], [3.0, 9.0], [4.0, 2.0], [0.0, 3.0]], dtype=torch.float64)
        ratings = torch.tensor([[1.0, 1.0], [2.0, NAN], [3.0, 2.0], [NAN, 3.0]], dtype=torch.float64)
        assert self.LOSS(predictions, ratings).item() == pytest.approx((3 / 7 + 0) / 2)

    def test_a_dimension_with_a_single_rating_does_not_count(self):
        predictions = torch.tensor([[2.0, 7.0], [3.0, 8.0], [4.0, 9.0]], dtype=torch.float64, requires_grad=True)
        ratings = torch.tensor([[1.0, NAN], [2.0, 3.0], [3.0, NAN]], dtype=torch.float64)
        loss = self.LOSS(predictions, ratings)
        loss.backward()
        assert loss.item() == pytest.approx(3 / 7)
        assert (predictions.grad[:, 1] == 0).all()

    @pytest.mark.parametrize("value", [0.0, 0.5])
    def test_constant_ratings_give_1_with_a_finite_gradient(self, value):
        """The gradient is 0: the covariance with a constant cannot be raised."""
        predictions = torch.full((3, 1), 0.5, dtype=torch.float64, requires_grad=True)
        loss = self.LOSS(predictions, torch.full((3, 1), value, dtype=torch.float64))
        loss.backward()
        assert loss.item() == 1
        assert (predictions.grad == 0).all()

    def test_a_step_down_the_gradient_raises_agreement(self):
        predictions = torch.tensor([[0.0], [1.0], [0.5]], dtype=torch.float64, requires_grad=True)
        before = self.LOSS(predictions, RATINGS[:, :1])
        (gradient,) = torch.autograd.grad(before, predictions)
        assert self.LOSS(predictions - 0.1 * gradient, RATINGS[:, :1]) < before


class TestMultiLabel:
    LOGITS = torch.tensor([[0.0, math.log(3)], [-math.log(3), 0.0]], dtype=torch.float64)
    LABELS = torch.tensor([[1.0, 0.0], [1.0, 1.0]], dtype=torch.float64)

    def test_by_hand(self):
        expected = (math.log(2) + math.log(4) + math.log(4) + math.log(2)) / 4
        loss = load_loss("multi_label_binary_cross_entropy")
        assert loss(self.LOGITS, self.LABELS).item() == pytest.approx(expected)

    @pytest.mark.parametrize("weights", [None, [2.0, 0.5]])
    def test_is_that_of_pytorch(self, weights):
        expected = functional.binary_cross_entropy_with_logits(
            self.LOGITS, self.LABELS, pos_weight=None if weights is None else torch.tensor(weights).double()
        )
        loss = load_loss("multi_label_binary_cross_entropy", positive_weights=weights)
        torch.testing.assert_close(loss(self.LOGITS, self.LABELS), expected)

    def test_a_missing_label_leaves_the_others_of_its_utterance(self):
        labels = self.LABELS.clone()
        labels[0, 1] = NAN
        loss = load_loss("multi_label_binary_cross_entropy")
        assert loss(self.LOGITS, labels).item() == pytest.approx((math.log(2) + math.log(4) + math.log(2)) / 3)


class TestMultiTask:
    def batch(self):
        logits = {"emotion": torch.zeros(3, 4, dtype=torch.float64), "dimensions": RATINGS + 1}
        return logits, {"emotion": torch.tensor([0, 3, -100]), "dimensions": RATINGS}

    def test_is_the_weighted_sum_of_its_losses(self):
        losses = {"emotion": "cross_entropy", "dimensions": "concordance_correlation_coefficient"}
        logits, labels = self.batch()
        ccc = load_loss("concordance_correlation_coefficient")(logits["dimensions"], labels["dimensions"])
        found = load_loss("multi_task", losses=losses, weights={"dimensions": 0.25})(logits, labels)
        assert found.item() == pytest.approx(math.log(4) + 0.25 * ccc.item())

    def test_losses_may_be_modules_names_or_names_with_options(self):
        logits, labels = self.batch()
        focal = load_loss("focal", gamma=1.0)
        values = [
            load_loss("multi_task", losses={"emotion": loss})(logits, labels).item()
            for loss in (focal, {"name": "focal", "gamma": 1.0})
        ]
        assert values[0] == values[1] == pytest.approx(3 / 4 * math.log(4))

    def test_an_utterance_may_lack_the_label_of_one_task(self):
        logits, labels = self.batch()
        logits = {task: values.requires_grad_() for task, values in logits.items()}
        losses = {"emotion": "cross_entropy", "dimensions": "concordance_correlation_coefficient"}
        labels["emotion"] = torch.tensor([-100, -100, -100])
        load_loss("multi_task", losses=losses)(logits, labels).backward()
        assert (logits["emotion"].grad == 0).all()
        assert logits["dimensions"].grad.any()

    def test_weights_scale_the_gradients(self):
        logits, labels = self.batch()
        head = nn.Parameter(logits["emotion"])
        for weight in (1.0, 0.5, 0.0):
            loss = load_loss("multi_task", losses={"emotion": "cross_entropy"}, weights={"emotion": weight})
            (gradient,) = torch.autograd.grad(loss({"emotion": head}, labels), head)
            assert gradient[0, 0].item() == pytest.approx(weight * (1 / 4 - 1) / 2)

    @pytest.mark.parametrize(
        ("logits", "labels", "message"),
        [
            (torch.zeros(1, 2), {}, "a mapping of tasks to logits, found Tensor"),
            ({"emotion": torch.zeros(1, 2)}, torch.zeros(1), "a mapping of tasks to labels, found Tensor"),
            ({"gender": torch.zeros(1, 2)}, {}, r"no logits of the task 'emotion'; there are \['gender'\]"),
            ({"emotion": torch.zeros(1, 2)}, {}, r"no labels of the task 'emotion'; there are \[\]"),
        ],
    )
    def test_what_a_task_lacks_is_named(self, logits, labels, message):
        with pytest.raises(ValueError, match=message):
            load_loss("multi_task", losses={"emotion": "cross_entropy"})(logits, labels)
