"""Figures of the recognition app as HTML: complete, escaped, legible, and never colour alone."""

import re
from pathlib import Path

import numpy as np
import pytest

from hf_emotion.demo.recognition import result_page
from hf_emotion.demo.recognition.analysis import Windows, analyse
from hf_emotion.demo.recognition.clips import Clip, waveform_envelope
from hf_emotion.demo.recognition.downloads import download_files
from hf_emotion.demo.recognition.emotion_marks import HUES, emotion_hues, short_names
from hf_emotion.demo.recognition.plane_figure import plane_html, rating_scale
from hf_emotion.demo.recognition.probability_figure import percent
from hf_emotion.demo.recognition.timeline_figure import timeline_html
from hf_emotion.emotions import AROUSAL_VALENCE_CLASSES, EMOTIONS

from .loudness_recognizer import RATE, LoudnessRecognizer, ToldRecognizer, steps


STYLE = Path(result_page.__file__).with_name("recognition.css")
# The page, light and dark, in the colours of gradio's theme.
BACKGROUNDS = {"": "#ffffff", ".dark ": "#0f0f11"}
HOSTILE_NAME = "<img src=x onerror=alert(1)> ${1+1} {{value}}"


def analysed(recognizer, *levels, name="talk.wav", **options):
    return analyse(recognizer, "toy", Clip(name, steps(*levels), RATE), **options)


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2.2."""
    channels = (int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5))
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return float(np.dot((0.2126, 0.7152, 0.0722), linear))


@pytest.mark.parametrize("mode", BACKGROUNDS)
@pytest.mark.parametrize("hue", HUES)
def test_emotions_can_be_read_in_their_hue(mode, hue):
    (colour,) = re.findall(
        rf"^{re.escape(mode)}\.hue-{hue} {{\n  --hue: (#[0-9a-f]{{6}});", STYLE.read_text(encoding="utf-8"), re.M
    )
    darker, lighter = sorted((luminance(colour), luminance(BACKGROUNDS[mode])))
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def test_hues_and_short_names_tell_up_to_ten_classes_apart():
    classes = ["angry", "sad", "happy", "neutral", "fear", "disgust", "surprise", "contempt", "content", "A"]
    assert len(set(emotion_hues(classes).values())) == 10
    assert len(set(short_names(classes).values())) == 10
    assert set(emotion_hues(EMOTIONS)) == set(EMOTIONS)  # more classes than hues
    assert len(set(emotion_hues(AROUSAL_VALENCE_CLASSES).values())) == 6


def test_a_result_has_all_classes_and_the_verdict_in_words():
    html = result_page.result_html(analysed(LoudnessRecognizer(), 0.9))
    assert re.sub(r"<[^>]+>", "", html).startswith("Sounds most like anger")
    assert html.count('class="track"') == 4
    assert "not considered" not in html


def test_two_classes_that_are_close_are_both_named():
    html = result_page.result_html(analysed(LoudnessRecognizer(["a", "b"]), 0.13))
    assert re.sub(r"<[^>]+>", "", html).startswith("Unclear: ")


@pytest.mark.parametrize("gender", [None, "female"])
def test_only_models_that_use_the_gender_are_told_and_the_page_says_so(gender):
    told = analysed(ToldRecognizer(), 0.5, gender=gender)
    assert told.result["label"] == (gender or "untold")
    assert ("female speaker" in result_page.result_html(told)) is (gender == "female")
    other = analysed(LoudnessRecognizer(), 0.5, gender=gender)
    assert "speaker" not in result_page.result_html(other)


def test_names_of_files_and_classes_are_text_and_nothing_else():
    recognizer = LoudnessRecognizer(["calm", HOSTILE_NAME], ["arousal", "valence", HOSTILE_NAME])
    html = result_page.result_html(analysed(recognizer, 0.9, 0.1, 0.9, name=f"{HOSTILE_NAME}.wav"))
    assert "<img" not in html
    assert "&lt;img" in html


def test_segments_stand_where_they_are_in_the_recording():
    segments = [
        {"start": 0.0, "end": 4.0, "label": "anger", "score": 0.5},
        {"start": 4.0, "end": 10.0, "label": "joy", "score": 0.75},
    ]
    html = timeline_html(
        steps(0.5), 10.0, segments, {"anger": "red", "joy": "gold"}, {"anger": "ang", "joy": "joy"}, ""
    )
    assert "left: 0.000%; width: 40.000%" in html
    assert "left: 40.000%; width: 60.000%" in html
    assert 'title="joy, 0:04.0 to 0:10.0, 75 %"' in html
    assert "joy from 0:04.0 to 0:10.0." in html  # for screen readers
    assert html.count("<path") == 2


def test_an_hour_has_twelve_lines_with_their_times():
    segments = [{"start": 0.0, "end": 3600.0, "label": "joy", "score": 1.0}]
    html = timeline_html(steps(0.5), 3600.0, segments, {"joy": "gold"}, {"joy": "joy"}, "")
    assert html.count('class="line"') == 12
    assert ">0:00<" in html
    assert ">55:00<" in html
    assert html.count("width: 100.000%") == 12
    assert len(html) < 150_000


def test_the_envelope_of_a_clip_shorter_than_its_bins_repeats_samples():
    assert waveform_envelope(np.array([0.5, -1.0]), 4).tolist() == [0.5, 0.5, 1.0, 1.0]
    assert waveform_envelope(np.zeros(10), 3).tolist() == [0.0, 0.0, 0.0]


def test_the_plane_says_in_words_where_the_recording_is_and_goes():
    places = [{"arousal": 0.25, "valence": 0.5}, {"arousal": 0.75, "valence": 1.0}]
    timeline = [{"start": 4.0 * i, "end": 4.0 * i + 4, "dimensions": place} for i, place in enumerate(places)]
    html = plane_html({"arousal": 0.5, "valence": 0.75}, (0.0, 1.0), timeline)
    assert "Valence 0.75, arousal 0.50, on axes from 0 to 1." in html
    assert "to valence 1.00, arousal 0.75 at 0:08" in html
    assert '<circle class="mean" cx="225.0" cy="142.0"' in html  # 30 + 0.75 * 260 and 12 + 0.5 * 260


def test_values_beyond_every_usual_scale_have_their_own():
    assert rating_scale([2.0, 2.0]) == (1.0, 5.0)
    assert rating_scale([-30.5, 4.0]) == (-31, 4)


@pytest.mark.parametrize(
    ("dimension_names", "planes", "meters"),
    [(["arousal", "valence", "dominance"], 1, 3), (["dominance"], 0, 1), ([], 0, 0)],
)
def test_models_without_classes_show_their_dimensions(dimension_names, planes, meters):
    if not dimension_names:
        html = result_page.result_html(analysed(LoudnessRecognizer(), 0.5))
        assert 'class="plane"' not in html
        return
    html = result_page.result_html(analysed(LoudnessRecognizer([], dimension_names), 0.5, 0.1, 0.5))
    assert html.count('class="plane"') == planes
    assert html.count('class="track"') == meters
    assert 'class="strip"' not in html


def test_the_six_classes_of_the_plane_are_a_grid():
    html = result_page.result_html(analysed(LoudnessRecognizer(AROUSAL_VALENCE_CLASSES), 0.9))
    assert html.count("<td") == 7  # and the corner
    assert '<th scope="row">high</th>' in html


def test_dropped_classes_are_named_and_have_no_bar():
    html = result_page.result_html(analysed(LoudnessRecognizer(), 0.9, labels=["neutral", "sadness"]))
    assert "not considered: anger, happiness" in html
    assert html.count('class="track"') == 2


def test_fewer_than_two_classes_are_refused():
    with pytest.raises(ValueError, match="At least two emotions"):
        analysed(LoudnessRecognizer(), 0.9, labels=["anger"])


@pytest.mark.parametrize(
    ("windows", "duration", "limit", "expected"),
    [
        (Windows(), 8.0, None, {}),
        (Windows(), 8.5, None, {"window_seconds": 4.0, "hop_seconds": 2.0}),
        (Windows(), 300.0, None, {"window_seconds": 10.0, "hop_seconds": 5.0}),
        (Windows(), 300.0, 6.0, {"window_seconds": 6.0, "hop_seconds": 3.0}),
        (Windows(), 7.0, 5.0, {"window_seconds": 4.0, "hop_seconds": 2.0}),
        (Windows("One for the whole recording"), 300.0, None, {}),
        (Windows("Windows", 3.0, 1.5), 4.0, None, {"window_seconds": 3.0, "hop_seconds": 1.5}),
    ],
)
def test_windows_fit_the_duration_and_the_model(windows, duration, limit, expected):
    assert windows.of(duration, limit) == expected


@pytest.mark.parametrize(
    ("windows", "problem"), [(Windows("Windows", 2.0, 3.0), "gaps"), (Windows("Windows", 20.0, 3.0), "10 s at most")]
)
def test_windows_that_cannot_work_are_refused(windows, problem):
    with pytest.raises(ValueError, match=problem):
        windows.of(60.0, 10.0)


def test_files_to_take_along_have_every_span():
    analysis = analysed(LoudnessRecognizer(["calm", "anger"], ["arousal"]), 0.9, 0.01, 0.9)
    table, grid, everything = download_files(analysis)
    assert (table.name, grid.name, everything.name) == ("talk.csv", "talk.TextGrid", "talk.json")
    assert table.text.splitlines()[0].startswith("file,start,end,prediction,probability_calm")
    assert len(table.text.splitlines()) == 1 + len(analysis.result["timeline"])
    assert grid.text.startswith('File type = "ooTextFile"')
    assert '"model": "toy"' in everything.text


@pytest.mark.parametrize(("score", "text"), [(0.0, "0 %"), (0.004, "<1 %"), (0.126, "13 %"), (1.0, "100 %")])
def test_shares_are_whole_percents(score, text):
    assert percent(score) == text
