"""Promises of load_audio: whatever holds the sound, the same mono float32 waveform; every failure names the file."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch

from hf_emotion.data.audio import audio_duration, load_audio

from .fake_audio import write_noise


RATE = 16_000
RAMP = np.linspace(-0.5, 0.5, 160).astype(np.float32)


@pytest.fixture
def ramp_path(tmp_path):
    soundfile.write(tmp_path / "ramp.wav", RAMP, RATE, subtype="FLOAT")
    return tmp_path / "ramp.wav"


def decoder(data, sampling_rate=RATE, path=None):
    """Behaves as a torchcodec AudioDecoder does."""
    samples = SimpleNamespace(data=torch.as_tensor(data), sample_rate=sampling_rate)
    return SimpleNamespace(get_all_samples=lambda: samples, metadata=SimpleNamespace(path=path))


SOURCES = {
    "path as str": lambda path: str(path),
    "path": lambda path: path,
    "bytes": lambda path: path.read_bytes(),
    "bytearray": lambda path: bytearray(path.read_bytes()),
    "file object in memory": lambda path: io.BytesIO(path.read_bytes()),
    "undecoded dict with path": lambda path: {"path": str(path), "bytes": None},
    "undecoded dict with bytes": lambda path: {"path": "gone.wav", "bytes": path.read_bytes()},
    "decoded dict": lambda path: {"array": RAMP, "sampling_rate": RATE, "path": None},
    "decoded dict of a pipeline": lambda path: {"raw": RAMP, "sampling_rate": RATE},
    "decoded dict with list": lambda path: {"array": RAMP.tolist(), "sampling_rate": RATE},
    "tuple": lambda path: (RAMP, RATE),
    "tuple with tensor": lambda path: (torch.tensor(RAMP, requires_grad=True), np.int64(RATE)),
    "tuple with float64": lambda path: (RAMP.astype(np.float64), float(RATE)),
    "torchcodec decoder": lambda path: decoder(RAMP[None]),
    "stereo, channels first": lambda path: (np.stack([RAMP, RAMP]), RATE),
    "stereo, channels last": lambda path: (np.stack([RAMP, RAMP], axis=1), RATE),
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_every_kind_of_input_gives_the_same_waveform(ramp_path, source):
    waveform = load_audio(source(ramp_path), RATE)
    assert waveform.dtype == np.float32
    assert waveform.shape == (160,)
    assert waveform.flags.c_contiguous
    np.testing.assert_allclose(waveform, RAMP, atol=1e-7)


def test_an_open_file_is_read(ramp_path):
    with ramp_path.open("rb") as file:
        np.testing.assert_array_equal(load_audio(file), RAMP)


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (np.array([0, 16384, -32768], dtype=np.int16), [0.0, 0.5, -1.0]),
        (np.array([0, 2**30, -(2**31)], dtype=np.int32), [0.0, 0.5, -1.0]),
        (np.array([0, 64, -128], dtype=np.int8), [0.0, 0.5, -1.0]),
        (np.array([128, 192, 0], dtype=np.uint8), [0.0, 0.5, -1.0]),
        (torch.tensor([0, 16384, -32768], dtype=torch.int16), [0.0, 0.5, -1.0]),
        (torch.tensor([0.0, 0.5, -1.0], dtype=torch.bfloat16), [0.0, 0.5, -1.0]),
        (np.array([0.0, 0.5, -1.0], dtype=np.float16), [0.0, 0.5, -1.0]),
    ],
)
def test_integers_are_scaled_by_the_full_range_of_their_type(samples, expected):
    np.testing.assert_array_equal(load_audio((samples, RATE)), np.float32(expected))


def test_channels_are_averaged(tmp_path):
    stereo = np.tile(np.float32([[0.5, -0.25]]), (100, 1))
    soundfile.write(tmp_path / "stereo.wav", stereo, RATE, subtype="FLOAT")
    for source in (tmp_path / "stereo.wav", (stereo, RATE), (stereo.T, RATE), decoder(stereo.T)):
        np.testing.assert_array_equal(load_audio(source), np.full(100, 0.125, dtype=np.float32))


def test_a_file_with_more_channels_than_samples_is_not_transposed(tmp_path):
    soundfile.write(tmp_path / "short.wav", np.float32([[0.5, 0.25, 0.0], [0.5, 0.25, 0.0]]), RATE, subtype="FLOAT")
    np.testing.assert_array_equal(load_audio(tmp_path / "short.wav"), np.float32([0.25, 0.25]))


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 24_414, 44_100, 48_000, 96_000])
def test_resampling_keeps_duration_and_pitch(rate):
    seconds, frequency = 0.5, 440
    tone = np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate)
    waveform = load_audio((tone, rate), RATE)
    assert abs(len(waveform) - seconds * RATE) <= 1
    spectrum = np.abs(np.fft.rfft(waveform))
    assert np.argmax(spectrum) * RATE / len(waveform) == pytest.approx(frequency, abs=2)


@pytest.mark.parametrize(
    ("name", "format"), [("a.flac", "FLAC"), ("a.ogg", "OGG"), ("a.mp3", "MP3"), ("a.wav", "AIFF")]
)
def test_formats_of_libsndfile_are_read_whatever_the_suffix_says(tmp_path, name, format):
    write_noise(tmp_path / name, seconds=0.5, sampling_rate=16_000, format=format)
    assert len(load_audio(tmp_path / name)) == pytest.approx(8_000, abs=1_200)
    assert audio_duration(tmp_path / name) == pytest.approx(0.5, abs=0.08)


def file_with(content):
    def write(folder):
        (folder / "clip.wav").write_bytes(content)
        return folder / "clip.wav"

    return write


def nan_file(folder):
    soundfile.write(folder / "clip.wav", np.float32([0, np.nan, np.inf]), RATE, subtype="FLOAT")
    return folder / "clip.wav"


BAD = {
    "missing": (lambda folder: folder / "clip.wav", FileNotFoundError, "No such audio file: .*clip.wav"),
    "0 bytes": (file_with(b""), ValueError, r"clip.wav is empty \(0 bytes\)"),
    "not audio": (
        file_with(b"no audio"),
        ValueError,
        '(?s)cannot read .*clip.wav.*ffmpeg -i ".*clip.wav" .*clip_16k.wav',
    ),
    "no samples": (
        lambda folder: write_noise(folder / "clip.wav", seconds=0),
        ValueError,
        "clip.wav holds no samples",
    ),
    "NaN and inf": (nan_file, ValueError, "clip.wav holds 2 NaN or infinite samples"),
    "folder": (lambda folder: folder, ValueError, "is a folder"),
    "bytes of the file": (lambda folder: {"path": "x/clip.wav", "bytes": b"no"}, ValueError, "cannot read x/clip.wav"),
    "empty bytes": (lambda folder: b"", ValueError, "0 bytes"),
    "dict of nothing": (lambda folder: {"path": None, "bytes": None}, ValueError, '"path"; this one has'),
    "no rate in dict": (lambda folder: {"array": RAMP, "path": "clip.wav"}, ValueError, "rate of clip.wav is missing"),
    "rate 0": (lambda folder: (RAMP, 0), ValueError, "must be a positive number of Hz, got 0"),
    "rate as text": (lambda folder: (RAMP, "16000"), ValueError, "must be a positive number of Hz, got '16000'"),
    "plain array": (lambda folder: RAMP, ValueError, "does not say its sampling rate"),
    "plain tensor": (lambda folder: torch.tensor(RAMP), ValueError, "does not say its sampling rate"),
    "empty array": (lambda folder: ([], RATE), ValueError, "holds no samples"),
    "three axes": (lambda folder: (np.zeros((1, 2, 3)), RATE), ValueError, r"shape \(1, 2, 3\)"),
    "int64": (lambda folder: (np.zeros(3, dtype=np.int64), RATE), ValueError, "int64 have no full scale"),
    "complex": (lambda folder: (np.zeros(3, dtype=complex), RATE), TypeError, "must be real numbers"),
    "three in a tuple": (lambda folder: (RAMP, RATE, 1), TypeError, "one of 3 elements"),
    "number": (lambda folder: 3.5, TypeError, "Cannot read audio from float"),
    "None": (lambda folder: None, TypeError, "Cannot read audio from NoneType"),
    "text file object": (lambda folder: io.StringIO("x"), TypeError, "text mode"),
    "decoder": (
        lambda folder: decoder(RAMP[None] * np.nan, path="d/clip.wav"),
        ValueError,
        "d/clip.wav holds 160 NaN",
    ),
}


@pytest.mark.parametrize(("make", "error", "message"), BAD.values(), ids=BAD)
def test_what_cannot_be_used_is_refused_by_name(tmp_path, make, error, message):
    with pytest.raises(error, match=message):
        load_audio(make(tmp_path))


@pytest.mark.parametrize("sampling_rate", [0, -1, None, 16_000.5])
def test_the_wanted_rate_must_be_a_positive_integer(sampling_rate):
    with pytest.raises(ValueError, match="sampling_rate must be a positive number"):
        load_audio((RAMP, RATE), sampling_rate)


@pytest.mark.parametrize("content", [None, b"", b"no audio"])
def test_duration_of_an_unusable_file_is_an_error_that_names_it(tmp_path, content):
    if content is not None:
        (tmp_path / "clip.wav").write_bytes(content)
    with pytest.raises(ValueError, match="clip.wav: "):
        audio_duration(tmp_path / "clip.wav")
