"""Which models need the attention mask of their input."""

from typing import Any

from transformers import WhisperFeatureExtractor


# Our models need it even where the stock encoder, for its group norm, must not have it.
_ALWAYS_MASKED = ("exhubert", "speech_emotion")


def request_mask(feature_extractor: Any, model_type: str) -> None:
    """
    Have a feature extractor return the attention mask that a model of ours needs, in a pipeline too. Not Whisper's:
    asked so, it returns the mask of the samples instead of that of the frames (transformers 5.23).
    """
    if model_type in _ALWAYS_MASKED and not isinstance(feature_extractor, WhisperFeatureExtractor):
        feature_extractor.return_attention_mask = True
