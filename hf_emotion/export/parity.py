"""Whether another runtime computes what the classifier computes: the clips to try, and how far outputs are apart."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..pipelines.conditions import GENDERS
from .inference_graph import InferenceGraph


TOLERANCE = 1e-4
_SECONDS = (0.31, 1.0, 2.7)
_BATCH_SECONDS = 0.73
_GENDERS = (*GENDERS, None)  # of the clips of a batch in turn, for models that use them

Arrays = Mapping[str, np.ndarray]
Runner = Callable[[tuple[torch.Tensor, ...]], Arrays]


@dataclass(frozen=True)
class ParityCase:
    """
    One batch on which two runtimes were compared.

    Args:
        name (`str`): What it is, such as `"1 x 0.31 s"`.
        difference (`float`): Largest absolute difference of logits and dimensions.
        embedding_difference (`float`): Largest absolute difference of the embeddings, divided by their largest value
            where that is above one; 0 if the other runtime returns none.
    """

    name: str
    difference: float
    embedding_difference: float

    @property
    def is_within_tolerance(self) -> bool:
        """Whether both differences are at most `TOLERANCE`, and numbers."""
        return self.difference <= TOLERANCE and self.embedding_difference <= TOLERANCE


def generated_clips(lengths: Sequence[int], sampling_rate: int, seed: int = 0) -> list[np.ndarray]:
    """
    Clips of noise that swells and fades like syllables, as stand-ins for speech.

    Args:
        lengths (`Sequence[int]`): Their numbers of samples.
        sampling_rate (`int`): Their rate in Hz.
        seed (`int`, *optional*, defaults to 0): Seed of the noise.

    Returns:
        `list[np.ndarray]`: The clips, `(num_samples,)` float32.
    """
    generator = np.random.default_rng(seed)
    clips = []
    for length in lengths:
        syllables = 0.55 + 0.45 * np.sin(2 * np.pi * (4 * np.arange(length) / sampling_rate + generator.random()))
        noise = np.convolve(generator.standard_normal(length), np.ones(8) / 8)[:length]
        clips.append((0.2 * syllables * noise).astype(np.float32))
    return clips


def parity_batches(graph: InferenceGraph, minimum_samples: int, seed: int = 0) -> dict[str, list[np.ndarray]]:
    """
    Batches that show whether a graph holds for every length: the shortest clip and one with a sample more, longer ones
    alone, clips of one length together, and, where the graph reads a mask or a fixed length, padded ones.

    Args:
        graph ([`InferenceGraph`]): The graph.
        minimum_samples (`int`): Length of the shortest clip.
        seed (`int`, *optional*, defaults to 0): Seed of the clips.

    Returns:
        `dict[str, list[np.ndarray]]`: The batches by name.
    """
    rate = graph.extractor.sampling_rate
    alone = [minimum_samples, minimum_samples + 1, *(max(minimum_samples, round(s * rate)) for s in _SECONDS)]
    together = max(minimum_samples, round(_BATCH_SECONDS * rate))
    batches = [[length] for length in alone] + [[together] * 3]
    if graph.takes_any_lengths:
        batches.append([alone[-1], minimum_samples, together, together + 1])
    return {_name(lengths, rate): generated_clips(lengths, rate, seed) for lengths in batches}


def compare(graph: InferenceGraph, runner: Runner, batches: Mapping[str, list[np.ndarray]]) -> list[ParityCase]:
    """
    Run another runtime beside the graph.

    Args:
        graph ([`InferenceGraph`]): The graph, run as it is.
        runner (`Callable`): Maps the inputs of the graph to its outputs by name.
        batches (`Mapping[str, list[np.ndarray]]`): Batches by name, as [`parity_batches`] makes them.

    Returns:
        `list[ParityCase]`: One for each batch.
    """
    cases = []
    for name, clips in batches.items():
        tensors = graph.tensors(clips, [_GENDERS[index % len(_GENDERS)] for index in range(len(clips))])
        reference = run_graph(graph, tensors)
        cases.append(ParityCase(name, *_differences(reference, runner(tensors))))
    return cases


def run_graph(graph: InferenceGraph, tensors: tuple[torch.Tensor, ...]) -> dict[str, np.ndarray]:
    """Outputs of a graph by name."""
    device = next(graph.parameters()).device
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # about the two kinds of masks that WavLM's attention passes to torch
        outputs = graph(*(tensor.to(device) for tensor in tensors))
    return {name: output.cpu().numpy() for name, output in zip(graph.output_names, outputs, strict=True)}


def largest_difference(cases: Sequence[ParityCase]) -> float:
    """The largest difference of logits and dimensions in all cases; not a number if one is not."""
    return float(np.max([case.difference for case in cases]))


def _differences(reference: Arrays, other: Arrays) -> tuple[float, float]:
    furthest = {name: float(np.abs(reference[name] - array).max()) for name, array in other.items()}
    of_embeddings = furthest.pop("embeddings", 0.0)
    if of_embeddings:
        of_embeddings /= max(1.0, float(np.abs(reference["embeddings"]).max()))
    return float(np.max(list(furthest.values()))), of_embeddings


def first_lines(error: BaseException) -> str:
    """What torch says of the first of a chain of errors, without its advice to developers."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip("- ") for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2])[:300]


def _name(lengths: Sequence[int], sampling_rate: int) -> str:
    if len(set(lengths)) == 1:
        return f"{len(lengths)} x {lengths[0] / sampling_rate:.4g} s"
    return f"{len(lengths)} padded, {min(lengths) / sampling_rate:.4g} to {max(lengths) / sampling_rate:.4g} s"
