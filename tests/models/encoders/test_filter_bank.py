"""The filter bank agrees with independent implementations, and no clip depends on its batch."""

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModel
from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

from hf_emotion.models.encoders import FilterBankConfig, FilterBankModel
from hf_emotion.models.encoders.filter_bank import (
    clip_features,
    deltas,
    filter_bank_frames,
    log_mel_spectrogram,
    normalize_clips,
)


SECOND = 16_000


def noise(num_samples: int, seed: int = 0, num_clips: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.1 * torch.randn(num_clips, num_samples, generator=generator)


def padded_batch(*clips: torch.Tensor, padding: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    rows = [clip[0] for clip in clips]
    masks = [torch.ones(len(row), dtype=torch.long) for row in rows]
    pad = torch.nn.utils.rnn.pad_sequence
    return pad(rows, batch_first=True, padding_value=padding), pad(masks, batch_first=True)


def kaldi_reference(waveform: np.ndarray, num_mel_bins: int, window: str) -> np.ndarray:
    """Kaldi's filter bank by transformers' NumPy code, in float64."""
    filters = mel_filter_bank(
        num_frequency_bins=257,
        num_mel_filters=num_mel_bins,
        min_frequency=20,
        max_frequency=8000,
        sampling_rate=SECOND,
        norm=None,
        mel_scale="kaldi",
        triangularize_in_mel_space=True,
    )
    features = spectrogram(
        waveform.astype(np.float64),
        window_function(400, window, periodic=False),
        frame_length=400,
        hop_length=160,
        fft_length=512,
        power=2.0,
        center=False,
        preemphasis=0.97,
        remove_dc_offset=True,
        mel_filters=filters,
        log_mel="log",
        mel_floor=float(np.finfo(np.float32).eps),
    )
    return features.T


@pytest.mark.parametrize("window", ["povey", "hamming"])
@pytest.mark.parametrize("num_mel_bins", [23, 80])
def test_spectrogram_is_kaldis(window, num_mel_bins):
    time = torch.arange(SECOND // 2) / SECOND
    waveform = noise(SECOND // 2) + 0.3 * torch.sin(2 * torch.pi * 220 * time) + 0.05  # with an offset
    expected = kaldi_reference(waveform[0].numpy(), num_mel_bins, window)
    found = log_mel_spectrogram(waveform, num_mel_bins, window)[0]
    assert found.shape == expected.shape
    # the reference is in float64; float32 rounds quiet bins of a loud frame
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-3)


def test_silence_is_at_the_floor():
    features = log_mel_spectrogram(torch.zeros(1, 400))
    torch.testing.assert_close(features, torch.full((1, 1, 80), float(np.log(np.finfo(np.float32).eps))))


def test_deltas_are_the_regression_by_hand():
    features = torch.tensor([[[0.0], [1.0], [4.0], [9.0]]])
    # (1 * (next - previous) + 2 * (next but one - last but one)) / 10, the ends held
    expected = [(1 * (1 - 0) + 2 * (4 - 0)) / 10, (1 * (4 - 0) + 2 * (9 - 0)) / 10, (8 + 2 * 9) / 10, (5 + 2 * 8) / 10]
    assert deltas(features, torch.tensor([4]))[0, :, 0].tolist() == pytest.approx(expected)


def test_deltas_hold_the_last_frame_of_a_padded_clip():
    features = torch.tensor([[[0.0], [1.0], [4.0], [9.0], [1e6], [-1e6]]])
    alone = deltas(features[:, :4], torch.tensor([4]))
    torch.testing.assert_close(deltas(features, torch.tensor([4]))[:, :4], alone)


def test_normalisation_is_by_the_unbiased_deviation_of_valid_frames():
    features = torch.tensor([[[1.0, 5.0], [3.0, 5.0], [8.0, 5.0], [99.0, 99.0]]])
    found = normalize_clips(features, torch.tensor([3]))[0]
    values = np.array([1.0, 3.0, 8.0])
    np.testing.assert_allclose(found[:3, 0].numpy(), (values - values.mean()) / values.std(ddof=1), rtol=1e-6)
    assert found[:, 1].tolist() == [0.0] * 4  # never changes
    assert found[3].tolist() == [0.0, 0.0]  # padding


def test_fbank_is_the_filter_bank_and_its_derivatives_normalised():
    waveform = noise(8000)
    static = kaldi_reference(waveform[0].numpy(), 80, "povey")
    padded = np.pad(static, ((2, 2), (0, 0)), mode="edge")
    first = np.stack([np.tensordot([-2, -1, 0, 1, 2], padded[t : t + 5], 1) / 10 for t in range(len(static))])
    padded = np.pad(first, ((2, 2), (0, 0)), mode="edge")
    second = np.stack([np.tensordot([-2, -1, 0, 1, 2], padded[t : t + 5], 1) / 10 for t in range(len(static))])
    expected = np.concatenate([static, first, second], axis=1)
    expected = (expected - expected.mean(axis=0)) / expected.std(axis=0, ddof=1)
    outputs = FilterBankModel(FilterBankConfig())(waveform, output_hidden_states=True)
    np.testing.assert_allclose(outputs.last_hidden_state[0].numpy(), expected, atol=1e-3)
    assert len(outputs.hidden_states) == 1
    assert outputs.hidden_states[0] is outputs.last_hidden_state


@pytest.mark.parametrize("padding", [0.0, 7.0, float("nan")])
def test_fbank_of_a_clip_does_not_depend_on_its_batch(padding):
    clips = [noise(length, seed) for seed, length in enumerate((8000, 3000, 100))]
    model = FilterBankModel(FilterBankConfig())
    together = model(*padded_batch(*clips, padding=padding)).last_hidden_state
    for row, clip in zip(together, clips, strict=True):
        alone = model(clip).last_hidden_state[0]
        torch.testing.assert_close(row[: len(alone)], alone, atol=1e-5, rtol=0)
        assert not row[len(alone) :].any()


def test_digital_silence_gives_finite_features_and_gradients():
    waveform = torch.zeros(1, 4000, requires_grad=True)
    features = FilterBankModel(FilterBankConfig())(waveform).last_hidden_state
    features.sum().backward()
    assert not features.any()
    assert waveform.grad.isfinite().all()


@pytest.mark.parametrize(("samples", "frames"), [(0, 1), (399, 1), (400, 1), (559, 1), (560, 2), (16_000, 98)])
def test_number_of_frames(samples, frames):
    assert filter_bank_frames(samples) == frames
    assert filter_bank_frames(torch.tensor([samples])).tolist() == [frames]
    model = FilterBankModel(FilterBankConfig(num_mel_bins=10, num_deltas=0))
    assert model(torch.zeros(1, samples)).last_hidden_state.shape == (1, frames, 10)
    assert model._get_feat_extract_output_lengths(samples) == frames


def test_every_tensor_is_on_the_device_of_the_model():
    model = FilterBankModel(FilterBankConfig()).to("meta")
    assert model.device.type == "meta"
    assert model(torch.zeros(2, 3000, device="meta")).last_hidden_state.shape == (2, 17, 240)


def test_bfloat16_is_computed_in_float32():
    waveform = noise(4000)
    expected = FilterBankModel(FilterBankConfig())(waveform).last_hidden_state
    model = FilterBankModel(FilterBankConfig()).to(torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = model(waveform).last_hidden_state
    assert found.dtype == model.dtype == torch.bfloat16
    torch.testing.assert_close(found, expected.to(torch.bfloat16))


def test_saved_model_loads_through_the_auto_classes(tmp_path):
    model = FilterBankModel(FilterBankConfig(num_mel_bins=20, num_deltas=1, normalize=False, window="hamming"))
    model.save_pretrained(tmp_path)
    loaded = AutoModel.from_pretrained(tmp_path)
    assert isinstance(loaded, FilterBankModel)
    assert AutoConfig.from_pretrained(tmp_path).hidden_size == 40
    torch.testing.assert_close(loaded(noise(4000)).last_hidden_state, model(noise(4000)).last_hidden_state)


def test_fbank_has_no_parameters():
    assert FilterBankModel(FilterBankConfig()).num_parameters() == 0
    assert FilterBankConfig().hidden_size == 240


def test_features_without_normalisation_are_zero_behind_a_clip():
    features, num_frames = clip_features(*padded_batch(noise(4000), noise(1000)), normalize=False)
    assert num_frames.tolist() == [23, 4]
    assert features[1, :4].any()
    assert not features[1, 4:].any()


@pytest.mark.parametrize(("field", "value"), [("window", "hann"), ("num_mel_bins", 0), ("num_deltas", -1)])
def test_config_that_cannot_work_is_refused(field, value):
    with pytest.raises(Exception, match=field):
        FilterBankConfig(**{field: value})
