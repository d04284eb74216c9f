"""Rows that write or add up at computed places: one native kernel, "scatter", for all of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..expressions import Value, index, k
from ..ir import View, computed
from ..trace import KERNELS, LOWERINGS, NotLowered, Tracer, lowering
from .copying import _only
from .indexing import Places, _one_axis, checked, spread_index

KERNELS.add("scatter")


def scatter(
    t: Tracer, out: View, source: View, indices: list[View], *, steps: Any, jumps: Any, free: Any,
    how: str = "add", wrap: Any = None, skip: int | None = None,
) -> None:  # fmt: skip
    """Bring `source` into `out` (see `lower/scatter.py`). Halves are added up in float32."""
    t.check(out)
    t.check(source)
    if not source.size:
        return
    if out.dtype.kind == "b" and how not in ("set", "add", "mul"):
        raise NotLowered("extrema of bools")
    work = computed(out.dtype)
    if computed(source.dtype) != work:
        wide = t.temporary(source.shape, work)
        t.map(wide, [source], lambda v: v)
        source = wide
    target = out
    if how != "set" and out.dtype != work:
        if not out.contiguous:
            raise NotLowered("halves added up in a strided result")
        target = t.temporary(out.shape, work)
        t.map(target, [out], lambda v: v)
    t.kernel(
        "scatter", [source, *indices, target], [target], steps=tuple(steps), jumps=tuple(jumps),
        free=tuple(free), how=how, sizes=tuple(wrap or (0,) * len(indices)), skip=skip,
    )  # fmt: skip
    if target is not out:
        t.map(out, [target], lambda v: v)


def _along(
    t: Tracer, out: View, dim: int, indices: View, source: View, how: str, wrap: bool = False
) -> None:
    """``out[..., indices[i], ...]`` gets ``source[i]``; other axes are their own."""
    steps = [0 if a == dim else s for a, s in enumerate(out.strides)]
    free = [a for a in range(out.ndim) if a != dim]
    scatter(t, out, source, [indices.expand(source.shape)], steps=steps, jumps=[out.strides[dim]],
            free=free, how=how, wrap=[out.shape[dim] if wrap else 0])  # fmt: skip


def _zero(t: Tracer, out: View) -> None:
    t.map(out, [], lambda: 0)


def _number(t: Tracer, value: Any, dtype: Any, shape: Any) -> View:
    return t.constant(np.asarray([value]).astype(dtype)).drop(0).expand(shape)


@lowering("embedding_dense_backward")
def embedding_backward(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    g, indices, rows, padding_idx, scale = arguments
    out = _only(outputs)
    if scale:
        raise NotLowered("gradients scaled by frequency")
    checked(t, indices, rows)
    flat = t.reshaped(g, (indices.size, out.shape[1]))
    places = t.reshaped(indices, (indices.size, 1)).expand(flat.shape)
    _zero(t, out)
    skip = None if padding_idx is None or padding_idx < 0 else padding_idx
    scatter(t, out, flat, [places], steps=(0, out.strides[1]), jumps=(out.strides[0],), free=(1,),
            skip=skip)  # fmt: skip


@lowering("gather_backward")
def gather_backward(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    g, _, dim, indices = arguments
    out = _one_axis(_only(outputs))
    g, indices = _one_axis(g), _one_axis(indices)
    dim %= out.ndim
    checked(t, indices, out.shape[dim])
    same = all(n == m for a, (n, m) in enumerate(zip(g.shape, out.shape, strict=True)) if a != dim)
    if same and g.shape[dim] == 1 and out.shape[dim] <= 64:
        t.map(out, [g, indices], lambda v, i: k.select(k.eq(index(dim), i), v, 0))
        return
    _zero(t, out)
    _along(t, out, dim, indices, g, "add")


@lowering("value_selecting_backward")
def selecting_backward(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    """The gradient of max, sort and their like along a dim: every place gets one element."""
    g, indices, sizes, dim = arguments
    out = _only(outputs)
    if not sizes:
        t.map(out, [g], lambda v: v)
        return
    dim %= len(sizes)
    if g.ndim != len(sizes):
        g = g.unsqueeze(dim)
    if indices.ndim != len(sizes):
        indices = indices.unsqueeze(dim)
    if g.shape[dim] == 1:
        t.map(out, [g, indices], lambda v, i: k.select(k.eq(index(dim), i), v, 0))
        return
    checked(t, indices, out.shape[dim])
    _zero(t, out)
    _along(t, out, dim, indices, g, "set")


def _scatter(how: str | None) -> Any:
    """`how` None: named by the last argument."""

    def lower(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
        x, dim, indices, source, *rest = arguments
        kind = how or {"add": "add", "multiply": "mul"}[rest[0]]
        result = _only(outputs)
        t.map(result, [x], lambda v: v)
        out, indices = _one_axis(result), _one_axis(indices)
        dim %= out.ndim
        checked(t, indices, out.shape[dim])
        _along(t, out, dim, indices, _part(t, source, indices, out), kind)

    return lower


def _part(t: Tracer, source: Any, indices: View, out: View) -> View:
    """What of the source the index covers."""
    if not isinstance(source, View):
        return _number(t, source, out.dtype, indices.shape)
    source = _one_axis(source)
    for axis, n in enumerate(indices.shape):
        if source.shape[axis] != n:
            source = source.slice(axis, 0, n)
    return source


for _name, _how in (
    ("scatter_add", "add"), ("scatter_src", "set"), ("scatter_value", "set"),
    ("scatter_src_reduce", None), ("scatter_value_reduce", None),
):  # fmt: skip
    LOWERINGS[_name] = _scatter(_how)

_FOLDS = {"sum": "add", "prod": "mul", "amax": "max", "amin": "min"}


def _identity(how: str, dtype: Any) -> Any:
    if how in ("add", "mul"):
        return int(how == "mul")
    if dtype.kind in "fV":
        return -math.inf if how == "max" else math.inf
    info = np.iinfo(dtype)
    return info.min if how == "max" else info.max


@lowering("scatter_reduce")
def scatter_reduce(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, dim, indices, source, reduce, include_self = arguments
    result = _only(outputs)
    how = _FOLDS.get(reduce)
    if how is None or x.dtype.kind == "b":
        raise NotLowered("means of what is scattered")
    t.map(result, [x], lambda v: v)
    out, indices = _one_axis(result), _one_axis(indices)
    dim %= out.ndim
    checked(t, indices, out.shape[dim])
    if not include_self:
        nothing = _number(t, _identity(how, x.dtype), x.dtype, indices.shape)
        _along(t, out, dim, indices, nothing, "set")
    _along(t, out, dim, indices, _part(t, source, indices, out), how)


@lowering("index_select_backward")
def index_select_backward(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    g, _, dim, indices = arguments
    out = _one_axis(_only(outputs))
    dim %= out.ndim
    _zero(t, out)
    if g.size:
        g = _one_axis(g)
        checked(t, indices, out.shape[dim])
        _along(t, out, dim, spread_index(indices, out.ndim, dim), g, "add")


def _vector(how: str) -> Any:
    """index_add, index_copy and index_fill: a vector of indices along one axis."""

    def lower(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
        x, dim, indices, source, *rest = arguments
        result = _only(outputs)
        t.map(result, [x], lambda v: v)
        out = _one_axis(result)
        if not out.size or not indices.size:
            return
        dim %= out.ndim
        wrap = t.origin.startswith("index_fill")
        checked(t, indices, out.shape[dim], -out.shape[dim] if wrap else 0)
        spread = spread_index(indices, out.ndim, dim)
        if not isinstance(source, View):
            source = _number(t, source, out.dtype, ())
        if wrap:
            shape = list(out.shape)
            shape[dim] = indices.size
            source = source.expand(shape)
        else:
            source = _one_axis(source)
        if rest and rest[0] != 1:
            scaled = t.temporary(source.shape, computed(source.dtype))
            t.map(scaled, [source], lambda v: v * rest[0])
            source = scaled
        _along(t, out, dim, spread, source, how, wrap)

    return lower


for _name, _how in (
    ("index_add", "add"), ("index_copy", "set"), ("index_fill_scalar", "set"),
    ("index_fill_tensor", "set"),
):  # fmt: skip
    LOWERINGS[_name] = _vector(_how)


# ---- x[i, j] = values ---------------------------------------------------------------------------


def _put(
    t: Tracer, out: View, source: View | None, indices: list[View], places: Any, how: str
) -> None:
    p = Places(out.shape, indices, places)
    if not math.prod(p.shape):
        return
    p.check(t, indices)
    source = _number(t, 0, out.dtype, p.shape) if source is None else source.expand(p.shape)
    steps = [0 if a is None else out.strides[a] for a in p.rest]
    free = [axis for axis, a in enumerate(p.rest) if a is not None]
    scatter(t, out, source, p.indices, steps=steps, jumps=[out.strides[a] for a in p.places],
            free=free, how=how, wrap=[out.shape[a] for a in p.places])  # fmt: skip


def _backward(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    g, _, *indices, places = arguments
    out = _only(outputs)
    _zero(t, out)
    p = Places(out.shape, indices, places)
    _put(t, out, t.reshaped(g, p.shape), indices, places, "add")


def _under_mask(
    t: Tracer, out: View, x: View, value: Any, indices: list[View], places: Any
) -> bool:
    """One value wherever a mask is True: an elementwise loop, if it is that."""
    mask = indices[0]
    if len(indices) != 1 or mask.dtype.kind != "b" or not mask.ndim:
        return False
    if isinstance(value, View):
        if value.size != 1:
            return False
        value = t.reshaped(value, ())
    for _ in range(x.ndim - mask.ndim - places[0]):
        mask = mask.unsqueeze(-1)
    t.map(out, [x, mask, value], lambda v, m, new: k.select(m, _like(new, v), v))
    return True


def _like(new: Any, v: Value) -> Any:
    return new.cast(v.dtype) if isinstance(new, Value) else new


def _clear(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, *indices, places = arguments
    out = _only(outputs)
    if _under_mask(t, out, x, 0, indices, places):
        return
    t.map(out, [x], lambda v: v)
    _put(t, out, None, indices, places, "set")


def _index_put(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, values, *indices, places, accumulate = arguments
    out = _only(outputs)
    if not accumulate and _under_mask(t, out, x, values, indices, places):
        return
    t.map(out, [x], lambda v: v)
    _put(t, out, values, indices, places, "add" if accumulate else "set")


for _count in range(1, 7):
    LOWERINGS[f"index_backward{_count}"] = _backward
    LOWERINGS[f"index_clear{_count}"] = _clear
    LOWERINGS[f"index_put{_count}"] = _index_put


# ---- the flattened tensor, and the planes of images ---------------------------------------------


@lowering("take_backward")
def take_backward(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    g, _, indices = arguments
    out = _only(outputs)
    checked(t, indices, out.size, -out.size)
    _zero(t, out)
    scatter(t, out, g, [indices], steps=(0,) * g.ndim, jumps=(1,), free=(), wrap=(out.size,))


@lowering("put")
def put(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, indices, source, accumulate = arguments
    out = _only(outputs)
    if not out.contiguous:
        raise NotLowered("put into a strided result")
    checked(t, indices, out.size, -out.size)
    t.map(out, [x], lambda v: v)
    flat = t.reshaped(source, indices.shape)
    scatter(t, out, flat, [indices], steps=(0,) * indices.ndim, jumps=(1,), free=(),
            how="add" if accumulate else "set", wrap=(out.size,))  # fmt: skip


def _into_planes(
    t: Tracer, out: View, values: View, indices: View, rank: int, how: str
) -> None:
    lead = out.ndim - rank
    planes, plane = math.prod(out.shape[:lead]), math.prod(out.shape[lead:])
    _zero(t, out)
    if not values.size:
        return
    checked(t, indices, plane)
    shape = (planes, math.prod(values.shape[lead:]))
    scatter(t, out, t.reshaped(values, shape), [t.reshaped(indices, shape)], steps=(plane, 0),
            jumps=(1,), free=(0,), how=how)  # fmt: skip


@lowering("max_pool_scatter")
def max_pool_scatter(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    y, indices, spatial = arguments
    _into_planes(t, _only(outputs), y, indices, len(spatial), "add")


@lowering("max_unpool2d", "max_unpool3d")
def max_unpool(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, indices, output_size = arguments
    _into_planes(t, _only(outputs), x, indices, len(output_size), "set")
