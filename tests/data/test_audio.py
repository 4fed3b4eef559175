"""Promises of the data package's view on audio: one decoder for everyone, and durations from headers."""

import pytest

import hf_emotion
from hf_emotion.data.audio import audio_duration, load_audio
from hf_emotion.pipelines import audio_decoding

from .fake_audio import write_noise


def test_there_is_one_decoder():
    assert hf_emotion.load_audio is load_audio is audio_decoding.load_audio


@pytest.mark.parametrize(
    ("name", "format"), [("a.flac", "FLAC"), ("a.ogg", "OGG"), ("a.mp3", "MP3"), ("a.wav", "AIFF")]
)
def test_formats_of_libsndfile_are_read_whatever_the_suffix_says(tmp_path, name, format):
    write_noise(tmp_path / name, seconds=0.5, sampling_rate=16_000, format=format)
    assert len(load_audio(tmp_path / name)) == pytest.approx(8_000, abs=1_200)
    assert audio_duration(tmp_path / name) == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize("content", [None, b"", b"no audio"])
def test_duration_of_an_unusable_file_is_an_error_that_names_it(tmp_path, content):
    if content is not None:
        (tmp_path / "clip.wav").write_bytes(content)
    with pytest.raises(ValueError, match="clip.wav: "):
        audio_duration(tmp_path / "clip.wav")
