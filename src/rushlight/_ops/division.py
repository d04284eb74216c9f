"""Divisions with a whole quotient, and their remainders."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._define.kinds import elementwise


def _binary(name: str) -> str:
    return f"{name}.Tensor(Tensor self, Tensor other) -> Tensor"


def _dividing(kernel: str, ufunc: Any) -> Any:
    """A division with a whole quotient: booleans are refused, and integers by zero."""

    def forward(x: Any, y: Any) -> Any:
        if x.dtype.kind in "iub":
            if x.dtype.kind == "b":
                raise NotImplementedError(f"\"{kernel}\" not implemented for 'Bool'")
            if np.any(y == 0):
                raise RuntimeError("ZeroDivisionError")
        return ufunc(x, y)

    return forward


def without_derivative(name: str) -> Any:
    """The formula of a differentiable input for which PyTorch has no derivative."""

    def formula(k: Any, g: Any) -> Any:
        raise RuntimeError(f"derivative for aten::{name} is not implemented")

    return formula


_floor_divide = _dividing("div_floor_cpu", np.floor_divide)
floor_divide = elementwise(
    "floor_divide", _floor_divide, "floor_divide(Tensor self, Tensor other) -> Tensor",
    scalars=True, node="NotImplemented",
    x=without_derivative("floor_divide"), y=without_derivative("floor_divide"),
)  # fmt: skip
remainder = elementwise(
    "remainder", _dividing("remainder_cpu", np.remainder), _binary("remainder"), scalars=True,
    x=lambda g: g, y=lambda k, g, x, y: -g * k.floor(x / y),
)  # fmt: skip
fmod = elementwise(
    "fmod", _dividing("fmod_cpu", np.fmod), _binary("fmod"), scalars=True,
    x=lambda g: g, y=lambda k, g, x, y: -g * k.trunc(x / y),
)  # fmt: skip


def _div_rounded(x: Any, y: Any, rounding_mode: str) -> Any:
    if rounding_mode == "floor":
        return _floor_divide(x, y)
    if x.dtype.kind not in "iub":
        return np.trunc(np.true_divide(x, y))
    return _exact_division(x, y)


_exact_division = _dividing("div_trunc_cpu", lambda x, y: (x - np.fmod(x, y)) // y)
div_rounded = elementwise(
    "div_rounded", _div_rounded,
    "div.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor", scalars=True,
    x=lambda k, g: k.zeros_like_(g), y=lambda k, g: k.zeros_like_(g), node="DivBackward2",
    public=False,
)  # fmt: skip
