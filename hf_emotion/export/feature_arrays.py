"""What a feature extractor makes of clips, as arrays by name. Needs no torch."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np


def feature_arrays(extractor: Any, clips: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """
    Extract the features of a batch of clips, padded to the longest, or to the one length that the extractor has.

    Args:
        extractor (`SequenceFeatureExtractor`): A feature extractor of transformers.
        clips (`Sequence[np.ndarray]`): Mono clips at the rate of the extractor, `(num_samples,)` float32.

    Returns:
        `dict[str, np.ndarray]`: Arrays with the clips along their first axis; with an attention mask, unless all
        features have one length.
    """
    padding = inspect.signature(extractor.__call__).parameters.get("padding")
    is_waveform = padding is not None and padding.default is False  # others pad, and mask, by default
    # with the mask, the mean and deviation that it normalises by are those of the clip without padding
    options = {"padding": True, "return_attention_mask": True} if is_waveform else {}
    return dict(extractor(list(clips), sampling_rate=extractor.sampling_rate, return_tensors="np", **options))
