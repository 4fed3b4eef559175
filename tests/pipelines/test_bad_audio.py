"""What becomes of bad audio: a result, or an error that says what is wrong; alone, and through a recogniser."""

import contextlib
import io
import os
import struct
import time
import warnings
from dataclasses import dataclass

import numpy as np
import pytest
import soundfile

from hf_emotion import load_audio
from hf_emotion.pipelines.recognizer import RecognizerOutput, SpeechEmotionRecognizer


RATE = 16_000
NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, RATE)
TRUNCATED = "truncated or damaged; what could be decoded is used"
UNREADABLE = r"(?s)libsndfile cannot read .*\. Install torchcodec and ffmpeg.*\n  ffmpeg -i .* -ac 1 -ar 16000 "


def file_of(file_format="WAV", subtype=None, samples=NOISE, rate=RATE) -> bytearray:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=file_format, subtype=subtype)
    return bytearray(file.getvalue())


def with_field(content: bytearray, marker: bytes, offset: int, field: bytes) -> bytearray:
    """Overwrite a header field that stands so many bytes behind the last occurrence of a marker."""
    place = content.rindex(marker) + offset
    content[place : place + len(field)] = field
    return content


def with_flac_length(num_samples: int) -> bytearray:
    """The number of samples is the lower 36 bits of 8 bytes in STREAMINFO."""
    content = file_of("FLAC")
    fields = int.from_bytes(content[18:26], "big") >> 36 << 36 | num_samples
    return with_field(content, b"fLaC", 18, fields.to_bytes(8, "big"))


def start_of(content: bytearray, share: float) -> bytearray:
    return content[: round(len(content) * share)]


@dataclass
class Expected:
    """`samples`, give or take `tolerance`, with a `warning` that matches, or an `error` that matches."""

    samples: int | None = None
    warning: str | None = None
    error: str | None = None
    kind: type[Exception] = ValueError
    tolerance: int = 0


def sound(samples=RATE, warning=None, tolerance=0):
    return Expected(samples, warning, tolerance=tolerance)


def refused(error, kind=ValueError):
    return Expected(error=error, kind=kind)


LONG_SILENCE = np.zeros(10 * RATE, dtype=np.int16)
CONTENTS = {
    "empty": (b"", refused(r"is empty \(0 bytes\). Leave the clip out")),
    "header alone": (file_of(samples=NOISE[:0]), refused("holds no samples. Leave the clip out")),
    "1 sample": (file_of(samples=NOISE[:1]), sound(1)),
    "1 sample at 8 kHz": (file_of(samples=NOISE[:1], rate=8_000), sound(2)),
    "1 sample at 96 kHz": (
        file_of(samples=NOISE[:1], rate=96_000),
        refused("is too short, 1 samples, to be resampled from 96000 to 16000 Hz"),
    ),
    "NaN": (file_of("WAV", "FLOAT", [0, np.nan, np.inf]), refused("holds 2 NaN or infinite samples between 0.00")),
    "minus infinity": (file_of("AIFF", "FLOAT", [0, -np.inf]), refused("holds 1 NaN or infinite samples")),
    "beyond float32": (file_of("WAV", "DOUBLE", [0, 1e300]), refused("holds 1 NaN or infinite samples")),
    "absurdly loud": (file_of("WAV", "FLOAT", [0, 1e20]), refused(r"samples up to 1e\+20, full scale being 1")),
    "integers as floats": (file_of("WAV", "FLOAT", NOISE * 2**15), sound()),
    "DC": (file_of(samples=np.full(RATE, 0.5)), sound()),
    "clipped": (file_of(samples=np.sign(NOISE)), sound()),
    "silence": (file_of(samples=np.zeros(RATE)), sound()),
    "8 channels": (file_of("WAVEX", "PCM_16", np.tile(NOISE[:, None], 8)), sound()),
    "8 kHz": (file_of(rate=8_000), sound(2 * RATE)),
    "96 kHz": (file_of(rate=96_000), sound(RATE // 6, tolerance=1)),
    "1 Hz": (file_of(samples=NOISE[:2], rate=1), sound(2 * RATE)),
    "24 bit": (file_of("WAV", "PCM_24"), sound()),
    "float": (file_of("WAV", "FLOAT"), sound()),
    "mu-law": (file_of("WAV", "ULAW"), sound()),
    "ADPCM": (file_of("WAV", "MS_ADPCM"), sound(tolerance=600)),
    # Headers that lie. Programs that write to a pipe leave the largest size, or none.
    "WAV, largest size": (with_field(file_of(), b"data", 4, b"\xff" * 4), sound()),
    "WAV, size of streams": (with_field(file_of(), b"data", 4, b"\0\0\0\x80"), sound()),
    "WAV, twice the size": (
        with_field(file_of(), b"data", 4, struct.pack("<I", 4 * RATE)),
        sound(warning=f"ends after 1.00 s; its header promises 2.00 s. .*{TRUNCATED}"),
    ),
    "WAV, half the size": (with_field(file_of(), b"data", 4, struct.pack("<I", RATE)), sound(RATE // 2)),
    "WAV, being written": (with_field(file_of(), b"data", 4, bytes(4)), sound(warning="is it written to")),
    "WAV, wrong size of the whole": (with_field(file_of(), b"RIFF", 4, bytes(4)), sound()),
    "WAV, 0 channels": (with_field(file_of(), b"fmt ", 10, bytes(2)), refused(UNREADABLE)),
    "WAV, 0 Hz": (with_field(file_of(), b"fmt ", 12, bytes(4)), refused(UNREADABLE)),
    "WAV, 4 GHz": (with_field(file_of(), b"fmt ", 12, b"\xff" * 4), refused(UNREADABLE)),
    "AIFF, largest size": (with_field(file_of("AIFF"), b"SSND", 4, b"\xff" * 4), sound()),
    "AIFF, largest count": (with_field(file_of("AIFF"), b"COMM", 10, b"\xff" * 4), sound()),
    "AU, unknown size": (with_field(file_of("AU"), b".snd", 8, b"\xff" * 4), sound()),
    "FLAC, unknown length": (with_flac_length(0), sound()),
    "FLAC, half the length": (with_flac_length(RATE // 2), sound(RATE // 2)),
    "FLAC, largest length": (with_flac_length(2**36 - 1), sound(warning=TRUNCATED)),
    "MP3, largest count": (
        with_field(file_of("MP3"), b"Xing", 8, b"\xff" * 4),
        sound(tolerance=1152, warning=TRUNCATED),
    ),
    "MP3, small count": (with_field(file_of("MP3"), b"Xing", 8, bytes([0, 0, 0, 10])), sound(4480)),
    # The length by the size of the first frame would be 9936 samples.
    "MP3 of a pipe": (with_field(file_of("MP3"), b"Xing", 0, b"none"), sound(tolerance=2304)),
    "MP3 of a pipe behind a tag": (
        b"ID3\4\0\0\0\0\2\0" + b"Info" * 64 + with_field(file_of("MP3"), b"Xing", 0, b"none"),
        sound(tolerance=2304),
    ),
    "Vorbis, largest count": (with_field(file_of("OGG", "VORBIS"), b"OggS", 6, b"\xff" * 8), sound(13_440)),
    "Opus, largest count": (with_field(file_of("OGG", "OPUS"), b"OggS", 6, b"\xff" * 8), refused(UNREADABLE)),
    # Truncated files: what is there, if libsndfile can read that.
    "WAV, half": (start_of(file_of(), 0.5), sound(RATE // 2, TRUNCATED, tolerance=22)),
    "WAV, header cut": (start_of(file_of(), 0.001), refused(UNREADABLE)),
    "AIFF, half": (start_of(file_of("AIFF"), 0.5), sound(RATE // 2, TRUNCATED, tolerance=27)),
    "FLAC, half": (start_of(file_of("FLAC"), 0.5), sound(4096, warning=f"stops after 0.26 s.*{TRUNCATED}")),
    "FLAC, first block cut": (start_of(file_of("FLAC"), 0.1), refused("holds no samples: decoding fails")),
    "FLAC, header cut": (start_of(file_of("FLAC"), 0.001), refused(UNREADABLE)),
    "FLAC, damaged": (with_field(file_of("FLAC"), b"fLaC", 20_000, bytes(50)), sound(8192, TRUNCATED)),
    "MP3, half": (start_of(file_of("MP3"), 0.5), sound(6383, warning=f"promises 1.00 s.*{TRUNCATED}")),
    "MP3, first frame cut": (
        start_of(file_of("MP3"), 0.01),
        refused(UNREADABLE.replace(".*", ".*No MPEG audio.*", 1)),
    ),
    "Vorbis, half": (start_of(file_of("OGG", "VORBIS"), 0.5), refused("holds no samples")),
    "Vorbis, header cut": (start_of(file_of("OGG", "VORBIS"), 0.05), refused(UNREADABLE)),
    "Opus, half": (start_of(file_of("OGG", "OPUS"), 0.5), refused(UNREADABLE)),
    "Opus of 10 s, half": (
        start_of(file_of("OGG", "OPUS", np.tile(NOISE, 10)), 0.5),
        sound(4 * RATE, tolerance=RATE // 2),
    ),
    "text": (b"Dear reader,\n" * 100, refused(UNREADABLE)),
    "image": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, refused(UNREADABLE)),
    "photo": (b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(range(256)) * 20, refused(UNREADABLE)),
    "M4A": (b"\0\0\0\x20ftypM4A " + bytes(1000), refused(UNREADABLE)),
    "WebM": (b"\x1aE\xdf\xa3" + bytes(1000), refused(UNREADABLE)),
    "AMR": (b"#!AMR\n" + bytes(1000), refused(UNREADABLE)),
    "zip": (b"PK\3\4" + bytes(1000), refused(UNREADABLE)),
}


class Loudness(SpeechEmotionRecognizer):
    """Hears how loud a clip is."""

    classes, dimension_names, sampling_rate, can_pad = ["calm", "angry"], [], RATE, True

    def forward(self, waveforms, wants_embeddings=False):
        levels = np.array([np.sqrt(np.mean(waveform**2, dtype=np.float64)) for waveform in waveforms])
        return RecognizerOutput(logits=np.stack([1 - levels, levels], axis=1))


def check(audio, expected: Expected) -> None:
    """The same of a clip alone and among others; only with the warnings that are expected."""
    with pytest.warns(UserWarning, match=expected.warning) if expected.warning else contextlib.nullcontext():
        result = Loudness()([(NOISE, RATE), audio], on_error="return")[1]
        if expected.error is not None:
            with pytest.raises(expected.kind, match=expected.error) as raised:
                load_audio(audio)
            assert "\n\n" not in str(raised.value)
            assert result == {"error": str(raised.value)}
            return
        waveform = load_audio(audio)
    assert waveform.dtype == np.float32
    assert np.isfinite(waveform).all()
    assert len(waveform) == pytest.approx(expected.samples, abs=expected.tolerance)
    assert 0 <= result["score"] <= 1
    assert result["duration"] == pytest.approx(len(waveform) / RATE)


@pytest.fixture
def no_other_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("default", category=UserWarning, message=f".*({TRUNCATED}|is it written to)")
        yield


@pytest.mark.parametrize("suffix", [".wav", ".mp3", ""])
@pytest.mark.parametrize(("content", "expected"), CONTENTS.values(), ids=CONTENTS)
def test_bad_files(tmp_path, no_other_warnings, content, expected, suffix):
    (tmp_path / f"clip{suffix}").write_bytes(content)
    check(tmp_path / f"clip{suffix}", expected)


@pytest.mark.parametrize(("content", "expected"), CONTENTS.values(), ids=CONTENTS)
def test_bad_bytes(no_other_warnings, content, expected):
    check(bytes(content), expected)
    check({"path": "clips/clip.wav", "bytes": bytes(content)}, expected)


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    check(tmp_path, refused("is a folder, not an audio file"))
    check(tmp_path / "gone.wav", refused("No such audio file: .*gone.wav", FileNotFoundError))
    check(tmp_path / "gone.wav" / "x.wav", refused("No such audio file", FileNotFoundError))
    check("x" * 5000, refused(r"No such audio file: x+\.\.\.x+$", FileNotFoundError))
    check("", refused("No such audio file", FileNotFoundError))
    for path in (tmp_path / "pipe", "/dev/zero"):
        check(path, refused("is a pipe, a socket or a device. Save its sound as a file"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_files_that_may_not_be_read(tmp_path):
    (tmp_path / "clip.wav").write_bytes(file_of())
    (tmp_path / "clip.wav").chmod(0)
    check(tmp_path / "clip.wav", refused("clip.wav cannot be opened: Permission denied"))


@pytest.mark.parametrize(
    ("header", "error"),
    [
        (with_field(file_of(samples=NOISE[:0]), b"data", 4, b"\xff" * 4), "lasts 37.3 h, which is too long"),
        (with_field(file_of("AU", samples=NOISE[:0]), b".snd", 8, b"\xff" * 4), "lasts 93.2 h, which is too long"),
        (b"", UNREADABLE),
        (b"ID3\4\0\0\0\0\0\0", UNREADABLE),
        (b"\xff\xfb\x90\x64", UNREADABLE),
        (b"fLaC", UNREADABLE),
        (b"OggS", UNREADABLE),
    ],
)
def test_ten_gigabytes_are_refused_at_once(tmp_path, header, error):
    path = tmp_path / "clip.wav"
    path.write_bytes(header)
    os.truncate(path, 10 * 2**30)
    started = time.process_time()
    with pytest.raises(ValueError, match=error):
        load_audio(path)
    assert time.process_time() - started < 5


def test_hours_of_silence_in_a_small_file_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("hf_emotion.pipelines.audio_decoding.MAX_LOADED_SAMPLES", 100 * RATE)
    with soundfile.SoundFile(tmp_path / "clip.flac", "w", RATE, 1) as file:
        for _ in range(20):
            file.write(LONG_SILENCE)
    assert (tmp_path / "clip.flac").stat().st_size < 50_000
    with pytest.raises(ValueError, match=r"clip.flac lasts longer than 100 s, .*1600000 samples.*open_audio"):
        load_audio(tmp_path / "clip.flac")


def test_a_recording_is_heard_as_far_as_it_is_written(tmp_path):
    with soundfile.SoundFile(tmp_path / "clip.wav", "w", RATE, 1) as file:
        file.write(NOISE)
        file.flush()
        check(tmp_path / "clip.wav", sound())


def test_arrays_that_are_no_sound():
    for audio, error in (
        ((np.full(RATE, np.nan), RATE), "the array holds 16000 NaN or infinite samples"),
        (([], RATE), "holds no samples"),
        ((NOISE, float("nan")), "must be a positive number of Hz"),
        ((NOISE, 10**9), "must be a positive number of Hz"),
    ):
        check(audio, refused(error))
    check((np.zeros((RATE, 1000), dtype=np.int8), RATE), sound())
