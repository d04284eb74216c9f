"""Powers: of a tensor by a number, by a tensor, and of a number by a tensor."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _core, _dtypes
from .._core import Tensor
from .._define import promote
from .._define.kinds import elementwise
from .casting import cast


def _pow_scalar(x: Any, exponent: Any) -> Any:
    if x.itemsize == 2 and x.dtype in _dtypes.LOW_PRECISION:
        return _pow_scalar(x.astype(np.float32), exponent).astype(x.dtype)
    if exponent == 2:
        return np.square(x)
    if exponent == 3:
        return x * x * x
    if exponent == 0.5:
        return np.sqrt(x)
    if exponent == 1:
        return x.copy()
    if exponent == -1 and x.dtype.kind == "f":
        return np.reciprocal(x)
    if exponent == -0.5:
        return np.reciprocal(np.sqrt(x))
    if exponent == -2 and x.dtype.kind == "f":
        return np.reciprocal(np.square(x))
    return np.power(x, x.dtype.type(exponent))


pow_scalar = elementwise(
    "pow_scalar", _pow_scalar, "pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor",
    x=lambda k, g, x, exponent: (
        k.zeros_like_(g) if exponent == 0
        else g * (x * 2) if exponent == 2
        else g * (k.pow_scalar(x, exponent - 1) * exponent)),
    node="PowBackward0", public=False,
)  # fmt: skip


def _power(x: Any, y: Any) -> Any:
    if x.dtype.kind not in "iub":
        return np.power(x, y)
    if x.dtype.kind == "b":
        raise NotImplementedError("\"pow\" not implemented for 'Bool'")
    negative = y < 0
    if not np.any(negative):
        return np.power(x, y)
    # Of the inverses of integers only those of 1 and -1 are integers.
    inverse = np.where(x == 1, 1, np.where(x == -1, 1 - 2 * (y & 1), 0)).astype(x.dtype)
    return np.where(negative, inverse, np.power(x, np.where(negative, 0, y).astype(x.dtype)))


pow_tensor = elementwise(
    "pow_tensor", _power, "pow.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor",
    x=lambda k, g, x, y: k.where(y == 0, 0.0, g * (y * k.pow_tensor(x, y - 1))),
    y=lambda k, g, x, y, out: g * k.where(
        k.logical_and(x == 0, y >= 0), 0.0, out * k.log(x)),
    node="PowBackward1", public=False,
)  # fmt: skip


def _pow_base_slope(k: Any, g: Any, y: Any, out: Any, base: Any) -> Any:
    if base == 0:
        return g * k.where(y >= 0, 0.0, out * -math.inf)
    return g * (out * (math.nan if base < 0 else math.log(base)))


pow_base = elementwise(
    "pow_base", lambda base, y: _power(np.asarray(base, y.dtype), y),
    "pow.Scalar(Scalar self, Tensor exponent) -> Tensor", inputs=("y",), attrs=("base",),
    y=_pow_base_slope,
    node="PowBackward2", public=False,
)  # fmt: skip


def pow(input: Any, exponent: Any, *, out: Any = None) -> Any:
    """``input ** exponent``, elementwise.

    >>> import rushlight as torch
    >>> torch.pow(torch.tensor([1., 2., 3.]), 2)
    tensor([1., 4., 9.])
    """
    if out is not None:
        return promote.into("pow", pow(input, exponent), out)
    if isinstance(input, Tensor):
        if isinstance(exponent, Tensor):
            return pow_tensor.call(input, exponent)
        kind = input._data.dtype.kind
        if kind in "iub":
            target = _dtypes.result_type(
                ((_core.dtype_of(input), 2), (_dtypes.number_dtype(exponent), 0))
            )
            if target.category < _dtypes.FLOATING and exponent < 0:
                raise RuntimeError("Integers to negative integer powers are not allowed.")
            if target.numpy != input._data.dtype:
                input = cast.call(input, target.numpy)
        if isinstance(exponent, complex):
            own = (_core.dtype_of(input), 2)
            target = _dtypes.result_type((own, (_dtypes.number_dtype(exponent), 0)))
            return pow_tensor.call(input, _core.constant(exponent, target.numpy))
        return pow_scalar.call(input, exponent)
    target = _dtypes.result_type(
        ((_core.dtype_of(exponent), 2), (_dtypes.number_dtype(input), 0))
    )
    if target.numpy != exponent._data.dtype:
        exponent = cast.call(exponent, target.numpy)
    if isinstance(input, complex):
        return pow_tensor.call(input, exponent)
    return pow_base.call(input, exponent)
