"""Codes are the highest scores, and in training drawn, in any precision."""

import pytest
import torch

from hf_emotion.models.encoders.vector_quantizer import chosen_codes


def test_outside_training_the_highest_score_decides():
    chosen = chosen_codes(torch.tensor([[[0.0, 3.0, 1.0]]]), temperature=0.5, training=False)
    assert chosen.tolist() == [[[0.0, 1.0, 0.0]]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_in_training_one_code_is_drawn_with_a_gradient_for_all(dtype):
    torch.manual_seed(0)
    scores = torch.zeros(4000, 8, dtype=dtype, requires_grad=True)
    chosen = chosen_codes(scores, temperature=0.5, training=True)
    assert chosen.dtype == dtype
    torch.testing.assert_close(chosen.sum(dim=-1), torch.ones(4000, dtype=dtype))
    shares = chosen.detach().float().mean(dim=0)
    torch.testing.assert_close(shares, torch.full((8,), 1 / 8), atol=0.03, rtol=0)  # equal scores, equal chances
    (chosen * torch.arange(8)).sum().backward()
    assert scores.grad.isfinite().all()
    assert scores.grad.any(dim=0).all()


def test_draws_in_half_precision_are_finite():
    torch.manual_seed(18)  # noise that is drawn in half precision is infinite here
    assert chosen_codes(torch.zeros(200_000, 8, dtype=torch.float16), temperature=0.5, training=True).isfinite().all()
