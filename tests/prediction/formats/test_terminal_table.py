"""The table that people look at."""

import pytest

from hf_emotion.prediction.formats.terminal_table import display_width, table_lines


def result(**more):
    scores = [("anger", 0.813), ("sadness", 0.1), ("喜び", 0.07), ("neutral", 0.017)]
    scores = [{"label": label, "score": score} for label, score in scores]
    return {"duration": 7.14, "label": "anger", "score": 0.813, "scores": scores, **more}


SEGMENTS = [
    {"start": 0.0, "end": 3.0, "label": "joy", "score": 0.5},
    {"start": 3.0, "end": 7.14, "label": "anger", "score": 0.9},
]


def test_scores_stand_below_each_other():
    lines = list(table_lines([result(file="a.wav"), result(file="long/name.wav", segments=SEGMENTS)], top_k=2))
    assert lines == [
        "file                 time  emotion     2nd",
        "a.wav              0:07.1  anger 0.81  sadness 0.10",
        "long/name.wav      0:07.1  anger 0.81  sadness 0.10",
        "  0:00.0 - 0:03.0  0:03.0  joy   0.50",
        "  0:03.0 - 0:07.1  0:04.1  anger 0.90",
    ]


@pytest.mark.parametrize("width", [70, 80, 100])
@pytest.mark.parametrize("dimensions", [{}, {"arousal": 0.5, "dominance": 0.25, "valence": 0.125}])
@pytest.mark.parametrize("top_k", [1, 3, 9])
def test_no_line_is_wider_than_the_terminal(width, dimensions, top_k):
    rows = [result(file=f"日本語/{'x' * length}.wav", dimensions=dimensions) for length in (3, 90)]
    lines = list(table_lines(rows, top_k, width))
    assert max(map(display_width, lines)) <= width
    assert lines[2].startswith("…x")
    assert ".wav  " in lines[2]  # the end of a path tells files apart
    assert all("0.50" in line for line in lines[1:]) == bool(dimensions)


def test_paths_and_classes_are_whole_where_the_width_is_not_limited():
    name = f"{'x' * 300}.wav"
    _, line = table_lines([result(file=name, dimensions={"arousal": 0.5})], top_k=4)
    assert line.startswith(f"{name}  ")
    assert "neutral 0.02" in line


def test_many_segments_are_counted_instead_of_shown():
    segments = [{"start": float(s), "end": s + 1.0, "label": "joy", "score": 0.5} for s in range(50)]
    lines = list(table_lines([result(file="a.wav", segments=segments)]))
    assert len(lines) == 15
    assert lines[-1] == "  and 38 more"


def test_channels_are_numbered():
    row = {"file": "a.wav", "duration": 1.0, "channels": [result(), result()]}
    assert [line.split("  ")[0] for line in table_lines([row])] == ["file", "a.wav [1]", "a.wav [2]"]


def test_a_model_without_classes_shows_its_ratings():
    row = {"file": "a.wav", "duration": 61.0, "dimensions": {"arousal": 0.5}}
    assert list(table_lines([row])) == ["file     time  arousal", "a.wav  1:01.0     0.50"]


def test_nothing_makes_no_table():
    assert list(table_lines([])) == []
