"""Noise clips as long as those of RAVDESS and CREMA-D, in memory or as files, and the batches of an epoch of them.

The durations are drawn from gamma distributions with the mean, standard deviation and range of the real corpora, and
there are as many clips as in the real corpora, because that decides how well batches of similar durations can be
formed. A measurement trains on some batches of such an epoch, evenly spaced from the shortest to the longest; only
their clips are generated.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hf_emotion.data.mixture import CorpusMixture, MultiCorpusBatchSampler


SAMPLING_RATE = 16_000
NUM_CLASSES = 6


@dataclass(frozen=True)
class CorpusShape:
    """Number of clips, distribution of their durations in seconds, sampling rate of the files in Hz."""

    name: str
    num_clips: int
    mean: float
    deviation: float
    shortest: float
    longest: float
    sampling_rate: int


CORPORA = (
    CorpusShape("ravdess", 1440, 3.70, 0.34, 2.9, 5.3, 48_000),
    CorpusShape("crema_d", 7442, 2.50, 0.49, 1.2, 5.0, 16_000),
)


class NoiseCorpus:
    """
    Rows of one corpus as a `datasets.Dataset` gives them, without needing that library.

    Args:
        shape ([`CorpusShape`]): corpus to imitate.
        folder (`Path`, *optional*): where [`write`] puts the files; `None` keeps the clips in memory, at 16 kHz.
        seed (`int`): seed of durations and noise.
    """

    column_names = ("audio", "utterance_id", "corpus", "emotion", "duration")

    def __init__(self, shape: CorpusShape, folder: Path | None, seed: int = 0):
        generator = np.random.default_rng((seed, shape.num_clips))
        excess = shape.mean - shape.shortest
        gamma = generator.gamma((excess / shape.deviation) ** 2, shape.deviation**2 / excess, shape.num_clips)
        self.durations = np.minimum(shape.shortest + gamma, shape.longest)
        self.shape = shape
        self.folder = folder
        self.sampling_rate = SAMPLING_RATE if folder is None else shape.sampling_rate
        longest = int(shape.longest * self.sampling_rate)
        self._noise = 0.1 * generator.standard_normal(longest + shape.num_clips).astype(np.float32)

    def __len__(self) -> int:
        return len(self.durations)

    def __getitem__(self, key: int | str):
        if key == "duration":
            return self.durations
        path = self._path(key)
        samples = {"array": self._samples(key), "sampling_rate": self.sampling_rate}
        return {
            "audio": samples if path is None else {"path": str(path), "bytes": None},
            "utterance_id": f"{self.shape.name}_{key}",
            "corpus": self.shape.name,
            "emotion": key % NUM_CLASSES,
            "duration": self.durations[key],
        }

    def __getitems__(self, keys: Sequence[int]) -> list[dict]:
        return [self[key] for key in keys]

    def write(self, keys: Iterable[int]) -> None:
        """Write clips as 16-bit WAV files; does nothing for a corpus in memory."""
        if self.folder is None:
            return
        import soundfile

        for key in keys:
            soundfile.write(self._path(key), self._samples(key), self.sampling_rate, subtype="PCM_16")

    def _path(self, key: int) -> Path | None:
        return None if self.folder is None else self.folder / f"{self.shape.name}_{key}.wav"

    def _samples(self, key: int) -> np.ndarray:
        return self._noise[key : key + int(self.durations[key] * self.sampling_rate)]


@dataclass(frozen=True)
class BatchPlan:
    """Batches of indices into a mixture, with their audio in seconds: all of it, and what padding makes of it."""

    batches: list[list[int]]
    valid_seconds: float
    padded_seconds: float

    @property
    def padding(self) -> float:
        """Samples that a model processes per sample of audio."""
        return self.padded_seconds / self.valid_seconds


def noise_mixture(folder: Path | None, seed: int = 0) -> CorpusMixture:
    """Both corpora as one mixture."""
    return CorpusMixture({shape.name: NoiseCorpus(shape, folder, seed) for shape in CORPORA})


def random_epoch(mixture: CorpusMixture, batch_size: int, seed: int) -> list[list[int]]:
    """Batches of the stock Trainer: all clips in random order."""
    order = np.random.default_rng(seed).permutation(len(mixture))
    return order[: len(order) // batch_size * batch_size].reshape(-1, batch_size).tolist()


def length_aware_epoch(mixture: CorpusMixture, batch_size: int, seed: int) -> list[list[int]]:
    """Batches of [`MultiCorpusBatchSampler`] over the same clips, shuffled together."""
    sampler = MultiCorpusBatchSampler(mixture, batch_size, mixing="concatenate", seed=seed)
    return [[index for index, _ in batch] for batch in sampler]


def evenly_spaced(epoch: list[list[int]], mixture: CorpusMixture, num_batches: int, offset: float) -> BatchPlan:
    """
    Take batches at even distances in order of their padded length, so that few of them stand for the epoch.

    Args:
        epoch (`list[list[int]]`): batches of an epoch.
        mixture ([`CorpusMixture`]): what they index.
        num_batches (`int`): number of batches; 0 takes the whole epoch.
        offset (`float`): position of the first batch, between 0 and 1 distances.
    """
    durations = mixture.durations
    chosen = epoch
    if num_batches:
        ordered = sorted(epoch, key=lambda batch: durations[batch].max())
        chosen = [ordered[int((number + offset) * len(epoch) / num_batches)] for number in range(num_batches)]
    valid = sum(durations[batch].sum() for batch in chosen)
    padded = sum(durations[batch].max() * len(batch) for batch in chosen)
    return BatchPlan(chosen, float(valid), float(padded))


def write_clips(mixture: CorpusMixture, plans: Iterable[BatchPlan]) -> None:
    """Write the clips that the plans need."""
    located = {mixture.locate(index) for plan in plans for batch in plan.batches for index in batch}
    for name, corpus in mixture.corpora.items():
        corpus.write(sorted(row for owner, row in located if owner == name))
