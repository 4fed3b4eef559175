"""Promises of the canonical emotions: every one has one class with a source, and every common word is understood."""

import subprocess
import sys

import pytest

from hf_emotion import emotions
from hf_emotion.emotions import (
    AROUSAL_VALENCE_CLASSES,
    AV_SOURCES,
    EMOTIONS,
    arousal_valence_class,
    canonical_emotion,
)


def test_classes_come_in_the_order_of_the_published_checkpoint():
    examples = ["disgust", "neutral", "kindness", "anger", "surprise", "joy"]
    assert [arousal_valence_class(emotion) for emotion in examples] == list(AROUSAL_VALENCE_CLASSES)
    assert {EMOTIONS[emotion].source for emotion in examples} == {"exhubert_card"}


@pytest.mark.parametrize("emotion", EMOTIONS.values(), ids=EMOTIONS)
def test_every_emotion_has_a_known_class_or_none_and_says_its_source(emotion):
    assert emotion.arousal in ("low", "high", None)
    assert emotion.valence in ("negative", "neutral", "positive", None)
    assert emotion.arousal_valence in (*AROUSAL_VALENCE_CLASSES, None)
    if emotion.arousal is None:
        assert emotion.source is None
        assert emotion.note
    else:
        assert emotion.source in AV_SOURCES


def test_all_six_classes_are_used():
    assert {emotion.arousal_valence for emotion in EMOTIONS.values()} == {*AROUSAL_VALENCE_CLASSES, None}


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("anger", "anger"),
        ("Angry", "anger"),
        (" HAPPY ", "happiness"),
        ("sad", "sadness"),
        ("fearful", "fear"),
        ("pleasant surprise", "pleasant_surprise"),
        ("Cold-Anger", "cold_anger"),
        ("neutrality", "neutral"),
    ],
)
def test_aliases_case_spaces_and_hyphens_lead_to_the_canonical_name(word, expected):
    assert canonical_emotion(word) == expected


def test_aliases_point_at_canonical_emotions_and_hide_none():
    assert set(emotions._ALIASES.values()) <= set(EMOTIONS)
    assert not set(emotions._ALIASES) & set(EMOTIONS)


def test_a_misspelt_word_is_refused_with_the_closest_ones():
    with pytest.raises(ValueError, match="'hapiness' is not a canonical emotion.*'happiness'"):
        canonical_emotion("hapiness")


@pytest.mark.parametrize("word", ["", "xyzzy", "high_negative"])
def test_words_without_canonical_meaning_are_refused(word):
    with pytest.raises(ValueError, match="not a canonical emotion"):
        arousal_valence_class(word)


def test_emotions_without_a_place_have_no_class():
    assert arousal_valence_class("other") is None
    assert EMOTIONS["medium_stress"].arousal == "high"
    assert arousal_valence_class("medium_stress") is None


def test_the_module_needs_the_standard_library_only():
    code = "import sys, hf_emotion.emotions; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "numpy", "datasets", "transformers", "pandas"} & set(loaded)
