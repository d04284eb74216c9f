"""scatter_reduce: sums, products, means and extrema of what an index sends to one place."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._define.kinds import joint
from .._define.promote import broadcast_error
from .._kernels import scatter as kernels
from .in_place import register_twin
from .scattering import _accumulate, _covered, _long, _scatter_check

_REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")
_NODE = "ScatterReduceBackward0"
_STARTS = {"sum": 0.0, "mean": 0.0, "prod": 1.0}


def _scatter_reduce_check(
    x: Any, dim: Any, index: Any, src: Any, reduce: Any, include_self: Any
) -> tuple[Any, ...]:
    if reduce not in _REDUCTIONS:
        raise RuntimeError(
            f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}"
        )
    return (*_scatter_check(x, dim, index, src), reduce, bool(include_self))


def _scatter_reduce(
    x: Any, dim: Any, index: Any, src: Any, reduce: str, include_self: bool
) -> Any:
    start = x
    if not include_self:
        neutral: Any = _STARTS.get(reduce)
        if neutral is None:
            ends = np.iinfo(x.dtype) if x.dtype.kind in "iu" else None
            high = ends.max if ends else np.inf
            low = ends.min if ends else -np.inf
            neutral = low if reduce == "amax" else high
        start = kernels.scatter(x, dim, _long(index), x.dtype.type(neutral))
    ufunc = {"prod": np.multiply, "amax": np.maximum, "amin": np.minimum}.get(reduce, np.add)
    out = _accumulate(start, dim, index, src, ufunc)
    if reduce == "mean":
        count = _counts(x, dim, index, include_self)
        out = out // count if x.dtype.kind in "iu" else out / count.astype(x.dtype)
    return out


def _counts(x: Any, dim: Any, index: Any, include_self: bool) -> Any:
    ones = np.ones(index.shape, np.int64)
    start = np.ones(x.shape, np.int64)
    if not include_self:
        start = kernels.scatter(start, dim, _long(index), 0)
    return np.maximum(_accumulate(start, dim, index, ones), 1)


def _reduce_gradients(
    k: Any, g: Any, x: Any, index: Any, src: Any, out: Any, dim: int, reduce: str,
    include_self: bool, need: Any,
) -> tuple[Any, Any]:  # fmt: skip
    """Sums hand on the gradient, means their share, extrema share among those that attain them."""
    if reduce in ("prod", "amax", "amin"):
        _same_shape(tuple(src.shape), tuple(index.shape))
    if reduce == "sum":
        to_x, to_src = g, g
    elif reduce == "mean":
        ones = k.zeros_like_(src) + 1
        count = k.scatter_add(_kept(k, k.zeros_like_(x) + 1, dim, index, include_self),
                              dim, index, ones)  # fmt: skip
        share = g / k.where(count == 0, 1.0, count)
        to_x, to_src = share, share
    elif reduce == "prod":
        return _prod_gradients(k, g, x, index, src, out, dim, include_self)
    else:
        at_x = _kept(k, k.cast(x == out, k.dtype_of(g)), dim, index, include_self)
        at_src = k.cast(src == _covered(k, out, dim, index, tuple(src.shape), _NODE), k.dtype_of(g))
        total = k.scatter_add(at_x, dim, index, at_src)
        share = g / k.where(total == 0, 1.0, total)
        return share * at_x, at_src * _covered(k, share, dim, index, tuple(src.shape), _NODE)
    return (
        _kept(k, to_x, dim, index, include_self),
        _covered(k, to_src, dim, index, tuple(src.shape), _NODE),
    )


def _same_shape(wanted: Any, found: Any) -> None:
    if wanted != found and len(wanted) == len(found):
        raise broadcast_error(wanted, found)


def _kept(k: Any, g: Any, dim: int, index: Any, include_self: bool) -> Any:
    return g if include_self else k.scatter_value(g, dim, index, 0)


def _prod_gradients(
    k: Any, g: Any, x: Any, index: Any, src: Any, out: Any, dim: int, include_self: bool
) -> tuple[Any, Any]:
    """The product of all the others: where exactly one factor is 0, that of the rest."""
    start = x if include_self else k.scatter_value(x, dim, index, 1)
    x_zero, src_zero = k.cast(start == 0, k.dtype_of(g)), k.cast(src == 0, k.dtype_of(g))
    zeros = k.scatter_add(x_zero, dim, index, src_zero)
    rest = k.scatter_reduce(
        k.where(start == 0, 1.0, start), dim, index, k.where(src == 0, 1.0, src), "prod", True)
    shape = tuple(src.shape)
    zeros_at = _covered(k, zeros, dim, index, shape, _NODE)
    rest_at = _covered(k, rest, dim, index, shape, _NODE)
    to_x = _others(k, start, x_zero, zeros, rest) * g
    to_src = _others(k, src, src_zero, zeros_at, rest_at) * _covered(
        k, g, dim, index, shape, _NODE)
    return _kept(k, to_x, dim, index, include_self), to_src


def _others(k: Any, factor: Any, is_zero: Any, zeros: Any, rest: Any) -> Any:
    """`rest` without `factor`, where no other factor is 0."""
    return k.where(zeros - is_zero > 0, 0.0, rest / k.where(factor == 0, 1.0, factor))


scatter_reduce = joint(
    "scatter_reduce", _scatter_reduce,
    "scatter_reduce.two(Tensor self, int dim, Tensor index, Tensor src, str reduce, *, "
    "bool include_self=True) -> Tensor", _reduce_gradients, ("x", "src"),
    inputs=("x", "index", "src"), check=_scatter_reduce_check,
)  # fmt: skip
register_twin(scatter_reduce, "scatter_reduce_")
