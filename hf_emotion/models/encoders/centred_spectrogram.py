# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""Spectrograms of frames that are centred on every 10 ms, as torchaudio and librosa compute them.

Each clip is scaled to a given level and mirrored at its ends; windows of 25 ms (Hann), power spectrum of 400 points,
optionally triangles that are linear in Hz between corners that are equally spaced in mel (HTK) from 0 Hz to 8 kHz.
Padding of a batch is never seen.
"""

import torch
from torch import nn
from transformers.audio_utils import mel_filter_bank

from .filter_bank import FRAME_LENGTH, FRAME_SHIFT, SAMPLING_RATE, finished_features
from .padding import Lengths, at_least, clip_lengths, zero_padding


NUM_FREQUENCIES = FRAME_LENGTH // 2 + 1
_REACH = FRAME_LENGTH // 2  # samples of a frame on either side of its centre
_SHORTEST = _REACH + 1  # samples, the least that can be mirrored
_FLOOR = 1e-10  # added to powers before their logarithm


def centred_frames(num_samples: Lengths) -> Lengths:
    """
    Number of frames of a clip. One of less than 201 samples is zero-padded to that.

    Args:
        num_samples (`int` or `torch.Tensor`): samples at 16 kHz.

    Returns:
        `int` or `torch.Tensor`: frames, at least two.

    Example:

    ```python
    >>> from hf_emotion.models.encoders.centred_spectrogram import centred_frames

    >>> centred_frames(16_000), centred_frames(10)
    (101, 2)

    ```
    """
    return at_least(num_samples, _SHORTEST) // FRAME_SHIFT + 1


def centred_spectrogram(
    waveforms: torch.Tensor,
    num_samples: torch.Tensor,
    level: float,
    num_mel_bins: int | None = None,
    log: bool = True,
) -> torch.Tensor:
    """
    Spectrogram of a batch, in float32.

    Args:
        waveforms (`torch.Tensor`): `(batch_size, num_samples)` at 16 kHz, padded on the right with anything.
        num_samples (`torch.Tensor`): samples of each clip, `(batch_size,)`.
        level (`float`): level in dB of full scale (root mean square) to which each clip is scaled.
        num_mel_bins (`int`, *optional*): number of triangles; without them the 201 powers themselves.
        log (`bool`): whether to take the natural logarithm.

    Returns:
        `torch.Tensor`: `(batch_size, num_frames, num_mel_bins or 201)`; padded frames hold anything finite.
    """
    # the logarithm of small powers needs float32, also where a model runs in less
    with torch.autocast(waveforms.device.type, enabled=False):
        frames = _mirrored(_at_level(waveforms.float(), num_samples, level), num_samples)
        window = torch.hann_window(FRAME_LENGTH, device=waveforms.device)
        power = torch.fft.rfft(frames.unfold(1, FRAME_LENGTH, FRAME_SHIFT) * window).abs().square()
        if num_mel_bins is not None:
            filters = mel_filter_bank(NUM_FREQUENCIES, num_mel_bins, 0.0, SAMPLING_RATE / 2, SAMPLING_RATE)
            power = power @ torch.from_numpy(filters).float().to(power.device)
        return (power + _FLOOR).log() if log else power


def centred_features(
    input_values: torch.Tensor,
    attention_mask: torch.Tensor | None = None,
    level: float = -25.0,
    num_mel_bins: int | None = 80,
    log: bool = True,
    num_deltas: int = 0,
    normalize: bool = True,
) -> tuple[torch.Tensor, torch.Tensor]:
    """
    Spectrogram, derivatives over time and normalisation of a padded batch.

    Args:
        input_values (`torch.Tensor`): waveforms at 16 kHz, `(batch_size, num_samples)`.
        attention_mask (`torch.Tensor`, *optional*): 1 for samples, 0 for padding on the right.
        level, num_mel_bins, log: see [`centred_spectrogram`].
        num_deltas (`int`): how many derivatives over time (windows of 5 frames) follow the spectrogram.
        normalize (`bool`): whether each feature has zero mean and unit variance over each clip.

    Returns:
        `tuple[torch.Tensor, torch.Tensor]`: features `(batch_size, num_frames, num_features)` in float32 with zeros
        for padded frames, and the number of frames of each clip `(batch_size,)`.
    """
    num_samples = clip_lengths(input_values, attention_mask)
    spectrogram = centred_spectrogram(input_values, num_samples, level, num_mel_bins, log)
    return finished_features(spectrogram, centred_frames(num_samples), num_deltas, normalize)


def _at_level(waveforms: torch.Tensor, num_samples: torch.Tensor, level: float) -> torch.Tensor:
    """Scale each clip, with zeros for padding; silence stays silent."""
    waveforms = zero_padding(waveforms, num_samples)
    power = waveforms.square().sum(dim=1, keepdim=True) / num_samples.clamp(min=1)[:, None]
    # the gradient of the root is infinite at 0
    root_mean_square = power.clamp(min=torch.finfo(power.dtype).tiny).sqrt()
    return waveforms * (10 ** (level / 20) / (root_mean_square + 1e-10))


def _mirrored(waveforms: torch.Tensor, num_samples: torch.Tensor) -> torch.Tensor:
    """Half a frame more on both sides; a clip is mirrored at its own last sample, not at that of the longest."""
    num_frames = centred_frames(waveforms.shape[1])
    positions = torch.arange(-_REACH, FRAME_SHIFT * (num_frames - 1) + _REACH, device=waveforms.device).abs()
    last = at_least(num_samples, _SHORTEST)[:, None] - 1
    positions = torch.minimum(positions, (2 * last - positions).clamp(min=0))
    shortfall = max(0, _SHORTEST - waveforms.shape[1])
    return nn.functional.pad(waveforms, (0, shortfall)).gather(1, positions)
