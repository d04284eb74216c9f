"""Pointwise functions composed of rows: clamp, where, lerp, rounding, addcmul and others."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core, _dtypes
from .._core import Tensor, wrap
from .._define.kinds import elementwise
from .._kernels import special
from . import elementwise as e
from .casting import cast


def _unary(name: str) -> str:
    return f"{name}(Tensor self) -> Tensor"


asinh = elementwise("asinh", np.arcsinh, _unary("asinh"), floats=True,
                    x=lambda k, g, x: g * k.rsqrt(x * x + 1))  # fmt: skip
acosh = elementwise("acosh", np.arccosh, _unary("acosh"), floats=True,
                    x=lambda k, g, x: g * k.rsqrt(x * x - 1))  # fmt: skip
atanh = elementwise("atanh", np.arctanh, _unary("atanh"), floats=True,
                    x=lambda g, x: g / (1 - x * x))  # fmt: skip
exp2 = elementwise("exp2", np.exp2, _unary("exp2"), floats=True,
                   x=lambda g, out: g * out * 0.6931471805599453)  # fmt: skip
erfc = elementwise("erfc", special.erfc, _unary("erfc"), floats=True,
                   x=lambda k, g, x: g * (-1.1283791670955126 * k.exp(-(x * x))))  # fmt: skip
erfinv = elementwise("erfinv", special.erfinv, _unary("erfinv"), floats=True,
                     x=lambda k, g, out: g * (0.886226925452758 * k.exp(out * out)))  # fmt: skip
lgamma = elementwise("lgamma", special.lgamma, _unary("lgamma"), floats=True,
                     x=lambda k, g, x: g * k.digamma(x))  # fmt: skip
digamma = elementwise("digamma", special.digamma, _unary("digamma"), floats=True,
                      x=lambda k, g, x: g * k.polygamma(1, x))  # fmt: skip
polygamma = elementwise(
    "polygamma", special.polygamma, "polygamma(int n, Tensor self) -> Tensor", floats=True,
    inputs=("x",), x=lambda k, g, x, n: g * k.polygamma(n + 1, x),
)  # fmt: skip
frac = elementwise("frac", lambda x: x - np.trunc(x), _unary("frac"), x=lambda g: g,
                   floats=True, kernel="frac_cpu")  # fmt: skip
logaddexp = elementwise(
    "logaddexp", np.logaddexp, "logaddexp(Tensor self, Tensor other) -> Tensor", floats=True,
    kernel="logaddexp_cpu", x=lambda k, g, x, out: g * k.exp(x - out),
    y=lambda k, g, y, out: g * k.exp(y - out),
)  # fmt: skip
hypot = elementwise(
    "hypot", np.hypot, "hypot(Tensor self, Tensor other) -> Tensor", floats=True,
    kernel="hypot_cpu",
    x=lambda g, x, out: g * (x / out), y=lambda g, y, out: g * (y / out),
)  # fmt: skip
fmax = elementwise(
    "fmax", np.fmax, "fmax(Tensor self, Tensor other) -> Tensor",
    x=lambda k, g, x, y: k.keep_where(k.logical_or(x >= y, k.isnan(y)), g),
    y=lambda k, g, x, y: k.keep_where(k.logical_not(k.logical_or(x >= y, k.isnan(y))), g),
)  # fmt: skip
fmin = elementwise(
    "fmin", np.fmin, "fmin(Tensor self, Tensor other) -> Tensor",
    x=lambda k, g, x, y: k.keep_where(k.logical_or(x <= y, k.isnan(y)), g),
    y=lambda k, g, x, y: k.keep_where(k.logical_not(k.logical_or(x <= y, k.isnan(y))), g),
)  # fmt: skip


bitwise_left_shift = elementwise(
    "bitwise_left_shift", np.left_shift,
    "bitwise_left_shift.Tensor(Tensor self, Tensor other) -> Tensor", inputs=("x", "y"),
    explain=lambda error, x, y: _no_shift("lshift_cpu", x, y),
    refuse=e.integers_only("lshift_cpu"),
)  # fmt: skip
bitwise_right_shift = elementwise(
    "bitwise_right_shift", np.right_shift,
    "bitwise_right_shift.Tensor(Tensor self, Tensor other) -> Tensor", inputs=("x", "y"),
    explain=lambda error, x, y: _no_shift("rshift_cpu", x, y),
    refuse=e.integers_only("rshift_cpu"),
)  # fmt: skip


def _no_shift(kernel: str, x: Any, y: Any) -> Exception:
    name = _core.dtype_of(x if isinstance(x, Tensor) else y).type_name
    return NotImplementedError(f"\"{kernel}\" not implemented for '{name}'")


def as_tensor(value: Any, like: Tensor) -> Tensor:
    """A Python number as a 0-d tensor that takes part in promotion like a number."""
    if isinstance(value, Tensor):
        return value
    target = _dtypes.result_type(
        ((_core.dtype_of(like), 2), (_dtypes.number_dtype(value), 0))
    )
    return _core.constant(value, target.numpy)


# ---- clamp --------------------------------------------------------------------------------------


def clamp_scalars(input: Tensor, low: Any, high: Any) -> Tensor:
    if low is None and high is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    kinds = [(_dtypes.number_dtype(v), 0) for v in (low, high) if v is not None]
    target = _dtypes.result_type(((_core.dtype_of(input), 2), *kinds))
    if target.numpy != input._data.dtype:
        input = cast.call(input, target.numpy)
    return e.clamp_scalar.call(input, low, high)


def clamp_tensors(input: Tensor, low: Any, high: Any) -> Tensor:
    if low is None and high is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    out: Any = input
    if low is not None:
        out = e.where_row.call(out < low, low, out)
    if high is not None:
        out = e.where_row.call(out > high, high, out)
    return out


# ---- where --------------------------------------------------------------------------------------


def where(condition: Tensor, x: Any, y: Any) -> Tensor:
    """Elements of `x` where `condition` holds, of `y` elsewhere."""
    if condition._data.dtype != np.bool_:
        if condition._data.dtype != np.uint8:
            raise RuntimeError(
                f"where expected condition to be a boolean tensor, but got a tensor with dtype "
                f"{_core.dtype_of(condition).type_name}"
            )
        condition = wrap(condition._data.astype(np.bool_))
    if not isinstance(x, Tensor) and not isinstance(y, Tensor):
        target = _dtypes.result_type(((_dtypes.number_dtype(x), 0), (_dtypes.number_dtype(y), 0)))
        x, y = _core.constant(x, target.numpy), _core.constant(y, target.numpy)
    elif not isinstance(x, Tensor):
        x = as_tensor(x, y)
    elif not isinstance(y, Tensor):
        y = as_tensor(y, x)
    return e.where_row.call(condition, x, y)


# ---- rounding, lerp, fused forms ----------------------------------------------------------------


def round_decimals(input: Tensor, decimals: int) -> Tensor:
    scale = 10.0**abs(decimals)
    if decimals >= 0:
        return e.rint.call(input * scale) / scale
    return e.rint.call(input / scale) * scale


def div_rounded(input: Tensor, other: Any, rounding_mode: str | None) -> Tensor:
    if rounding_mode is None:
        return e.div.call(input, other)
    if rounding_mode == "floor":
        return e.floor_divide.call(input, other)
    if rounding_mode != "trunc":
        raise RuntimeError(
            "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
            f"'{rounding_mode}'"
        )
    if input._data.dtype.kind in "iu" and (
        isinstance(other, int) or (isinstance(other, Tensor) and other._data.dtype.kind in "iu")
    ):
        remainder = e.fmod.call(input, other)
        return e.floor_divide.call(input - remainder, other)
    return e.trunc.call(e.div.call(input, other))


lerp_scalar = elementwise(
    "lerp_scalar",
    lambda x, y, weight: _lerp(x, y, x.dtype.type(weight)),
    "lerp.Scalar(Tensor self, Tensor end, Scalar weight) -> Tensor", promotion="equal",
    floats=True, kernel="lerp_kernel_scalar", x=lambda g, weight: g * (1 - weight),
    y=lambda g, weight: g * weight, node="LerpBackward0", public=False,
)  # fmt: skip


def _lerp(x: Any, y: Any, weight: Any) -> Any:
    """PyTorch's two forms, each exact at its own end."""
    if np.ndim(weight) == 0:
        return x + weight * (y - x) if abs(weight) < 0.5 else y - (y - x) * (1 - weight)
    return np.where(np.abs(weight) < 0.5, x + weight * (y - x), y - (y - x) * (1 - weight))


lerp_tensor = elementwise(
    "lerp_tensor", _lerp, "lerp.Tensor(Tensor self, Tensor end, Tensor weight) -> Tensor",
    promotion="equal", node="LerpBackward1", public=False, floats=True,
    kernel="lerp_kernel_tensor",
    x=lambda g, w: g * (1 - w), y=lambda g, w: g * w, w=lambda g, x, y: g * (y - x),
    inputs=("x", "y", "w"),
)  # fmt: skip


def _addcmul(x: Any, y: Any, z: Any, value: Any) -> Any:
    if x.itemsize == 2 and x.dtype in _dtypes.LOW_PRECISION:
        wide = (a.astype(np.float32) for a in (x, y, z))
        return _addcmul(*wide, value).astype(x.dtype)
    return x + (y * z if value == 1 else x.dtype.type(value) * y * z)


def _refuse_integers(x: Any, y: Any, z: Any, value: Any) -> Exception | None:
    kinds = [t._data.dtype.kind for t in (x, y, z) if isinstance(t, Tensor)]
    if len(kinds) == 3 and all(kind in "biu" for kind in kinds):
        return RuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future  release "
            "addcdiv will perform a true division of tensor1 and tensor2. The historic addcdiv "
            "behavior can be implemented as (input + value * torch.trunc(tensor1 / tensor2)).to("
            "input.dtype) for integer inputs and as (input + value * tensor1 / tensor2) for float "
            "inputs. The future addcdiv behavior is just the latter implementation: (input + value "
            "* tensor1 / tensor2), for all dtypes."
        )
    return None


addcmul = elementwise(
    "addcmul", _addcmul,
    "addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor",
    inputs=("x", "y", "z"), x=lambda g: g, y=lambda g, z, value: g * (z * value),
    z=lambda g, y, value: g * (y * value),
)  # fmt: skip
addcdiv = elementwise(
    "addcdiv", lambda x, y, z, value: x + (y / z if value == 1 else x.dtype.type(value) * (y / z)),
    "addcdiv(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor",
    inputs=("x", "y", "z"), floats=True, refuse=_refuse_integers,
    x=lambda g: g, y=lambda g, z, value: g * (value / z),
    z=lambda g, y, z, value: -g * (y * value / (z * z)),
)  # fmt: skip
xlogy_row = elementwise(
    "xlogy", lambda x, y: np.where((x == 0) & ~np.isnan(y), x.dtype.type(0), x * np.log(y)),
    "xlogy.Tensor(Tensor self, Tensor other) -> Tensor", floats=True, scalars=True,
    x=lambda k, g, x, y: g * k.keep_where(k.logical_not(k.logical_and(x == 0, y <= 0)), k.log(y)),
    y=lambda g, x, y: g * (x / y),
)  # fmt: skip


def _nan_to_num(x: Any, nan: Any, posinf: Any, neginf: Any) -> Any:
    if x.dtype.kind not in "fc":
        return x.copy()
    return np.nan_to_num(x, nan=0.0 if nan is None else nan, posinf=posinf, neginf=neginf)


nan_to_num = elementwise(
    "nan_to_num", _nan_to_num,
    "nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor",
    x=lambda k, g, x: k.keep_where(k.isfinite(x), g),
)  # fmt: skip


def _logit(x: Any, eps: float | None) -> Any:
    if eps is not None:
        x = np.clip(x, x.dtype.type(eps), x.dtype.type(1 - eps))
    return np.log(x / (1 - x))


def _logit_slope(k: Any, g: Any, x: Any, eps: float | None) -> Any:
    low = 0.0 if eps is None else eps
    outside = k.logical_or(x < low, x > 1 - low)
    return k.where(outside, _NAN if eps is None else 0.0, g / (x * (1 - x)))


_NAN = float("nan")
logit = elementwise("logit", _logit, "logit(Tensor self, float? eps=None) -> Tensor", floats=True,
                    x=lambda k, g, x, eps: _logit_slope(k, g, x, eps))  # fmt: skip


def copysign(input: Tensor, other: Any) -> Tensor:
    """The magnitude of `input` with the sign of `other`."""
    sign = np.signbit(other._data) if isinstance(other, Tensor) else np.signbit(other)
    magnitude: Any = e.abs_.call(input)
    return e.where_row.call(wrap(np.asarray(sign)), -magnitude, magnitude)


def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """0 below zero, 1 above, `values` at zero."""
    return wrap(np.asarray(np.heaviside(input._data, values._data)).astype(input._data.dtype))


def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08,
    equal_nan: bool = False,
) -> Tensor:  # fmt: skip
    """Whether ``|input - other| <= atol + rtol * |other|``, elementwise."""
    if input._data.dtype != other._data.dtype:
        raise RuntimeError(
            f"{_core.dtype_of(input).type_name} did not match {_core.dtype_of(other).type_name}"
        )
    a, b = input._data, other._data
    if a.dtype in _dtypes.LOW_PRECISION:
        a, b = a.astype(np.float32), b.astype(np.float32)
    with _core.quiet():
        close = a == b
        if equal_nan:
            close = close | (np.isnan(a) & np.isnan(b))
        if a.dtype.kind in "fc":
            near = np.abs(a - b) <= np.abs(atol + np.abs(rtol * b))
            close = close | (np.isfinite(a) & np.isfinite(b) & near)
        elif rtol or atol:
            close = close | (np.abs(a - b) <= atol + np.abs(rtol * b))
    return wrap(np.asarray(close))
