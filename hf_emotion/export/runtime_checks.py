"""Whether torch.export, torch.compile and ONNX Runtime compute what a classifier computes, and how fast."""

from __future__ import annotations

import os
import shutil
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.export import Dim

from ..pipelines.pipeline_speech_emotion import SpeechEmotionPipeline
from .export_record import INT8_FILE, MODEL_FILE, total_bytes
from .inference_graph import InferenceGraph
from .onnx_session import open_session, run_session
from .parity import TOLERANCE, compare, first_lines, generated_clips, largest_difference, parity_batches, run_graph


_TIMED_SECONDS = 5.0
_NUM_REPEATS = 5
_REFUSALS = (AssertionError, RuntimeError)  # guards of torch.export are assertions

Tensors = tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class RuntimeCheck:
    """
    How one runtime did.

    Args:
        runtime (`str`): `"eager"`, `"torch.export"`, `"torch.compile"`, `"onnx"` or `"int8"`.
        works (`bool`): Whether it runs single clips, and but for int8, with equal results on all batches that it did
            not refuse.
        max_difference (`float`, *optional*): Largest absolute difference to eager of logits and dimensions.
        milliseconds_per_second (`float`, *optional*): Time of the network for a second of audio, in a clip of 5 s:
            the median of five runs. `None` if the runtime refuses a single clip.
        bytes (`int`, *optional*): Size of the weights, in memory or on disk.
        num_recompilations (`int`, *optional*): How often torch.compile compiled again for other lengths.
        note (`str`): Why it failed, which batches it refused, or what else to know.
    """

    runtime: str
    works: bool
    max_difference: float | None = None
    milliseconds_per_second: float | None = None
    bytes: int | None = None
    num_recompilations: int | None = None
    note: str = ""


def check_runtimes(recognizer: SpeechEmotionPipeline, folder: str | Path, seed: int = 0) -> list[RuntimeCheck]:
    """
    Check every way to run a classifier: as it is, with torch.export and torch.compile, and exported.

    Args:
        recognizer ([`SpeechEmotionPipeline`]): The classifier, on the CPU.
        folder (`str` or `pathlib.Path`): Where it was exported to; `model_int8.onnx` is checked if it is there.
        seed (`int`, *optional*, defaults to 0): Seed of the clips.

    Returns:
        `list[RuntimeCheck]`: One for each runtime.
    """
    folder = Path(folder)
    graph = InferenceGraph(recognizer.model, recognizer.feature_extractor)
    checks = [
        RuntimeCheck(
            "eager", True, 0.0, _milliseconds(graph, lambda tensors: run_graph(graph, tensors)), _weight_bytes(graph)
        ),
        check_torch_export(recognizer, seed=seed),
        check_torch_compile(recognizer, seed=seed),
        _check_file("onnx", graph, folder / MODEL_FILE, recognizer.minimum_samples, seed),
    ]
    if (folder / INT8_FILE).is_file():
        checks.append(_check_file("int8", graph, folder / INT8_FILE, recognizer.minimum_samples, seed))
    return checks


def check_torch_export(recognizer: SpeechEmotionPipeline, *, seed: int = 0) -> RuntimeCheck:
    """
    Check `torch.export.export` with free batch and time axes against the model as it is.

    Args:
        recognizer ([`SpeechEmotionPipeline`]): The classifier, on the CPU.
        seed (`int`, *optional*, defaults to 0): Seed of the clips.

    Returns:
        [`RuntimeCheck`]: What came out; a failure is in its note.
    """
    graph = InferenceGraph(recognizer.model, recognizer.feature_extractor)
    example = graph.tensors(generated_clips([14_400, 17_600], recognizer.sampling_rate, seed))
    shapes = tuple(dict.fromkeys(described.dynamic_axes, Dim.AUTO) for described in graph.inputs)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # about attributes that modules keep between passes
            module: Any = torch.export.export(graph, example, dynamic_shapes=shapes, strict=False).module()
    except (RuntimeError, ValueError) as error:
        return RuntimeCheck("torch.export", False, note=first_lines(error))

    def runner(tensors: Tensors) -> dict[str, np.ndarray]:
        with torch.no_grad():
            outputs = module(*tensors)
        return {name: output.numpy() for name, output in zip(graph.output_names, outputs, strict=True)}

    return _checked("torch.export", graph, runner, recognizer.minimum_samples, seed)


def check_torch_compile(
    recognizer: SpeechEmotionPipeline, *, backend: str = "inductor", seed: int = 0
) -> RuntimeCheck:
    """
    Check `torch.compile(model, dynamic=True)` against the model as it is, on clips of several lengths.

    Args:
        recognizer ([`SpeechEmotionPipeline`]): The classifier, on the CPU.
        backend (`str`, *optional*, defaults to `"inductor"`): Compiler, which needs g++ or `CXX` on the CPU.
        seed (`int`, *optional*, defaults to 0): Seed of the clips.

    Returns:
        [`RuntimeCheck`]: What came out, with the number of compilations after the first batch; a failure is in its
            note.
    """
    compiler = os.environ.get("CXX", "g++")
    if backend == "inductor" and shutil.which(compiler) is None:
        note = f"There is no C++ compiler {compiler}: install g++, or name yours in CXX."
        return RuntimeCheck("torch.compile", False, note=note)
    graph = InferenceGraph(recognizer.model, recognizer.feature_extractor)
    torch.compiler.reset()  # compilations of earlier models count against a limit
    compiled = torch.compile(graph.model, dynamic=True, backend=backend)
    names = [name for name in graph.output_names if name != "embeddings"]

    def runner(tensors: Tensors) -> dict[str, np.ndarray]:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")  # about functions that are traced through their cache
            outputs = compiled(**graph.named(tensors))
        return {name: outputs[name].numpy() for name in names}

    batches = parity_batches(graph, recognizer.minimum_samples, seed)
    first = next(iter(batches))
    try:
        cases = compare(graph, runner, {first: batches.pop(first)})
        num_graphs = _num_graphs()
        cases += compare(graph, runner, batches)
    except RuntimeError as error:
        return RuntimeCheck("torch.compile", False, note=first_lines(error))
    num_recompilations = _num_graphs() - num_graphs
    difference = largest_difference(cases)
    return RuntimeCheck(
        "torch.compile",
        difference <= TOLERANCE,
        difference,
        _milliseconds(graph, runner),
        _weight_bytes(graph),
        num_recompilations,
        f"{num_recompilations} graphs compiled again for other lengths and batch sizes",
    )


def _check_file(runtime: str, graph: InferenceGraph, path: Path, minimum_samples: int, seed: int) -> RuntimeCheck:
    session = open_session(path)

    def runner(tensors: Tensors) -> dict[str, np.ndarray]:
        return run_session(session, {name: tensor.numpy() for name, tensor in graph.named(tensors).items()})

    return _checked(runtime, graph, runner, minimum_samples, seed, total_bytes(path))


def _checked(
    runtime: str,
    graph: InferenceGraph,
    runner: Callable[[Tensors], Any],
    minimum_samples: int,
    seed: int,
    size: int | None = None,
) -> RuntimeCheck:
    """Compare a runtime and time it. int8 is another model on purpose, so that it works if it runs."""
    cases, refused, reason = [], [], ""
    for name, clips in parity_batches(graph, minimum_samples, seed).items():
        try:
            cases += compare(graph, runner, {name: clips})
        except _REFUSALS as error:
            refused.append(name)
            reason = reason or first_lines(error)
    note = f"refuses {' and '.join(refused)}: {reason}" if refused else ""
    if not cases:
        return RuntimeCheck(runtime, False, note=note)
    difference, milliseconds = largest_difference(cases), _milliseconds(graph, runner)
    works = milliseconds is not None and (runtime == "int8" or difference <= TOLERANCE)
    size = _weight_bytes(graph) if size is None else size
    return RuntimeCheck(runtime, works, difference, milliseconds, size, note=note)


def _milliseconds(graph: InferenceGraph, runner: Callable[[Tensors], Any]) -> float | None:
    """The time of one clip; `None` if the runtime refuses it."""
    rate = graph.extractor.sampling_rate
    tensors = graph.tensors(generated_clips([round(_TIMED_SECONDS * rate)], rate))
    try:
        runner(tensors)
    except _REFUSALS:
        return None
    times = []
    for _ in range(_NUM_REPEATS):
        start = time.perf_counter()
        runner(tensors)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times) / _TIMED_SECONDS


def _weight_bytes(graph: InferenceGraph) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in [*graph.parameters(), *graph.buffers()])


def _num_graphs() -> int:
    return torch._dynamo.utils.counters["stats"]["unique_graphs"]
