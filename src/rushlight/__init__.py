"""rushlight: PyTorch's training loop on NumPy. ``import rushlight as torch``."""

from __future__ import annotations

from typing import Any

from . import _dtypes
from ._alias import as_torch
from ._core import Tensor
from ._dtypes import (
    bfloat16, bool, cdouble, cfloat, complex64, complex128, double, dtype, float, float16, float32,
    float64, half, int, int8, int16, int32, int64, long, short, uint8, uint16, uint32, uint64,
)  # fmt: skip
from ._missing import missing_attribute
from ._tensor import assemble, registry
from ._tensor.device import CONSTANTS, Size, device
from ._version import __rushlight_version__, __version__

_SUBMODULES = frozenset(
    ("autograd", "nn", "optim", "utils", "serialization", "version", "torch_version")
)


def __getattr__(name: str) -> Any:
    """Public functions and submodules, made when first used."""
    target = registry.FUNCTIONS.get(name)
    if target is not None:
        found = globals()[name] = registry.resolve(target)
        return found
    if name in _SUBMODULES:
        from importlib import import_module

        return import_module("." + name, __name__)
    if name in CONSTANTS:
        return CONSTANTS[name]
    raise missing_attribute(__name__, name)
