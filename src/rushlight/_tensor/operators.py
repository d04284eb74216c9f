"""The operators of tensors: ``+``, ``@``, ``==``, ``+=`` and the rest."""

from __future__ import annotations

from typing import Any

from .._core import Tensor
from .._define import overriding
from .._ops import division, linalg, pointwise, powers
from .._ops import elementwise as e
from ..autograd import inplace

_UNKNOWN = (str, bytes, list, tuple, dict, set, type(None))


def _checked(function: Any) -> Any:
    """An operator method of a composed function: NotImplemented for what it does not know."""

    def method(self: Any, other: Any) -> Any:
        if isinstance(other, _UNKNOWN):
            return NotImplemented
        return function(self, other)

    method.__name__ = method.__qualname__ = getattr(function, "__name__", "operator")
    return method


def _product(function: Any) -> Any:
    """The same of a product, which numbers have no part in."""

    def method(self: Any, other: Any) -> Any:
        if not isinstance(other, Tensor):
            if overriding.implementation(other) is not None:
                return overriding.handle(linalg.matmul, (self, other), {}, True)
            return NotImplemented
        return function(self, other)

    method.__name__ = method.__qualname__ = getattr(function, "__name__", "operator")
    return method


def _rtruediv(self: Any, other: Any) -> Any:
    return e.mul.call(e.reciprocal.call(self), other)


def _rpow(self: Any, other: Any) -> Any:
    return powers.pow(other, self)


def _rmatmul(self: Any, other: Any) -> Any:
    return linalg.matmul(other, self)


def _rsub(self: Any, other: Any) -> Any:
    return e.rsub.call(self, other)


def _invert(self: Any) -> Any:
    return e.bitwise_not.call(self)


def _pos(self: Any) -> Any:
    if self._data.dtype.kind == "b":
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return self


def _reversed(row: Any) -> Any:
    """The operator with a number on its left: the number becomes a tensor first."""

    def method(self: Any, other: Any) -> Any:
        return row.call(pointwise.as_tensor(other, self), self)

    method.__name__ = method.__qualname__ = row.public_name
    return method


def attach() -> None:
    """Hang the operators on Tensor; rows are put there themselves, so they cost one call."""
    rows = {
        "__add__": e.add, "__radd__": e.add, "__sub__": e.sub, "__mul__": e.mul,
        "__rmul__": e.mul, "__truediv__": e.div, "__neg__": e.neg, "__abs__": e.abs_,
        "__eq__": e.eq, "__ne__": e.ne, "__lt__": e.lt, "__le__": e.le, "__gt__": e.gt,
        "__ge__": e.ge, "__and__": e.bitwise_and, "__rand__": e.bitwise_and,
        "__or__": e.bitwise_or, "__ror__": e.bitwise_or, "__xor__": e.bitwise_xor,
        "__rxor__": e.bitwise_xor, "__floordiv__": division.floor_divide,
        "__mod__": division.remainder,
        "__lshift__": pointwise.bitwise_left_shift, "__rshift__": pointwise.bitwise_right_shift,
    }  # fmt: skip
    for name, row in rows.items():
        row.place_operator(Tensor, name)
    for name, function in {
        "__rsub__": _rsub, "__rtruediv__": _rtruediv, "__pow__": powers.pow, "__rpow__": _rpow,
    }.items():  # fmt: skip
        setattr(Tensor, name, _checked(function))
    setattr(Tensor, "__matmul__", _product(linalg.matmul))  # noqa: B010
    setattr(Tensor, "__rmatmul__", _product(_rmatmul))  # noqa: B010
    for name, row in {
        "__rfloordiv__": division.floor_divide, "__rmod__": division.remainder,
        "__rlshift__": pointwise.bitwise_left_shift, "__rrshift__": pointwise.bitwise_right_shift,
    }.items():  # fmt: skip
        setattr(Tensor, name, _checked(_reversed(row)))
    for name, function in {"__invert__": _invert, "__pos__": _pos}.items():
        setattr(Tensor, name, function)
    for name, row in {
        "__iadd__": e.add, "__isub__": e.sub, "__imul__": e.mul, "__itruediv__": e.div,
        "__ifloordiv__": division.floor_divide, "__imod__": division.remainder,
        "__iand__": e.bitwise_and,
        "__ior__": e.bitwise_or, "__ixor__": e.bitwise_xor,
        "__ilshift__": pointwise.bitwise_left_shift, "__irshift__": pointwise.bitwise_right_shift,
    }.items():  # fmt: skip
        setattr(Tensor, name, inplace.twin(row, row.public_name + "_"))
    setattr(Tensor, "__ipow__", inplace.from_function(powers.pow, "pow_"))  # noqa: B010
