"""The study of constant answers: the answer minimises the loss, and its scores are those of the published FBANK."""

import importlib.util

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import classification_report

from hf_emotion.losses.class_balanced_cross_entropy import ClassBalancedCrossEntropyLoss
from hf_emotion.models.encoders.filter_bank import FilterBankConfig, FilterBankModel


@pytest.fixture(scope="module")
def study(repo_dir):
    path = repo_dir / "benchmarks" / "studies" / "constant_predictor.py"
    spec = importlib.util.spec_from_file_location("constant_predictor", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_answer_is_the_weighted_mean_of_the_labels(study):
    labels, weights = np.array([[0.9, 0.1], [0.3, 0.7]]), np.array([1.0, 2.0])
    # the clips weigh 0.9 + 2 * 0.1 = 1.1 and 0.3 + 2 * 0.7 = 1.7
    expected = [(1.1 * 0.9 + 1.7 * 0.3) / 2.8, (1.1 * 0.1 + 1.7 * 0.7) / 2.8]
    assert study.constant_answer(labels, weights) == pytest.approx(expected)


def test_no_other_constant_answer_has_a_smaller_loss(study):
    generator = np.random.default_rng(0)
    labels, weights = generator.dirichlet(np.ones(4), size=50), np.array([0.4, 0.8, 1.2, 1.6])
    loss = ClassBalancedCrossEntropyLoss(weights.tolist(), "sample")

    def loss_of(answer):
        logits = torch.from_numpy(np.log(np.broadcast_to(answer, labels.shape)))
        return loss(logits, torch.from_numpy(labels)).item()

    least = loss_of(study.constant_answer(labels, weights))
    assert all(loss_of(other) > least for other in generator.dirichlet(np.ones(4), size=200))


def test_scores_are_those_of_scikit_learn(study):
    truth = np.random.default_rng(0).random((70, 3)) < [0.7, 0.4, 0.05]
    decisions = np.array([True, False, True])

    def reference(part):
        guess = np.tile(decisions, (len(part), 1))
        return classification_report(part, guess, output_dict=True, zero_division=0)["macro avg"]["f1-score"]

    assert study.whole_score(truth, decisions) == pytest.approx(reference(truth))
    batches = [truth[:32], truth[32:64], truth[64:]]
    assert study.batch_score(truth, decisions) == pytest.approx(np.mean([reference(part) for part in batches]))


def test_normalised_filter_bank_has_zero_mean_over_every_clip_whatever_it_holds():
    generator = torch.Generator().manual_seed(0)
    clips = torch.randn(2, 8000, generator=generator) * torch.linspace(0.01, 1, 8000)
    features = FilterBankModel(FilterBankConfig())(clips).last_hidden_state
    assert features.shape == (2, 48, 240)
    assert features.std() > 0.9
    assert features.mean(dim=1).abs().max() < 1e-5


def test_neutral_alone_explains_crema_d(study, emo_superb_labels_dir):
    folder = emo_superb_labels_dir / "CREMA-D" / "Primary"
    folds = study.fold_scores(study.read_label_folder(folder))
    for number, fold in enumerate(folds, start=1):
        table = pd.read_csv(folder / f"labels_consensus_{number}.csv")
        share = (table.loc[table["Split_Set"] == "Test", "neutral"] > 1 / 6).mean()
        # predicted for all clips, neutral has the precision `share` and the recall 1; five other classes have F1 0
        assert fold.whole == pytest.approx(2 * share / (share + 1) / 6)


@pytest.mark.parametrize(
    ("folder", "reported"),
    [
        ("IMPROV/Primary", 0.305),
        ("CREMA-D/Primary", 0.144),
        ("IEMOCAP/Secondary", 0.242),
        ("NNIME/Secondary", 0.120),
        ("IMPROV/Secondary", 0.184),
    ],
)
def test_means_over_batches_by_name_are_the_published_figures_and_the_whole_parts_are_not(
    study, emo_superb_labels_dir, folder, reported
):
    folds = study.fold_scores(study.read_label_folder(emo_superb_labels_dir / folder))
    assert round(np.mean([fold.batches_by_name for fold in folds]), 3) == reported
    assert round(np.mean([fold.whole for fold in folds]), 3) > reported
