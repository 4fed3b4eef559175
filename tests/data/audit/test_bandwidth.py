"""Where the spectrum of a recording ends."""

import numpy as np
import pytest
import soxr
from scipy.signal import butter, sosfilt

from hf_emotion.data.audit.bandwidth import (
    BAND_HZ,
    MAX_FRAMES,
    frame_levels,
    loud_spectrum,
    spectrogram,
    spectrum_end,
    steepest_edge,
)


def bandwidth(samples: np.ndarray, sampling_rate: int, bits: int = 16) -> float | None:
    return spectrum_end(loud_spectrum(spectrogram(samples, sampling_rate)), sampling_rate, bits)


def noise(seconds: float, sampling_rate: int, level: float = 0.1) -> np.ndarray:
    generator = np.random.default_rng(0)
    return (level * generator.standard_normal(round(seconds * sampling_rate))).astype(np.float32)


def rounded(samples: np.ndarray, bits: int = 16) -> np.ndarray:
    steps = 2 ** (bits - 1)
    return (np.round(samples * steps) / steps).astype(np.float32)


@pytest.mark.parametrize("sampling_rate", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000])
def test_white_noise_reaches_half_the_sampling_rate(sampling_rate):
    assert bandwidth(rounded(noise(1, sampling_rate)), sampling_rate) == sampling_rate / 2


@pytest.mark.parametrize("level", [0.3, 0.003])
@pytest.mark.parametrize("original", [8_000, 11_025, 16_000])
def test_upsampling_does_not_widen_the_band(original, level):
    upsampled = soxr.resample(noise(1, original, level), original, 44_100)
    assert bandwidth(rounded(upsampled), 44_100) == pytest.approx(original / 2, abs=2 * BAND_HZ)


def test_a_band_that_only_a_few_frames_fill_counts():
    """Fricatives are rare and loud: 10 % of the frames have energy above 3 kHz."""
    samples = sosfilt(butter(10, 3_000, fs=16_000, output="sos"), noise(2, 16_000)).astype(np.float32)
    assert bandwidth(rounded(samples), 16_000) < 7_000
    samples[8_000:11_200] += noise(0.2, 16_000, level=0.01)
    assert bandwidth(rounded(samples), 16_000) == 8_000


def test_a_tone_above_the_band_does_not_count():
    samples = soxr.resample(noise(1, 8_000), 8_000, 16_000)
    samples += (0.01 * np.sin(2 * np.pi * 7_000 * np.arange(len(samples)) / 16_000)).astype(np.float32)
    assert bandwidth(rounded(samples), 16_000) == pytest.approx(4_000, abs=2 * BAND_HZ)


def test_rounding_noise_is_not_sound():
    quiet = soxr.resample(noise(1, 8_000, level=1e-3), 8_000, 16_000)
    assert bandwidth(rounded(quiet, bits=16), 16_000, bits=16) == pytest.approx(4_000, abs=2 * BAND_HZ)
    assert bandwidth(rounded(quiet, bits=8), 16_000, bits=8) is None
    assert bandwidth(np.zeros(16_000, dtype=np.float32), 16_000) is None


def test_power_of_white_noise_is_the_same_in_every_band():
    power = spectrogram(noise(5, 16_000, level=0.1), 16_000).mean(axis=0)
    assert len(power) == 8_000 / BAND_HZ
    # a band is at least 4 bins and 312 frames wide
    np.testing.assert_allclose(power[1:], 0.01, rtol=0.15)


def test_frames_of_a_long_recording_are_bounded_and_span_all_of_it():
    samples = noise(60, 16_000)
    samples[-16_000:] = 0
    power = spectrogram(samples, 16_000)
    assert len(power) == MAX_FRAMES
    assert not power[-1].any()
    quiet, loud = frame_levels(power)
    assert loud - quiet < 3
    assert loud == pytest.approx(-20, abs=1)


def test_a_clip_shorter_than_a_frame_is_padded():
    assert spectrogram(noise(0.005, 16_000), 16_000).shape[0] == 1


@pytest.mark.parametrize("sampling_rate", [16_000, 44_100])
def test_the_edge_of_a_telephone_filter_is_steep(sampling_rate):
    upsampled = rounded(soxr.resample(noise(1, 8_000), 8_000, sampling_rate))
    frequency, fall = steepest_edge(loud_spectrum(spectrogram(upsampled, sampling_rate)))
    assert frequency == pytest.approx(4_000, abs=2 * BAND_HZ)
    assert fall > 50


def test_a_spectrum_that_comes_back_has_no_edge_before():
    levels = np.array([-30.0] * 24 + [-80.0] * 8 + [-30.0] * 8 + [-90.0] * 24)
    assert steepest_edge(levels) == (5_000.0, 60.0)


@pytest.mark.parametrize("levels", [np.full(64, -30.0), np.linspace(-60, -20, 64), np.full(10, -30.0), np.zeros(1)])
def test_flat_rising_and_narrow_spectra_have_no_edge(levels):
    assert steepest_edge(levels) == (0.0, 0.0)
