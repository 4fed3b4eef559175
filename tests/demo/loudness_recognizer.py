"""Recognisers without a network: they hear how loud a clip is."""

from __future__ import annotations

import numpy as np

from hf_emotion.pipelines.recognizer import RecognizerOutput, SpeechEmotionRecognizer


RATE = 16_000
EMOTIONS = ["neutral", "anger", "happiness", "sadness"]


class LoudnessRecognizer(SpeechEmotionRecognizer):
    """The louder, the more likely the second class, and the higher every dimension but the last."""

    sampling_rate = RATE

    def __init__(self, classes=EMOTIONS, dimension_names=()):
        self.classes, self.dimension_names = list(classes), list(dimension_names)

    def forward(self, waveforms, wants_embeddings=False):
        loudness = np.array([np.sqrt(np.mean(np.square(waveform))) for waveform in waveforms], dtype=np.float32)
        logits, dimensions = np.zeros((2, len(waveforms), 8), dtype=np.float32)
        logits[:, 0], logits[:, 1] = 1, 10 * loudness
        dimensions += np.clip(2 * loudness, 0, 1)[:, None]
        return RecognizerOutput(
            logits=logits[:, : len(self.classes)] if self.classes else None,
            dimensions=dimensions[:, : len(self.dimension_names)] if self.dimension_names else None,
        )


class ToldRecognizer(LoudnessRecognizer):
    """Hears what it is told of the speaker: nothing, female or male."""

    conditioned_on = ("gender",)

    def __init__(self):
        super().__init__(["untold", "female", "male"])

    def _forward_conditioned(self, waveforms, conditions, wants_embeddings):
        names = [self.classes.index(gender or "untold") for gender in conditions]
        return RecognizerOutput(logits=5 * np.eye(3, dtype=np.float32)[names])


def steps(*levels: float, seconds: float = 4.0, seed: int = 0) -> np.ndarray:
    """Noise of some loudness after the other."""
    noise = np.random.default_rng(seed).standard_normal((len(levels), round(seconds * RATE)))
    return (np.clip(noise, -1, 1) * np.array(levels)[:, None]).ravel().astype(np.float32)
