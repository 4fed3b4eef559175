"""Heads of EMO-SUPERB on cached features, several of the same size at once.

Softmax average of layers -> pooling over time -> linear projection -> linear classifier, without activation or dropout
in between. As everything but the pooling is linear, mean pooling needs no more than the mean over time of each layer,
see [`~hf_emotion.features.layer_statistics`].

All parameters have a first axis for the heads of a stack. One head is a stack of one, so that there is one code path.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from ...features.feature_cache import FeatureCache


POOLED_WIDTH = {"mean": 1, "std": 1, "mean_std": 2}
_MIN_VARIANCE = 1e-9  # as in the pooling of the models


class HeadFeatures:
    """
    What heads are trained on: statistics of each utterance, in memory if they fit.

    Args:
        cache ([`~hf_emotion.features.feature_cache.FeatureCache`]): Features of the utterances, in the order of rows.
        pooling (`str`): `"mean"`, `"std"` or `"mean_std"`; the latter two need `second_moments="pairs"`.
        device (`str` or `torch.device`): Where batches are wanted.
        max_bytes (`int`, *optional*, defaults to 8 GiB): Larger features stay on disk and are read batch by batch.

    Raises:
        ValueError: The cache lacks the second moments that the pooling needs.
    """

    def __init__(
        self, cache: FeatureCache, pooling: str, device: str | torch.device = "cpu", max_bytes: int = 8 * 2**30
    ):
        if pooling != "mean" and cache.covariances is None:
            raise ValueError(
                f"pooling={pooling!r} needs covariances, which {cache.folder} lacks: extract with "
                'second_moments="pairs".'
            )
        self.pooling, self.device = pooling, torch.device(device)
        self.num_states, self.hidden_size = cache.means.shape[1:]
        stored = {"means": cache.means, "covariances": cache.covariances if pooling != "mean" else None}
        in_memory = sum(rows.nbytes for rows in stored.values() if rows is not None) <= max_bytes
        self._arrays = {
            name: torch.from_numpy(rows[:]).to(self.device) if in_memory else rows
            for name, rows in stored.items()
            if rows is not None
        }

    def __call__(self, rows: torch.Tensor) -> dict[str, torch.Tensor]:
        """Statistics of utterances `(...)`; arrays `(..., num_states, hidden_size)` and `(..., num_pairs, ...)`."""
        flat = rows.reshape(-1)
        found = {}
        for name, array in self._arrays.items():
            if isinstance(array, torch.Tensor):
                values = array.index_select(0, flat.to(array.device))  # twice as fast as array[flat]
            else:
                values = torch.from_numpy(array[flat.cpu().numpy()]).to(self.device)
            found[name] = values.float().reshape(*rows.shape, *values.shape[1:])
        return found


class StackedHeads(nn.Module):
    """
    Heads of the same size that are run together.

    Args:
        num_states (`int`): Hidden states of the encoder, the input of its first layer included.
        hidden_size (`int`): Their size.
        num_classes (`int`): Outputs.
        seeds (`Sequence[int]`): One head is initialised from each, in the same way in any company.
        projector_size (`int`, *optional*, defaults to 256): Outputs of the projection.
        pooling (`str`, *optional*, defaults to `"mean"`): `"mean"`, `"std"` or `"mean_std"`.
    """

    def __init__(
        self,
        num_states: int,
        hidden_size: int,
        num_classes: int,
        seeds: Sequence[int],
        projector_size: int = 256,
        pooling: str = "mean",
    ):
        super().__init__()
        self.pooling = pooling
        width = POOLED_WIDTH[pooling] * hidden_size
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.layer_weights = nn.Parameter(torch.zeros(len(seeds), num_states))
        self.projector_weight = _uniform(generators, (projector_size, width), width)
        self.projector_bias = _uniform(generators, (projector_size,), width)
        self.classifier_weight = _uniform(generators, (num_classes, projector_size), projector_size)
        self.classifier_bias = _uniform(generators, (num_classes,), projector_size)

    def forward(self, means: torch.Tensor, covariances: torch.Tensor | None = None) -> torch.Tensor:
        """
        Logits of all heads, each on utterances of its own.

        Args:
            means (`torch.Tensor` of shape `(num_heads, batch_size, num_states, hidden_size)`): Mean over time of each
                layer.
            covariances (`torch.Tensor` of shape `(num_heads, batch_size, num_pairs, hidden_size)`, *optional*): For
                std pooling.

        Returns:
            `torch.Tensor` of shape `(num_heads, batch_size, num_classes)`.
        """
        shares = self.layer_weights.softmax(dim=-1)
        pooled = []
        if self.pooling in ("mean", "mean_std"):
            pooled.append(_average(shares, means))
        if self.pooling in ("std", "mean_std"):
            pooled.append(_average(_pair_shares(shares), covariances).clamp(min=_MIN_VARIANCE).sqrt())
        # weights on the left, so that their gradients have their memory layout and need no copy
        columns = torch.cat(pooled, dim=-1).mT
        projected = torch.baddbmm(self.projector_bias[..., None], self.projector_weight, columns)
        return torch.baddbmm(self.classifier_bias[..., None], self.classifier_weight, projected).mT

    def only(self, index: int) -> StackedHeads:
        """A stack with one of the heads; it shares memory with this one."""
        alone = StackedHeads.__new__(StackedHeads)
        nn.Module.__init__(alone)
        alone.pooling = self.pooling
        for name, parameter in self.named_parameters():
            alone.register_parameter(name, nn.Parameter(parameter.detach()[index : index + 1], requires_grad=False))
        return alone

    def state_of(self, index: int) -> dict[str, torch.Tensor]:
        """A copy of the weights of one head, with the names of transformers' audio classifiers."""
        names = {
            "layer_weights": "layer_weights",
            "projector.weight": "projector_weight",
            "projector.bias": "projector_bias",
            "classifier.weight": "classifier_weight",
            "classifier.bias": "classifier_bias",
        }
        return {name: getattr(self, ours).detach()[index].cpu().clone() for name, ours in names.items()}


def _uniform(generators: Sequence[torch.Generator], shape: tuple[int, ...], fan_in: int) -> nn.Parameter:
    """As `torch.nn.Linear` starts."""
    bound = 1 / math.sqrt(fan_in)
    return nn.Parameter(
        torch.stack([torch.empty(shape).uniform_(-bound, bound, generator=generator) for generator in generators])
    )


def _average(shares: torch.Tensor, statistics: torch.Tensor | None) -> torch.Tensor:
    if statistics is None:
        raise ValueError("Pooling by standard deviation needs `covariances`.")
    heads, batch, states, size = statistics.shape
    # as matrix products: several times as fast as einsum on a CPU
    rows = shares[:, None, None].expand(heads, batch, 1, states).reshape(heads * batch, 1, states)
    return torch.bmm(rows, statistics.reshape(heads * batch, states, size)).reshape(heads, batch, size)


def _pair_shares(shares: torch.Tensor) -> torch.Tensor:
    """Weights of the covariances of pairs of layers; a pair of different layers stands for two terms."""
    first, second = torch.triu_indices(shares.shape[1], shares.shape[1], device=shares.device)
    return shares[:, first] * shares[:, second] * (1 + (first != second).to(shares.dtype))
