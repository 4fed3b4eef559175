"""The same audio under several names."""

from hf_emotion.data.audit.identical_audio import identical_audio_findings


def row(utterance_id, raw_label="ANG", speaker_id="s1"):
    return {"utterance_id": utterance_id, "raw_label": raw_label, "speaker_id": speaker_id}


def test_labels_matter_more_than_speakers_and_both_more_than_mere_copies():
    rows = [
        *(row("b"), row("a", "FEA", "s2")),
        *(row("c"), row("d", speaker_id="s2"), row("e")),
        *(row("f"), row("g")),
        *(row("h"), row("silent"), row("also_silent")),
    ]
    digests = dict(zip("abcdefgh", "11222334", strict=True))
    assert [
        (finding.kind, finding.severity, finding.utterance_ids, finding.explanation)
        for finding in identical_audio_findings(rows, digests)
    ] == [
        ("conflicting_labels", "error", ("a", "b"), "the same samples, with the labels ANG and FEA"),
        ("conflicting_speakers", "error", ("c", "d", "e"), "the same samples, with the speakers s1 and s2"),
        ("duplicate", "warning", ("f", "g"), "the same samples"),
    ]


def test_missing_labels_and_speakers_contradict_nothing():
    rows = [row("a", None, None), row("b")]
    assert [finding.kind for finding in identical_audio_findings(rows, {"a": "1", "b": "1"})] == ["duplicate"]
