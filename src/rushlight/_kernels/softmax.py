"""Softmax, its logarithm and the logarithm of a sum of exponentials, on NumPy arrays.

Rows are worked on a few at a time, so that they stay in cache. Half and bfloat16 are computed in
float32 and rounded once. Nothing here silences NumPy's floating-point warnings: the caller has
done so for the whole pass.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from . import native
from .memory import keep_freed_memory_once
from .reduce import is_short_float, row_sum

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[Any]
    Ints = tuple[int, ...]

# Elements per piece: its temporaries fit the second-level cache.
_PIECE = 1 << 15
_FLOAT32 = np.dtype(np.float32)
_FLOAT64 = np.dtype(np.float64)
_NATIVE = (_FLOAT32, _FLOAT64)


def _along_rows(x: Array, dim: int, rows: Callable[[Array, Array], None]) -> Array:
    """Apply ``rows(source, target)`` to matrices whose rows are the runs of ``x`` along dim."""
    if x.size == 0:
        return np.empty(x.shape, x.dtype)
    if x.ndim == 0:
        return _along_rows(x.reshape(1), 0, rows).reshape(())
    last = dim in (-1, x.ndim - 1)
    source = x if last else np.moveaxis(x, dim, -1)
    shape = source.shape
    wide = _FLOAT32 if is_short_float(x.dtype) else x.dtype
    source = np.ascontiguousarray(source, wide).reshape(-1, shape[-1])
    out: Array = np.empty(source.shape, wide)
    step = max(1, _PIECE // shape[-1])
    if step < len(source):
        keep_freed_memory_once()
    for first in range(0, source.shape[0], step):
        rows(source[first : first + step], out[first : first + step])
    out = out.reshape(shape)
    if not last:
        out = np.ascontiguousarray(np.moveaxis(out, -1, dim))
    return out.astype(x.dtype, copy=False)


# Rows shorter than this are compared column by column.
_SHORT_ROW = 64


def _row_max(x: Array) -> Array:
    width = x.shape[1]
    if width < _SHORT_ROW:
        return np.maximum.reduce(x.T.copy(), axis=0)[:, None]
    # argmax is faster than maximum.reduce along rows, and finds NaN as well.
    best = x.argmax(axis=1)
    best += np.arange(0, x.size, width)
    return x.reshape(-1).take(best)[:, None]


def _row_sum(x: Array) -> Array:
    return row_sum(x, np.empty((x.shape[0], 1), x.dtype))


def softmax_rows(x: Array, out: Array) -> None:
    """:func:`softmax` of the rows of a matrix; `out` may be `x`."""
    np.subtract(x, _row_max(x), out=out)
    np.exp(out, out=out)
    np.divide(out, _row_sum(out), out=out)


def _log_softmax_rows(x: Array, out: Array) -> None:
    np.subtract(x, _row_max(x), out=out)
    total = _row_sum(np.exp(out))
    np.subtract(out, np.log(total, out=total), out=out)


def softmax(x: Array, dim: int) -> Array:
    """``exp(x) / sum exp(x)`` along ``dim``; NaN where nothing is finite.

    >>> softmax(np.zeros((1, 4), "f"), 1)
    array([[0.25, 0.25, 0.25, 0.25]], dtype=float32)
    """
    if x.size >= native.limit and x.dtype in _NATIVE:
        made = native.whole("softmax", x, dim)
        if made is not None:
            return made[0]
    return _along_rows(x, dim, softmax_rows)


def log_softmax(x: Array, dim: int) -> Array:
    """Logarithm of :func:`softmax`, ``x - max - log(sum exp(x - max))``."""
    if x.size >= native.limit and x.dtype in _NATIVE:
        made = native.whole("log_softmax", x, dim)
        if made is not None:
            return made[0]
    return _along_rows(x, dim, _log_softmax_rows)


def softmax_backward(g: Array, out: Array, dim: int) -> Array:
    """``out (g - sum(g out))``: the gradient of :func:`softmax` from its result."""
    if out.size >= native.limit and out.dtype in _NATIVE and g.dtype == out.dtype:
        made = native.whole("softmax_backward", g, out, dim)
        if made is not None:
            return made[0]
    rows = _matching_rows(g, out, dim)
    if rows is None:
        product = g * out
        total = product.sum(dim, keepdims=True) if out.ndim else product
        return np.asarray(out * (g - total))
    g, flat = rows
    result = np.empty(flat.shape, out.dtype)
    step = max(1, _PIECE // flat.shape[1])
    for first in range(0, len(flat), step):
        part = slice(first, first + step)
        source, factor = g[part], flat[part]
        target = np.subtract(source, np.vecdot(source, factor)[:, None], out=result[part])
        np.multiply(target, factor, out=target)
    return result.reshape(out.shape)


def log_softmax_backward(g: Array, out: Array, dim: int) -> Array:
    """``g - exp(out) sum(g)``: the gradient of :func:`log_softmax` from its result."""
    if out.size >= native.limit and out.dtype in _NATIVE and g.dtype == out.dtype:
        made = native.whole("log_softmax_backward", g, out, dim)
        if made is not None:
            return made[0]
    rows = _matching_rows(g, out, dim)
    if rows is None:
        return np.asarray(g - np.exp(out) * (g.sum(dim, keepdims=True) if out.ndim else g))
    g, flat = rows
    result = np.empty(flat.shape, out.dtype)
    step = max(1, _PIECE // flat.shape[1])
    for first in range(0, len(flat), step):
        part = slice(first, first + step)
        source = g[part]
        target = np.exp(flat[part], out=result[part])
        np.multiply(target, _row_sum(source), out=target)
        np.subtract(source, target, out=target)
    return result.reshape(out.shape)


def _matching_rows(g: Array, out: Array, dim: int) -> tuple[Array, Array] | None:
    """Both as matrices whose rows are summed; None where other dims are."""
    if dim not in (-1, out.ndim - 1) or out.dtype not in (_FLOAT32, _FLOAT64) or not out.size:
        return None
    width = out.shape[-1]
    return g.reshape(-1, width), out.reshape(-1, width)


def logsumexp(x: Array, dims: Ints | int, keepdim: bool = False) -> Array:
    """``log(sum(exp(x)))`` over ``dims``, shifted by the maximum; -inf over nothing."""
    dims = (dims,) if isinstance(dims, int) else tuple(dims)
    axes = tuple(sorted(dim % x.ndim for dim in dims)) if x.ndim else ()
    kept = tuple(1 if axis in axes else n for axis, n in enumerate(x.shape))
    shape = kept if keepdim else tuple(n for i, n in enumerate(x.shape) if i not in axes)
    if x.size == 0:
        return np.full(shape, -np.inf, x.dtype) if prod(shape) else np.empty(shape, x.dtype)
    wide = x.astype(_FLOAT32) if is_short_float(x.dtype) else x
    top: Array = np.asarray(np.maximum.reduce(wide, axis=axes, keepdims=True)) if axes else wide
    top = np.where(np.isinf(top), top.dtype.type(0), top)
    e: Array = np.asarray(np.subtract(wide, top))
    np.exp(e, out=e)
    total: Array = np.asarray(np.add.reduce(e, axis=axes, keepdims=True)) if axes else e
    np.log(total, out=total)
    np.add(total, top, out=total)
    return total.reshape(shape).astype(x.dtype, copy=False)
