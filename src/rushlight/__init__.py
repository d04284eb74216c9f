"""rushlight: PyTorch's training loop on NumPy.

``import rushlight as torch``, or ``rushlight run script.py`` with the script's own
``import torch``. Names are found when they are first used, so that importing costs little more
than importing NumPy.
"""

from __future__ import annotations

from math import e, inf, nan, pi
from typing import Any

from . import _importing  # isort: skip - before everything that takes time
from . import _dtypes
from ._alias import as_torch
from ._core import Tensor
from ._dtypes import (
    bfloat16,
    bool,
    cdouble,
    cfloat,
    complex64,
    complex128,
    double,
    dtype,
    float,
    float16,
    float32,
    float64,
    half,
    int,
    int8,
    int16,
    int32,
    int64,
    long,
    short,
    uint8,
    uint16,
    uint32,
    uint64,
)  # fmt: skip
from ._missing import missing_attribute
from ._tensor import assemble, registry
from ._tensor.device import CONSTANTS, Size, device, layout, memory_format
from ._version import __rushlight_version__, __version__

_importing.done()

newaxis = None

#: Modules that are attributes of the package once they are asked for.
_SUBMODULES = frozenset(
    (
        "accelerator", "amp", "autograd", "backends", "compiler", "cpu", "cuda", "func",
        "functional", "hub", "jit", "linalg", "mps", "multiprocessing", "nn", "onnx", "optim",
        "overrides", "random", "return_types", "serialization", "special", "testing",
        "torch_version", "types", "utils", "version", "xpu",
    )
)  # fmt: skip

#: Names that live in a module which is loaded when they are asked for.
_LAZY = {
    "DisableTorchFunctionSubclass": "_define.overriding",
    "GradScaler": "amp.grad_scaler",
    "OutOfMemoryError": "cuda.memory",
    "autocast": "amp.autocast_mode",
    "is_autocast_enabled": "amp.autocast_mode",
    "enable_grad": "autograd.grad_mode",
    "inference_mode": "autograd.grad_mode",
    "is_grad_enabled": "autograd.grad_mode",
    "is_inference_mode_enabled": "autograd.grad_mode",
    "no_grad": "autograd.grad_mode",
    "set_grad_enabled": "autograd.grad_mode",
    "compile": "_compile",
    "vmap": "func",
    "load": "serialization",
    "save": "serialization",
    "set_printoptions": "_tensor.printing",
}


#: Names that this file has for its own use.
_OURS = frozenset(("Any", "CONSTANTS", "annotations", "assemble", "missing_attribute", "registry"))


def __getattr__(name: str) -> Any:
    """Public functions and submodules, made when first used."""
    target = registry.function(name)
    if target is not None and name not in registry.ONLY_IN_NN:
        found = globals()[name] = registry.resolve(target, name)
        return found
    where = _LAZY.get(name)
    if where is not None or name in _SUBMODULES:
        from importlib import import_module

        if where is None:
            return import_module("." + name, __name__)
        found = globals()[name] = getattr(import_module("." + where, __name__), name)
        return found
    if name in CONSTANTS:
        return CONSTANTS[name]
    raise missing_attribute(__name__, name)


def __dir__() -> list[str]:
    functions = {*registry.FUNCTIONS, *registry.LATE_NAMES} - registry.ONLY_IN_NN
    names = {*globals(), *functions, *_LAZY, *_SUBMODULES, *CONSTANTS} - _OURS
    return sorted(names)


__all__ = [
    "Size", "Tensor", "as_torch", "assemble", "bfloat16", "bool", "cdouble", "cfloat", "complex64",
    "complex128", "device", "double", "dtype", "e", "float", "float16", "float32", "float64",
    "half", "inf", "int", "int8", "int16", "int32", "int64", "layout", "long", "memory_format",
    "nan", "newaxis", "pi", "short", "uint8", "uint16", "uint32", "uint64",
    "__rushlight_version__", "__version__", "_dtypes",
]  # fmt: skip
