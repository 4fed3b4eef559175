"""What headers promise, on files that were cut off, streamed, or never completed."""

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hf_emotion.data.audit.container import DataChunk, data_chunk, sphere_sample_count


NUM_BYTES = 2_000  # of samples: 1000 frames of 16 bits


@pytest.fixture
def written(tmp_path):
    """`written("WAV")` -> path of a file of 1000 frames."""

    def write(file_format: str, suffix: str = ".wav") -> Path:
        path = tmp_path / f"clip{suffix}"
        samples = np.random.default_rng(0).integers(-3_000, 3_000, NUM_BYTES // 2, dtype=np.int16)
        soundfile.write(path, samples, 16_000, format=file_format, subtype="PCM_16")
        return path

    return write


def set_data_size(path: Path, size: int) -> None:
    content = bytearray(path.read_bytes())
    position = content.index(b"data") + 4
    content[position : position + 4] = struct.pack("<I", size)
    path.write_bytes(content)


@pytest.mark.parametrize(("file_format", "offset"), [("WAV", 0), ("WAVEX", 0), ("RF64", 0), ("AIFF", 8)])
def test_whole_and_halved_files(written, file_format, offset):
    """The chunk of an AIFF file starts with two numbers, 8 bytes."""
    path = written(file_format)
    assert data_chunk(path) == DataChunk(NUM_BYTES + offset, NUM_BYTES + offset)
    path.write_bytes(path.read_bytes()[: -NUM_BYTES // 2])
    assert data_chunk(path) == DataChunk(NUM_BYTES + offset, NUM_BYTES // 2 + offset)


def test_chunks_before_and_behind_the_samples_are_passed_over(written):
    path = written("WAV")
    content = path.read_bytes()
    odd = b"LIST" + struct.pack("<I", 5) + b"abcde\0"  # chunks start at even bytes
    position = content.index(b"data")
    path.write_bytes(content[:position] + odd + content[position:] + odd)
    assert data_chunk(path) == DataChunk(NUM_BYTES, NUM_BYTES)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFFFFF - 36])
def test_a_stream_of_unknown_length_promises_what_is_there(written, size):
    path = written("WAV")
    set_data_size(path, size)
    assert data_chunk(path) == DataChunk(NUM_BYTES, NUM_BYTES)


@pytest.mark.parametrize("size", [0, 500])
def test_samples_behind_the_end_of_the_header_are_seen(written, size):
    path = written("WAV")
    set_data_size(path, size)
    assert data_chunk(path) == DataChunk(size, size, NUM_BYTES - size)


@pytest.mark.parametrize("tail", [b"ID3\x03\0\0\0\0\0\0", b"\0" * 100, b"TAG" + b"\0" * 125])
def test_tags_and_padding_behind_the_samples_are_not_samples(written, tail):
    path = written("WAV")
    path.write_bytes(path.read_bytes() + tail)
    assert data_chunk(path).behind == 0


def test_other_formats_and_files_without_samples_have_no_chunk(written, tmp_path):
    assert data_chunk(written("FLAC", ".flac")) is None
    for content in (b"", b"RIFF", b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0"):
        (tmp_path / "broken.wav").write_bytes(content)
        assert data_chunk(tmp_path / "broken.wav") is None


def test_sphere_headers_count_samples(written):
    path = written("NIST", ".sph")
    path.write_bytes(path.read_bytes()[: -NUM_BYTES // 2])
    assert sphere_sample_count(path) == 1000
    assert soundfile.info(path).frames == 500
    assert sphere_sample_count(written("WAV")) is None
