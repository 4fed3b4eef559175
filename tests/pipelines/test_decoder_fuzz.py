"""Whatever bytes, arrays and dicts say: finite mono sound of plausible length, or one paragraph about why not.

The suite tries some hundred inputs, always the same. With `HF_EMOTION_FUZZ_SECONDS=300` a process of its own tries new
ones for five minutes: if libsndfile crashes on one, the process dies, and the test names the file with that input.
"""

import io
import os
import resource
import subprocess
import sys
import time
import warnings
from functools import cache
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hf_emotion.pipelines import audio_decoding
from hf_emotion.pipelines.audio_decoding import load_audio, load_channels


# Header fields of a damaged file may ask for hours; here, a minute at 16 kHz is the most that is held in memory.
LIMIT = 2**20
SECONDS_PER_INPUT = 10.0
MEMORY = 2**31
FORMATS = {
    "wav16": ("WAV", "PCM_16", 16_000),
    "wav8": ("WAV", "PCM_U8", 8_000),
    "wav24": ("WAVEX", "PCM_24", 44_100),
    "wav_float": ("WAV", "FLOAT", 16_000),
    "wav_double": ("WAV", "DOUBLE", 16_000),
    "wav_alaw": ("WAV", "ALAW", 8_000),
    "wav_ima": ("WAV", "IMA_ADPCM", 16_000),
    "wav_ms": ("WAV", "MS_ADPCM", 16_000),
    "wav_gsm": ("WAV", "GSM610", 8_000),
    "wav_g721": ("WAV", "G721_32", 8_000),
    "wav_nms": ("WAV", "NMS_ADPCM_32", 8_000),
    "rf64": ("RF64", "PCM_16", 16_000),
    "w64": ("W64", "PCM_16", 16_000),
    "flac": ("FLAC", "PCM_16", 16_000),
    "flac24": ("FLAC", "PCM_24", 44_100),
    "aiff": ("AIFF", "PCM_16", 16_000),
    "aifc": ("AIFF", "FLOAT", 16_000),
    "au": ("AU", "ULAW", 8_000),
    "caf": ("CAF", "PCM_16", 16_000),
    "alac": ("CAF", "ALAC_16", 16_000),
    "vorbis": ("OGG", "VORBIS", 16_000),
    "opus": ("OGG", "OPUS", 16_000),
    "mp3": ("MP3", "MPEG_LAYER_III", 16_000),
    "voc": ("VOC", "PCM_16", 16_000),
    "sphere": ("NIST", "PCM_16", 16_000),
    "ircam": ("IRCAM", "PCM_16", 16_000),
    "svx": ("SVX", "PCM_16", 16_000),
    "paf": ("PAF", "PCM_16", 16_000),
    "sds": ("SDS", "PCM_16", 16_000),
    "xi": ("XI", "DPCM_16", 44_100),
    "mat4": ("MAT4", "PCM_16", 16_000),
    "mat5": ("MAT5", "PCM_16", 16_000),
    "pvf": ("PVF", "PCM_16", 16_000),
    "htk": ("HTK", "PCM_16", 16_000),
    "avr": ("AVR", "PCM_16", 16_000),
    "mpc2k": ("MPC2K", "PCM_16", 16_000),
    "wve": ("WVE", "ALAW", 8_000),
}
# What header fields are most often wrong with.
TELLING = [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\1\0", b"\0\1"]


@cache
def valid_file(kind: str) -> bytes:
    """A quarter of a second of noise, or a tenth for the longest files."""
    file_format, subtype, rate = FORMATS[kind]
    file = io.BytesIO()
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, rate // 4)
    soundfile.write(file, noise, rate, format=file_format, subtype=subtype)
    return file.getvalue()


@st.composite
def damaged_files(draw) -> bytes:
    content = bytearray(valid_file(draw(st.sampled_from(sorted(FORMATS)))))
    for _ in range(draw(st.integers(1, 6))):
        # Most of what can go wrong is in the header.
        end = draw(st.sampled_from([16, 64, 256, len(content)]))
        place = draw(st.integers(0, max(0, min(end, len(content)) - 1)))
        piece = draw(st.one_of(st.sampled_from(TELLING), st.binary(min_size=1, max_size=8)))
        action = draw(st.sampled_from(["overwrite", "overwrite", "insert", "delete", "truncate", "repeat"]))
        if action == "overwrite":
            content[place : place + len(piece)] = piece
        elif action == "insert":
            content[place:place] = piece * draw(st.integers(1, 20))
        elif action == "delete":
            del content[place : place + draw(st.integers(1, 100))]
        elif action == "truncate":
            del content[place:]
        else:
            content[place:place] = content[place : place + draw(st.integers(1, 2000))]
    return bytes(content)


def random_files():
    starts = [b"", b"RIFF\0\0\0\0WAVEfmt ", b"fLaC", b"OggS", b"ID3", b"\xff\xfb", b"FORM", b".snd", b"caff", b"RF64"]
    return st.builds(bytes.__add__, st.sampled_from(starts), st.binary(max_size=400))


RATES = st.one_of(
    st.sampled_from([8000, 16_000, 44_100, 768_000, 1, 0, -1, 2**40, True, None, "16000", 1j, float("nan")]),
    st.integers(1, 200_000),
    st.floats(),
)
DTYPES = ("f2", "f4", "f8", "g", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", "c8", "U3", "M8[s]")
ARRAYS = st.one_of(
    st.sampled_from(DTYPES).flatmap(lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3))),
    st.lists(st.one_of(st.floats(), st.integers(), st.none(), st.lists(st.floats(), max_size=3)), max_size=5),
    st.sampled_from(DTYPES[:7]).flatmap(
        lambda dtype: hnp.arrays(dtype, st.tuples(st.integers(1, 3), st.integers(100, 2000)), fill=st.just(1))
    ),
)
VALUES = st.one_of(st.none(), st.text(max_size=5), st.binary(max_size=50), st.integers(), st.floats(), ARRAYS, RATES)
KEYS = st.sampled_from(["array", "raw", "sampling_rate", "path", "bytes", "other"])
INPUTS = {
    "damaged files": damaged_files(),
    "random bytes": random_files(),
    "arrays": st.tuples(ARRAYS, RATES),
    "tuples": st.one_of(st.tuples(VALUES, VALUES), st.tuples(VALUES), st.tuples(VALUES, VALUES, VALUES)),
    "dicts": st.dictionaries(KEYS, VALUES),
    "dicts of arrays": st.fixed_dictionaries({"array": ARRAYS, "sampling_rate": RATES}),
    "anything": VALUES,
}


def answer(load, audio) -> np.ndarray | str:
    """What a function gives, or the message that it refuses with; any other error is let through."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*truncated or damaged", category=UserWarning)
            warnings.filterwarnings("error", category=RuntimeWarning)
            return load(audio)
    except (ValueError, TypeError, FileNotFoundError) as error:
        return str(error)


def check(audio) -> None:
    started = time.monotonic()
    with patch.object(audio_decoding, "MAX_LOADED_SAMPLES", LIMIT):
        mono, channels = answer(load_audio, audio), answer(load_channels, audio)
    assert time.monotonic() - started < SECONDS_PER_INPUT
    for result, num_axes in ((mono, 1), (channels, 2)):
        if isinstance(result, str):
            assert 10 < len(result) < 1500, result
            assert "\n\n" not in result
        else:
            assert result.dtype == np.float32
            assert result.ndim == num_axes
            assert 0 < result.size <= LIMIT
            assert np.isfinite(result).all()
    if isinstance(mono, np.ndarray) and isinstance(channels, np.ndarray):
        assert mono.shape == channels.shape[1:]


@pytest.mark.parametrize("inputs", INPUTS.values(), ids=INPUTS)
def test_every_input_gives_sound_or_one_paragraph(inputs):
    @settings(
        max_examples=100, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(inputs)
    def run(audio):
        check(audio)

    run()


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_that_is_damaged_is_read_when_it_is_whole(kind):
    waveform = load_audio(valid_file(kind))
    assert len(waveform) == pytest.approx(4000, abs=1200)
    assert np.abs(waveform).max() > 0.1


@pytest.mark.skipif("HF_EMOTION_FUZZ_SECONDS" not in os.environ, reason="set HF_EMOTION_FUZZ_SECONDS=300")
def test_new_inputs_for_as_long_as_asked(tmp_path):
    seconds = float(os.environ["HF_EMOTION_FUZZ_SECONDS"])
    command = [sys.executable, "-X", "faulthandler", "-m", "tests.pipelines.test_decoder_fuzz", str(tmp_path / "last")]
    process = subprocess.run([*command, str(seconds)], capture_output=True, text=True, timeout=seconds + 300)
    sys.stdout.write(process.stdout[-2000:])
    assert process.returncode == 0, f"the last input is in {tmp_path}/last\n{process.stderr[-5000:]}"


def fuzz(last_input: Path, seconds: float) -> None:
    """Try new inputs until the time is over. Each is written to a file before, lest the process die of it."""
    deadline, counts, round_number = time.monotonic() + seconds, dict.fromkeys(INPUTS, 0), 0
    base_seed = time.time_ns() % 2**32
    resource.setrlimit(resource.RLIMIT_AS, (4 * MEMORY, 4 * MEMORY))
    sys.stdout.write(f"seed {base_seed}\n")

    def run(name, round_number):
        @seed(base_seed + round_number)
        @settings(max_examples=200, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(INPUTS[name])
        def try_input(audio):
            if time.monotonic() < deadline:
                last_input.write_bytes(audio if isinstance(audio, bytes) else repr(audio).encode())
                counts[name] += 1
                check(audio)

        try_input()

    while time.monotonic() < deadline:
        # Damaged files can hold the most surprises.
        for name in (*INPUTS, *["damaged files"] * len(INPUTS)):
            if time.monotonic() < deadline:
                run(name, round_number)
                round_number += 1
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    sys.stdout.write(f"{sum(counts.values())} inputs in {seconds:g} s: {counts}; {peak / 2**20:.0f} MiB at most\n")
    assert peak < MEMORY


if __name__ == "__main__":
    fuzz(Path(sys.argv[1]), float(sys.argv[2]))
