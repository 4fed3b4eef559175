# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""Kaldi's log-mel filter bank in torch, and FBANK, the baseline of EMO-SUPERB that stops there.

The filter bank is that of Kaldi's `compute-fbank-feats` with its default options and no dither: frames of 25 ms every
10 ms that lie wholly inside the clip, mean removed, pre-emphasis 0.97, window, power spectrum of 512 points, triangles
on the mel scale from 20 Hz to 8 kHz, natural logarithm floored at the epsilon of float32. Waveforms are in [-1, 1],
as S3PRL passes them, not in the 16 bit range of Kaldi: quiet frames reach the floor.

Statistics and derivatives of a clip never see padding. A clip shorter than a frame is zero-padded to one.
"""

import torch
from huggingface_hub.dataclasses import strict
from torch import nn
from transformers.utils.generic import maybe_autocast

from .padding import Lengths, at_least, clip_lengths, frame_mask, zero_padding
from .waveform_encoder import WaveformEncoder, WaveformEncoderConfig


SAMPLING_RATE = 16_000
FRAME_LENGTH = 400  # samples, 25 ms
FRAME_SHIFT = 160  # samples, 10 ms
FFT_LENGTH = 512
PREEMPHASIS = 0.97
LOWEST_FREQUENCY = 20.0  # Hz
WINDOWS = ("povey", "hamming")


def filter_bank_frames(num_samples: Lengths) -> Lengths:
    """
    Number of frames of a clip.

    Args:
        num_samples (`int` or `torch.Tensor`): samples at 16 kHz.

    Returns:
        `int` or `torch.Tensor`: frames, at least one.

    Example:

    ```python
    >>> from hf_emotion.models.encoders.filter_bank import filter_bank_frames

    >>> filter_bank_frames(16_000), filter_bank_frames(10)
    (98, 1)

    ```
    """
    return (at_least(num_samples, FRAME_LENGTH) - FRAME_LENGTH) // FRAME_SHIFT + 1


def log_mel_spectrogram(waveforms: torch.Tensor, num_mel_bins: int = 80, window: str = "povey") -> torch.Tensor:
    """
    Kaldi's filter bank of whole waveforms, in float32.

    Args:
        waveforms (`torch.Tensor`): `(batch_size, num_samples)` at 16 kHz, at least 400 samples.
        num_mel_bins (`int`): number of triangles.
        window (`str`): `"povey"` (Kaldi's default) or `"hamming"`.

    Returns:
        `torch.Tensor`: logarithms of energies, `(batch_size, num_frames, num_mel_bins)`.
    """
    device = waveforms.device
    # the logarithm of small energies needs float32, also where a model runs in less
    with maybe_autocast(device.type, enabled=False):
        frames = waveforms.float().unfold(-1, FRAME_LENGTH, FRAME_SHIFT)
        frames = frames - frames.mean(dim=-1, keepdim=True)
        previous = torch.cat([frames[..., :1], frames[..., :-1]], dim=-1)
        frames = (frames - PREEMPHASIS * previous) * _window(window).to(device)
        power = torch.fft.rfft(frames, n=FFT_LENGTH).abs().square()
        energies = power @ _mel_filters(num_mel_bins).to(device)
        return energies.clamp(min=torch.finfo(torch.float32).eps).log()


def _window(name: str) -> torch.Tensor:
    if name == "hamming":
        return torch.hamming_window(FRAME_LENGTH, periodic=False)
    return torch.hann_window(FRAME_LENGTH, periodic=False).pow(0.85)


def _mel(frequency: torch.Tensor) -> torch.Tensor:
    return 1127.0 * torch.log1p(frequency / 700.0)


def _mel_filters(num_mel_bins: int) -> torch.Tensor:
    """Triangles that are linear in mel, `(frequencies, num_mel_bins)`; the Nyquist frequency has weight 0."""
    nyquist = SAMPLING_RATE / 2
    limits = _mel(torch.tensor([LOWEST_FREQUENCY, nyquist], dtype=torch.float64))
    corners = torch.linspace(float(limits[0]), float(limits[1]), num_mel_bins + 2, dtype=torch.float64)
    mels = _mel(torch.linspace(0, nyquist, FFT_LENGTH // 2 + 1, dtype=torch.float64))[:, None]
    rising = (mels - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - mels) / (corners[2:] - corners[1:-1])
    filters = torch.minimum(rising, falling).clamp(min=0)
    filters[-1] = 0
    return filters.float()


def deltas(features: torch.Tensor, num_frames: torch.Tensor, window_length: int = 5) -> torch.Tensor:
    """
    Derivatives over time by linear regression; beyond its ends a clip is continued by its first and last frame.

    Args:
        features (`torch.Tensor`): `(batch_size, num_frames, size)`.
        num_frames (`torch.Tensor`): frames of each clip, `(batch_size,)`.
        window_length (`int`): frames that the regression looks at, odd.

    Returns:
        `torch.Tensor`: like `features`.
    """
    reach = window_length // 2
    positions = torch.arange(features.shape[1], device=features.device)
    last = num_frames[:, None] - 1
    slope = torch.zeros_like(features)
    for offset in range(1, reach + 1):
        later = torch.minimum(positions + offset, last)
        earlier = torch.minimum((positions - offset).clamp(min=0), last)
        slope = slope + offset * (_frames_at(features, later) - _frames_at(features, earlier))
    return slope / (2 * sum(offset**2 for offset in range(1, reach + 1)))


def _frames_at(features: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    return features.gather(1, positions[..., None].expand(-1, -1, features.shape[-1]))


def normalize_clips(features: torch.Tensor, num_frames: torch.Tensor) -> torch.Tensor:
    """
    Cepstral mean and variance normalisation (CMVN): zero mean and unit variance over time for each clip and bin.

    Args:
        features (`torch.Tensor`): `(batch_size, num_frames, size)`.
        num_frames (`torch.Tensor`): frames of each clip, `(batch_size,)`.

    Returns:
        `torch.Tensor`: like `features`, with zeros for padded frames and for bins that never change.
    """
    padded = ~frame_mask(num_frames, features.shape[1])[..., None]
    count = num_frames[:, None, None]
    # as differences from the first frame, bins that never change are exactly 0 whatever the rounding of their mean
    shifted = (features - features[:, :1]).masked_fill(padded, 0.0)
    centred = (shifted - shifted.sum(dim=1, keepdim=True) / count).masked_fill(padded, 0.0)
    variance = centred.square().sum(dim=1, keepdim=True) / (count - 1).clamp(min=1)
    # the gradient of the root is infinite at 0
    deviation = variance.clamp(min=torch.finfo(variance.dtype).tiny).sqrt()
    return centred / (deviation + 1e-10)


def finished_features(
    spectrogram: torch.Tensor, num_frames: torch.Tensor, num_deltas: int, normalize: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """
    What is done to the spectrogram of a padded batch before an encoder reads it.

    Args:
        spectrogram (`torch.Tensor`): `(batch_size, num_frames, num_bins)`; padded frames hold anything.
        num_frames (`torch.Tensor`): frames of each clip, `(batch_size,)`.
        num_deltas (`int`): how many derivatives over time (see [`deltas`]) follow the spectrogram.
        normalize (`bool`): whether to apply [`normalize_clips`] to all of them.

    Returns:
        `tuple[torch.Tensor, torch.Tensor]`: features `(batch_size, num_frames, num_bins * (1 + num_deltas))` with
        zeros for padded frames, and `num_frames`.
    """
    orders = [spectrogram]
    for _ in range(num_deltas):
        orders.append(deltas(orders[-1], num_frames))
    features = torch.cat(orders, dim=-1)
    return (normalize_clips if normalize else zero_padding)(features, num_frames), num_frames


def clip_features(
    input_values: torch.Tensor,
    attention_mask: torch.Tensor | None = None,
    num_mel_bins: int = 80,
    window: str = "povey",
    num_deltas: int = 0,
    normalize: bool = True,
) -> tuple[torch.Tensor, torch.Tensor]:
    """
    Filter bank, derivatives and normalisation of a padded batch.

    Args:
        input_values (`torch.Tensor`): waveforms in [-1, 1] at 16 kHz, `(batch_size, num_samples)`.
        attention_mask (`torch.Tensor`, *optional*): 1 for samples, 0 for padding on the right.
        num_mel_bins (`int`): number of triangles.
        window (`str`): `"povey"` or `"hamming"`.
        num_deltas (`int`): how many derivatives over time follow the filter bank.
        normalize (`bool`): whether to apply [`normalize_clips`] to all of them.

    Returns:
        `tuple[torch.Tensor, torch.Tensor]`: features `(batch_size, num_frames, num_mel_bins * (1 + num_deltas))` in
        float32 with zeros for padded frames, and the number of frames of each clip `(batch_size,)`.
    """
    num_samples = clip_lengths(input_values, attention_mask)
    waveforms = zero_padding(input_values, num_samples)
    shortfall = max(0, FRAME_LENGTH - waveforms.shape[1])
    spectrogram = log_mel_spectrogram(nn.functional.pad(waveforms, (0, shortfall)), num_mel_bins, window)
    return finished_features(spectrogram, filter_bank_frames(num_samples), num_deltas, normalize)


@strict
class FilterBankConfig(WaveformEncoderConfig):
    r"""
    Configuration of FBANK. The defaults are those of S3PRL's `fbank`, the baseline of EMO-SUPERB: 240 features.

    Args:
        num_mel_bins (`int`, *optional*, defaults to 80):
            Number of mel filters.
        num_deltas (`int`, *optional*, defaults to 2):
            How many derivatives over time (windows of 5 frames) follow them.
        window (`str`, *optional*, defaults to `"povey"`):
            Window of a frame: `"povey"` or `"hamming"`.
        normalize (`bool`, *optional*, defaults to `True`):
            Whether each feature has zero mean and unit variance over each clip.
    """

    model_type = "filter_bank"

    num_mel_bins: int = 80
    num_deltas: int = 2
    window: str = "povey"
    normalize: bool = True

    def validate_filter_bank(self):
        """Part of the `@strict` validation."""
        if self.num_mel_bins < 1 or self.num_deltas < 0:
            raise ValueError(
                f"A filter bank has at least one bin and no negative number of derivatives, but `num_mel_bins` is "
                f"{self.num_mel_bins} and `num_deltas` is {self.num_deltas}."
            )
        if self.window not in WINDOWS:
            raise ValueError(f"`window` must be one of {', '.join(WINDOWS)}, but is {self.window!r}.")

    @property
    def hidden_size(self) -> int:
        """Number of features of a frame."""
        return self.num_mel_bins * (1 + self.num_deltas)

    @property
    def num_hidden_layers(self) -> int:
        """There are none: the features are the only hidden state."""
        return 0


class FilterBankModel(WaveformEncoder):
    """
    FBANK: a log-mel filter bank with derivatives, normalised over each clip, in the place of an encoder. It has no
    parameters, so that only what is behind it is trained. There is no checkpoint: build it from its config.

    With `normalize=True`, every feature of every clip has the mean 0 and the standard deviation 1 over time: a head
    behind mean or std pooling, as behind a cache of means, gets the same numbers for all clips and learns no more than
    how frequent the classes are. Pool by attention or maximum, put a layer that is not linear in front of the mean, or
    set `normalize=False`.

    The features are the only hidden state, as in S3PRL's `fbank`; padded frames are zero.
    """

    config: FilterBankConfig
    config_class = FilterBankConfig
    base_model_prefix = "encoder"
    placement: torch.Tensor

    def __init__(self, config: FilterBankConfig):
        super().__init__(config)
        # Without parameters, this says where the model is and in which precision it answers. It is saved, since
        # transformers refuses a folder without weights.
        self.register_buffer("placement", torch.empty(0))
        self.post_init()

    @property
    def device(self) -> torch.device:
        """`torch.device`: where the model is."""
        return self.placement.device

    @property
    def dtype(self) -> torch.dtype:
        """`torch.dtype`: the precision of its features, which are computed in float32."""
        return self.placement.dtype

    def _get_feat_extract_output_lengths(self, input_lengths: Lengths) -> Lengths:
        return filter_bank_frames(input_lengths)

    def _hidden_states(
        self, input_values: torch.Tensor, attention_mask: torch.Tensor | None, wants_all: bool
    ) -> list[torch.Tensor]:
        config = self.config
        features, _ = clip_features(
            input_values, attention_mask, config.num_mel_bins, config.window, config.num_deltas, config.normalize
        )
        return [features.to(self.dtype)]


__all__ = ["FilterBankConfig", "FilterBankModel"]
