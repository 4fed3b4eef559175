"""Heads are trained as EMO-SUPERB trains them, alone or together."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from hf_emotion.benchmark.frozen.head_training import HeadRecipe, HeadTask, train_heads
from hf_emotion.benchmark.frozen.heads import HeadFeatures
from hf_emotion.benchmark.setting_data import FoldRows, SettingData
from hf_emotion.losses.class_balanced_cross_entropy import ClassBalancedCrossEntropyLoss


NUM_STATES, HIDDEN_SIZE, NUM_CLASSES = 3, 8, 3


class ArrayCache:
    """The part of a feature cache that heads read."""

    folder = "arrays"

    def __init__(self, means, covariances=None):
        self.means, self.covariances = means, covariances


@pytest.fixture
def data():
    generator = np.random.default_rng(0)
    labels = generator.dirichlet(np.ones(NUM_CLASSES), size=60)
    rows = generator.permutation(60)
    folds = (FoldRows(1, rows[:38], rows[38:48], rows[48:]), FoldRows(2, rows[20:55], rows[:10], rows[10:20]))
    utterances = pd.DataFrame({"utterance_id": [f"u{row}" for row in range(60)], "speaker_id": None, "gender": None})
    return SettingData("toy", "toy", ("a", "b", "c"), utterances, labels, folds, "digest")


@pytest.fixture
def features(data):
    generator = np.random.default_rng(1)
    # what the labels say, in the last layer only
    means = generator.normal(0, 0.2, (60, NUM_STATES, HIDDEN_SIZE)).astype(np.float32)
    means[:, -1, :NUM_CLASSES] += 5 * data.labels
    return HeadFeatures(ArrayCache(means), "mean")


def plain_training(features, data, task, recipe):
    """The same training by the modules of torch, one head at a time."""
    size = recipe.projector_size
    layer_weights = nn.Parameter(torch.zeros(NUM_STATES))
    projector, classifier = nn.Linear(HIDDEN_SIZE, size), nn.Linear(size, NUM_CLASSES)
    generator = torch.Generator().manual_seed(task.seed)
    with torch.no_grad():
        for parameter, fan_in in zip(
            [*projector.parameters(), *classifier.parameters()], [HIDDEN_SIZE] * 2 + [size] * 2, strict=True
        ):
            parameter.uniform_(-(fan_in**-0.5), fan_in**-0.5, generator=generator)
    parameters = [layer_weights, *projector.parameters(), *classifier.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=recipe.learning_rate)
    loss_of = ClassBalancedCrossEntropyLoss(data.class_weights(task.fold).tolist(), recipe.loss_weighting)
    labels, order = torch.from_numpy(data.labels).float(), np.random.default_rng(task.seed)

    def logits(rows):
        means = features(torch.from_numpy(rows))["means"]
        return classifier(projector(torch.einsum("l,blh->bh", layer_weights.softmax(-1), means)))

    losses, best = [], None
    for _ in range(recipe.epochs):
        shuffled = order.permutation(task.fold.train)
        for start in range(0, len(shuffled), recipe.batch_size):
            rows = shuffled[start : start + recipe.batch_size]
            optimizer.zero_grad()
            loss_of(logits(rows), labels[rows]).backward()
            nn.utils.clip_grad_norm_(parameters, recipe.max_grad_norm)
            optimizer.step()
        with torch.no_grad():
            losses.append(loss_of(logits(task.fold.validation), labels[task.fold.validation]).item())
            if losses[-1] == min(losses):
                best = logits(task.fold.test).softmax(-1)
    return losses, best


RECIPES = {
    "code": HeadRecipe(epochs=4, batch_size=8, learning_rate=1e-2, projector_size=5),
    "clipped, by class": HeadRecipe(
        epochs=3, batch_size=8, learning_rate=1e-2, projector_size=5, max_grad_norm=0.01, loss_weighting="class"
    ),
}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("is_stacked", [False, True])
def test_training_equals_a_plain_loop_over_torchs_modules(recipe, is_stacked, features, data):
    tasks = [HeadTask(fold, seed) for fold in data.folds for seed in (0, 1)]
    for task, head in zip(tasks, train_heads(features, data, tasks, recipe, is_stacked=is_stacked), strict=True):
        losses, test = plain_training(features, data, task, recipe)
        np.testing.assert_allclose(head.validation_losses, losses, rtol=1e-5)
        np.testing.assert_allclose(head.test, test.numpy(), atol=1e-5)
        assert head.best_epoch == int(np.argmin(losses)) + 1


def test_what_is_learned_generalises_and_favours_the_layer_that_knows(features, data):
    (head,) = train_heads(features, data, [HeadTask(data.folds[0], 0)], HeadRecipe(epochs=60, learning_rate=1e-2))
    labels = data.labels[data.folds[0].test]
    assert np.abs(head.test - labels).mean() < 0.7 * np.abs(1 / NUM_CLASSES - labels).mean()
    shares = head.state["layer_weights"].softmax(-1)
    assert shares.argmax() == NUM_STATES - 1


def test_probabilities_are_those_of_the_best_epoch_and_not_of_the_last(features, data):
    recipe = HeadRecipe(epochs=40, batch_size=8, learning_rate=0.3, projector_size=5)
    (head,) = train_heads(features, data, [HeadTask(data.folds[0], 0)], recipe)
    assert head.best_epoch < recipe.epochs
    loss_of = ClassBalancedCrossEntropyLoss(data.class_weights(data.folds[0]).tolist())
    labels = torch.from_numpy(data.labels[data.folds[0].validation])
    loss = loss_of(torch.from_numpy(head.validation).log(), labels)
    assert loss.item() == pytest.approx(head.validation_losses[head.best_epoch - 1], rel=1e-4)


def test_a_cosine_schedule_warms_up_and_ends_at_zero(features, data):
    task = HeadTask(data.folds[0], 0)
    steps = math.ceil(38 / 8)
    still = HeadRecipe(epochs=1, batch_size=8, scheduler="cosine", warmup_steps=1000 * steps, learning_rate=1e-2)
    (head,) = train_heads(features, data, [task], still)
    (moving,) = train_heads(features, data, [task], HeadRecipe(epochs=1, batch_size=8, learning_rate=1e-2))
    assert head.state["layer_weights"].abs().max() < 0.01 * moving.state["layer_weights"].abs().max()


def test_features_that_stay_on_disk_train_the_same_head(features, data):
    means = np.asarray(features(torch.arange(60))["means"])
    recipe, task = HeadRecipe(epochs=2, batch_size=8, projector_size=5), HeadTask(data.folds[0], 0)
    (in_memory,) = train_heads(features, data, [task], recipe)
    (on_disk,) = train_heads(HeadFeatures(ArrayCache(means), "mean", max_bytes=0), data, [task], recipe)
    assert on_disk.validation_losses == in_memory.validation_losses


def test_a_training_that_diverges_is_refused(features, data):
    with pytest.raises(ValueError, match="fold 1, seed 0 .* after epoch 1: training diverged"):
        train_heads(features, data, [HeadTask(data.folds[0], 0)], HeadRecipe(epochs=2, learning_rate=1e30))


def test_std_pooling_needs_second_moments():
    with pytest.raises(ValueError, match='extract with second_moments="pairs"'):
        HeadFeatures(ArrayCache(np.zeros((1, 3, 8), np.float32)), "std")
