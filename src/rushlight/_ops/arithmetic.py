"""Rows of arithmetic on the representation of numbers (gcd, frexp, nextafter...), angles, powers in
double precision, shifts by numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core, _dtypes
from .._core import Tensor
from .._define.kinds import elementwise, general
from .._define.results import return_type
from .._tensor import registry
from ..autograd import inplace
from . import elementwise as e
from . import pointwise, powers
from .casting import cast
from .in_place import register_twin


def _integers(kernel: str, ufunc: Any) -> Any:
    def forward(x: Any, y: Any) -> Any:
        if x.dtype.kind not in "iu":
            name = _dtypes.from_numpy(x.dtype).type_name
            raise NotImplementedError(f"\"{kernel}\" not implemented for '{name}'")
        return ufunc(x, y)

    return forward


def _whole_numbers(name: str, ufunc: Any) -> Any:
    return elementwise(
        name, _integers(f"{name}_cpu", ufunc), f"{name}(Tensor self, Tensor other) -> Tensor",
        inputs=("x", "y"), refuse=e.tensors_only(name),
    )  # fmt: skip


gcd = _whole_numbers("gcd", np.gcd)
lcm = _whole_numbers("lcm", np.lcm)


def _nextafter(x: Any, y: Any) -> Any:
    if x.dtype.kind not in "fV":
        name = _dtypes.from_numpy(x.dtype).type_name
        raise NotImplementedError(f"\"nextafter_cpu\" not implemented for '{name}'")
    return np.nextafter(x, y)


nextafter = elementwise(
    "nextafter", _nextafter, "nextafter(Tensor self, Tensor other) -> Tensor",
    x=lambda k, g, x, y: g,
    y=lambda k, g, x, y: k.zeros_like_(g), refuse=e.tensors_only("nextafter"),
)  # fmt: skip


def _frexp(x: Any) -> tuple[Any, Any, Any]:
    if x.dtype.kind not in "fV":
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    wide = x.astype(np.float32) if x.dtype in _dtypes.LOW_PRECISION else x
    mantissa, exponent = np.frexp(wide)
    powers = np.asarray(exponent, np.int64)
    return np.asarray(mantissa, x.dtype), powers.astype(np.int32), powers


frexp = general(
    "frexp", _frexp, "frexp.Tensor(Tensor self) -> (Tensor mantissa, Tensor exponent)", outputs=2,
    differentiable_outputs=(True, False), returns=return_type("frexp", ("mantissa", "exponent")),
    residuals=("powers",),
    x=lambda k, g, powers: g * k.reciprocal(k.exp2(k.cast(powers, k.dtype_of(g)))),
)  # fmt: skip


def _ldexp(x: Any, y: Any) -> Any:
    return x * np.exp2(y)


ldexp = elementwise(
    "ldexp", _ldexp, "ldexp.Tensor(Tensor self, Tensor other) -> Tensor", floats=True,
    refuse=e.tensors_only("ldexp"), x=lambda k, g, y: g * k.exp2(y),
    y=lambda g, out: g * (out * 0.6931471805599453),
)  # fmt: skip
logaddexp2 = elementwise(
    "logaddexp2", np.logaddexp2, "logaddexp2(Tensor self, Tensor other) -> Tensor", floats=True,
    kernel="logaddexp2_cpu", refuse=e.tensors_only("logaddexp2"),
    x=lambda k, g, x, out: g * k.exp2(x - out), y=lambda k, g, y, out: g * k.exp2(y - out),
)  # fmt: skip

# ---- angles -------------------------------------------------------------------------------------


def _angle(x: Any) -> Any:
    if x.dtype.kind == "c":
        return np.angle(x)
    return np.where(np.isnan(x), x, np.where(x < 0, x.dtype.type(np.pi), x.dtype.type(0)))


def _angle_gradient(k: Any, g: Any, x: Any, x_dtype: Any) -> Any:
    """The angle of z = a + ib turns along i z / |z|^2."""
    if x_dtype.kind != "c":
        return k.zeros_like_(g)
    a, b = k.real(x), k.imag(x)
    square = a * a + b * b
    scale = g / k.where(square == 0, 1.0, square)
    return k.complex(-b * scale, a * scale)


angle = elementwise(
    "angle", _angle, "angle(Tensor self) -> Tensor", floats=True, x=_angle_gradient,
    own_complex=True,
)  # fmt: skip


def _polar(size: Any, turned: Any) -> Any:
    _core.ctx.complex = True
    shape = np.broadcast_shapes(size.shape, turned.shape)
    out = np.empty(shape, np.complex128 if size.dtype == _dtypes.FLOAT64 else np.complex64)
    out.real, out.imag = size * np.cos(turned), size * np.sin(turned)
    return out


polar_row = general(
    "polar", _polar, "polar(Tensor abs, Tensor angle) -> Tensor", inputs=("x", "y"),
    broadcasts=(0, 1), public=False, own_complex=True,
    x=lambda k, g, y: k.real(g) * k.cos(y) + k.imag(g) * k.sin(y),
    y=lambda k, g, x, y: (k.imag(g) * k.cos(y) - k.real(g) * k.sin(y)) * x,
)  # fmt: skip


def polar(abs: Tensor, angle: Tensor, *, out: Any = None) -> Any:
    """Complex numbers from their absolute values and angles.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.polar.html

    >>> import rushlight as torch
    >>> torch.polar(torch.tensor([1.]), torch.tensor([0.]))
    tensor([1.+0.j])
    """
    first, second = _core.dtype_of(abs), _core.dtype_of(angle)
    known = (_dtypes.float16, _dtypes.float32, _dtypes.float64)
    if first not in known or second not in known:
        raise RuntimeError(
            "Expected both inputs to be Half, Float or Double tensors but got "
            f"{first.type_name} and {second.type_name}"
        )
    if first is not second:
        raise RuntimeError(
            f"Expected object of scalar type {first.type_name} but got scalar type "
            f"{second.type_name} for second argument"
        )
    if first is _dtypes.float16:
        raise NotImplementedError("torch.polar of float16: rushlight has no complex32")
    result = polar_row.call(abs, angle)
    return result if out is None else inplace.write_out(polar_row, result, out)


# ---- powers in double precision -----------------------------------------------------------------


def _wide(x: Any, other: Any) -> tuple[Any, Any, Any]:
    """Both operands in double precision, and that dtype."""
    is_complex = any(
        v._data.dtype.kind == "c" if isinstance(v, Tensor) else isinstance(v, complex)
        for v in (x, other)
    )
    target = _dtypes.complex128 if is_complex else _dtypes.float64
    first, second = (
        cast.call(v, target.numpy) if isinstance(v, Tensor) and v._data.dtype != target.numpy
        else v for v in (x, other)
    )  # fmt: skip
    return first, second, target


def _float_power(x: Any, exponent: Any) -> Any:
    first, second, _ = _wide(x, exponent)
    return powers.pow(first, second)


_FORMS = ("Tensor_Tensor(Tensor self, Tensor exponent)", "Tensor_Scalar(Tensor self, "
          "Scalar exponent)", "Scalar(Scalar self, Tensor exponent)")  # fmt: skip
_float_powers = registry.overloaded(
    "float_power", *((f"float_power.{form} -> Tensor", _float_power) for form in _FORMS)
)


def _float_power_(x: Tensor, exponent: Any) -> Tensor:
    wanted = _wide(x, exponent)[2]
    if x._data.dtype != wanted.numpy:
        raise RuntimeError(
            f"the base given to float_power_ has dtype {_core.dtype_of(x).type_name} but the "
            f"operation's result requires dtype {wanted.type_name}"
        )
    return _pow_(x, exponent)


_pow_ = inplace.from_function(powers.pow, "float_power_")

for _row in (pointwise.bitwise_left_shift, pointwise.bitwise_right_shift):
    register_twin(_row, _row.name + "_")
for _row in (gcd, lcm, ldexp, nextafter, logaddexp2, angle, frexp):
    registry.public(_row.public_name, _row)
for _row in (gcd, lcm, ldexp, nextafter):
    register_twin(_row, _row.name + "_")
for _name in ("gcd_", "lcm_", "ldexp_"):
    registry.public(_name, registry.METHODS[_name], method=False)
for _row in (pointwise.xlogy_row, pointwise.heaviside):
    register_twin(_row, _row.public_name + "_")
registry.public("float_power_", _float_power_, torch=False)
registry.public("polar", polar, method=False)
