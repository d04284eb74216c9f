"""Rows that move elements: copies, casts, joins, parts of tensors and their adjoints."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..expressions import Value, index, k
from ..ir import BOOL, Expr, View, computed
from ..trace import NotLowered, Tracer, convert_to, lowering


def _only(outputs: list[View | None]) -> View:
    out = outputs[0]
    assert out is not None
    return out


@lowering(
    "clone", "contiguous", "cast", "to_copy", "laid_out", "diagonal_copy_", "alias", "real",
    "window",
)  # fmt: skip
def copy(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    out = _only(outputs)
    x = arguments[0]
    t.check(x)
    if x.shape != out.shape:
        x = t.reshaped(x, out.shape)
    t.map(out, [x], lambda v: k.ne(v, 0) if out.dtype == BOOL and v.dtype != BOOL else v)


@lowering(
    "view", "reshape_alias", "unsafe_view", "reshape", "squeeze_first", "squeeze", "unsqueeze",
)  # fmt: skip
def reshape(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    """A reshape that the recording had to copy."""
    out = _only(outputs)
    t.map(out, [t.reshaped(arguments[0], out.shape)], lambda v: v)


@lowering("expand", "copy", "fill_tensor")
def expand(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    source = arguments[0] if t.origin == "expand" else arguments[1]
    t.map(_only(outputs), [source], lambda v: v)


@lowering("transpose", "t", "mT", "permute")
def permute(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    """A transposition that the recording had to copy."""
    x, *rest = arguments
    axes = list(range(x.ndim))
    if t.origin == "permute":
        axes = [a % x.ndim for a in rest[0]]
    else:
        i, j = rest if t.origin == "transpose" else (-1, -2)
        if x.ndim > 1:
            axes[i], axes[j] = axes[j], axes[i]
    t.map(_only(outputs), [x.permute(axes)], lambda v: v)


@lowering("flip")
def flip(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, dims = arguments
    offset, strides = x.offset, list(x.strides)
    for d in dims:
        offset += (x.shape[d] - 1) * strides[d] if x.shape[d] else 0
        strides[d] = -strides[d]
    t.map(_only(outputs), [View(x.buffer, offset, x.shape, strides)], lambda v: v)


@lowering("roll")
def roll(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, shifts, dims = arguments
    out = _only(outputs)
    if not x.size:
        return
    if not dims:
        x, wide = t.reshaped(x, (x.size,)), out.reshape((x.size,))
        if wide is None:
            raise NotLowered("a roll into a strided result")
        out, dims = wide, (0,)
    regions = [(x, out)]
    for shift, d in zip(shifts, dims, strict=True):
        n = x.shape[d]
        shift %= n
        pairs = []
        for source, target in regions:
            if shift:
                pairs.append((source.slice(d, n - shift, shift), target.slice(d, 0, shift)))
            pairs.append((source.slice(d, 0, n - shift), target.slice(d, shift, n - shift)))
        regions = pairs
    for source, target in regions:
        t.map(target, [source], lambda v: v)


@lowering("cat")
def cat(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    xs, dim = arguments
    out = _only(outputs)
    start = 0
    for x in xs:
        if x.ndim == 1 and not x.size and out.ndim != 1:
            continue
        n = x.shape[dim]
        if n:
            t.map(out.slice(dim, start, n), [x], lambda v: v)
        start += n


@lowering("stack")
def stack(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    xs, dim = arguments
    out = _only(outputs)
    for i, x in enumerate(xs):
        t.map(out.drop(dim, i), [x], lambda v: v)


def _around(t: Tracer, out: View, part: View, value: Any, outside: float = 0.0) -> None:
    """`value` where `part` lies in `out`, zeros elsewhere."""
    t.map(out, [], lambda: outside)
    t.map(part, [value], lambda v: v)


@lowering("select_backward")
def select_backward(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    g, _, dim, at = arguments
    out = _only(outputs)
    _around(t, out, out.drop(dim, at), g)


@lowering("slice_backward")
def slice_backward(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    g, shape, dim, start, end, step = arguments
    out = _only(outputs)
    n = shape[dim]
    start, end, step = slice(start, end, step).indices(n)
    _around(t, out, out.slice(dim, start, g.shape[dim], step), g)


@lowering("constant_pad_nd")
def constant_pad(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, pad, value = arguments
    out = _only(outputs)
    part, source = out, x
    for i in range(len(pad) // 2):
        axis = x.ndim - 1 - i
        before, after = pad[2 * i], pad[2 * i + 1]
        if before < 0:
            source = source.slice(axis, -before, source.shape[axis] + before)
        if after < 0:
            source = source.slice(axis, 0, source.shape[axis] + after)
        part = part.slice(axis, max(0, before), source.shape[axis])
    _around(t, out, part, source, value)


@lowering("diagonal_backward")
def diagonal_backward(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    g, _, offset, dim1, dim2 = arguments
    out = _only(outputs)
    _around(t, out, _diagonal(out, offset, dim1, dim2), g)


@lowering("diag_embed")
def diag_embed(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, offset, dim1, dim2 = arguments
    out = _only(outputs)
    _around(t, out, _diagonal(out, offset, dim1, dim2), x)


@lowering("diagonal_copy")
def diagonal_copy(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, offset, dim1, dim2 = arguments
    t.map(_only(outputs), [_diagonal(x, offset, dim1, dim2)], lambda v: v)


def _diagonal(x: View, offset: int, dim1: int, dim2: int) -> View:
    dim1, dim2 = dim1 % x.ndim, dim2 % x.ndim
    rows, columns = x.shape[dim1], x.shape[dim2]
    first_row, first_column = max(0, -offset), max(0, offset)
    n = max(0, min(rows - first_row, columns - first_column))
    shape = [m for a, m in enumerate(x.shape) if a not in (dim1, dim2)]
    strides = [s for a, s in enumerate(x.strides) if a not in (dim1, dim2)]
    start = x.offset + first_row * x.strides[dim1] + first_column * x.strides[dim2]
    return View(
        x.buffer, start if n else x.offset, [*shape, n],
        [*strides, x.strides[dim1] + x.strides[dim2]],
    )  # fmt: skip


def _triangle(keep: Any) -> Any:
    def lower(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
        x, diagonal = arguments
        row, column = x.ndim - 2, x.ndim - 1
        t.map(
            _only(outputs), [x],
            lambda v: k.select(keep(index(column) - index(row), diagonal), v, _zero(v)),
        )  # fmt: skip

    return lower


def _zero(v: Value) -> Any:
    return False if v.dtype == BOOL else 0


lowering("tril")(_triangle(lambda distance, diagonal: distance <= diagonal))
lowering("triu")(_triangle(lambda distance, diagonal: distance >= diagonal))


@lowering("repeat")
def repeat(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, repeats = arguments
    out = _only(outputs)
    wide, source = _tiles(out, x, repeats)
    t.map(wide, [source], lambda v: v)


@lowering("fold_repeats")
def fold_repeats(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    g, shape, repeats = arguments
    out = _only(outputs)
    padded = (1,) * (len(repeats) - len(shape)) + tuple(shape)
    split: list[int] = []
    for r, n in zip(repeats, padded, strict=True):
        split.extend((r, n))
    wide = t.reshaped(g, split)
    target = t.reshaped(out, padded)
    axes = tuple(range(0, len(split), 2))
    t.reduce("sum", target, wide.shape, axes, [wide], lambda v: v)


def _tiles(out: View, x: View, repeats: Any) -> tuple[View, View]:
    """Views in which the repeats are axes of their own."""
    padded = (1,) * (len(repeats) - x.ndim) + x.shape
    strides = (0,) * (len(repeats) - x.ndim) + x.strides
    shape: list[int] = []
    source: list[int] = []
    for r, n, s in zip(repeats, padded, strides, strict=True):
        shape.extend((r, n))
        source.extend((0, s))
    wide = out.reshape(shape)
    if wide is None:
        raise NotLowered("repeat into a strided result")
    return wide, View(x.buffer, x.offset, shape, source)


@lowering("sum_to")
def sum_to(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, shape = arguments
    out = _only(outputs)
    lead = x.ndim - len(shape)
    axes = [*range(lead)]
    axes += [lead + i for i, n in enumerate(shape) if n == 1 and x.shape[lead + i] != 1]
    if not axes:
        t.map(out, [x], lambda v: v)
        return
    target = out
    for axis in sorted((a - lead for a in axes if a >= lead), reverse=True):
        target = target.drop(axis)
    t.reduce("any" if out.dtype == BOOL else "sum", target, x.shape, axes, [x], lambda v: v)


@lowering("as_strided_adjoint")
def overlapping(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    raise NotLowered("windows that overlap are added up by NumPy")


def element(view_number: int, view: View, coordinates: list[Value]) -> Value:
    """An element of an input view at computed coordinates."""
    return Value(
        Expr("at", tuple(convert_to(c.e, np.dtype(np.int64)) for c in coordinates),
             computed(view.dtype), index=view_number)
    )  # fmt: skip
