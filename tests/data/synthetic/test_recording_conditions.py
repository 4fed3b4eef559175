"""A recording shows the conditions it was made under."""

import numpy as np
import pytest

from hf_emotion.data.synthetic.recording_conditions import RecordingConditions, impulse_responses, record


RATE = 16_000
TONE = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)
SILENCE = np.zeros(RATE)


def recorded(speech: np.ndarray, **conditions: object) -> np.ndarray:
    """float64 in [-1, 1), shape `(num_samples, num_channels)`."""
    conditions = RecordingConditions(**{"sampling_rate": RATE, **conditions})
    room = impulse_responses(conditions, RATE, np.random.default_rng(1))
    samples = record(speech, RATE, conditions, room, np.random.default_rng(0))
    assert samples.dtype == np.int16
    return samples / 32767


def spectrum(samples: np.ndarray, sampling_rate: int) -> tuple[np.ndarray, np.ndarray]:
    return np.fft.rfftfreq(len(samples), 1 / sampling_rate), np.abs(np.fft.rfft(samples[:, 0]))


@pytest.mark.parametrize("sampling_rate", [8_000, 16_000, 22_050, 44_100])
def test_the_recording_lasts_as_long_as_the_speech_and_keeps_its_pitch(sampling_rate):
    samples = recorded(TONE, sampling_rate=sampling_rate)
    assert 1.08 <= len(samples) / sampling_rate <= 1.24  # margins of 0.04 to 0.12 s on both sides
    frequencies, magnitude = spectrum(samples, sampling_rate)
    assert frequencies[magnitude.argmax()] == pytest.approx(1000, abs=2)


@pytest.mark.parametrize("noise_level", [-40.0, -60.0])
def test_silence_is_recorded_as_the_noise_floor(noise_level):
    assert 20 * np.log10(recorded(SILENCE, noise_level=noise_level).std()) == pytest.approx(noise_level, abs=0.3)


def test_mains_hum_is_a_line_at_50_hz():
    frequencies, magnitude = spectrum(recorded(SILENCE, hum_level=-40.0), RATE)
    assert frequencies[magnitude.argmax()] == pytest.approx(50, abs=1)


def test_channels_share_the_voice_but_not_the_room_or_the_noise():
    left, right = recorded(TONE, num_channels=2, reverberation_time=0.2).T
    assert 0.5 < np.corrcoef(left, right)[0, 1] < 0.9999


def test_a_room_rings_on_after_the_speech_has_ended():
    click = SILENCE.copy()
    click[1000] = 0.5
    dry, wet = (recorded(click, noise_level=-90.0, reverberation_time=seconds)[:, 0] for seconds in (0.0, 0.3))
    onset = np.argmax(np.abs(dry))
    late = slice(onset + 800, onset + 2400)  # 50 to 150 ms after the click
    assert np.std(wet[late]) > 5 * np.std(dry[late])


def test_a_high_cut_removes_what_lies_above_it():
    noise = 0.1 * np.random.default_rng(2).standard_normal(RATE)
    frequencies, magnitude = spectrum(recorded(noise, high_cut=3400.0, noise_level=-80.0), RATE)
    assert magnitude[frequencies > 5000].mean() < 0.05 * magnitude[(frequencies > 500) & (frequencies < 3000)].mean()


def test_speech_beyond_full_scale_is_turned_down_without_clipping():
    samples = recorded(30 * TONE)[:, 0]
    assert np.abs(samples).max() == pytest.approx(0.98, abs=0.001)
    frequencies, magnitude = spectrum(samples[:, None], RATE)
    third_harmonic = magnitude[np.abs(frequencies - 3000) < 20].max()
    assert third_harmonic < 1e-3 * magnitude.max()  # a clipped sine has it at a third to a tenth
