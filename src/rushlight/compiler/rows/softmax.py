"""Softmax and its logarithm: equations over lines, which fuse into one pass per line."""

from __future__ import annotations

from typing import Any

from ..expressions import k
from ..ir import View, computed
from ..trace import Tracer, lowering
from .copying import _only


def _shifted(t: Tracer, x: View, dim: int) -> tuple[View, View]:
    """The highest value of each line, and the sum of exp(x - highest)."""
    kept = tuple(1 if a == dim else n for a, n in enumerate(x.shape))
    work = computed(x.dtype)
    high, total = t.temporary(kept, work), t.temporary(kept, work)
    t.reduce("max", high, x.shape, (dim,), [x], lambda v: v, keepdim=True)
    t.reduce("sum", total, x.shape, (dim,), [x, high], lambda v, h: k.exp(v - h), keepdim=True)
    return high, total


@lowering("softmax")
def softmax(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, dim = arguments
    out = _only(outputs)
    if not x.ndim:
        t.map(out, [x], lambda v: v * 0 + 1)
        return
    high, total = _shifted(t, x, dim % x.ndim)
    t.map(out, [x, high, total], lambda v, h, s: k.exp(v - h) / s)


@lowering("log_softmax")
def log_softmax(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, dim = arguments
    out = _only(outputs)
    if not x.ndim:
        t.map(out, [x], lambda v: v * 0)
        return
    high, total = _shifted(t, x, dim % x.ndim)
    t.map(out, [x, high, total], lambda v, h, s: (v - h) - k.log(s))
