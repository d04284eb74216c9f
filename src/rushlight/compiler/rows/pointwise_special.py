"""Rarer elementwise rows as scalar formulas."""

from __future__ import annotations

import math
from typing import Any

from ..expressions import Value, constant, k
from ..ir import BOOL
from ..trace import LOWERINGS, NotLowered
from .pointwise import _lower, constant_like

_LOG2 = math.log(2)


def angle(x: Value) -> Value:
    return k.select(k.ne(x, x), x, k.select(x < 0, math.pi, constant_like(x, 0)))


def logit(x: Value, eps: float | None) -> Value:
    if eps is not None:
        x = k.max(k.min(x, 1 - eps), eps)
    return k.log(x / (1 - x))


def logaddexp2(x: Value, y: Value) -> Value:
    high = k.max(x, y)
    total = high + k.log1p(k.exp2(-k.abs(x - y))) / _LOG2
    return k.select(k.eq(x, y) & k.eq(k.abs(x), math.inf), x, total)


def prelu(x: Value, slope: Any) -> Value:
    return k.select(x > 0, x, x * slope)


def round_decimals(x: Value, decimals: int) -> Value:
    if x.dtype.kind != "f":
        return x
    scale = 10.0 ** abs(decimals)
    if decimals == 0:
        return k.round(x)
    return k.round(x * scale) / scale if decimals > 0 else k.round(x / scale) * scale


def signbit(x: Value) -> Value:
    if x.dtype == BOOL:
        raise NotLowered("the sign of a bool")
    if x.dtype.kind != "f":
        return x < 0
    return k.copysign(constant_like(x, 1), x) < 0


def sinc(x: Value) -> Value:
    turned = x * math.pi
    return k.select(k.eq(x, 0), 1, k.sin(turned) / turned)


def entropy(x: Value) -> Value:
    found = k.select(x > 0, -x * k.log(x), k.select(k.eq(x, 0), 0, constant_like(x, -math.inf)))
    return k.select(k.ne(x, x), x, found)


def xlog1py(x: Value, y: Value) -> Value:
    return k.select(k.eq(x, 0) & k.eq(y, y), 0, x * k.log1p(y))


FORMULAS: dict[str, Any] = {
    "angle": angle,
    "logit": logit,
    "logaddexp2": logaddexp2,
    "prelu_kernel": prelu,
    "rrelu_mean": prelu,
    "rrelu_with_noise": prelu,
    "round_decimals": round_decimals,
    "signbit": signbit,
    "sinc": sinc,
    "special_entr": entropy,
    "special_xlog1py": xlog1py,
    "special_ndtr": lambda x: k.erfc(x * -math.sqrt(0.5)) * 0.5,
    "ldexp": lambda x, y: x * k.exp2(y),
    "conj": lambda x: x,
    "isreal": lambda x: Value(constant(True, BOOL)),
}  # fmt: skip

for _name, _formula in FORMULAS.items():
    LOWERINGS[_name] = _lower(_name, _formula)
