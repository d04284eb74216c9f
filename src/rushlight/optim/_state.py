"""What optimizers keep for a parameter, and numbers that may be given as Tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core import Tensor, wrap
from .._dtypes import FLOAT32
from ._plan import aligned


def count(value: float) -> Tensor:
    """The tensor that keeps a number of the state, such as how many steps were made."""
    return wrap(np.array(value, FLOAT32))


def zeros_like(p: Tensor) -> Tensor:
    """Zeros of the dtype and in the memory layout of `p`."""
    data = p._data
    if data.flags.c_contiguous:
        return wrap(aligned(data.size, data.dtype).reshape(data.shape))
    return wrap(np.zeros_like(data, subok=False))


def full_like(p: Tensor, value: float) -> Tensor:
    """`value` everywhere, in the layout of `p`."""
    t = zeros_like(p)
    t._data[...] = value
    return t


def as_float(x: Any) -> float:
    """A hyperparameter as a Python float; a Tensor of one element is read."""
    return float(x._data.item()) if isinstance(x, Tensor) else float(x)
