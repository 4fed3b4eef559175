"""Promises of the reader: blocks of the asked length that join to the whole, in little memory, whatever the source."""

import gc
import io
import os
import tracemalloc
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import soundfile
import soxr
import torch

from hf_emotion.pipelines.audio_decoding import load_audio, load_channels, open_audio


RATE = 16_000
STEREO = np.random.default_rng(0).uniform(-0.5, 0.5, (44_100, 2))


def file_of(file_format="WAV", subtype=None, samples=STEREO, rate=44_100) -> io.BytesIO:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=file_format, subtype=subtype)
    file.seek(0)
    return file


class Decoder:
    """Behaves as torchcodec's AudioDecoder: samples in a range of seconds, and an error behind the end."""

    def __init__(self, samples, rate, seconds=None):
        self.samples, self.rate, self.num_calls = torch.as_tensor(samples), rate, 0
        self.metadata = SimpleNamespace(
            sample_rate=rate,
            num_channels=len(samples),
            duration_seconds=samples.shape[1] / rate if seconds is None else seconds,
            path="clip.m4a",
        )

    def get_samples_played_in_range(self, start_seconds=0.0, stop_seconds=None):
        first, last = (int(np.floor(seconds * self.rate + 0.5)) for seconds in (start_seconds, stop_seconds))
        if first >= self.samples.shape[1]:
            raise RuntimeError(
                "ops.cpp, No audio frames were decoded. This is probably because start_seconds is high."
            )
        self.num_calls += 1
        return SimpleNamespace(data=self.samples[:, first:last], sample_rate=self.rate)

    def get_all_samples(self):
        return SimpleNamespace(data=self.samples, sample_rate=self.rate)


SOURCES = {
    "WAV": lambda: file_of(),
    "FLAC": lambda: file_of("FLAC"),
    "Vorbis": lambda: file_of("OGG", "VORBIS"),
    "Opus": lambda: file_of("OGG", "OPUS", rate=48_000),
    "MP3": lambda: file_of("MP3"),
    "array": lambda: ((STEREO * 2**15).astype(np.int16), 44_100),
    "array at the rate": lambda: (STEREO.T, RATE),
    "8 kHz": lambda: (STEREO, 8_000),
    "rate that is no integer": lambda: (STEREO, 24_414.0625),
    "1 Hz": lambda: (STEREO[:20], 1),
    "768 kHz": lambda: (STEREO, 768_000),
    "decoder": lambda: Decoder(STEREO.T, 44_100),
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("seconds", [0.01, 0.3, 100.0])
def test_joined_blocks_are_the_whole_bit_by_bit(source, seconds):
    with open_audio(source(), RATE) as reader:
        blocks = list(reader.blocks(seconds))
    assert {block.shape for block in blocks[:-1]} <= {(2, round(seconds * RATE))}
    assert all(block.dtype == np.float32 and block.flags.c_contiguous for block in blocks)
    assert 0 < blocks[-1].shape[1] <= round(seconds * RATE)
    np.testing.assert_array_equal(np.concatenate(blocks, axis=1), load_channels(source(), RATE))


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_mixed_blocks_are_what_load_audio_gives(source):
    with open_audio(source(), RATE, mono=True) as reader:
        assert reader.num_channels == 1
        mixed = np.concatenate(list(reader.blocks(0.7)), axis=1)
    np.testing.assert_array_equal(mixed[0], load_audio(source(), RATE))
    np.testing.assert_allclose(mixed[0], load_channels(source(), RATE).mean(axis=0), atol=1e-6)


def test_samples_are_those_of_soundfile_and_soxr():
    expected = soxr.resample(soundfile.read(file_of("FLAC"), dtype="float32")[0], 44_100, RATE).T
    np.testing.assert_array_equal(load_channels(file_of("FLAC"), RATE), expected)


def test_the_header_is_told_before_reading():
    with open_audio(file_of(), RATE) as reader:
        assert (reader.num_channels, reader.duration, reader.name) == (2, 1.0, "the file object")


def test_a_decoder_is_named_by_its_file():
    with open_audio(Decoder(STEREO.T, 44_100)) as reader:
        assert reader.name == "clip.m4a"


def test_long_recordings_are_asked_from_decoders_in_ranges(monkeypatch):
    expected = load_channels(Decoder(STEREO.T, 44_100))
    monkeypatch.setattr("hf_emotion.pipelines.audio_sources._LONG_FOR_A_DECODER", 1000)
    monkeypatch.setattr("hf_emotion.pipelines.audio_reader._CHUNK_SAMPLES", 2000)
    decoder = Decoder(STEREO.T, 44_100)
    np.testing.assert_array_equal(load_channels(decoder), expected)
    assert decoder.num_calls > 10


def test_a_decoder_that_fails_at_its_end_gives_what_comes_before():
    class Damaged(Decoder):
        def get_all_samples(self):
            raise RuntimeError("decodeAVFrame, x.cpp:1436, Invalid data found when processing input")

    with pytest.warns(UserWarning, match=r"clip.m4a ends after 1.00 s; its header promises 2.00 s"):
        assert load_audio(Damaged(STEREO.T, 44_100, seconds=2.0)).shape == (RATE,)


def test_a_decoder_that_cannot_decode_is_named():
    def fail():
        raise RuntimeError("x.cpp:1436, Invalid data found when processing input")

    decoder = SimpleNamespace(get_all_samples=fail, metadata=SimpleNamespace(path="clip.m4a"))
    with pytest.raises(ValueError, match="clip.m4a cannot be decoded: Invalid data found"):
        load_audio(decoder)


def test_blocks_are_read_once():
    with open_audio(file_of()) as reader:
        list(reader.blocks())
        with pytest.raises(ValueError, match="once. Open it again"):
            reader.blocks()


@pytest.mark.parametrize("seconds", [0, -1.0, 1e-9, float("nan")])
def test_blocks_hold_at_least_one_sample(seconds):
    with open_audio(file_of()) as reader, pytest.raises(ValueError, match="hold no sample"):
        reader.blocks(seconds)


def test_reading_stops_where_the_samples_are_bad():
    samples = np.zeros((40 * RATE, 1), dtype=np.float32)
    samples[30 * RATE] = np.nan
    with open_audio((samples, RATE)) as reader:
        blocks = reader.blocks(5.0)
        assert next(blocks).shape == (1, 5 * RATE)
        with pytest.raises(ValueError, match=r"holds 1 NaN or infinite samples between 16.38 and 32.77 s"):
            list(blocks)


def test_files_are_closed(tmp_path):
    (tmp_path / "clip.wav").write_bytes(file_of().read())
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    with open_audio(tmp_path / "clip.wav") as reader:
        next(reader.blocks(0.1))
    del reader
    with pytest.raises(ValueError, match="broken.wav"):
        load_audio(tmp_path / "broken.wav")
    gc.collect()
    assert not [file.path for file in psutil.Process().open_files() if file.path.startswith(str(tmp_path))]


def test_minutes_of_stereo_cost_some_blocks(tmp_path):
    soundfile.write(tmp_path / "long.wav", np.zeros((1, 2)), 44_100, subtype="PCM_16")
    content = bytearray((tmp_path / "long.wav").read_bytes())
    content[40:44] = b"\xff" * 4
    (tmp_path / "long.wav").write_bytes(content)
    os.truncate(tmp_path / "long.wav", 44 + 600 * 44_100 * 4)
    tracemalloc.start()
    with open_audio(tmp_path / "long.wav", 8_000, mono=True) as reader:
        num_samples = sum(block.shape[1] for block in reader.blocks(10.0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert num_samples == 600 * 8_000
    assert peak < 10e6  # as a whole, 212 MB before and 19 MB after resampling
