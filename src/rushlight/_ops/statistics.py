"""Reductions composed of rows: norms, variances with means, counts, products along a dim."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _dtypes
from .._core import TEN, Tensor, constant, ctx, dtype_of, wrap
from .._define.kinds import general, linear
from .._kernels import reduce as kernels
from . import movement, reduce
from .checks import canonical_dim, canonical_dims


def _prod_gradient(k: Any, g: Any, x: Any, dim: int, keepdim: bool) -> Any:
    if not tuple(x.shape):
        return g
    return reduce.product_of_others(k, x, dim) * (g if keepdim else k.unsqueeze(g, dim))


prod_dim = general(
    "prod_dim", lambda x, dim, keepdim: kernels.prod(x, dim if x.ndim else None, keepdim),
    "prod.dim_int(Tensor self, int dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    extra=("dtype",), adapt=lambda x, dim, keepdim, dtype: (
        reduce.with_dtype(x, dtype), dim, keepdim),
    check=lambda x, dim, keepdim: (canonical_dim(dim, x.ndim), bool(keepdim)),
    x=_prod_gradient, node="ProdBackward1", public=False,
)  # fmt: skip


def _variance(row: Any) -> Any:
    def plain(input: Tensor, unbiased: bool) -> Any:
        return row.call(input, None, correction=1 if unbiased else 0, keepdim=False)

    def dims(input: Tensor, dim: Any, unbiased: bool, keepdim: bool) -> Any:
        return row.call(
            input, dim, correction=1 if unbiased else 0, keepdim=keepdim
        )

    def correction(input: Tensor, dim: Any, correction: Any, keepdim: bool) -> Any:
        return row.call(input, dim, correction=correction, keepdim=keepdim)

    return plain, dims, correction


var_plain, var_dims, var_correction = _variance(reduce.var_row)
std_plain, std_dims, std_correction = _variance(reduce.std_row)


var_mean_forms = _variance(reduce.var_mean)
std_mean_forms = _variance(reduce.std_mean)


def _opened(k: Any, g: Any, dims: tuple[int, ...], keepdim: bool, shape: tuple[int, ...]) -> Any:
    return reduce._opened(k, g, dims, keepdim, shape)


def _norm(x: Any, p: float, dims: Any, keepdim: bool) -> Any:
    a = np.abs(x)
    if p == math.inf:
        return kernels.amax(a, dims, keepdim)
    if p == -math.inf:
        return kernels.amin(a, dims, keepdim)
    if p == 0:
        return kernels.sum((a != 0).astype(a.dtype), dims, keepdim)
    if p == 1:
        return kernels.sum(a, dims, keepdim)
    if p == 2:
        if dims is not None and len(dims) == x.ndim and not keepdim and a.flags.c_contiguous:
            flat = a.reshape(-1)
            return np.sqrt(np.dot(flat, flat))
        return np.sqrt(kernels.sum(np.square(a), dims, keepdim))
    return np.power(kernels.sum(np.power(a, a.dtype.type(p)), dims, keepdim), a.dtype.type(1 / p))


def _norm_gradient(k: Any, g: Any, x: Any, out: Any, p: float, dims: Any, keepdim: bool) -> Any:
    shape = tuple(x.shape)
    g, out = _opened(k, g, dims, keepdim, shape), _opened(k, out, dims, keepdim, shape)
    if p == 0:
        return None
    if p == 1:
        return g * k.sgn(x)
    if p in (math.inf, -math.inf):
        mask = k.abs(x) == out
        count = k.sum(k.cast(mask, k.dtype_of(g)), dims, True)
        return k.keep_where(mask, k.sgn(x) * (g / count))
    if p == 2:
        return x * (g / k.where(out == 0, math.inf, out))
    if p < 1:
        slope = k.where(x == 0, 0.0, k.pow_scalar(k.abs(x), p - 1) * k.sgn(x))
        return slope * (g * k.pow_scalar(out, 1 - p))
    scale = k.where(out == 0, 0.0, k.pow_scalar(k.abs(x), p - 1) * k.sgn(x))
    return scale * (g / k.where(out == 0, math.inf, k.pow_scalar(out, p - 1)))


def _norm_check(x: Any, p: Any, dims: Any, keepdim: Any) -> tuple[float, Any, bool]:
    if x.dtype.kind not in "fc" and x.dtype.kind != "V":
        if x.dtype not in _dtypes.LOW_PRECISION:
            raise RuntimeError(
                "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
                f"{_dtypes.from_numpy(x.dtype).type_name}"
            )
    if (p < 0 or p == math.inf) and not x.size:
        text = f"linalg.vector_norm cannot compute the {p:g} norm on "
        if dims is None or dims == ():
            text += "an empty tensor because the operation does not have an identity"
            raise RuntimeError(text)
        for d in canonical_dims(dims, x.ndim):
            if x.shape[d] == 0:
                text += f"the dimension {d}because this dimension is empty and the operation does "
                raise RuntimeError(text + "not have an identity")
    return float(p), canonical_dims(dims, x.ndim), bool(keepdim)


norm_row = general(
    "vector_norm", _norm,
    "linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False)"
    " -> Tensor", attrs=("p", "dims", "keepdim"), check=_norm_check, x=_norm_gradient, floats=True,
    node="LinalgVectorNormBackward0", public=False,
)  # fmt: skip


def norm(
    input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, out: Any = None,
    dtype: Any = None,
) -> Tensor:  # fmt: skip
    """The p-norm of a tensor, over all elements or over `dim`."""
    if dtype is not None:
        input = reduce.with_dtype(input, dtype)
    if p == "nuc":
        from .linear_algebra import nuclear_norm

        if dim is None and input._data.ndim != 2:
            found = " ".join(map(str, range(input._data.ndim)))
            raise RuntimeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {found}")
        return nuclear_norm(input, dim, keepdim)
    if isinstance(p, str) and p != "fro":
        raise RuntimeError(f"linalg.matrix_norm: Order {p} not supported.")
    if isinstance(dim, bool):
        raise TypeError(
            "linalg_vector_norm(): argument 'dim' (position 3) must be tuple of ints, but found "
            "element of type bool at pos 0"
        )
    if p is None or p == "fro":
        p = 2.0
    return norm_row.call(input, p, dim, keepdim)


def _dist_gradient(k: Any, g: Any, x: Any, y: Any, out: Any, p: float) -> Any:
    difference = x - y
    dims = tuple(range(len(difference.shape)))
    slope = _norm_gradient(k, g, difference, out, p, dims, False)
    return k.zeros_like_(difference) if slope is None else slope


def _dist_other_gradient(k: Any, g: Any, x: Any, y: Any, out: Any, p: float) -> Any:
    return -_dist_gradient(k, g, x, y, out, p)


def _dist_refusal(x: Any, y: Any, p: Any) -> Exception | None:
    for t in (x, y):
        dtype = dtype_of(t)
        if dtype.category < _dtypes.FLOATING:
            return RuntimeError(
                "norm(): input dtype should be either floating point or complex. Got "
                f"{dtype.type_name} instead."
            )
    return None


dist = general(
    "dist", lambda x, y, p: _norm(x - y, float(p), None, False),
    "dist(Tensor self, Tensor other, Scalar p=2) -> Tensor", floats=True, promotion="same",
    same_dtype=(0, 1), broadcasts=(0, 1), x=_dist_gradient, y=_dist_other_gradient,
    check=lambda x, y, p: (float(p),), refuse=_dist_refusal,
)  # fmt: skip


def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    """How many elements are not zero."""
    dims = canonical_dims(None if dim == () else dim, input._data.ndim)
    if ctx.handler is not None:
        there = TEN.ne(input, constant(0, input._data.dtype))
        found: Tensor = TEN.sum(there, dims, False) if dims else TEN.cast(there, _dtypes.INT64)
        return found
    return wrap(np.asarray(np.count_nonzero(input._data, axis=dims)).astype(np.int64))


def _nansum_check(x: Any, dims: Any, keepdim: Any) -> tuple[Any, bool]:
    if x.dtype.kind == "c":
        raise RuntimeError("nansum on CPU does not support complex inputs")
    return reduce._dims_check(x, dims, keepdim)


def _nansum(x: Any, dims: Any, keepdim: bool) -> Any:
    if x.dtype.kind in "fV":
        x = np.where(np.isnan(x), x.dtype.type(0), x)
    return kernels.sum(x, dims, keepdim)


nansum = general(
    "nansum", _nansum,
    "nansum(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None)"
    " -> Tensor", attrs=("dims", "keepdim"), extra=("dtype",), check=_nansum_check,
    adapt=lambda x, dims, keepdim, dtype: (reduce.with_dtype(x, dtype), dims, keepdim),
    x=lambda k, g, x, dims, keepdim: k.keep_where(
        k.logical_not(k.isnan(x)),
        k.expand(_opened(k, g, dims, keepdim, tuple(x.shape)), tuple(x.shape))),
)  # fmt: skip


def _trace(x: Any) -> Any:
    if x.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {x.ndim}")
    if x.dtype.kind == "b":
        raise NotImplementedError("\"trace\" not implemented for 'Bool'")
    return kernels.sum(np.diagonal(x), 0)


trace = linear(
    "trace", _trace, "trace(Tensor self) -> Tensor",
    x=lambda k, g, x_shape: k.diagonal_backward(
        k.expand(g, (min(x_shape[0], x_shape[1]),)), x_shape, 0, 0, 1),
)  # fmt: skip


def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None
) -> Tensor:
    """Differences of neighbours along a dim."""
    parts = [t for t in (prepend, input, append) if t is not None]
    x: Any = movement.cat.call(parts, dim) if len(parts) > 1 else input
    dim = canonical_dim(dim, x._data.ndim)
    for _ in range(n):
        size = x._data.shape[dim]
        x = movement.slice_row.call(x, dim, 1, size, 1) - movement.slice_row.call(
            x, dim, 0, size - 1, 1
        )
    return x
