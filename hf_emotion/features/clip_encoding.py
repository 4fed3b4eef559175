"""From waveforms to the statistics of their hidden states, in batches of clips of similar length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from ..data.data_collator import EmotionDataCollator, minimum_input_samples
from ..data.segmentation import load_segment
from ..models.speech_emotion.encoding_speech_emotion import encode
from .layer_statistics import clip_covariances, clip_means, clip_variances
from .waveform_statistics import WaveformStatistics


@dataclass
class PaddingCount:
    """
    How much of the encoder's input was padding.

    Args:
        num_valid (`int`): Samples, or input frames, of clips.
        num_padded (`int`): Those behind the end of shorter clips in a batch.
    """

    num_valid: int = 0
    num_padded: int = 0


@dataclass
class ClipEncoder:
    """
    Run a frozen encoder on clips, and reduce what it says to statistics over time.

    Args:
        encoder ([`~transformers.PreTrainedModel`]): Encoder of [`load_frozen_encoder`], in evaluation mode.
        feature_extractor (`SequenceFeatureExtractor`): Its feature extractor. It sees each clip alone.
        max_duration_seconds (`float`, *optional*): Clips are cut to their beginning of this length.
        waveform_statistics ([`WaveformStatistics`], *optional*): Normalisation before the extractor.
        normalize_layers (`bool`): Whether hidden states are layer-normalised, without parameters, frame by frame.
        second_moments (`str`, *optional*): `"layers"` for the variance of each layer, `"pairs"` for the covariances of
            all pairs of layers.
        dtype (`np.dtype`): Of the statistics.
        batch_size (`int`): Clips per batch.
        frame_layers (`Sequence[int]`, *optional*): Hidden states of which all frames are kept as well.
    """

    encoder: PreTrainedModel
    feature_extractor: Any
    max_duration_seconds: float | None
    waveform_statistics: WaveformStatistics | None
    normalize_layers: bool
    second_moments: str | None
    dtype: np.dtype
    batch_size: int
    frame_layers: Sequence[int] = ()
    padding: PaddingCount = field(default_factory=PaddingCount)

    def __post_init__(self):
        self._collate = EmotionDataCollator(
            self.feature_extractor,
            with_spectrogram_mask=True,
            min_num_samples=minimum_input_samples(self.encoder.config).clip,
        )

    def load(self, row: Mapping[str, Any]) -> np.ndarray:
        """Decode, cut and normalise a clip; shape `(num_samples,)`."""
        waveform = load_segment(row, self.feature_extractor.sampling_rate)
        if self.max_duration_seconds is not None:
            waveform = waveform[: max(1, round(self.max_duration_seconds * self.feature_extractor.sampling_rate))]
        return waveform if self.waveform_statistics is None else self.waveform_statistics(waveform)

    def statistics(self, waveforms: Sequence[np.ndarray], utterance_ids: Sequence[str]) -> dict[str, np.ndarray]:
        """
        Statistics of some clips, in their order.

        Args:
            waveforms (`Sequence[np.ndarray]`): Those of [`ClipEncoder.load`].
            utterance_ids (`Sequence[str]`): Their names, for messages.

        Returns:
            `dict[str, np.ndarray]`: `means` `(num_clips, num_states, hidden_size)`, `num_frames` `(num_clips,)` and,
            where asked for, `variances` of the shape of `means`, `covariances` `(num_clips, num_pairs, hidden_size)`,
            or `frames` `(num_rows, hidden_size)`: for each clip, one layer after the other.

        Raises:
            ValueError: A statistic is not finite; the message names the clip.
        """
        # neighbours in length share a batch, so that little of it is padding
        by_length = sorted(range(len(waveforms)), key=lambda clip: len(waveforms[clip]))
        found: dict[int, dict[str, np.ndarray]] = {}
        for start in range(0, len(by_length), self.batch_size):
            clips = by_length[start : start + self.batch_size]
            for clip, states in zip(clips, self._states([waveforms[clip] for clip in clips]), strict=True):
                found[clip] = self._statistics_of(states, utterance_ids[clip])
        join = {"frames": np.concatenate}
        return {
            name: join.get(name, np.stack)([found[clip][name] for clip in range(len(waveforms))]) for name in found[0]
        }

    @torch.no_grad()
    def _states(self, waveforms: Sequence[np.ndarray]) -> list[list[torch.Tensor]]:
        """Hidden states of each clip, without padded frames."""
        rate = self.feature_extractor.sampling_rate
        batch = self._collate([{"audio": {"array": waveform, "sampling_rate": rate}} for waveform in waveforms])
        inputs = batch[self.feature_extractor.model_input_names[0]]
        mask = batch["attention_mask"].to(self.encoder.device)
        num_valid = int(mask.sum())
        self.padding.num_valid += num_valid
        self.padding.num_padded += mask.numel() - num_valid
        inputs = inputs.to(self.encoder.device, self.encoder.dtype)
        # waveforms of one length need no mask, and group norms are faster without; a spectrogram is always padded
        needs_mask = num_valid < mask.numel() or inputs.dim() > 2
        encoded = encode(self.encoder, inputs, mask if needs_mask else None, wants_hidden_states=True)
        states: Sequence[torch.Tensor] = encoded.hidden_states or ()
        if self.normalize_layers:
            states = [torch.nn.functional.layer_norm(state, state.shape[-1:]) for state in states]
        num_frames = encoded.valid.sum(dim=-1).tolist()
        return [[state[row, :count] for state in states] for row, count in enumerate(num_frames)]

    def _statistics_of(self, states: Sequence[torch.Tensor], utterance_id: str) -> dict[str, np.ndarray]:
        statistics = {"means": clip_means(states)}
        if self.second_moments == "layers":
            statistics["variances"] = clip_variances(states)
        if self.second_moments == "pairs":
            statistics["covariances"] = clip_covariances(states)
        if self.frame_layers:
            statistics["frames"] = torch.cat([states[layer].float() for layer in self.frame_layers])
        with np.errstate(over="ignore"):  # an overflow is reported below
            arrays = {name: value.cpu().numpy().astype(self.dtype) for name, value in statistics.items()}
        for name, array in arrays.items():
            if not np.isfinite(array).all():
                raise ValueError(
                    f"The {name} of utterance {utterance_id} hold {int((~np.isfinite(array)).sum())} values that are "
                    f'not finite in {self.dtype}. If they are too large for float16, pass dtype="float32"; otherwise '
                    "the encoder itself gives NaN: leave the utterance out, or run the encoder in float32."
                )
        return arrays | {"num_frames": np.array(states[0].shape[0], dtype=np.int32)}
