"""What networks use beside the audio, with networks that can be computed by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from hf_emotion.pipelines.conditions import check_gender_model, conditions_of, known_genders, with_estimates
from hf_emotion.pipelines.recognizer import RecognizerOutput, SpeechEmotionRecognizer
from tests.conditioned_models import RatesWhatItIsTold

from .loudness import Loudness, level


class GenderByLoudness(SpeechEmotionRecognizer):
    """Quiet clips are of women, louder ones of men, the loudest of children."""

    classes, dimension_names, sampling_rate = ["Child", "Male", "Female"], [], 100

    def __init__(self):
        self.num_heard = 0

    def forward(self, waveforms, wants_embeddings=False):
        self.num_heard += len(waveforms)
        peaks = np.array([[np.abs(waveform).max()] for waveform in waveforms])
        return RecognizerOutput(logits=-np.abs(peaks - [[0.9, 0.5, 0.1]]))


class Told(RatesWhatItIsTold, Loudness):
    pass


def told(results):
    return [result["dimensions"]["energy"] for result in results]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({}, ()),
        ({"gender_embedding_size": 0, "text_embedding_size": 0}, ()),
        ({"gender_embedding_size": 4}, ("gender",)),
        ({"gender_embedding_size": 4, "text_embedding_size": 8}, ("gender", "text")),
    ],
)
def test_a_config_says_what_its_model_uses(sizes, expected):
    assert conditions_of(SimpleNamespace(**sizes)) == expected


def test_the_gender_reaches_the_clip_that_it_is_of():
    clips = [level(0.5, seconds) for seconds in (1, 3, 2)]  # heard in another order
    recognise = Told()
    assert told(recognise(clips, batch_size=2)) == [0, 0, 0]
    assert told(recognise(clips, gender="male", batch_size=2)) == [2, 2, 2]
    assert told(recognise(clips, gender=["female", None, "male"], batch_size=2)) == [1, 0, 2]
    assert told(recognise(iter(clips), gender=["female", None, "male"], batch_size=2)) == [1, 0, 2]
    assert recognise(clips[0], gender="female")["dimensions"]["energy"] == 1


def test_a_network_without_use_for_it_refuses_it():
    with pytest.raises(ValueError, match="The model is not conditioned on the gender: leave out gender"):
        Loudness()(level(0.5, 1), gender="male")


@pytest.mark.parametrize("gender", ["Male", "", ["male", "child"]])
def test_other_genders_are_refused(gender):
    with pytest.raises(ValueError, match="is not known. Choose one of female, male, or None"):
        known_genders([level(0.5, 1), level(0.5, 1)], gender)


def test_only_unknown_genders_are_estimated():
    clips = [level(value, 1) for value in (0.1, 0.5, 0.9, 0.5)]
    gender_model = GenderByLoudness()
    found = with_estimates([None, "female", None, None], clips, gender_model, 2)
    assert found == ["female", "female", None, "male"]
    assert gender_model.num_heard == 3


def test_a_recognizer_asks_its_gender_model_also_in_streams():
    recognise = Told()
    recognise.gender_model = GenderByLoudness()
    assert told(recognise([level(0.1, 1), level(0.5, 1)])) == [1, 2]
    estimates = list(recognise.stream([level(0.5, 8)], 100, window_seconds=4, hop_seconds=4))
    assert told(estimates) == [2, 2]


@pytest.mark.parametrize(
    ("recognizer", "changes", "message"),
    [
        (Loudness(), {}, "not conditioned on the gender: leave out gender_model"),
        (Told(), {"classes": ["female", "child"]}, "has the classes female, child, but needs male"),
        (Told(), {"classes": []}, "has the classes none, but needs female and male"),
        (Told(), {"sampling_rate": 50}, "hears 50 Hz, the model 100 Hz"),
    ],
)
def test_a_gender_model_that_does_not_fit_is_refused(recognizer, changes, message):
    gender_model = GenderByLoudness()
    vars(gender_model).update(changes)
    with pytest.raises(ValueError, match=message):
        check_gender_model(gender_model, recognizer)
