"""Interpolation of images: weighted sums of a few elements, from tables that shapes decide."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..expressions import Value, index
from ..ir import View, computed
from ..trace import LOWERINGS, NotLowered, Tracer, lowering
from .copying import _only, element


def _tables(mode: str, n: int, out: int, scale: Any, align: bool, dtype: Any) -> Any:
    from ..._ops.image import _taps

    real = np.dtype(np.float64) if dtype == np.float64 else np.dtype(np.float32)
    return _taps(mode, n, out, scale, align, real)


def _upsample(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    """One axis after the other, the last one first."""
    x, size, scales, mode, align = arguments
    out = _only(outputs)
    if out.dtype.kind not in "fV" or not out.size or not x.size:
        raise NotLowered("interpolation of integers")
    rank = len(size)
    axes = list(range(x.ndim - 1, x.ndim - 1 - rank, -1))
    for axis in axes:
        i = axis - (x.ndim - rank)
        scale = None if scales is None else scales[i]
        where, weights = _tables(mode, x.shape[axis], size[i], scale, align, x.dtype)
        shape = list(x.shape)
        shape[axis] = size[i]
        target = out if axis == axes[-1] else t.temporary(shape, computed(x.dtype))
        _along(t, target, x, axis, where, weights)
        x = target


def _along(t: Tracer, out: View, x: View, axis: int, where: Any, weights: Any) -> None:
    column = (-1,) + (1,) * (x.ndim - 1 - axis)
    taps = where.shape[1]
    tables = [t.constant(np.ascontiguousarray(where[:, i].reshape(column))) for i in range(taps)]
    if weights is not None:
        tables += [
            t.constant(np.ascontiguousarray(weights[:, i].reshape(column))) for i in range(taps)
        ]

    def formula(*v: Value) -> Value:
        total: Any = None
        for i in range(taps):
            found = element(0, x, [v[i] if a == axis else index(a) for a in range(x.ndim)])
            if weights is not None:
                found = found * v[taps + i]
            total = found if total is None else total + found
        assert isinstance(total, Value)
        return total

    t.gather_map(out, x, tables, formula)


for _name in (
    "resample", "upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d",
    "upsample_nearestexact1d", "upsample_nearestexact2d", "upsample_nearestexact3d",
    "upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d", "upsample_bicubic2d",
    "upsample_bilinearaa2d", "upsample_bicubicaa2d", "upsample_lanczosaa2d",
):  # fmt: skip
    LOWERINGS[_name] = _upsample


@lowering("resample_adjoint")
def resample_adjoint(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    """Products with the matrices of weights, one for each axis."""
    g, shape, scales, mode, align = arguments
    out = _only(outputs)
    if out.dtype.kind != "f" or out.dtype.itemsize < 4 or not out.size or not g.size:
        raise NotLowered(f"interpolation of {out.dtype}")
    rank = len(shape) - 2
    for i in range(rank):
        axis = 2 + i
        n, count = shape[axis], g.shape[axis]
        scale = None if scales is None else scales[i]
        where, weights = _tables(mode, n, count, scale, align, g.dtype)
        matrix = np.zeros((n, count), g.dtype)
        for tap in range(where.shape[1]):
            np.add.at(matrix, (where[:, tap], np.arange(count)),
                      1 if weights is None else weights[:, tap])  # fmt: skip
        made = [*g.shape[:axis], n, *g.shape[axis + 1 :]]
        target = out if i == rank - 1 else t.temporary(made, g.dtype)
        # (..., count, rest) as matrices; the last axis is a column of its own otherwise.
        weight = t.constant(matrix)
        if axis == len(shape) - 1:
            t.gemm(g, weight.transpose(), target)
        else:
            rest = int(np.prod(g.shape[axis + 1 :]))
            wide = t.reshaped(g, (*g.shape[: axis + 1], rest))
            narrow = target.reshape((*made[: axis + 1], rest))
            if narrow is None:
                raise NotLowered("interpolation into a strided result")
            t.gemm(weight, wide, narrow)
        g = target
