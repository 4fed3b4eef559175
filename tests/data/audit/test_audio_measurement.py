"""One file, measured: levels that a reader can check by hand, broken files, and equal audio in different formats."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hf_emotion.data.audit import audio_measurement
from hf_emotion.data.audit.audio_measurement import measure_audio, measure_files
from tests.data.fake_audio import write_noise


RATE = 16_000


def write(path: Path, samples: np.ndarray, **options) -> Path:
    soundfile.write(path, samples, RATE, **options)
    return path


def sine(amplitude: float, seconds: float = 1.0, frequency: float = 250.0) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * frequency * np.arange(round(seconds * RATE)) / RATE)


def test_levels_of_a_sine(tmp_path):
    measured = measure_audio(write(tmp_path / "sine.wav", sine(0.5) + 0.1))
    assert measured.error is None
    assert (measured.file_format, measured.subtype, measured.sampling_rate) == ("WAV", "PCM_16", RATE)
    assert (measured.num_channels, measured.num_frames, measured.promised_frames) == (1, RATE, RATE)
    assert measured.duration == 1.0
    assert measured.peak == pytest.approx(0.6, abs=1e-3)
    assert measured.dc_offset == pytest.approx(0.1, abs=1e-4)
    assert measured.level == pytest.approx(10 * math.log10(0.5**2 / 2 + 0.1**2), abs=0.01)
    assert measured.dynamic_range < 0.1
    assert measured.clipped_share == 0


@pytest.mark.parametrize("turned_down", [1.0, 0.3])
def test_flat_tops_are_clipped_samples_at_any_level(tmp_path, turned_down):
    """A sine of twice the height is above 1 for a third of a period on each side."""
    clipped = turned_down * np.clip(sine(2.0, frequency=100), -1, 32767 / 32768)
    measured = measure_audio(write(tmp_path / "clipped.wav", clipped))
    assert measured.clipped_share == pytest.approx(2 / 3, abs=0.01)


@pytest.mark.parametrize("amplitude", [0.01, 0.2, 0.9, 32767 / 32768])
def test_a_voice_turned_up_to_full_scale_is_not_clipped(tmp_path, amplitude):
    generator = np.random.default_rng(0)
    envelope = np.repeat(generator.uniform(0.1, 1, 100), RATE // 100)
    voice = sine(1, frequency=120) * envelope + 0.01 * generator.standard_normal(RATE)
    measured = measure_audio(write(tmp_path / "voice.wav", amplitude * voice / np.abs(voice).max()))
    assert measured.clipped_share < 0.0005


@pytest.mark.parametrize("block", [2**20, 5_000])
def test_channels(tmp_path, monkeypatch, block):
    monkeypatch.setattr(audio_measurement, "BLOCK_FRAMES", block)
    left, nothing = sine(0.5), np.zeros(RATE)
    channels = {"same": (left, left), "empty": (left, nothing), "opposed": (left, -left), "other": (left, sine(0.3))}
    found = {}
    for name, pair in channels.items():
        found[name] = measure_audio(write(tmp_path / f"{name}.wav", np.stack(pair, axis=1)))
    assert {name: measured.has_identical_channels for name, measured in found.items()} == {
        "same": True,
        "empty": False,
        "opposed": False,
        "other": False,
    }
    assert {name: measured.empty_channels for name, measured in found.items() if measured.empty_channels} == {
        "empty": 1
    }
    assert found["same"].mix_loss == pytest.approx(0, abs=0.01)
    assert found["empty"].mix_loss == pytest.approx(10 * math.log10(2), abs=0.01)  # half the height, half the channels
    assert found["opposed"].mix_loss > 80


def test_equal_samples_have_equal_digests_whatever_the_format(tmp_path):
    samples = np.random.default_rng(0).integers(-20_000, 20_000, RATE).astype(np.int16)
    wav = measure_audio(write(tmp_path / "a.wav", samples))
    stereo = np.stack([samples, samples], axis=1)
    same = [
        write(tmp_path / "a.flac", samples),
        write(tmp_path / "a24.wav", samples.astype(np.int32) << 16, subtype="PCM_24"),
        write(tmp_path / "float.wav", samples / 32768, subtype="FLOAT"),
        write(tmp_path / "stereo.wav", stereo),
    ]
    assert {measure_audio(path).digest for path in same} == {wav.digest}
    louder = samples.copy()
    louder[100] += 1
    soundfile.write(tmp_path / "faster.wav", samples, 2 * RATE)
    others = [write(tmp_path / "b.wav", louder), write(tmp_path / "c.wav", samples[:-1]), tmp_path / "faster.wav"]
    assert len({measure_audio(path).digest for path in others} | {wav.digest}) == 4


def test_blocks_do_not_change_the_result(tmp_path, monkeypatch):
    path = write_noise(tmp_path / "long.flac", seconds=2, sampling_rate=RATE, channels=2)
    whole = measure_audio(path)
    monkeypatch.setattr(audio_measurement, "BLOCK_FRAMES", 7_000)
    pieces = measure_audio(path)
    assert pieces.digest == whole.digest
    for name in ("num_frames", "peak", "level", "dc_offset", "bandwidth"):
        assert getattr(pieces, name) == pytest.approx(getattr(whole, name), rel=1e-5), name


@pytest.mark.parametrize("suffix", [".wav", ".aiff", ".flac", ".mp3", ".sph"])
def test_a_file_that_was_cut_off_promises_more_than_it_holds(tmp_path, suffix):
    options = {"format": "NIST"} if suffix == ".sph" else {}
    path = write_noise(tmp_path / f"cut{suffix}", seconds=2, sampling_rate=RATE, **options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    measured = measure_audio(path)
    assert measured.promised_frames == pytest.approx(2 * RATE, abs=20)
    assert 0 < measured.num_frames < 1.2 * RATE
    assert (measured.error is not None) == (suffix == ".flac")


def test_a_damaged_flac_is_measured_up_to_the_damage(tmp_path):
    path = write_noise(tmp_path / "damaged.flac", seconds=2, sampling_rate=RATE)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 200] = bytes(200)
    path.write_bytes(content)
    measured = measure_audio(path)
    assert 0 < measured.num_frames < 2 * RATE
    assert measured.error.startswith(f"decoding stops after {measured.duration:.2f} s")


def test_a_header_that_was_never_completed_hides_samples(tmp_path):
    path = write_noise(tmp_path / "recorder.wav", seconds=1, sampling_rate=RATE)
    content = path.read_bytes()
    position = content.index(b"data") + 4
    path.write_bytes(content[:position] + bytes(4) + content[position + 4 :])
    measured = measure_audio(path)
    assert measured.num_frames == 0
    assert f"announces 0 bytes of samples, {2 * RATE} more bytes lie behind" in measured.error


def test_files_that_are_no_audio_say_why(tmp_path):
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "page.wav").write_text("<html>404</html>")
    write(tmp_path / "no_samples.wav", np.zeros(0))
    names = ("empty.wav", "page.wav", "no_samples.wav", "absent.wav")
    errors = {name: measure_audio(tmp_path / name).error for name in names}
    assert errors["empty.wav"] == "file of 0 bytes"
    assert errors["page.wav"].startswith("unreadable header")
    assert errors["no_samples.wav"] == "no samples"
    assert errors["absent.wav"] == "no such file"


def test_samples_that_are_not_numbers_are_an_error(tmp_path):
    samples = sine(0.5).astype(np.float32)
    samples[10] = np.nan
    measured = measure_audio(write(tmp_path / "nan.wav", samples, subtype="FLOAT"))
    assert measured.error == "it holds NaN or infinite samples"
    assert (measured.num_frames, measured.digest) == (0, None)


def test_silence_has_no_level_and_no_bandwidth(tmp_path):
    measured = measure_audio(write(tmp_path / "silence.wav", np.zeros(RATE)))
    assert (measured.peak, measured.level, measured.bandwidth, measured.mix_loss) == (0, -math.inf, None, 0)


def test_several_processes_give_the_same_in_the_same_order(tmp_path):
    paths = [str(write_noise(tmp_path / f"{number}.wav", sampling_rate=RATE)) for number in range(40)]
    alone = list(measure_files(paths))
    assert [measured.path for measured in alone] == paths
    assert list(map(dataclasses.astuple, measure_files(paths, num_proc=2))) == list(map(dataclasses.astuple, alone))
