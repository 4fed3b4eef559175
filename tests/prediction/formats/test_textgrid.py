"""TextGrids, read back by a parser of Praat's long text format that accepts nothing else."""

import re

import pytest

from hf_emotion.prediction.formats.textgrid import contiguous, textgrid


WINDOWED = {
    "file": "a.wav",
    "duration": 7.3,
    "segments": [
        {"start": 0.0, "end": 5.0, "label": "joy", "score": 0.7},
        {"start": 5.0, "end": 7.3, "label": 'so "angry"', "score": 0.6},
    ],
    "dimensions": {"arousal": 0.5, "valence": 0.25},
    "timeline": [
        {"start": 0.0, "end": 2.5, "dimensions": {"arousal": 0.1234, "valence": 0.2}},
        {"start": 2.5, "end": 5.0, "dimensions": {"arousal": 0.5, "valence": 0.3}},
        {"start": 5.0, "end": 7.3, "dimensions": {"arousal": 0.9, "valence": 0.4}},
    ],
}


class Lines:
    """The lines of a TextGrid, taken one after the other; each must be what the format has in its place."""

    def __init__(self, text: str):
        self.lines = iter(text.splitlines())

    def take(self, pattern: str) -> str:
        line = next(self.lines)
        match = re.fullmatch(pattern, line)
        assert match, f"{line!r} is not {pattern!r}"
        return match[1] if match.groups() else line

    def limits(self, indent: str) -> tuple[float, float]:
        return tuple(float(self.take(rf"{indent}{name} = ([0-9.e+-]+)")) for name in ("xmin", "xmax"))

    def text(self, indent: str, name: str) -> str:
        return self.take(rf'{indent}{name} = "((?:[^"]|"")*)"').replace('""', '"')


def parse(text: str) -> dict[str, list[tuple[float, float, str]]]:
    """Tiers by name. Limits, counts and numbering are checked; tiers must cover the grid without gap or overlap."""
    lines = Lines(text)
    lines.take('File type = "ooTextFile"')
    lines.take('Object class = "TextGrid"')
    lines.take("")
    limits = lines.limits("")
    lines.take("tiers\\? <exists>")
    size = int(lines.take(r"size = (\d+)"))
    lines.take(r"item \[\]:")
    tiers = {}
    for number in range(1, size + 1):
        lines.take(rf"    item \[{number}\]:")
        lines.take('        class = "IntervalTier"')
        name = lines.text("        ", "name")
        assert lines.limits("        ") == limits
        intervals = []
        for interval in range(1, int(lines.take(r"        intervals: size = (\d+)")) + 1):
            lines.take(rf"        intervals \[{interval}\]:")
            intervals.append((*lines.limits(" " * 12), lines.text(" " * 12, "text")))
        starts, ends = [start for start, *_ in intervals], [end for _, end, _ in intervals]
        assert [limits[0], *ends] == [*starts, limits[1]]
        assert all(start < end for start, end, _ in intervals)
        tiers[name] = intervals
    assert list(lines.lines) == []
    return tiers


def test_emotions_and_dimensions_have_tiers_that_cover_the_file_exactly():
    assert parse(textgrid(WINDOWED)) == {
        "emotion": [(0.0, 5.0, "joy"), (5.0, 7.3, 'so "angry"')],
        "arousal": [(0.0, 2.5, "0.123"), (2.5, 5.0, "0.500"), (5.0, 7.3, "0.900")],
        "valence": [(0.0, 2.5, "0.200"), (2.5, 5.0, "0.300"), (5.0, 7.3, "0.400")],
    }


def test_a_clip_heard_as_a_whole_is_one_interval():
    assert parse(textgrid({"duration": 1.25, "label": "joie", "score": 0.5})) == {"emotion": [(0.0, 1.25, "joie")]}


def test_a_grid_ends_with_the_file_whatever_the_rate_of_the_model():
    tiers = parse(textgrid(WINDOWED, file_duration=7.30001))
    assert {intervals[-1][1] for intervals in tiers.values()} == {7.30001}
    assert [len(intervals) for intervals in tiers.values()] == [2, 3, 3]


def test_each_channel_has_tiers_of_its_own():
    channels = [{"label": "joy", "score": 0.5}, {"label": "fear", "score": 0.5}]
    assert parse(textgrid({"duration": 2.0, "channels": channels})) == {
        "emotion 1": [(0.0, 2.0, "joy")],
        "emotion 2": [(0.0, 2.0, "fear")],
    }


def test_a_model_without_classes_has_no_emotion_tier():
    assert list(parse(textgrid({"duration": 2.0, "dimensions": {"arousal": 0.5}}))) == ["arousal"]


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], [(0.0, 4.0, "")]),
        ([(1.0, 2.0, "a")], [(0.0, 1.0, ""), (1.0, 2.0, "a"), (2.0, 4.0, "")]),
        ([(0.0, 3.0, "a"), (2.0, 4.0, "b")], [(0.0, 2.0, "a"), (2.0, 4.0, "b")]),
        ([(2.0, 4.0, "b"), (0.0, 2.0, "a")], [(0.0, 2.0, "a"), (2.0, 4.0, "b")]),
        ([(0.0, 4.5, "longer than the file")], [(0.0, 4.0, "longer than the file")]),
        ([(0.0, 4.0, "a"), (4.0, 4.0, "nothing")], [(0.0, 4.0, "a")]),
    ],
)
def test_intervals_leave_no_gap_and_do_not_overlap(spans, expected):
    assert list(contiguous(spans, 4.0)) == expected
