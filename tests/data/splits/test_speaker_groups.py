"""Promises of dealing out speakers to parts."""

import numpy as np
import pytest

from hf_emotion.data.splits.speaker_groups import group_speakers
from tests.data.splits.toy_corpus import EMOTIONS


def test_group_speakers_refuses_more_parts_than_speakers():
    with pytest.raises(ValueError, match="2 speakers cannot fill 3 parts"):
        group_speakers(["a", "b"], ["x", "x"], [None, None], [0.6, 0.2, 0.2])


def test_group_speakers_handles_thousands_of_speakers_in_proportion():
    generator = np.random.default_rng(0)
    names = generator.integers(0, 1000, 20_000).tolist()
    labels = generator.choice(EMOTIONS, 20_000).tolist()
    groups = group_speakers(names, labels, [None] * len(names), [0.7, 0.1, 0.2])
    sizes = np.bincount([groups[name] for name in names]) / len(names)
    np.testing.assert_allclose(sizes, [0.7, 0.1, 0.2], atol=0.005)
