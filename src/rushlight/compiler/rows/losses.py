"""Losses: scalar formulas per element, then a sum or a mean."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..expressions import Value, constant, index, k
from ..ir import View, computed
from ..trace import Tracer, lowering
from .copying import _only, element
from .indexing import checked
from .pointwise import log_sigmoid, softplus
from .ranges import range_of

if TYPE_CHECKING:
    from collections.abc import Callable

NONE, MEAN, SUM = 0, 1, 2


def _reduced(
    t: Tracer, out: View, inputs: list[View], reduction: int, f: Callable[..., Any]
) -> None:
    shape = _broadcast(inputs)
    if reduction == NONE:
        t.map(out, inputs, f)
        return
    axes = tuple(range(len(shape)))
    count = math.prod(shape)
    total = t.temporary((), computed(out.dtype))
    if axes:
        t.reduce("sum", total, shape, axes, inputs, f)
    else:
        t.map(total, inputs, f)
    if reduction == MEAN:
        t.map(out, [total], lambda v: v / count if count else v * math.nan)
    else:
        t.map(out, [total], lambda v: v)


def _broadcast(inputs: list[View]) -> tuple[int, ...]:
    return np.broadcast_shapes(*(x.shape for x in inputs))


@lowering("mse_loss")
def mse(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, y, reduction = arguments
    _reduced(t, _only(outputs), [x, y], reduction, lambda a, b: (a - b) * (a - b))


@lowering("smooth_l1_loss")
def smooth_l1(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, y, reduction, beta = arguments

    def f(a: Value, b: Value) -> Value:
        z = k.abs(a - b)
        return k.select(z < beta, 0.5 * z * z / beta, z - 0.5 * beta) if beta else z

    _reduced(t, _only(outputs), [x, y], reduction, f)


@lowering("huber_loss")
def huber(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, y, reduction, delta = arguments

    def f(a: Value, b: Value) -> Value:
        z = k.abs(a - b)
        return k.select(z < delta, 0.5 * z * z, delta * (z - 0.5 * delta))

    _reduced(t, _only(outputs), [x, y], reduction, f)


@lowering("soft_margin_loss")
def soft_margin(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, y, reduction = arguments
    _reduced(t, _only(outputs), [x, y], reduction, lambda a, b: softplus(-b * a))


@lowering("binary_cross_entropy_with_logits")
def bce_with_logits(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, y, weight, pos_weight, reduction = arguments
    inputs = [v for v in (x, y, weight, pos_weight) if v is not None]

    def f(a: Value, b: Value, *rest: Value) -> Value:
        given = iter(rest)
        w = None if weight is None else next(given)
        low = log_sigmoid(a)
        if pos_weight is not None:
            low = ((next(given) - 1) * b + 1) * low
        loss = (1 - b) * a - low
        return loss if w is None else loss * w

    _reduced(t, _only(outputs), inputs, reduction, f)


@lowering("binary_cross_entropy")
def binary_cross_entropy(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    """Logarithms count as -100 at least; eager refuses inputs outside [0, 1], of which the
    logarithms here are NaN."""
    x, y, weight, reduction = arguments
    inputs = [v for v in (x, y, weight) if v is not None]

    def f(a: Value, b: Value, *rest: Value) -> Value:
        low = k.max(k.log1p(-a), _LEAST_LOG)
        high = k.max(k.log(a), _LEAST_LOG)
        loss = (b - 1) * low - b * high
        return loss if weight is None else loss * rest[0]

    _reduced(t, _only(outputs), inputs, reduction, f)


_LEAST_LOG = -100.0


# ---- negative log likelihood --------------------------------------------------------------------


class _Classes:
    """Targets and what each of them weighs.

    `label` is the class of a target, 0 where it is ignored; `weight` its weight as an expression,
    or None where every target counts 1.
    """

    def __init__(
        self, t: Tracer, target: View, weight: View | None, classes: int, ignore_index: int,
        dtype: Any,
    ) -> None:  # fmt: skip
        self.weighted = weight
        self.ignore_index = ignore_index
        self.dtype = computed(dtype)
        checked(t, target, classes, 0, ignore_index)
        known = range_of(t.graph, target)
        self.ignoring = known is None or known[0] <= ignore_index <= known[1]
        if target.buffer.constant is None and target.buffer.source is None and self.ignoring:
            self.ignoring = 0 <= ignore_index < classes
        self.plain = weight is None and not self.ignoring

    def label(self, found: Value) -> Value:
        found = found.cast(np.int64)
        return k.select(self.ignored(found), 0, found) if self.ignoring else found

    def ignored(self, found: Value) -> Value:
        return k.eq(found.cast(np.int64), self.ignore_index)

    def weight(self, found: Value, number: int) -> Value:
        """The weight of a target; the class weights are input view `number`."""
        w = Value(constant(1, self.dtype))
        if self.weighted is not None:
            w = element(number, self.weighted, [self.label(found)]).cast(self.dtype)
        if self.ignoring:
            w = k.select(self.ignored(found), 0, w)
        return w

    def total(self, t: Tracer, target: View) -> View | int:
        """The sum of the weights of all targets."""
        if self.plain:
            return target.size
        made = t.temporary((), self.dtype)
        axes = tuple(range(target.ndim))
        if self.weighted is None:
            t.reduce("sum", made, target.shape, axes, [target], lambda v: self.weight(v, 0))
        else:
            t.gather_reduce("sum", made, target.shape, axes, self.weighted, [target],
                            lambda v: self.weight(v, 0))  # fmt: skip
        return made


def _class_axis(x: View, target: View) -> tuple[View, View]:
    """Input as (N, C, rest...), target as (N, rest...)."""
    if x.ndim == 1:
        return x.unsqueeze(0), target if target.ndim else target.unsqueeze(0)
    return x, target


@lowering("nll_loss", "nll_loss2d", "nll_loss_single")
def nll(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, target, weight, reduction, ignore_index = arguments
    out = _only(outputs)
    x, target = _class_axis(x, target)
    c = _Classes(t, target, weight, x.shape[1], ignore_index, out.dtype)
    losses = out if reduction == NONE else t.temporary(target.shape, c.dtype)
    shape = target.shape

    def picked(label: Value) -> Value:
        where = [index(0), c.label(label), *(index(a) for a in range(1, len(shape)))]
        loss = -element(0, x, where)
        return k.select(c.ignored(label), 0, loss) if c.ignoring else loss

    axes = tuple(range(len(shape)))
    if c.weighted is None and reduction != NONE:
        total = t.temporary((), c.dtype)
        t.gather_reduce("sum", total, shape, axes, x, [target], picked)
    else:
        losses = t.reshaped(losses, shape)
        t.gather_map(losses, x, [target], picked)
        if c.weighted is not None:
            # What weighs nothing counts nothing, infinite as it may be.
            weights = _weights(t, c, target)
            t.map(losses, [losses, weights], lambda v, w: k.select(k.eq(w, 0), 0, v * w))
        if reduction == NONE:
            return
        total = t.temporary((), c.dtype)
        t.reduce("sum", total, shape, axes, [losses], lambda v: v)
    if reduction == SUM:
        t.map(out, [total], lambda v: v)
        return
    count = c.total(t, target)
    t.map(out, [total, count], lambda v, n: v / n if isinstance(n, Value) or n else v * math.nan)


def _weights(t: Tracer, c: _Classes, target: View) -> View:
    made = t.temporary(target.shape, c.dtype)
    assert c.weighted is not None
    t.gather_map(made, c.weighted, [target], lambda v: c.weight(v, 0))
    return made


@lowering("nll_loss_backward")
def nll_backward(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    g, target, weight, shape, reduction, ignore_index = arguments
    out = _only(outputs)
    c = _Classes(t, target, weight, shape[1], ignore_index, out.dtype)
    share = g.unsqueeze(1) if reduction == NONE else g
    divisor = c.total(t, target) if reduction == MEAN else 1
    label = target.unsqueeze(1)
    if c.weighted is None:

        def each(v: Value, n: Any, at: Value) -> Value:
            hit = k.eq(index(1), at)
            if 0 <= ignore_index < shape[1]:
                hit = hit & ~c.ignored(at)
            return k.select(hit, -v / n, 0)

        t.map(out, [share, divisor, label], each)
        return
    weights = _weights(t, c, target).unsqueeze(1)

    def f(v: Value, n: Any, at: Value, w: Value) -> Value:
        hit = k.eq(index(1), at) & k.ne(w, 0)
        return k.select(hit, -v / n * w, 0)

    t.map(out, [share, divisor, label, weights], f)
