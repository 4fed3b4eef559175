"""Label overrides: one YAML changes what labels mean, and nothing else."""

import pytest

from hf_emotion.data.label_overrides import load_label_overrides, override_labels
from hf_emotion.data.loading import corpus_facts, load_corpus
from tests.data.fake_audio import rows_by_id, write_noise


@pytest.fixture
def ravdess(tmp_path):
    for emotion in ("01", "02", "05"):
        write_noise(tmp_path / "ravdess" / f"03-01-{emotion}-01-01-01-01.wav")
    return tmp_path / "ravdess"


def write(tmp_path, text):
    (tmp_path / "labels.yaml").write_text(text, encoding="utf-8")
    return tmp_path / "labels.yaml"


def test_emotion_and_class_of_rows_follow_the_overrides(ravdess, tmp_path):
    text = 'ravdess:\n  "02": neutral\n  "05": {arousal_valence: low_negative}\n  "01": null\nurdu: {N: calm}\n'
    rows = rows_by_id(
        load_corpus("ravdess", ravdess, split="train", cache_dir=tmp_path, label_overrides=write(tmp_path, text))
    )
    read = {key[6:8]: (row["raw_label"], row["emotion"], row["arousal_valence"]) for key, row in rows.items()}
    assert read == {
        "01": ("01", None, None),
        "02": ("02", "neutral", "low_neutral"),
        "05": ("05", "anger", "low_negative"),
    }


def test_overridden_rows_are_not_answered_from_the_cache(ravdess, tmp_path):
    overrides = {"ravdess": {"02": "neutral"}}
    emotions = [
        load_corpus("ravdess", ravdess, split="train", cache_dir=tmp_path, label_overrides=given)["emotion"][:]
        for given in (None, overrides, None)
    ]
    assert emotions == [["neutral", "calm", "anger"], ["neutral", "neutral", "anger"], ["neutral", "calm", "anger"]]


def test_aliases_are_understood_and_other_corpora_are_left_alone():
    facts = corpus_facts("emodb")
    assert override_labels(facts, {"emodb": {"L": "Calmness"}}).labels["L"] == "calm"
    assert override_labels(facts, {"ravdess": {"02": "neutral"}}) == facts


def test_the_source_of_an_overridden_class_is_the_user():
    facts = override_labels(corpus_facts("emodb"), {"emodb": {"L": {"arousal_valence": "low_neutral"}}})
    assert facts.arousal_valence["L"] == ("low_neutral", "user")
    assert (facts.labels["L"], facts.arousal_valence_class("L")) == ("boredom", "low_neutral")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"emodb": {"X": "anger"}}, r"emodb has no label 'X' to override; its labels are \['A', 'E'"),
        ({"emodb": {"L": "bordom"}}, "'bordom' is not a canonical emotion.*boredom"),
        ({"emodb": {"L": {"arousal_valence": "low"}}}, "'low' is none of"),
        ({"emodb": {"L": {"emotoin": "anger"}}}, r"keys out of \['arousal_valence', 'emotion'\]"),
        ({"emodb": {"L": {}}}, "keys out of"),
    ],
)
def test_what_cannot_be_meant_is_refused(overrides, message):
    with pytest.raises(ValueError, match=message):
        override_labels(corpus_facts("emodb"), overrides)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- ravdess", "must map corpora to labels"),
        ("ravdess: neutral", "must map corpora to labels"),
        ("ravdess: {02: neutral}", r"write the labels \[2\] in quotes"),
        ("ravdess: {", "is not YAML"),
    ],
)
def test_a_wrong_file_is_explained(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        load_label_overrides(write(tmp_path, text))
