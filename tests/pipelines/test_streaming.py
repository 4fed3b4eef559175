"""Audio in chunks, estimates out."""

import numpy as np
import pytest
import soxr

from .loudness import Loudness, level, loud


RAMP = np.linspace(0.1, 0.9, 1000, dtype=np.float32)  # 10 s


@pytest.mark.parametrize("size", [1, 30, 128, 100, 1000])
def test_estimates_are_those_of_windows_over_the_whole(size):
    chunks = np.split(RAMP, range(size, len(RAMP), size))
    estimates = list(Loudness().stream(chunks, 100, window_seconds=4, hop_seconds=1))
    assert [(found["start"], found["end"]) for found in estimates] == [(max(0, end - 4), end) for end in range(1, 11)]
    recognise = Loudness()
    for found in estimates:
        span = RAMP[int(found["start"] * 100) : int(found["end"] * 100)]
        assert loud(found) == pytest.approx(loud(recognise(span)))
        assert found["dimensions"] == pytest.approx({"energy": 10 * span.mean()})


def test_the_running_estimate_keeps_its_share_of_the_one_before():
    chunks = [level(value, 1) for value in (0.2, 0.8, 0.4)]
    found = list(Loudness().stream(chunks, 100, window_seconds=1, hop_seconds=1, smoothing=0.75))
    assert [loud(estimate["running"]) for estimate in found] == pytest.approx([0.2, 0.35, 0.3625])
    assert [estimate["running"]["dimensions"]["energy"] for estimate in found] == pytest.approx([2, 3.5, 3.625])
    assert found[2]["running"]["label"] == "quiet"


def test_each_hop_costs_one_forward_pass_and_no_more_than_a_window_and_a_chunk_is_held():
    recognise = Loudness()
    stream = recognise.open_stream(100, window_seconds=4, hop_seconds=1)
    for _ in range(60):
        stream.feed(level(0.5, 0.5))
        assert len(stream._held) <= 450
    assert len(recognise.batches) == 30
    assert recognise.batches[-1] == [400]


def test_what_is_left_at_the_end_is_heard():
    found = list(Loudness().stream([level(0.5, 2.5)], 100, window_seconds=2, hop_seconds=1))
    assert [(estimate["start"], estimate["end"]) for estimate in found] == [(0, 1), (0, 2), (0.5, 2.5)]


def test_estimates_come_as_soon_as_they_are_due():
    stream = Loudness().open_stream(100, window_seconds=2, hop_seconds=1)
    assert [len(stream.feed(level(0.5, 0.75))) for _ in range(4)] == [0, 1, 1, 1]
    assert stream.finish() == []
    with pytest.raises(ValueError, match="has been finished"):
        stream.feed(level(0.5, 1))


def test_nothing_gives_nothing():
    assert list(Loudness().stream([], 100)) == []
    assert list(Loudness().stream([level(0.5, 0)], 100)) == []


def test_chunks_of_another_rate_are_resampled_as_one():
    wave = np.random.default_rng(0).uniform(0.2, 0.8, 4000).astype(np.float32)
    whole = soxr.resample(wave, 400, 100)
    chunks = np.split(wave, range(37, 4000, 37))
    found = list(Loudness().stream(chunks, 400, window_seconds=2, hop_seconds=2))
    assert found[-1]["end"] == len(whole) / 100
    for number, estimate in enumerate(found):
        assert loud(estimate) == pytest.approx(whole[200 * number : 200 * number + 200].mean(), abs=1e-4)


def test_integers_are_scaled_and_channels_averaged():
    chunk = np.stack([np.full(100, 2**13), np.full(100, 2**14)]).astype(np.int16)
    (found,) = Loudness().stream([chunk], 100)
    assert loud(found) == pytest.approx(0.375)


def test_labels_top_k_and_temperature_apply():
    (found,) = Loudness().stream([level(0.9, 1)], 100, labels=["quiet"], top_k=1, temperature=2)
    assert found["scores"] == [{"label": "quiet", "score": 1.0}]
    assert found["running"]["scores"] == found["scores"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"smoothing": 1}, r"smoothing must be in \[0, 1\)"),
        ({"window_seconds": 1, "hop_seconds": 2}, "hop_seconds=2 is more"),
        ({"labels": ["lout"]}, "Did you mean 'loud'"),
        ({"sampling_rate": 0}, "sampling_rate must be a number above 0 of Hz"),
    ],
)
def test_options_that_cannot_work_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Loudness().stream([], **({"sampling_rate": 100} | options))


@pytest.mark.parametrize(
    ("chunks", "message"),
    [
        ([level(0.5, 1), np.stack([level(0.5, 1)] * 2)], "has 2 channel.s., the ones before had 1"),
        ([np.zeros((2, 2, 2), dtype=np.float32)], r"has the shape \(2, 2, 2\)"),
        ([level(0.5, 1), level(np.nan, 1)], "The chunk at 1.00 s holds NaN"),
        ([np.zeros(10, dtype=np.int64)], "int64 have no full scale"),
    ],
)
def test_chunks_that_do_not_fit_are_refused(chunks, message):
    with pytest.raises(ValueError, match=message):
        list(Loudness().stream(chunks, 100))
