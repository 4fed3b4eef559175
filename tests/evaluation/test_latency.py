"""Time, memory and size of a classifier, measured and laid out."""

import time

import numpy as np
import pytest
import torch
from transformers import (
    Wav2Vec2FeatureExtractor,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForAudioClassification,
)

from hf_emotion.evaluation.latency import checkpoint_bytes, format_latency, measure_latency
from tests.tiny_training import tiny_model


FEW = {"num_repeats": 3, "num_warmups": 1, "device": "cpu"}


class Clock:
    """A clock that stands still unless someone works."""

    now = 0.0

    @classmethod
    def perf_counter(cls):
        return cls.now


class SlowModel(torch.nn.Module):
    """Takes 20 ms for each second of audio in the batch, and remembers what it got."""

    class Config:
        model_type = "slow"

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(3))
        self.frozen = torch.nn.Parameter(torch.zeros(4), requires_grad=False)
        self.register_buffer("window", torch.zeros(5))
        self.config, self.seen = self.Config(), []

    device = property(lambda self: self.weight.device)
    dtype = property(lambda self: self.weight.dtype)

    def forward(self, input_values, **inputs):
        self.seen.append((tuple(input_values.shape), torch.is_inference_mode_enabled(), torch.get_num_threads()))
        Clock.now += 0.02 * input_values.numel() / 16_000


class SlowExtractor(Wav2Vec2FeatureExtractor):
    """Takes 10 ms for a batch, each time 1 ms more than before."""

    def __call__(self, *args, **options):
        self.num_calls = getattr(self, "num_calls", -1) + 1
        Clock.now += 0.010 + 0.001 * self.num_calls
        return super().__call__(*args, **options)


@pytest.fixture(scope="module")
def slow():
    model = SlowModel()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hf_emotion.evaluation.latency.time", Clock)
        report = measure_latency(model, SlowExtractor(), durations=[0.5, 1.0], batch_sizes=[1, 4], **FEW)
    return report, model


class TestTimes:
    def test_each_duration_and_batch_size_is_an_arm(self, slow):
        arms = [(arm["duration"], arm["batch_size"]) for arm in slow[0]["arms"]]
        assert arms == [(0.5, 1), (0.5, 4), (1.0, 1), (1.0, 4)]

    def test_extraction_and_model_are_timed_apart(self, slow):
        for arm in slow[0]["arms"]:
            expected = dict.fromkeys(("median", "low", "high", "minimum"), 0.02 * arm["duration"] * arm["batch_size"])
            assert arm["model_seconds"] == pytest.approx(expected)
            assert arm["extraction_seconds"]["minimum"] >= 0.018  # eight runs came before the timed ones

    def test_spread_is_in_order_and_ratios_follow_from_the_median(self, slow):
        for arm in slow[0]["arms"]:
            spread = arm["extraction_seconds"]
            assert spread["minimum"] < spread["low"] < spread["median"] < spread["high"]
            median = spread["median"] + arm["model_seconds"]["median"]
            assert arm["total_seconds"]["median"] == pytest.approx(median)
            assert arm["real_time_factor"] == pytest.approx(median / (arm["duration"] * arm["batch_size"]))
            assert arm["clips_per_second"] == pytest.approx(arm["batch_size"] / median)

    def test_arms_take_turns_after_the_warm_up(self, slow):
        shapes = [shape for shape, _, _ in slow[1].seen]
        num_arms = len(slow[0]["arms"])
        assert len(shapes) == num_arms * (1 + FEW["num_warmups"] + FEW["num_repeats"])  # one run looks at the memory
        rounds = np.array_split(np.arange(len(shapes)), len(shapes) // num_arms)
        assert all(len({shapes[index] for index in each}) == num_arms for each in rounds)
        orders = {tuple(shapes[index] for index in each) for each in rounds[-FEW["num_repeats"] :]}
        assert len(orders) > 1

    def test_nothing_is_recorded_for_gradients(self, slow):
        assert all(is_inference for _, is_inference, _ in slow[1].seen)


def test_threads_are_as_asked_and_then_as_before():
    before = torch.get_num_threads()
    model = SlowModel()
    report = measure_latency(
        model, Wav2Vec2FeatureExtractor(), durations=[0.1], batch_sizes=[1], num_threads=before + 1, **FEW
    )
    assert {threads for _, _, threads in model.seen} == {before + 1}
    assert report["hardware"]["num_threads"] == before + 1
    assert torch.get_num_threads() == before


def test_parameters_are_counted(slow):
    assert slow[0]["parameters"] == {"total": 7, "trainable": 3, "bytes": 4 * 12, "dtype": "float32"}


def test_memory_of_a_run_is_seen_while_it_lasts():
    class HungryModel(SlowModel):
        def forward(self, input_values, **inputs):
            space = np.ones(50_000_000 if len(input_values) > 1 else 1)  # 400 MB, freed when the run ends
            time.sleep(0.05)
            return space[0]

    arms = measure_latency(HungryModel(), Wav2Vec2FeatureExtractor(), durations=[0.1], batch_sizes=[2, 1], **FEW)[
        "arms"
    ]
    assert arms[0]["peak_memory_bytes"] - arms[1]["peak_memory_bytes"] > 300e6


@pytest.mark.parametrize("kind", ["hubert", "whisper"])
def test_stock_models_are_measured(kind):
    if kind == "hubert":
        model, extractor = tiny_model(), Wav2Vec2FeatureExtractor(return_attention_mask=True)
    else:
        config = WhisperConfig(
            num_mel_bins=8, d_model=16, encoder_layers=1, encoder_attention_heads=2, encoder_ffn_dim=16,
            max_source_positions=50,
        )  # fmt: skip
        model = WhisperForAudioClassification(config)
        extractor = WhisperFeatureExtractor(feature_size=8, chunk_length=1)
    report = measure_latency(model, extractor, durations=[0.2], batch_sizes=[1, 2], **FEW)
    assert all(arm["real_time_factor"] > 0 for arm in report["arms"])
    assert not model.training


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"durations": []}, "`durations` must be above zero"),
        ({"durations": [1.0, -1.0]}, "`durations` must be above zero"),
        ({"batch_sizes": [0]}, "`batch_sizes` must be above zero, but is 0"),
        ({"num_repeats": 0}, "`num_repeats` must be above zero"),
        ({"num_threads": 0}, "`num_threads` must be above zero"),
        ({"num_warmups": -1}, "`num_warmups` must not be negative"),
        ({"device": "abacus"}, "'abacus' is no device of torch; name cpu, cuda"),
        ({"device": "meta"}, "Only cpu and cuda devices can be timed, not meta"),
        ({"device": "cuda:99"}, "There is no cuda:99: torch finds"),
        ({"durations": [0.001]}, "Clips of 0.001 s are too short for the model, which needs 45 samples at 16000 Hz"),
    ],
)
def test_what_cannot_be_measured_is_explained(options, message):
    with pytest.raises(ValueError, match=message):
        measure_latency(tiny_model(), Wav2Vec2FeatureExtractor(), **options)


def test_what_an_extractor_cuts_off_is_not_measured():
    with pytest.raises(
        ValueError, match="WhisperFeatureExtractor takes the first 30 s of a clip only, so clips of 31"
    ):
        measure_latency(SlowModel(), WhisperFeatureExtractor(), durations=[31])


class TestCheckpoint:
    def test_all_parts_of_the_weights_count_and_nothing_else(self, tmp_path):
        for name, size in (("model-1.safetensors", 10), ("model-2.safetensors", 20), ("training_args.bin", 40)):
            (tmp_path / name).write_bytes(bytes(size))
        assert checkpoint_bytes(tmp_path) == 30

    def test_a_model_that_is_not_here_has_no_known_size(self):
        assert checkpoint_bytes("nobody/has-this-model") is None


class TestTable:
    def test_it_fits_80_columns_and_shows_medians(self, slow):
        facts = {"model": "outputs/" + 30 * "long/", "trained_parameters": 3, "checkpoint_bytes": 1_262_000_000}
        text = format_latency(facts | slow[0])
        assert max(map(len, text.splitlines())) <= 80
        assert "parameters  7, 3 trained" in text
        assert "checkpoint  1,262 MB" in text
        (line,) = (line for line in text.splitlines() if line.startswith("   1 s     4"))
        arm = slow[0]["arms"][-1]
        assert line.split()[3] == f"{1000 * arm['extraction_seconds']['median']:.1f}"
        assert line.split()[4] == f"{1000 * arm['model_seconds']['median']:.1f}"

    def test_slow_large_models_fit_too(self, slow):
        arm = slow[0]["arms"][0]
        seconds = dict.fromkeys(("median", "low", "high", "minimum"), 123.456)
        slowest = arm | {
            "duration": 120.0, "batch_size": 128, "model_seconds": seconds, "extraction_seconds": seconds,
            "real_time_factor": 12.3456, "peak_memory_bytes": 123_456_000_000,
        }  # fmt: skip
        assert max(map(len, format_latency(slow[0] | {"arms": [slowest]}).splitlines())) <= 80

    def test_what_is_not_known_is_left_out(self, slow):
        assert "checkpoint" not in format_latency(slow[0])
        assert "trained" not in format_latency(slow[0])
