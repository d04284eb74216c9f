"""Rows of the special functions: Bessel and Airy functions, gamma functions, the normal
distribution. `torch.special` shows them under PyTorch's names; a few are functions of `torch`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _core, _dtypes
from .._core import OPS, Tensor
from .._define.kinds import elementwise
from .._kernels import bessel, incomplete
from .._tensor import registry
from ..autograd import inplace
from ..autograd.naming import renamed
from . import pointwise
from .in_place import register_twin

_TWO_OVER_SQRT_PI = 2 / math.sqrt(math.pi)
_SQRT_2PI = math.sqrt(2 * math.pi)


def of_reals(kernel: str, function: Any) -> Any:
    """`function`, refusing complex numbers under the name of PyTorch's kernel."""

    def forward(*operands: Any) -> Any:
        for x in operands:
            if getattr(x, "dtype", None) is not None and x.dtype.kind == "c":
                name = _dtypes.from_numpy(x.dtype).type_name
                raise NotImplementedError(f"\"{kernel}\" not implemented for '{name}'")
        return function(*operands)

    return forward


def no_half(kernel: str) -> Any:
    """Refuses half precision, where PyTorch's kernel knows only float and double."""

    def refuse(*values: Any) -> Exception | None:
        operands = tuple(
            (_core.dtype_of(v), 2 if v._data.ndim else 1) if isinstance(v, Tensor)
            else (_dtypes.number_dtype(v), 0) for v in values
        )  # fmt: skip
        dtype = _dtypes.result_type(operands)
        if dtype.numpy not in _dtypes.LOW_PRECISION:
            return None
        return NotImplementedError(f"\"{kernel}\" not implemented for '{dtype.type_name}'")

    return refuse


def _one_tensor(name: str, label: str, kernel: str) -> Any:
    """Refuses Python numbers, and half precision if a `kernel` is named."""
    too_short = no_half(kernel)

    def refuse(x: Any) -> Exception | None:
        if not isinstance(x, Tensor):
            return TypeError(
                f"{name}(): argument '{label}' (position 1) must be Tensor, not {type(x).__name__}"
            )
        return too_short(x) if kernel else None

    return refuse


def unary(name: str, function: Any, half: bool = False, kernel: str = "", **options: Any) -> Any:
    """A row over `torch.special.<name>`."""
    kernel = kernel or f"{name}_cpu"
    options["refuse"] = _one_tensor(f"special_{name}", "input", "" if half else kernel)
    options.setdefault("inputs", ("x",))
    return elementwise(
        "special_" + name, of_reals(kernel, function), f"special_{name}(Tensor self) -> Tensor",
        floats=True, public=False, **options,
    )  # fmt: skip


# ---- Bessel and Airy functions ------------------------------------------------------------------

i0 = elementwise(
    "i0", of_reals("i0_vml_cpu", bessel.i0), "i0(Tensor self) -> Tensor", floats=True,
    x=lambda k, g, x: g * k.special_i1(x),
)  # fmt: skip


def _i1_slope(k: Any, x: Any, out: Any) -> Any:
    """d I1 / dx = I0 - I1 / x, 1/2 at 0."""
    flat = k.abs(x) < 1e-150
    return k.where(flat, 0.5, k.i0(x) - out / k.where(flat, 1.0, x))


def _i1e_slope(k: Any, x: Any, out: Any) -> Any:
    flat = k.abs(x) < 1e-150
    return k.where(
        flat, 0.5, k.special_i0e(x) - out * (k.sgn(x) + k.reciprocal(k.where(flat, 1.0, x)))
    )


i0e = unary("i0e", bessel.i0e, True, node="SpecialI0EBackward0",
            x=lambda k, g, x, out: g * (k.special_i1e(x) - k.sgn(x) * out))  # fmt: skip
i1 = unary("i1", bessel.i1, True, x=lambda k, g, x, out: g * _i1_slope(k, x, out))
i1e = unary("i1e", bessel.i1e, True, node="SpecialI1EBackward0",
            x=lambda k, g, x, out: g * _i1e_slope(k, x, out))  # fmt: skip
bessel_j0 = unary("bessel_j0", bessel.j0)
bessel_j1 = unary("bessel_j1", bessel.j1)
bessel_y0 = unary("bessel_y0", bessel.y0)
bessel_y1 = unary("bessel_y1", bessel.y1)
modified_bessel_i0 = unary("modified_bessel_i0", bessel.i0)
modified_bessel_i1 = unary("modified_bessel_i1", bessel.i1)
modified_bessel_k0 = unary("modified_bessel_k0", bessel.k0)
modified_bessel_k1 = unary("modified_bessel_k1", bessel.k1)


def _named_x(name: str, function: Any) -> Any:
    """Functions whose argument PyTorch calls `x`."""
    return elementwise(
        "special_" + name, of_reals(f"{name}_cpu", function), f"special_{name}(Tensor x) -> Tensor",
        floats=True, public=False, inputs=("x",),
        refuse=_one_tensor(f"special_{name}", "x", f"{name}_cpu"),
    )  # fmt: skip


scaled_modified_bessel_k0 = _named_x("scaled_modified_bessel_k0", bessel.scaled_k0)
scaled_modified_bessel_k1 = _named_x("scaled_modified_bessel_k1", bessel.scaled_k1)
spherical_bessel_j0 = _named_x("spherical_bessel_j0", bessel.spherical_j0)
airy_ai = _named_x("airy_ai", bessel.airy_ai)

# ---- the normal distribution, entropy -----------------------------------------------------------


def _entr(x: Any) -> Any:
    value = np.where(x > 0, -x * np.log(x), np.where(x == 0, 0.0, -np.inf))
    return np.where(np.isnan(x), x, value).astype(x.dtype)


entr = unary("entr", _entr, True, x=lambda k, g, x: g * (-k.log(x) - 1))
erfcx = unary("erfcx", incomplete.erfcx,
              x=lambda g, x, out: g * (out * x * 2 - _TWO_OVER_SQRT_PI))  # fmt: skip
ndtri = unary("ndtri", incomplete.ndtri,
              x=lambda k, g, out: g * (_SQRT_2PI * k.exp(out * out * 0.5)))  # fmt: skip
log_ndtr = unary(
    "log_ndtr", incomplete.log_ndtr,
    x=lambda k, g, x: g / k.special_erfcx(x * -math.sqrt(0.5)) * math.sqrt(2 / math.pi),
)  # fmt: skip
ndtr = unary("ndtr", incomplete.ndtr, True, node="MulBackward1",
             x=lambda k, g, x: g * (k.exp(x * x * -0.5) / _SQRT_2PI))  # fmt: skip


def _xlog1py(x: Any, y: Any) -> Any:
    return np.where((x == 0) & ~np.isnan(y), x.dtype.type(0), x * np.log1p(y))


xlog1py_row = elementwise(
    "special_xlog1py", _xlog1py, "special_xlog1py(Tensor self, Tensor other) -> Tensor",
    floats=True, scalars=True, public=False, node="SpecialXlog1PyBackward0",
    x=lambda k, g, x, y: g * k.keep_where(
        k.logical_not(k.logical_and(x == 0, y <= -1)), k.log1p(y)),
    y=lambda g, x, y: g * (x / (y + 1)),
)  # fmt: skip

# ---- gamma functions ----------------------------------------------------------------------------


def not_implemented(name: str) -> Any:
    """The formula of an input for which PyTorch has no derivative either."""

    def formula(k: Any, g: Any) -> Any:
        raise NotImplementedError(f"the derivative for '{name}' is not implemented.")

    return formula


def _floats_only(name: str) -> Any:
    def refuse(x: Any, y: Any) -> Exception | None:
        for label, value, position in (("input", x, 1), ("other", y, 2)):
            if not isinstance(value, Tensor):
                return TypeError(
                    f"{name}(): argument '{label}' (position {position}) must be Tensor, not "
                    f"{type(value).__name__}"
                )
        return None

    return refuse


def _incomplete_slope(k: Any, a: Any, x: Any) -> Any:
    """d P(a, x) / dx."""
    return k.exp((a - 1) * k.log(x) - x - k.lgamma(a))


igamma = elementwise(
    "igamma", of_reals("igamma_cpu", incomplete.igamma),
    "igamma(Tensor self, Tensor other) -> Tensor", floats=True, kernel="igamma_cpu",
    refuse=_floats_only("igamma"), x=not_implemented("igamma: input"),
    y=lambda k, g, x, y: g * _incomplete_slope(k, x, y),
)  # fmt: skip
igammac = elementwise(
    "igammac", of_reals("igammac_cpu", incomplete.igammac),
    "igammac(Tensor self, Tensor other) -> Tensor", floats=True, kernel="igammac_cpu",
    refuse=_floats_only("igammac"), x=not_implemented("igammac: input"),
    y=lambda k, g, x, y: -g * _incomplete_slope(k, x, y),
)  # fmt: skip
zeta_row = elementwise(
    "special_zeta", of_reals("zeta_cpu", incomplete.zeta),
    "special_zeta(Tensor self, Tensor other) -> Tensor", floats=True, scalars=True, public=False,
    x=not_implemented("zeta"), y=lambda k, g, x, y: g * (k.special_zeta(x + 1, y) * -x),
    refuse=no_half("zeta_cpu"),
)  # fmt: skip


def _mvlgamma(x: Any, p: int) -> Any:
    out = np.full_like(x, p * (p - 1) / 4 * math.log(math.pi))
    for j in range(p):
        out = out + OPS["lgamma"].forward(x - x.dtype.type(j / 2))
    return out


def _mvlgamma_check(x: Any, p: Any) -> tuple[int]:
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    return (p,)


def _no_truth(x: Any, p: Any) -> Exception | None:
    if isinstance(x, Tensor) and x._data.dtype.kind == "b":
        return RuntimeError("The input tensor may not be a boolean tensor.")
    return None


def _mvlgamma_slope(k: Any, x: Any, p: int) -> Any:
    total = k.digamma(x)
    for j in range(1, p):
        total = total + k.digamma(x - j / 2)
    return total


mvlgamma = elementwise(
    "mvlgamma", _mvlgamma, "mvlgamma(Tensor self, int p) -> Tensor", floats=True,
    check=_mvlgamma_check, refuse=_no_truth, x=lambda k, g, x, p: g * _mvlgamma_slope(k, x, p),
)  # fmt: skip


def _polygamma(self: Tensor, n: int) -> Any:
    return pointwise.polygamma.call(n, self)


def _with_number(row: Any) -> Any:
    """A target for all overloads, of which two have a Python number for one operand."""

    def target(x: Any, y: Any) -> Any:
        number = 1 if not isinstance(x, Tensor) else 2 if not isinstance(y, Tensor) else 0
        first = pointwise.as_tensor(x, y) if number == 1 else x
        second = pointwise.as_tensor(y, x) if number == 2 else y
        result = row.call(first, second)
        return renamed(result, f"{row.node_name[:-1]}{number}") if number else result

    return target


def binary(name: str, row: Any, first: str = "self", second: str = "other") -> Any:
    """The overloads of a function of two arguments, one of which may be a number."""
    a, b = ("self", "other") if first == "self" else (first, second)
    suffix_a, suffix_b = (f"{a}_scalar", f"{b}_scalar")
    target = _with_number(row)
    pairs = (
        (f"special_{name}(Tensor {a}, Tensor {b}) -> Tensor", target),
        (f"special_{name}.{suffix_a}(Scalar {a}, Tensor {b}) -> Tensor", target),
        (f"special_{name}.{suffix_b}(Tensor {a}, Scalar {b}) -> Tensor", target),
    )
    return registry.Overloads(
        f"special_{name}", tuple(p[0] for p in pairs), tuple(p[1] for p in pairs)
    )


zeta, xlog1py = binary("zeta", zeta_row), binary("xlog1py", xlog1py_row)

for _row in (i0, igamma, igammac, mvlgamma):
    registry.public(_row.name, _row)
    register_twin(_row, _row.name + "_")
registry.public("i0_", registry.METHODS["i0_"], method=False)
registry.public("polygamma", _polygamma, torch=False)
registry.public("polygamma_", inplace.from_function(_polygamma, "polygamma_"), torch=False)
