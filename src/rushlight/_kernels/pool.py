"""Max and average pooling, plain and adaptive, with their adjoints, on NumPy arrays.

Every function pools the last ``len(kernel)`` axes; all axes before them are batch. Windows are
never materialised: each tap of the kernel is one strided view of the (padded) input, and an
average is taken one axis at a time.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import DTypeLike, NDArray

    Array = NDArray[Any]
    Ints = tuple[int, ...]
    Intp = NDArray[np.int64]


def pool_output_size(n: int, kernel: int, stride: int, padding: int, dilation: int,
                     ceil_mode: bool) -> int:
    """Number of windows along one axis; with ``ceil_mode`` none starts in the right padding."""
    span = n + 2 * padding - dilation * (kernel - 1) - 1
    if not ceil_mode:
        return span // stride + 1
    size = -(-span // stride) + 1
    if (size - 1) * stride >= n + padding:
        size -= 1
    return size


def _output_shape(spatial: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints,
                  ceil_mode: bool) -> Ints:
    return tuple(
        pool_output_size(n, k, s, p, d, ceil_mode)
        for n, k, s, p, d in zip(spatial, kernel, stride, padding, dilation, strict=True)
    )


def _accumulator(dtype: DTypeLike) -> np.dtype[Any]:
    """Half and bfloat16 are summed in float32 and rounded once."""
    dtype = np.dtype(dtype)
    return np.dtype(np.float32) if dtype.itemsize == 2 and dtype.kind in "fV" else dtype


def _lowest(dtype: np.dtype[Any]) -> object:
    if dtype.kind in "iu":
        return np.iinfo(dtype).min
    return dtype.type(-np.inf)


def max_pool(
    x: Array, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil_mode: bool
) -> tuple[Array, Intp]:
    """Largest value of every window, and its index in the flattened input plane.

    The first of equal values wins; a NaN wins over every number, the last NaN of a window over
    the others.

    >>> max_pool(np.array([[1., 3., 2., 5.]]), (2,), (2,), (0,), (1,), False)
    (array([[3., 5.]]), array([[1, 3]]))
    """
    rank = len(kernel)
    spatial = x.shape[-rank:]
    plan = _plan(spatial, kernel, stride, padding, dilation, ceil_mode)
    shape = x.shape[:-rank] + plan.out
    if 0 in shape:
        return np.empty(shape, x.dtype), np.empty(shape, np.int64)
    if plan.windows is not None and x.size <= _FEW and x.dtype in _PLAIN:
        found = _max_of_few(x, plan, shape)
        if found is not None:
            return found
    padded = x if plan.needed is None else _pad(x, padding, plan.needed, _lowest(x.dtype))
    taps = []
    for part in plan.taps:
        view = padded[part]
        # A strided tap is read twice below: one copy makes both readings vectorise.
        taps.append(view if stride[-1] == 1 else np.ascontiguousarray(view))
    count = len(taps)
    values = np.maximum(taps[0], taps[1]) if count > 1 else taps[0].copy()
    for term in taps[2:]:
        np.maximum(values, term, out=values)
    rank_type = np.uint8 if count < 256 else np.int32
    # The rank of a tap counts down, so that the largest rank among equals is the first tap.
    ranks = (values == taps[-1]).view(np.uint8).astype(rank_type, copy=False)
    for index in range(count - 1):
        hit = (values == taps[index]).view(np.uint8).astype(rank_type, copy=False)
        hit *= rank_type(count - index)
        np.maximum(ranks, hit, out=ranks)
    indices = plan.table.take(ranks)
    indices += plan.origins
    if plan.needed is not None:
        _repair_lowest(values, indices, spatial, stride, padding, dilation, plan.out)
    if x.dtype.kind not in "iu":
        absent = ranks == 0
        if absent.any():
            _repair_nan(absent, taps, indices, plan.origins, plan.steps)
    return values, indices


# Up to this many numbers, one gather of all windows is faster than a pass for each tap.
_FEW = 2048
_PLAIN = (np.dtype(np.float32), np.dtype(np.float64))


class _Plan:
    """What a max pooling needs to know and its shapes decide.

    Attributes:
        out: how many windows there are along each axis.
        needed: how far the windows reach past the end of each axis; None without any border.
        taps: for each place in a window, the index of the pixels there.
        steps: for each place in a window, its distance in the flattened plane from the first.
        table: ``steps`` by rank, the last place first; entry 0 is for windows with NaN.
        origins: for each window, the position of its first place in the flattened plane.
        windows: for each window, the positions of all its places; None with a border.
    """

    __slots__ = ("needed", "origins", "out", "steps", "table", "taps", "windows")

    def __init__(
        self, spatial: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints,
        ceil_mode: bool,
    ) -> None:
        out = self.out = _output_shape(spatial, kernel, stride, padding, dilation, ceil_mode)
        needed = tuple((m - 1) * s + d * (k - 1) + 1 - n - p for n, k, s, p, d, m in
                       zip(spatial, kernel, stride, padding, dilation, out, strict=True))
        self.needed = needed if max(padding) > 0 or max(needed) > 0 else None
        self.taps = [_tap(tap, out, stride, dilation) for tap in np.ndindex(*kernel)]
        self.origins = _axis_sum(
            [np.arange(m, dtype=np.int64) * s - p for m, s, p in
             zip(out, stride, padding, strict=True)], spatial)
        self.steps = _axis_sum(
            [np.arange(k, dtype=np.int64) * d for k, d in zip(kernel, dilation, strict=True)],
            spatial).reshape(-1)
        self.table = np.concatenate([np.zeros(1, np.int64), self.steps[::-1]])
        self.windows = None
        if self.needed is None and prod(spatial) <= _FEW:
            self.windows = self.origins.reshape(-1, 1) + self.steps


_plan = lru_cache(maxsize=64)(_Plan)


def _max_of_few(x: Array, plan: _Plan, shape: Ints) -> tuple[Array, Intp] | None:
    """All windows side by side; None where there is a NaN, of which the last one counts."""
    windows = plan.windows
    assert windows is not None
    images = x.reshape(-1, prod(x.shape[x.ndim - len(plan.out) :]))
    best = images.take(windows, axis=1).argmax(axis=2)
    indices = plan.steps.take(best)
    indices += windows[:, 0]
    values = images.reshape(-1).take(_plane_offsets(*images.shape, indices))
    if np.isnan(values).any():
        return None
    return values.reshape(shape), indices.reshape(shape)


def _repair_lowest(values: Array, indices: Intp, spatial: Ints, stride: Ints, padding: Ints,
                   dilation: Ints, out: Ints) -> None:
    """A window of lowest values only must name its first pixel, not the padding."""
    lowest = values == _lowest(values.dtype)
    if not lowest.any():
        return
    starts = []
    for m, s, p, d in zip(out, stride, padding, dilation, strict=True):
        start = np.arange(m, dtype=np.int64) * s - p
        start += np.where(start < 0, -(start // d) * d, 0)
        starts.append(start)
    first = np.broadcast_to(_axis_sum(starts, spatial), values.shape)
    np.copyto(indices, first, where=lowest)


def _repair_nan(absent: NDArray[np.bool_], taps: list[Array], indices: Intp, origins: Intp,
                steps: Intp) -> None:
    """A NaN equals no tap: find the last one."""
    for term, step in zip(taps, steps, strict=True):
        np.copyto(indices, origins + step, where=absent & (term != term))


def _axis_sum(axes: list[Intp], spatial: Ints) -> Intp:
    """Flat index into a plane of shape ``spatial`` for the outer sum of per-axis positions."""
    total: Intp = np.zeros((), np.int64)
    for axis, positions in enumerate(axes):
        weight = prod(spatial[axis + 1 :])
        shape = (-1,) + (1,) * (len(axes) - 1 - axis)
        total = total + (positions * weight).reshape(shape)
    return total


def _spatial(parts: Iterable[slice]) -> tuple[Any, ...]:
    """Index of the last axes."""
    return (..., *parts)


def _tap(tap: Ints, out: Ints, stride: Ints, dilation: Ints) -> tuple[Any, ...]:
    return _spatial(
        slice(t * d, t * d + (m - 1) * s + 1, s)
        for t, m, s, d in zip(tap, out, stride, dilation, strict=True)
    )


def _pad(x: Array, before: Ints, after: Ints, fill: object) -> Array:
    rank = len(before)
    spatial = x.shape[-rank:]
    shape = tuple(b + n + max(a, 0) for b, n, a in zip(before, spatial, after, strict=True))
    padded = np.full(x.shape[:-rank] + shape, fill, x.dtype)
    padded[_spatial(slice(b, b + n) for b, n in zip(before, spatial, strict=True))] = x
    return padded


def _plane_offsets(count: int, plane: int, indices: Intp) -> Intp:
    flat = indices.reshape(count, -1)
    if count == 1:
        return flat
    return flat + (np.arange(count, dtype=np.int64) * plane)[:, None]


def max_pool_gather(x: Array, indices: Intp, rank: int | None = None) -> Array:
    """``x`` at the flat plane positions ``indices``: linear in x.

    ``rank`` is the number of pooled axes; by default all but two.
    """
    rank = x.ndim - 2 if rank is None else rank
    lead = x.shape[: x.ndim - rank]
    if indices.size == 0:
        return np.empty(indices.shape, x.dtype)
    where = _plane_offsets(prod(lead), prod(x.shape[x.ndim - rank :]), indices)
    return x.reshape(-1).take(where).reshape(indices.shape)


def max_pool_scatter(g: Array, indices: Intp, x_spatial_shape: Ints) -> Array:
    """Adjoint of :func:`max_pool_gather`: values that name the same pixel add up."""
    rank = len(x_spatial_shape)
    lead = g.shape[: g.ndim - rank]
    plane = prod(x_spatial_shape)
    dtype = _accumulator(g.dtype)
    dx = np.zeros((*lead, *x_spatial_shape), dtype)
    if g.size:
        where = _plane_offsets(prod(lead), plane, indices).reshape(-1)
        np.add.at(dx.reshape(-1), where, g.reshape(-1).astype(dtype, copy=False))
    return dx.astype(g.dtype, copy=False)


def avg_pool(
    x: Array, kernel: Ints, stride: Ints, padding: Ints, ceil_mode: bool,
    count_include_pad: bool, divisor_override: int | None,
) -> Array:
    """Mean of every window, or its sum divided by ``divisor_override``.

    >>> avg_pool(np.array([[1., 3., 2., 5.]]), (2,), (2,), (0,), False, True, None)
    array([[2. , 3.5]])
    """
    rank = len(kernel)
    spatial = x.shape[-rank:]
    ones = (1,) * rank
    out = _output_shape(spatial, kernel, stride, padding, ones, ceil_mode)
    if 0 in x.shape[:-rank]:
        return np.empty(x.shape[:-rank] + out, x.dtype)
    needed = _missing(spatial, kernel, stride, padding, out)
    total = x.astype(_accumulator(x.dtype), copy=False)
    if max(padding) > 0 or max(needed) > 0:
        total = _pad(total, padding, needed, 0)
    # Rows first: adding whole rows is the cheap direction and leaves less for the strided one.
    for axis in range(rank):
        total = _window_sum(total, axis - rank, kernel[axis], stride[axis], out[axis])
    divisor = _divisor(spatial, kernel, stride, padding, out, count_include_pad, divisor_override)
    if x.dtype.kind in "iu":
        return (total / divisor).astype(x.dtype)
    return np.divide(total, _as(divisor, total.dtype), out=total).astype(x.dtype, copy=False)


def avg_pool_backward(
    g: Array, x_shape: Ints, kernel: Ints, stride: Ints, padding: Ints, ceil_mode: bool,
    count_include_pad: bool, divisor_override: int | None,
) -> Array:
    """Adjoint of :func:`avg_pool`; linear in ``g``."""
    rank = len(kernel)
    x_shape = tuple(x_shape)
    spatial = x_shape[-rank:]
    out = g.shape[-rank:]
    if g.size == 0 or 0 in x_shape:
        return np.zeros(x_shape, g.dtype)
    needed = _missing(spatial, kernel, stride, padding, out)
    divisor = _divisor(spatial, kernel, stride, padding, out, count_include_pad, divisor_override)
    total = g.astype(_accumulator(g.dtype), copy=False)
    total = total / _as(divisor, total.dtype)
    for axis in range(rank - 1, -1, -1):
        size = spatial[axis] + padding[axis] + max(needed[axis], 0)
        total = _window_spread(total, axis - rank, kernel[axis], stride[axis], size)
    inside = _spatial(slice(p, p + n) for p, n in zip(padding, spatial, strict=True))
    return np.ascontiguousarray(total[inside]).astype(g.dtype, copy=False)


def _as(divisor: object, dtype: np.dtype[Any]) -> Array:
    return np.asarray(divisor).astype(dtype)


def _missing(spatial: Ints, kernel: Ints, stride: Ints, padding: Ints, out: Ints) -> Ints:
    """How far the windows reach past the right edge of the input."""
    return tuple((m - 1) * s + k - n - p for n, k, s, p, m in
                 zip(spatial, kernel, stride, padding, out, strict=True))


def _divisor(spatial: Ints, kernel: Ints, stride: Ints, padding: Ints, out: Ints,
             count_include_pad: bool, override: int | None) -> object:
    """Number of pixels per window; right padding beyond ``padding`` never counts."""
    if override is not None:
        return override
    sizes = []
    for n, k, s, p, m in zip(spatial, kernel, stride, padding, out, strict=True):
        start = np.arange(m) * s - p
        stop = np.minimum(start + k, n + p)
        if not count_include_pad:
            start, stop = np.maximum(start, 0), np.minimum(stop, n)
        sizes.append(stop - start)
    if all((size == k).all() for size, k in zip(sizes, kernel, strict=True)):
        return prod(kernel)
    total = np.ones((), np.int64)
    for axis, size in enumerate(sizes):
        total = total * size.reshape((-1,) + (1,) * (len(sizes) - 1 - axis))
    return total


def _at(ndim: int, axis: int, part: slice) -> tuple[slice, ...]:
    return (slice(None),) * (ndim + axis) + (part,)


def _window_sum(x: Array, axis: int, kernel: int, stride: int, out: int) -> Array:
    total: Any = None
    for t in range(kernel):
        view = x[_at(x.ndim, axis, slice(t, t + (out - 1) * stride + 1, stride))]
        if total is None:
            total = view.copy()
        else:
            np.add(total, view, out=total)
    return total


def _window_spread(g: Array, axis: int, kernel: int, stride: int, size: int) -> Array:
    out = g.shape[axis]
    axis_index = g.ndim + axis
    shape = g.shape[:axis_index] + (size,) + g.shape[axis_index + 1 :]
    covered = out * stride == size and kernel == stride
    result = np.empty(shape, g.dtype) if covered else np.zeros(shape, g.dtype)
    for t in range(kernel):
        view = result[_at(g.ndim, axis, slice(t, t + (out - 1) * stride + 1, stride))]
        if kernel <= stride:
            view[...] = g
        else:
            np.add(view, g, out=view)
    return result


def _adaptive_bounds(n: int, out: int) -> list[tuple[int, int]]:
    return [(i * n // out, -(-(i + 1) * n // out)) for i in range(out)]


def adaptive_avg_pool(x: Array, output_size: Ints) -> Array:
    """Mean over ``output_size`` windows per axis, from ``i n / m`` down to ``(i+1) n / m`` up."""
    rank = len(output_size)
    spatial = x.shape[-rank:]
    if 0 in output_size or 0 in x.shape:
        return np.empty(x.shape[:-rank] + tuple(output_size), x.dtype)
    if all(n % m == 0 for n, m in zip(spatial, output_size, strict=True)):
        kernel = tuple(n // m for n, m in zip(spatial, output_size, strict=True))
        if max(output_size) == 1:
            flat = x.reshape(*x.shape[:-rank], -1)
            total = np.add.reduce(flat, axis=-1, dtype=_accumulator(x.dtype))
            mean = total / np.asarray(prod(spatial), total.dtype)
            return mean.astype(x.dtype, copy=False).reshape(x.shape[:-rank] + (1,) * rank)
        return avg_pool(x, kernel, kernel, (0,) * rank, False, True, None)
    total = x.astype(_accumulator(x.dtype), copy=False)
    for axis in range(-rank, 0):
        bounds = _adaptive_bounds(spatial[axis], output_size[axis])
        parts = []
        for a, b in bounds:
            part = np.add.reduce(total[_at(x.ndim, axis, slice(a, b))], axis=axis)
            parts.append(part / np.asarray(b - a, total.dtype))
        total = np.stack(parts, axis=axis)
    return total.astype(x.dtype, copy=False)


def adaptive_avg_pool_backward(g: Array, x_shape: Ints) -> Array:
    """Adjoint of :func:`adaptive_avg_pool`; ``x_shape`` has the rank of ``g``."""
    x_shape = tuple(x_shape)
    total = g.astype(_accumulator(g.dtype), copy=False)
    if g.size == 0 or 0 in x_shape:
        return np.zeros(x_shape, g.dtype)
    for axis in range(-1, -g.ndim - 1, -1):
        n, m = x_shape[axis], total.shape[axis]
        if n == m:
            continue
        index = g.ndim + axis
        shape = total.shape[:index] + (n,) + total.shape[index + 1 :]
        if m == 1:
            share = total / np.asarray(n, total.dtype)
            total = np.empty(shape, total.dtype)
            total[...] = share
            continue
        spread = np.zeros(shape, total.dtype)
        for i, (a, b) in enumerate(_adaptive_bounds(n, m)):
            view = spread[_at(g.ndim, axis, slice(a, b))]
            part = total[_at(g.ndim, axis, slice(i, i + 1))]
            np.add(view, part / np.asarray(b - a, total.dtype), out=view)
        total = spread
    if total is g:
        total = g.copy()
    return total.astype(g.dtype, copy=False)


def adaptive_max_pool(x: Array, output_size: Ints) -> tuple[Array, Intp]:
    """Largest value of every adaptive window and its index in the flattened input plane."""
    rank = len(output_size)
    spatial = x.shape[-rank:]
    shape = x.shape[:-rank] + tuple(output_size)
    if 0 in shape:
        return np.empty(shape, x.dtype), np.empty(shape, np.int64)
    if all(n % m == 0 for n, m in zip(spatial, output_size, strict=True)):
        kernel = tuple(n // m for n, m in zip(spatial, output_size, strict=True))
        return max_pool(x, kernel, kernel, (0,) * rank, (1,) * rank, False)
    bounds = [_adaptive_bounds(n, m) for n, m in zip(spatial, output_size, strict=True)]
    values = np.empty(shape, x.dtype)
    indices = np.empty(shape, np.int64)
    plane = np.arange(prod(spatial), dtype=np.int64).reshape(spatial)
    for cell in np.ndindex(*output_size):
        part = tuple(slice(*bounds[axis][i]) for axis, i in enumerate(cell))
        window = x[_spatial(part)].reshape(*x.shape[:-rank], -1)
        best = window.argmax(axis=-1)
        if x.dtype.kind not in "iu":
            nan = window != window
            if nan.any():
                last = nan.shape[-1] - 1 - nan[..., ::-1].argmax(axis=-1)
                best = np.where(nan.any(axis=-1), last, best)
        indices[(..., *cell)] = plane[part].reshape(-1)[best]
    values[...] = max_pool_gather(x, indices, rank)
    return values, indices
