"""Reading an image at the points of a grid, and the two derivatives of that.

Along each axis a point reads a few positions of the image, its taps: each has an index, a weight
``u`` that depends on the point's coordinate, and the weight's first and second derivatives in it.
The weight of a pixel is the product of its axes' weights, so one loop over the combinations of
taps serves every rank, every mode and every derivative.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

BILINEAR, NEAREST, BICUBIC = 0, 1, 2
ZEROS, BORDER, REFLECTION = 0, 1, 2
_CUBIC = -0.75  # PyTorch's constant of the cubic convolution


class Tap(NamedTuple):
    """One position that each point reads along an axis; all arrays (N, P)."""

    index: Any
    inside: Any  # None: everywhere
    u: Any
    du: Any  # None: zero everywhere
    ddu: Any


def _reflected(p: Any, low: float, high: float) -> tuple[Any, Any]:
    """`p` folded into [low, high] at its ends, and the sign that its derivative gets."""
    if low == high:
        return np.zeros_like(p), np.zeros_like(p)
    span = p.dtype.type(high - low)
    offset = p - p.dtype.type(low)
    sign = np.where(offset < 0, -1, 1).astype(p.dtype)
    offset = np.abs(offset)
    rest = np.fmod(offset, span)
    odd = np.floor(offset / span) % 2 == 1
    folded = np.where(odd, span - rest, rest) + p.dtype.type(low)
    return folded, np.where(odd, -sign, sign)


def _padded(p: Any, n: int, padding: int, align: bool) -> tuple[Any, Any]:
    """The position in the image that a position stands for, and its derivative (0 where cut)."""
    slope = np.ones_like(p)
    if padding == REFLECTION:
        low, high = (0.0, n - 1.0) if align else (-0.5, n - 0.5)
        p, slope = _reflected(p, low, high)
    if padding != ZEROS:
        slope = np.where((p <= 0) | (p >= n - 1), 0, slope).astype(p.dtype)
        p = np.fmin(np.fmax(p, 0), p.dtype.type(n - 1))  # NaN comes to 0
    return p, slope


def _index(p: Any) -> Any:
    """Whole numbers as integers; what none can hold is far outside."""
    return np.where(np.abs(p) < 2**30, p, -100).astype(np.int64)


def _tap(index: Any, n: int, u: Any, du: Any, ddu: Any) -> Tap:
    inside = (index >= 0) & (index < n)
    if inside.all():
        return Tap(index, None, u, du, ddu)
    return Tap(np.where(inside, index, 0), inside, u, du, ddu)


def _cubic_pieces(f: Any) -> list[tuple[Any, Any, Any]]:
    """Weights of the four taps about a fraction `f`, with two derivatives."""

    def near(d: Any) -> tuple[Any, Any, Any]:
        a, b = _CUBIC + 2, -(_CUBIC + 3)
        return (a * d + b) * d * d + 1, (3 * a * d + 2 * b) * d, 6 * a * d + 2 * b

    def far(d: Any) -> tuple[Any, Any, Any]:
        a = _CUBIC
        return (
            ((a * d - 5 * a) * d + 8 * a) * d - 4 * a,
            (3 * a * d - 10 * a) * d + 8 * a,
            6 * a * d - 10 * a,
        )

    left, right = (far(f + 1), near(f)), (near(1 - f), far(2 - f))
    return [*left, *((u, -du, ddu) for u, du, ddu in right)]


def _taps(g: Any, n: int, mode: int, padding: int, align: bool) -> list[Tap]:
    """What points with the coordinates `g`, in [-1, 1] inside the image, read along an axis."""
    real = g.dtype.type
    if align:
        p, scale = (g + 1) / 2 * (n - 1), real((n - 1) / 2)
    else:
        p, scale = ((g + 1) * n - 1) / 2, real(n / 2)
    if mode == BICUBIC:
        first = np.floor(p)
        found = []
        for i, (u, du, ddu) in enumerate(_cubic_pieces(p - first), -1):
            index, _ = _padded(first + i, n, padding, align)
            found.append(_tap(_index(index), n, u, du * scale, ddu * (scale * scale)))
        return found
    p, slope = _padded(p, n, padding, align)
    if mode == NEAREST:
        return [_tap(_index(np.rint(p)), n, np.ones_like(p), None, None)]
    first = np.floor(p)
    f = p - first
    step = slope * scale
    index = _index(first)
    return [_tap(index, n, 1 - f, -step, None), _tap(index + 1, n, f, step, None)]


def _product(factors: Any) -> Any:
    total = None
    for factor in factors:
        if factor is None:
            return None
        total = factor if total is None else total * factor
    return total


class _Corner:
    """A combination of taps: the pixels that it names, one for each point."""

    def __init__(self, taps: tuple[Tap, ...], shape: tuple[int, ...]) -> None:
        self.taps = taps
        index = taps[0].index
        for tap, n in zip(taps[1:], shape[3:], strict=True):
            index = index * n + tap.index
        images = np.arange(shape[0])[:, None]
        self.pixels = (index + images * prod(shape[2:])).reshape(-1)
        self.inside = _product([t.inside for t in taps if t.inside is not None])

    def weight(self, *axes: int) -> Any:
        """The weight, differentiated along these axes; None for zero. Shape (N * P, 1)."""
        orders = [axes.count(i) for i in range(len(self.taps))]
        found = _product(
            (t.u, t.du, t.ddu)[order] for t, order in zip(self.taps, orders, strict=True)
        )
        return None if found is None else found.reshape(-1, 1)

    def read(self, rows: Any) -> Any:
        """The pixels' channels, (N * P, C)."""
        found = rows.take(self.pixels, axis=0)
        if self.inside is not None:
            found = np.where(self.inside.reshape(-1, 1), found, 0)
        return found

    def add(self, total: Any, values: Any) -> None:
        """Adds to the pixels' channels."""
        if self.inside is not None:
            values = np.where(self.inside.reshape(-1, 1), values, 0)
        channels = total.shape[1]
        where = self.pixels[:, None] * channels + np.arange(channels)
        np.add.at(total.reshape(-1), where.reshape(-1), values.reshape(-1))


def _corners(x: Any, grid: Any, mode: int, padding: int, align: bool) -> Iterator[_Corner]:
    points = grid.reshape(grid.shape[0], prod(grid.shape[1:-1]), grid.shape[-1])
    # The last coordinate is the first axis'.
    axes = [
        _taps(points[:, :, -1 - i], n, mode, padding, align)
        for i, n in enumerate(x.shape[2:])
    ]  # fmt: skip
    for taps in product(*axes):
        yield _Corner(taps, x.shape)


def _rows(x: Any) -> Any:
    """Channels last, one row for each position."""
    return np.moveaxis(x, 1, -1).reshape(x.shape[0] * prod(x.shape[2:]), x.shape[1])


def _image(rows: Any, lead: int, spatial: tuple[int, ...]) -> Any:
    """The inverse of `_rows`, contiguous."""
    return np.ascontiguousarray(
        np.moveaxis(rows.reshape(lead, *spatial, rows.shape[1]), -1, 1)
    )




def sample(x: Any, grid: Any, mode: int, padding: int, align: bool) -> Any:
    """The image `x` (N, C, *S) at the points `grid` (N, *P, rank): (N, C, *P)."""
    rows = _rows(x)
    total = np.zeros((prod(grid.shape[:-1]), x.shape[1]), x.dtype)
    for corner in _corners(x, grid, mode, padding, align):
        total += corner.read(rows) * corner.weight()
    return _image(total, x.shape[0], grid.shape[1:-1])


def gradients(
    y: Any, x: Any, grid: Any, mode: int, padding: int, align: bool, mask: Any
) -> tuple[Any, Any]:
    """The gradients in the image and the grid where the samples receive `y`."""
    rows, ys = _rows(x), _rows(y)
    rank = grid.shape[-1]
    image = np.zeros(rows.shape, rows.dtype) if mask[0] else None
    slopes = np.zeros((len(ys), rank), grid.dtype)
    for corner in _corners(x, grid, mode, padding, align):
        if image is not None:
            corner.add(image, ys * corner.weight())
        if mask[1]:
            _add_slopes(slopes, corner, (corner.read(rows) * ys).sum(1))
    found = None if image is None else _image(image, x.shape[0], x.shape[2:]).reshape(x.shape)
    return np.zeros(x.shape, x.dtype) if found is None else found, slopes.reshape(grid.shape)


def _add_slopes(slopes: Any, corner: _Corner, values: Any, *along: int) -> None:
    rank = slopes.shape[1]
    for axis in range(rank):
        weight = corner.weight(axis, *along)
        if weight is not None:
            slopes[:, rank - 1 - axis] += weight[:, 0] * values


def second_gradients(
    gx: Any, gg: Any, y: Any, x: Any, grid: Any, mode: int, padding: int, align: bool
) -> tuple[Any, Any, Any]:
    """The gradients in `y`, `x` and `grid` where those of :func:`gradients` receive gx and gg."""
    rows, ys, rank = _rows(x), _rows(y), grid.shape[-1]
    gx_rows = None if gx is None else _rows(gx)
    gg_rows = None if gg is None else gg.reshape(-1, rank)
    for_y, for_x = np.zeros(ys.shape, ys.dtype), np.zeros(rows.shape, rows.dtype)
    slopes = np.zeros((len(ys), rank), grid.dtype)
    for corner in _corners(x, grid, mode, padding, align):
        if gx_rows is not None:
            wanted = corner.read(gx_rows)
            for_y += wanted * corner.weight()
            _add_slopes(slopes, corner, (wanted * ys).sum(1))
        if gg_rows is None:
            continue
        values = corner.read(rows)
        inner = (values * ys).sum(1)
        for axis in range(rank):
            weight = corner.weight(axis)
            toward = gg_rows[:, rank - 1 - axis]
            if weight is not None:
                factor = weight * toward[:, None]
                for_y += values * factor
                corner.add(for_x, ys * factor)
            _add_slopes(slopes, corner, inner * toward, axis)
    return (
        _image(for_y, y.shape[0], y.shape[2:]).reshape(y.shape),
        _image(for_x, x.shape[0], x.shape[2:]).reshape(x.shape),
        slopes.reshape(grid.shape),
    )


def base_points(size: tuple[int, ...], align: bool, dtype: Any) -> Any:
    """The coordinates of a grid's points with a 1 beside them: (*size, rank + 1)."""
    real: Any = np.float64 if dtype == np.float64 else np.float32
    rank = len(size)
    out = np.ones((*size, rank + 1), real)
    for axis, n in enumerate(size):
        steps = np.linspace(-1, 1, n, dtype=real) if n > 1 else np.zeros(n, real)
        if not align:
            steps = steps * real(n - 1) / real(n)
        shape = (-1,) + (1,) * (rank - 1 - axis)
        out[..., rank - 1 - axis] = steps.reshape(shape)
    return out.astype(dtype)
