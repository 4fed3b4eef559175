"""Which clips are heard together."""

import pytest

from hf_emotion.pipelines.batching import plan_batches


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [[1, 3], [0, 4], [2]]),
        ({"can_pad": False}, [[1, 3], [0, 4], [2]]),
        ({"max_samples": 17}, [[1], [3], [0, 4], [2]]),
        ({"max_samples": 1}, [[1], [3], [0], [4], [2]]),  # a clip that is too long alone is heard all the same
    ],
)
def test_batches_have_clips_of_similar_length_the_longest_first(options, expected):
    assert plan_batches([5, 9, 2, 9, 5], 2, **options) == expected


def test_clips_of_different_lengths_share_a_batch_only_if_they_may():
    assert plan_batches([4, 5], 2) == [[1, 0]]
    assert plan_batches([4, 5], 2, can_pad=False) == [[1], [0]]


def test_no_clips_are_no_batches():
    assert plan_batches([], 2) == []
