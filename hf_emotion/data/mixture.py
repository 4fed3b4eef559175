"""Several corpora as one training set: which corpus an optimizer step works on, and which of its utterances.

A *turn* is what one corpus hands out at a time: `batch_size x num_processes x gradient_accumulation_steps` utterances.
It is drawn as a whole and only then cut into the batches of the single processes, so that

* all processes work on the same corpus at the same time, on disjoint utterances;
* one process with batches of 8, two processes with batches of 4, and one process that accumulates two batches of 4
  see the same utterances in the same optimizer step.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property

import datasets
import numpy as np
from torch.utils.data import Dataset, Sampler


MIXINGS = ("round_robin", "weighted", "temperature", "concatenate")
ROUND_ROBIN_UNITS = ("batch", "step")
STOPPING_STRATEGIES = ("all_exhausted", "first_exhausted")

# Turns that are sorted by duration together. More would save padding, but emotion goes with duration (sad speech is
# slow), so that batches of strictly equal length would hold few classes.
_MAX_TURNS_SORTED_TOGETHER = 50
_MAX_EXPECTED_TURNS = 1e7


class CorpusMixture(Dataset):
    """
    The training splits of several corpora, one after the other.

    Items are addressed by `(index, visit)`, as [`MultiCorpusBatchSampler`] yields them: `index` counts through the
    concatenation, `visit` says how often that corpus was restarted, which gives repeated utterances a new random crop.

    Args:
        corpora (`Mapping[str, datasets.Dataset]`):
            Training split of each corpus by name, in the order in which round robin visits them.

    Raises:
        ValueError: No corpus is given, or one is empty.

    Example:

    ```python
    >>> from datasets import Dataset
    >>> from hf_emotion.data.mixture import CorpusMixture
    >>> emodb, ravdess = Dataset.from_dict({"utterance_id": ["a", "b"]}), Dataset.from_dict({"utterance_id": ["c"]})
    >>> mixture = CorpusMixture({"emodb": emodb, "ravdess": ravdess})
    >>> len(mixture), mixture.offsets, mixture[2, 5]
    (3, (0, 2), {'utterance_id': 'c', 'visit': 5})

    ```
    """

    def __init__(self, corpora: Mapping[str, datasets.Dataset]):
        if not corpora:
            raise ValueError("A mixture needs at least one corpus, found none. Pass {name: training dataset}.")
        if empty := [name for name, dataset in corpora.items() if len(dataset) == 0]:
            raise ValueError(
                f"No training utterance in {', '.join(empty)}. A corpus without utterances cannot be mixed: check its "
                "split and label filter, or remove it from the list of corpora."
            )
        self.corpora = dict(corpora)
        self.names = tuple(self.corpora)
        self.sizes = tuple(len(dataset) for dataset in self.corpora.values())
        self.offsets = tuple(int(offset) for offset in np.cumsum((0, *self.sizes[:-1])))
        self.epoch = 0

    @cached_property
    def durations(self) -> np.ndarray:
        """Duration of each utterance in seconds, shape `(num_utterances,)`; NaN where the corpus does not say."""
        return np.concatenate([durations_of(dataset) for dataset in self.corpora.values()])

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch that the samplers over this mixture yield next.

        The epoch lives here because `accelerate` hands it to the dataset through all its wrappers, whereas a batch
        sampler is passed over when a run with several processes resumes in the middle of an epoch.
        """
        self.epoch = epoch

    def locate(self, index: int) -> tuple[str, int]:
        """Corpus name and row within that corpus of the utterance at `index`.

        Raises:
            IndexError: There is no such utterance.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"There is no utterance {index} in a mixture of {len(self)} utterances.")
        corpus = int(np.searchsorted(self.offsets, index, side="right")) - 1
        return self.names[corpus], index - self.offsets[corpus]

    def __len__(self) -> int:
        return sum(self.sizes)

    def __getitem__(self, item: tuple[int, int]) -> dict:
        return self.__getitems__([item])[0]

    def __getitems__(self, items: Sequence[tuple[int, int]]) -> list[dict]:
        """Rows of a whole batch, which torch asks for here: one query if it comes from one corpus."""
        located = [self.locate(index) for index, _ in items]
        names = {name for name, _ in located}
        if len(names) > 1:
            return [self[item] for item in items]
        rows = self.corpora[names.pop()].__getitems__([row for _, row in located])
        return [{**row, "visit": visit} for row, (_, visit) in zip(rows, items, strict=True)]


class MultiCorpusBatchSampler(Sampler[list[tuple[int, int]]]):
    """
    Batches of [`CorpusMixture`] indices, each batch from one corpus, the same for the same `seed` and epoch.

    Consecutive batches belong to consecutive processes, which is how `accelerate` deals out the batches of a batch
    sampler (`split_batches=False`). All batches are full. Each epoch has the same number of batches, and its order is
    a pure function of the seed and the epoch: skipping its first batches is all that resuming takes.

    A corpus that is exhausted starts again with a new shuffle and `visit + 1`. A turn in which that happens holds the
    rest of one visit and the start of the next; no utterance occurs twice in it unless the corpus has fewer
    utterances than a turn.

    Args:
        mixture ([`CorpusMixture`]):
            Corpora to draw from.
        batch_size (`int`):
            Utterances per batch and process.
        num_processes (`int`, *optional*, defaults to 1):
            Processes that train together.
        gradient_accumulation_steps (`int`, *optional*, defaults to 1):
            Batches that each process takes from a corpus per turn.
        mixing (`str`, *optional*, defaults to `"round_robin"`):
            `"round_robin"` visits the corpora in turn. `"weighted"` draws the corpus of each turn with probability
            proportional to `corpus_weights`. `"temperature"` draws it with probability proportional to
            `size ** (1 / temperature)`: 1 is proportional to size, infinity uniform. `"concatenate"` shuffles all
            utterances together, so that batches hold several corpora.
        round_robin_unit (`str`, *optional*, defaults to `"batch"`):
            `"batch"`: each optimizer step works on one corpus. `"step"`: each optimizer step works on one turn of
            *every* corpus, "sequentially passing each dataset forward and backward through the model with one batch
            in each step" (Amiriparian et al., ExHuBERT, Interspeech 2024, section 4.1); the gradient is the mean over
            the corpora. The batches are the same: only `batches_per_optimizer_step` differs.
        corpus_weights (`Sequence[float]`, *optional*):
            One positive weight per corpus, for `mixing="weighted"`.
        temperature (`float`, *optional*, defaults to 1.0):
            For `mixing="temperature"`.
        stopping_strategy (`str`, *optional*, defaults to `"all_exhausted"`):
            An epoch ends with the turn in which every corpus (`"all_exhausted"`) or some corpus
            (`"first_exhausted"`) has handed out each of its utterances, as in `datasets.interleave_datasets`.
        group_by_length (`bool`, *optional*, defaults to `True`):
            Put utterances of similar duration into the same turn to save padding; the order of the turns stays random.
        seed (`int`, *optional*, defaults to 0):
            Seed of all shuffles and draws.

    Raises:
        ValueError: An option is unknown or contradicts another, or durations are missing with `group_by_length`.

    Example:

    ```python
    >>> from datasets import Dataset
    >>> from hf_emotion.data.mixture import CorpusMixture, MultiCorpusBatchSampler
    >>> small, large = Dataset.from_dict({"duration": [1.0] * 2}), Dataset.from_dict({"duration": [1.0] * 4})
    >>> mixture = CorpusMixture({"small": small, "large": large})
    >>> batches = list(MultiCorpusBatchSampler(mixture, batch_size=2))
    >>> [[mixture.locate(index)[0] for index, _ in batch] for batch in batches]
    [['small', 'small'], ['large', 'large'], ['small', 'small'], ['large', 'large']]
    >>> [visit for batch in batches for _, visit in batch]
    [0, 0, 0, 0, 1, 1, 0, 0]

    ```
    """

    def __init__(
        self,
        mixture: CorpusMixture,
        batch_size: int,
        *,
        num_processes: int = 1,
        gradient_accumulation_steps: int = 1,
        mixing: str = "round_robin",
        round_robin_unit: str = "batch",
        corpus_weights: Sequence[float] | None = None,
        temperature: float = 1.0,
        stopping_strategy: str = "all_exhausted",
        group_by_length: bool = True,
        seed: int = 0,
    ):
        check_mixing(mixing, round_robin_unit, corpus_weights, temperature, stopping_strategy)
        self._turn_size = batch_size * num_processes * gradient_accumulation_steps
        if min(batch_size, num_processes, gradient_accumulation_steps) < 1:
            raise ValueError(
                f"batch_size={batch_size}, num_processes={num_processes} and "
                f"gradient_accumulation_steps={gradient_accumulation_steps} must all be at least 1."
            )
        self.mixture = mixture
        self.batch_size = batch_size
        self.num_processes = num_processes
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self.round_robin_unit = round_robin_unit
        self.group_by_length = group_by_length
        self.seed = seed
        self._pools = list(zip(mixture.offsets, mixture.sizes, strict=True))  # ranges that are shuffled on their own
        if mixing == "concatenate":
            self._pools = [(0, len(mixture))]
        self._schedule = self._turns_of_an_epoch(mixing, corpus_weights, temperature, stopping_strategy)
        self._turns_per_pool = np.bincount(self._schedule, minlength=len(self._pools))
        self._is_drawn = mixing in ("weighted", "temperature")
        missing: np.ndarray | list[int] = np.flatnonzero(np.isnan(mixture.durations)) if group_by_length else []
        if len(missing):
            name, row = mixture.locate(int(missing[0]))
            raise ValueError(
                f"{len(missing)} utterances have no duration (first: row {row} of {name}), so that they cannot be "
                "grouped by length. Fill the column `duration` (seconds), or set group_by_length=False."
            )

    @property
    def batches_per_optimizer_step(self) -> int:
        """Gradient accumulation steps that the trainer must use: batches per process in one optimizer step."""
        corpora_per_step = len(self.mixture.names) if self.round_robin_unit == "step" else 1
        return self.gradient_accumulation_steps * corpora_per_step

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch that is yielded next (kept in the mixture, see [`CorpusMixture.set_epoch`])."""
        self.mixture.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self._schedule) * self.gradient_accumulation_steps * self.num_processes

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        epoch = self.mixture.epoch
        schedule = self._schedule
        if self._is_drawn:
            # Each epoch in another order, but with the same number of turns per corpus, so that all epochs are equally
            # long (the Trainer measures the first one) and exhaust the same corpora.
            schedule = np.random.default_rng((self.seed, epoch)).permutation(schedule)
        turns = [self._turns(pool, epoch) for pool in range(len(self._pools))]
        for pool in schedule:
            yield from self._batches(next(turns[pool]))

    def _turns_of_an_epoch(
        self, mixing: str, corpus_weights: Sequence[float] | None, temperature: float, stopping_strategy: str
    ) -> np.ndarray:
        """Pool of each turn of an epoch, shape `(num_turns,)`."""
        turns_to_exhaust = np.array([math.ceil(size / self._turn_size) for _, size in self._pools])
        last_of = np.max if stopping_strategy == "all_exhausted" else np.min
        if mixing in ("round_robin", "concatenate"):
            return np.tile(np.arange(len(self._pools)), last_of(turns_to_exhaust))
        if mixing == "temperature":
            weights = (np.array(self.mixture.sizes) / max(self.mixture.sizes)) ** (1 / temperature)
        else:
            weights = np.array(corpus_weights or (), dtype=np.float64)
            if len(weights) != len(self._pools):
                raise ValueError(
                    f"corpus_weights has {len(weights)} entries for {len(self._pools)} corpora "
                    f"({', '.join(self.mixture.names)}). Give one weight per corpus."
                )
        probabilities = weights / weights.sum()
        expected_turns = last_of(turns_to_exhaust / probabilities)
        if expected_turns > _MAX_EXPECTED_TURNS:
            rarest = self.mixture.names[int(np.argmin(probabilities))]
            raise ValueError(
                f"{rarest} is drawn with probability {probabilities.min():.1e}, so that an epoch would take about "
                f"{expected_turns:.1e} turns. Even out the weights (or raise the temperature), or use "
                'stopping_strategy="first_exhausted".'
            )
        return _draw_until_exhausted(last_of, turns_to_exhaust, probabilities, np.random.default_rng(self.seed))

    def _turns(self, pool: int, epoch: int) -> Iterator[np.ndarray]:
        """Endless turns of one pool: arrays of (index, visit), shape `(turn_size, 2)`."""
        offset, size = self._pools[pool]
        generator = np.random.default_rng((self.seed, epoch, pool))
        visits_per_epoch = math.ceil(self._turns_per_pool[pool] * self._turn_size / size)
        leftover = np.empty((0, 2), dtype=np.int64)
        for visit in itertools.count(epoch * visits_per_epoch):
            order = offset + generator.permutation(size)
            if len(leftover):
                filling, order = _split_off_rarest(order, leftover[:, 0], self._turn_size - len(leftover))
                leftover = np.concatenate([leftover, _with_visit(filling, visit)])
                if len(leftover) == self._turn_size:
                    yield self._by_duration(leftover)
                    leftover = leftover[:0]
            in_full_turns = len(order) - len(order) % self._turn_size
            for turn in self._grouped(order[:in_full_turns], generator):
                yield _with_visit(turn, visit)
            leftover = np.concatenate([leftover, _with_visit(order[in_full_turns:], visit)])

    def _grouped(self, order: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Cut shuffled indices into turns of similar durations in random order, shape `(num_turns, turn_size)`."""
        turns = order.reshape(-1, self._turn_size)
        if not self.group_by_length or len(turns) == 0:
            return turns
        sorted_together = max(1, min(len(turns) // 4, _MAX_TURNS_SORTED_TOGETHER))
        for start in range(0, len(turns), sorted_together):
            group = turns[start : start + sorted_together]
            by_duration = np.argsort(self.mixture.durations[group.ravel()], kind="stable")
            turns[start : start + sorted_together] = group.ravel()[by_duration].reshape(group.shape)
        return generator.permutation(turns)

    def _by_duration(self, turn: np.ndarray) -> np.ndarray:
        return turn[np.argsort(self.mixture.durations[turn[:, 0]], kind="stable")] if self.group_by_length else turn

    def _batches(self, turn: np.ndarray) -> Iterator[list[tuple[int, int]]]:
        """Deal out a turn: neighbours in duration to the same accumulation step, alternating between processes."""
        pairs = [(index, visit) for index, visit in turn.tolist()]
        global_batch_size = self.batch_size * self.num_processes
        for start in range(0, len(pairs), global_batch_size):
            for process in range(self.num_processes):
                yield pairs[start + process : start + global_batch_size : self.num_processes]


def check_mixing(
    mixing: str,
    round_robin_unit: str,
    corpus_weights: Sequence[float] | None,
    temperature: float,
    stopping_strategy: str,
) -> None:
    """Check the options that say how corpora are mixed.

    Raises:
        ValueError: An option is unknown, out of range, or contradicts another.
    """
    for name, value, choices in (
        ("mixing", mixing, MIXINGS),
        ("round_robin_unit", round_robin_unit, ROUND_ROBIN_UNITS),
        ("stopping_strategy", stopping_strategy, STOPPING_STRATEGIES),
    ):
        if value not in choices:
            raise ValueError(f"{name}={value!r} is not known. Choose one of {', '.join(choices)}.")
    if round_robin_unit == "step" and mixing != "round_robin":
        raise ValueError(
            f'round_robin_unit="step" visits every corpus in each optimizer step, but mixing="{mixing}" does not. Use '
            'mixing="round_robin", or leave round_robin_unit="batch".'
        )
    if corpus_weights is not None and mixing != "weighted":
        raise ValueError(
            f'corpus_weights={list(corpus_weights)} have no effect with mixing="{mixing}". Leave them out, or use '
            'mixing="weighted".'
        )
    if corpus_weights is not None and not all(math.isfinite(weight) and weight > 0 for weight in corpus_weights):
        raise ValueError(
            f"corpus_weights={list(corpus_weights)} must all be positive numbers. A corpus that shall not be used "
            "belongs off the list of corpora."
        )
    if not temperature > 0:
        raise ValueError(
            f"temperature={temperature} must be positive: 1 keeps the corpus sizes, larger evens them out."
        )


def durations_of(dataset: datasets.Dataset) -> np.ndarray:
    """Column `duration` in seconds, shape `(num_utterances,)`; NaN where it is missing."""
    if "duration" not in dataset.column_names:
        return np.full(len(dataset), np.nan)
    return np.array(dataset["duration"][:], dtype=np.float64)


def evaluation_order(dataset: datasets.Dataset) -> list[int]:
    """Row numbers from the longest utterance to the shortest, unknown durations last.

    Neighbours in this order need little padding, and a batch too large for the memory fails at once, not at the end.
    """
    return np.argsort(-durations_of(dataset), kind="stable").tolist()


def _draw_until_exhausted(
    last_of: Callable[[np.ndarray], int],
    turns_to_exhaust: np.ndarray,
    probabilities: np.ndarray,
    generator: np.random.Generator,
) -> np.ndarray:
    """Draw pools until all (`last_of=np.max`) or some (`np.min`) were drawn as often as `turns_to_exhaust` says."""
    drawn = np.empty(0, dtype=np.int64)
    while True:
        more = generator.choice(len(probabilities), size=max(1024, len(drawn)), p=probabilities)
        drawn = np.concatenate([drawn, more])
        positions = (np.flatnonzero(drawn == pool) for pool in range(len(probabilities)))
        exhausted_at = [
            turns[needed - 1] if len(turns) >= needed else len(drawn)
            for turns, needed in zip(positions, turns_to_exhaust, strict=True)
        ]
        last = last_of(np.array(exhausted_at))
        if last < len(drawn):
            return drawn[: last + 1]


def _split_off_rarest(order: np.ndarray, taken: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Split off the `count` entries of `order` that occur least often in `taken`, otherwise the first ones."""
    start = order.min()
    occurrences = np.bincount(taken - start, minlength=len(order))[order - start]
    chosen = np.zeros(len(order), dtype=bool)
    chosen[np.argsort(occurrences, kind="stable")[:count]] = True
    return order[chosen], order[~chosen]


def _with_visit(indices: np.ndarray, visit: int) -> np.ndarray:
    return np.stack([indices, np.full_like(indices, visit)], axis=1)
