"""What is kept of a clip's hidden states, and how a learned average of layers is pooled from it, exactly.

A softmax average of layers, a linear projection and the mean over time are linear, so they may change places:

    mean_t(W sum_l w_l h_l(t) + b)  =  W sum_l w_l mean_t(h_l(t)) + b

and the mean over time of each layer is all that training a linear head needs. The standard deviation over time of the
average is a quadratic form in its weights. For each dimension d,

    var_t(sum_l w_l h_l(t, d))  =  sum_l sum_m w_l w_m cov_t(h_l(t, d), h_m(t, d))

so it needs the covariance of every pair of layers, but of no two different dimensions. As the covariance is symmetric,
L layers and the input of the first have (L + 1)(L + 2) / 2 pairs. The covariances are centred clip by clip: from raw
second moments, the square of the mean would have to be subtracted, which costs the digits of dimensions with a large
offset.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch


_MIN_VARIANCE = 1e-9  # as in the pooling of the models: the square root has no gradient at 0


def clip_means(states: Sequence[torch.Tensor]) -> torch.Tensor:
    """Mean over time of each hidden state `(num_frames, hidden_size)`; shape `(num_states, hidden_size)`, float32."""
    return torch.stack([state.float().mean(dim=0) for state in states])


def clip_variances(states: Sequence[torch.Tensor]) -> torch.Tensor:
    """Variance over time of each hidden state `(num_frames, hidden_size)`; shape and type as of [`clip_means`]."""
    return torch.stack([state.float().var(dim=0, correction=0) for state in states])


def clip_covariances(states: Sequence[torch.Tensor]) -> torch.Tensor:
    """
    Covariance over time of each pair of hidden states, dimension by dimension.

    Args:
        states (`Sequence[torch.Tensor]`): Hidden states of one clip, each `(num_frames, hidden_size)`.

    Returns:
        `torch.Tensor` of shape `(num_pairs, hidden_size)`, float32: the pairs (0, 0), (0, 1), ..., (1, 1), (1, 2), ...
    """
    stacked = torch.stack([state.float() for state in states])
    centred = (stacked - stacked.mean(dim=1, keepdim=True)).permute(2, 0, 1)
    covariances = centred @ centred.transpose(1, 2) / stacked.shape[1]
    first, second = torch.triu_indices(len(states), len(states), device=stacked.device)
    return covariances[:, first, second].T


def average_layer_means(means: torch.Tensor, layer_weights: torch.Tensor) -> torch.Tensor:
    """
    Mean over time of the weighted average of layers: what mean pooling gives behind it.

    Args:
        means (`torch.Tensor` of shape `(batch_size, num_states, hidden_size)`): Mean over time of each layer.
        layer_weights (`torch.Tensor` of shape `(num_states,)`): Weights, such as a softmax of learned scores.

    Returns:
        `torch.Tensor` of shape `(batch_size, hidden_size)`, differentiable in the weights.
    """
    return torch.einsum("l,blh->bh", layer_weights, means.to(layer_weights.dtype))


def average_layer_std(covariances: torch.Tensor, layer_weights: torch.Tensor) -> torch.Tensor:
    """
    Standard deviation over time of the weighted average of layers: what std pooling gives behind it.

    Args:
        covariances (`torch.Tensor` of shape `(batch_size, num_pairs, hidden_size)`): Those of [`clip_covariances`].
        layer_weights (`torch.Tensor` of shape `(num_states,)`): Weights, such as a softmax of learned scores.

    Returns:
        `torch.Tensor` of shape `(batch_size, hidden_size)`, differentiable in the weights.

    Raises:
        ValueError: There are not as many pairs as the weights have.

    Example:

    ```python
    >>> import torch
    >>> from hf_emotion.features.layer_statistics import average_layer_std, clip_covariances
    >>> states = torch.randn(3, 50, 8, generator=torch.Generator().manual_seed(0))  # 3 layers, 50 frames
    >>> weights = torch.tensor([0.2, 0.3, 0.5])
    >>> average = torch.einsum("l,lth->th", weights, states)
    >>> pooled = average_layer_std(clip_covariances(list(states))[None], weights)
    >>> torch.allclose(pooled[0], average.std(dim=0, correction=0), atol=1e-6)
    True

    ```
    """
    num_states = len(layer_weights)
    first, second = torch.triu_indices(num_states, num_states, device=layer_weights.device)
    if covariances.shape[1] != len(first):
        raise ValueError(
            f"{num_states} layer weights have {len(first)} pairs, but `covariances` has {covariances.shape[1]}: pass "
            "one weight for each hidden state, the input of the first layer included."
        )
    # each pair of different layers stands for two terms of the sum
    pair_weights = layer_weights[first] * layer_weights[second] * (1 + (first != second).to(layer_weights.dtype))
    variance = torch.einsum("p,bph->bh", pair_weights, covariances.to(layer_weights.dtype))
    return variance.clamp(min=_MIN_VARIANCE).sqrt()
