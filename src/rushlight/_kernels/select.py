"""Selecting by a mask, without branches.

`np.where` on a random mask costs ten times a multiplication, because it branches per element.
Masking the bits of the numbers does not, and unlike `g * mask` it keeps infinities and NaN out of
the places that are masked and makes no -0.0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import native

_BITS: dict[Any, np.dtype[Any]] = {
    np.dtype(np.float32): np.dtype(np.int32),
    np.dtype(np.float64): np.dtype(np.int64),
    np.dtype(np.float16): np.dtype(np.int16),
    np.dtype(np.int64): np.dtype(np.int64),
    np.dtype(np.int32): np.dtype(np.int32),
}
_FEW = 1024
_PIECE = 1 << 16


def keep_where(mask: Any, g: Any) -> Any:
    """`g` where `mask` holds, else 0. The shapes are equal."""
    bits = _BITS.get(g.dtype)
    if bits is None or g.size < _FEW or not g.flags.c_contiguous or mask.shape != g.shape:
        return np.where(mask, g, g.dtype.type(0))
    selected = np.negative(mask.view(np.int8)).astype(bits)
    np.bitwise_and(selected, g.view(bits), out=selected)
    return selected.view(g.dtype)


def threshold_backward(g: Any, out: Any, threshold: Any) -> Any:
    """`g` where ``not out <= threshold``, else 0: NaN in `out` lets the gradient through."""
    if g.size >= native.limit and threshold == 0:
        made = native.pointwise(threshold_backward, (g, out))
        if made is not None:
            return made
    if g.size > _PIECE and g.shape == out.shape and g.dtype in _BITS:
        if g.flags.c_contiguous and out.flags.c_contiguous:
            return _threshold_by_pieces(g, out, threshold)
    mask = np.less_equal(out, threshold)
    if type(mask) is not np.ndarray:
        return np.where(mask, g.dtype.type(0), g)
    return keep_where(np.logical_not(mask, out=mask), g)


def _threshold_by_pieces(g: Any, out: Any, threshold: Any) -> Any:
    """The same for large arrays: the masks stay in cache."""
    result = np.empty(g.shape, g.dtype)
    bits = _BITS[g.dtype]
    source, target = g.reshape(-1).view(bits), result.reshape(-1).view(bits)
    out = out.reshape(-1)
    for first in range(0, g.size, _PIECE):
        part = slice(first, first + _PIECE)
        mask = np.less_equal(out[part], threshold).view(np.int8)
        np.subtract(mask, 1, out=mask)  # all bits where the gradient passes
        selected = target[part]
        np.copyto(selected, mask)
        np.bitwise_and(selected, source[part], out=selected)
    return result


def where(condition: Any, x: Any, y: Any) -> Any:
    """``x if condition else y``, broadcasting; either may be a Python number."""
    if not (isinstance(x, np.ndarray) and isinstance(y, np.ndarray)):
        return np.where(condition, x, y)
    bits = _BITS.get(x.dtype)
    if (
        bits is None
        or condition.size < _FEW
        or not (condition.shape == x.shape == y.shape)
        or not (x.flags.c_contiguous and y.flags.c_contiguous and condition.flags.c_contiguous)
    ):
        return np.where(condition, x, y)
    mask = np.negative(condition.view(np.int8)).astype(bits)
    a, b = x.view(bits), y.view(bits)
    # b ^ ((a ^ b) & mask)
    difference = np.bitwise_xor(a, b)
    np.bitwise_and(difference, mask, out=difference)
    np.bitwise_xor(difference, b, out=difference)
    return difference.view(x.dtype)
