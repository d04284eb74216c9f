"""Convolution and its two adjoints on NumPy arrays, in one, two or three dimensions.

The three functions are each other's derivatives: with ``y = conv(x, w)``, the inner product
``<g, conv(x, w)>`` equals ``<conv_input(g, w), x>`` and ``<conv_weight(g, x), w>``.

Windows are unfolded into a matrix, a few images (or rows of one image) at a time so that the
matrix stays in the second-level cache, and multiplied by BLAS. The layout is chosen by the length
of the runs that unfolding copies:

* channels last, columns ``(pixels, kernel * channels)``: long runs when there are many channels,
  and the orientation that OpenBLAS multiplies fastest;
* channels first, columns ``(kernel, pixels)``: long runs when there are few channels. It also
  carries groups, as a batch dimension of the product;
* row shifts, for images with unit stride: unfolding along one axis only (`conv_rows.py`).

For small images the calls cost more than the arithmetic: what their shapes decide is kept, and
the columns of the whole batch are made and multiplied at once.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from . import conv_rows, native
from .products import matmul

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Array = NDArray[Any]
    Ints = tuple[int, ...]

# Unfolded columns are made in pieces of about this size: half of a common second-level cache.
_PIECE_BYTES = 1 << 20
# Runs of at least this many elements make the channels-last layout the faster one.
_LONG_RUN = 24
# Up to this many numbers in all columns together, the whole batch is unfolded at once; columns of
# many channels are short and slow to copy.
_FEW, _FEW_OF_MANY_CHANNELS = 1 << 15, 1 << 12


def conv_output_shape(
    spatial: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> Ints:
    """Spatial shape of a convolution: ``(n + 2p - d(k - 1) - 1) // s + 1`` in each dimension."""
    return tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(spatial, kernel, stride, padding, dilation, strict=True)
    )


def conv(x: Array, w: Array, stride: Ints, padding: Ints, dilation: Ints, groups: int) -> Array:
    """Cross-correlation of ``x`` with ``w``.

    Shape: x ``(N, C, *spatial)``, w ``(O, C / groups, *kernel)``, result ``(N, O, *out)``.

    >>> conv(np.ones((1, 1, 4), "f"), np.ones((1, 1, 3), "f"), (1,), (0,), (1,), 1)
    array([[[3., 3.]]], dtype=float32)
    """
    if x.ndim == 4 and x.size >= native.limit:
        out = conv_output_shape(x.shape[2:], w.shape[2:], stride, padding, dilation)
        made: Array | None = native.convolution(
            "conv2d", x, w, (x.shape[0], w.shape[0], *out), stride, padding, dilation, groups
        )
        if made is not None:
            return made
    if groups == 1:
        few = _few(x.shape, w.shape, stride, padding, dilation)
        if few is not None:
            y = np.empty((x.shape[0], w.shape[0], few.pixels), x.dtype)
            matmul(w.reshape(w.shape[0], -1), few.columns(x), out=y)
            return y.reshape(*y.shape[:2], *few.out)
    out = conv_output_shape(x.shape[2:], w.shape[2:], stride, padding, dilation)
    y = np.empty((x.shape[0], w.shape[0], *out), x.dtype)
    if y.size == 0:
        return y
    if x.shape[1] == 0:
        y.fill(0)
    elif _is_pointwise(w.shape, stride, padding):
        pixels = prod(out)
        shape = (x.shape[0], groups, x.shape[1] // groups, pixels)
        weight = w.reshape(groups, w.shape[0] // groups, -1)
        matmul(weight, x.reshape(shape), out=y.reshape(shape[0], groups, -1, pixels))
    elif groups == 1 and conv_rows.suits(w.shape, out, stride, _LONG_RUN):
        conv_rows.conv(x, w, y, stride[1], padding, dilation)
    elif groups == 1 and _prefers_channels_last(w.shape, dilation):
        _conv_channels_last(x, w, y, stride, padding, dilation)
    else:
        _conv_channels_first(x, w, y, stride, padding, dilation, groups)
    return y


def conv_input(
    g: Array, w: Array, x_shape: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int
) -> Array:
    """Adjoint of :func:`conv` in ``x``; also the forward of transposed convolution.

    Shape: g ``(N, O, *out)``, w ``(O, C / groups, *kernel)``, result ``x_shape``.
    """
    x_shape = tuple(x_shape)
    if g.size == 0 or w.size == 0 or prod(x_shape) == 0:
        return np.zeros(x_shape, g.dtype)
    if g.ndim == 4 and g.size >= native.limit:
        made: Array | None = native.convolution(
            "conv2d_input", g, w, x_shape, stride, padding, dilation, groups
        )
        if made is not None:
            return made
    in_group = w.shape[1]
    # Folding moves kernel * C columns, unfolding kernel * O of them: fold when C is much smaller.
    many_outputs = w.shape[0] // groups >= 4 * in_group and in_group < _LONG_RUN
    if max(stride) == 1 and not many_outputs:
        # The adjoint of a unit-stride convolution is one with the kernel turned round.
        turned, margin = _turned(w, padding, dilation, groups)
        if min(margin) < 0:
            cut = tuple(slice(-m, n + m) if m < 0 else slice(None)
                        for m, n in zip(margin, g.shape[2:], strict=True))
            g = np.ascontiguousarray(g[(slice(None), slice(None), *cut)])
            margin = tuple(max(m, 0) for m in margin)
        return conv(g, turned, stride, margin, dilation, groups)
    return _scatter_columns(g, w, x_shape, stride, padding, dilation, groups)


def _turned(w: Array, padding: Ints, dilation: Ints, groups: int) -> tuple[Array, Ints]:
    """The weight and the padding of the convolution that is the adjoint, for unit strides."""
    kernel = w.shape[2:]
    turned = w.reshape(groups, -1, *w.shape[1:]).swapaxes(1, 2)
    turned = turned[(slice(None),) * 3 + (slice(None, None, -1),) * len(kernel)]
    # Contiguous: BLAS takes no negative strides, and matmul without it is far slower.
    turned = np.ascontiguousarray(turned).reshape(groups * w.shape[1], -1, *kernel)
    margin = tuple(d * (k - 1) - p for d, k, p in zip(dilation, kernel, padding, strict=True))
    return turned, margin


def conv_gradients(
    g: Array, x: Array, w: Array, stride: Ints, padding: Ints, dilation: Ints, groups: int,
    need: tuple[bool, ...],
) -> tuple[Any, Any]:  # fmt: skip
    """:func:`conv_input` and :func:`conv_weight`, which share work; None where not needed."""
    one = g.ndim != 4 or g.size < native.limit or not native.parts(0)
    if one and need[0] and need[1] and groups == 1 and max(stride) == 1 and g.size and x.size:
        shape = (w.shape[1], w.shape[0], *w.shape[2:])
        out = x.shape[2:]
        if conv_rows.suits(shape, out, stride, _LONG_RUN) and conv_rows.stacks(shape, out):
            turned, margin = _turned(w, padding, dilation, 1)
            if min(margin) >= 0 and _few(g.shape, shape, stride, margin, dilation) is None:
                return conv_rows.gradients(g, x, turned, margin, dilation)
    return (
        conv_input(g, w, x.shape, stride, padding, dilation, groups) if need[0] else None,
        conv_weight(g, x, w.shape, stride, padding, dilation, groups) if need[1] else None,
    )


def conv_weight(
    g: Array, x: Array, w_shape: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int
) -> Array:
    """Adjoint of :func:`conv` in ``w``.

    Shape: g ``(N, O, *out)``, x ``(N, C, *spatial)``, result ``w_shape``.
    """
    w_shape = tuple(w_shape)
    if g.size == 0 or x.size == 0 or prod(w_shape) == 0:
        return np.zeros(w_shape, x.dtype)
    # Few channels in a group give the native kernel too little to do at a time.
    if g.ndim == 4 and g.size >= native.limit and (groups == 1 or w_shape[0] >= 8 * groups):
        made: Array | None = native.convolution(
            "conv2d_weight", g, x, w_shape, stride, padding, dilation, groups
        )
        if made is not None:
            return made
    if groups == 1:
        few = _few(x.shape, w_shape, stride, padding, dilation)
        if few is not None:
            columns, rows = few.columns(x), g.reshape(*g.shape[:2], -1)
            # A sum for each image first: shorter sums, hence more precise ones.
            products = matmul(rows, columns.swapaxes(1, 2))
            total = products[0] if len(x) == 1 else np.add.reduce(products, axis=0)
            return total.reshape(w_shape).astype(x.dtype, copy=False)
    if groups == 1 and _prefers_channels_last(w_shape, dilation):
        return _weight_channels_last(g, x, w_shape, stride, padding, dilation)
    return _weight_channels_first(g, x, w_shape, stride, padding, dilation, groups)


def _is_pointwise(w_shape: Ints, stride: Ints, padding: Ints) -> bool:
    return prod(w_shape[2:]) == 1 and max(stride) == 1 and max(padding) == 0


def _prefers_channels_last(w_shape: Ints, dilation: Ints) -> bool:
    run = w_shape[1] * (w_shape[-1] if dilation[-1] == 1 else 1)
    return run >= _LONG_RUN


def _pieces(
    images: int, rows: int, bytes_per_row: int, budget: int
) -> Iterator[tuple[int, int, int, int]]:
    """Cut the work into (first image, last image, first row, last row), each within ``budget``."""
    per_image = rows * bytes_per_row
    if per_image <= budget:
        step = budget // max(1, per_image)
        step = -(-images // -(-images // step))  # as few pieces, of even size
        for i in range(0, images, step):
            yield i, min(i + step, images), 0, rows
        return
    step = max(1, budget // bytes_per_row)
    step = -(-rows // -(-rows // step))
    for i in range(images):
        for r in range(0, rows, step):
            yield i, i + 1, r, min(r + step, rows)


def _interior(padding: Ints, spatial: Ints) -> tuple[slice, ...]:
    return tuple(slice(p, p + n) for p, n in zip(padding, spatial, strict=True))


def _windows(
    padded: Array, spatial_axis: int, out: Ints, kernel: Ints, stride: Ints, dilation: Ints
) -> Array:
    """View of every window, ``(*leading, *out, *kernel, *trailing)``, without copying."""
    last = spatial_axis + len(out)
    shape, steps = padded.shape, padded.strides
    spatial = steps[spatial_axis:last]
    # as_strided means the same and costs ten times as much per call.
    return np.ndarray(
        shape[:spatial_axis] + out + kernel + shape[last:],
        padded.dtype,
        padded,
        0,
        steps[:spatial_axis]
        + tuple(step * s for step, s in zip(spatial, stride, strict=True))
        + tuple(step * d for step, d in zip(spatial, dilation, strict=True))
        + steps[last:],
    )


class _Few:
    """How to unfold a small batch: what follows from the shapes alone.

    Attributes:
        out: spatial shape of the convolution, of `pixels` places.
    """

    __slots__ = ("_inside", "_matrix", "_padded", "_windows", "out", "pixels")

    def __init__(
        self, x_shape: Ints, out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
    ) -> None:
        rank = len(kernel)
        self.out, self.pixels = out, prod(out)
        spatial = tuple(n + 2 * p for n, p in zip(x_shape[2:], padding, strict=True))
        self._padded = x_shape[:2] + spatial
        self._inside = (
            (slice(None), slice(None), *_interior(padding, x_shape[2:])) if max(padding) else None
        )
        steps = [1]
        for n in self._padded[:0:-1]:
            steps.insert(0, steps[0] * n)
        self._windows = (
            x_shape[:2] + kernel + out,
            (*steps[:2], *(step * d for step, d in zip(steps[-rank:], dilation, strict=True)),
             *(step * s for step, s in zip(steps[-rank:], stride, strict=True))),
        )
        self._matrix = (x_shape[0], x_shape[1] * prod(kernel), self.pixels)

    def columns(self, x: Array) -> Array:
        """``(N, C * kernel, pixels)``."""
        if self._inside is None:
            padded = np.ascontiguousarray(x)
        else:
            padded = np.zeros(self._padded, x.dtype)
            padded[self._inside] = x
        shape, steps = self._windows
        size = x.itemsize
        # as_strided means the same and costs ten times as much per call.
        windows = np.ndarray(shape, x.dtype, padded, 0, [step * size for step in steps])
        return windows.reshape(self._matrix)


@lru_cache(maxsize=256)
def _few(
    x_shape: Ints, w_shape: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> _Few | None:
    """How to unfold a batch of this shape at once; None where that does not pay."""
    out = conv_output_shape(x_shape[2:], w_shape[2:], stride, padding, dilation)
    numbers = x_shape[0] * prod(w_shape[1:]) * prod(out)
    limit = _FEW_OF_MANY_CHANNELS if _prefers_channels_last(w_shape, dilation) else _FEW
    if not 0 < numbers <= limit or not w_shape[0]:
        return None
    return _Few(x_shape, out, w_shape[2:], stride, padding, dilation)


class _Unfolder:
    """Unfolds the images of one batch, piece by piece, into one reused buffer of columns."""

    __slots__ = ("_buffer", "_columns", "_image", "_images", "_inside", "_out", "_x", "last",
                 "pieces", "_windows", "_permutation")

    def __init__(
        self, x: Array, kernel: Ints, out: Ints, stride: Ints, padding: Ints, dilation: Ints,
        last: bool, budget: int,
    ) -> None:
        channels, spatial = x.shape[1], x.shape[2:]
        rank = len(spatial)
        taps = channels * prod(kernel)
        per_row = taps * prod(out[1:]) * x.itemsize
        self.pieces = list(_pieces(x.shape[0], out[0], per_row, budget))
        images = max(b - a for a, b, _, _ in self.pieces)
        rows = max(b - a for _, _, a, b in self.pieces)
        self._x = x.transpose(0, *range(2, 2 + rank), 1) if last else x
        self._out, self.last = out, last
        padded = tuple(n + 2 * p for n, p in zip(spatial, padding, strict=True))
        inside = _interior(padding, spatial)
        if last:
            self._buffer = np.zeros((images, *padded, channels), x.dtype)
            self._inside = self._buffer[(slice(None), *inside)]
            self._windows = _windows(self._buffer, 1, out, kernel, stride, dilation)
            shape = (images, rows, *out[1:], *kernel, channels)
        else:
            self._buffer = np.zeros((images, channels, *padded), x.dtype)
            self._inside = self._buffer[(slice(None), slice(None), *inside)]
            view = _windows(self._buffer, 2, out, kernel, stride, dilation)
            order = (0, 1, *range(2 + rank, 2 + 2 * rank), *range(2, 2 + rank))
            self._windows = view.transpose(order)
            shape = (images, channels, *kernel, rows, *out[1:])
        self._columns = np.empty(shape, x.dtype)
        self._image = -1
        self._images = images

    def columns(self, first: int, stop: int, row: int, row_stop: int) -> Array:
        """Columns of images ``first:stop``, output rows ``row:row_stop``."""
        count = stop - first
        if self._image != first or self._images != 1:
            np.copyto(self._inside[:count], self._x[first:stop])
            self._image = first
        rows = row_stop - row
        if self.last:
            columns = self._columns[:count, :rows]
            columns[...] = self._windows[:count, row:row_stop]
            return columns
        axis = self._columns.ndim - len(self._out)
        before = (slice(count),) + (slice(None),) * (axis - 1)
        columns = self._columns
        if rows != columns.shape[axis]:
            shape = columns.shape[:axis] + (rows,) + columns.shape[axis + 1 :]
            columns = columns.reshape(-1)[: prod(shape)].reshape(shape)
        columns = columns[:count]
        columns[...] = self._windows[(*before, slice(row, row_stop))]
        return columns


def _conv_channels_last(
    x: Array, w: Array, y: Array, stride: Ints, padding: Ints, dilation: Ints
) -> None:
    out, kernel, o = y.shape[2:], w.shape[2:], w.shape[0]
    rank = len(out)
    weight = np.ascontiguousarray(w.transpose(*range(2, 2 + rank), 1, 0)).reshape(-1, o)
    unfold = _Unfolder(x, kernel, out, stride, padding, dilation, True, _PIECE_BYTES)
    inner = prod(out[1:])
    flat = y.reshape(y.shape[0], o, -1)
    # One buffer for all products: memory that is already mapped, and warm.
    buffer = None
    for first, stop, row, row_stop in unfold.pieces:
        columns = unfold.columns(first, stop, row, row_stop).reshape(-1, weight.shape[0])
        if buffer is None:
            buffer = np.empty((columns.shape[0], o), x.dtype)
        product = matmul(columns, weight, out=buffer[: columns.shape[0]])
        product = product.reshape(stop - first, (row_stop - row) * inner, o)
        flat[first:stop, :, row * inner : row_stop * inner] = product.transpose(0, 2, 1)


def _conv_channels_first(
    x: Array, w: Array, y: Array, stride: Ints, padding: Ints, dilation: Ints, groups: int
) -> None:
    out, kernel = y.shape[2:], w.shape[2:]
    weight = np.ascontiguousarray(w).reshape(groups, w.shape[0] // groups, -1)
    unfold = _Unfolder(x, kernel, out, stride, padding, dilation, False, _PIECE_BYTES)
    inner = prod(out[1:])
    flat = y.reshape(y.shape[0], groups, weight.shape[1], -1)
    for first, stop, row, row_stop in unfold.pieces:
        columns = unfold.columns(first, stop, row, row_stop)
        columns = columns.reshape(stop - first, groups, weight.shape[2], -1)
        matmul(weight, columns, out=flat[first:stop, :, :, row * inner : row_stop * inner])


def _weight_channels_last(
    g: Array, x: Array, w_shape: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> Array:
    out, kernel, o = g.shape[2:], w_shape[2:], w_shape[0]
    taps = prod(w_shape[1:])
    # A piece must be worth the addition of one whole weight.
    budget = max(_PIECE_BYTES, 4 * taps * o * x.itemsize)
    unfold = _Unfolder(x, kernel, out, stride, padding, dilation, True, budget)
    inner = prod(out[1:])
    pixels_last = g.reshape(g.shape[0], o, -1).transpose(0, 2, 1)
    total: Any = None
    for first, stop, row, row_stop in unfold.pieces:
        columns = unfold.columns(first, stop, row, row_stop).reshape(-1, taps)
        part = np.ascontiguousarray(pixels_last[first:stop, row * inner : row_stop * inner])
        product = matmul(columns.T, part.reshape(-1, o))
        total = product if total is None else np.add(total, product, out=total)
    rank = len(out)
    total = total.reshape(*kernel, w_shape[1], o).transpose(rank + 1, rank, *range(rank))
    return np.ascontiguousarray(total)


def _weight_channels_first(
    g: Array, x: Array, w_shape: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int
) -> Array:
    out, kernel = g.shape[2:], w_shape[2:]
    taps = prod(w_shape[1:])
    unfold = _Unfolder(x, kernel, out, stride, padding, dilation, False, _PIECE_BYTES)
    inner = prod(out[1:])
    flat = g.reshape(g.shape[0], groups, w_shape[0] // groups, -1)
    total = np.zeros((groups, w_shape[0] // groups, taps), x.dtype)
    for first, stop, row, row_stop in unfold.pieces:
        columns = unfold.columns(first, stop, row, row_stop)
        columns = columns.reshape(stop - first, groups, taps, -1).swapaxes(2, 3)
        part = flat[first:stop, :, :, row * inner : row_stop * inner]
        total += np.add.reduce(matmul(part, columns), axis=0)
    return total.reshape(w_shape)


def _tap_slices(tap: Ints, out: Ints, stride: Ints, dilation: Ints) -> tuple[slice, ...]:
    """The part of a padded image that one tap of the kernel meets."""
    return tuple(
        slice(t * d, t * d + (n - 1) * s + 1, s)
        for t, n, s, d in zip(tap, out, stride, dilation, strict=True)
    )


def _scatter_columns(
    g: Array, w: Array, x_shape: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int
) -> Array:
    """Columns ``w.T @ g`` folded back: every tap adds to the pixels it was read from."""
    out, kernel, spatial = g.shape[2:], w.shape[2:], x_shape[2:]
    weight = w.reshape(groups, w.shape[0] // groups, -1).swapaxes(1, 2)
    flat = g.reshape(g.shape[0], groups, w.shape[0] // groups, -1)
    padded = tuple(
        max(n + 2 * p, (m - 1) * s + d * (k - 1) + 1)
        for n, p, m, s, d, k in zip(spatial, padding, out, stride, dilation, kernel, strict=True)
    )
    dx = np.zeros((*x_shape[:2], *padded), g.dtype)
    per_image = groups * weight.shape[1] * flat.shape[3] * g.itemsize
    step = max(1, _PIECE_BYTES // per_image)
    taps = list(np.ndindex(*kernel))
    for first in range(0, g.shape[0], step):
        stop = min(first + step, g.shape[0])
        columns = matmul(weight, flat[first:stop])
        columns = columns.reshape(stop - first, x_shape[1], len(taps), *out)
        target = dx[first:stop]
        for index, tap in enumerate(taps):
            view = target[(slice(None), slice(None), *_tap_slices(tap, out, stride, dilation))]
            np.add(view, columns[:, :, index], out=view)
    return np.ascontiguousarray(dx[(slice(None), slice(None), *_interior(padding, spatial))])
