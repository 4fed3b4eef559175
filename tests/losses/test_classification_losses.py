"""Losses of class ids and distributions: numbers by hand, PyTorch where it has the same loss, and EMO-SUPERB."""

import json
import math

import pandas as pd
import pytest
import torch
from torch.nn import functional

from hf_emotion.data.soft_labels import effective_number_weights, threshold_labels
from hf_emotion.losses import load_loss
from hf_emotion.losses.label_smoothing import smooth_distributions


# Softmax of these logits: (1/2, 1/4, 1/4) and (1/8, 3/4, 1/8).
PROBABILITIES = torch.tensor([[0.5, 0.25, 0.25], [0.125, 0.75, 0.125]], dtype=torch.float64)
LOGITS = PROBABILITIES.log() + torch.tensor([[3.0], [-1.0]])
IDS = torch.tensor([1, 1])
SHARES = torch.tensor([[0.75, 0.25, 0.0], [0.0, 0.5, 0.5]], dtype=torch.float64)

# Weights of IEMOCAP's first published file of labels, in the order of its columns.
IEMOCAP_WEIGHTS = [0.2513, 0.3987, 0.4732, 2.6314, 0.3916, 2.8001, 0.2615, 1.3584, 0.4338]


@pytest.fixture
def batch():
    """Random logits, class ids and distributions of 32 utterances and 6 classes."""
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(32, 6, generator=generator, dtype=torch.float64)
    shares = torch.rand(32, 6, generator=generator, dtype=torch.float64)
    return logits, torch.randint(6, (32,), generator=generator), shares / shares.sum(-1, keepdim=True)


class TestCrossEntropy:
    def test_by_hand(self):
        expected = (math.log(4) + math.log(4 / 3)) / 2
        assert load_loss("cross_entropy")(LOGITS, IDS).item() == pytest.approx(expected)

    @pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 0.9])
    def test_is_that_of_pytorch(self, batch, label_smoothing):
        logits, ids, _ = batch
        ids[3] = -100
        expected = functional.cross_entropy(logits, ids, label_smoothing=label_smoothing)
        torch.testing.assert_close(load_loss("cross_entropy", label_smoothing=label_smoothing)(logits, ids), expected)

    def test_both_smoothings_by_hand(self):
        logits, ids = LOGITS[:1], torch.tensor([0])
        terms = -PROBABILITIES[0].log()
        szegedy = load_loss("cross_entropy", label_smoothing=0.3)(logits, ids)
        emo_superb = load_loss("cross_entropy", label_smoothing=0.3, smoothing="emo_superb")(logits, ids)
        assert szegedy.item() == pytest.approx(0.8 * terms[0] + 0.1 * terms[1] + 0.1 * terms[2])
        assert emo_superb.item() == pytest.approx(0.7 * terms[0] + 0.15 * terms[1] + 0.15 * terms[2])

    def test_is_least_at_the_smoothed_label(self):
        targets = smooth_distributions(torch.eye(6)[:1].double(), 0.05, "emo_superb")
        logits = targets.log().requires_grad_()
        loss = load_loss("cross_entropy", label_smoothing=0.05, smoothing="emo_superb")(logits, torch.tensor([0]))
        loss.backward()
        torch.testing.assert_close(logits.grad, torch.zeros_like(logits), atol=1e-7, rtol=0)


class TestSmoothing:
    @pytest.mark.parametrize(
        ("num_classes", "low"), [(4, 0.016667), (6, 0.01), (9, 0.00625), (10, 0.005556), (11, 0.005)]
    )
    def test_the_extremes_are_those_of_the_label_files_of_emo_superb(self, num_classes, low):
        smooth = smooth_distributions(torch.eye(num_classes, dtype=torch.float64)[:1], 0.05, "emo_superb")
        assert smooth[0].numpy().round(6).tolist() == [0.95] + [low] * (num_classes - 1)

    def test_szegedys_hands_a_part_back(self):
        smooth = smooth_distributions(torch.eye(6, dtype=torch.float64)[:1], 0.05, "szegedy")
        assert smooth[0].numpy().round(5).tolist() == [0.95833] + [0.00833] * 5

    @pytest.mark.parametrize("smoothing", ["szegedy", "emo_superb"])
    def test_sums_stay(self, batch, smoothing):
        torch.testing.assert_close(
            smooth_distributions(batch[2], 0.2, smoothing).sum(-1), torch.ones(32, dtype=torch.float64)
        )

    def test_they_are_alike_but_for_the_size_of_the_share(self, batch):
        """e of EMO-SUPERB is (1 - 1/C) e of Szegedy et al."""
        torch.testing.assert_close(
            smooth_distributions(batch[2], 0.06, "szegedy"), smooth_distributions(batch[2], 0.05, "emo_superb")
        )


class TestSoftLabelCrossEntropy:
    def test_by_hand(self):
        first = 0.75 * math.log(2) + 0.25 * math.log(4)
        second = 0.5 * math.log(4 / 3) + 0.5 * math.log(8)
        assert load_loss("soft_label_cross_entropy")(LOGITS, SHARES).item() == pytest.approx((first + second) / 2)

    @pytest.mark.parametrize("label_smoothing", [0.0, 0.2])
    def test_is_that_of_pytorch(self, batch, label_smoothing):
        logits, _, shares = batch
        expected = functional.cross_entropy(logits, shares, label_smoothing=label_smoothing)
        loss = load_loss("soft_label_cross_entropy", label_smoothing=label_smoothing)
        torch.testing.assert_close(loss(logits, shares), expected)

    def test_a_distribution_with_one_unknown_share_is_unknown(self):
        labels = SHARES.clone()
        labels[0, 2] = math.nan
        loss = load_loss("soft_label_cross_entropy")
        assert loss(LOGITS, labels).item() == pytest.approx(0.5 * math.log(4 / 3) + 0.5 * math.log(8))

    def test_unanimous_votes_give_cross_entropy(self, batch):
        logits, ids, _ = batch
        options = {"label_smoothing": 0.1, "smoothing": "emo_superb"}
        soft = load_loss("soft_label_cross_entropy", **options)(logits, functional.one_hot(ids, 6).double())
        torch.testing.assert_close(soft, load_loss("cross_entropy", **options)(logits, ids))


class TestClassBalanced:
    WEIGHTS = (0.5, 2.0, 0.5)

    def test_the_released_code_weighs_samples(self):
        terms = -PROBABILITIES.log()
        weights = [0.75 * 0.5 + 0.25 * 2.0, 0.5 * 2.0 + 0.5 * 0.5]
        losses = [0.75 * terms[0, 0] + 0.25 * terms[0, 1], 0.5 * terms[1, 1] + 0.5 * terms[1, 2]]
        loss = load_loss("class_balanced_cross_entropy", weights=self.WEIGHTS)(LOGITS, SHARES)
        assert loss.item() == pytest.approx(sum(w * x for w, x in zip(weights, losses, strict=True)).item() / 2)

    def test_equation_1_weighs_classes(self):
        terms = -PROBABILITIES.log()
        first = 0.75 * 0.5 * terms[0, 0] + 0.25 * 2.0 * terms[0, 1]
        second = 0.5 * 2.0 * terms[1, 1] + 0.5 * 0.5 * terms[1, 2]
        loss = load_loss("class_balanced_cross_entropy", weights=self.WEIGHTS, weighting="class")(LOGITS, SHARES)
        assert loss.item() == pytest.approx((first + second).item() / 2)

    def test_equation_1_is_pytorchs_weighted_cross_entropy_of_distributions(self, batch):
        logits, _, shares = batch
        weights = [0.25, 0.5, 1.0, 1.0, 1.25, 2.0]
        expected = functional.cross_entropy(logits, shares, weight=torch.tensor(weights, dtype=torch.float64))
        loss = load_loss("class_balanced_cross_entropy", weights=weights, weighting="class")
        torch.testing.assert_close(loss(logits, shares), expected)

    def test_the_readings_agree_on_class_ids_and_differ_on_smoothed_ones(self, batch):
        logits, ids, _ = batch
        weights = [0.25, 0.5, 1.0, 1.0, 1.25, 2.0]

        def loss(weighting, **options):
            options |= {"weights": weights, "weighting": weighting}
            return load_loss("class_balanced_cross_entropy", **options)(logits, ids)

        expected = functional.cross_entropy(logits, ids, torch.tensor(weights, dtype=torch.float64), reduction="none")
        torch.testing.assert_close(loss("sample"), expected.mean())
        torch.testing.assert_close(loss("class"), expected.mean())
        assert loss("sample", label_smoothing=0.05) != loss("class", label_smoothing=0.05)

    def test_equal_weights_give_soft_label_cross_entropy(self, batch):
        logits, _, shares = batch
        for weighting in ("sample", "class"):
            loss = load_loss("class_balanced_cross_entropy", weights=[1.0] * 6, weighting=weighting)
            torch.testing.assert_close(loss(logits, shares), load_loss("soft_label_cross_entropy")(logits, shares))

    def test_a_unanimous_vote_of_iemocap_weighs_what_the_published_weights_say(self):
        """Of nine classes and with EMO-SUPERB's smoothing: 0.95 of its own weight and 0.00625 of each other."""
        logits = torch.zeros(1, 9, dtype=torch.float64)
        options = {"weights": IEMOCAP_WEIGHTS, "label_smoothing": 0.05, "smoothing": "emo_superb"}
        own = IEMOCAP_WEIGHTS[3]
        expected = (0.95 * own + 0.00625 * (sum(IEMOCAP_WEIGHTS) - own)) * math.log(9)
        loss = load_loss("class_balanced_cross_entropy", **options)
        assert loss(logits, torch.tensor([3])).item() == pytest.approx(expected)


@pytest.mark.real_data
@pytest.mark.parametrize("weighting", ["sample", "class"])
def test_published_labels_give_the_loss_of_the_released_code_and_of_equation_1(emo_superb_labels_dir, weighting):
    """An untrained model (all probabilities 1/9) on the training part of IEMOCAP's first file. With every log p equal,
    both readings come to the mean weight of a label times log 9."""
    folder = emo_superb_labels_dir / "IEMOCAP" / "Secondary"
    classes = json.loads((folder / "config.json").read_text())["categorical"]["emo_type"]
    table = pd.read_csv(folder / "labels_consensus_1.csv")
    labels = table.loc[table["Split_Set"] == "Train", classes].to_numpy()
    weights = effective_number_weights(threshold_labels(labels))
    assert weights.round(4).tolist() == IEMOCAP_WEIGHTS
    loss = load_loss("class_balanced_cross_entropy", weights=weights, weighting=weighting)
    targets = torch.tensor(labels)
    uniform = loss(torch.zeros_like(targets), targets)
    assert uniform.item() == pytest.approx((labels @ weights).mean() * math.log(9), rel=1e-5)
    perfect = loss(targets.log(), targets)
    terms = -labels * torch.tensor(labels).log().numpy()
    by_sample = ((labels @ weights) * terms.sum(1)).mean()
    assert perfect.item() == pytest.approx(by_sample if weighting == "sample" else (terms @ weights).mean(), rel=1e-5)


class TestFocal:
    def test_by_hand(self):
        expected = ((3 / 4) ** 2 * math.log(4) + (1 / 4) ** 2 * math.log(4 / 3)) / 2
        assert load_loss("focal")(LOGITS, IDS).item() == pytest.approx(expected)

    def test_weights_by_hand(self):
        loss = load_loss("focal", gamma=1.0, weights=[1.0, 3.0, 1.0])
        expected = 3 * (3 / 4 * math.log(4) + 1 / 4 * math.log(4 / 3)) / 2
        assert loss(LOGITS, IDS).item() == pytest.approx(expected)

    def test_without_focus_is_cross_entropy(self, batch):
        logits, ids, shares = batch
        loss = load_loss("focal", gamma=0.0)
        torch.testing.assert_close(loss(logits, ids), functional.cross_entropy(logits, ids))
        torch.testing.assert_close(loss(logits, shares), functional.cross_entropy(logits, shares))

    @pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
    def test_the_gradient_of_a_certain_and_right_prediction_is_finite(self, gamma):
        logits = torch.tensor([[1000.0, 0.0]], requires_grad=True)
        load_loss("focal", gamma=gamma)(logits, torch.tensor([0])).backward()
        assert logits.grad.isfinite().all()


class TestKlDivergence:
    def test_by_hand(self):
        first = 0.75 * math.log(0.75 / 0.5)  # the second class has what it should
        second = 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.125)
        assert load_loss("kl_divergence")(LOGITS, SHARES).item() == pytest.approx((first + second) / 2)

    def test_is_that_of_pytorch(self, batch):
        logits, _, shares = batch
        expected = functional.kl_div(logits.log_softmax(-1), shares, reduction="batchmean")
        torch.testing.assert_close(load_loss("kl_divergence")(logits, shares), expected)

    @pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
    def test_is_cross_entropy_less_the_entropy_of_the_labels(self, batch, label_smoothing):
        logits, _, shares = batch
        targets = smooth_distributions(shares, label_smoothing, "szegedy")
        entropy = -torch.xlogy(targets, targets).sum(-1).mean()
        cross_entropy = load_loss("soft_label_cross_entropy", label_smoothing=label_smoothing)(logits, shares)
        divergence = load_loss("kl_divergence", label_smoothing=label_smoothing)(logits, shares)
        torch.testing.assert_close(divergence, cross_entropy - entropy)

    def test_is_zero_for_the_right_prediction(self, batch):
        _, _, shares = batch
        assert load_loss("kl_divergence")(shares.log(), shares).item() == pytest.approx(0, abs=1e-12)
