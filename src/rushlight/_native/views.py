"""Formulas over whole arrays, read as equations over views: the namespace `k` of `shaped.py`.

What formulas of normalisation and softmax do to arrays (sums over axes, means, reshapes, and
pointwise rows) becomes Maps and Reduces; the compiler then fuses them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._core import FUSED
from ..compiler.expressions import k as scalars
from ..compiler.ir import View
from ..compiler.rows.pointwise import FORMULAS
from ..compiler.rows.reductions import mean_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..compiler.trace import Tracer


class Views:
    """The namespace: ``k.exp(x)`` of a `Lazy` appends an equation."""

    differentiable = False

    def __init__(self, tracer: Tracer) -> None:
        self.tracer = tracer

    def __getattr__(self, name: str) -> Any:
        composed = FUSED.get(name)
        if composed is not None:
            made = composed
            return lambda *operands: made(self, *operands)
        formula = FORMULAS.get(name)
        if formula is None:
            raise AttributeError(name)
        pointwise = formula
        return lambda *operands: self.map(pointwise, operands)

    def map(self, formula: Callable[..., Any], operands: Any) -> Lazy:
        views = [x.view for x in operands if isinstance(x, Lazy)]
        order = [isinstance(x, Lazy) for x in operands]

        def merged(*values: Any) -> Any:
            found = iter(values)
            return formula(
                *[next(found) if is_view else x
                  for is_view, x in zip(order, operands, strict=True)]
            )  # fmt: skip

        shape = np.broadcast_shapes(*(v.shape for v in views))
        out = self.tracer.temporary(shape, views[0].dtype)
        self.tracer.map(out, views, merged)
        return Lazy(self, out)

    def sum(self, x: Lazy, dims: Any, keepdim: bool = False) -> Lazy:
        out, axes = self._folded(x, dims, keepdim)
        self.tracer.reduce(
            "sum", out, x.shape, axes, [x.view], lambda v: v, keepdim=keepdim
        )
        return Lazy(self, out)

    def mean(self, x: Lazy, dims: Any, keepdim: bool = False) -> Lazy:
        out, axes = self._folded(x, dims, keepdim)
        mean_of(self.tracer, out, x.view, axes, keepdim, lambda v: v)
        return Lazy(self, out)

    def _folded(self, x: Lazy, dims: Any, keepdim: bool) -> tuple[View, tuple[int, ...]]:
        dims = (dims,) if isinstance(dims, int) else dims
        axes = tuple(sorted({d % x.ndim for d in dims}))
        shape = [
            1 if a in axes else n for a, n in enumerate(x.shape) if keepdim or a not in axes
        ]
        return self.tracer.temporary(shape, x.view.dtype), axes

    def reshape(self, x: Lazy, shape: Any) -> Lazy:
        known = 1
        for n in shape:
            known *= n if n >= 0 else 1
        full = [n if n >= 0 else x.view.size // known for n in shape]
        return Lazy(self, self.tracer.reshaped(x.view, full))


class Lazy:
    """An array in the making."""

    __slots__ = ("k", "view")

    def __init__(self, k: Views, view: View) -> None:
        self.k = k
        self.view = view

    @property
    def shape(self) -> tuple[int, ...]:
        return self.view.shape

    @property
    def ndim(self) -> int:
        return self.view.ndim

    @property
    def dtype(self) -> Any:
        return self.view.dtype

    def __neg__(self) -> Lazy:
        return self.k.map(lambda x: -x, (self,))


def _operator(name: str, swapped: bool) -> Any:
    formula = FORMULAS[name] if name in FORMULAS else getattr(scalars, name)

    def method(self: Lazy, other: Any) -> Lazy:
        return self.k.map(formula, (other, self) if swapped else (self, other))

    return method


for _name, _row in (("add", "add"), ("sub", "sub"), ("mul", "mul"), ("truediv", "div")):
    setattr(Lazy, f"__{_name}__", _operator(_row, False))
    setattr(Lazy, f"__r{_name}__", _operator(_row, True))
