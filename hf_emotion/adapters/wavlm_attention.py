"""WavLM's attention for adapters: the stock one reads the weights of its projections instead of calling them.

transformers passes `q_proj.weight` and its kind to `torch.nn.functional.multi_head_attention_forward`, so that an
adapter around a projection has no effect and gets no gradients: LoRA on a stock WavLM trains the head alone, and
nothing says so (https://github.com/huggingface/transformers/pull/48773).
"""

from __future__ import annotations

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.models.wavlm.modeling_wavlm import WavLMAttention


class AdaptableWavLMAttention(WavLMAttention):
    """Computes what [`WavLMAttention`] computes, through the forward passes of the projections."""

    def torch_multi_head_self_attention(
        self,
        hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None,
        gated_position_bias: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        num_clips, num_frames, size = hidden_states.shape

        def by_head(states: torch.Tensor) -> torch.Tensor:
            return states.view(num_clips, num_frames, self.num_heads, self.head_dim).transpose(1, 2)

        query = by_head(self.q_proj(hidden_states)) * self.head_dim**-0.5
        scores = query @ by_head(self.k_proj(hidden_states)).transpose(-1, -2)
        scores = scores + gated_position_bias.view(num_clips, self.num_heads, num_frames, num_frames)
        if attention_mask is not None:
            scores = scores.masked_fill(attention_mask.ne(1)[:, None, None], float("-inf"))
        weights = nn.functional.dropout(scores.softmax(dim=-1), p=self.dropout, training=self.training)
        states = weights @ by_head(self.v_proj(hidden_states))
        output = self.out_proj(states.transpose(1, 2).reshape(num_clips, num_frames, size))
        # the stock attention reports the mean over the heads for each of them
        return output, weights.mean(dim=1, keepdim=True).expand_as(weights)


def make_adaptable(model: PreTrainedModel) -> None:
    """Let adapters on the attention of WavLM take part; parameters and outputs stay as they are."""
    for module in model.modules():
        if isinstance(module, WavLMAttention) and not isinstance(module, AdaptableWavLMAttention):
            module.__dict__["_plain_class"] = type(module)
            module.__class__ = AdaptableWavLMAttention


def make_plain(model: PreTrainedModel) -> None:
    """Undo [`make_adaptable`], when the adapters are gone."""
    for module in model.modules():
        if isinstance(module, AdaptableWavLMAttention):
            module.__class__ = module.__dict__.pop("_plain_class")


def is_adaptable(model: PreTrainedModel) -> bool:
    """Whether adapters on the attention of a model take part with peft alone."""
    return not any(isinstance(module, WavLMAttention) for module in model.modules())
