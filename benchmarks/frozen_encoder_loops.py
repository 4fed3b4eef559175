"""What one does with a frozen encoder today: run it at every step of training, or batch by batch over a corpus.

[`EveryStepLoop`] does per batch what S3PRL's runner and EMO-SUPERB's downstream do, in plain torch and transformers:
waveforms read one by one in the workers of a `DataLoader`, cut to 10 s and normalised by two numbers; the encoder
without gradients on the padded batch; softmax average of all hidden states, frames unpadded and padded again;
projection of each frame, mean over the valid ones, classifier; class-balanced cross entropy and macro-F1 of the
batch; backward pass, clipping, AdamW. An evaluated batch stops after the macro-F1. Where this differs from them it is
faster: the layer average is one product, and soundfile reads the files instead of librosa.

[`plain_means`] is the loop that one writes to keep the mean over time of each layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile
import soxr
import torch
from sklearn.metrics import f1_score
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset
from transformers import PreTrainedModel, Wav2Vec2FeatureExtractor


SAMPLING_RATE = 16_000
MAX_SAMPLES = 10 * SAMPLING_RATE
SAMPLES_PER_FRAME = 320
BATCH_SIZE = 32
PROJECTOR_SIZE = 256
Batch = tuple[list[torch.Tensor], torch.Tensor]


class SpeechFiles(Dataset):
    """
    Files of speech with soft labels, decoded when they are asked for.

    Args:
        paths (`Sequence[Path]`): The files.
        labels (`np.ndarray` of shape `(num_clips, num_classes)`): Their labels.
        mean, std (`float`): Statistics of the samples of a training part, by which waveforms are normalised.
    """

    def __init__(self, paths: Sequence[Path], labels: np.ndarray, mean: float, std: float):
        self.paths, self.labels, self.mean, self.std = list(paths), labels, mean, std

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        waveform = read_speech(self.paths[index])[:MAX_SAMPLES]
        return (waveform - self.mean) / (self.std + 1e-6), self.labels[index]

    def loader(self, num_workers: int, seed: int | None = None) -> DataLoader:
        """Batches in random order for training, or without a seed in the order of the files for evaluation."""
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        return DataLoader(
            self,
            BATCH_SIZE,
            shuffle=seed is not None,
            num_workers=num_workers,
            collate_fn=_as_tensors,
            generator=generator,
        )


def read_speech(path: Path) -> np.ndarray:
    """Samples of a file at 16 kHz, float32, as librosa decodes, mixes down and resamples them."""
    waveform, sampling_rate = soundfile.read(path, dtype="float32", always_2d=True)
    waveform = waveform.mean(axis=1)
    return waveform if sampling_rate == SAMPLING_RATE else soxr.resample(waveform, sampling_rate, SAMPLING_RATE)


def _as_tensors(rows: Sequence[tuple[np.ndarray, np.ndarray]]) -> Batch:
    waveforms, labels = zip(*rows, strict=True)
    return [torch.from_numpy(waveform).float() for waveform in waveforms], torch.from_numpy(np.stack(labels)).float()


class EveryStepLoop:
    """
    Training of one head with the encoder in the loop.

    Args:
        encoder ([`~transformers.PreTrainedModel`]): Speech encoder of transformers.
        extractor ([`~transformers.Wav2Vec2FeatureExtractor`]): Its feature extractor.
        class_weights (`np.ndarray` of shape `(num_classes,)`): Weights of the loss.
    """

    def __init__(self, encoder: PreTrainedModel, extractor: Wav2Vec2FeatureExtractor, class_weights: np.ndarray):
        self.encoder, self.extractor = encoder.eval(), extractor
        self.class_weights = torch.from_numpy(class_weights).float()
        self.layer_weights = nn.Parameter(torch.zeros(encoder.config.num_hidden_layers + 1))
        self.projector = nn.Linear(encoder.config.hidden_size, PROJECTOR_SIZE)
        self.classifier = nn.Linear(PROJECTOR_SIZE, len(class_weights))
        self.parameters = [self.layer_weights, *self.projector.parameters(), *self.classifier.parameters()]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=1e-4)
        self.log: list[tuple[float, float]] = []

    def train(self, batch: Batch) -> None:
        """One step."""
        loss = self._loss(batch)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()

    @torch.no_grad()
    def evaluate(self, batch: Batch) -> None:
        """Loss and score of one batch."""
        self._loss(batch)

    def _loss(self, batch: Batch) -> torch.Tensor:
        waveforms, labels = batch
        logits = self._logits(waveforms)
        loss = -((labels @ self.class_weights) * (labels * logits.log_softmax(dim=-1)).sum(dim=-1)).mean()
        chance = 1 / labels.shape[1]
        predicted = logits.detach().softmax(dim=-1) > chance
        self.log.append((loss.item(), f1_score(labels > chance, predicted, average="macro", zero_division=0)))
        return loss

    def _logits(self, waveforms: Sequence[torch.Tensor]) -> torch.Tensor:
        with torch.no_grad():
            states = hidden_states(self.encoder, self.extractor, [waveform.numpy() for waveform in waveforms])[0]
        average = torch.einsum("l,lbth->bth", self.layer_weights.softmax(dim=-1), torch.stack(states))
        counts = [round(len(waveform) / SAMPLES_PER_FRAME) for waveform in waveforms]
        clips = [frames[:count] for frames, count in zip(average, counts, strict=True)]
        projected = self.projector(pad_sequence(clips, batch_first=True))
        return self.classifier(_mean_over_time(projected, torch.tensor([len(clip) for clip in clips])))


def hidden_states(
    encoder: PreTrainedModel, extractor: Wav2Vec2FeatureExtractor, waveforms: Sequence[np.ndarray]
) -> tuple[list[torch.Tensor], torch.Tensor]:
    """All hidden states of a padded batch, and its attention mask."""
    inputs = extractor(
        list(waveforms), sampling_rate=SAMPLING_RATE, padding=True, return_attention_mask=True, return_tensors="pt"
    )
    outputs = encoder(**inputs, output_hidden_states=True)
    # the last of `hidden_states` may come before the final layer norm
    return [*outputs.hidden_states[:-1], outputs.last_hidden_state], inputs["attention_mask"]


def _mean_over_time(frames: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    mask = torch.arange(frames.shape[1]) < counts[:, None]
    return (frames * mask[..., None]).sum(dim=1) / counts[:, None]


@torch.no_grad()
def plain_means(
    encoder: PreTrainedModel, extractor: Wav2Vec2FeatureExtractor, paths: Sequence[Path], batch_size: int
) -> tuple[np.ndarray, float]:
    """
    Mean over time of each layer, in batches in the order of the files.

    Padding changes the result of encoders whose CNN has group norm: these need `batch_size=1`.

    Args:
        encoder ([`~transformers.PreTrainedModel`]): Speech encoder of transformers.
        extractor ([`~transformers.Wav2Vec2FeatureExtractor`]): Its feature extractor.
        paths (`Sequence[Path]`): Files of speech.
        batch_size (`int`): Clips per batch.

    Returns:
        `tuple[np.ndarray, float]`: Means `(num_clips, num_states, hidden_size)`, and the share of padding in what the
        encoder was given.
    """
    means, num_valid, num_given = [], 0, 0
    for batch in _batches(paths, batch_size):
        states, mask = hidden_states(encoder, extractor, [read_speech(path)[:MAX_SAMPLES] for path in batch])
        counts = encoder._get_feat_extract_output_lengths(mask.sum(dim=-1))
        means.append(torch.stack([_mean_over_time(state, counts) for state in states], dim=1))
        num_valid, num_given = num_valid + int(mask.sum()), num_given + mask.numel()
    return torch.cat(means).numpy(), 1 - num_valid / num_given


def _batches(paths: Sequence[Path], batch_size: int) -> Iterator[Sequence[Path]]:
    for start in range(0, len(paths), batch_size):
        yield paths[start : start + batch_size]
