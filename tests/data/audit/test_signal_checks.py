"""From measurements to findings: each threshold from both sides, and no finding on sound files."""

import math
from dataclasses import replace

import pytest

from hf_emotion.data.audit.audio_measurement import AudioMeasurement
from hf_emotion.data.audit.signal_checks import corpus_bandwidth, corpus_findings, file_findings, is_silent


SOUND = AudioMeasurement(
    path="/corpus/a.wav",
    file_format="WAV",
    subtype="PCM_16",
    sampling_rate=16_000,
    num_channels=1,
    num_frames=32_000,
    promised_frames=32_000,
    peak=0.5,
    level=-25.0,
    dynamic_range=30.0,
    bandwidth=7_800.0,
    digest="00",
)


def findings(**changes) -> list[tuple[str, str, str]]:
    found = file_findings({"a": replace(SOUND, **changes)})
    return [(finding.kind, finding.severity, finding.explanation) for finding in found]


def test_a_sound_file_has_no_findings():
    assert findings() == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"num_frames": 0, "error": "no samples"}, ("undecodable", "error", "no samples")),
        (
            {"num_frames": 16_000},
            ("truncated", "error", "the header promises 2.00 s, 1.00 s are there"),
        ),
        (
            {"num_frames": 16_000, "error": "decoding stops after 1.00 s"},
            ("truncated", "error", "the header promises 2.00 s, 1.00 s are there: decoding stops after 1.00 s"),
        ),
        (
            {"hidden_frames": 8_000},
            ("hidden_samples", "warning", "the header ends after 2.00 s, 0.50 s lie behind"),
        ),
        ({"peak": 0.0, "level": -math.inf}, ("silent", "error", "all samples are zero")),
        ({"peak": 0.0009}, ("silent", "error", "the loudest sample is at -61 dB re full scale")),
        ({"dynamic_range": 1.2}, ("silent", "error", "the level varies by 1.2 dB only: noise or a tone")),
        (
            {"mix_loss": 45.0},
            ("cancelling_channels", "error", "the mean of the channels is 45 dB quieter than they are"),
        ),
        (
            {"mix_loss": math.inf, "level": -math.inf},
            ("cancelling_channels", "error", "the mean of the channels is silent"),
        ),
        ({"clipped_share": 0.0123}, ("clipped", "warning", "12.3 of 1000 samples at full scale or on flat tops")),
        ({"path": "/c/a.flac"}, ("wrong_suffix", "note", "named .flac, but the format is WAV")),
        ({"num_channels": 2, "empty_channels": 1}, ("empty_channel", "note", "1 of 2 channels are empty")),
        (
            {"num_channels": 2, "has_identical_channels": True},
            ("identical_channels", "note", "2 channels are the same"),
        ),
        ({"dc_offset": -0.04}, ("dc_offset", "note", "mean -0.040 of full scale, 71 % of the level")),
    ],
)
def test_every_kind_of_problem_is_found_and_explained(changes, expected):
    assert findings(**changes) == [expected]


@pytest.mark.parametrize(
    "changes",
    [
        {"promised_frames": 32_022},  # a header that counts itself as samples: 44 bytes
        {"hidden_frames": 100},
        {"file_format": "MP3", "path": "/corpus/a.mp3", "promised_frames": 32_000 + 1152},
        {"peak": 0.0046, "level": -63.7},  # the quietest utterance of RAVDESS
        {"dynamic_range": 1.2, "num_frames": 4_000, "promised_frames": 4_000},  # a quarter of a second
        {"clipped_share": 0.0006},  # the loudest of EMO-DB
        {"dc_offset": 0.006},
        {"dc_offset": 0.02, "level": -10.0},  # little next to the signal
        {"mix_loss": 3.0, "num_channels": 2},
        {"path": "/corpus/A.WAV"},
        {"file_format": "OGG", "path": "/corpus/a.opus"},
        {"file_format": "CAF", "path": "/corpus/a.caf"},
    ],
)
def test_what_is_ordinary_is_not_reported(changes):
    assert findings(**changes) == []


def test_a_silent_file_is_reported_once():
    assert [kind for kind, _, _ in findings(peak=0.0, dc_offset=0.0, level=-math.inf, bandwidth=None)] == ["silent"]
    assert is_silent(replace(SOUND, peak=0.0))
    assert not is_silent(SOUND)


def many(count: int, **changes) -> dict[str, AudioMeasurement]:
    return {f"{changes}{number}": replace(SOUND, **changes) for number in range(count)}


def test_a_corpus_stored_at_a_low_rate_is_band_limited():
    files = many(10, sampling_rate=11_025, bandwidth=5_512.5)
    (finding,) = corpus_findings(files, published_rate=11_025)
    assert (finding.kind, finding.severity, finding.utterance_ids) == ("band_limited_corpus", "warning", ())
    assert finding.explanation == "nothing above 5.5 kHz (stored at 11,025 Hz); models at 16 kHz hear up to 8 kHz"
    assert corpus_bandwidth(files) == 5_512.5


def test_a_corpus_that_was_upsampled_is_band_limited():
    (finding,) = corpus_findings(many(10, sampling_rate=48_000, bandwidth=4_000.0))
    assert "nothing above 4.0 kHz (whatever its sampling rate)" in finding.explanation


def test_single_files_behind_a_filter_are_named():
    phone = replace(SOUND, bandwidth=3_600.0, edge=3_500.0, edge_fall=45.0)
    (finding,) = corpus_findings(many(20) | {"phone": phone}, published_rate=16_000)
    assert (finding.kind, finding.severity, finding.utterance_ids) == ("band_limited", "note", ("phone",))
    assert finding.explanation == "the spectrum falls by 45 dB at 3.5 kHz, the corpus reaches 7.8 kHz"


@pytest.mark.parametrize(
    "changes",
    [
        {"bandwidth": 5_900.0, "edge": 4_000.0, "edge_fall": 29.0},  # a loud vowel in a quiet room
        {"bandwidth": 7_600.0, "edge": 7_400.0, "edge_fall": 60.0},  # the flank of an anti-aliasing filter
    ],
)
def test_voices_and_resamplers_are_no_filters(changes):
    assert list(corpus_findings(many(20) | {"a": replace(SOUND, **changes)}, published_rate=16_000)) == []


def test_a_corpus_reaches_what_its_widest_tenth_reaches():
    files = many(17, bandwidth=6_000.0) | many(3, bandwidth=7_900.0)
    assert corpus_bandwidth(files) == 7_900.0
    assert list(corpus_findings(files)) == []
    files |= many(40, bandwidth=5_000.0)
    assert corpus_bandwidth(files) == 6_000.0
    assert [finding.kind for finding in corpus_findings(files)] == ["band_limited_corpus"]


def test_another_rate_than_the_published_one_is_a_note_about_the_corpus():
    (finding,) = corpus_findings(many(10), published_rate=48_000)
    assert (finding.kind, finding.severity) == ("resampled", "note")
    assert finding.explanation == "10 of 10 files have 16,000 Hz, published are 48,000 Hz"


@pytest.mark.parametrize(("count", "severity"), [(1, "warning"), (30, "note")])
def test_files_with_another_rate_than_the_corpus_are_named(count, severity):
    """A few are an accident, many a second kind of recording."""
    odd = many(count, sampling_rate=22_050)
    (finding,) = corpus_findings(many(99) | odd, published_rate=16_000)
    assert (finding.kind, finding.severity) == ("odd_sampling_rate", severity)
    assert finding.utterance_ids == tuple(odd)
    assert f"{count} of {99 + count} files have 22,050 Hz" in finding.explanation


def test_nothing_decodable_gives_no_findings_about_the_corpus():
    assert list(corpus_findings({"a": AudioMeasurement("a.wav", error="no samples")}, 16_000)) == []
