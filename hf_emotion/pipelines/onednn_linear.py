# Copyright 2026 The hf-emotion authors. Licensed under the Apache License, Version 2.0.
"""Linear layers by oneDNN on processors on which MKL, which torch uses for them, leaves AVX-512 alone.

On an AMD EPYC with AVX-512 (torch 2.13, MKL 2024.2, one thread) the layers of HuBERT base run at 95 Gflop/s with MKL
and 200 with oneDNN, which torch brings along for convolutions. Both compute in float32; results differ by rounding.
"""

import contextlib
import functools
import platform
from pathlib import Path
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


_PLAIN_TENSORS = (torch.Tensor, torch.nn.Parameter)


class OneDnnLinear(TorchFunctionMode):
    """
    Inside of `with OneDnnLinear():`, `torch.nn.functional.linear` is computed by oneDNN where it can be: on plain
    float32 tensors on the CPU, without gradients.
    """

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.nn.functional.linear and _can_compute(*args, **kwargs):
            return _linear(*args, **kwargs)
        return func(*args, **kwargs)


def fastest_linear(device: torch.device, model: Any) -> contextlib.AbstractContextManager:
    """[`OneDnnLinear`] where it makes a model faster; otherwise a context that changes nothing."""
    is_compiled = hasattr(model, "_orig_mod")  # it has chosen its kernels
    if device.type != "cpu" or is_compiled or not (has_onednn_linear() and mkl_avoids_avx512()):
        return contextlib.nullcontext()
    return OneDnnLinear()


def has_onednn_linear() -> bool:
    """Whether this build of torch has the operator, which `torch.compile` uses as well."""
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


@functools.cache
def mkl_avoids_avx512() -> bool:
    """Whether the processor has AVX-512, and is not one of those for which MKL uses it."""
    if torch.backends.cpu.get_cpu_capability() != "AVX512" or not torch.backends.mkl.is_available():
        return False
    cpu_info = Path("/proc/cpuinfo")
    name = cpu_info.read_text(encoding="utf-8", errors="replace") if cpu_info.is_file() else platform.processor()
    return "AuthenticAMD" in name


def _can_compute(inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> bool:
    tensors = [tensor for tensor in (inputs, weight, bias) if tensor is not None]
    is_plain = all(
        type(tensor) in _PLAIN_TENSORS and tensor.dtype == torch.float32 and tensor.device.type == "cpu"
        for tensor in tensors
    )
    return is_plain and inputs.dim() > 1 and inputs.numel() > 0 and not torch.is_grad_enabled()


def _linear(inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    return torch.ops.mkldnn._linear_pointwise(inputs, weight, bias, "none", [], "")
