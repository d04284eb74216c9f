"""Elementwise rows as scalar formulas."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..expressions import Value, constant, k
from ..ir import BOOL, View, computed
from ..trace import LOWERINGS, NotLowered, Tracer

if TYPE_CHECKING:
    from collections.abc import Callable

_SQRT_HALF = math.sqrt(0.5)
_SQRT_2_OVER_PI = math.sqrt(2 / math.pi)
_INVERSE_SQRT_2PI = 1 / math.sqrt(2 * math.pi)
_INFINITY = math.inf
_LN2 = math.log(2)


def _zero_like(x: Value) -> Value:
    return x * 0


def _is_integer(x: Any) -> bool:
    return isinstance(x, Value) and x.dtype.kind in "iu"


def relu(x: Value) -> Value:
    return k.select(x <= 0, 0, x)


def threshold_backward(g: Value, result: Value) -> Value:
    if result.dtype == BOOL:
        raise NotLowered("the slope of relu over bools")
    return k.select(result <= 0, 0, g)


def sign(x: Value) -> Value:
    if x.dtype == BOOL:
        return x
    return k.select(x > 0, 1, k.select(x < 0, -1, _zero_of_sign(x)))


def _zero_of_sign(x: Value) -> Value:
    one: Value = k.select(k.eq(x, 0), x, 0)
    return one


def clamp(x: Value, low: Any, high: Any) -> Value:
    """NaN stays NaN; a low bound above the high one yields to it."""
    if low is not None:
        x = k.select(x < low, low, x)
    if high is not None:
        x = k.select(x > high, high, x)
    return x


def softplus(x: Value, beta: float = 1.0, threshold: float = 20.0) -> Value:
    scaled = x * beta
    return k.select(scaled > threshold, x, k.log1p(k.exp(k.min(scaled, threshold))) / beta)


def log_sigmoid(x: Value) -> Value:
    return k.min(x, 0) - k.log1p(k.exp(-k.abs(x)))


def silu(x: Value) -> Value:
    return x * k.sigmoid(x)


def silu_slope(x: Value) -> Value:
    s = k.sigmoid(x)
    return s * (1 + x * (1 - s))


def gelu(x: Value, approximate: str) -> Value:
    if approximate == "tanh":
        return x * 0.5 * (1 + k.tanh((x + x * x * x * 0.044715) * _SQRT_2_OVER_PI))
    return x * 0.5 * (1 + k.erf(x * _SQRT_HALF))


def gelu_slope(x: Value, approximate: str) -> Value:
    if approximate == "tanh":
        t = k.tanh((x + x * x * x * 0.044715) * _SQRT_2_OVER_PI)
        inner = (1 + x * x * (3 * 0.044715)) * _SQRT_2_OVER_PI
        return (1 + t) * 0.5 + x * 0.5 * (1 - t * t) * inner
    cdf = (1 + k.erf(x * _SQRT_HALF)) * 0.5
    return cdf + x * k.exp(x * x * -0.5) * _INVERSE_SQRT_2PI


def elu(x: Value, alpha: float, scale: float, input_scale: float) -> Value:
    negative = k.expm1(k.min(x, 0) * input_scale) * (alpha * scale)
    return k.select(x > 0, x * scale, negative)


def mish(x: Value) -> Value:
    return x * k.tanh(softplus(x))


def power(x: Value, exponent: Any) -> Value:
    """``x ** exponent`` for a Python number."""
    if isinstance(exponent, Value):
        return k.pow(x, exponent)
    if exponent == 0:
        return x * 0 + 1 if x.dtype.kind in "iu" else k.select(k.eq(x, x), 1, 1) + x * 0 * 0
    if exponent == 1:
        return x
    if exponent == 2:
        return x * x
    if exponent == 3:
        return x * x * x
    if x.dtype.kind not in "iub":
        if exponent == 4:
            square = x * x
            return square * square
        if exponent == 0.5:
            return k.sqrt(x)
        if exponent == -0.5:
            return k.rsqrt(x)
        if exponent == -1:
            return k.reciprocal(x)
        if exponent == -2:
            return k.reciprocal(x * x)
    return k.pow(x, exponent)


def logaddexp(x: Value, y: Value) -> Value:
    high = k.max(x, y)
    total = high + k.log1p(k.exp(-k.abs(x - y)))
    return k.select(k.eq(x, y) & (k.eq(k.abs(x), _INFINITY)), x, total)


def lerp(x: Value, y: Value, weight: Any) -> Value:
    low = x + weight * (y - x)
    high = y - (y - x) * (1 - weight)
    if isinstance(weight, Value):
        return k.select(k.abs(weight) < 0.5, low, high)
    return low if abs(weight) < 0.5 else high


def nan_to_num(x: Value, nan: Any, posinf: Any, neginf: Any) -> Value:
    if x.dtype.kind != "f":
        return x
    largest = 3.4028234663852886e38 if x.dtype.itemsize == 4 else 1.7976931348623157e308
    x = k.select(k.isnan(x), 0.0 if nan is None else nan, x)
    x = k.select(k.eq(x, _INFINITY), largest if posinf is None else posinf, x)
    return k.select(k.eq(x, -_INFINITY), -largest if neginf is None else neginf, x)


def hypot(x: Value, y: Value) -> Value:
    """No square overflows or vanishes; infinite if either is."""
    x, y = k.abs(x), k.abs(y)
    high, low = k.max(x, y), k.min(x, y)
    ratio = low / high
    length = k.select(k.eq(high, 0), high, high * k.sqrt(ratio * ratio + 1))
    infinite = k.eq(x, _INFINITY) | k.eq(y, _INFINITY)
    return k.select(infinite, _INFINITY, length)


def constant_like(x: Value, value: Any) -> Value:
    """A number of the dtype of `x`."""
    return Value(constant(value, x.dtype))


def _of_floats(formula: Any, otherwise: bool) -> Any:
    """Integers are finite."""
    return lambda x: formula(x) if x.dtype.kind == "f" else Value(constant(otherwise, BOOL))


def divide(x: Any, y: Any) -> Value:
    return x / y


def rounded_quotient(x: Value, y: Value, mode: str) -> Value:
    if mode == "floor":
        return k.floordiv(x, y)
    return k.truncdiv(x, y) if x.dtype.kind in "iu" else k.trunc(x / y)


def keep_where(mask: Value, x: Value) -> Value:
    return k.select(mask, x, 0)


def _truth(x: Value) -> Value:
    return x if x.dtype == BOOL else k.ne(x, 0)


def _integers(op: str) -> Any:
    return lambda x, y: getattr(k, op)(x, y)


def _no_integers(formula: Any) -> Any:
    """`floor` and its like leave integers alone."""
    return lambda x: x if x.dtype.kind in "iub" else formula(x)


def _same(x: Any) -> Any:
    return x


#: Row name -> formula of its inputs and attributes, in the order of the schema.
FORMULAS: dict[str, Callable[..., Any]] = {
    "add": lambda x, y: (x | y) if _bools(x, y) else x + y,
    "sub": lambda x, y: x - y,
    "rsub": lambda x, y: y - x,
    "mul": lambda x, y: (x & y) if _bools(x, y) else x * y,
    "div": divide,
    "neg": lambda x: -x,
    "reciprocal": lambda x: k.reciprocal(x),
    "maximum": lambda x, y: k.max(x, y),
    "minimum": lambda x, y: k.min(x, y),
    "fmax": lambda x, y: (x | y) if _bools(x, y) else k.fmax(x, y),
    "fmin": lambda x, y: (x & y) if _bools(x, y) else k.fmin(x, y),
    "clamp_min_tensor": lambda x, y: k.max(x, y),
    "clamp_max_tensor": lambda x, y: k.min(x, y),
    "clamp_below": lambda x, y: k.max(x, y),
    "clamp_above": lambda x, y: k.min(x, y),
    "clamp_between": lambda x, low, high: k.min(k.max(x, low), high),
    "clamp_scalar": clamp,
    "clamp_min_scalar": lambda x, low: clamp(x, low, None),
    "clamp_max_scalar": lambda x, high: clamp(x, None, high),
    "hardtanh": clamp,
    "maximum_scalar": lambda x, bound: k.max(x, bound),
    "hardsigmoid": lambda x: clamp(x + 3, 0, 6) / 6,
    "hardswish": lambda x: x * clamp(x + 3, 0, 6) / 6,
    "softshrink": lambda x, w: k.select(x > w, x - w, k.select(x < -w, x + w, x * 0)),
    "hardshrink": lambda x, w: k.select((x >= -w) & (x <= w), 0, x),
    "threshold": lambda x, limit, value: k.select(x <= limit, value, x),
    "mish": mish,
    "celu": lambda x, alpha: k.select(x > 0, x, alpha * k.expm1(k.min(x, 0) / alpha)),
    "atan2": lambda x, y: k.atan2(x, y),
    "pow_tensor": lambda x, y: k.pow(x, y),
    "pow_scalar": power,
    "pow_base": lambda base, y: k.pow(base, y),
    "square": lambda x: x.cast("int64") * x.cast("int64") if x.dtype == BOOL else x * x,
    "abs": lambda x: k.abs(x),
    "sign": sign,
    "sgn": sign,
    "floor": _no_integers(lambda x: k.floor(x)),
    "ceil": _no_integers(lambda x: k.ceil(x)),
    "trunc": _no_integers(lambda x: k.trunc(x)),
    "rint": _no_integers(lambda x: k.round(x)),
    "frac": lambda x: x - k.trunc(x),
    "relu": relu,
    "threshold_backward": threshold_backward,
    "keep_where": keep_where,
    "silu": silu,
    "silu_slope": silu_slope,
    "gelu": gelu,
    "gelu_slope": gelu_slope,
    "log_sigmoid": log_sigmoid,
    "softplus": softplus,
    "leaky_relu": lambda x, slope: k.select(x > 0, x, x * slope),
    "elu": elu,
    "logical_and": lambda x, y: _truth(x) & _truth(y),
    "logical_or": lambda x, y: _truth(x) | _truth(y),
    "logical_xor": lambda x, y: _truth(x) ^ _truth(y),
    "logical_not": lambda x: ~_truth(x),
    "isnan": lambda x: k.ne(x, x),
    "isinf": _of_floats(lambda x: k.eq(k.abs(x), _INFINITY), False),
    "isfinite": _of_floats(lambda x: k.abs(x) < _INFINITY, True),
    "isposinf": _of_floats(lambda x: k.eq(x, _INFINITY), False),
    "isneginf": _of_floats(lambda x: k.eq(x, -_INFINITY), False),
    "bitwise_and": lambda x, y: x & y,
    "bitwise_or": lambda x, y: x | y,
    "bitwise_xor": lambda x, y: x ^ y,
    "bitwise_not": lambda x: ~x,
    "bitwise_left_shift": _integers("shl"),
    "bitwise_right_shift": _integers("shr"),
    "where": lambda c, x, y: k.select(c, x, y),
    "masked_fill_scalar": lambda x, mask, value: k.select(mask, value, x),
    "masked_fill_tensor": lambda x, mask, value: k.select(mask, value, x),
    "floor_divide": lambda x, y: k.floordiv(x, y),
    "remainder": lambda x, y: k.mod(x, y),
    "fmod": lambda x, y: k.fmod(x, y),
    "div_rounded": rounded_quotient,
    "logaddexp": logaddexp,
    "hypot": hypot,
    "lerp_scalar": lerp,
    "lerp_tensor": lerp,
    "addcmul": lambda x, y, z, value: x + (y * z if value == 1 else value * y * z),
    "addcdiv": lambda x, y, z, value: x + (y / z if value == 1 else value * (y / z)),
    "xlogy": lambda x, y: k.select(k.eq(x, 0) & k.eq(y, y), 0, x * k.log(y)),
    "nan_to_num": nan_to_num,
    "copysign": lambda x, y: k.copysign(x, y),
    "heaviside": lambda x, y: k.select(k.eq(x, 0), y, k.select(x > 0, 1, constant_like(x, 0))),
    "deg2rad": lambda x: x * (math.pi / 180),
    "rad2deg": lambda x: x * (180 / math.pi),
    "div_number": divide,
    "mul_number": lambda x, value: x * value,
    "moving_average": lambda old, new, momentum, factor: (
        old * (1 - momentum) + new * (momentum * factor)),
    "fill_scalar": lambda x, value: value,
    "zero": lambda x: 0,
    "zeros_like_": lambda x: 0,
    "erf": lambda x: k.erf(x),
    "erfc": lambda x: k.erfc(x),
    "exp2": lambda x: k.exp2(x),
}  # fmt: skip


def _bools(x: Any, y: Any) -> bool:
    return any(isinstance(v, Value) and v.dtype == BOOL for v in (x, y))


for _name in (
    "exp", "expm1", "log", "log2", "log10", "log1p", "sqrt", "rsqrt", "sin", "cos", "tan", "asin",
    "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "sigmoid",
):  # fmt: skip
    FORMULAS[_name] = getattr(k, _name)
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    FORMULAS[_name] = getattr(k, _name)
    FORMULAS[_name + "_recorded"] = getattr(k, _name)

#: Rows whose formula must not look at the values of the first input (NaN would leak in).
_VALUE_FREE = frozenset(("fill_scalar", "zero", "zeros_like_"))


def _lower(name: str, formula: Callable[..., Any]) -> Callable[..., None]:
    def lower(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
        inputs = [a for a in arguments if isinstance(a, View)]
        numbers = [a for a in arguments if not isinstance(a, View)]
        if any(isinstance(a, list) for a in numbers):
            raise NotLowered(name)
        if name in _VALUE_FREE:
            inputs = inputs[1:]
            t.map(outputs[0], inputs, lambda *v: formula(None, *v, *numbers))
            return
        order = [isinstance(a, View) for a in arguments]
        out = next(o for o in outputs if o is not None)
        # Functions of integers compute in the dtype of their result.
        floats = out.dtype.kind in "fV" and all(v.dtype.kind in "iub" for v in inputs)

        def merged(*values: Any) -> Any:
            if floats:
                values = tuple(v.cast(computed(out.dtype)) for v in values)
            found, rest = iter(values), iter(numbers)
            return formula(*[next(found) if is_view else next(rest) for is_view in order])

        t.map(outputs[0], inputs, merged)

    return lower


for _name, _formula in FORMULAS.items():
    LOWERINGS[_name] = _lower(_name, _formula)

#: Arithmetic on Python numbers that an optimizer's formula or a schedule does.
SCALARS: dict[str, Callable[..., Any]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "neg": lambda zero, x: -x,
    "pow_scalar": lambda x, y: k.pow(x, y) if isinstance(y, Value) else power(x, y),
    "sqrt": lambda x: k.sqrt(x),
    "rsqrt": lambda x: k.rsqrt(x),
    "abs": lambda x: k.abs(x),
    "exp": lambda x: k.exp(x),
    "log": lambda x: k.log(x),
    "maximum": lambda x, y: k.max(x, y),
    "minimum": lambda x, y: k.min(x, y),
}
