"""Matrix products and the rows built on them."""

from __future__ import annotations

from typing import Any

from ..ir import View
from ..trace import Tracer, lowering
from .copying import _only


@lowering("mm", "bmm")
def product(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    t.gemm(arguments[0], arguments[1], _only(outputs))


@lowering("matmul")
def matmul(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, y = arguments
    out = _only(outputs)
    if x.ndim == 1:
        x, out = x.unsqueeze(0), out.unsqueeze(-1 if y.ndim == 1 else -2)
    if y.ndim == 1:
        y = y.unsqueeze(1)
        out = out.unsqueeze(-1)
    t.gemm(x, y, out)


@lowering("mv")
def mv(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, y = arguments
    t.gemm(x, y.unsqueeze(1), _only(outputs).unsqueeze(1))


@lowering("dot")
def dot(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, y = arguments
    t.reduce("sum", _only(outputs), x.shape, (0,), [x, y], lambda a, b: a * b)


@lowering("outer")
def outer(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, y = arguments
    t.map(_only(outputs), [x.unsqueeze(1), y], lambda a, b: a * b)


@lowering("addmm", "baddbmm")
def addmm(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    bias, x, y, beta, alpha = arguments
    out = _only(outputs)
    if alpha == 1 and beta == 1:
        t.gemm(x, y, out, bias)
        return
    t.gemm(x, y, out)
    if beta == 0:
        t.map(out, [out], lambda p: p * alpha)
    else:
        t.map(out, [out, bias], lambda p, b: p * alpha + b * beta)


@lowering("addmv")
def addmv(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    bias, x, y, beta, alpha = arguments
    out = _only(outputs)
    addmm(t, [bias.expand(out.shape).unsqueeze(1), x, y.unsqueeze(1), beta, alpha],
          [out.unsqueeze(1)])  # fmt: skip


@lowering("linear", "linear_batched", "linear_plain", "linear_plain_batched")
def linear(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, w, b = (*arguments, None)[:3]
    out = _only(outputs)
    rows = x.size // max(1, x.shape[-1]) if x.shape[-1] else out.size // max(1, out.shape[-1])
    flat = t.reshaped(x, (rows, x.shape[-1]))
    target = out.reshape((rows, out.shape[-1]))
    assert target is not None
    t.gemm(flat, w.transpose(), target, b)
