"""What goes into the recognition app: recordings within limits, models by name, a synthetic voice."""

import threading
import time

import numpy as np
import pytest
import soundfile

from hf_emotion.demo.recognition.app import Limits
from hf_emotion.demo.recognition.clips import read_clip
from hf_emotion.demo.recognition.model_shelf import ModelShelf
from hf_emotion.demo.recognition.synthetic_voice import synthetic_voice

from .loudness_recognizer import RATE, LoudnessRecognizer, steps


def test_a_recording_is_mixed_down_and_resampled(tmp_path):
    soundfile.write(tmp_path / "a.flac", np.stack([steps(0.5), steps(0.5)], axis=1), 2 * RATE)
    clip = read_clip(tmp_path / "a.flac", RATE, 10.0)
    assert (clip.name, clip.samples.ndim, clip.samples.dtype) == ("a.flac", 1, np.float32)
    assert clip.duration == 2.0


@pytest.mark.parametrize("name", ["long.wav", "long.ogg"])  # one whose header is sure, one that is decoded first
def test_a_recording_that_is_too_long_is_refused_and_where_it_lies_is_not_said(tmp_path, name):
    soundfile.write(tmp_path / name, steps(0.5, 0.5), RATE)
    with pytest.raises(ValueError, match="recordings up to 5 seconds can be heard here") as caught:
        read_clip(tmp_path / name, RATE, 5.0)
    assert str(caught.value).startswith(name)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("content", [b"this is text", b"", b"RIFF\0\0\0\0WAVE"])
def test_what_is_no_audio_is_refused_in_a_sentence(tmp_path, content):
    (tmp_path / "notes.wav").write_bytes(content)
    with pytest.raises(ValueError, match=r"^notes\.wav ") as caught:
        read_clip(tmp_path / "notes.wav", RATE, 5.0)
    assert str(tmp_path) not in str(caught.value)


def test_models_are_loaded_once_when_several_visitors_ask_at_once():
    loaded = []

    def load(source):
        time.sleep(0.05)
        loaded.append(source)
        return LoudnessRecognizer()

    shelf = ModelShelf(["runs/first", "runs/second"], load)
    found = []
    visitors = [threading.Thread(target=lambda: found.append(shelf.open("first"))) for _ in range(4)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert loaded == ["runs/first"]
    assert len({id(model) for model in found}) == 1


def test_a_model_that_cannot_be_loaded_is_tried_again():
    answers = iter([OSError("no network"), LoudnessRecognizer()])

    def load(source):
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    shelf = ModelShelf(["user/model"], load)
    with pytest.raises(OSError, match="no network"):
        shelf.open("model")
    assert isinstance(shelf.open("model"), LoudnessRecognizer)


def test_models_with_the_same_last_part_go_by_their_whole_source():
    assert ModelShelf(["a/model", "b/model", "b/other"], LoudnessRecognizer).names == ["a/model", "b/model", "other"]


@pytest.mark.parametrize(("sources", "problem"), [([], "There is no model"), (["a/b", "a/b"], "a/b is named twice")])
def test_a_shelf_needs_models_that_differ(sources, problem):
    with pytest.raises(ValueError, match=problem):
        ModelShelf(sources, LoudnessRecognizer)


@pytest.mark.parametrize("name", ["max_seconds", "max_megabytes", "concurrency", "queue_size"])
def test_limits_that_let_nothing_pass_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} is 0"):
        Limits(**{name: 0})


def test_the_synthetic_voice_grows_louder_and_is_the_same_each_time():
    rate, speech = synthetic_voice()
    assert (rate, speech.dtype) == (RATE, np.int16)
    first, *_, last = np.array_split(np.abs(speech.astype(np.float32)), 4)
    assert last.mean() > 2 * first.mean()
    assert np.array_equal(speech, synthetic_voice()[1])
