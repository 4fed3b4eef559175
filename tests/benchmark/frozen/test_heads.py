"""Heads in a stack are those that torch's layers would be."""

import pytest
import torch
from torch import nn

from hf_emotion.benchmark.frozen.heads import StackedHeads
from hf_emotion.features.layer_statistics import average_layer_means, average_layer_std, clip_covariances


SIZES = {"num_states": 3, "hidden_size": 8, "num_classes": 4, "projector_size": 6}


def clip_statistics(num_heads: int, batch_size: int):
    generator = torch.Generator().manual_seed(0)
    states = torch.randn(num_heads, batch_size, 3, 20, 8, generator=generator)
    covariances = [[clip_covariances(list(clip)) for clip in clips] for clips in states]
    return states.mean(dim=3), torch.stack([torch.stack(rows) for rows in covariances])


def stack(seeds, pooling="mean"):
    heads = StackedHeads(**SIZES, seeds=seeds, pooling=pooling)
    with torch.no_grad():
        heads.layer_weights.copy_(torch.randn(len(seeds), 3, generator=torch.Generator().manual_seed(1)))
    return heads


@pytest.mark.parametrize("pooling", ["mean", "std", "mean_std"])
def test_a_stack_computes_what_layers_of_torch_do(pooling):
    heads, (means, covariances) = stack([0, 1], pooling), clip_statistics(2, 5)
    logits = heads(means, covariances)
    for index in range(2):
        state = heads.state_of(index)
        weights = state["layer_weights"].softmax(dim=-1)
        pooled = {
            "mean": average_layer_means(means[index], weights),
            "std": average_layer_std(covariances[index], weights),
        }
        pooled["mean_std"] = torch.cat(list(pooled.values()), dim=-1)
        projected = nn.functional.linear(pooled[pooling], state["projector.weight"], state["projector.bias"])
        expected = nn.functional.linear(projected, state["classifier.weight"], state["classifier.bias"])
        torch.testing.assert_close(logits[index], expected)


def test_a_head_starts_the_same_in_any_company():
    alone, in_company = StackedHeads(**SIZES, seeds=[7]), StackedHeads(**SIZES, seeds=[1, 7, 3])
    for name, value in alone.state_of(0).items():
        assert torch.equal(value, in_company.state_of(1)[name])


def test_a_head_starts_within_the_bounds_of_torchs_linear():
    state = StackedHeads(3, 100, 4, [0]).state_of(0)
    reference = nn.Linear(100, 256)
    assert state["projector.weight"].shape == reference.weight.shape
    assert 0.095 < state["projector.weight"].abs().max() <= 0.1
    assert 0.09 < state["projector.bias"].abs().max() <= 0.1
    assert state["layer_weights"].tolist() == [0, 0, 0]


def test_one_head_of_a_stack_gives_its_logits():
    heads, (means, _) = stack([0, 1, 2]), clip_statistics(3, 5)
    torch.testing.assert_close(heads.only(1)(means[1:2])[0], heads(means)[1])


def test_std_pooling_without_covariances_is_refused():
    with pytest.raises(ValueError, match="needs `covariances`"):
        stack([0], "std")(clip_statistics(1, 2)[0])
