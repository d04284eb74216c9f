"""Rows that show elements in another order or shape, in memory of their own; paddings by copies."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from ..expressions import Value, index
from ..ir import View
from ..trace import LOWERINGS, NotLowered, Tracer, lowering
from .copying import _around, _diagonal, _only, element
from .scattering import _zero, scatter


def _same(v: Value) -> Value:
    return v


def _copied(t: Tracer, out: View, source: View) -> None:
    if source.shape != out.shape:
        source = t.reshaped(source, out.shape)
    t.map(out, [source], _same)


# ---- views that had to be copied ----------------------------------------------------------------


def part(x: View, dim: int, start: Any, end: Any, step: int) -> View:
    """``x[..., start:end:step, ...]``."""
    dim %= x.ndim
    first, stop, step = slice(start, end, step).indices(x.shape[dim])
    return x.slice(dim, first, len(range(first, stop, step)), step)


def _select(x: View, dim: int, at: int) -> View:
    return x.drop(dim, at % x.shape[dim])


def _unfold(x: View, dimension: int, size: int, step: int) -> View:
    if not x.ndim:
        return x.unsqueeze(0).slice(0, 0, size)
    dim = dimension % x.ndim
    shape, strides = list(x.shape), list(x.strides)
    shape[dim] = (shape[dim] - size) // step + 1
    stride = strides[dim]
    strides[dim] *= step
    return View(x.buffer, x.offset, [*shape, size], [*strides, stride])


def _strided(t: Tracer, x: View, shape: Any, strides: Any, offset: Any) -> View:
    x = t.contiguous(x)
    view = View(x.buffer, x.offset + (offset or 0), shape, strides)
    low, high = view.span()
    if low < x.offset or high > x.offset + x.size:
        raise NotLowered("a window that leaves the tensor")
    return view


def _view_row(window: Any) -> Any:
    """A row that gives ``window(x, *attributes)``, copied."""

    def lower(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
        x, *attributes = arguments
        out = _only(outputs)
        t.check(x)
        if out.size:
            _copied(t, out, window(x, *attributes))

    return lower


_WINDOWS: dict[str, Any] = {
    "permute_copy": lambda x, dims: x.permute([d % x.ndim for d in dims]),
    "select_copy": _select,
    "slice_copy": part,
    "t_copy": lambda x: x.transpose() if x.ndim == 2 else x,
    "transpose_copy": lambda x, a, b: x.transpose(a, b) if x.ndim else x,
    "unfold_copy": _unfold,
    "unsqueeze_copy": lambda x, dim: x,
    "expand_copy": lambda x, *rest: x,
    "view_copy_row": lambda x, *rest: x,
    "squeeze_copy_all": lambda x, *rest: x,
    "alias_copy": lambda x: x,
    "detach_copy": lambda x: x,
    "squeeze_one": lambda x, *rest: x,
    "squeeze_several": lambda x, *rest: x,
    "select": _select,
    "slice": part,
    "unfold": _unfold,
    "diagonal": _diagonal,
}  # fmt: skip
for _name, _window in _WINDOWS.items():
    LOWERINGS[_name] = _view_row(_window)


@lowering("expand_copy")
def expand_copy(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    t.map(_only(outputs), [arguments[0]], _same)


@lowering("as_strided", "as_strided_copy")
def as_strided(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, shape, strides, offset = arguments
    t.map(_only(outputs), [_strided(t, x, shape, strides, offset)], _same)


@lowering("split", "split_with_sizes")
def split(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, sizes, dim = arguments
    start = 0
    for i, out in enumerate(outputs):
        size = sizes if isinstance(sizes, int) else sizes[i]
        size = min(size, x.shape[dim] - start)
        if out is not None and out.size:
            t.map(out, [x.slice(dim, start, size)], _same)
        start += size


@lowering("unbind")
def unbind(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, dim = arguments
    for i, out in enumerate(outputs):
        if out is not None and out.size:
            t.map(out, [x.drop(dim, i)], _same)


# ---- a tensor with a part replaced --------------------------------------------------------------


def _replaced(window: Any) -> Any:
    def lower(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
        x, src, *attributes = arguments
        out = _only(outputs)
        t.map(out, [x], _same)
        target = window(out, *attributes)
        if target.size:
            t.map(target, [src], _same)

    return lower


for _name, _window in (
    ("select_scatter", _select), ("slice_scatter", part), ("diagonal_scatter", _diagonal),
):  # fmt: skip
    LOWERINGS[_name] = _replaced(_window)


@lowering("unfold_backward")
def unfold_backward(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    """Windows that overlap add up, one position within the window after the other."""
    g, shape, dim, size, step = arguments
    out = _only(outputs)
    if not shape or size > 64:
        raise NotLowered("windows of very many elements")
    _zero(t, out)
    dim %= len(shape)
    count = g.shape[dim]
    if not g.size:
        return
    for i in range(size):
        target = out.slice(dim, i, count, step)
        t.map(target, [target, g.drop(-1, i)], lambda v, s: v + s)


# ---- shuffles of images -------------------------------------------------------------------------


@lowering("pixel_shuffle", "pixel_unshuffle")
def pixel_shuffle(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, factor = arguments
    out = _only(outputs)
    small, large = (x, out) if t.origin == "pixel_shuffle" else (out, x)
    lead = small.shape[:-3]
    kept = large.shape[-3]
    height, width = small.shape[-2:]
    parts = (*lead, kept, factor, factor, height, width)
    n = len(lead)
    back = (*range(n + 1), n + 2, n + 4, n + 1, n + 3)
    if small is x:
        split = t.reshaped(x, parts)
        wide = out.reshape((*lead, kept, height, factor, width, factor))
        source, target = split, None if wide is None else wide.permute(back)
    else:
        wide = t.reshaped(x, (*lead, kept, height, factor, width, factor))
        source, target = wide.permute(back), out.reshape(parts)
    if target is None:
        raise NotLowered("a shuffle into a strided result")
    t.map(target, [source], _same)


@lowering("channel_shuffle")
def channel_shuffle(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, groups = arguments
    out = _only(outputs)
    if not out.size:
        return
    n, channels = x.shape[:2]
    rest = math.prod(x.shape[2:])
    split = t.reshaped(x, (n, groups, channels // groups, rest)).permute((0, 2, 1, 3))
    target = out.reshape((n, channels // groups, groups, rest))
    if target is None:
        raise NotLowered("a shuffle into a strided result")
    t.map(target, [split], _same)


@lowering("rot90")
def rot90(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, times, (a, b) = arguments
    times %= 4
    a, b = a % x.ndim, b % x.ndim
    view = x
    if times in (1, 2):
        view = _reversed(view, b)
    if times in (2, 3):
        view = _reversed(view, a)
    t.map(_only(outputs), [view if times % 2 == 0 else view.transpose(a, b)], _same)


def _reversed(x: View, axis: int) -> View:
    strides = list(x.strides)
    offset = x.offset + (x.shape[axis] - 1) * strides[axis] if x.shape[axis] else x.offset
    strides[axis] = -strides[axis]
    return View(x.buffer, offset, x.shape, strides)


@lowering("block_diag")
def block_diag(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    (xs,) = arguments
    out = _only(outputs)
    _zero(t, out)
    row = column = 0
    for x in xs:
        while x.ndim < 2:
            x = x.unsqueeze(0)
        target = out.slice(0, row, x.shape[0]).slice(1, column, x.shape[1])
        if x.size:
            t.map(target, [x], _same)
        row, column = row + x.shape[0], column + x.shape[1]


# ---- windows of images as columns ---------------------------------------------------------------


def _blocks(sizes: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> tuple[int, ...]:
    return tuple(
        (n + 2 * p - d * (m - 1) - 1) // s + 1
        for n, m, d, p, s in zip(sizes, kernel, dilation, padding, stride, strict=True)
    )


@lowering("im2col")
def im2col(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, kernel, dilation, padding, stride = arguments
    out = _only(outputs)
    if x.ndim == 3:
        x, out = x.unsqueeze(0), out.unsqueeze(0)
    if not out.size:
        return
    images, channels, height, width = x.shape
    rows, columns = _blocks((height, width), kernel, dilation, padding, stride)
    if any(padding):
        wide = t.temporary(
            (images, channels, height + 2 * padding[0], width + 2 * padding[1]), x.dtype
        )
        inside = wide.slice(2, padding[0], height).slice(3, padding[1], width)
        _around(t, wide, inside, x)
        x = wide
    s = x.strides
    windows = View(
        x.buffer, x.offset, (images, channels, *kernel, rows, columns),
        (s[0], s[1], dilation[0] * s[2], dilation[1] * s[3], stride[0] * s[2], stride[1] * s[3]),
    )  # fmt: skip
    target = out.reshape(windows.shape)
    if target is None:
        raise NotLowered("columns into a strided result")
    t.map(target, [windows], _same)


@lowering("col2im")
def col2im(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, size, kernel, dilation, padding, stride = arguments
    out = _only(outputs)
    if x.ndim == 2:
        x, out = x.unsqueeze(0), out.unsqueeze(0)
    if math.prod(kernel) > 64:
        raise NotLowered("windows of very many elements")
    rows, columns = _blocks(size, kernel, dilation, padding, stride)
    images, channels = out.shape[:2]
    if not x.size:
        _zero(t, out)
        return
    split = t.reshaped(x, (images, channels, *kernel, rows, columns))
    height, width = (n + 2 * p for n, p in zip(size, padding, strict=True))
    total = t.temporary((images, channels, height, width), x.dtype)
    _zero(t, total)
    for i, j in itertools.product(range(kernel[0]), range(kernel[1])):
        target = total.slice(2, i * dilation[0], rows, stride[0])
        target = target.slice(3, j * dilation[1], columns, stride[1])
        t.map(target, [target, split.drop(3, j).drop(2, i)], lambda v, s: v + s)
    inside = total.slice(2, padding[0], size[0]).slice(3, padding[1], size[1])
    t.map(out, [inside], _same)


# ---- paddings that repeat the input -------------------------------------------------------------


def _sources(shape: Any, pad: Any, mode: str) -> list[np.ndarray[Any, Any] | None]:
    """For each axis the input positions that are copied; None where all are."""
    from ..._ops.pad import _margins
    from ..._ops.pad import _sources as along

    found: list[np.ndarray[Any, Any] | None] = []
    for n, (before, after) in zip(shape, _margins(pad, len(shape)), strict=True):
        found.append(along(n, before, after, mode) if before or after else None)
    return found


def _tables(t: Tracer, sources: Any) -> list[View]:
    """The positions as constants, each along its own axis."""
    ndim = len(sources)
    return [
        t.constant(np.ascontiguousarray(s).reshape((-1,) + (1,) * (ndim - 1 - axis)))
        for axis, s in enumerate(sources) if s is not None
    ]  # fmt: skip


def _copy_pad(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, pad, mode = arguments
    out = _only(outputs)
    if not out.size:
        return
    sources = _sources(x.shape, pad, mode)

    def formula(*found: Value) -> Value:
        given = iter(found)
        return element(
            0, x, [index(a) if s is None else next(given) for a, s in enumerate(sources)]
        )

    t.gather_map(out, x, _tables(t, sources), formula)


for _name in (
    "copy_pad", *(f"{family}_pad{rank}d" for family in ("reflection", "replication", "circular")
                  for rank in (1, 2, 3)),
):  # fmt: skip
    LOWERINGS[_name] = _copy_pad


@lowering("copy_pad_adjoint")
def copy_pad_adjoint(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    g, shape, pad, mode = arguments
    out = _only(outputs)
    _zero(t, out)
    if not g.size:
        return
    sources = _sources(shape, pad, mode)
    tables = [v.expand(g.shape) for v in _tables(t, sources)]
    steps = [s if source is None else 0
             for s, source in zip(out.strides, sources, strict=True)]  # fmt: skip
    jumps = [s for s, source in zip(out.strides, sources, strict=True) if source is not None]
    free = [a for a, source in enumerate(sources) if source is None]
    scatter(t, out, g, tables, steps=steps, jumps=jumps, free=free)

