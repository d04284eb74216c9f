"""Pointwise functions of several steps, and their gradients, in one go over memory.

``g * (1 - out * out)`` written with arrays makes three large arrays and reads six. Here all of it
happens to a piece that stays in cache, and only the result is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import native, special
from .memory import keep_freed_memory_once

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[Any]
    Piece = Callable[[Array, Array, Array], None]

# Elements per piece, of which there are three or four at a time.
_PIECE = 1 << 15
# So many elements make three calls of NumPy slower than one of something else.
_MANY = 1 << 13
_ONES = {np.dtype(t): np.array(1, t) for t in (np.float32, np.float64)}


def _gradient(g: Array, x: Array, piece: Piece, key: Any, *values: Any) -> Array:
    """Apply ``piece(g, x, target)`` to flat runs of both; it may use ``target`` as scratch.

    `key` and `values` are what `native.pointwise` knows it by.
    """
    if x.size >= native.limit:
        made: Array | None = native.pointwise(key, (g, x), values)
        if made is not None:
            return made
    if g.shape != x.shape or not (g.flags.c_contiguous and x.flags.c_contiguous):
        g, x = np.broadcast_arrays(g, x)
        g, x = np.ascontiguousarray(g), np.ascontiguousarray(x)
    out = np.empty(x.shape, x.dtype)
    g, x, target = g.reshape(-1), x.reshape(-1), out.reshape(-1)
    if x.size > _PIECE:
        keep_freed_memory_once()
    for first in range(0, x.size, _PIECE):
        part = slice(first, first + _PIECE)
        piece(g[part], x[part], target[part])
    return out


def _one(x: Array) -> Any:
    return _ONES.get(x.dtype, 1)


def _tanh(g: Array, out: Array, target: Array) -> None:
    np.multiply(out, out, out=target)
    np.subtract(_one(out), target, out=target)
    np.multiply(g, target, out=target)


def tanh(g: Array, out: Array) -> Array:
    """``g (1 - out^2)``."""
    if out.size >= _MANY:
        return _gradient(g, out, _tanh, _tanh)
    target = np.multiply(out, out, out=...)
    np.subtract(_one(out), target, out=target)
    return np.multiply(g, target, out=target)


def _sigmoid(g: Array, out: Array, target: Array) -> None:
    np.subtract(_one(out), out, out=target)
    np.multiply(target, out, out=target)
    np.multiply(g, target, out=target)


def sigmoid(g: Array, out: Array) -> Array:
    """``g (1 - out) out``."""
    if out.size >= _MANY:
        return _gradient(g, out, _sigmoid, _sigmoid)
    target = np.subtract(_one(out), out, out=...)
    np.multiply(target, out, out=target)
    return np.multiply(g, target, out=target)


def silu(g: Array, x: Array) -> Array:
    """``g`` times the slope of ``x sigmoid(x)``."""
    return _times_slope(g, x, special._silu_slope, silu)


def gelu(g: Array, x: Array, approximate: str) -> Array:
    """``g`` times the slope of :func:`special.gelu`."""
    slope = special._gelu_slope_tanh if approximate == "tanh" else special._gelu_slope_erf
    return _times_slope(g, x, slope, gelu, approximate)


def _times_slope(
    g: Array, x: Array, slope: Callable[[Array, Array], None], key: Any, *values: Any
) -> Array:
    def piece(g: Array, x: Array, target: Array) -> None:
        slope(x, target)
        np.multiply(g, target, out=target)

    return _gradient(g, x, piece, key, *values)


def by_pieces(function: Callable[..., Array], formula: Any = None) -> Callable[..., Array]:
    """`function`, which is pointwise, such that what it makes on the way stays in cache.

    Its first arguments are arrays; the large ones of one shape are cut, numbers stay. `formula`:
    the same over a namespace, where the function is no row of its own.
    """

    def pieces(first: Array, *others: Any) -> Array:
        if first.size < native.limit:
            return function(first, *others)
        arrays = [first]
        for other in others:
            if type(other) is not np.ndarray:
                break
            arrays.append(other)
        rest = others[len(arrays) - 1 :]
        made: Array | None = native.pointwise(formula or pieces, tuple(arrays), rest)
        if made is not None:
            return made
        if first.size <= 2 * _PIECE or not all(
            a.flags.c_contiguous and a.shape == first.shape for a in arrays
        ):
            return function(first, *others)
        keep_freed_memory_once()
        flat = [a.reshape(-1) for a in arrays]
        out: Any = None
        for start in range(0, first.size, _PIECE):
            part = slice(start, start + _PIECE)
            found = function(*[a[part] for a in flat], *rest)
            if out is None:
                out = np.empty(first.shape, found.dtype)
                target = out.reshape(-1)
            target[part] = found
        return out

    return pieces
