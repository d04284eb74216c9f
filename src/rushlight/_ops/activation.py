"""Activation rows beyond those of `elementwise`: thresholds, hard and smooth gates, GLU."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core import Tensor
from .._define.kinds import elementwise, general
from .._kernels import select, slopes, special
from .._tensor.registry import public
from ..autograd import inplace
from .arguments import refuse
from .checks import canonical_dim
from .elementwise import fused_formula
from .movement import reshape


def _like(x: Any, value: float) -> Any:
    return x.dtype.type(value)


_SIXTH = float(np.float32(1 / 6))  # single precision also in double, as in PyTorch

# ---- cut off on both sides ----------------------------------------------------------------------

def _hardtanh_check(x: Any, low: float, high: float) -> tuple[float, float]:
    if x.dtype.kind == "b":
        raise RuntimeError("Bool inputs not supported for hardtanh")
    return low, high


fused_formula(
    "hardtanh_gradient",
    lambda k, g, x, low, high: k.keep_where(k.logical_and(x > low, x < high), g),
)
hardtanh = elementwise(
    "hardtanh", slopes.by_pieces(
        lambda x, low, high: np.minimum(np.maximum(x, _like(x, low)), _like(x, high))),
    "hardtanh(Tensor self, Scalar min_val=-1, Scalar max_val=1) -> Tensor", attrs=("low", "high"),
    check=_hardtanh_check,
    x=lambda k, g, x, low, high: k.hardtanh_gradient(g, x, low, high), public=False,
)  # fmt: skip
fused_formula(
    "hardsigmoid_gradient",
    lambda k, g, x: k.keep_where(k.logical_and(x > -3.0, x < 3.0), g * _SIXTH),
)
hardsigmoid = elementwise(
    "hardsigmoid", slopes.by_pieces(lambda x: np.minimum(
        np.maximum(x + _like(x, 3), _like(x, 0)), _like(x, 6)) / _like(x, 6)),
    "hardsigmoid(Tensor self) -> Tensor", floats=True, promotion="none",
    check=refuse("hardsigmoid_cpu"),
    x=lambda k, g, x: k.hardsigmoid_gradient(g, x), public=False,
)  # fmt: skip


def _hardswish(x: Any) -> Any:
    gate = np.minimum(np.maximum(x + _like(x, 3), _like(x, 0)), _like(x, 6))
    return x * gate / _like(x, 6)


fused_formula(
    "hardswish_gradient",
    lambda k, g, x: k.keep_where(
        k.logical_not(x <= -3.0), k.where(x < 3.0, g * (x / 3 + 0.5), g)),
)  # fmt: skip
hardswish = elementwise(
    "hardswish", slopes.by_pieces(_hardswish), "hardswish(Tensor self) -> Tensor", floats=True,
    promotion="none",
    check=refuse("hardswish_cpu"), public=False,
    x=lambda k, g, x: k.hardswish_gradient(g, x),
)  # fmt: skip
softshrink = elementwise(
    "softshrink", lambda x, width: x - np.minimum(np.maximum(x, _like(x, -width)),
                                                  _like(x, width)),
    "softshrink(Tensor self, Scalar lambd=0.5) -> Tensor", attrs=("width",),
    check=refuse("softshrink_check"),
    x=lambda k, g, x, width: k.keep_where(k.abs(x) > width, g), public=False,
)  # fmt: skip
hardshrink = elementwise(
    "hardshrink", lambda x, width: np.where(np.abs(x) <= _like(x, width), _like(x, 0), x),
    "hardshrink(Tensor self, Scalar lambd=0.5) -> Tensor", attrs=("width",),
    check=refuse("hardshrink_cpu"),
    x=lambda k, g, x, width: k.keep_where(k.logical_not(k.abs(x) <= width), g),
)  # fmt: skip
threshold = elementwise(
    "threshold", lambda x, limit, value: np.where(x <= _like(x, limit), _like(x, value), x),
    "threshold(Tensor self, Scalar threshold, Scalar value) -> Tensor", attrs=("limit", "value"),
    check=refuse("threshold_cpu", "b"),
    x=lambda k, g, x, limit: k.keep_where(k.logical_not(x <= limit), g),
)  # fmt: skip

# ---- smooth -------------------------------------------------------------------------------------


def _mish(x: Any) -> Any:
    return x * np.tanh(special.softplus(x))


def _mish_slope(k: Any, x: Any) -> Any:
    t = k.tanh(k.softplus(x, 1.0, 20.0))
    return t + x * k.sigmoid(x) * (1 - t * t)


fused_formula("mish_gradient", lambda k, g, x: g * _mish_slope(k, x))
mish = elementwise(
    "mish", slopes.by_pieces(_mish), "mish(Tensor self) -> Tensor", floats=True, promotion="none",
    check=refuse("mish_cpu"),
    x=lambda k, g, x: k.mish_gradient(g, x), public=False,
)  # fmt: skip


def _celu(x: Any, alpha: float) -> Any:
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    negative = np.expm1(np.minimum(x, _like(x, 0)) / _like(x, alpha)) * _like(x, alpha)
    return select.where(x > _like(x, 0), x, negative)


fused_formula(
    "celu_gradient",
    lambda k, g, x, alpha: k.where(x <= 0, g * k.exp(k.keep_where(x < 0, x) / alpha), g),
)
celu = elementwise(
    "celu", slopes.by_pieces(_celu), "celu(Tensor self, Scalar alpha=1.0) -> Tensor", floats=True,
    promotion="none",
    check=refuse("elu_cpu"), x=lambda k, g, x, alpha: k.celu_gradient(g, x, alpha),
)  # fmt: skip

# ---- with a slope of their own ------------------------------------------------------------------


def _prelu(x: Any, slope: Any) -> Any:
    return np.where(x > _like(x, 0), x, x * slope)


prelu_kernel = elementwise(
    "prelu_kernel", _prelu, "_prelu_kernel(Tensor self, Tensor weight) -> Tensor",
    x=lambda k, g, x, slope: k.where(x > 0, g, g * slope),
    slope=lambda k, g, x: k.keep_where(x <= 0, k.expand(g * x, tuple(x.shape))), promotion="equal",
    check=refuse("prelu_cpu", tensors=2), public=False,
)  # fmt: skip


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """``x if x > 0 else weight * x``, with one weight for all or for each channel (dim 1).

    >>> import rushlight as torch
    >>> torch.prelu(torch.tensor([-4., 2.]), torch.tensor([0.25]))
    tensor([-1.,  2.])
    """
    x, w = input._data, weight._data
    if w.dtype != x.dtype:
        raise RuntimeError(
            f"prelu: Type promoting not supported. Got {_name(x)} and {_name(w)}"
        )
    if w.size == 1:
        if w.ndim:
            weight = reshape(weight, (1,) * max(1, x.ndim) if x.ndim else ())
        return prelu_kernel.call(input, weight)
    if not x.ndim:
        raise RuntimeError("Not allow zero-dim input tensor.")
    channels = x.shape[1] if x.ndim > 1 else 1
    if w.size != channels:
        raise RuntimeError(
            "Mismatch of parameter numbers and input channel size. Found parameter numbers = "
            f"{w.size} and channel size = {channels}."
        )
    if w.ndim > 1:
        raise RuntimeError(
            f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {w.ndim}"
        )
    weight = reshape(weight, (1, -1) + (1,) * (x.ndim - 2))
    return prelu_kernel.call(input, weight)


def _name(x: Any) -> str:
    from .. import _dtypes

    return _dtypes.from_numpy(x.dtype).type_name


# The slopes are drawn by the caller: an input, so that capture sees the draw.
rrelu_with_noise = elementwise(
    "rrelu_with_noise", lambda x, slope: np.where(x > _like(x, 0), x, x * slope),
    "_rrelu_with_noise(Tensor self, Tensor noise) -> Tensor", inputs=("x", "slope"),
    x=lambda k, g, x, slope: k.where(x > 0, g, g * slope), public=False,
)  # fmt: skip

rrelu_mean = elementwise(
    "rrelu_mean", lambda x, slope: np.where(x > _like(x, 0), x, x * _like(x, slope)),
    "_rrelu_mean(Tensor self, float slope) -> Tensor", floats=True, promotion="none",
    check=refuse("leaky_relu_cpu"),
    x=lambda k, g, x, slope: k.where(x > 0, g, g * slope), node="RreluWithNoiseBackward0",
    public=False,
)  # fmt: skip

# ---- gated linear unit --------------------------------------------------------------------------


def _glu_check(x: Any, dim: Any) -> tuple[int]:
    if not x.ndim:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    dim = canonical_dim(dim, x.ndim)
    if x.shape[dim] % 2:
        raise RuntimeError(
            f"Halving dimension must be even, but dimension {dim} is size {x.shape[dim]}"
        )
    return (dim,)


def _glu(x: Any, dim: int) -> Any:
    value, gate = np.split(x, 2, dim)
    return value * special.sigmoid(gate)


def _glu_gradient(k: Any, g: Any, x: Any, dim: int) -> Any:
    half = int(x.shape[dim]) // 2
    value, gate = k.slice(x, dim, 0, half, 1), k.slice(x, dim, half, 2 * half, 1)
    gate = k.sigmoid(gate)
    return k.cat([g * gate, g * value * gate * (1 - gate)], dim)


glu = general(
    "glu", _glu, "glu(Tensor self, int dim=-1) -> Tensor", check=_glu_check, x=_glu_gradient,
    floats=True, public=False,
)  # fmt: skip

public("prelu", prelu)
public("celu_", inplace.twin(celu, "celu_"), method=False, nn=True)
public("threshold_", inplace.twin(threshold, "threshold_"), method=False, nn=True)
