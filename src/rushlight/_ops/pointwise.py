"""Pointwise functions composed of rows: clamp, where, lerp, rounding, addcmul and others."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _core, _dtypes
from .._core import Tensor, wrap
from .._define.kinds import elementwise
from .._kernels import special
from ..autograd.naming import renamed
from . import clamping, division
from . import elementwise as e
from .by_example import by_example
from .casting import cast


def _unary(name: str) -> str:
    return f"{name}(Tensor self) -> Tensor"


asinh = elementwise("asinh", np.arcsinh, _unary("asinh"), floats=True,
                    x=lambda k, g, x: g * k.rsqrt(x * x + 1))  # fmt: skip
acosh = elementwise("acosh", np.arccosh, _unary("acosh"), floats=True,
                    x=lambda k, g, x: g * k.rsqrt(x * x - 1))  # fmt: skip
atanh = elementwise("atanh", np.arctanh, _unary("atanh"), floats=True,
                    x=lambda g, x: g / (1 - x * x))  # fmt: skip
exp2 = elementwise("exp2", e.exactly(np.exp2), _unary("exp2"), floats=True,
                   x=lambda g, out: g * out * 0.6931471805599453)  # fmt: skip
erfc = elementwise("erfc", special.erfc, _unary("erfc"), floats=True,
                   x=lambda k, g, x: g * (-1.1283791670955126 * k.exp(-(x * x))))  # fmt: skip
erfinv = elementwise("erfinv", special.erfinv, _unary("erfinv"), floats=True,
                     x=lambda k, g, out: g * (0.886226925452758 * k.exp(out * out)))  # fmt: skip
lgamma = elementwise("lgamma", special.lgamma, _unary("lgamma"), floats=True,
                     x=lambda k, g, x: g * k.digamma(x))  # fmt: skip
digamma = elementwise("digamma", special.digamma, _unary("digamma"), floats=True,
                      x=lambda k, g, x: g * k.polygamma(1, x))  # fmt: skip
def _polygamma_check(n: Any, x: Any) -> tuple[int]:
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    return (n,)


polygamma = elementwise(
    "polygamma", special.polygamma, "polygamma(int n, Tensor self) -> Tensor", floats=True,
    inputs=("x",), check=_polygamma_check, x=lambda k, g, x, n: g * k.polygamma(n + 1, x),
)  # fmt: skip
frac = elementwise("frac", lambda x: x - np.trunc(x), _unary("frac"), x=lambda g: g,
                   floats=True, kernel="frac_cpu")  # fmt: skip
logaddexp = elementwise(
    "logaddexp", np.logaddexp, "logaddexp(Tensor self, Tensor other) -> Tensor", floats=True,
    kernel="logaddexp_cpu", refuse=e.tensors_only("logaddexp"),
    x=lambda k, g, x, out: g * k.exp(x - out),
    y=lambda k, g, y, out: g * k.exp(y - out),
)  # fmt: skip
hypot = elementwise(
    "hypot", np.hypot, "hypot(Tensor self, Tensor other) -> Tensor", floats=True,
    kernel="hypot_cpu", refuse=e.tensors_only("hypot"),
    x=lambda g, x, out: g * (x / out), y=lambda g, y, out: g * (y / out),
)  # fmt: skip
fmax = elementwise(
    "fmax", np.fmax, "fmax(Tensor self, Tensor other) -> Tensor", refuse=e.tensors_only("fmax"),
    x=lambda k, g, x, y: k.keep_where(k.logical_or(x >= y, k.isnan(y)), g),
    y=lambda k, g, x, y: k.keep_where(k.logical_not(k.logical_or(x >= y, k.isnan(y))), g),
)  # fmt: skip
fmin = elementwise(
    "fmin", np.fmin, "fmin(Tensor self, Tensor other) -> Tensor", refuse=e.tensors_only("fmin"),
    x=lambda k, g, x, y: k.keep_where(k.logical_or(x <= y, k.isnan(y)), g),
    y=lambda k, g, x, y: k.keep_where(k.logical_not(k.logical_or(x <= y, k.isnan(y))), g),
)  # fmt: skip


bitwise_left_shift = elementwise(
    "bitwise_left_shift", e.not_of_booleans("lshift_cpu", np.left_shift),
    "bitwise_left_shift.Tensor(Tensor self, Tensor other) -> Tensor", inputs=("x", "y"),
    explain=lambda error, x, y: _no_shift("lshift_cpu", x, y),
    refuse=e.integers_only("lshift_cpu"),
)  # fmt: skip
bitwise_right_shift = elementwise(
    "bitwise_right_shift", e.not_of_booleans("rshift_cpu", np.right_shift),
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


_NO_BOUND = "torch.clamp: At least one of 'min' or 'max' must not be None"


def _ready_to_clamp(input: Tensor, *bounds: Any) -> Any:
    kinds = [(_dtypes.number_dtype(v), 0) for v in bounds]
    target = _dtypes.result_type(((_core.dtype_of(input), 2), *kinds))
    return input if target.numpy == input._data.dtype else cast.call(input, target.numpy)


def clamp_scalars(input: Tensor, low: Any, high: Any) -> Any:
    if low is None and high is None:
        raise RuntimeError(_NO_BOUND)
    bounds = [v for v in (low, high) if v is not None]
    return clamping.clamp_scalar.call(_ready_to_clamp(input, *bounds), low, high)


def clamp_min_scalar(input: Tensor, low: Any) -> Any:
    return clamping.clamp_min_scalar.call(_ready_to_clamp(input, low), low)


def clamp_max_scalar(input: Tensor, high: Any) -> Any:
    return clamping.clamp_max_scalar.call(_ready_to_clamp(input, high), high)


def clamp_tensors(input: Tensor, low: Any, high: Any) -> Any:
    if low is None and high is None:
        raise RuntimeError(_NO_BOUND)
    if low is None:
        return clamping.clamp_above.call(input, high)
    if high is None:
        return clamping.clamp_below.call(input, low)
    return clamping.clamp_between.call(input, low, high)


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


def _round_decimals(x: Any, decimals: int) -> Any:
    if x.dtype.kind in "biu":
        name = _dtypes.from_numpy(x.dtype).type_name
        raise NotImplementedError(f"\"round_cpu\" not implemented for '{name}'")
    scale = x.dtype.type(10.0 ** abs(decimals))
    return np.rint(x * scale) / scale if decimals >= 0 else np.rint(x / scale) * scale


round_decimals = elementwise(
    "round_decimals", _round_decimals,
    "round.decimals(Tensor self, *, int decimals) -> Tensor",
    x=lambda k, g: k.zeros_like_(g), node="RoundBackward1", public=False,
)  # fmt: skip


def div_rounded(input: Tensor, other: Any, rounding_mode: str | None) -> Any:
    if rounding_mode is None:
        return renamed(e.div.call(input, other), "DivBackward2")
    if rounding_mode not in ("trunc", "floor"):
        raise RuntimeError(
            "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
            f"'{rounding_mode}'"
        )
    return division.div_rounded.call(input, other, rounding_mode=rounding_mode)


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
        a, b, c = (t.astype(np.float32) for t in (x, y, z))
        return _addcmul(a, b, c, value).astype(x.dtype)
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


copysign = elementwise(
    "copysign", np.copysign, "copysign.Tensor(Tensor self, Tensor other) -> Tensor", floats=True,
    scalars=True, x=lambda k, g, x, out: g * k.keep_where(x != 0, out / x),
    y=lambda k, g: k.zeros_like_(g), public=False,
)  # fmt: skip


def _same_dtypes(x: Any, y: Any) -> Exception | None:
    refusal: Exception | None = e.tensors_only("heaviside")(x, y)
    if isinstance(refusal, TypeError):
        return TypeError(str(refusal).replace("'other'", "'values'"))
    if x._data.dtype != y._data.dtype:
        return RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")
    return None


heaviside = elementwise(
    "heaviside", lambda x, y: np.where(x == 0, y, (x > 0).astype(x.dtype)),
    "heaviside(Tensor self, Tensor values) -> Tensor", refuse=_same_dtypes, node="NotImplemented",
    x=division.without_derivative("heaviside"), y=division.without_derivative("heaviside"),
)  # fmt: skip


@by_example
def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08,
    equal_nan: bool = False,
) -> Tensor:  # fmt: skip
    """Whether ``|input - other| <= atol + rtol * |other|``, elementwise."""
    if input._data.dtype != other._data.dtype:
        raise RuntimeError(
            f"{_core.dtype_of(input).type_name} did not match {_core.dtype_of(other).type_name}"
        )
    for name, tolerance in (("rtol", rtol), ("atol", atol)):
        if not tolerance >= 0:
            raise RuntimeError(
                f"{name} must be greater than or equal to zero, but got {tolerance:g}"
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


# ---- signs and special values -------------------------------------------------------------------

_DEGREE = math.pi / 180
deg2rad = elementwise(
    "deg2rad", lambda x: x * x.dtype.type(_DEGREE), _unary("deg2rad"), floats=True,
    x=lambda g: g * _DEGREE, node="Deg2RadBackward0",
)  # fmt: skip
rad2deg = elementwise(
    "rad2deg", lambda x: x * x.dtype.type(1 / _DEGREE), _unary("rad2deg"), floats=True,
    x=lambda g: g * (1 / _DEGREE), node="Rad2DegBackward0",
)  # fmt: skip


def _sinc_slope(k: Any, x: Any) -> Any:
    """d sinc / dx, 0 at 0 and where the square of `x` is 0."""
    turned = x * math.pi
    slope = (k.cos(turned) * turned - k.sin(turned)) / (turned * x)
    return k.where(turned * x == 0, 0.0, slope)


sinc = elementwise("sinc", np.sinc, _unary("sinc"), floats=True,
                   x=lambda k, g, x: g * _sinc_slope(k, x))  # fmt: skip


def _truth(name: str, forward: Any, refusal: Exception) -> Any:
    def refuse(x: Any) -> Exception | None:
        return refusal if x._data.dtype.kind == "c" else None

    def check(x: Any) -> tuple[()]:
        if x.dtype.kind == "c":
            raise refusal
        return ()

    return elementwise(name, forward, _unary(name), inputs=("x",), promotion="none",
                       output_dtype="bool", check=check, refuse=refuse)  # fmt: skip


signbit = _truth(
    "signbit", lambda x: np.signbit(x) if x.dtype.kind in "fV" else np.asarray(x < 0),
    NotImplementedError("signbit is not implemented for complex tensors."),
)  # fmt: skip
isposinf = _truth("isposinf", lambda x: x == math.inf,
                  RuntimeError("isposinf does not support complex inputs."))  # fmt: skip
isneginf = _truth("isneginf", lambda x: x == -math.inf,
                  RuntimeError("isneginf does not support complex inputs."))  # fmt: skip
isreal = elementwise("isreal", lambda x: np.asarray(x.imag == 0), _unary("isreal"), inputs=("x",),
                     promotion="none", output_dtype="bool")  # fmt: skip


def positive(input: Tensor) -> Tensor:
    """`input` itself; ``+x``."""
    if input._data.dtype.kind == "b":
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


def fill_diagonal_(self: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Write one number onto the main diagonal; `wrap` starts anew below the end of a tall matrix.

    >>> import rushlight as torch
    >>> torch.zeros(2, 2).fill_diagonal_(1)
    tensor([[1., 0.],
            [0., 1.]])
    """
    shape = self._data.shape
    if len(shape) < 2:
        raise RuntimeError("dimensions must larger than 1")
    if len(shape) > 2 and len(set(shape)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    x: Any = self
    strides = x.stride()
    step, size = sum(strides), min(shape)
    diagonal = x.as_strided((size,), (step,), x.storage_offset())
    diagonal.fill_(fill_value)
    if wrap and len(shape) == 2 and shape[0] > shape[1] + 1:
        first = (shape[1] + 1) * strides[0]
        count = math.ceil((shape[0] - shape[1] - 1) / (shape[1] + 1))
        for block in range(count):
            start = (shape[1] + 1) * (block + 1)
            part = min(shape[1], shape[0] - start)
            x.as_strided(
                (part,), (step,), x.storage_offset() + first * (block + 1)
            ).fill_(fill_value)
    return self
