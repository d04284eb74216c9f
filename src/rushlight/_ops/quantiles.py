"""Quantiles and means that skip NaN: compositions of sorting, gathering and interpolation."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core, _dtypes
from .._core import Tensor, wrap
from .._define.kinds import general
from .._tensor import registry
from ..autograd.naming import renamed
from . import elementwise as e
from . import movement, pointwise, reduce, scattering, statistics
from .casting import cast
from .checks import canonical_dim
from .sorting import plain, sort_row

_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _check(x: Tensor, q: Tensor, interpolation: str) -> None:
    if x._data.dtype not in (_dtypes.FLOAT32, _dtypes.FLOAT64):
        raise RuntimeError("quantile() input tensor must be either float or double dtype")
    if q._data.ndim > 1:
        raise RuntimeError("quantile() q must be a scalar or 1D tensor")
    if q._data.dtype != x._data.dtype:
        raise RuntimeError("quantile() q tensor must be same dtype as the input tensor")
    if interpolation not in _INTERPOLATIONS:
        raise RuntimeError(
            "quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, "
            f"but got {interpolation}"
        )
    if not x._data.size:
        raise RuntimeError("quantile() input tensor must be non-empty")
    if not np.all((q._data >= 0) & (q._data <= 1)):
        raise RuntimeError("quantile() q values must be in the range [0, 1]")


def _quantile(
    name: str, x: Tensor, q: Tensor, dim: Any, keepdim: bool, interpolation: str
) -> Any:
    ndim = x._data.ndim
    if dim is not None:
        dim = canonical_dim(dim, ndim)
    _check(x, q, interpolation)
    if dim is None:
        rows: Any = movement.reshape(x, (x._data.size,))
        kept = (1,) * ndim if keepdim else ()
    elif not ndim:
        rows, kept = movement.reshape(x, (1,)), ()
    else:
        order = (*(d for d in range(ndim) if d != dim), dim)
        rows = movement.permute.call(x, order)
        shape = x._data.shape
        kept = tuple(1 if d == dim else n for d, n in enumerate(shape) if d != dim or keepdim)
    rows = sort_row.call(rows, stable=False, dim=-1, descending=False)[0]
    values = _at_ranks(rows, q, name == "nanquantile", interpolation)
    # The quantiles come first.
    values = movement.permute.call(values, (values._data.ndim - 1, *range(values._data.ndim - 1)))
    found = movement.reshape(values, (*q._data.shape, *kept))
    return renamed(found, "SqueezeBackward4")


def _ranks(rows: Any, q: Any, skip: bool, interpolation: str) -> tuple[Any, ...]:
    """Where the quantiles lie in sorted rows: the weight of the place above, the places below and
    above, and by how much the weight moves with `q`."""
    last = rows.shape[-1] - 1
    missing = np.isnan(rows)
    if skip:
        steps = np.maximum((~missing).sum(-1, keepdims=True) - 1, 0)
        ranks = q * steps.astype(q.dtype)
    else:
        # A row with a NaN, which stands at its end, has no other quantile.
        spoilt = missing.any(-1, keepdims=True)
        steps = np.where(spoilt, 0, last)
        ranks = np.where(spoilt, q.dtype.type(last), q * q.dtype.type(last))
    rounding = {"lower": np.floor, "higher": np.ceil, "nearest": np.rint}.get(interpolation)
    if rounding is not None:
        ranks = rounding(ranks)
    below, above = ranks.astype(np.int64), np.ceil(ranks).astype(np.int64)
    return (ranks - below).astype(q.dtype), below, above, steps


ranks_row = general(
    "quantile_ranks", _ranks,
    "_quantile_ranks(Tensor self, Tensor q, bool skip, str interpolation)"
    " -> (Tensor, Tensor, Tensor)", inputs=("rows", "q"), outputs=3, public=False,
    differentiable_outputs=(True, False, False), residuals=("steps",),
    returns=lambda *outputs: outputs, node="MulBackward0",
    q=lambda k, g, q_shape, steps: k.sum_to(g * k.cast(steps, k.dtype_of(g)), q_shape),
)  # fmt: skip


def _at_ranks(rows: Tensor, q: Tensor, skip: bool, interpolation: str) -> Any:
    """The values of sorted `rows` at the ranks that belong to `q`, along the last dim."""
    flat: Any = movement.reshape(q, (q._data.size,))
    weights, below, above = ranks_row.call(plain(rows), flat, skip, interpolation)
    low = scattering.gather.call(rows, -1, below)
    if interpolation not in ("linear", "midpoint"):
        return low
    high = scattering.gather.call(rows, -1, above)
    if interpolation == "midpoint":
        return pointwise.lerp_scalar.call(low, high, 0.5)
    return pointwise.lerp_tensor.call(low, high, weights)


def _from_number(name: str) -> Any:
    def target(x: Tensor, q: float, dim: Any, keepdim: bool, interpolation: str) -> Any:
        if not 0 <= q <= 1:
            raise RuntimeError(f"quantile() q must be in the range [0, 1] but got {q:g}")
        given = wrap(np.array(q, x._data.dtype if x._data.dtype.kind == "f" else np.float32))
        return _quantile(name, x, given, dim, keepdim, interpolation)

    return target


def _from_tensor(name: str) -> Any:
    return lambda x, q, dim, keepdim, interpolation: _quantile(
        name, x, q, dim, keepdim, interpolation
    )


_REST = "int? dim=None, bool keepdim=False, *, str interpolation=\"linear\") -> Tensor"
for _name in ("quantile", "nanquantile"):
    registry.overloaded(
        _name,
        (f"{_name}(Tensor self, Tensor q, {_REST}", _from_tensor(_name)),
        (f"{_name}.scalar(Tensor self, float q, {_REST}", _from_number(_name)),
    )


def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean of the elements that are not NaN.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nanmean.html

    >>> import rushlight as torch
    >>> torch.nanmean(torch.tensor([1., float("nan"), 3.]))
    tensor(2.)
    """
    found = _core.dtype_of(input)
    if found.category < _dtypes.FLOATING:
        raise RuntimeError(
            "nanmean(): expected input to have floating point or complex dtype but got "
            f"{found.type_name}"
        )
    input = reduce.with_dtype(input, dtype)
    there = e.logical_not.call(e.isnan.call(plain(input)))
    count = reduce.sum_row.call(cast.call(there, _dtypes.INT64), dim, keepdim)
    total: Any = statistics.nansum.call(input, dim, keepdim)
    mean: Tensor = total / count
    return mean


registry.public("nanmean", nanmean)
