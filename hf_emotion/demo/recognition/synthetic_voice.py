"""A voice for those who have no recording at hand: synthetic speech without words, which grows agitated."""

from __future__ import annotations

import numpy as np

from ...data.synthetic.speech_synthesis import SYNTHESIS_RATE, Delivery, Sentence, synthesize


_SENTENCE: Sentence = (
    (("m", "a"), ("l", "o")),
    (("d", "e"), ("r", "i"), ("n", "a")),
    (("s", "u"), ("l", "e")),
    (("b", "a"), ("r", "o"), ("m", "i")),
)
_DELIVERIES = (
    Delivery(f0_mean=105.0, accent_height=1.5, tempo=0.75, tilt=14.0, aspiration=-18.0),
    Delivery(f0_mean=125.0),
    Delivery(f0_mean=190.0, accent_height=7.0, tempo=1.25, tilt=3.0, final_movement=2.0, accent_sharpness=1.6),
    Delivery(f0_mean=215.0, accent_height=9.0, tempo=1.35, tilt=2.0, final_movement=-4.0, accent_sharpness=2.0),
)
_LEVELS = (0.03, 0.05, 0.12, 0.14)  # of the voiced parts, full scale being 1
_PAUSE = 0.4  # seconds
_FULL_SCALE = 2**15 - 1


def synthetic_voice(seed: int = 0) -> tuple[int, np.ndarray]:
    """
    One sentence in four manners: slow and low, even, fast and high, faster and louder.

    Args:
        seed (`int`, *optional*, defaults to 0): Of the small irregularities of the voice.

    Returns:
        `tuple[int, np.ndarray]`: Rate in Hz, and int16 samples, `(num_samples,)`.
    """
    rng = np.random.default_rng(seed)
    pause = np.zeros(round(_PAUSE * SYNTHESIS_RATE))
    parts = [pause]
    for delivery, level in zip(_DELIVERIES, _LEVELS, strict=True):
        parts += [level * synthesize(_SENTENCE, delivery, rng), pause]
    speech = np.clip(np.concatenate(parts), -1, 1)
    return SYNTHESIS_RATE, np.round(speech * _FULL_SCALE).astype(np.int16)
