"""The cue table keeps the directions that its sources report."""

import pytest

from hf_emotion.data.synthetic.vocal_cues import CUE_SOURCES, EMOTION_CUES, VocalCues


def test_every_emotion_but_the_reference_names_known_sources():
    assert EMOTION_CUES["neutral"] == VocalCues(sources=())
    for emotion, cues in EMOTION_CUES.items():
        assert cues.sources or emotion == "neutral"
        assert set(cues.sources) <= CUE_SOURCES.keys()


def test_every_source_is_used():
    assert {source for cues in EMOTION_CUES.values() for source in cues.sources} == CUE_SOURCES.keys()


@pytest.mark.parametrize(
    ("cue", "higher", "lower"),
    [
        ("f0_mean", "fear", "anger"),
        ("f0_mean", "happiness", "sadness"),
        ("f0_range", "surprise", "boredom"),
        ("final_movement", "surprise", "disgust"),
        ("tempo", "fear", "disgust"),
        ("intensity", "anger", "calm"),
        ("brightness", "anger", "sadness"),
        ("breathiness", "sadness", "anger"),
        ("jitter", "fear", "calm"),
        ("articulation", "anger", "boredom"),
        ("lip_spreading", "joy", "anger"),
        ("accent_sharpness", "anger", "sadness"),
    ],
)
def test_cues_order_emotions_as_the_literature_does(cue, higher, lower):
    assert getattr(EMOTION_CUES[higher], cue) > getattr(EMOTION_CUES[lower], cue)


@pytest.mark.parametrize(("one", "other"), [("joy", "happiness"), ("calm", "relaxation")])
def test_names_for_the_same_emotion_sound_the_same(one, other):
    assert EMOTION_CUES[one] == EMOTION_CUES[other]
