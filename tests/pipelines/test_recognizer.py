"""Inputs, order, batches, channels, labels, errors: with a network that can be computed by hand."""

import tracemalloc

import datasets
import numpy as np
import pytest
import soundfile
import torch

from hf_emotion.pipelines.recognizer import RecognizerOutput, SpeechEmotionRecognizer

from .loudness import Loudness, level, loud


LEVELS = (0.1, 0.8, 0.3, 0.6, 0.2, 0.7, 0.4)
SECONDS = (3, 1, 5, 2, 8, 1, 4)


def clips():
    return [level(value, seconds) for value, seconds in zip(LEVELS, SECONDS, strict=True)]


class FakeDecoder:
    """What `datasets` returns for audio, as far as it is used."""

    def __init__(self, samples, rate):
        self._samples, self._rate = torch.from_numpy(samples), rate

    class metadata:
        path = None

    def get_all_samples(self):
        class Samples:
            data, sample_rate = self._samples, self._rate

        return Samples


class TestOneClip:
    def test_has_the_scores_dimensions_and_duration_of_the_network(self):
        result = Loudness()(level(0.75, 2))
        assert list(result) == ["label", "score", "scores", "dimensions", "duration"]
        assert result["label"] == "loud"
        assert [entry["label"] for entry in result["scores"]] == ["loud", "quiet"]
        assert [entry["score"] for entry in result["scores"]] == pytest.approx([0.75, 0.25])
        assert result["score"] == result["scores"][0]["score"]
        assert result["dimensions"] == pytest.approx({"energy": 7.5})
        assert result["duration"] == 2

    def test_may_come_as_anything_that_can_be_decoded(self, tmp_path):
        wave = level(0.75, 2)
        soundfile.write(tmp_path / "clip.wav", wave, 100, subtype="FLOAT")
        content = (tmp_path / "clip.wav").read_bytes()
        inputs = [
            wave,
            torch.from_numpy(wave),
            (wave, 100),
            tmp_path / "clip.wav",
            str(tmp_path / "clip.wav"),
            content,
            {"array": wave, "sampling_rate": 100, "path": None},
            {"raw": wave, "sampling_rate": 100},
            {"bytes": content, "path": None},
            FakeDecoder(wave[None], 100),
        ]
        recognise = Loudness()
        for audio in inputs:
            assert loud(recognise(audio)) == pytest.approx(0.75), type(audio)
        with open(tmp_path / "clip.wav", "rb") as file:
            assert loud(recognise(file)) == pytest.approx(0.75)

    def test_of_another_rate_is_resampled(self):
        result = Loudness()((level(0.5, 4, rate=400), 400))
        assert result["duration"] == 4
        assert loud(result) == pytest.approx(0.5, abs=0.02)  # the edges ring

    def test_of_integers_is_scaled(self):
        assert loud(Loudness()(np.full(100, 2**14, dtype=np.int16))) == pytest.approx(0.5)

    def test_shorter_than_the_network_needs_is_padded_with_zeros(self):
        recognise = Loudness()
        recognise.minimum_samples = 400
        result = recognise(level(0.8, 1))
        assert recognise.batches == [[400]]
        assert loud(result) == pytest.approx(0.2)
        assert result["duration"] == 1

    @pytest.mark.parametrize("value", [0.0, -0.5])
    def test_that_the_network_makes_no_number_of_is_an_error(self, value):
        with (
            pytest.raises(ValueError, match="returns NaN or infinite values for the array"),
            np.errstate(all="ignore"),
        ):
            Loudness()(level(value, 1))

    def test_that_is_no_audio_is_a_type_error(self):
        with pytest.raises(TypeError, match="Cannot read audio from int"):
            Loudness()(17)


class TestManyClips:
    @pytest.mark.parametrize("batch_size", [1, 2, 3, 100])
    @pytest.mark.parametrize("can_pad", [True, False])
    def test_come_back_in_their_order(self, batch_size, can_pad):
        recognise = Loudness()
        recognise.can_pad = can_pad
        results = recognise(clips(), batch_size=batch_size)
        assert [loud(result) for result in results] == pytest.approx(LEVELS)
        assert [result["duration"] for result in results] == list(SECONDS)

    def test_share_batches_with_clips_of_similar_length(self):
        recognise = Loudness()
        recognise(clips(), batch_size=3)
        assert recognise.batches == [[800, 500, 400], [300, 200, 100], [100]]

    def test_share_batches_with_clips_of_one_length_where_padding_changes_the_result(self):
        recognise = Loudness()
        recognise.can_pad = False
        recognise(clips(), batch_size=3)
        assert recognise.batches == [[800], [500], [400], [300], [200], [100, 100]]

    def test_fill_batches_up_to_the_best_size_of_the_network(self):
        recognise = Loudness()
        recognise.max_batch_samples = 900
        recognise(clips(), batch_size=3)
        assert recognise.batches == [[800], [500], [400, 300], [200, 100, 100]]

    def test_of_a_generator_are_read_as_they_are_needed(self):
        taken = []

        def source():
            for number in range(100):
                taken.append(number)
                yield level(0.25, 1)

        results = Loudness()(source(), batch_size=2)
        assert not taken
        assert loud(next(results)) == pytest.approx(0.25)
        assert len(taken) < 16
        assert len(list(results)) == 99

    def test_of_a_generator_come_one_by_one_without_batches(self):
        recognise = Loudness()
        results = recognise(iter(clips()))
        next(results)
        assert len(recognise.batches) == 1

    def test_of_a_column_of_a_dataset_are_a_list(self):
        rows = [{"array": wave, "sampling_rate": 100} for wave in clips()]
        column = datasets.Dataset.from_dict({"audio": rows})["audio"]
        assert [loud(result) for result in Loudness()(column)] == pytest.approx(LEVELS)

    def test_of_a_torch_dataset_come_one_by_one(self):
        from transformers.pipelines.pt_utils import KeyDataset

        rows = datasets.Dataset.from_dict({"audio": [{"array": wave, "sampling_rate": 100} for wave in clips()]})
        results = Loudness()(KeyDataset(rows, "audio"), batch_size=2)
        assert not isinstance(results, list)
        assert [loud(result) for result in results] == pytest.approx(LEVELS)

    def test_that_are_none_give_none(self):
        assert Loudness()([]) == []
        assert list(Loudness()(iter([]))) == []


class TestChannels:
    stereo = np.stack([level(0.2, 2), level(0.8, 2)])

    def test_are_mixed(self):
        assert loud(Loudness()(self.stereo)) == pytest.approx(0.5)

    def test_have_a_result_each_if_that_is_asked_for(self):
        result = Loudness()((self.stereo, 100), channels="each")
        assert list(result) == ["duration", "channels"]
        assert result["duration"] == 2
        assert [loud(channel) for channel in result["channels"]] == pytest.approx([0.2, 0.8])
        assert "duration" not in result["channels"][0]

    def test_of_long_audio_have_a_timeline_each(self):
        result = Loudness()(self.stereo, channels="each", window_seconds=1, hop_seconds=0.5)
        assert [len(channel["timeline"]) for channel in result["channels"]] == [4, 4]
        assert [channel["segments"][0]["label"] for channel in result["channels"]] == ["quiet", "loud"]


class ThreeClasses(SpeechEmotionRecognizer):
    """Logits that do not depend on the audio."""

    classes, dimension_names, sampling_rate = ["anger", "joy", "fear"], [], 100
    logits = np.log([[0.2, 0.3, 0.5]])

    def forward(self, waveforms, wants_embeddings=False):
        return RecognizerOutput(logits=np.repeat(self.logits, len(waveforms), axis=0))


def scores(result):
    return {entry["label"]: entry["score"] for entry in result["scores"]}


class TestScores:
    clip = level(0.5, 1)

    def test_are_best_first_and_as_many_as_asked_for(self):
        result = ThreeClasses()(self.clip, top_k=2)
        assert [entry["label"] for entry in result["scores"]] == ["fear", "joy"]

    def test_of_wanted_labels_sum_to_one(self):
        result = ThreeClasses()(self.clip, labels=["joy", "anger"])
        assert scores(result) == pytest.approx({"anger": 0.4, "joy": 0.6})
        assert result["label"] == "joy"

    def test_are_flatter_at_higher_temperatures(self):
        roots = np.sqrt([0.2, 0.3, 0.5])
        assert scores(ThreeClasses()(self.clip, temperature=2)) == pytest.approx(
            dict(zip(["anger", "joy", "fear"], roots / roots.sum(), strict=True))
        )

    def test_of_several_labels_per_clip_are_independent(self):
        recognise = ThreeClasses()
        recognise.activation, recognise.logits = "sigmoid", np.array([[0.0, np.log(3), -800.0]])
        assert scores(recognise(self.clip)) == pytest.approx({"anger": 0.5, "joy": 0.75, "fear": 0.0})
        assert scores(recognise(self.clip, labels=["anger"])) == pytest.approx({"anger": 0.5})

    def test_of_a_model_without_classes_are_absent(self):
        recognise = ThreeClasses()
        recognise.classes, recognise.dimension_names = [], ["arousal"]
        recognise.forward = lambda waveforms, wants_embeddings=False: RecognizerOutput(dimensions=np.array([[0.25]]))
        assert recognise(self.clip) == {"dimensions": {"arousal": 0.25}, "duration": 1}
        timeline = recognise(self.clip, window_seconds=0.5)
        assert "segments" not in timeline
        assert timeline["timeline"][0] == {"start": 0, "end": 0.25, "dimensions": {"arousal": 0.25}}
        with pytest.raises(ValueError, match="no classes, only dimensions"):
            next(recognise.probabilities([self.clip]))
        with pytest.raises(ValueError, match="no classes that labels could be taken from"):
            recognise(self.clip, labels=["joy"])

    def test_of_ties_follow_the_order_of_the_classes(self):
        recognise = ThreeClasses()
        recognise.logits = np.zeros((1, 3))
        assert [entry["label"] for entry in recognise(self.clip)["scores"]] == ["anger", "joy", "fear"]


class TestEmbeddings:
    def test_come_on_request(self):
        result = Loudness()(level(0.25, 1), return_embeddings=True)
        assert result["embedding"].dtype == np.float32
        assert result["embedding"].tolist() == [0.25, -0.25]

    def test_of_windows_are_averaged(self):
        clip = np.concatenate([level(0.25, 1), level(0.75, 1)])
        result = Loudness()(clip, return_embeddings=True, window_seconds=1, hop_seconds=1)
        assert result["embedding"].tolist() == [0.5, -0.5]


class TestBadInputs:
    def test_stop_everything_by_default(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="absent.wav"):
            Loudness()([level(0.5, 1), tmp_path / "absent.wav"], batch_size=2)

    def test_have_an_error_in_their_place_if_that_is_asked_for(self, tmp_path):
        (tmp_path / "text.wav").write_text("no audio")
        inputs = [level(0.2, 1), tmp_path / "absent.wav", level(0.4, 1), tmp_path / "text.wav", 17, level(0.6, 1)]
        for batch_size in (1, 3):
            results = Loudness()(inputs, batch_size=batch_size, on_error="return")
            assert [loud(results[index]) for index in (0, 2, 5)] == pytest.approx([0.2, 0.4, 0.6])
            for index, message in ((1, "absent.wav"), (3, "text.wav"), (4, "Cannot read audio from int")):
                assert list(results[index]) == ["error"]
                assert message in results[index]["error"]

    def test_alone_give_an_error_too(self, tmp_path):
        assert "absent.wav" in Loudness()(tmp_path / "absent.wav", on_error="return")["error"]

    def test_that_break_the_network_leave_their_batch_alone(self):
        inputs = [level(0.2, 1), level(0.0, 1), level(0.4, 1)]
        with np.errstate(all="ignore"):
            results = Loudness()(inputs, batch_size=3, on_error="return")
        assert [loud(results[index]) for index in (0, 2)] == pytest.approx([0.2, 0.4])
        assert "NaN or infinite" in results[1]["error"]

    def test_that_break_on_the_way_leave_no_windows_behind(self):
        clip = np.concatenate([level(0.5, 20), [np.nan]]).astype(np.float32)
        results = Loudness()([clip, level(0.25, 1)], batch_size=2, window_seconds=1, on_error="return")
        assert "NaN" in results[0]["error"]
        assert loud(results[1]) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": ["lout"]}, "no class 'lout'. Did you mean 'loud'"),
        ({"labels": []}, "a list of different class names"),
        ({"labels": ["loud", "loud"]}, "a list of different class names"),
        ({"labels": "loud"}, "a list of different class names"),
        ({"temperature": 0}, "temperature must be a number above 0"),
        ({"temperature": float("nan")}, "temperature must be a number above 0"),
        ({"top_k": 0}, "top_k must be an integer of 1 or more"),
        ({"batch_size": 0}, "batch_size must be an integer of 1 or more"),
        ({"batch_size": 2.5}, "batch_size must be an integer"),
        ({"window_seconds": 0}, "window_seconds must be a number above 0 of seconds"),
        ({"window_seconds": -1}, "window_seconds must be a number above 0"),
        ({"window_seconds": 0.001}, "gives windows of 0 samples, but the model needs 1"),
        ({"window_seconds": 2, "hop_seconds": 3}, "hop_seconds=3 is more than the windows of 2 s"),
        ({"hop_seconds": 0}, "hop_seconds must be a number above 0"),
        ({"channels": "left"}, "channels='left' is not known. Choose 'mix' or 'each'"),
        ({"on_error": "ignore"}, "on_error='ignore' is not known. Choose 'raise' or 'return'"),
    ],
)
def test_options_that_cannot_work_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Loudness()(level(0.5, 1), **options)


def test_windows_longer_than_the_network_hears_are_refused():
    recognise = Loudness()
    recognise.max_seconds = 5
    with pytest.raises(ValueError, match="window_seconds=6 is more than the 5 s that the model hears at once"):
        recognise(level(0.5, 1), window_seconds=6)


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_probabilities_are_those_of_whole_clips_in_their_order(batch_size):
    recognise = Loudness()
    waves = [*clips(), level(0.9, 45)]  # longer than what windows are used for
    rows = list(recognise.probabilities(iter(waves), batch_size))
    assert np.allclose([row[1] for row in rows], [*LEVELS, 0.9])
    assert np.allclose([row.sum() for row in rows], 1)


def test_a_long_file_is_never_held_as_a_whole(tmp_path):
    seconds, rate = 600, 16_000
    path = tmp_path / "long.wav"
    with soundfile.SoundFile(path, "w", rate, 1, subtype="PCM_16") as file:
        for _ in range(seconds // 10):
            file.write(level(0.5, 10, rate))
    recognise = Loudness()
    recognise.sampling_rate = rate
    recognise(level(0.5, 1, rate))  # imports
    tracemalloc.start()
    result = recognise(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(result["timeline"]) == seconds / 5
    assert peak < 12e6  # the file is 38 MB in float32
