"""How emotions sound: acoustic cues as deviations from the same speaker's neutral speech, with their literature."""

from __future__ import annotations

from dataclasses import dataclass


CUE_SOURCES = {
    "murray_1993": "Murray, Arnott: Toward the simulation of emotion in synthetic speech: a review of the literature "
    "on human vocal emotion. Journal of the Acoustical Society of America 93(2), 1097-1108, 1993",
    "banse_1996": "Banse, Scherer: Acoustic profiles in vocal emotion expression. "
    "Journal of Personality and Social Psychology 70(3), 614-636, 1996",
    "burkhardt_2000": "Burkhardt, Sendlmeier: Verification of acoustical correlates of emotional speech using "
    "formant-synthesis. ISCA Workshop on Speech and Emotion, Newcastle, Northern Ireland, 151-156, 2000",
    "schroeder_2001": "Schröder: Emotional speech synthesis: a review. Eurospeech, Aalborg, 561-564, 2001",
    "juslin_2003": "Juslin, Laukka: Communication of emotions in vocal expression and music performance: different "
    "channels, same code? Psychological Bulletin 129(5), 770-814, 2003",
    "scherer_2003": "Scherer: Vocal communication of emotion: a review of research paradigms. "
    "Speech Communication 40, 227-256, 2003",
}


@dataclass(frozen=True)
class VocalCues:
    """
    Deviation of one emotion from the same speaker's neutral speech.

    The sources give the directions and rough orders; the sizes are chosen here.

    Args:
        sources (`tuple[str, ...]`): Keys of [`CUE_SOURCES`].
        f0_mean (`float`): Semitones.
        f0_range (`float`): Factor on the accent height.
        f0_slope (`float`): Semitones from start to end of the utterance, added to the neutral declination.
        final_movement (`float`): Semitones on the last syllable; positive rises.
        tempo (`float`): Factor on the speaking rate.
        pauses (`float`): Added to the probability of a pause between words.
        intensity (`float`): dB.
        brightness (`float`): dB at 3 kHz; positive flattens the spectral tilt.
        open_quotient (`float`): Negative is a tense or creaky voice, positive a lax one.
        breathiness (`float`): dB of aspiration noise.
        jitter (`float`): Relative standard deviation of the period, added.
        tremor (`float`): Semitones.
        articulation (`float`): Factor on how far the formants reach their targets.
        lip_spreading (`float`): Relative raise of F1 and F2.
        accent_sharpness (`float`): Factor; above one is abrupt.
    """

    sources: tuple[str, ...]
    f0_mean: float = 0.0
    f0_range: float = 1.0
    f0_slope: float = 0.0
    final_movement: float = 0.0
    tempo: float = 1.0
    pauses: float = 0.0
    intensity: float = 0.0
    brightness: float = 0.0
    open_quotient: float = 0.0
    breathiness: float = 0.0
    jitter: float = 0.0
    tremor: float = 0.0
    articulation: float = 1.0
    lip_spreading: float = 0.0
    accent_sharpness: float = 1.0


# The pattern that Juslin & Laukka report for tenderness: slow, soft, dark, low, little varied, regular.
_CALM = VocalCues(
    sources=("juslin_2003",),
    f0_mean=-1.2, f0_range=0.75, f0_slope=-0.5, tempo=0.87, intensity=-4.5, brightness=-4.0,
    open_quotient=0.06, breathiness=4.0, jitter=-0.003, lip_spreading=0.03, accent_sharpness=0.8,
)  # fmt: skip
# Fast, high, wide and rising, bright and breathy; spread lips raise F1 and F2 (Burkhardt & Sendlmeier).
_HAPPINESS = VocalCues(
    sources=("murray_1993", "burkhardt_2000", "juslin_2003"),
    f0_mean=5.0, f0_range=2.0, f0_slope=1.5, final_movement=2.0, tempo=1.12, intensity=4.5, brightness=4.0,
    breathiness=3.0, articulation=1.05, lip_spreading=0.08,
)  # fmt: skip

EMOTION_CUES: dict[str, VocalCues] = {
    "neutral": VocalCues(sources=()),  # the reference
    "anger": VocalCues(
        sources=("murray_1993", "banse_1996", "juslin_2003"),
        f0_mean=3.5, f0_range=1.6, f0_slope=-1.5, final_movement=-1.5, tempo=1.14, pauses=-0.1, intensity=8.0,
        brightness=10.0, open_quotient=-0.13, jitter=0.008, articulation=1.2, accent_sharpness=1.6,
    ),
    "joy": _HAPPINESS,
    "happiness": _HAPPINESS,
    # The intense form of joy, elation in Banse & Scherer: higher, louder and faster than happiness.
    "excitement": VocalCues(
        sources=("banse_1996", "scherer_2003"),
        f0_mean=7.5, f0_range=2.1, f0_slope=1.5, final_movement=1.0, tempo=1.25, pauses=-0.1, intensity=7.0,
        brightness=5.5, jitter=0.003, articulation=1.05, lip_spreading=0.07, accent_sharpness=1.2,
    ),
    "sadness": VocalCues(
        sources=("murray_1993", "banse_1996", "juslin_2003"),
        f0_mean=-1.5, f0_range=0.6, f0_slope=-1.5, final_movement=-1.0, tempo=0.8, pauses=0.2, intensity=-6.0,
        brightness=-8.0, open_quotient=0.08, breathiness=7.0, jitter=0.005, articulation=0.75, accent_sharpness=0.8,
    ),
    # Studies disagree on intensity and high-frequency energy; on F0 level, tempo and irregular voicing they agree.
    "fear": VocalCues(
        sources=("murray_1993", "burkhardt_2000", "juslin_2003"),
        f0_mean=8.0, f0_range=0.9, f0_slope=1.0, final_movement=1.5, tempo=1.27, pauses=0.15, brightness=-1.0,
        open_quotient=0.05, breathiness=6.0, jitter=0.018, tremor=0.35, articulation=1.05,
    ),
    "boredom": VocalCues(
        sources=("banse_1996", "schroeder_2001", "scherer_2003"),
        f0_mean=-1.5, f0_range=0.4, f0_slope=0.8, final_movement=0.5, tempo=0.76, intensity=-2.5, brightness=-2.5,
        articulation=0.65, accent_sharpness=0.7,
    ),
    # Very low, very slow, grumbled, with wide terminal falls (Murray & Arnott).
    "disgust": VocalCues(
        sources=("murray_1993", "banse_1996"),
        f0_mean=-3.5, f0_range=1.2, f0_slope=-1.0, final_movement=-4.0, tempo=0.75, intensity=-2.0, brightness=1.5,
        open_quotient=-0.1, jitter=0.016, articulation=1.05,
    ),
    # The steeply rising contour of Cahn's rules, as reviewed by Schröder.
    "surprise": VocalCues(
        sources=("schroeder_2001",),
        f0_mean=4.5, f0_range=2.2, f0_slope=4.0, final_movement=8.0, tempo=1.05, intensity=3.0, brightness=1.0,
        breathiness=5.0, accent_sharpness=1.3,
    ),
    "calm": _CALM,
    "relaxation": _CALM,
}  # fmt: skip
