"""RTTM and label tracks of Audacity."""

from hf_emotion.prediction.formats.label_lines import audacity_lines, rttm_lines


SEGMENTS = [
    {"start": 0.0, "end": 2.5, "label": "joy", "score": 0.75},
    {"start": 2.5, "end": 10.0 / 3, "label": "deep\tsorrow", "score": 0.5},
]
WINDOWED = {"file": "a b.wav", "duration": 10.0 / 3, "segments": SEGMENTS}


def test_rttm_has_ten_fields_with_onset_and_duration():
    lines = list(rttm_lines(WINDOWED, "a b"))
    assert lines == [
        "SPEAKER a_b 1 0.000 2.500 <NA> <NA> joy 0.7500 <NA>",
        "SPEAKER a_b 1 2.500 0.833 <NA> <NA> deep_sorrow 0.5000 <NA>",
    ]
    assert {len(line.split()) for line in lines} == {10}


def test_rttm_counts_channels_from_one():
    row = {"duration": 1.0, "channels": [{"label": "joy", "score": 0.5}, {"label": "fear", "score": 0.25}]}
    assert [line.split()[2:8:5] for line in rttm_lines(row, "a")] == [["1", "joy"], ["2", "fear"]]


def test_audacity_has_start_end_and_label_between_tabs():
    assert list(audacity_lines(WINDOWED)) == ["0.000000\t2.500000\tjoy", "2.500000\t3.333333\tdeep sorrow"]


def test_audacity_names_the_channel_where_each_has_labels():
    row = {"duration": 1.0, "channels": [{"label": "joy", "score": 0.5}, {"label": "fear", "score": 0.25}]}
    assert list(audacity_lines(row)) == ["0.000000\t1.000000\tchannel 1: joy", "0.000000\t1.000000\tchannel 2: fear"]
