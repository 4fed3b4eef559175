"""An ONNX file, opened with ONNX Runtime; errors say what is wrong with the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np


if TYPE_CHECKING:
    from onnxruntime import InferenceSession


INSTALL_HINT = 'Install it with `pip install "hf-emotion[export]"`.'
DEFAULT_PROVIDERS = ("CPUExecutionProvider",)


def open_session(
    path: str | Path, providers: Sequence[str | tuple[str, dict]] | None = None, num_threads: int | None = None
) -> InferenceSession:
    """
    Open an ONNX file.

    Args:
        path (`str` or `pathlib.Path`): The file; weights that it keeps in other files are read from beside it.
        providers (`Sequence[str]`, *optional*): Execution providers of ONNX Runtime, preferred ones first, with
            options as `(name, options)`; the CPU by default.
        num_threads (`int`, *optional*): Threads inside an operator; as many as the machine has cores by default.

    Returns:
        `onnxruntime.InferenceSession`: The session.

    Raises:
        ImportError: onnxruntime is not installed.
        FileNotFoundError: There is no such file, or weights beside it are missing.
        ValueError: The file is no ONNX model that this version of ONNX Runtime can run, or a provider is unknown.
    """
    runtime = _import_runtime()
    errors = runtime.capi.onnxruntime_pybind11_state
    path, wanted = Path(path), list(providers or DEFAULT_PROVIDERS)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}. Write it with `hf-emotion export`.")
    _check_providers(wanted, runtime.get_available_providers())
    options = runtime.SessionOptions()
    options.log_severity_level = 3  # errors only: warnings are about its own optimisations
    if num_threads is not None:
        options.intra_op_num_threads = num_threads
    try:
        return runtime.InferenceSession(str(path), options, providers=wanted)
    except (errors.NoSuchFile, errors.NotFound) as error:
        raise FileNotFoundError(f"{path} needs a file that is not there: {_reason(error)}") from error
    except (
        errors.Fail,
        errors.InvalidArgument,
        errors.InvalidGraph,
        errors.InvalidProtobuf,
        errors.NotImplemented,
        errors.RuntimeException,
    ) as error:
        raise ValueError(
            f"{path} is no model that ONNX Runtime {runtime.__version__} can run ({_reason(error)}). It may be "
            "incomplete, or need a newer version: copy or export it again, or upgrade onnxruntime."
        ) from error


def run_session(session: InferenceSession, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """
    Run a session on the outputs of a feature extractor.

    Args:
        session (`onnxruntime.InferenceSession`): The session.
        inputs (`Mapping[str, np.ndarray]`): Arrays by name, with more than the model reads or exactly that.

    Returns:
        `dict[str, np.ndarray]`: The outputs by name.
    """
    wanted = {node.name: _NUMPY_TYPES[node.type] for node in session.get_inputs()}
    feed = {name: np.asarray(inputs[name], dtype=of_type) for name, of_type in wanted.items()}
    names = [node.name for node in session.get_outputs()]
    outputs: list[Any] = session.run(names, feed)
    return dict(zip(names, outputs, strict=True))


# those that the graphs of this package read
_NUMPY_TYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64}


def import_onnx() -> Any:
    """The package onnx, or an error that names the extra that it comes with."""
    try:
        import onnx
    except ImportError as error:
        raise ImportError(f"ONNX files are written with onnx, which is not installed. {INSTALL_HINT}") from error
    return onnx


def _import_runtime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError(f"ONNX models are run by onnxruntime, which is not installed. {INSTALL_HINT}") from error
    return onnxruntime


def _check_providers(wanted: Sequence[str | tuple[str, dict]], available: Sequence[str]) -> None:
    names = [provider if isinstance(provider, str) else provider[0] for provider in wanted]
    if unknown := sorted(set(names) - set(available)):
        raise ValueError(
            f"ONNX Runtime has no {' and '.join(unknown)} here, only {', '.join(available)}. GPUs need the package "
            "onnxruntime-gpu."
        )


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
