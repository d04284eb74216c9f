"""``torch.backends``: switches of PyTorch's libraries.

What a program sets is remembered and can be read again; rushlight has one way of computing, and
it is deterministic.
"""

from __future__ import annotations

from typing import Any

from .._missing import missing_attribute
from . import cpu, cuda, cudnn, mkl, mkldnn, mps, nnpack, openmp, opt_einsum, quantized

fp32_precision = "none"

__all__ = [
    "cpu", "cuda", "cudnn", "fp32_precision", "mkl", "mkldnn", "mps", "nnpack", "openmp",
    "opt_einsum", "quantized",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
