"""What parts share: severities by pair of parts, sessions that are only numbers, texts, absent labels."""

import pytest

from hf_emotion.data.audit.split_leaks import label_of, leak_findings


def row(utterance_id, speaker_id="s1", emotion="anger", session=None, text=None, corpus="x"):
    return {
        "utterance_id": utterance_id,
        "corpus": corpus,
        "speaker_id": speaker_id,
        "session": session,
        "text": text,
        "emotion": emotion,
    }


def found(parts, digests=None):
    return [
        (finding.kind, finding.severity, finding.utterance_ids, finding.explanation)
        for finding in leak_findings(parts, digests or {})
    ]


def test_clean_parts_have_no_findings():
    parts = {"train": [row("a", "s1")], "validation": [row("b", "s2")], "test": [row("c", "s3")]}
    assert found(parts, {"a": "1", "b": "2", "c": "3"}) == []


@pytest.mark.parametrize(
    ("first", "second", "severity"),
    [("train", "test", "error"), ("validation", "test", "error"), ("train", "validation", "warning")],
)
def test_speakers_in_two_parts(first, second, severity):
    parts = {first: [row("a", "s1"), row("b", "s2")], second: [row("c", "s2"), row("d", "s3"), row("e", "s2")]}
    explanation = f"1 of 2 speakers of {second} are in {first}: s2"
    assert found(parts) == [("shared_speakers", severity, ("c", "e"), explanation)]


def test_equal_speaker_names_of_different_corpora_are_different_speakers():
    assert found({"train": [row("a", "s1", corpus="x")], "test": [row("b", "s1", corpus="y")]}) == []


def test_utterances_and_audio_in_two_parts():
    parts = {"train": [row("a", "s1"), row("b", "s1")], "test": [row("a", "s2"), row("c", "s3")]}
    assert found(parts, {"a": "1", "b": "2", "c": "2"}) == [
        ("shared_utterances", "error", ("a",), "1 of 2 utterances of test are in train: a"),
        ("shared_audio", "error", ("a", "c"), "2 of 2 recordings of test are in train: a in train = a in test; "
         "b in train = c in test"),
    ]  # fmt: skip


def test_a_conversation_in_two_parts_is_found():
    parts = {
        "train": [row("a", "s1", session="1"), row("b", "s3", session="2")],
        "test": [row("c", "s2", session="1"), row("d", "s4", session="3")],
    }
    assert found(parts) == [("shared_sessions", "warning", ("c",), "1 of 2 sessions of test are in train: 1")]


def test_sessions_that_every_speaker_has_are_numbers():
    parts = {
        "train": [row("a", "s1", session="1"), row("b", "s1", session="2")],
        "test": [row("c", "s2", session="1"), row("d", "s2", session="2")],
    }
    assert found(parts) == []


def test_texts_are_a_note_and_compared_without_case_and_spacing():
    parts = {
        "train": [row("a", "s1", text="It's eleven  o'clock")],
        "test": [row("b", "s2", text="it's eleven o'clock"), row("c", "s2", text="No.")],
    }
    explanation = "1 of 2 texts of test are in train: it's eleven o'clock"
    assert found(parts) == [("shared_texts", "note", ("b",), explanation)]


def test_long_lists_are_shortened_in_the_explanation_only():
    parts = {part: [row(f"{part}{number}", f"s{number}") for number in range(6)] for part in ("train", "test")}
    ((_, _, ids, explanation),) = found(parts)
    assert explanation == "6 of 6 speakers of test are in train: s0; s1; s2; ..."
    assert len(ids) == 6


def test_unknown_speakers_are_told():
    parts = {"train": [row("a", None)], "test": [row("b", "s1")]}
    explanation = "1 of 2 utterances have no speaker_id: shared speakers cannot be ruled out"
    assert found(parts) == [("unknown_speakers", "warning", ("a",), explanation)]


def test_a_label_that_a_part_lacks_is_told():
    parts = {"train": [row("a", "s1"), row("b", "s1", "fear")], "test": [row("c", "s2")], "validation": []}
    assert found(parts) == [("absent_label", "warning", (), "test has no fear")]


def test_the_finest_label_counts():
    assert label_of({"emotion": "anger", "raw_label": "W"}) == "anger"
    assert label_of({"emotion": None, "arousal_valence": "high_negative", "raw_label": "W"}) == "high_negative"
    assert label_of({"emotion": None, "raw_label": "W"}) == "W"
    assert label_of({"emotion": None, "raw_label": None}) == "no label"
