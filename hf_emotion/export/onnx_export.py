"""Writes a classifier as an ONNX file that ONNX Runtime runs without torch, and checks it before it is kept."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import ModelCard
from transformers.utils.hub import cached_file

from ..pipelines.pipeline_speech_emotion import SpeechEmotionPipeline
from .export_card import export_card
from .export_record import (
    CARD_FILE,
    INT8_FILE,
    LARGEST_SINGLE_FILE,
    MODEL_FILE,
    RECORD_FILE,
    RECORD_FORMAT,
    data_file,
    load_record,
    save_record,
)
from .inference_graph import InferenceGraph
from .onnx_session import INSTALL_HINT, open_session, run_session
from .parity import TOLERANCE, ParityCase, compare, first_lines, largest_difference, parity_batches
from .quantization import quantize_int8


DEFAULT_OPSET = 20  # the first that has GELU as one operator
OPSETS = range(18, 24)

_PACKAGES = ("hf-emotion", "torch", "transformers", "onnx", "onnxscript", "onnxruntime")
_EXAMPLE_SECONDS = (0.9, 1.1)
_CHATTY_LOGGERS = ("torch.onnx", "onnxscript", "onnx_ir")


def export_onnx(
    source: str | SpeechEmotionPipeline,
    folder: str | Path,
    *,
    opset: int = DEFAULT_OPSET,
    int8: bool = False,
    clips: Sequence[np.ndarray] | None = None,
    trust_remote_code: bool = False,
    seed: int = 0,
) -> dict[str, Any]:
    """
    Export a classifier to ONNX, with free batch and time axes (Whisper: 30 s), and compare it with the original.

    The outputs are `logits`, `dimensions` if the model regresses any beside classes, and `embeddings`, the input of
    the last layer. Models that use the speaker's gender have an input for it; the text of those that use one is
    unknown. Nothing is written unless all outputs
    equal those of the original within 1e-4 on short and long clips, alone and padded in batches. Weights of 1.9 GB
    and more lie in a file of their own beside the graph.

    Args:
        source (`str` or [`SpeechEmotionPipeline`]): Folder or Hub id of a classifier, or a pipeline of one.
        folder (`str` or `pathlib.Path`): Where to write `model.onnx`, `config.json`, `preprocessor_config.json`,
            `export.json` with all that is known of the export, and a card. Files of these names are replaced.
        opset (`int`, *optional*, defaults to 20): Version of ONNX's operators, 18 to 23.
        int8 (`bool`, *optional*, defaults to `False`): Whether to write `model_int8.onnx` too, see
            [`~hf_emotion.export.quantization.quantize_int8`].
        clips (`Sequence[np.ndarray]`, *optional*): Mono clips at the model's rate on which int8 is compared with
            float32; generated noise by default, which says little about speech.
        trust_remote_code (`bool`, *optional*, defaults to `False`): Whether code from the repository may run. Read it
            first.
        seed (`int`, *optional*, defaults to 0): Seed of generated clips.

    Returns:
        `dict`: What `export.json` holds.

    Raises:
        ImportError: onnx, onnxscript or onnxruntime are not installed.
        ValueError: The model cannot be traced, its outputs differ, or an argument cannot work.

    Example:

    ```python
    >>> from hf_emotion.export.onnx_export import export_onnx
    >>> record = export_onnx("outputs/mine", "outputs/mine_onnx", int8=True)  # doctest: +SKIP
    >>> record["parity"]["max_difference"]  # doctest: +SKIP
    2.4e-07

    ```
    """
    if opset not in OPSETS:
        raise ValueError(f"Opset {opset} cannot be written, only {OPSETS.start} to {OPSETS.stop - 1}.")
    _check_installed()
    folder = Path(folder)
    recognizer = source
    if not isinstance(recognizer, SpeechEmotionPipeline):
        recognizer = load_exportable(str(source), trust_remote_code=trust_remote_code)
    graph = InferenceGraph(recognizer.model, recognizer.feature_extractor)
    original_card = _card_in(recognizer.model.name_or_path if source is recognizer else str(source))
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=folder) as scratch:
        unfinished = Path(scratch)
        _write_graph(graph, unfinished / MODEL_FILE, opset)
        cases = check_onnx(graph, unfinished / MODEL_FILE, recognizer.minimum_samples, seed)
        _save_config(recognizer.model.config, unfinished / "config.json")
        recognizer.feature_extractor.save_pretrained(unfinished)
        save_record(unfinished, _record(source, recognizer, graph, opset, cases))
        if int8:
            quantize_int8(unfinished, clips=clips, seed=seed)
        record = load_record(unfinished)
        (unfinished / CARD_FILE).write_text(export_card(record, original_card), encoding="utf-8")
        _replace_files(unfinished, folder)
    return record


def check_onnx(graph: InferenceGraph, path: str | Path, minimum_samples: int, seed: int = 0) -> list[ParityCase]:
    """
    Compare an ONNX file with the graph that it was made from.

    Args:
        graph ([`InferenceGraph`]): The graph.
        path (`str` or `pathlib.Path`): The file.
        minimum_samples (`int`): Length of the shortest clip to compare on.
        seed (`int`, *optional*, defaults to 0): Seed of the clips.

    Returns:
        `list[ParityCase]`: The batches compared and the differences.

    Raises:
        ValueError: Outputs differ by more than 1e-4; names the batch.
    """
    session = open_session(path)

    def runner(tensors: tuple[torch.Tensor, ...]) -> dict[str, np.ndarray]:
        return run_session(session, {name: tensor.numpy() for name, tensor in graph.named(tensors).items()})

    cases = compare(graph, runner, parity_batches(graph, minimum_samples, seed))
    if wrong := [case for case in cases if not case.is_within_tolerance]:
        raise ValueError(
            f"The exported graph does not compute what {type(graph.model).__name__} computes: on {wrong[0].name} its "
            f"outputs differ by {wrong[0].difference:.1e} and its embeddings by {wrong[0].embedding_difference:.1e}, "
            f"where {TOLERANCE:.0e} is allowed. Nothing was written; use the model with torch."
        )
    return cases


def load_exportable(source: str, *, trust_remote_code: bool = False) -> SpeechEmotionPipeline:
    """
    Load a single classifier on the CPU.

    Args:
        source (`str`): Folder or Hub id.
        trust_remote_code (`bool`, *optional*, defaults to `False`): Whether code from the repository may run.

    Returns:
        [`SpeechEmotionPipeline`]: The classifier.

    Raises:
        ValueError: It is an ensemble or has been exported.
    """
    from ..recognition import load_recognizer  # which loads exported models with this package

    recognizer = load_recognizer(source, trust_remote_code=trust_remote_code, device="cpu")
    if not isinstance(recognizer, SpeechEmotionPipeline):
        raise ValueError(
            f"{source} is no single model with weights of torch ({type(recognizer).__name__}), so there is nothing to "
            "export. Export the members of an ensemble one by one."
        )
    return recognizer


def _check_installed() -> None:
    for package in ("onnx", "onnxscript", "onnxruntime"):
        try:
            version(package)
        except PackageNotFoundError as error:
            raise ImportError(f"Exporting to ONNX needs {package}, which is not installed. {INSTALL_HINT}") from error


def _write_graph(graph: InferenceGraph, path: Path, opset: int) -> None:
    rate = graph.extractor.sampling_rate
    example = graph.tensors([np.zeros(round(seconds * rate), dtype=np.float32) for seconds in _EXAMPLE_SECONDS])
    try:
        with _quiet_exporter(), torch.no_grad():
            program: Any = torch.onnx.export(
                graph,
                example,
                dynamo=True,
                dynamic_shapes=tuple(described.dynamic_axes for described in graph.inputs),
                input_names=[described.name for described in graph.inputs],
                output_names=list(graph.output_names),
                opset_version=opset,
                verbose=False,
            )
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"{type(graph.model).__name__} cannot be traced with free batch and time axes, so it cannot be exported: "
            f"{first_lines(error)}"
        ) from error
    weights = sum(tensor.numel() * tensor.element_size() for tensor in [*graph.parameters(), *graph.buffers()])
    program.save(str(path), external_data=weights > LARGEST_SINGLE_FILE)


@contextlib.contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Leave out what the exporter logs and warns about its own registry and optimiser."""
    loggers = [logging.getLogger(name) for name in _CHATTY_LOGGERS]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _record(
    source: str | SpeechEmotionPipeline,
    recognizer: SpeechEmotionPipeline,
    graph: InferenceGraph,
    opset: int,
    cases: Sequence[ParityCase],
) -> dict[str, Any]:
    return {
        "format": RECORD_FORMAT,
        "source": _name(recognizer.model.name_or_path if source is recognizer else str(source)),
        "model_class": type(recognizer.model).__name__,
        "num_parameters": sum(parameter.numel() for parameter in recognizer.model.parameters()),
        "opset": opset,
        "inputs": {described.name: list(described.shape) for described in graph.inputs},
        "outputs": list(graph.output_names),
        "recognizer": {
            "classes": list(recognizer.classes),
            "dimension_names": list(recognizer.dimension_names),
            "sampling_rate": recognizer.sampling_rate,
            "minimum_samples": recognizer.minimum_samples,
            "max_seconds": recognizer.max_seconds,
            "can_pad": recognizer.can_pad and graph.takes_any_lengths,
            "activation": recognizer.activation,
            "conditioned_on": list(recognizer.conditioned_on),
        },
        "parity": {
            "tolerance": TOLERANCE,
            "max_difference": largest_difference(cases),
            "cases": {case.name: case.difference for case in cases},
        },
        "versions": {package: version(package) for package in _PACKAGES},
    }


def _card_in(source: str) -> ModelCard | None:
    """The card in a folder or a repository, if there is one."""
    if not source:
        return None
    path = cached_file(
        source,
        CARD_FILE,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    return None if path is None else ModelCard.load(path)


def _save_config(config: Any, path: Path) -> None:
    """The config without what names code: no code is needed, so none lies in the folder."""
    fields = {name: value for name, value in config.to_dict().items() if name not in ("auto_map", "custom_pipelines")}
    path.write_text(json.dumps(fields, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _name(source: str) -> str | None:
    """What the model is called; where its folder lies is nobody's business."""
    return Path(source).resolve().name if Path(source).is_dir() else source or None


def _replace_files(unfinished: Path, folder: Path) -> None:
    """Move all files to their place, the record last. Those of an earlier export that have no successor go."""
    written = sorted(path.name for path in unfinished.iterdir())
    for model in (folder / MODEL_FILE, folder / INT8_FILE):
        for path in (model, data_file(model)):
            if path.name not in written:
                path.unlink(missing_ok=True)
    for name in sorted(written, key=RECORD_FILE.__eq__):
        os.replace(unfinished / name, folder / name)
