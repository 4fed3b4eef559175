"""Promises of segmentation: spans cover a file, only a span is read, and segments keep what their file says."""

import itertools
import tracemalloc

import datasets
import numpy as np
import pytest
import soundfile
import torch
from transformers import Wav2Vec2FeatureExtractor

from hf_emotion.data.data_collator import EmotionDataCollator
from hf_emotion.data.segmentation import check_segmentation, load_segment, segment_dataset, segment_spans


SAMPLING_RATE = 16_000


@pytest.fixture
def ramp_file(tmp_path):
    """Path of a file of 5 s whose samples grow from 0 to 0.5."""
    path = tmp_path / "ramp.wav"
    soundfile.write(path, np.arange(5 * SAMPLING_RATE) / (10 * SAMPLING_RATE), SAMPLING_RATE, subtype="FLOAT")
    return path


def row_of(path, start, end):
    return {"audio": {"path": str(path), "bytes": None}, "segment_start": start, "segment_end": end}


class TestSpans:
    @pytest.mark.parametrize(
        ("duration", "options", "expected"),
        [
            (3.0, {"segment_seconds": 3.0}, [(0, 3)]),
            (2.0, {"segment_seconds": 3.0}, [(0, 2)]),
            (0.1, {"segment_seconds": 3.0}, [(0, 0.1)]),  # the only segment is never too short
            (6.0, {"segment_seconds": 3.0}, [(0, 3), (3, 6)]),
            (7.0, {"segment_seconds": 3.0}, [(0, 3), (3, 6)]),  # 1 s is less than half
            (7.5, {"segment_seconds": 3.0}, [(0, 3), (3, 6), (6, 7.5)]),
            (7.0, {"segment_seconds": 3.0, "min_seconds": 0.0}, [(0, 3), (3, 6), (6, 7)]),
            (7.9, {"segment_seconds": 3.0, "min_seconds": 3.0}, [(0, 3), (3, 6)]),
            (4.5, {"segment_seconds": 3.0, "hop_seconds": 1.0}, [(0, 3), (1, 4), (2, 4.5)]),
            (4.0, {"segment_seconds": 3.0, "hop_seconds": 1.0}, [(0, 3), (1, 4)]),
        ],
    )
    def test_spans_by_hand(self, duration, options, expected):
        assert segment_spans(duration, **options) == expected

    def test_rounding_errors_add_no_segment(self):
        assert len(segment_spans(0.3, 0.1)) == 3  # 3 x 0.1 is more than 0.3
        assert len(segment_spans(30.000000001, 3.0, min_seconds=0.0)) == 10

    def test_everything_but_a_short_end_is_covered(self):
        generator = np.random.default_rng(0)
        for duration, hop in zip(generator.uniform(0.5, 60, 200), generator.uniform(0.3, 3, 200), strict=True):
            spans = segment_spans(duration, 3.0, hop, 1.0)
            assert spans[0][0] == 0
            assert all(later[0] <= earlier[1] for earlier, later in itertools.pairwise(spans))
            assert duration - spans[-1][1] <= 1.0
            assert all(end - start == pytest.approx(3.0) for start, end in spans[:-1])
            assert len(spans) == 1 or spans[-1][1] - spans[-1][0] >= 1.0 - 1e-6

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"segment_seconds": 0}, "segment_seconds=0 must be positive"),
            ({"segment_seconds": 2, "hop_seconds": 3}, "hop_seconds=3 .* skip parts"),
            ({"segment_seconds": 2, "hop_seconds": 0}, "hop_seconds=0 must be positive"),
            ({"segment_seconds": 2, "min_seconds": 3}, "min_seconds=3 must be between"),
            ({"segment_seconds": float("nan")}, "must be positive"),
        ],
    )
    def test_options_that_cannot_work_are_refused(self, options, message):
        with pytest.raises(ValueError, match=message):
            segment_spans(10.0, **options)


class TestFields:
    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            (
                (None, 1.0, None),
                "`segment_hop_seconds` and `segment_min_seconds` say nothing without `segment_seconds`",
            ),
            ((None, None, 1.0), "say nothing without `segment_seconds`"),
            ((6.0, None, None, 5.0), "`max_duration_seconds: 5` would crop the segments that `segment_seconds: 6`"),
            ((6.0, 7.0, None), "hop_seconds=7.0 .* skip parts"),
            ((6.0, None, 7.0), "min_seconds=7.0 must be between"),
            ((0.0, None, None), "segment_seconds=0.0 must be positive"),
        ],
    )
    def test_what_cannot_work_together_is_refused(self, fields, message):
        with pytest.raises(ValueError, match=message):
            check_segmentation(*fields)

    def test_other_fields_pass(self):
        check_segmentation(None, max_duration_seconds=5.0)
        check_segmentation(6.0, 3.0, 1.0)


class TestDataset:
    ROWS = datasets.Dataset.from_dict(
        {
            "utterance_id": ["a", "b"],
            "corpus": ["calls", "calls"],
            "speaker_id": ["s1", None],
            "emotion": ["anger", "joy"],
            "duration": [5.0, 1.0],
        }
    )

    def test_segments_keep_label_and_speaker_and_say_their_file(self):
        segments = segment_dataset(self.ROWS, 2.0)
        assert segments["file_id"][:] == ["a", "a", "a", "b"]
        assert segments["emotion"][:] == ["anger", "anger", "anger", "joy"]
        assert segments["speaker_id"][:] == ["s1", "s1", "s1", None]
        assert segments["utterance_id"][:] == ["a#0000", "a#0001", "a#0002", "b#0000"]
        assert segments["segment_start"][:] == [0, 2, 4, 0]
        assert segments["duration"][:] == [2, 2, 1, 1]

    def test_no_rows_have_the_columns_of_some(self):
        empty, segments = segment_dataset(self.ROWS.select([]), 2.0), segment_dataset(self.ROWS, 2.0)
        assert len(empty) == 0
        assert empty.features == segments.features
        assert len(datasets.concatenate_datasets([empty, segments])) == 4

    def test_a_missing_duration_is_named(self):
        rows = datasets.Dataset.from_dict({"utterance_id": ["a", "b"], "duration": [1.0, None]})
        with pytest.raises(ValueError, match=r"1 utterances have no duration \(first: row 1\)"):
            segment_dataset(rows, 2.0)

    def test_segments_are_not_segmented_again(self):
        with pytest.raises(ValueError, match="is it segmented"):
            segment_dataset(segment_dataset(self.ROWS, 2.0), 1.0)


class TestReading:
    @pytest.mark.parametrize("form", ["path", "bytes", "string", "array"])
    def test_the_span_of_every_kind_of_audio_is_that_of_the_whole(self, ramp_file, form):
        whole = soundfile.read(ramp_file, dtype="float32")[0]
        row = row_of(ramp_file, 1.5, 3.25)
        row["audio"] = {
            "path": row["audio"],
            "bytes": {"path": "ramp.wav", "bytes": ramp_file.read_bytes()},
            "string": str(ramp_file),
            "array": {"array": whole, "sampling_rate": SAMPLING_RATE},
        }[form]
        assert np.array_equal(load_segment(row, SAMPLING_RATE), whole[24_000:52_000])

    def test_segments_side_by_side_are_the_whole_file(self, ramp_file):
        whole = soundfile.read(ramp_file, dtype="float32")[0]
        parts = [
            load_segment(row_of(ramp_file, *span), SAMPLING_RATE) for span in segment_spans(5.0, 0.7, min_seconds=0.0)
        ]
        assert np.array_equal(np.concatenate(parts), whole)

    def test_a_span_is_mixed_down_and_resampled(self, tmp_path):
        path = tmp_path / "stereo.wav"
        soundfile.write(path, np.full((16_000, 2), [0.25, 0.75]), 8000)
        segment = load_segment(row_of(path, 0.5, 1.5), SAMPLING_RATE)
        assert segment.shape == (16_000,)
        assert segment[8000] == pytest.approx(0.5, abs=1e-3)

    def test_only_the_span_is_decoded(self, ramp_file, monkeypatch):
        decoded = []
        read = soundfile.SoundFile.read

        def counted_read(file, frames=-1, **options):
            decoded.append(frames)
            return read(file, frames, **options)

        monkeypatch.setattr(soundfile.SoundFile, "read", counted_read)
        load_segment(row_of(ramp_file, 1.0, 1.5), SAMPLING_RATE)
        assert decoded == [8000]

    def test_rows_without_a_span_are_read_whole(self, ramp_file):
        assert len(load_segment({"audio": str(ramp_file)}, SAMPLING_RATE)) == 5 * SAMPLING_RATE

    def test_a_span_behind_the_end_says_what_to_do(self, ramp_file):
        with pytest.raises(ValueError, match=r"starts at 6 s, but the audio ends at 5 s.*segment again"):
            load_segment(row_of(ramp_file, 6.0, 7.0), SAMPLING_RATE)

    def test_a_missing_file_is_named(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"gone\.wav"):
            load_segment(row_of(tmp_path / "gone.wav", 0.0, 1.0), SAMPLING_RATE)

    def test_the_collator_reads_segments_and_repeats_the_label(self, ramp_file):
        rows = datasets.Dataset.from_list(
            [
                {
                    "audio": {"path": str(ramp_file), "bytes": None},
                    "utterance_id": "ramp",
                    "corpus": "c",
                    "emotion": "joy",
                    "duration": 5.0,
                }
            ]
        )
        collate = EmotionDataCollator(
            Wav2Vec2FeatureExtractor(do_normalize=False), {"anger": 0, "joy": 1}, label_column="emotion"
        )
        batch = collate([*segment_dataset(rows, 2.0)])
        assert batch["attention_mask"].sum(-1).tolist() == [32_000, 32_000, 16_000]
        assert batch["labels"].tolist() == [1, 1, 1]
        assert torch.allclose(batch["input_values"][:, 0], torch.tensor([0.0, 0.2, 0.4]))


@pytest.mark.parametrize(("suffix", "rate"), [("wav", SAMPLING_RATE), ("wav", 44_100), ("flac", SAMPLING_RATE)])
def test_memory_grows_with_the_segment_and_not_with_the_file(tmp_path, suffix, rate):
    peaks = []
    for minutes in (1, 10):
        path = tmp_path / f"{minutes}.{suffix}"
        with soundfile.SoundFile(path, "w", rate, 1) as file:
            for _ in range(minutes):
                file.write(np.random.default_rng(0).uniform(-0.1, 0.1, 60 * rate))
        last = segment_spans(60.0 * minutes, 5.0)[-1]
        tracemalloc.start()
        segment = load_segment(row_of(path, *last), SAMPLING_RATE)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert len(segment) == pytest.approx(5 * SAMPLING_RATE, abs=1)
    # three copies of the span in float32, at both rates; ten minutes would be 38 MB or more
    assert max(peaks) < 3 * 4 * 5 * (rate + SAMPLING_RATE)
    assert peaks[1] < 1.1 * peaks[0]
