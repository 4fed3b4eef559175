"""The synthesizer does what its `Delivery` says: measured on the signal with textbook analysis."""

import dataclasses

import numpy as np
import pytest

from hf_emotion.data.synthetic.speech_synthesis import PHONES, SYNTHESIS_RATE, Delivery, synthesize


FLAT = Delivery(
    f0_mean=100.0, accent_height=0.0, f0_slope=0.0, final_movement=0.0, jitter=0.0, shimmer=0.0, aspiration=-60.0
)


def spoken(word: str = "mamama", *, seed: int = 0, **changes: float) -> np.ndarray:
    sentence = (tuple((word[at], word[at + 1]) for at in range(0, len(word), 2)),)
    return synthesize(sentence, dataclasses.replace(FLAT, **changes), np.random.default_rng(seed))


def periodicity(speech: np.ndarray) -> np.ndarray:
    """Rows of F0 (Hz) and height of the normalised autocorrelation peak, over the louder 40 ms frames."""
    frames = np.lib.stride_tricks.sliding_window_view(speech, 640)[::160]
    frames = frames[frames.std(axis=1) > 0.3 * frames.std(axis=1).max()] * np.hanning(640)
    window = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(640), 2048)) ** 2)[:260]
    autocorrelation = np.fft.irfft(np.abs(np.fft.rfft(frames, 2048)) ** 2)[:, :260] / window
    autocorrelation /= autocorrelation[:, :1]
    lags = 35 + np.argmax(autocorrelation[:, 35:], axis=1)
    return np.stack([SYNTHESIS_RATE / lags, autocorrelation[np.arange(len(lags)), lags]], axis=1)


def level(speech: np.ndarray, low: float, high: float) -> float:
    """Energy in dB between two frequencies in Hz."""
    power = np.abs(np.fft.rfft(speech)) ** 2
    frequencies = np.fft.rfftfreq(len(speech), 1 / SYNTHESIS_RATE)
    return 10 * np.log10(power[(frequencies >= low) & (frequencies < high)].sum())


@pytest.mark.parametrize("f0", [90.0, 120.0, 200.0])
def test_the_measured_f0_is_the_one_asked_for(f0):
    assert np.median(periodicity(spoken(f0_mean=f0))[:, 0]) == pytest.approx(f0, rel=0.02)


@pytest.mark.parametrize(
    ("vowel", "first_formant"), [("i", 270), ("e", 530), ("a", 730), ("u", 300)]
)  # Peterson & Barney (1952), men
def test_the_strongest_harmonic_lies_at_the_first_formant(vowel, first_formant):
    speech = spoken(f"h{vowel}" * 3, tempo=0.3)
    flattened = np.diff(speech, n=2)  # +12 dB per octave undo the fall of the glottal spectrum
    spectrum = np.abs(np.fft.rfft(flattened * np.hanning(len(flattened))))
    spectrum[round(850 * len(flattened) / SYNTHESIS_RATE) :] = 0.0  # below the second formant
    peak = np.argmax(spectrum) * SYNTHESIS_RATE / len(flattened)
    assert abs(peak - first_formant) < 75  # harmonics lie 100 Hz apart


def test_front_and_back_vowels_differ_in_the_second_formant():
    band = (1900, 2600)  # around 2290 Hz, F2 of "i"; that of "u" is 870 Hz
    assert level(spoken("hihihi"), *band) > level(spoken("huhuhu"), *band) + 10


def test_a_shorter_vocal_tract_raises_the_formants():
    adult, child = (spoken("hahaha", formant_scale=scale) for scale in (1.0, 1.3))
    assert level(adult, 600, 800) - level(adult, 850, 1050) > level(child, 600, 800) - level(child, 850, 1050) + 3


def test_tilt_takes_away_high_frequencies():
    flat, steep = (level(x, 2500, 3500) - level(x, 50, 500) for x in (spoken(tilt=3.0), spoken(tilt=15.0)))
    assert flat - steep == pytest.approx(12.0, abs=3.0)


@pytest.mark.parametrize(
    "change", [{"jitter": 0.03}, {"aspiration": -6.0}, {"shimmer": 0.4}], ids=lambda c: next(iter(c))
)
def test_irregular_and_breathy_voices_are_less_periodic(change):
    assert periodicity(spoken(**change))[:, 1].mean() < periodicity(spoken())[:, 1].mean() - 0.01


def test_tempo_shortens_the_utterance():
    slow, fast = (len(spoken("bababababa", tempo=tempo)) for tempo in (0.8, 1.6))
    assert slow / fast == pytest.approx(2.0, rel=0.2)  # consonants and edges yield less than vowels


@pytest.mark.parametrize(("movement", "direction"), [(6.0, 1), (-6.0, -1)])
def test_the_last_syllable_rises_or_falls(movement, direction):
    f0 = periodicity(spoken("mamamama", final_movement=movement))[:, 0]
    quarter = len(f0) // 4
    assert direction * 12 * np.log2(np.median(f0[-quarter:]) / np.median(f0[:quarter])) > 1.5


def test_accents_widen_the_f0_range():
    flat, lively = (np.std(np.log2(periodicity(spoken("mamama", accent_height=h))[:, 0])) for h in (0.0, 6.0))
    assert lively > flat + 0.05


def test_poor_articulation_moves_vowels_towards_schwa():
    precise, sloppy = (spoken("hihihi", articulation=articulation) for articulation in (1.0, 0.5))
    assert level(precise, 1900, 2600) > level(sloppy, 1900, 2600)
    assert level(precise, 1200, 1800) < level(sloppy, 1200, 1800)


@pytest.mark.parametrize("consonant", sorted(symbol for symbol, phone in PHONES.items() if not phone.is_vowel))
def test_every_consonant_can_begin_and_end_a_syllable(consonant):
    speech = synthesize((((consonant, "a", consonant),),), FLAT, np.random.default_rng(0))
    assert np.isfinite(speech).all()
    assert 0.2 < len(speech) / SYNTHESIS_RATE < 0.8
    assert np.abs(speech).max() < 15  # unit root mean square: no filter rings up


def test_fricatives_are_noise_above_the_voice():
    assert level(spoken("sasasa"), 5000, 7500) > level(spoken("mamama"), 5000, 7500) + 10


def test_the_same_generator_state_gives_the_same_samples():
    natural = {"jitter": 0.01, "aspiration": -20.0}
    np.testing.assert_array_equal(spoken(seed=3, **natural), spoken(seed=3, **natural))
    assert not np.array_equal(spoken(seed=3, **natural)[:1000], spoken(seed=4, **natural)[:1000])


def test_an_unknown_phone_is_named():
    with pytest.raises(ValueError, match=r"unknown phones \['q'\]"):
        synthesize(((("q", "a"),),), FLAT, np.random.default_rng(0))


@pytest.mark.parametrize("sentence", [(), ((("s",),),)])
def test_a_sentence_needs_a_vowel(sentence):
    with pytest.raises(ValueError, match="no vowel"):
        synthesize(sentence, FLAT, np.random.default_rng(0))
