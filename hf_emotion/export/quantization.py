"""Weights of 8 bits for CPUs: a quarter of the size, and what that does to the results."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..pipelines.scoring import Scorer
from .export_record import INT8_FILE, LARGEST_SINGLE_FILE, MODEL_FILE, data_file, load_record, save_record, total_bytes
from .onnx_recognizer import OnnxSpeechEmotion
from .onnx_session import import_onnx
from .parity import generated_clips


_OPERATORS = ("MatMul", "Gemm")  # in 8 bits, convolutions of few channels are slower and less exact
_NUM_GENERATED = 16
_SECONDS = (1.0, 5.0)


def quantize_int8(
    folder: str | Path, *, clips: Sequence[np.ndarray] | None = None, batch_size: int = 1, seed: int = 0
) -> dict[str, Any]:
    """
    Quantise the linear layers of an exported model dynamically, and compare the results with those of float32.

    Their weights get 8 bits with a scale per output; their inputs get 8 bits with a scale that each run measures.
    Convolutions, attention between frames, norms and the layers that give the outputs stay in float32.

    Args:
        folder (`str` or `pathlib.Path`): Folder that [`~hf_emotion.export.onnx_export.export_onnx`] wrote. It gets
            `model_int8.onnx`; `export.json` gets an entry `int8`.
        clips (`Sequence[np.ndarray]`, *optional*): Mono clips at the model's rate to compare on; by default generated
            noise, whose results say little about those of speech.
        batch_size (`int`, *optional*, defaults to 1): Clips per batch in the comparison.
        seed (`int`, *optional*, defaults to 0): Seed of generated clips.

    Returns:
        `dict`: `bytes` and `float32_bytes`, with weights in files beside them; `num_quantized` layers; `num_clips` and
        whether they were `generated`; `top_class_agreement`, the share of clips with the same best class;
        `max_score_difference` of the classes, `max_dimension_difference` of emotion dimensions. What a model does not
        have is `None`.

    Raises:
        ImportError: onnx or onnxruntime are not installed.
        FileNotFoundError: The folder holds no exported model.
        ValueError: The model has no layer that can be quantised.
    """
    folder = Path(folder)
    record = load_record(folder)
    exact = OnnxSpeechEmotion.from_pretrained(folder, MODEL_FILE)
    num_quantized = _quantize(folder / MODEL_FILE, folder / INT8_FILE)
    coarse = OnnxSpeechEmotion.from_pretrained(folder, INT8_FILE)
    is_generated = clips is None
    if clips is None:
        lengths = np.linspace(*_SECONDS, _NUM_GENERATED) * exact.sampling_rate
        clips = generated_clips(lengths.astype(int).tolist(), exact.sampling_rate, seed)
    report = {
        "bytes": total_bytes(folder / INT8_FILE),
        "float32_bytes": total_bytes(folder / MODEL_FILE),
        "num_quantized": num_quantized,
        "num_clips": len(clips),
        "generated": is_generated,
        **_effect(exact, coarse, clips, batch_size),
    }
    save_record(folder, record | {"int8": report})
    return report


def _quantize(source: Path, target: Path) -> int:
    """Write the quantised model; the number of its layers with 8 bits."""
    onnx = import_onnx()
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = onnx.load(source)
    del model.graph.value_info[:]  # shapes of weights, which quantisation transposes
    outputs = {output.name for output in model.graph.output}
    heads = [node.name for node in model.graph.node if outputs & set(node.output)]
    heads += [f"{name}_MatMul" for name in heads]  # what the quantiser calls the first half of a Gemm
    data_file(target).unlink(missing_ok=True)  # it would be appended to
    with _quiet_quantizer():
        quantize_dynamic(
            model,
            target,
            op_types_to_quantize=list(_OPERATORS),
            nodes_to_exclude=heads,
            per_channel=True,
            weight_type=QuantType.QInt8,
            use_external_data_format=total_bytes(source) > LARGEST_SINGLE_FILE,
        )
    nodes = onnx.load(target, load_external_data=False).graph.node
    num_quantized = sum(node.op_type == "MatMulInteger" for node in nodes)
    if not num_quantized:
        target.unlink()
        raise ValueError(f"{source.name} has no linear layer that could be quantised. Use it in float32.")
    return num_quantized


def _effect(
    exact: OnnxSpeechEmotion, coarse: OnnxSpeechEmotion, clips: Sequence[np.ndarray], batch_size: int
) -> dict[str, float | None]:
    before, after = (recognizer.outputs(list(clips), batch_size) for recognizer in (exact, coarse))
    scorer = Scorer(exact.classes, exact.dimension_names, exact.activation)
    scores, coarse_scores = scorer.scores(before.logits), scorer.scores(after.logits)
    agreement = None
    if scores is not None and coarse_scores is not None:
        agreement = float(np.mean(scores.argmax(1) == coarse_scores.argmax(1)))
    return {
        "top_class_agreement": agreement,
        "max_score_difference": _largest_difference(scores, coarse_scores),
        "max_dimension_difference": _largest_difference(before.dimensions, after.dimensions),
    }


def _largest_difference(before: np.ndarray | None, after: np.ndarray | None) -> float | None:
    return None if before is None or after is None else float(np.abs(before - after).max())


@contextlib.contextmanager
def _quiet_quantizer() -> Iterator[None]:
    """Leave out the advice to optimise the graph first, which the exporter has done; it comes on the root logger."""
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
