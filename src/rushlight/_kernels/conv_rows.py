"""Convolution of images with unit stride down the rows, unfolded along the rows only.

An image is staged once for each column of the kernel, moved sideways: `(channels, columns of the
kernel, rows, columns)`. One product with the weights of all rows of the kernel, stacked, gives what
each of them contributes; the contributions are then added, each a row further down. That copies a
third of what unfolding for a 3 x 3 kernel would, and keeps the product's sides even.

In the gradients the staged gradient serves twice: for the input as in the forward, and for the
weight against the input, which needs copies moved down only, as long runs.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from .memory import aligned
from .products import matmul

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]
    Ints = tuple[int, ...]

# Staged images and their products are made in pieces of about this size.
_PIECE_BYTES = 1 << 20
# OpenBLAS multiplies up to this many multiply-adds without packing: no reason to stack them.
_SMALL = 1_000_000


class _Stage:
    """Images moved sideways, a few at a time.

    Attributes:
        flat: ``(images, channels * columns of the kernel, rows * columns)``.
        step: how many images it holds.
    """

    __slots__ = ("_columns", "_inside", "_offset", "_stage", "_stride", "flat", "step")

    def __init__(
        self, shape: Ints, taps: int, columns: int, stride: int, padding: Ints, dilation: int,
        width: int, dtype: Any,
    ) -> None:  # fmt: skip
        images, channels, height = shape[:3]
        tall = height + 2 * padding[0]
        numbers = (channels * taps + width) * tall * columns
        step = max(1, _PIECE_BYTES // (numbers * dtype.itemsize))
        self.step = -(-images // -(-images // step))
        self._stage = aligned((self.step, channels, taps, tall, columns), dtype)
        self._stage.fill(0)
        self.flat = self._stage.reshape(self.step, channels * taps, tall * columns)
        self._inside = slice(padding[0], padding[0] + height)
        self._columns, self._stride = columns, stride
        self._offset = [tap * dilation - padding[1] for tap in range(taps)]

    def fill(self, x: Array) -> Array:
        """Stage these images; the zeros around them stay."""
        count, width = len(x), x.shape[3]
        stride = self._stride
        for tap, offset in enumerate(self._offset):
            # Columns whose tap falls inside the row.
            low = max(0, -(offset // stride))
            high = min(self._columns, (width - 1 - offset) // stride + 1)
            if low < high:
                begin = low * stride + offset
                self._stage[:count, :, tap, self._inside, low:high] = x[
                    ..., begin : begin + (high - low - 1) * stride + 1 : stride
                ]
        return self.flat[:count]


def _stacked(w: Array) -> Array:
    """``(rows of the kernel * O, C * columns of the kernel)``."""
    o, c, rows, columns = w.shape
    found = aligned((rows, o, c, columns), w.dtype)
    found[...] = w.transpose(2, 0, 1, 3)
    return found.reshape(rows * o, c * columns)


def _add_rows(products: Array, target: Array, rows: int, step: int) -> None:
    """Each row of the kernel adds what it contributes, `step` numbers further on."""
    count, o, pixels = target.shape
    parts = products.reshape(count, rows, o, -1)
    if rows == 1:
        target[...] = parts[:, 0, :, :pixels]
        return
    np.add(parts[:, 0, :, :pixels], parts[:, 1, :, step : step + pixels], out=target)
    for row in range(2, rows):
        np.add(target, parts[:, row, :, row * step : row * step + pixels], out=target)


def _each_row(weight: Array, staged: Array, target: Array, rows: int, step: int) -> None:
    """The same, with a product for each row of the kernel."""
    o, pixels = target.shape[1:]
    matmul(weight[:o], staged[:, :, :pixels], out=target)
    for row in range(1, rows):
        window = staged[:, :, row * step : row * step + pixels]
        np.add(target, matmul(weight[row * o : (row + 1) * o], window), out=target)


def stacks(w_shape: Ints, out: Ints) -> bool:
    """Whether one product for all rows of the kernel is faster than one for each."""
    return w_shape[0] * w_shape[1] * w_shape[3] * prod(out) > _SMALL


def conv(x: Array, w: Array, y: Array, stride: int, padding: Ints, dilation: Ints) -> None:
    """Write the convolution into `y`, ``(N, O, rows, columns)``; `stride` is along the rows."""
    images, o, _, columns = y.shape
    rows, taps = w.shape[2:]
    stage = _Stage(x.shape, taps, columns, stride, padding, dilation[1], rows * o, x.dtype)
    weight = _stacked(w)
    stacked = stacks(w.shape, y.shape[2:])
    scratch = aligned((stage.step, rows * o, stage.flat.shape[2]), x.dtype)
    result = y.reshape(images, o, -1)
    for first in range(0, images, stage.step):
        staged = stage.fill(x[first : first + stage.step])
        target = result[first : first + len(staged)]
        if stacked:
            products = matmul(weight, staged, out=scratch[: len(staged)])
            _add_rows(products, target, rows, dilation[0] * columns)
        else:
            _each_row(weight, staged, target, rows, dilation[0] * columns)


def gradients(
    g: Array, x: Array, turned: Array, padding: Ints, dilation: Ints
) -> tuple[Array, Array]:
    """Those of input and weight, for a convolution with unit strides.

    Args:
        g: the gradient of the result.
        x: the input.
        turned: the weight with its kernel turned round, ``(C, O, rows, columns)``.
        padding: that of the convolution of `g` with `turned`.
    """
    images, c, height, columns = x.shape
    o, (rows, taps) = g.shape[1], turned.shape[2:]
    stage = _Stage(g.shape, taps, columns, 1, padding, dilation[1], 2 * rows * c, x.dtype)
    tall = height + dilation[0] * (rows - 1)
    weight = _stacked(turned)
    scratch = aligned((stage.step, rows * c, tall * columns), x.dtype)
    moved = aligned((stage.step, rows, c, tall, columns), x.dtype)
    moved.fill(0)
    gx = np.empty(x.shape, x.dtype)
    result = gx.reshape(images, c, -1)
    sums = aligned((stage.step, rows * c, o * taps), x.dtype)
    total: Any = None
    for first in range(0, images, stage.step):
        staged = stage.fill(g[first : first + stage.step])
        count = len(staged)
        products = matmul(weight, staged, out=scratch[:count])
        _add_rows(products, result[first : first + count], rows, dilation[0] * columns)
        for row in range(rows):
            begin = row * dilation[0]
            moved[:count, row, :, begin : begin + height] = x[first : first + count]
        against = moved[:count].reshape(count, rows * c, -1)
        part = np.add.reduce(matmul(against, staged.swapaxes(1, 2), out=sums[:count]), axis=0)
        total = part if total is None else np.add(total, part, out=total)
    # (row, c, o, column) of the turned kernel.
    found = total.reshape(rows, c, o, taps)[::-1, :, :, ::-1].transpose(2, 1, 0, 3)
    return gx, np.ascontiguousarray(found)


def suits(w_shape: Ints, out: Ints, stride: Ints, long_run: int) -> bool:
    """Whether this is the fastest way to a result with spatial shape `out`."""
    return (
        len(stride) == 2
        and stride[0] == 1
        and w_shape[2] > 1
        and w_shape[1] * w_shape[3] >= long_run
        and 2 * w_shape[1] >= w_shape[0]  # else adding the results costs more
        and 2 * w_shape[1] <= prod(out)  # else the products are too small
    )
