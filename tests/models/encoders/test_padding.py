"""Lengths of clips, and zeros behind their ends."""

import pytest
import torch

from hf_emotion.models.encoders.padding import at_least, clip_lengths, frame_mask, zero_padding


def test_lengths_are_those_of_the_mask_or_of_the_batch():
    mask = torch.tensor([[1, 1, 0], [1, 1, 1], [0, 0, 0]])
    assert clip_lengths(torch.zeros(3, 3), mask).tolist() == [2, 3, 0]
    assert clip_lengths(torch.zeros(3, 3), mask.bool()).tolist() == [2, 3, 0]
    assert clip_lengths(torch.zeros(2, 3), None).tolist() == [3, 3]


@pytest.mark.parametrize(
    ("shape", "mask", "message"),
    [
        ((4,), None, "waveforms are"),
        ((1, 2, 4), None, "waveforms are"),
        ((1, 4), [[1, 1, 1]], "one value for each sample"),
        ((1, 4), [[0, 1, 1, 1]], "padded on the right"),
    ],
)
def test_input_that_does_not_fit_is_refused(shape, mask, message):
    with pytest.raises(ValueError, match=message):
        clip_lengths(torch.zeros(shape), None if mask is None else torch.tensor(mask))


def test_short_clips_have_the_minimum():
    assert at_least(3, 5) == 5
    assert at_least(torch.tensor([3, 7]), 5).tolist() == [5, 7]


@pytest.mark.parametrize(("shape", "time_dim"), [((2, 3), 1), ((2, 3, 4), 1), ((2, 4, 3), -1), ((2, 4, 3), 2)])
def test_what_is_behind_the_end_becomes_zero_and_nothing_else(shape, time_dim):
    states = torch.full(shape, float("nan"))
    zeroed = zero_padding(states, torch.tensor([1, 3]), time_dim).movedim(time_dim, 1)
    is_frame = frame_mask(torch.tensor([1, 3]), 3)
    assert is_frame.tolist() == [[True, False, False], [True, True, True]]
    assert zeroed[is_frame].isnan().all()
    assert not zeroed[~is_frame].any()


def test_without_lengths_nothing_is_padding():
    states = torch.ones(2, 3)
    assert zero_padding(states, None) is states


def test_an_empty_batch_stays_empty():
    assert zero_padding(torch.zeros(0, 4, 3), torch.zeros(0, dtype=torch.long), -1).shape == (0, 4, 3)
