"""Batch, layer and group normalisation."""

from __future__ import annotations

import math
from typing import Any

from ..expressions import Value, k
from ..ir import View, computed
from ..trace import Tracer, lowering
from .reductions import mean_of


def _same(v: Value) -> Value:
    return v


def _statistics(
    t: Tracer, x: View, axes: tuple[int, ...]
) -> tuple[View, View]:
    """Mean and (biased) variance over axes, which stay as ones."""
    kept = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
    work = computed(x.dtype)
    mean, total, var = (t.temporary(kept, work) for _ in range(3))
    mean_of(t, mean, x, axes, True, _same)
    t.reduce("sum", total, x.shape, axes, [x, mean], lambda v, m: (v - m) * (v - m), keepdim=True)
    count = math.prod(x.shape[a] for a in axes)
    t.map(var, [total], lambda v: v / count)
    return mean, var


def _given(t: Tracer, targets: list[View | None], source: View, f: Any = _same) -> None:
    for target in targets:
        if target is not None:
            t.map(target, [t.reshaped(source, target.shape)], f)


def _per_channel(x: View | None, ndim: int) -> View | None:
    if x is None:
        return None
    for _ in range(ndim - 2):
        x = x.unsqueeze(-1)
    return x


def _scaled(
    t: Tracer, out: View, x: View, mean: View, rstd: View, w: View | None, b: View | None
) -> None:
    inputs = [v for v in (x, mean, rstd, w, b) if v is not None]

    def f(v: Value, m: Value, r: Value, *rest: Value) -> Value:
        given = iter(rest)
        y = (v - m) * r
        if w is not None:
            y = y * next(given)
        return y if b is None else y + next(given)

    t.map(out, inputs, f)


@lowering("batch_norm_train")
def batch_norm_train(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, w, b, eps = arguments
    out, mean_out, var_out, *residuals = (*outputs, None, None)[:5]
    axes = (0, *range(2, x.ndim))
    mean, var = _statistics(t, x, axes)
    rstd = t.temporary(var.shape, var.dtype)
    t.map(rstd, [var], lambda v: k.rsqrt(v + eps))
    _given(t, [mean_out, residuals[0] if residuals[0] is not mean_out else None], mean)
    _given(t, [var_out], var)
    _given(t, [residuals[1]], rstd)
    if out is not None:
        _scaled(t, out, x, mean, rstd, _per_channel(w, x.ndim), _per_channel(b, x.ndim))


@lowering("batch_norm_eval")
def batch_norm_eval(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, w, b, mean, var, eps = arguments
    out = outputs[0]
    assert out is not None
    rstd = t.temporary(var.shape, computed(var.dtype))
    t.map(rstd, [var], lambda v: k.rsqrt(v + eps))
    wide = [_per_channel(v, x.ndim) for v in (mean, rstd, w, b)]
    assert wide[0] is not None and wide[1] is not None
    _scaled(t, out, x, wide[0], wide[1], wide[2], wide[3])


@lowering("layer_norm")
def layer_norm(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, w, b, rank, eps = arguments
    out, *residuals = (*outputs, None, None)[:3]
    axes = tuple(range(x.ndim - rank, x.ndim))
    mean, var = _statistics(t, x, axes)
    rstd = t.temporary(var.shape, var.dtype)
    t.map(rstd, [var], lambda v: k.rsqrt(v + eps))
    _given(t, [residuals[0]], mean)
    _given(t, [residuals[1]], rstd)
    if out is not None:
        _scaled(t, out, x, mean, rstd, w, b)


@lowering("group_norm")
def group_norm(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, w, b, groups, eps = arguments
    out, *residuals = (*outputs, None, None)[:3]
    n, c, *rest = x.shape
    split = (n, groups, c // groups, math.prod(rest))
    wide = t.reshaped(x, split)
    mean, var = _statistics(t, wide, (2, 3))
    rstd = t.temporary(var.shape, var.dtype)
    t.map(rstd, [var], lambda v: k.rsqrt(v + eps))
    _given(t, [residuals[0]], mean)
    _given(t, [residuals[1]], rstd)
    if out is not None:
        target = out.reshape(split)
        assert target is not None
        affine = [
            None if v is None else t.reshaped(v, (1, groups, c // groups, 1)) for v in (w, b)
        ]
        _scaled(t, target, wide, mean, rstd, affine[0], affine[1])
