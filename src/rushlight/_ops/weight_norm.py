"""The row of weight norm: a direction times a length. Source: Salimans and Kingma 2016."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core import Tensor
from .._define.kinds import general
from .._tensor.registry import overloaded

Ints = tuple[int, ...]


def others(ndim: int, dim: int) -> Ints:
    """All dimensions but one; all of them for -1."""
    return tuple(d for d in range(ndim) if dim == -1 or d != dim)


def _weight_norm(v: Any, g: Any, dim: int) -> Any:
    length = np.sqrt(np.square(v).sum(others(v.ndim, dim), keepdims=dim != -1))
    return v * (g / length)


def _length(k: Any, v: Any, dim: Any) -> Any:
    return k.sqrt(k.sum(k.square(v), others(v.ndim, dim), dim != -1))


def _along(k: Any, g: Any, v: Any, dim: Any) -> Any:
    """What the lengths receive, but for the norm."""
    return k.sum(g * v, others(v.ndim, dim), dim != -1)


def _for_direction(k: Any, g: Any, v: Any, length: Any, dim: Any) -> Any:
    norm = _length(k, v, dim)
    return g * (length / norm) - v * (_along(k, g, v, dim) * length / (norm * norm * norm))


weight_norm = general(
    "weight_norm", _weight_norm, "_weight_norm(Tensor v, Tensor g, int dim=0) -> Tensor",
    inputs=("v", "length"), same_dtype=(0, 1), promotion="equal", floats=True, v=_for_direction,
    length=lambda k, g, v, dim: _along(k, g, v, dim) / _length(k, v, dim),
    node="WeightNormInterfaceBackward0", public=False,
)  # fmt: skip


def norm_except_dim(v: Tensor, power: int, dim: int) -> Any:
    """The norm over all dimensions but one, which stay with size 1; over all for -1."""
    x: Any = v
    if dim == -1:
        return x.norm(power)
    return x.transpose(0, dim).flatten(1).norm(power, 1).view(
        -1, *(1,) * (x.ndim - 1)).transpose(0, dim)  # fmt: skip


overloaded(
    "norm_except_dim",
    ("norm_except_dim(Tensor v, int pow=2, int dim=0) -> Tensor", norm_except_dim), method=False,
)  # fmt: skip
