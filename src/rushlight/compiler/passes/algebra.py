"""Algebra on the expressions of Maps and Reduces: only what is exact.

``x * 1``, ``--x``, casts there and back, division by powers of two, small powers, arithmetic of
constants, equal parts of an expression once.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir import COMPARISONS, Expr, Graph, Map, Reduce, walk
from ..loop import substitute

if TYPE_CHECKING:
    from collections.abc import Sequence


def simplify_expressions(graph: Graph) -> None:
    """Simplify what every Map and Reduce computes, and drop inputs that are not read any more."""
    for equation in graph.equations:
        if isinstance(equation, Map):
            equation.expressions = simplified(equation.expressions)
            _drop_inputs(equation, equation.expressions)
        elif isinstance(equation, Reduce):
            equation.expression = simplified([equation.expression])[0]
            _drop_inputs(equation, [equation.expression])


def _drop_inputs(equation: Map | Reduce, expressions: Sequence[Expr]) -> None:
    """Leave only inputs that are read, each window once."""
    used = sorted({e.index for x in expressions for e in walk(x) if e.op in ("load", "at")})
    tables = {e.index for x in expressions for e in walk(x) if e.op == "at"}
    kept: list[Any] = []
    number: dict[int, int] = {}
    places: dict[Any, int] = {}
    for i in used:
        v = equation.inputs[i]
        key = (id(v.buffer), v.offset, v.shape, v.strides, i in tables)
        if key not in places:
            places[key] = len(kept)
            kept.append(v)
        number[i] = places[key]
    if len(kept) == len(equation.inputs):
        return
    equation.inputs = kept

    def replace(e: Expr, args: tuple[Expr, ...]) -> Expr | None:
        if e.op in ("load", "at") and number[e.index] != e.index:
            return Expr(e.op, args, e.dtype, number[e.index])
        return None

    memo: dict[int, Expr] = {}
    made = simplified([substitute(x, replace, memo) for x in expressions])
    if isinstance(equation, Map):
        equation.expressions = made
    else:
        equation.expression = made[0]


def simplified(expressions: Sequence[Expr]) -> list[Expr]:
    """The same values, computed with less."""
    known: dict[Any, Expr] = {}

    def once(e: Expr) -> Expr:
        value = _key(e.value, e.dtype) if e.op == "const" else None
        key = (e.op, tuple(id(a) for a in e.args), e.dtype, e.index, value)
        return known.setdefault(key, e)

    def replace(e: Expr, args: tuple[Expr, ...]) -> Expr:
        if any(a is not b for a, b in zip(args, e.args, strict=True)):
            e = Expr(e.op, args, e.dtype, e.index, e.value)
        return once(_rule(e, once))

    memo: dict[int, Expr] = {}
    return [substitute(x, replace, memo) for x in expressions]


def _key(value: Any, dtype: np.dtype[Any]) -> Any:
    """Tells constants apart by their bits: -0.0 from 0.0, and NaN is equal to itself."""
    return np.asarray(value).astype(dtype).tobytes()


def _is(e: Expr, number: float) -> bool:
    return e.op == "const" and e.value == number


def _negative_zero(e: Expr) -> bool:
    return e.op == "const" and e.value == 0 and math.copysign(1.0, e.value) < 0


def _rule(e: Expr, once: Any) -> Expr:
    """A simpler form of one node whose operands are simple already."""
    a = e.args
    op = e.op
    floats = e.dtype.kind == "f"
    if op in ("load", "const", "index", "at"):
        return e
    if a and all(x.op == "const" for x in a):
        folded = _folded(e)
        if folded is not None:
            return folded
    if op == "cast":
        return _cast(e)
    if op in ("add", "mul") and a[0].op == "const" and a[1].op != "const":
        a = (a[1], a[0])  # constants second
        e = Expr(op, a, e.dtype)
    if op == "mul" and e.dtype.kind != "b":
        if _is(a[1], 1):
            return a[0]
        if _is(a[1], -1) and floats:
            return _rule(Expr("neg", (a[0],), e.dtype), once)
        if not floats and _is(a[1], 0):
            return a[1]
    elif op == "add" and e.dtype.kind != "b":
        if _negative_zero(a[1]) if floats else _is(a[1], 0):
            return a[0]
        if a[1].op == "neg" and floats:
            return Expr("sub", (a[0], a[1].args[0]), e.dtype)
    elif op == "sub":
        if _is(a[1], 0) and not _negative_zero(a[1]):
            return a[0]
        if a[1].op == "neg" and floats:
            return Expr("add", (a[0], a[1].args[0]), e.dtype)
    elif op == "div" and floats:
        if a[1].op == "const" and a[1].value and _power_of_two(a[1].value, e.dtype):
            inverse = once(Expr("const", (), e.dtype, value=1.0 / float(a[1].value)))
            return _rule(Expr("mul", (a[0], inverse), e.dtype), once)
    elif op == "neg":
        if a[0].op == "neg":
            return a[0].args[0]
    elif op == "abs":
        if a[0].op in ("neg", "abs") and floats:
            return _rule(Expr("abs", a[0].args, e.dtype), once)
    elif op == "not":
        if a[0].op == "not":
            return a[0].args[0]
    elif op == "select":
        if a[1] is a[2]:
            return a[1]
        if a[0].op == "const":
            return a[1] if a[0].value else a[2]
        if a[0].op == "not":
            return Expr("select", (a[0].args[0], a[2], a[1]), e.dtype)
    elif op == "pow" and a[1].op == "const":
        return _pow(e, once)
    elif op in ("and", "or", "min", "max") and a[0] is a[1]:
        return a[0]
    return e


def _pow(e: Expr, once: Any) -> Expr:
    """Powers that PyTorch computes as products and roots."""
    x, n = e.args[0], e.args[1].value
    dtype = e.dtype
    square = once(Expr("mul", (x, x), dtype))
    if n == 1:
        return x
    if n == 2:
        return Expr("mul", (x, x), dtype)
    if n == 3:
        return Expr("mul", (square, x), dtype)
    if dtype.kind in "iu" and n == 4:
        return Expr("mul", (square, square), dtype)
    if dtype.kind == "f":
        if n == 0:
            return Expr("const", (), dtype, value=1.0)
        if n == 0.5:
            return Expr("sqrt", (x,), dtype)
        if n == -0.5:
            return Expr("rsqrt", (x,), dtype)
        if n == -1:
            return Expr("reciprocal", (x,), dtype)
        if n == -2:
            return Expr("reciprocal", (square,), dtype)
    return e


def _power_of_two(value: float, dtype: np.dtype[Any]) -> bool:
    mantissa, exponent = math.frexp(abs(float(value)))
    limit = 126 if dtype.itemsize == 4 else 1022
    return mantissa == 0.5 and abs(exponent - 1) < limit


def _cast(e: Expr) -> Expr:
    x = e.args[0]
    if x.dtype == e.dtype:
        return x
    if x.op == "cast" and _widens(x.args[0].dtype, x.dtype):
        inner = x.args[0]
        if inner.dtype == e.dtype:
            return inner
        if e.dtype.kind != "b" and _widens(inner.dtype, e.dtype):
            return Expr("cast", (inner,), e.dtype)
    return e


def _widens(a: np.dtype[Any], b: np.dtype[Any]) -> bool:
    """Whether every value of `a` is one of `b`."""
    return a == b or bool(np.can_cast(a, b, "safe"))


_NUMPY: dict[str, Any] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative,
    "abs": np.abs, "sqrt": np.sqrt, "lt": np.less, "le": np.less_equal, "gt": np.greater,
    "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal, "and": np.bitwise_and,
    "or": np.bitwise_or, "xor": np.bitwise_xor, "isnan": np.isnan, "floor": np.floor,
    "ceil": np.ceil, "trunc": np.trunc, "log": np.log, "exp": np.exp, "pow": np.power,
    "reciprocal": np.reciprocal, "not": np.invert,
}  # fmt: skip


def _folded(e: Expr) -> Expr | None:
    """A constant expression's value, where NumPy computes just that."""
    values = [np.asarray(x.value).astype(x.dtype) for x in e.args]
    if e.op == "cast":
        if e.dtype.kind in "iu" and values[0].dtype.kind == "f" and not np.isfinite(values[0]):
            return None
        with np.errstate(all="ignore"):
            return _constant(values[0].astype(e.dtype), e.dtype)
    function = _NUMPY.get(e.op)
    if function is None or (e.dtype.kind in "iub" and e.op in ("div", "reciprocal", "pow")):
        return None
    with np.errstate(all="ignore"):
        found = function(*values)
    if e.op not in COMPARISONS and found.dtype != e.dtype:
        return None
    return _constant(found, e.dtype)


def _constant(value: Any, dtype: np.dtype[Any]) -> Expr:
    return Expr("const", (), dtype, value=value.item())
