"""Sums, means, extrema and their kin."""

from __future__ import annotations

import math
from typing import Any

from ..expressions import k
from ..ir import F64, View, computed
from ..trace import Tracer, lowering
from .copying import _only


def _axes(x: View, dims: Any) -> tuple[int, ...]:
    if dims is None:
        return tuple(range(x.ndim))
    if isinstance(dims, int):
        dims = (dims,)
    return tuple(sorted({d % x.ndim for d in dims})) if x.ndim else ()


def _fold(t: Tracer, kind: str, out: View, x: View, axes: Any, keepdim: bool, f: Any) -> None:
    if not axes:
        t.map(out, [x], f)
        return
    t.reduce(kind, out, x.shape, axes, [x], f, keepdim=keepdim)


def _same(v: Any) -> Any:
    return v


@lowering("sum_all", "sum", "nansum")
def sum_(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, dims, keepdim = (*arguments, None, False)[:3] if len(arguments) < 3 else arguments
    f = _same
    if t.origin == "nansum":
        f = lambda v: k.select(k.isnan(v), 0, v)  # noqa: E731
    out = _only(outputs)
    if out.dtype != x.dtype:
        inner = f
        f = lambda v: inner(v).cast(computed(out.dtype))  # noqa: E731
    _fold(t, "sum", out, x, _axes(x, dims), keepdim, f)


@lowering("mean_all", "mean")
def mean(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, dims, keepdim = (*arguments, None, False)[:3] if len(arguments) < 3 else arguments
    out = _only(outputs)
    axes = _axes(x, dims)
    mean_of(t, out, x, axes, keepdim, _same)


def mean_of(t: Tracer, out: View, x: View, axes: Any, keepdim: bool, f: Any) -> None:
    """The mean of ``f(x)`` over axes."""
    count = math.prod(x.shape[a] for a in axes)
    total = t.temporary(out.shape, computed(out.dtype))
    _fold(t, "sum", total, x, axes, keepdim, f)
    t.map(out, [total], lambda v: v / count if count else v * math.nan)


@lowering("var", "std", "var_mean", "std_mean")
def var(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, dims, correction, keepdim = arguments
    axes = _axes(x, dims)
    count = math.prod(x.shape[a] for a in axes)
    kept = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
    work = computed(x.dtype)
    center = t.temporary(kept, work)
    mean_of(t, center, x, axes, True, _same)
    total = t.temporary(kept, work)
    if axes:
        t.reduce("sum", total, x.shape, axes, [x, center], lambda v, m: (v - m) * (v - m),
                 keepdim=True)  # fmt: skip
    else:
        t.map(total, [x, center], lambda v, m: (v - m) * (v - m))
    divisor = max(0.0, count - correction)
    root = t.origin.startswith("std")
    spread, found = (*outputs, None)[:2]

    def finish(v: Any) -> Any:
        v = v / divisor if divisor else v / 0.0
        return k.sqrt(v) if root else v

    if spread is not None:
        t.map(spread, [t.reshaped(total, spread.shape)], finish)
    if found is not None:
        t.map(found, [t.reshaped(center, found.shape)], _same)


def _extremum(kind: str) -> Any:
    def lower(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
        x, dims, keepdim = (*arguments, None, False)[:3] if len(arguments) < 3 else arguments
        _fold(t, kind, _only(outputs), x, _axes(x, dims), keepdim, _same)

    return lower


for _row, _kind in (("amax", "max"), ("amin", "min"), ("max_all", "max"), ("min_all", "min")):
    lowering(_row)(_extremum(_kind))


def _truth(kind: str) -> Any:
    def lower(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
        x, dims, keepdim = arguments
        out = _only(outputs)
        _fold(t, kind, out, x, _axes(x, dims), keepdim,
              lambda v: k.ne(v, 0) if v.dtype.kind != "b" else v)  # fmt: skip

    return lower


lowering("any")(_truth("any"))
lowering("all")(_truth("all"))


def _position(kind: str) -> Any:
    def lower(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
        x, dim, keepdim = arguments
        out = _only(outputs)
        if not x.ndim:
            t.map(out, [], lambda: 0)
            return
        axes = _axes(x, dim)
        t.reduce(kind, out, x.shape, axes, [x], _same, keepdim=keepdim and bool(axes))

    return lower


lowering("argmax")(_position("argmax"))
lowering("argmin")(_position("argmin"))


def _with_index(kind: str) -> Any:
    def lower(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
        x, dim, keepdim = arguments
        values, places = outputs
        axes = _axes(x, dim)
        if not axes:
            if values is not None:
                t.map(values, [x], _same)
            if places is not None:
                t.map(places, [], lambda: 0)
            return
        if values is not None:
            t.reduce(kind, values, x.shape, axes, [x], _same, keepdim=keepdim)
        if places is not None:
            t.reduce("arg" + kind, places, x.shape, axes, [x], _same, keepdim=keepdim)

    return lower


lowering("max_dim")(_with_index("max"))
lowering("min_dim")(_with_index("min"))


@lowering("prod_all", "prod_dim")
def prod(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, dims, keepdim = (*arguments, None, False)[:3] if len(arguments) < 3 else arguments
    out = _only(outputs)
    _fold(t, "prod", out, x, _axes(x, dims), keepdim, lambda v: v.cast(computed(out.dtype)))


@lowering("logsumexp")
def logsumexp(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, dims, keepdim = arguments
    out = _only(outputs)
    axes = _axes(x, dims)
    if x.dtype.kind in "iub":
        wide = t.temporary(x.shape, computed(out.dtype))
        t.map(wide, [x], _same)
        x = wide
    if not axes:
        t.map(out, [x], _same)
        return
    kept = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
    work = computed(x.dtype)
    high, total = t.temporary(kept, work), t.temporary(kept, work)
    t.reduce("max", high, x.shape, axes, [x], _same, keepdim=True)
    finite = t.temporary(kept, work)
    t.map(finite, [high], lambda h: k.select(k.abs(h) < math.inf, h, 0))
    t.reduce("sum", total, x.shape, axes, [x, finite], lambda v, h: k.exp(v - h), keepdim=True)
    t.map(out, [t.reshaped(total, out.shape), t.reshaped(finite, out.shape)],
          lambda s, h: k.log(s) + h)  # fmt: skip


@lowering("vector_norm")
def vector_norm(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, p, dims, keepdim = arguments
    out = _only(outputs)
    axes = _axes(x, dims)
    if not axes:
        # Of single numbers: an axis of length one.
        x, axes, keepdim = x.unsqueeze(0), (0,), False
    if p == math.inf or p == -math.inf:
        t.reduce("max" if p > 0 else "min", out, x.shape, axes, [x], k.abs, keepdim=keepdim)
        return
    total = t.temporary(out.shape, computed(out.dtype))
    if p == 2:
        t.reduce("sum", total, x.shape, axes, [x], lambda v: v * v, keepdim=keepdim)
        t.map(out, [total], k.sqrt)
    elif p == 1:
        t.reduce("sum", out, x.shape, axes, [x], k.abs, keepdim=keepdim)
    elif p == 0:
        t.reduce("sum", out, x.shape, axes, [x], lambda v: k.select(k.eq(v, 0), v * 0, 1),
                 keepdim=keepdim)  # fmt: skip
    else:
        t.reduce("sum", total, x.shape, axes, [x], lambda v: k.pow(k.abs(v), p), keepdim=keepdim)
        t.map(out, [total], lambda s: k.pow(s, 1 / p))


@lowering("aminmax")
def aminmax(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, dim, keepdim = arguments
    axes = _axes(x, dim)
    for kind, out in zip(("min", "max"), outputs, strict=True):
        if out is not None:
            _fold(t, kind, out, x, axes, keepdim, _same)


@lowering("trace")
def trace(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x = arguments[0]
    n = min(x.shape)
    diagonal = View(x.buffer, x.offset, (n,), (x.strides[0] + x.strides[1],))
    t.reduce("sum", _only(outputs), (n,), (0,), [diagonal],
             lambda v: v.cast(computed(_only(outputs).dtype)))  # fmt: skip


__all__ = ["F64", "mean_of"]
