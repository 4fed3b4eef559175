"""How long a classifier takes for a clip, and what it needs: real-time factor, throughput, parameters, memory."""

from __future__ import annotations

import platform
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

from ..data.data_collator import minimum_input_samples
from ..run_record import environment


DURATIONS = (1.0, 3.0, 10.0, 30.0)  # seconds
BATCH_SIZES = (1, 8)
LATENCY_FILE = "latency.json"

_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
_MEMORY_INTERVAL = 0.002  # seconds between looks at the memory of the process


def measure_latency(
    model: Any,
    extractor: Any,
    *,
    durations: Sequence[float] = DURATIONS,
    batch_sizes: Sequence[int] = BATCH_SIZES,
    num_repeats: int = 10,
    num_warmups: int = 2,
    num_threads: int | None = None,
    device: str | torch.device | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Measure a classifier on noise, for each duration and batch size.

    An arm is a duration and a batch size. After `num_warmups` runs of every arm, the arms take turns `num_repeats`
    times, in an order drawn anew each time, so that other load on the machine and its clock hit all of them alike.
    Each run is timed in two parts: feature extraction, on the CPU; and the model, from the transfer of its inputs to
    the logits (the GPU has finished). Decoding and resampling of files are not part of it.

    `real_time_factor = (extraction + model seconds) / (batch_size * duration)`: seconds of work for a second of audio;
    below 1 the classifier keeps up with live speech. `clips_per_second = batch_size / (extraction + model seconds)`.
    Both are medians over the repeats. Memory is looked at in runs of their own, which nothing is timed in, small arms
    first, since a process seldom returns memory.

    Args:
        model (`PreTrainedModel`): The classifier; it is moved to `device` and put into evaluation mode.
        extractor (`SequenceFeatureExtractor`): Its feature extractor. Extractors that pad to a fixed length, such as
            Whisper's 30 s, cost the same for all clips up to it.
        durations (`Sequence[float]`, *optional*, defaults to 1, 3, 10 and 30): Seconds of the clips.
        batch_sizes (`Sequence[int]`, *optional*, defaults to 1 and 8): Clips of equal length per batch.
        num_repeats (`int`, *optional*, defaults to 10): Timed runs of each arm.
        num_warmups (`int`, *optional*, defaults to 2): Runs of each arm before these.
        num_threads (`int`, *optional*): Threads of torch on the CPU while measuring; as they are by default.
        device (`str` or `torch.device`, *optional*): `cpu` or `cuda`; by default a GPU if there is one, else the CPU.
        seed (`int`, *optional*, defaults to 0): Seed of the noise and of the order.

    Returns:
        `dict`: Keys `parameters, hardware, environment, settings, arms`. `parameters` holds `total`, `trainable`
        (those that require gradients) and `bytes` (with buffers). An arm holds `duration`, `batch_size`,
        `extraction_seconds`, `model_seconds` and `total_seconds` (each with `median`, quartiles `low` and `high`, and
        `minimum`), `real_time_factor`, `clips_per_second` and `peak_memory_bytes`: the resident set of the process, or
        what torch allocated on the GPU.

    Raises:
        ValueError: A number is not positive, there is no such device, or a duration is shorter than the receptive
            field of a frame or longer than what the extractor takes.

    Example:

    ```python
    >>> from transformers import HubertConfig, HubertForSequenceClassification, Wav2Vec2FeatureExtractor
    >>> from hf_emotion.evaluation.latency import measure_latency
    >>> config = HubertConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    >>> model = HubertForSequenceClassification(config)
    >>> report = measure_latency(
    ...     model, Wav2Vec2FeatureExtractor(), durations=[0.5], batch_sizes=[1], num_repeats=1, device="cpu"
    ... )
    >>> report["arms"][0]["real_time_factor"] > 0
    True

    ```
    """
    _check(durations, batch_sizes, num_repeats, num_warmups, num_threads)
    minimum = minimum_input_samples(model.config).clip
    if min(durations) * extractor.sampling_rate < minimum:
        raise ValueError(
            f"Clips of {min(durations):g} s are too short for the model, which needs {minimum} samples at "
            f"{extractor.sampling_rate} Hz. Choose longer durations."
        )
    longest = getattr(extractor, "chunk_length", None)  # Whisper's extractor cuts off what comes later
    if longest is not None and max(durations) > longest:
        raise ValueError(
            f"{type(extractor).__name__} takes the first {longest:g} s of a clip only, so clips of "
            f"{max(durations):g} s cannot be measured. Choose shorter durations."
        )
    device = _device(device)
    model = model.to(device).eval()
    generator = np.random.default_rng(seed)
    arms = [_Arm(model, extractor, duration, size, generator) for duration in durations for size in batch_sizes]
    with _threads(num_threads), torch.inference_mode():
        hardware = _hardware(device)
        memory = {id(arm): arm.peak_memory() for arm in sorted(arms, key=_Arm.num_samples)}
        for arm in arms * num_warmups:
            arm.run()
        times: dict[int, list[tuple[float, float]]] = {id(arm): [] for arm in arms}
        for _ in range(num_repeats):
            for index in generator.permutation(len(arms)):
                times[id(arms[index])].append(arms[index].run())
    tensors = [*model.parameters(), *model.buffers()]
    return {
        "parameters": {
            "total": sum(parameter.numel() for parameter in model.parameters()),
            "trainable": sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad),
            "bytes": sum(tensor.numel() * tensor.element_size() for tensor in tensors),
            "dtype": str(model.dtype).removeprefix("torch."),
        },
        "hardware": hardware,
        "environment": environment(),
        "settings": {"num_repeats": num_repeats, "num_warmups": num_warmups, "seed": seed},
        "arms": [_summary(arm, times[id(arm)], memory[id(arm)]) for arm in arms],
    }


def checkpoint_bytes(source: str | Path) -> int | None:
    """
    Size of the weights of a saved model on disk.

    Args:
        source (`str` or `pathlib.Path`): Folder of a model, or the id of a model on the Hub that was loaded before.

    Returns:
        `int`, *optional*: Bytes; `None` if a model on the Hub is not in the local cache.
    """
    folder = Path(source)
    if not folder.is_dir():
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError

        try:
            folder = Path(snapshot_download(str(source), allow_patterns=list(_WEIGHTS), local_files_only=True))
        except LocalEntryNotFoundError:
            return None
    return sum(path.stat().st_size for pattern in _WEIGHTS for path in sorted(folder.glob(pattern)))


def format_latency(report: Mapping[str, Any]) -> str:
    """Lay out a measurement as a table for a terminal of 80 columns.

    Args:
        report (`Mapping`): What [`measure_latency`] returns; `model`, `checkpoint_bytes` and `trained_parameters` are
            shown where they have been added.

    Returns:
        `str`: Facts of model and machine, then a line for each duration and batch size.
    """
    hardware, parameters = report["hardware"], report["parameters"]
    trained = report.get("trained_parameters")
    size = report.get("checkpoint_bytes")
    facts = {
        "model": report.get("model"),
        "parameters": f"{parameters['total']:,}" + (f", {trained:,} trained" if trained is not None else ""),
        "in memory": f"{_megabytes(parameters['bytes'])} MB as {parameters['dtype']}",
        "checkpoint": None if size is None else f"{_megabytes(size)} MB",
        "device": f"{hardware['device']}"
        + (f", {hardware['num_threads']} threads" if hardware["kind"] == "cpu" else ""),
        "load before": f"{hardware['load_average']:.1f} of {hardware['num_cores']} cores",
    }
    rule = "-" * 80
    lines = [f"{name:<12}{value}"[:80] for name, value in facts.items() if value is not None]
    lines += [
        rule,
        f"{'clip':>6} {'batch':>5}  {'features':>9}  {'model [quartiles]':<25} {'RTF':>7} {'clips/s':>8}    memory",
        rule,
        *(_arm_line(arm) for arm in report["arms"]),
        rule,
        f"Milliseconds per batch, medians of {report['settings']['num_repeats']} runs. RTF: seconds of work per second"
        " of",
        "audio, features and model. Memory: peak of "
        + ("the process." if hardware["kind"] == "cpu" else "what torch allocates on the GPU."),
    ]
    return "\n".join(lines)


class _Arm:
    """Clips of one duration in one batch, and the ways to run them."""

    def __init__(self, model: Any, extractor: Any, duration: float, batch_size: int, generator: np.random.Generator):
        self.model, self.extractor = model, extractor
        self.duration, self.batch_size = float(duration), int(batch_size)
        length = round(duration * extractor.sampling_rate)
        self.clips = list(0.1 * generator.standard_normal((batch_size, length)).astype(np.float32))

    def num_samples(self) -> int:
        return self.batch_size * len(self.clips[0])

    def run(self) -> tuple[float, float]:
        """Seconds of feature extraction and of the model."""
        device = self.model.device
        start = time.perf_counter()
        # padded as the extractor does by default: not at all, or to the fixed length that its encoder asks for
        inputs = self.extractor(self.clips, sampling_rate=self.extractor.sampling_rate, return_tensors="pt")
        extracted = time.perf_counter()
        self.model(**{name: tensor.to(device) for name, tensor in inputs.items()})
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return extracted - start, time.perf_counter() - extracted

    def peak_memory(self) -> int:
        if self.model.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.model.device)
            self.run()
            return torch.cuda.max_memory_allocated(self.model.device)
        with _watched_memory() as looks:
            self.run()
        return max(looks)


@contextmanager
def _watched_memory() -> Iterator[list[int]]:
    """Look at the resident set of this process from a thread, until the block ends."""
    process, is_over = psutil.Process(), threading.Event()
    looks = [process.memory_info().rss]

    def watch() -> None:
        while not is_over.wait(_MEMORY_INTERVAL):
            looks.append(process.memory_info().rss)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield looks
    finally:
        is_over.set()
        thread.join()
        looks.append(process.memory_info().rss)


@contextmanager
def _threads(number: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _summary(arm: _Arm, times: Sequence[tuple[float, float]], memory: int) -> dict[str, Any]:
    extraction, forward = (np.array(column) for column in zip(*times, strict=True))
    total = extraction + forward
    median = float(np.median(total))
    return {
        "duration": arm.duration,
        "batch_size": arm.batch_size,
        "extraction_seconds": _spread(extraction),
        "model_seconds": _spread(forward),
        "total_seconds": _spread(total),
        "real_time_factor": median / (arm.batch_size * arm.duration),
        "clips_per_second": arm.batch_size / median,
        "peak_memory_bytes": memory,
    }


def _spread(seconds: np.ndarray) -> dict[str, float]:
    low, median, high = np.quantile(seconds, [0.25, 0.5, 0.75]).tolist()
    return {"median": median, "low": low, "high": high, "minimum": float(seconds.min())}


def _device(name: str | torch.device | None) -> torch.device:
    try:
        device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
    except RuntimeError as error:
        raise ValueError(f"{name!r} is no device of torch; name cpu, cuda or cuda:1 ...") from error
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"Only cpu and cuda devices can be timed, not {device}: others are not waited for.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"There is no {device}: torch finds {torch.cuda.device_count()} GPUs. Use cpu.")
    return device


def _hardware(device: torch.device) -> dict[str, Any]:
    return {
        "kind": device.type,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else _processor(),
        "processor": _processor(),
        "num_cores": psutil.cpu_count(),
        "num_threads": torch.get_num_threads(),
        "memory_bytes": psutil.virtual_memory().total,
        "load_average": psutil.getloadavg()[0],
    }


def _processor() -> str:
    """Name of the CPU; `platform` knows none on Linux."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.is_file() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()


def _check(durations, batch_sizes, num_repeats, num_warmups, num_threads):
    wanted = {"durations": durations, "batch_sizes": batch_sizes, "num_repeats": [num_repeats]}
    if num_threads is not None:
        wanted["num_threads"] = [num_threads]
    for name, values in wanted.items():
        if not len(values) or min(values) <= 0:
            raise ValueError(f"`{name}` must be above zero, but is {values if len(values) != 1 else values[0]}.")
    if num_warmups < 0:
        raise ValueError(f"`num_warmups` must not be negative, but is {num_warmups}.")


def _arm_line(arm: Mapping[str, Any]) -> str:
    def milliseconds(seconds: float) -> str:
        return f"{1000 * seconds:.1f}" if seconds < 1 else f"{1000 * seconds:.0f}"

    spread = arm["model_seconds"]
    model = f"{milliseconds(spread['median'])} [{milliseconds(spread['low'])}, {milliseconds(spread['high'])}]"
    return (
        f"{arm['duration']:>4g} s {arm['batch_size']:>5}  {milliseconds(arm['extraction_seconds']['median']):>9}  "
        f"{model:<25} {arm['real_time_factor']:>7.4f} {arm['clips_per_second']:>8.1f} "
        f"{_megabytes(arm['peak_memory_bytes']):>6} MB"
    )


def _megabytes(number: int) -> str:
    return f"{number / 1e6:,.1f}" if number < 1e7 else f"{number / 1e6:,.0f}"
