"""A small source-filter speech synthesizer: glottal pulses and noise through moving formants.

Structure and parameter names follow Klatt (1980) and Klatt & Klatt (1990): a glottal source with open quotient,
spectral tilt, jitter, shimmer and aspiration noise, a cascade of formant resonators updated every 5 ms, and frication
noise added after it. The glottal pulse is Rosenberg's (1971) polynomial one. Vowel formants are the male means of
Peterson & Barney (1952), scaled by vocal-tract length; consonant loci follow Delattre, Liberman & Cooper (1955).

References:
    * Delattre, Liberman, Cooper: Acoustic loci and transitional cues for consonants. JASA 27(4), 769-773, 1955
    * Klatt: Software for a cascade/parallel formant synthesizer. JASA 67(3), 971-995, 1980
    * Klatt, Klatt: Analysis, synthesis, and perception of voice quality variations among female and male talkers.
      JASA 87(2), 820-857, 1990
    * Peterson, Barney: Control methods used in a study of the vowels. JASA 24(2), 175-184, 1952
    * Rosenberg: Effect of glottal pulse shape on the quality of natural vowels. JASA 49(2B), 583-590, 1971
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, lfilter, resample_poly, sosfilt


SYNTHESIS_RATE = 16_000  # Hz
FRAME_RATE = 200  # control frames per second
FRAME_LENGTH = SYNTHESIS_RATE // FRAME_RATE  # samples

# Sentence = words; word = syllables; syllable = phone symbols.
Syllable = tuple[str, ...]
Word = tuple[Syllable, ...]
Sentence = tuple[Word, ...]

_NEUTRAL_TRACT = np.array([500.0, 1500.0, 2500.0])  # Hz, resonances of a uniform 17.5 cm tube
_UPPER_FORMANTS = np.array([3500.0, 4500.0, 5500.0])  # Hz
_BANDWIDTHS = np.array([110.0, 110.0, 140.0, 250.0, 350.0, 450.0])  # Hz
_FRICATION_BANDS = {
    "labial": (900, 7000),
    "alveolar": (3800, 7600),
    "palatal": (2000, 6000),
    "velar": (1200, 3400),
}  # Hz
_PLACES = tuple(_FRICATION_BANDS)


@dataclass(frozen=True)
class Phone:
    """One speech sound as a chain of stationary states.

    Args:
        formants (`tuple[float, float, float]`): F1-F3 of an adult male, Hz (the locus, for a consonant).
        states (`tuple[tuple[float, float, float, float], ...]`):
            One row per state: duration in seconds, then the linear amplitudes of voicing, aspiration and frication.
        place (`str`, *optional*, defaults to `"labial"`): Which frication band its noise uses.
        is_vowel (`bool`, *optional*, defaults to `False`): Vowels carry accents and stretch fully with tempo.
    """

    formants: tuple[float, float, float]
    states: tuple[tuple[float, float, float, float], ...]
    place: str = "labial"
    is_vowel: bool = False


def _vowel(f1: float, f2: float, f3: float, duration: float = 0.115) -> Phone:
    return Phone((f1, f2, f3), ((duration, 1.0, 0.0, 0.0),), is_vowel=True)


def _sonorant(f1: float, f2: float, f3: float, *, voicing: float, duration: float = 0.06) -> Phone:
    return Phone((f1, f2, f3), ((duration, voicing, 0.0, 0.0),))


def _fricative(f1: float, f2: float, f3: float, *, place: str, frication: float, voicing: float = 0.0) -> Phone:
    return Phone((f1, f2, f3), ((0.085 if voicing == 0 else 0.065, voicing, 0.0, frication),), place)


def _stop(f1: float, f2: float, f3: float, *, place: str, is_voiced: bool) -> Phone:
    closure = (0.055, 0.06 if is_voiced else 0.0, 0.0, 0.0)
    burst = (0.01, 0.0, 0.0, 0.35)
    release = (0.01, 0.4, 0.0, 0.05) if is_voiced else (0.03, 0.0, 0.5, 0.1)
    return Phone((f1, f2, f3), (closure, burst, release), place)


PHONES: dict[str, Phone] = {
    # Vowels: Peterson & Barney (1952), men.
    "i": _vowel(270, 2290, 3010),  # as in beat
    "y": _vowel(390, 1990, 2550, duration=0.09),  # as in bit
    "e": _vowel(530, 1840, 2480),  # as in bet
    "ä": _vowel(660, 1720, 2410, duration=0.125),  # as in bat
    "a": _vowel(730, 1090, 2440, duration=0.125),  # as in father
    "o": _vowel(570, 840, 2410),  # as in bought
    "u": _vowel(300, 870, 2240),  # as in boot
    "ö": _vowel(490, 1350, 1690),  # as in bird
    # Consonants: F2 locus near 720 Hz (labial), 1800 Hz (alveolar), 2300 Hz (velar before front vowels).
    "p": _stop(300, 720, 2100, place="labial", is_voiced=False),
    "b": _stop(300, 720, 2100, place="labial", is_voiced=True),
    "t": _stop(300, 1800, 2700, place="alveolar", is_voiced=False),
    "d": _stop(300, 1800, 2700, place="alveolar", is_voiced=True),
    "k": _stop(300, 2100, 2500, place="velar", is_voiced=False),
    "g": _stop(300, 2100, 2500, place="velar", is_voiced=True),
    "m": _sonorant(260, 900, 2200, voicing=0.3, duration=0.065),
    "n": _sonorant(260, 1600, 2600, voicing=0.3, duration=0.06),
    "l": _sonorant(360, 1200, 2700, voicing=0.45, duration=0.055),
    "r": _sonorant(380, 1200, 1700, voicing=0.4, duration=0.05),
    "w": _sonorant(300, 700, 2200, voicing=0.45),
    "j": _sonorant(280, 2200, 2900, voicing=0.45),
    "f": _fricative(340, 1000, 2200, place="labial", frication=0.06),
    "v": _fricative(300, 1000, 2200, place="labial", frication=0.03, voicing=0.3),
    "s": _fricative(320, 1700, 2600, place="alveolar", frication=0.22),
    "z": _fricative(280, 1700, 2600, place="alveolar", frication=0.1, voicing=0.25),
    "sh": _fricative(320, 1900, 2500, place="palatal", frication=0.25),
    "ch": _fricative(320, 1500, 2400, place="velar", frication=0.14),
    "h": Phone((500, 1500, 2500), ((0.055, 0.1, 0.5, 0.0),)),
}


@dataclass(frozen=True)
class Delivery:
    """How one utterance is spoken: everything the synthesizer needs besides the sentence.

    Args:
        f0_mean (`float`): Mean of the voiced F0 contour, Hz.
        accent_height (`float`): Height of the F0 accent peaks, semitones.
        f0_slope (`float`): F0 change from the first to the last sample, semitones (declination is negative).
        final_movement (`float`): Extra F0 movement on the last syllable, semitones.
        tempo (`float`): 1.0 is about 5 syllables per second.
        pause_probability (`float`): Probability of a pause at a word boundary, 0 to 1.
        tilt (`float`): Attenuation of the source at 3 kHz, dB (Klatt's TL), at least 0.5.
        open_quotient (`float`): Share of the glottal period with an open glottis, 0 to 1.
        aspiration (`float`): Level of the aspiration noise relative to voicing, dB.
        jitter (`float`): Standard deviation of the relative period perturbation.
        shimmer (`float`): Standard deviation of the relative amplitude perturbation.
        tremor (`float`): Depth of a 6 Hz F0 modulation, semitones.
        articulation (`float`): 1.0 reaches the formant targets, smaller values undershoot towards schwa.
        formant_scale (`float`): Factor on all formants (inverse relative vocal-tract length).
        lip_spreading (`float`): Relative raise of F1 and F2 (smiled speech).
        accent_sharpness (`float`): 1.0 is a smooth accent, larger values are narrower and more abrupt.
    """

    f0_mean: float
    accent_height: float = 3.0
    f0_slope: float = -2.5
    final_movement: float = -2.0
    tempo: float = 1.0
    pause_probability: float = 0.1
    tilt: float = 8.0
    open_quotient: float = 0.6
    aspiration: float = -26.0
    jitter: float = 0.006
    shimmer: float = 0.04
    tremor: float = 0.0
    articulation: float = 1.0
    formant_scale: float = 1.0
    lip_spreading: float = 0.0
    accent_sharpness: float = 1.0


@dataclass(frozen=True)
class _Score:
    """Control tracks, one row per 5 ms frame."""

    formants: np.ndarray  # (num_frames, 6) Hz
    voicing: np.ndarray  # (num_frames,) linear
    aspiration: np.ndarray  # (num_frames,) linear
    frication: np.ndarray  # (num_frames, num_places) linear
    semitones: np.ndarray  # (num_frames,) relative to the mean F0


def synthesize(sentence: Sentence, delivery: Delivery, rng: np.random.Generator) -> np.ndarray:
    """
    Speak a sentence of phone symbols.

    Args:
        sentence (`tuple[tuple[tuple[str, ...], ...], ...]`): Words of syllables of keys of [`PHONES`].
        delivery ([`Delivery`]): Prosody, voice quality and vocal tract of this utterance.
        rng (`np.random.Generator`): Source of timing variation, jitter, shimmer and noise.

    Returns:
        `np.ndarray`: float64 of shape `(num_samples,)` at 16 kHz, with unit root mean square over its voiced part.

    Raises:
        `ValueError`: If the sentence is empty or holds an unknown phone symbol.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_emotion.data.synthetic.speech_synthesis import Delivery, synthesize
    >>> speech = synthesize(((("m", "a"), ("l", "o")),), Delivery(f0_mean=120.0), np.random.default_rng(0))
    >>> 0.2 < len(speech) / 16_000 < 1.0
    True

    ```
    """
    _check_sentence(sentence)
    score = _score(sentence, delivery, rng)
    source = _glottal_source(score, delivery, rng)
    speech = _vocal_tract(source, score.formants) + _frication(score.frication, rng)
    voiced = _to_samples(score.voicing) > 0.2
    return speech / np.sqrt(np.mean(speech[voiced] ** 2))


def _check_sentence(sentence: Sentence) -> None:
    phones = [phone for word in sentence for syllable in word for phone in syllable]
    unknown = sorted(set(phones) - PHONES.keys())
    if unknown:
        raise ValueError(f"unknown phones {unknown}: the synthesizer knows {sorted(PHONES)}")
    if not any(PHONES[phone].is_vowel for phone in phones):
        raise ValueError(f"the sentence {sentence!r} has no vowel to speak: give at least one syllable with a vowel")


def _score(sentence: Sentence, delivery: Delivery, rng: np.random.Generator) -> _Score:
    """Lay the sentence out as piecewise constant targets, then let the articulators move smoothly between them."""
    rows, accents = _states(sentence, delivery, rng)
    frames = np.maximum(1, np.round(np.array([row[0] for row in rows]) * FRAME_RATE)).astype(int)
    targets = np.repeat(np.array([row[1:] for row in rows]), frames, axis=0)
    # Sloppy articulation is slow as well as reduced: the transition window widens where the targets shrink.
    formants = _smooth(targets[:, :3], 0.06 / delivery.articulation)
    formants[:, :2] *= 1 + delivery.lip_spreading
    upper = np.broadcast_to(_UPPER_FORMANTS, (len(formants), 3))
    amplitudes = _smooth(targets[:, 3:], 0.025)
    ends = np.cumsum(frames)
    peaks = [(ends[index] - frames[index] / 2, height) for index, height in accents]
    return _Score(
        formants=np.hstack([formants, upper]) * delivery.formant_scale,
        voicing=amplitudes[:, 0],
        aspiration=amplitudes[:, 1],
        frication=amplitudes[:, 2:],
        semitones=_intonation(len(targets), peaks, amplitudes[:, 0], delivery),
    )


def _states(sentence: Sentence, delivery: Delivery, rng: np.random.Generator) -> tuple[list[list[float]], list]:
    """Rows of duration (s), formants (Hz), voicing, aspiration, frication per place; and (row, height) of accents."""
    rows: list[list[float]] = []
    accents: list[tuple[int, float]] = []
    syllables = [
        (syllable, is_accented, word_number)
        for word_number, word in enumerate(sentence)
        for syllable, is_accented in zip(word, [True] + [False] * (len(word) - 1), strict=True)
    ]
    for number, (syllable, is_accented, word_number) in enumerate(syllables):
        is_last = number == len(syllables) - 1
        for symbol in syllable:
            phone = PHONES[symbol]
            if phone.is_vowel and is_accented:
                accents.append((len(rows), rng.uniform(0.7, 1.3) * (0.85**word_number)))
            stretch = (1.2 if is_accented else 0.9) * (1.35 if is_last else 1.0) if phone.is_vowel else 1.0
            stretch *= rng.lognormal(0, 0.08) / delivery.tempo ** (1.0 if phone.is_vowel else 0.7)
            loudness = (1.15 if is_accented else 0.9) * (0.7 if is_last else 1.0)
            rows += _phone_rows(phone, stretch, loudness, delivery)
        is_word_end = not is_last and syllables[number + 1][2] != word_number
        if is_word_end and rng.random() < delivery.pause_probability:
            rows.append([rng.uniform(0.09, 0.22) / delivery.tempo, *_NEUTRAL_TRACT, *[0.0] * (2 + len(_PLACES))])
    edge = [0.04, *_NEUTRAL_TRACT, *[0.0] * (2 + len(_PLACES))]
    return [edge, *rows, edge], [(index + 1, height) for index, height in accents]


def _phone_rows(phone: Phone, stretch: float, loudness: float, delivery: Delivery) -> list[list[float]]:
    formants = np.array(phone.formants, dtype=float)
    if phone.is_vowel:
        formants = _NEUTRAL_TRACT + (formants - _NEUTRAL_TRACT) * delivery.articulation
    rows = []
    for duration, voicing, aspiration, frication in phone.states:
        noise = [0.0] * len(_PLACES)
        noise[_PLACES.index(phone.place)] = frication * delivery.articulation
        rows.append([duration * stretch, *formants, voicing * loudness, aspiration, *noise])
    return rows


def _smooth(track: np.ndarray, width: float) -> np.ndarray:
    """Hann-window moving average over `width` seconds along the frames of a `(num_frames, num_tracks)` array."""
    length = max(3, round(width * FRAME_RATE) * 2 + 1)
    window = np.hanning(length + 2)[1:-1]
    padded = np.pad(track, ((length // 2, length // 2), (0, 0)), mode="edge")
    return np.stack([np.convolve(column, window / window.sum(), mode="valid") for column in padded.T], axis=1)


def _intonation(num_frames: int, peaks: list, voicing: np.ndarray, delivery: Delivery) -> np.ndarray:
    """F0 in semitones, mean zero over voiced frames: declination, accent peaks, final movement, tremor."""
    frames = np.arange(num_frames)
    position = frames / max(1, num_frames - 1)
    contour = delivery.f0_slope * position
    width = 0.1 * FRAME_RATE / delivery.accent_sharpness / delivery.tempo
    for centre, height in peaks:
        contour += delivery.accent_height * height * np.exp(-0.5 * ((frames - centre) / width) ** 2)
    final_length = 0.28 * FRAME_RATE / delivery.tempo
    contour += delivery.final_movement * np.clip(1 - (num_frames - 1 - frames) / final_length, 0, 1)
    contour += delivery.tremor * np.sin(2 * math.pi * 6.0 * frames / FRAME_RATE)
    return contour - np.average(contour, weights=voicing)


def _to_samples(track: np.ndarray, oversampling: int = 1) -> np.ndarray:
    hop = FRAME_LENGTH * oversampling
    return np.interp(np.arange(len(track) * hop) / hop, np.arange(len(track)), track)


def _glottal_source(score: _Score, delivery: Delivery, rng: np.random.Generator) -> np.ndarray:
    """Voicing (derivative of the glottal flow, tilted) plus aspiration noise, `(num_samples,)`."""
    oversampling = 2  # the corner at glottal closure aliases audibly when sampled at 16 kHz
    f0 = np.clip(delivery.f0_mean * 2 ** (_to_samples(score.semitones, oversampling) / 12), 60.0, 600.0)
    step = f0 / (SYNTHESIS_RATE * oversampling)
    num_periods = int(step.sum() * 1.5) + 16
    jitter = np.clip(1 + delivery.jitter * rng.standard_normal(num_periods), 0.8, 1.2)
    phase = np.cumsum(step * jitter[np.cumsum(step).astype(int)])
    shimmer = np.clip(1 + delivery.shimmer * rng.standard_normal(num_periods), 0.4, 1.6)
    flow = _rosenberg_pulse(phase % 1.0, delivery.open_quotient)
    voice = np.diff(resample_poly(flow * shimmer[phase.astype(int)], 1, oversampling), prepend=0.0)
    voice = _tilt(voice, delivery.tilt)
    voice /= np.std(voice)

    noise = np.diff(rng.standard_normal(len(voice) + 1))  # +6 dB per octave of lip radiation
    noise /= np.std(noise)
    is_open = flow[::oversampling] > 0.05
    breath = 10 ** (delivery.aspiration / 20) * np.where(is_open, 1.0, 0.4) * noise
    voicing = _to_samples(score.voicing)
    return voicing * (voice + breath) + 0.25 * _to_samples(score.aspiration) * noise


def _rosenberg_pulse(phase: np.ndarray, open_quotient: float) -> np.ndarray:
    """Glottal flow over phases in [0, 1): Rosenberg (1971), pulse B, opening for two thirds of the open phase."""
    opening = open_quotient * 2 / 3
    closing = open_quotient - opening
    rise = np.clip(phase / opening, 0.0, 1.0)
    fall = np.clip((phase - opening) / closing, 0.0, 1.0)
    return 3 * rise**2 - 2 * rise**3 - fall**2


def _tilt(signal: np.ndarray, attenuation: float) -> np.ndarray:
    """One-pole low-pass with unit gain at 0 Hz and `attenuation` dB (> 0) at 3 kHz."""
    # Solves |H|^2 = (1 - a)^2 / (1 - 2 a cos w + a^2) = 1 / ratio for the pole a inside the unit circle.
    ratio = 10 ** (attenuation / 10)
    half = ratio - math.cos(2 * math.pi * 3000 / SYNTHESIS_RATE)
    pole = (half - math.sqrt(half**2 - (ratio - 1) ** 2)) / (ratio - 1)
    return lfilter([1 - pole], [1, -pole], signal)


def _vocal_tract(source: np.ndarray, formants: np.ndarray) -> np.ndarray:
    """Cascade of one resonator per formant (Klatt 1980, eq. 1-2), coefficients updated per frame.

    The cascade is multiplied out to one all-pole filter per frame whose memory is the past output, as in linear
    prediction synthesis: no clicks between frames, and one filter call per frame instead of six.
    """
    damping = -np.exp(-2 * math.pi * _BANDWIDTHS / SYNTHESIS_RATE)
    feedback = 2 * np.exp(-math.pi * _BANDWIDTHS / SYNTHESIS_RATE) * np.cos(2 * math.pi * formants / SYNTHESIS_RATE)
    gain = np.prod(1 - feedback - damping, axis=1)  # every resonator passes 0 Hz unchanged
    order = 2 * formants.shape[1]
    denominators = np.zeros((len(formants), order + 1))
    denominators[:, 0] = 1.0
    for column, constant in zip(feedback.T, damping, strict=True):
        previous = denominators.copy()
        denominators[:, 1:] -= column[:, None] * previous[:, :-1]
        denominators[:, 2:] -= constant * previous[:, :-2]
    # Filter state from the last `order` outputs (what scipy.signal.lfiltic computes), one Hankel matrix per frame.
    padded = np.hstack([denominators[:, 1:], np.zeros((len(formants), order))])
    state_from_past = -padded[:, np.add.outer(np.arange(order), np.arange(order))]

    excitation = source * _to_samples(gain)
    speech = np.zeros(order + len(source))  # silence first, so that every frame has a past
    for frame, (denominator, state_matrix) in enumerate(zip(denominators, state_from_past, strict=True)):
        start = order + frame * FRAME_LENGTH
        state = state_matrix @ speech[start - order : start][::-1]
        span = excitation[start - order : start - order + FRAME_LENGTH]
        speech[start : start + FRAME_LENGTH], _ = lfilter([1.0], denominator, span, zi=state)
    return speech[order:]


@functools.cache
def _band_pass(low: float, high: float) -> np.ndarray:
    return butter(2, (low, high), "bandpass", fs=SYNTHESIS_RATE, output="sos")


def _frication(amplitudes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Band-pass noise per place of articulation, `(num_samples,)`, past the formants as in Klatt's parallel branch."""
    noise = rng.standard_normal(len(amplitudes) * FRAME_LENGTH)
    total = np.zeros_like(noise)
    for track, band in zip(amplitudes.T, _FRICATION_BANDS.values(), strict=True):
        if track.any():
            filtered = sosfilt(_band_pass(*band), noise)
            total += _to_samples(track) * filtered / np.std(filtered)
    return total * 2.0
