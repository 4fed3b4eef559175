"""Test clips degraded by a known amount."""

import math

import numpy as np
import pytest
import soundfile

from hf_emotion.data.degradation import KINDS, Condition, Degradation, parse_conditions
from hf_emotion.data.noise import NoiseFiles, active_speech_level


RATE = 16_000
KEY = "toy/u1"


def noise_clip(seconds=2.0, seed=0):
    """White noise: equally strong at all frequencies."""
    samples = np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    return (0.1 * samples).astype(np.float32)


def degraded(text, clip=None, seed=0, key=KEY, noise_files=None):
    (condition,) = parse_conditions([text], has_noise_files=noise_files is not None)[-1:]
    clip = noise_clip() if clip is None else clip
    return Degradation(condition, RATE, seed=seed, noise_files=noise_files)(clip, key)


def gain_at(frequency, text, width=50.0):
    """What a condition does to white noise around a frequency, in dB."""
    clip = noise_clip(20.0)
    result = degraded(text, clip)
    frequencies = np.fft.rfftfreq(len(clip), 1 / RATE)
    band = np.abs(frequencies - frequency) < width
    before, after = (np.sum(np.abs(np.fft.rfft(samples))[band] ** 2) for samples in (clip, result))
    return 10 * math.log10(after / before)


@pytest.fixture
def noise_files(tmp_path):
    soundfile.write(tmp_path / "fan.wav", noise_clip(3.0, seed=9), RATE)
    soundfile.write(tmp_path / "street.wav", noise_clip(5.0, seed=8), RATE)
    return NoiseFiles(tmp_path, RATE)


@pytest.mark.parametrize("kind", ["white_noise", "pink_noise", "noise_files"])
@pytest.mark.parametrize("snr", [30, 10, 0, -5])
def test_measured_noise_is_at_the_asked_ratio(kind, snr, noise_files):
    envelope = np.repeat(np.random.default_rng(1).uniform(0, 1, 20), 1600)  # as uneven as speech
    clip = (0.3 * envelope * np.sin(0.3 * np.arange(len(envelope)))).astype(np.float32)
    noise = degraded(f"{kind}:{snr}", clip, noise_files=noise_files).astype(np.float64) - clip
    level = active_speech_level(clip, RATE)
    assert level - 10 * math.log10(np.mean(noise**2)) == pytest.approx(snr, abs=0.1)


class TestDeterminism:
    CONDITIONS = ("white_noise:10", "pink_noise:10", "noise_files:10")

    @pytest.mark.parametrize("text", CONDITIONS)
    def test_seed_and_utterance_decide(self, text, noise_files):
        first = degraded(text, noise_files=noise_files)
        np.testing.assert_array_equal(first, degraded(text, noise_files=noise_files))
        assert not np.array_equal(first, degraded(text, seed=1, noise_files=noise_files))
        assert not np.array_equal(first, degraded(text, key="toy/u2", noise_files=noise_files))

    def test_other_clips_in_between_change_nothing(self):
        degrade = Degradation(Condition("white_noise", 10.0), RATE)
        first = degrade(noise_clip(), KEY)
        degrade(noise_clip(), "toy/u2")
        np.testing.assert_array_equal(first, degrade(noise_clip(), KEY))

    @pytest.mark.parametrize("kind", ["white_noise", "pink_noise", "noise_files"])
    def test_the_noise_differs_between_ratios_by_its_level_alone(self, kind, noise_files):
        clip = noise_clip().astype(np.float64)
        weak, strong = (degraded(f"{kind}:{snr}", clip, noise_files=noise_files) - clip for snr in (10, -10))
        np.testing.assert_allclose(strong, 10 * weak, atol=1e-5)

    @pytest.mark.parametrize("text", [str(condition) for condition in parse_conditions()])
    def test_the_clip_stays_as_it_was(self, text):
        clip = noise_clip()
        result = degraded(text, clip)
        np.testing.assert_array_equal(clip, noise_clip())
        assert result.dtype == np.float32
        assert np.isfinite(result).all()


class TestBands:
    @pytest.mark.parametrize("kind", ["telephone", "gsm"])
    def test_a_telephone_passes_speech_and_nothing_beyond(self, kind):
        # GSM codes the shape of the spectrum, not the waveform, and its noise falls below the band
        loss, below = (1.0, -20) if kind == "telephone" else (6.0, -10)
        for frequency in (600, 1500, 2500):
            assert gain_at(frequency, kind) == pytest.approx(0, abs=loss)
        assert gain_at(100, kind, width=30) < below
        assert gain_at(4500, kind) < -20
        assert gain_at(7000, kind) < -40

    def test_the_edges_of_the_telephone_band_are_3_db_down(self):
        assert gain_at(300, "telephone", width=10) == pytest.approx(-3, abs=0.5)
        assert gain_at(3400, "telephone", width=10) == pytest.approx(-3, abs=0.5)

    def test_mu_law_adds_noise_at_38_db(self):
        """8-bit mu-law has an SNR of about 38 dB over a wide range of levels."""
        clip = (0.3 * np.sin(2 * np.pi * 1000 * np.arange(2 * RATE) / RATE)).astype(np.float32)
        spectrum = np.abs(np.fft.rfft(degraded("telephone", clip)[RATE // 2 : -RATE // 2] * np.hanning(RATE))) ** 2
        tone = np.abs(np.arange(len(spectrum)) - 1000) < 5
        assert 10 * math.log10(spectrum[tone].sum() / spectrum[~tone].sum()) == pytest.approx(38, abs=4)

    @pytest.mark.parametrize("cut", [2000, 4000])
    def test_a_low_pass_is_3_db_down_at_its_cut_and_48_db_an_octave_above(self, cut):
        text = f"low_pass:{cut}"
        assert gain_at(cut / 2, text) == pytest.approx(0, abs=0.1)
        assert gain_at(cut, text, width=10) == pytest.approx(-3, abs=0.3)
        if cut == 2000:  # nearer to half the rate the filter falls faster still
            assert gain_at(4000, text, width=10) < -48

    @pytest.mark.parametrize("text", ["telephone", "gsm", "low_pass:2000", "pink_noise:10"])
    @pytest.mark.parametrize("num_samples", [1, 2, 40, 15_999])
    def test_clips_of_any_length_keep_it(self, text, num_samples):
        assert degraded(text, noise_clip()[:num_samples]).shape == (num_samples,)


class TestShiftsGainAndClipping:
    @pytest.mark.parametrize(("value", "num_samples"), [(10, 160), (100, 1600), (500, 8000), (0, 0)])
    def test_leading_silence_is_exact(self, value, num_samples):
        result = degraded(f"leading_silence:{value}")
        assert not result[:num_samples].any()
        np.testing.assert_array_equal(result[num_samples:], noise_clip())

    @pytest.mark.parametrize(("value", "num_samples"), [(10, 160), (100, 1600), (500, 8000)])
    def test_a_cut_is_exact(self, value, num_samples):
        np.testing.assert_array_equal(degraded(f"cut:{value}"), noise_clip()[num_samples:])

    def test_half_of_a_short_clip_stays(self):
        clip = noise_clip()[:1001]
        np.testing.assert_array_equal(degraded("cut:500", clip), clip[500:])

    def test_a_gain_is_exact(self):
        np.testing.assert_allclose(degraded("gain:-20"), 0.1 * noise_clip(), rtol=1e-6)

    @pytest.mark.parametrize("percent", [1, 10, 50])
    def test_the_asked_share_of_samples_is_at_the_limits(self, percent):
        clip, result = noise_clip(), degraded(f"clipping:{percent}")
        assert 100 * np.mean(np.abs(result) == np.abs(result).max()) == pytest.approx(percent, abs=0.01)
        inside = np.abs(clip) < np.abs(result).max()
        np.testing.assert_array_equal(result[inside], clip[inside])

    def test_silence_passes_all_conditions(self):
        for condition in parse_conditions():
            assert not Degradation(condition, RATE)(np.zeros(16_000, dtype=np.float32), KEY).any() or (
                condition.kind in ("telephone", "gsm")  # the smallest steps of codecs are not zero
            )


class TestMp3:
    def test_fewer_bits_take_more_away(self):
        pytest.importorskip("fast_mp3_augment")
        clip = noise_clip()
        distance = {rate: np.mean((degraded(f"mp3:{rate}", clip) - clip) ** 2) for rate in (8, 160)}
        assert distance[8] > 2 * distance[160] > 0
        assert degraded("mp3:8", clip).shape == clip.shape

    def test_without_the_package_the_extra_is_named(self, monkeypatch):
        def absent(name):
            raise ImportError(f"No module named {name!r}")

        monkeypatch.setattr("importlib.import_module", absent)
        with pytest.raises(ImportError, match=r"pip install \"hf-emotion\[augment\]\""):
            degraded("mp3:16")


class TestParsing:
    def test_by_default_all_kinds_but_mp3_are_tested_clean_first(self):
        conditions = parse_conditions()
        assert str(conditions[0]) == "clean"
        assert {condition.kind for condition in conditions} == set(KINDS) - {"mp3", "noise_files"}
        with_files = {condition.kind for condition in parse_conditions(has_noise_files=True)}
        assert with_files == set(KINDS) - {"mp3"}

    def test_conditions_read_as_they_are_written(self):
        conditions = parse_conditions(has_noise_files=True)
        assert parse_conditions([str(condition) for condition in conditions], has_noise_files=True) == conditions

    def test_each_condition_is_tested_once(self):
        names = ["white_noise:20", "clean", "white_noise", "white_noise:20.0"]
        assert [str(condition) for condition in parse_conditions(names)] == [
            "clean", "white_noise:20", "white_noise:30", "white_noise:10", "white_noise:5", "white_noise:0",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("whit_noise:3", "no condition 'whit_noise'. Did you mean 'white_noise'"),
            ("white_noise:loud", "'loud' in 'white_noise:loud' is not a number .dB SNR"),
            ("white_noise:nan", "out of range: -30 to 100 dB SNR"),
            ("clipping:100", "out of range: 0 to 99 %"),
            ("leading_silence:-5", "out of range: 0 to 10000 ms"),
            ("telephone:8", "'telephone' takes no value"),
            ("mp3:17", "mp3_compression.min_bitrate must be one of"),
            ("noise_files:10", "needs a folder of noise recordings: name it .--noise_dir"),
        ],
    )
    def test_what_cannot_be_is_explained(self, name, message):
        with pytest.raises(ValueError, match=message):
            parse_conditions([name])

    @pytest.mark.parametrize("text", ["low_pass:4000", "telephone"])
    def test_a_band_must_fit_the_rate(self, text):
        with pytest.raises(ValueError, match=f"{text} needs clips at a higher rate than 6000 Hz"):
            Degradation(parse_conditions([text])[-1], 6000)

    def test_noise_files_are_asked_for(self):
        with pytest.raises(ValueError, match="needs `noise_files`"):
            Degradation(Condition("noise_files", 10.0), RATE)
