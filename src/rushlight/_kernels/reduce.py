"""Reductions on NumPy arrays with PyTorch's accuracy, dtypes and treatment of NaN.

Sums of floats are products with a vector of ones wherever the layout allows: BLAS adds several
times faster than ``np.add.reduce`` across rows, and with more partial sums, hence more precisely.
Long axes are cut into blocks so that no partial sum grows over more than ``_BLOCK`` terms. Half
and bfloat16 are reduced in float32 and rounded once.

Nothing here silences NumPy's floating-point warnings: the caller has done so for the whole pass.
"""

from __future__ import annotations

from math import prod as _product
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    Array = NDArray[Any]
    Ints = tuple[int, ...]

_BLOCK = 4096
_FLOAT32: np.dtype[Any] = np.dtype(np.float32)
_FLOAT64: np.dtype[Any] = np.dtype(np.float64)
_ONES = {dtype: np.ones(_BLOCK, dtype) for dtype in (_FLOAT32, _FLOAT64)}
for _vector in _ONES.values():
    _vector.flags.writeable = False
# Centred values are made in pieces of this many elements, which stay in cache.
_PIECE = 1 << 16


def is_short_float(dtype: np.dtype[Any]) -> bool:
    """Whether ``dtype`` is half or bfloat16."""
    return dtype.itemsize == 2 and dtype.kind in "fV"


def _widen(x: Array) -> Array:
    return x.astype(_FLOAT32) if is_short_float(x.dtype) else x


def normalize_axes(axes: Ints | int | None, ndim: int) -> Ints:
    """Sorted non-negative axes; None means all of them."""
    if axes is None:
        return tuple(range(ndim))
    if isinstance(axes, int):
        axes = (axes,)
    return tuple(sorted(axis + ndim if axis < 0 else axis for axis in axes))


def row_sum(x: Array, out: Array | None = None) -> Array:
    """Sum of each row of a float matrix; with ``out``, as the column that this is."""
    width = x.shape[1]
    if out is None:
        if width <= _BLOCK:
            return np.dot(x, _ONES[x.dtype][:width])
        return np.add.reduce(x, axis=1)
    if width <= _BLOCK:
        return np.dot(x, _ONES[x.dtype][:width, None], out=out)
    return np.add.reduce(x, axis=1, keepdims=True, out=out)


def column_sum(x: Array) -> Array:
    """Sum of each column of a float matrix."""
    rows, width = x.shape
    ones = _ONES[x.dtype]
    if rows <= _BLOCK:
        return np.dot(ones[:rows], x)
    whole = rows // _BLOCK
    parts = np.matmul(ones, x[: whole * _BLOCK].reshape(whole, _BLOCK, width))
    total = column_sum(parts)
    rest = rows - whole * _BLOCK
    if rest:
        total += np.dot(ones[:rest], x[whole * _BLOCK :])
    return total


def _reduced_shape(shape: Ints, axes: Ints, keepdim: bool) -> Ints:
    if keepdim:
        return tuple(1 if axis in axes else n for axis, n in enumerate(shape))
    return tuple(n for axis, n in enumerate(shape) if axis not in axes)


def _float_sum(x: Array, axes: Ints) -> Array:
    """Sum of a float32 or float64 array, shape without the reduced axes."""
    ndim = x.ndim
    count = len(axes)
    if count == ndim or count == 0 or x.size == 0 or not x.flags.c_contiguous:
        return np.asarray(np.add.reduce(x, axis=axes))
    shape = x.shape
    lead = 0
    while lead < count and axes[lead] == lead:
        lead += 1
    trail = 0
    while trail < count - lead and axes[count - 1 - trail] == ndim - 1 - trail:
        trail += 1
    if lead + trail != count:
        return np.asarray(np.add.reduce(x, axis=axes))
    kept = shape[lead : ndim - trail]
    middle = _product(kept)
    total = x
    if trail:
        total = row_sum(x.reshape(-1, _product(shape[ndim - trail :])))
    if lead:
        total = column_sum(total.reshape(-1, middle))
    return total.reshape(kept)


def sum(
    x: Array, axes: Ints | int | None = None, keepdim: bool = False, dtype: DTypeLike | None = None
) -> Array:
    """Sum over ``axes``; booleans and integers add up in int64 unless ``dtype`` says otherwise.

    >>> sum(np.ones((2, 3), "f"), 0)
    array([2., 2., 2.], dtype=float32)
    """
    if dtype is None:
        result = np.dtype(np.int64) if x.dtype.kind in "biu" else x.dtype
    else:
        result = np.dtype(dtype)
    reduced = normalize_axes(axes, x.ndim)
    work = _FLOAT32 if is_short_float(result) else result
    if x.dtype != work:
        x = x.astype(work)
    if work in _ONES:
        total = _float_sum(x, reduced)
    else:
        total = np.asarray(np.add.reduce(x, axis=reduced, dtype=work))
    if keepdim:
        total = total.reshape(_reduced_shape(x.shape, reduced, True))
    return total.astype(result, copy=False)


def mean(
    x: Array, axes: Ints | int | None = None, keepdim: bool = False, dtype: DTypeLike | None = None
) -> Array:
    """Arithmetic mean over ``axes``; NaN where nothing is averaged."""
    result = x.dtype if dtype is None else np.dtype(dtype)
    reduced = normalize_axes(axes, x.ndim)
    work = _FLOAT32 if is_short_float(result) else result
    total = sum(x, reduced, keepdim, work)
    count = _product(x.shape[axis] for axis in reduced)
    total = np.true_divide(total, np.asarray(count, work))
    return np.asarray(total).astype(result, copy=False)


def var_mean(
    x: Array, axes: Ints | int | None = None, correction: float = 1, keepdim: bool = False
) -> tuple[Array, Array]:
    """Variance and mean over ``axes``: ``sum |x - m|^2 / max(0, n - correction)``.

    The sum of the centred values, zero but for rounding, corrects both results.
    """
    reduced = normalize_axes(axes, x.ndim)
    wide = _widen(x)
    count = _product(x.shape[axis] for axis in reduced)
    size = np.asarray(count, wide.dtype)
    center = np.true_divide(sum(wide, reduced, True), size)
    centred = np.asarray(wide - center)
    if count:
        drift = np.true_divide(sum(centred, reduced, True), size)
        center = center + drift
    else:
        drift = center
    if wide.dtype.kind == "c":
        square = centred.real**2 + centred.imag**2
        extra = drift.real**2 + drift.imag**2
    else:
        square, extra = np.square(centred, out=centred), np.square(drift)
    spread = sum(square, reduced, True)
    spread = spread - extra * spread.dtype.type(count)
    variance = np.true_divide(spread, spread.dtype.type(max(0.0, count - correction)))
    shape = _reduced_shape(x.shape, reduced, keepdim)
    real = x.real.dtype if x.dtype.kind == "c" else x.dtype
    return (
        np.asarray(variance).reshape(shape).astype(real, copy=False),
        np.asarray(center).reshape(shape).astype(x.dtype, copy=False),
    )


def prod(
    x: Array, axes: Ints | int | None = None, keepdim: bool = False, dtype: DTypeLike | None = None
) -> Array:
    """Product over ``axes``; booleans and integers multiply in int64."""
    if dtype is None:
        result = np.dtype(np.int64) if x.dtype.kind in "biu" else x.dtype
    else:
        result = np.dtype(dtype)
    work = _FLOAT32 if is_short_float(result) else result
    reduced = normalize_axes(axes, x.ndim)
    total = np.asarray(np.multiply.reduce(x.astype(work, copy=False), axis=reduced))
    total = total.reshape(_reduced_shape(x.shape, reduced, keepdim))
    return total.astype(result, copy=False)


def amax(x: Array, axes: Ints | int | None = None, keepdim: bool = False) -> Array:
    """Largest value over ``axes``; NaN if there is one."""
    reduced = normalize_axes(axes, x.ndim)
    value = np.asarray(np.maximum.reduce(x, axis=reduced))
    return value.reshape(_reduced_shape(x.shape, reduced, keepdim))


def amin(x: Array, axes: Ints | int | None = None, keepdim: bool = False) -> Array:
    """Smallest value over ``axes``; NaN if there is one."""
    reduced = normalize_axes(axes, x.ndim)
    value = np.asarray(np.minimum.reduce(x, axis=reduced))
    return value.reshape(_reduced_shape(x.shape, reduced, keepdim))


def argmax(x: Array, axis: int | None = None, keepdim: bool = False) -> NDArray[np.int64]:
    """Index of the first largest value, or of the first NaN; flat when ``axis`` is None."""
    wide: Any = _widen(x)
    return np.asarray(wide.argmax(axis=axis, keepdims=keepdim))


def argmin(x: Array, axis: int | None = None, keepdim: bool = False) -> NDArray[np.int64]:
    """Index of the first smallest value, or of the first NaN; flat when ``axis`` is None."""
    wide: Any = _widen(x)
    return np.asarray(wide.argmin(axis=axis, keepdims=keepdim))


def _accumulate(ufunc: np.ufunc, x: Array, axis: int, dtype: DTypeLike | None) -> Array:
    if dtype is None:
        result = np.dtype(np.int64) if x.dtype.kind in "biu" else x.dtype
    else:
        result = np.dtype(dtype)
    if x.ndim == 0:
        return np.array(x, result)
    if result == _FLOAT32:
        work = _FLOAT64  # as PyTorch: one rounding per element, however long the axis
    elif is_short_float(result):
        work = _FLOAT32
    else:
        work = result
    x = x.astype(result, copy=False).astype(work, copy=False)
    return np.ascontiguousarray(ufunc.accumulate(x, axis=axis), result)


def cumsum(x: Array, axis: int, dtype: DTypeLike | None = None) -> Array:
    """Running sum along ``axis``."""
    return _accumulate(np.add, x, axis, dtype)


def cumprod(x: Array, axis: int, dtype: DTypeLike | None = None) -> Array:
    """Running product along ``axis``."""
    return _accumulate(np.multiply, x, axis, dtype)


def sum_to(g: Array, shape: Ints) -> Array:
    """Undo broadcasting: sum ``g`` over the axes along which ``shape`` was expanded.

    >>> sum_to(np.ones((4, 3), "f"), (3,))
    array([4., 4., 4.], dtype=float32)
    """
    if g.shape == shape:
        return g
    if g.ndim == 2 and shape == g.shape[1:] and g.dtype in _ONES and len(g) <= _BLOCK:
        return np.dot(_ONES[g.dtype][: len(g)], g)  # the gradient of a bias, on every step
    lead = g.ndim - len(shape)
    axes = tuple(range(lead)) + tuple(
        lead + axis for axis, n in enumerate(shape) if n == 1 and g.shape[lead + axis] != 1
    )
    dtype = g.dtype
    if dtype in _ONES:
        total = _float_sum(g, axes)
    elif is_short_float(dtype):
        total = _float_sum(g.astype(_FLOAT32), axes).astype(dtype)
    else:
        total = np.asarray(np.add.reduce(g, axis=axes, dtype=dtype))
    return total.reshape(shape)


def spread(values: Array, pixels: int) -> Array:
    """Values of the channels, one for each number of an image: what is multiplied with rows of
    ``(N, C * pixels)`` takes half the time of the same with a column for ``(N, C, pixels)``."""
    return values if pixels == 1 else values.repeat(pixels)


def batch_norm_stats(x: Array) -> tuple[Array, Array]:
    """Mean and biased variance of each channel of ``(N, C, *)``; half in, float32 out.

    Two passes: squares are summed about the mean, a cache-sized piece at a time.
    """
    x = np.ascontiguousarray(_widen(x))
    images, channels = x.shape[:2]
    pixels = _product(x.shape[2:])
    count = images * pixels
    flat = x.reshape(images, channels, pixels)
    size = np.asarray(count, x.dtype)
    axes = (0, 2)
    center = np.true_divide(_float_sum(flat, axes), size)
    if x.size == 0:
        return center, center.copy()
    step = max(1, _PIECE // max(1, channels * pixels))
    rows = x.reshape(images, -1)
    scratch = np.empty((min(step, images), rows.shape[1]), x.dtype)
    wide = spread(center, pixels)
    square = np.zeros(channels, x.dtype)
    drift = np.zeros(channels, x.dtype)
    for first in range(0, images, step):
        part = rows[first : first + step]
        centred = np.subtract(part, wide, out=scratch[: part.shape[0]])
        planes = centred.reshape(-1, channels, pixels)
        drift += _float_sum(planes, axes)
        if pixels > 1:
            square += column_sum(np.vecdot(planes, planes))
        else:
            np.square(centred, out=centred)
            square += column_sum(centred)
    drift /= size
    return center + drift, np.true_divide(square, size) - np.square(drift)
