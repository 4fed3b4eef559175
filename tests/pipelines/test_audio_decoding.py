"""Promises of the one door for audio: the same sound from every kind of input and every format, or why not."""

import io
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch

from hf_emotion.pipelines import audio_decoding, audio_download
from hf_emotion.pipelines.audio_decoding import load_audio, load_channels, open_audio


RATE = 16_000
RAMP = np.linspace(-0.5, 0.5, 160).astype(np.float32)
SPEECH = (np.random.default_rng(0).standard_normal((RATE, 2)) * 0.1).clip(-1, 1)


def file_of(file_format="WAV", subtype=None, samples=SPEECH, rate=RATE) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=file_format, subtype=subtype)
    return file.getvalue()


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
        "(?s)cannot read .*clip.wav.*ffmpeg -i .*clip.wav -ac 1 -ar 16000 .*clip_16k.wav",
    ),
    "no samples": (
        file_with(file_of(samples=SPEECH[:0])),
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


@pytest.mark.parametrize(
    ("file_format", "subtype", "tolerance"),
    [
        ("WAV", "PCM_U8", 2**-7),
        ("WAV", "PCM_16", 2**-15),
        ("WAV", "PCM_24", 2**-23),
        ("WAV", "PCM_32", 2**-23),
        ("WAV", "FLOAT", 2**-23),
        ("WAV", "DOUBLE", 2**-23),
        ("WAV", "ULAW", 0.02),
        ("WAV", "ALAW", 0.02),
        ("WAV", "IMA_ADPCM", 0.3),
        ("WAV", "MS_ADPCM", 0.3),
        ("WAVEX", "PCM_24", 2**-23),
        ("RF64", "PCM_16", 2**-15),
        ("W64", "PCM_16", 2**-15),
        ("FLAC", "PCM_16", 2**-15),
        ("FLAC", "PCM_24", 2**-23),
        ("AIFF", "PCM_16", 2**-15),
        ("AIFF", "FLOAT", 2**-23),
        ("AU", "PCM_16", 2**-15),
        ("CAF", "PCM_16", 2**-15),
        ("CAF", "ALAC_24", 2**-23),
    ],
)
def test_formats_keep_samples_and_channels(file_format, subtype, tolerance):
    channels = load_channels(file_of(file_format, subtype), RATE)
    assert channels.shape[0] == 2
    np.testing.assert_allclose(channels[:, :RATE], SPEECH.T, atol=tolerance)


@pytest.mark.parametrize(("file_format", "subtype"), [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")])
def test_lossy_formats_keep_pitch_and_duration(file_format, subtype):
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)
    waveform = load_audio(file_of(file_format, subtype, tone), RATE)
    assert len(waveform) == pytest.approx(2 * RATE, abs=0.1 * RATE)
    assert np.argmax(np.abs(np.fft.rfft(waveform))) * RATE / len(waveform) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("name", ["clip.raw", "clip.vox", "clip.mp3", "clip", "clip.sd2"])
def test_suffixes_say_nothing(tmp_path, name):
    (tmp_path / name).write_bytes(file_of())
    assert load_audio(tmp_path / name).shape == (RATE,)


@pytest.mark.parametrize("name", ["straße 音.wav", "two\nlines.wav", "a b'c\"$d.wav", "%41.wav", "x" * 251 + ".wav"])
def test_names_may_hold_anything(tmp_path, name):
    (tmp_path / name).write_bytes(file_of())
    assert load_audio(tmp_path / name).shape == (RATE,)
    assert load_audio((tmp_path / name).as_uri()).shape == (RATE,)
    (tmp_path / name).write_bytes(b"no audio")
    with pytest.raises(ValueError, match="cannot read") as refused:
        load_audio(tmp_path / name)
    assert len(str(refused.value).splitlines()) == 2


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.uint8, np.uint16, np.uint32])
def test_integers_of_every_kind_have_their_zero_and_full_scale(dtype):
    limits = np.iinfo(dtype)
    middle = (int(limits.max) + int(limits.min) + 1) // 2
    samples = np.array([limits.min, middle, limits.max], dtype=dtype)
    np.testing.assert_allclose(load_audio((samples, RATE)), [-1, 0, 1], atol=2**-7)


@pytest.mark.parametrize("source", [(RATE, SPEECH[:, 0]), (np.int64(RATE), SPEECH[:, 0].tolist())])
def test_rate_and_array_may_be_swapped(source):
    np.testing.assert_allclose(load_audio(source), SPEECH[:, 0], atol=1e-7)


def test_channels_of_every_source_are_rows():
    for source in ((SPEECH, RATE), (SPEECH.T, RATE), {"array": torch.tensor(SPEECH.T), "sampling_rate": RATE}):
        np.testing.assert_allclose(load_channels(source), SPEECH.T, atol=1e-7)
    assert load_channels((SPEECH[:, 0], RATE)).shape == (1, RATE)


class Piecemeal:
    """A file object without an end to seek to, which gives some bytes at a time: a socket, or standard input."""

    name = "/dev/stdin"

    def __init__(self, content, num_bytes=100):
        self.content, self.num_bytes = io.BytesIO(content), num_bytes

    def read(self, size=-1):
        return self.content.read(self.num_bytes)


def test_file_objects_need_no_seek():
    assert load_audio(Piecemeal(file_of("FLAC"))).shape == (RATE,)


def test_file_objects_without_an_end_are_refused(monkeypatch):
    monkeypatch.setattr(audio_download, "MAX_BYTES", 2**21)
    with open("/dev/zero", "rb") as endless, pytest.raises(ValueError, match="/dev/zero is larger than 2 MiB"):
        load_audio(endless)


def test_what_is_too_long_to_be_loaded_is_read_in_blocks(monkeypatch):
    monkeypatch.setattr(audio_decoding, "MAX_LOADED_SAMPLES", RATE // 2)
    # The length of a WAV file is certain before it is read, that of a FLAC file is not.
    for file_format, found in (("WAV", "lasts 1 s"), ("FLAC", "lasts longer than 0 s")):
        with pytest.raises(ValueError, match=f"{found}, which is too long.*`hf_emotion.pipelines.*open_audio`"):
            load_audio(file_of(file_format))
        with open_audio(file_of(file_format)) as reader:
            assert sum(block.shape[1] for block in reader.blocks(0.1)) == RATE


@pytest.mark.parametrize("rate", [0.5, -1, 1e6, float("nan"), float("inf"), True, "16000", 1j, [16_000] * 1000])
def test_rates_that_cannot_be_are_refused(rate):
    with pytest.raises(ValueError, match="must be a positive number of Hz") as refused:
        load_audio({"array": SPEECH, "sampling_rate": rate})
    assert len(str(refused.value)) < 500


def test_an_array_with_its_axes_mistaken_is_refused():
    with pytest.raises(ValueError, match="has 2000 channels"):
        load_audio((np.zeros((2000, 2001)), RATE))


@pytest.mark.parametrize(
    ("audio", "error", "message"),
    [
        ({"bytes": "text"}, TypeError, '"bytes" of a dict of audio'),
        ({"path": 5}, TypeError, "not int"),
        ({1: 2}, ValueError, r"this one has \['1'\]"),
        ((["a", "b"], RATE), TypeError, "must be real numbers"),
        (([[1.0, 2.0], [1.0]], RATE), ValueError, "Channels must have the same length"),
        ([0.1, 0.2], ValueError, "does not say its sampling rate"),
        ("a\0b", ValueError, "null character"),
        (SimpleNamespace(read=lambda size: 7), TypeError, "gives int instead of bytes"),
    ],
)
def test_what_is_no_audio_is_refused(audio, error, message):
    with pytest.raises(error, match=message):
        load_audio(audio)


def test_formats_that_libsndfile_does_not_know_go_to_torchcodec(monkeypatch):
    content = b"\0\0\0\x20ftypM4A " + bytes(100)

    def decoder(stream):
        assert stream.read() == content
        samples = SimpleNamespace(data=torch.tensor(SPEECH.T), sample_rate=RATE)
        return SimpleNamespace(get_all_samples=lambda: samples, metadata=SimpleNamespace())

    monkeypatch.setitem(sys.modules, "torchcodec", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "torchcodec.decoders", SimpleNamespace(AudioDecoder=decoder))
    np.testing.assert_allclose(load_channels(content), SPEECH.T, atol=1e-7)
