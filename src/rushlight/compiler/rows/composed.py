"""Rows that are a few loops and products together."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..expressions import Value, k
from ..ir import View, computed
from ..trace import NotLowered, Tracer, lowering
from .copying import _only
from .products import product
from .reductions import vector_norm


@lowering("glu")
def glu(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, dim = arguments
    n = x.shape[dim] // 2
    t.map(_only(outputs), [x.slice(dim, 0, n), x.slice(dim, n, n)],
          lambda v, gate: v * k.sigmoid(gate))  # fmt: skip


@lowering("addr")
def addr(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, a, b, beta, alpha = arguments

    def f(v: Value, p: Value, q: Value) -> Value:
        outer = p * q if alpha == 1 else p * q * alpha
        return outer if beta == 0 else outer + (v if beta == 1 else v * beta)

    t.map(_only(outputs), [x, a.unsqueeze(-1), b], f)


@lowering("addbmm")
def addbmm(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    """The sum over batches is one product: batches lie side by side."""
    x, a, b, beta, alpha = arguments
    out = _only(outputs)
    n, rows, inner = a.shape
    wide = t.reshaped(a.permute((1, 0, 2)), (rows, n * inner))
    tall = t.reshaped(b, (n * inner, b.shape[2]))
    made = t.temporary(out.shape, out.dtype)
    product(t, [wide, tall], [made])
    if beta == 0:
        t.map(out, [made], lambda p: p * alpha)
    else:
        t.map(out, [made, x], lambda p, v: p * alpha + v * beta)


@lowering("dist")
def dist(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, y, p = arguments
    shape = _together(x, y)
    apart = t.temporary(shape, computed(x.dtype))
    t.map(apart, [x, y], lambda a, b: a - b)
    if not shape:
        apart = apart.unsqueeze(0)
    vector_norm(t, [apart, p, None, False], outputs)


def _together(x: View, y: View) -> tuple[int, ...]:
    return np.broadcast_shapes(x.shape, y.shape)


@lowering("linalg_cross")
def cross(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, y, dim = arguments
    out = _only(outputs)
    for i in range(3):
        j, m = (i + 1) % 3, (i + 2) % 3
        t.map(out.drop(dim, i), [_part(v, out, dim, n) for v, n in (
            (x, j), (y, m), (x, m), (y, j))], lambda a, b, c, d: a * b - c * d)  # fmt: skip


def _part(v: View, out: View, dim: int, at: int) -> View:
    return v.expand(out.shape).drop(dim, at)


@lowering("weight_norm")
def weight_norm(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    v, length, dim = arguments
    out = _only(outputs)
    axes = tuple(a for a in range(v.ndim) if dim == -1 or a != dim % v.ndim)
    if not axes:
        t.map(out, [v, length], lambda x, n: x * (n / k.abs(x)))
        return
    kept = tuple(1 if a in axes else n for a, n in enumerate(v.shape))
    total = t.temporary(kept, computed(v.dtype))
    t.reduce("sum", total, v.shape, axes, [v], lambda x: x * x, keepdim=True)
    t.map(out, [v, length, total], lambda x, n, s: x * (n / k.sqrt(s)))


@lowering("cdist")
def cdist(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, y, p, *_ = arguments
    out = _only(outputs)
    if p != 1 and p != 2 or not x.shape[-1]:
        raise NotLowered("distances of an unusual norm")
    left, right = x.unsqueeze(-2), y.unsqueeze(-3)
    shape = (*out.shape, x.shape[-1])
    if p == 1:
        t.reduce("sum", out, shape, (len(shape) - 1,), [left, right],
                 lambda a, b: k.abs(a - b))  # fmt: skip
        return
    total = t.temporary(out.shape, computed(out.dtype))
    t.reduce("sum", total, shape, (len(shape) - 1,), [left, right],
             lambda a, b: (a - b) * (a - b))  # fmt: skip
    t.map(out, [total], k.sqrt)
