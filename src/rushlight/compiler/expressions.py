"""Scalar formulas as ordinary Python: what lowerings of op rows are written in.

A `Value` wraps an `ir.Expr`; its operators build larger ones. Python numbers become constants of
the other operand's dtype, and where two dtypes meet, the number read from a float64 scalar yields
(`weak`), as a Python number would.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .ir import BOOL, COMPARISONS, F64, I64, Expr


class Value:
    """A scalar expression in the making."""

    __slots__ = ("e", "weak")

    def __init__(self, e: Expr, weak: bool = False) -> None:
        self.e = e
        self.weak = weak

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.e.dtype

    def __add__(self, y: Any) -> Value:
        return apply("add", self, y)

    def __radd__(self, y: Any) -> Value:
        return apply("add", y, self)

    def __sub__(self, y: Any) -> Value:
        return apply("sub", self, y)

    def __rsub__(self, y: Any) -> Value:
        return apply("sub", y, self)

    def __mul__(self, y: Any) -> Value:
        return apply("mul", self, y)

    def __rmul__(self, y: Any) -> Value:
        return apply("mul", y, self)

    def __truediv__(self, y: Any) -> Value:
        return apply("div", self, y)

    def __rtruediv__(self, y: Any) -> Value:
        return apply("div", y, self)

    def __floordiv__(self, y: Any) -> Value:
        return apply("floordiv", self, y)

    def __mod__(self, y: Any) -> Value:
        return apply("mod", self, y)

    def __neg__(self) -> Value:
        return apply("neg", self)

    def __lt__(self, y: Any) -> Value:
        return apply("lt", self, y)

    def __le__(self, y: Any) -> Value:
        return apply("le", self, y)

    def __gt__(self, y: Any) -> Value:
        return apply("gt", self, y)

    def __ge__(self, y: Any) -> Value:
        return apply("ge", self, y)

    def __and__(self, y: Any) -> Value:
        return apply("and", self, y)

    def __or__(self, y: Any) -> Value:
        return apply("or", self, y)

    def __xor__(self, y: Any) -> Value:
        return apply("xor", self, y)

    def __invert__(self) -> Value:
        return apply("not", self)

    def cast(self, dtype: Any) -> Value:
        return Value(convert(self.e, dtype))

    def __repr__(self) -> str:
        return repr(self.e)


def constant(value: Any, dtype: Any) -> Expr:
    """A literal of `dtype`, as NumPy would convert it."""
    dtype = np.dtype(dtype)
    with np.errstate(all="ignore"):
        return Expr("const", (), dtype, value=np.asarray(value).astype(dtype).item())


def convert(e: Expr, dtype: Any) -> Expr:
    dtype = np.dtype(dtype)
    if e.dtype == dtype:
        return e
    if e.op == "const":
        return constant(e.value, dtype)
    return Expr("cast", (e,), dtype)


def index(axis: int) -> Value:
    """The position along an axis of the iteration space."""
    return Value(Expr("index", (), I64, index=axis))


def eq(x: Any, y: Any) -> Value:
    return apply("eq", x, y)


def ne(x: Any, y: Any) -> Value:
    return apply("ne", x, y)


def select(condition: Value, x: Any, y: Any) -> Value:
    """`x` where the condition holds, else `y`."""
    a, b = _agree([x, y])
    return Value(Expr("select", (convert(condition.e, BOOL), a, b), a.dtype))


def _agree(operands: list[Any]) -> list[Expr]:
    """Operands as expressions of one dtype: that of the strong ones, the widest of them."""
    values = [o for o in operands if isinstance(o, Value)]
    strong = [v for v in values if not v.weak] or values
    if strong:
        dtype = strong[0].dtype
        for v in strong[1:]:
            dtype = np.promote_types(dtype, v.dtype)
    else:
        dtype = F64
    return [
        convert(o.e, dtype) if isinstance(o, Value) else constant(o, dtype) for o in operands
    ]


def apply(op: str, *operands: Any) -> Value:
    """One operation of `ir.OPERATIONS`."""
    weak = all(not isinstance(o, Value) or o.weak for o in operands)
    args = tuple(_agree(list(operands)))
    dtype = BOOL if op in COMPARISONS else args[0].dtype
    return Value(Expr(op, args, dtype), weak and op not in COMPARISONS)


class Functions:
    """``k.exp(x)`` and the like, for formulas."""

    select = staticmethod(select)
    eq = staticmethod(eq)
    ne = staticmethod(ne)
    index = staticmethod(index)

    def __getattr__(self, name: str) -> Any:
        def function(*operands: Any) -> Value:
            return apply(name, *operands)

        function.__name__ = name
        setattr(self, name, function)
        return function


k = Functions()
