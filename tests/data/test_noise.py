"""The active level of speech, and noise at a distance from it."""

import math

import numpy as np
import pytest
import soundfile

from hf_emotion.data.noise import NoiseFiles, active_speech_level, add_noise, pink_noise, white_noise


RATE = 16_000


def tone(seconds=2.0, amplitude=0.1, frequency=440.0):
    return amplitude * np.sin(2 * np.pi * frequency * np.arange(round(seconds * RATE)) / RATE)


def decibels(power):
    return 10 * math.log10(power)


class TestActiveSpeechLevel:
    @pytest.mark.parametrize("amplitude", [1.0, 0.1, 1e-5])
    def test_a_steady_tone_has_its_own_level(self, amplitude):
        assert active_speech_level(tone(4.0, amplitude), RATE) == pytest.approx(decibels(amplitude**2 / 2), abs=0.05)

    def test_a_gain_moves_the_level_by_the_gain(self):
        speech = tone() * np.repeat(np.random.default_rng(0).uniform(0, 1, 20), 1600)
        level = active_speech_level(speech, RATE)
        assert active_speech_level(0.037 * speech, RATE) == pytest.approx(level + 20 * math.log10(0.037), abs=1e-9)

    @pytest.mark.parametrize("pause", [1.0, 5.0, 50.0])
    def test_a_pause_counts_for_its_first_third_of_a_second_only(self, pause):
        speech = tone(4.0)
        level = active_speech_level(np.append(speech, np.zeros(round(pause * RATE))), RATE)
        assert level == pytest.approx(decibels(np.mean(speech**2) * 4 / 4.3), abs=0.05)

    def test_a_faint_background_does_not_count(self):
        clip = np.append(tone(4.0), 1e-4 * np.random.default_rng(0).standard_normal(20 * RATE))
        assert active_speech_level(clip, RATE) > decibels(np.mean(clip**2)) + 6

    def test_digital_silence_has_no_level(self):
        assert active_speech_level(np.zeros(100), RATE) == -math.inf
        assert active_speech_level(np.zeros(0), RATE) == -math.inf

    def test_a_clip_too_short_for_the_envelope_has_its_mean_level(self):
        assert active_speech_level(np.array([0.5, -0.5]), RATE) == pytest.approx(decibels(0.25))


class TestAddNoise:
    @pytest.mark.parametrize("snr", [30.0, 10.0, 0.0, -5.0])
    def test_the_ratio_of_a_steady_tone_and_its_noise_is_the_one_asked_for(self, snr):
        speech = tone(4.0)
        noise = add_noise(speech, white_noise(len(speech), np.random.default_rng(0)), RATE, snr) - speech
        assert decibels(np.mean(speech**2) / np.mean(noise**2)) == pytest.approx(snr, abs=0.1)

    def test_a_pause_does_not_lower_the_noise(self):
        speech = np.append(tone(4.0), np.zeros(16 * RATE))
        noise = add_noise(speech, white_noise(len(speech), np.random.default_rng(0)), RATE, 10.0) - speech
        assert decibels(np.mean(tone(4.0) ** 2) * 4 / 4.3 / np.mean(noise**2)) == pytest.approx(10.0, abs=0.1)

    def test_silence_stays_silent(self):
        assert not add_noise(np.zeros(100), np.ones(100), RATE, 10.0).any()


def test_white_noise_is_as_strong_in_every_band_and_pink_noise_in_every_octave():
    generator = np.random.default_rng(0)
    noises = {"white": white_noise(20 * RATE, generator), "pink": pink_noise(20 * RATE, RATE, generator)}
    frequencies = np.fft.rfftfreq(20 * RATE, 1 / RATE)
    for name, noise in noises.items():
        power = np.abs(np.fft.rfft(noise)) ** 2
        octaves = [decibels(power[(frequencies >= low) & (frequencies < 2 * low)].sum()) for low in (100, 400, 1600)]
        growth = 6.02 if name == "white" else 0.0  # of two octaves
        np.testing.assert_allclose(np.diff(octaves), growth, atol=0.5)


class TestNoiseFiles:
    @pytest.fixture
    def folder(self, tmp_path):
        generator = np.random.default_rng(0)
        (tmp_path / "deep").mkdir()
        soundfile.write(tmp_path / "short.wav", generator.uniform(-0.5, 0.5, 800), 8000)
        soundfile.write(tmp_path / "deep" / "long.flac", generator.uniform(-0.5, 0.5, (48_000, 2)), 48_000)
        return tmp_path

    def test_segments_have_the_asked_length_from_files_of_any_rate_and_length(self, folder):
        noise = NoiseFiles(folder, RATE)
        assert [path.name for path in noise.files] == ["long.flac", "short.wav"]
        segments = [noise.segment(4000, np.random.default_rng(seed)) for seed in range(8)]
        assert {len(segment) for segment in segments} == {4000}
        is_repeated = {bool(np.array_equal(segment[:1600], segment[1600:3200])) for segment in segments}
        assert is_repeated == {True, False}  # both files are drawn, and the short one is repeated

    def test_the_generator_decides(self, folder):
        noise = NoiseFiles(folder, RATE)
        first, again, other = (noise.segment(500, np.random.default_rng(seed)) for seed in (3, 3, 4))
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)

    def test_silent_stretches_are_passed_over(self, tmp_path):
        soundfile.write(tmp_path / "gap.wav", np.append(np.zeros(8000), np.full(8000, 0.1)), RATE)
        noise = NoiseFiles(tmp_path, RATE)
        assert all(noise.segment(10, np.random.default_rng(seed)).any() for seed in range(20))

    def test_a_folder_of_silence_is_refused(self, tmp_path):
        soundfile.write(tmp_path / "silence.wav", np.zeros(8000), RATE)
        with pytest.raises(ValueError, match="hold stretches of digital silence; cut those out"):
            NoiseFiles(tmp_path, RATE).segment(100, np.random.default_rng(0))

    def test_an_empty_folder_is_refused(self, tmp_path):
        (tmp_path / "notes.txt").write_text("no audio")
        with pytest.raises(ValueError, match="There is no noise file in .*looked for .wav"):
            NoiseFiles(tmp_path, RATE)

    def test_a_missing_folder_is_named(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="There is no folder .*absent with noise files"):
            NoiseFiles(tmp_path / "absent", RATE)
