"""Windows over long audio, and the timeline they make."""

import numpy as np
import pytest

from hf_emotion.pipelines.windowing import cut_windows, plan_windows

from .loudness import Loudness, level, loud


def blocks(num_samples: int, size: int):
    """The numbers 0, 1, 2 ... on two channels, the second negative, in blocks."""
    samples = np.stack([np.arange(num_samples), -np.arange(num_samples)])
    return [samples[:, start : start + size] for start in range(0, num_samples, size)]


@pytest.mark.parametrize("size", [1, 3, 7, 100])
@pytest.mark.parametrize(
    ("num_samples", "expected"),
    [
        (1, [(0, 1)]),
        (9, [(0, 9)]),
        (10, [(0, 10)]),
        (11, [(0, 10), (1, 11)]),  # the last window ends with the audio
        (14, [(0, 10), (4, 14)]),
        (15, [(0, 10), (4, 14), (5, 15)]),
        (30, [(0, 10), (4, 14), (8, 18), (12, 22), (16, 26), (20, 30)]),
    ],
)
def test_windows_cover_everything_whatever_the_blocks(num_samples, expected, size):
    found = list(cut_windows(blocks(num_samples, size), window=10, hop=4))
    assert [(start, start + window.shape[1]) for start, window in found] == expected
    for start, window in found:
        assert window[0].tolist() == list(range(start, start + window.shape[1]))
        assert (window[1] == -window[0]).all()


def test_windows_without_overlap():
    found = [(start, window.shape[1]) for start, window in cut_windows(blocks(25, 6), window=10, hop=10)]
    assert found == [(0, 10), (10, 10), (15, 10)]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, (3000, 1000, 500)),
        ({"hop_seconds": 2.5}, (3000, 1000, 250)),
        ({"window_seconds": 4}, (0, 400, 200)),
        ({"max_seconds": 8}, (800, 800, 400)),
        ({"max_seconds": 60}, (3000, 1000, 500)),
    ],
)
def test_the_plan_follows_the_options_and_the_network(options, expected):
    plan = plan_windows(100, **options)
    assert (plan.max_whole, plan.window, plan.hop) == expected


def test_windows_shorter_than_the_network_needs_are_refused():
    with pytest.raises(ValueError, match="gives windows of 100 samples, but the model needs 400"):
        plan_windows(100, window_seconds=1, minimum_samples=400)


class TestTimeline:
    def test_is_the_mean_of_the_windows_over_each_hop(self):
        # windows of 2 s every second: 0.1, (0.1 + 0.9) / 2, 0.9
        clip = np.concatenate([level(0.1, 2), level(0.9, 2)])
        result = Loudness()(clip, window_seconds=2, hop_seconds=1)
        assert [(cell["start"], cell["end"]) for cell in result["timeline"]] == [(0, 1), (1, 2), (2, 3), (3, 4)]
        assert [loud(cell) for cell in result["timeline"]] == pytest.approx([0.1, 0.3, 0.7, 0.9])
        assert [cell["dimensions"]["energy"] for cell in result["timeline"]] == pytest.approx([1, 3, 7, 9])
        assert loud(result) == pytest.approx(0.5)

    def test_merges_neighbours_with_one_label_into_segments(self):
        clip = np.concatenate([level(0.1, 2), level(0.9, 2)])
        first, second = Loudness()(clip, window_seconds=2, hop_seconds=1)["segments"]
        assert (first["start"], first["end"], first["label"]) == (0, 2, "quiet")
        assert (second["start"], second["end"], second["label"]) == (2, 4, "loud")
        assert (first["score"], second["score"]) == pytest.approx((0.8, 0.8))

    def test_ends_where_the_audio_ends(self):
        # windows at 0, 1 and, for the rest, 1.5 s
        clip = np.concatenate([level(0.2, 3), level(0.8, 0.5)])
        result = Loudness()(clip, window_seconds=2, hop_seconds=1)
        assert [(cell["start"], cell["end"]) for cell in result["timeline"]] == [(0, 1), (1, 2), (2, 3), (3, 3.5)]
        last = (1.5 * 0.2 + 0.5 * 0.8) / 2
        assert [loud(cell) for cell in result["timeline"]] == pytest.approx(
            [0.2, (0.2 + 0.2 + last) / 3, (0.2 + last) / 2, last]
        )
        assert loud(result) == pytest.approx((0.2 + 0.2 + last) / 3)
        assert result["duration"] == 3.5

    def test_of_a_clip_shorter_than_a_window_has_one_window(self):
        recognise = Loudness()
        result = recognise(level(0.3, 1.5), window_seconds=2, hop_seconds=1)
        assert recognise.batches == [[150]]
        assert [(cell["start"], cell["end"]) for cell in result["timeline"]] == [(0, 1), (1, 1.5)]

    def test_comes_by_default_with_more_than_thirty_seconds(self):
        recognise = Loudness()
        assert "timeline" not in recognise(level(0.3, 30))
        result = recognise(level(0.3, 30.01))
        assert recognise.batches == [[3000], [1000], [1000], [1000], [1000], [1000], [1000]]
        assert len(result["timeline"]) == 7
        assert result["segments"] == [{"start": 0, "end": 30.01, "label": "quiet", "score": pytest.approx(0.7)}]

    def test_comes_by_default_with_more_than_the_network_hears(self):
        recognise = Loudness()
        recognise.max_seconds = 4
        assert "timeline" not in recognise(level(0.3, 4))
        recognise(level(0.3, 6))
        assert recognise.batches == [[400], [400], [400]]

    def test_shows_the_best_classes_only(self):
        result = Loudness()(level(0.3, 4), window_seconds=2, top_k=1)
        assert [len(cell["scores"]) for cell in result["timeline"]] == [1, 1, 1, 1]

    def test_windows_of_many_clips_share_batches(self):
        recognise = Loudness()
        waves = [level(0.2, 3), level(0.4, 2.5), level(0.6, 2)]
        results = recognise(waves, window_seconds=2, hop_seconds=1, batch_size=5)
        assert recognise.batches == [[200] * 5]
        assert [loud(result) for result in results] == pytest.approx([0.2, 0.4, 0.6])
        assert [result["duration"] for result in results] == [3, 2.5, 2]
