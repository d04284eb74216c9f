"""Rows that reduce: sums, means, extrema, norms, variances, cumulative sums."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _dtypes
from .._core import Tensor
from .._define.kinds import general, linear
from .._define.results import return_type
from .._kernels import reduce, softmax
from .casting import cast
from .checks import canonical_dim, canonical_dims


def _opened(k: Any, g: Any, dims: tuple[int, ...], keepdim: bool, shape: tuple[int, ...]) -> Any:
    """`g` with the reduced dims put back as size 1, so that it broadcasts against the input."""
    if keepdim or not shape:
        return g
    return k.reshape(g, tuple(1 if i in dims else n for i, n in enumerate(shape)))


def _dims_check(x: Any, dims: Any, keepdim: Any) -> tuple[tuple[int, ...], bool]:
    if dims is None or (not isinstance(dims, int) and len(dims) == 0):
        dims = None
    return canonical_dims(dims, x.ndim), bool(keepdim)


def with_dtype(x: Any, dtype: Any) -> Any:
    """`x` converted to `dtype` before a reduction, where one was asked for."""
    if dtype is None or not isinstance(x, Tensor) or x._data.dtype == dtype.numpy:
        return x
    return cast.call(x, dtype.numpy)


sum_all = linear(
    "sum_all", lambda x: reduce.sum(x), "sum(Tensor self, *, ScalarType? dtype=None) -> Tensor",
    extra=("dtype",), adapt=lambda x, dtype: (with_dtype(x, dtype),), node="SumBackward0",
    x=lambda k, g, x_shape: k.expand(g, x_shape), public=False,
)  # fmt: skip
sum_row = linear(
    "sum", reduce.sum,
    "sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None)"
    " -> Tensor", attrs=("dims", "keepdim"), extra=("dtype",), check=_dims_check,
    adapt=lambda x, dims, keepdim, dtype: (with_dtype(x, dtype), dims, keepdim),
    x=lambda k, g, x_shape, dims, keepdim: k.expand(
        _opened(k, g, dims, keepdim, x_shape), x_shape),
    node="SumBackward1", public=False,
)  # fmt: skip


def _count(shape: tuple[int, ...], dims: tuple[int, ...]) -> int:
    n = 1
    for d in dims:
        n *= shape[d]
    return n


def _mean_check(x: Any, dims: Any, keepdim: Any) -> tuple[tuple[int, ...], bool]:
    refuse_integers("mean", x)
    return _dims_check(x, dims, keepdim)


def refuse_integers(name: str, x: Any) -> None:
    """PyTorch's means and variances want floating point."""
    d = _dtypes.from_numpy(x.dtype)
    if d.category < _dtypes.FLOATING:
        raise RuntimeError(
            f"{name}(): could not infer output dtype. Input dtype must be either a floating point "
            f"or complex dtype. Got: {d.type_name}"
        )


def _mean_all(x: Any) -> Any:
    refuse_integers("mean", x)
    return reduce.mean(x)


mean_all = linear(
    "mean_all", _mean_all,
    "mean(Tensor self, *, ScalarType? dtype=None) -> Tensor",
    extra=("dtype",), adapt=lambda x, dtype: (with_dtype(x, dtype),), node="MeanBackward0",
    x=lambda k, g, x_shape: k.expand(g, x_shape) / max(1, math.prod(x_shape)),
    public=False,
)  # fmt: skip


mean_row = linear(
    "mean", reduce.mean,
    "mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    attrs=("dims", "keepdim"), extra=("dtype",), check=_mean_check,
    adapt=lambda x, dims, keepdim, dtype: (with_dtype(x, dtype), dims, keepdim),
    x=lambda k, g, x_shape, dims, keepdim: k.expand(
        _opened(k, g, dims, keepdim, x_shape), x_shape) / max(1, _count(x_shape, dims)),
    node="MeanBackward1", public=False,
)  # fmt: skip


def _var(x: Any, dims: Any, correction: float, keepdim: bool) -> Any:
    return reduce.var_mean(x, dims, correction, keepdim)[0]


def _var_check(x: Any, dims: Any, correction: Any, keepdim: Any) -> tuple[Any, float, bool]:
    if x.dtype.kind not in "fcV" and x.dtype not in _dtypes.LOW_PRECISION:
        raise RuntimeError("std and var only support floating point and complex dtypes")
    dims, keepdim = _dims_check(x, dims, keepdim)
    return dims, 1 if correction is None else correction, keepdim


def _var_gradient(k: Any, g: Any, x: Any, dims: Any, correction: float, keepdim: bool) -> Any:
    shape = tuple(x.shape)
    scale = 2.0 / (max(0.0, _count(shape, dims) - correction) or float("nan"))
    return _opened(k, g, dims, keepdim, shape) * scale * (x - k.mean(x, dims, True))


var_row = general(
    "var", _var,
    "var.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, "
    "bool keepdim=False) -> Tensor", attrs=("dims", "correction", "keepdim"), check=_var_check,
    x=_var_gradient,
    public=False,
)  # fmt: skip


def _std_gradient(
    k: Any, g: Any, x: Any, out: Any, dims: Any, correction: float, keepdim: bool
) -> Any:
    shape = tuple(x.shape)
    scale = out * (max(0.0, _count(shape, dims) - correction) or float("nan"))
    slope = g / k.where(out == 0, float("inf"), scale)
    return _opened(k, slope, dims, keepdim, shape) * (x - k.mean(x, dims, True))


std_row = general(
    "std", lambda x, dims, correction, keepdim: np.sqrt(_var(x, dims, correction, keepdim)),
    "std.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, "
    "bool keepdim=False) -> Tensor", attrs=("dims", "correction", "keepdim"), check=_var_check,
    x=_std_gradient, public=False,
)  # fmt: skip



def _with_mean(name: str, finish: Any, slope: Any) -> Any:
    """Variance or standard deviation together with the mean."""

    def check(x: Any, dims: Any, correction: Any, keepdim: Any) -> tuple[Any, float, bool]:
        if x.dtype.kind not in "fcV":
            raise RuntimeError(f"{name} only support floating point and complex dtypes")
        return _var_check(x, dims, correction, keepdim)

    def forward(x: Any, dims: Any, correction: float, keepdim: bool) -> tuple[Any, Any]:
        spread, mean = reduce.var_mean(x, dims, correction, keepdim)
        return finish(spread), mean

    return general(
        name, forward,
        f"{name}.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, "
        "bool keepdim=False) -> (Tensor, Tensor)", attrs=("dims", "correction", "keepdim"),
        check=check, outputs=2, returns=lambda *outputs: outputs, public=False, x=slope,
    )  # fmt: skip


def _mean_slope(k: Any, g: Any, x: Any, dims: Any, keepdim: bool) -> Any:
    shape = tuple(x.shape)
    return k.expand(_opened(k, g, dims, keepdim, shape), shape) / max(1, _count(shape, dims))


def _var_mean_gradient(
    k: Any, g0: Any, g1: Any, x: Any, dims: Any, correction: float, keepdim: bool
) -> Any:
    if g0 is None:
        return _mean_slope(k, g1, x, dims, keepdim)
    slope = _var_gradient(k, g0, x, dims, correction, keepdim)
    return slope if g1 is None else slope + _mean_slope(k, g1, x, dims, keepdim)


def _std_mean_gradient(
    k: Any, g0: Any, g1: Any, x: Any, out0: Any, dims: Any, correction: float, keepdim: bool
) -> Any:
    if g0 is None:
        return _mean_slope(k, g1, x, dims, keepdim)
    slope = _std_gradient(k, g0, x, out0, dims, correction, keepdim)
    return slope if g1 is None else slope + _mean_slope(k, g1, x, dims, keepdim)


var_mean = _with_mean("var_mean", lambda spread: spread, _var_mean_gradient)
std_mean = _with_mean("std_mean", np.sqrt, _std_mean_gradient)

# ---- extrema ------------------------------------------------------------------------------------


def _share(k: Any, g: Any, x: Any, out: Any, dims: Any, keepdim: bool) -> Any:
    """The gradient of an extremum: shared evenly by the elements that attain it. A NaN is attained
    by none: NaN."""
    shape = tuple(x.shape)
    mask = x == _opened(k, out, dims, keepdim, shape)
    count = k.sum(k.cast(mask, k.dtype_of(g)), dims, True)
    return k.keep_where(mask, k.expand(_opened(k, g, dims, keepdim, shape), shape)) / count


def _extremum_check(name: str) -> Any:
    def check(x: Any, dims: Any, keepdim: Any) -> tuple[tuple[int, ...], bool]:
        if not x.size and (dims is None or (not isinstance(dims, int) and not len(dims))):
            raise RuntimeError(_NOTHING.format(name))
        dims, keepdim = _dims_check(x, dims, keepdim)
        for d in dims:
            if x.ndim and x.shape[d] == 0:
                raise IndexError(f"{name}(): Expected reduction dim {d} to have non-zero size.")
        return dims, keepdim

    return check


_NOTHING = (
    "{}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction "
    "dim with the 'dim' argument."
)


amax = general(
    "amax", reduce.amax, "amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor",
    attrs=("dims", "keepdim"), check=_extremum_check("amax"), x=_share,
)  # fmt: skip
amin = general(
    "amin", reduce.amin, "amin(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor",
    attrs=("dims", "keepdim"), check=_extremum_check("amin"), x=_share,
)  # fmt: skip


def _nonempty(name: str, kernel: Any) -> Any:
    def forward(x: Any) -> Any:
        if not x.size:
            raise RuntimeError(_NOTHING.format(name))
        return kernel(x)

    return forward


def share_all(k: Any, g: Any, x: Any, out: Any) -> Any:
    """The gradient of one picked value: shared evenly by all elements equal to it, or by the NaNs
    if it is one."""
    mask = k.logical_or(x == out, k.logical_and(k.isnan(x), k.isnan(out)))
    return k.keep_where(mask, k.expand(g / k.sum_all(k.cast(mask, k.dtype_of(g))), tuple(x.shape)))


def _both_check(x: Any, dim: Any, keepdim: Any) -> tuple[Any, bool]:
    if dim is None:
        if not x.size:
            raise RuntimeError(
                "aminmax(): cannot compute aminmax over an empty dimension as the operation has no "
                "identity."
            )
        return None, bool(keepdim)
    dim = canonical_dim(dim, x.ndim)
    if x.ndim and x.shape[dim] == 0:
        raise IndexError(f"aminmax: Expected reduction dim {dim} to have non-zero size.")
    return dim, bool(keepdim)


def _both(x: Any, dim: Any, keepdim: bool) -> tuple[Any, Any]:
    dims = None if dim is None or not x.ndim else dim
    return reduce.amin(x, dims, keepdim), reduce.amax(x, dims, keepdim)


def _share_both(
    k: Any, g0: Any, g1: Any, x: Any, out0: Any, out1: Any, dim: Any, keepdim: bool
) -> Any:
    ndim = len(x.shape)
    dims = tuple(range(ndim)) if dim is None or not ndim else (dim,)
    if g0 is None:
        return _share(k, g1, x, out1, dims, keepdim)
    low = _share(k, g0, x, out0, dims, keepdim)
    return low if g1 is None else low + _share(k, g1, x, out1, dims, keepdim)


aminmax = general(
    "aminmax", _both,
    "aminmax(Tensor self, *, int? dim=None, bool keepdim=False) -> (Tensor min, Tensor max)",
    outputs=2, check=_both_check, returns=return_type("aminmax", ("min", "max")), x=_share_both,
)  # fmt: skip


max_all = general("max_all", _nonempty("max", reduce.amax), "max(Tensor self) -> Tensor",
                  x=share_all, node="MaxBackward1", public=False)  # fmt: skip
min_all = general("min_all", _nonempty("min", reduce.amin), "min(Tensor self) -> Tensor",
                  x=share_all, node="MinBackward1", public=False)  # fmt: skip


def _pick(arg: Any) -> Any:
    def forward(x: Any, dim: int, keepdim: bool) -> tuple[Any, Any]:
        if not x.ndim:
            return x.copy(), np.zeros((), np.int64)
        indices = arg(x, dim, True)
        values = np.take_along_axis(x, indices, dim)
        if keepdim:
            return values, indices
        return values.squeeze(dim), indices.squeeze(dim)

    return forward


def _one_dim(name: str) -> Any:
    def check(x: Any, dim: Any, keepdim: Any) -> tuple[int, bool]:
        dim = canonical_dim(dim, x.ndim)
        if x.ndim and x.shape[dim] == 0:
            raise IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size.")
        return dim, bool(keepdim)

    return check


def _unpick(k: Any, g: Any, indices: Any, x_shape: Any, dim: int, keepdim: bool) -> Any:
    """Put a picked element's gradient back where it was picked."""
    if not x_shape:
        return g
    if not keepdim:
        g, indices = k.unsqueeze(g, dim), k.unsqueeze(indices, dim)
    return k.value_selecting_backward(g, indices, x_shape, dim)


def value_and_indices(name: str) -> Any:
    """The named result of ops that return values and indices."""
    return return_type(name, ("values", "indices"))


def _extremum(name: str, arg: Any) -> Any:
    return general(
        f"{name}_dim", _pick(arg),
        f"{name}.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
        x=lambda k, g, out1, x_shape, dim, keepdim: _unpick(k, g, out1, x_shape, dim, keepdim),
        outputs=2, differentiable_outputs=(True, False), check=_one_dim(name),
        returns=value_and_indices(name), node=f"{name.capitalize()}Backward0", public=False,
    )  # fmt: skip


max_dim = _extremum("max", reduce.argmax)
min_dim = _extremum("min", reduce.argmin)


def _arg(kernel: Any, name: str) -> Any:
    def forward(x: Any, dim: int | None, keepdim: bool) -> Any:
        if x.dtype.kind == "b":
            raise RuntimeError(f"{name}(): does not support bool input")
        if dim is None:
            if not x.size:
                raise IndexError(
                    f"{name}(): Expected reduction dim to be specified for input.numel() == 0."
                )
            flat = kernel(x.reshape(-1), 0)
            return flat.reshape((1,) * x.ndim) if keepdim else flat
        dim = canonical_dim(dim, x.ndim)
        if x.ndim and not x.shape[dim]:
            raise IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size.")
        return kernel(x, dim, keepdim) if x.ndim else np.zeros((), np.int64)

    return forward


argmax = general("argmax", _arg(reduce.argmax, "argmax"),
                 "argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor")  # fmt: skip
argmin = general("argmin", _arg(reduce.argmin, "argmin"),
                 "argmin(Tensor self, int? dim=None, bool keepdim=False) -> Tensor")  # fmt: skip


def _truth(ufunc: Any) -> Any:
    def forward(x: Any, dims: Any, keepdim: bool) -> Any:
        found = ufunc.reduce(x.astype(bool), axis=dims if x.ndim else (), keepdims=keepdim)
        return np.asarray(found, np.uint8 if x.dtype == np.uint8 else bool, order="C")

    return forward


def _truth_check(x: Any, dims: Any, keepdim: Any) -> tuple[tuple[int, ...], bool]:
    """Of these reductions, no dims means none: the truth of each element."""
    return canonical_dims(dims, x.ndim), bool(keepdim)


all_row = general(
    "all", _truth(np.logical_and), "all.dims(Tensor self, int[]? dim=None, bool keepdim=False)"
    " -> Tensor", attrs=("dims", "keepdim"), check=_truth_check, public=False,
)  # fmt: skip
any_row = general(
    "any", _truth(np.logical_or), "any.dims(Tensor self, int[]? dim=None, bool keepdim=False)"
    " -> Tensor", attrs=("dims", "keepdim"), check=_truth_check, public=False,
)  # fmt: skip

# ---- products, log-sums, cumulative sums --------------------------------------------------------


logsumexp = general(
    "logsumexp", softmax.logsumexp,
    "logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor", attrs=("dims", "keepdim"),
    check=_dims_check, floats=True, promotion="float",
    x=lambda k, g, x, out, dims, keepdim: (
        _opened(k, g, dims, keepdim, tuple(x.shape))
        * k.exp(x - _opened(k, out, dims, keepdim, tuple(x.shape)))),
)  # fmt: skip


def _shifted(k: Any, x: Any, dim: int, first: int) -> Any:
    """Each element's predecessor along `dim`; the first one's is `first`."""
    head = k.zeros_like_(k.slice(x, dim, 0, 1, 1)) + first
    return k.cat([head, k.slice(x, dim, 0, max(0, int(x.shape[dim]) - 1), 1)], dim)


def product_of_others(k: Any, x: Any, dim: int) -> Any:
    """For each element the product of all others along `dim`, by running products from both
    ends: right with zeros too."""
    before = k.cumprod(_shifted(k, x, dim, 1), dim)
    return before * k.flip(k.cumprod(_shifted(k, k.flip(x, (dim,)), dim, 1), dim), (dim,))


def _prod_gradient(k: Any, g: Any, x: Any) -> Any:
    flat = k.reshape(x, (math.prod(x.shape),))
    return k.reshape(product_of_others(k, flat, 0) * g, tuple(x.shape))


prod_all = general(
    "prod_all", lambda x: reduce.prod(x), "prod(Tensor self, *, ScalarType? dtype=None) -> Tensor",
    extra=("dtype",), adapt=lambda x, dtype: (with_dtype(x, dtype),),
    x=_prod_gradient, node="ProdBackward0", public=False,
)  # fmt: skip


def _cum_check(x: Any, dim: Any) -> tuple[int]:
    return (canonical_dim(dim, x.ndim),)


cumsum = linear(
    "cumsum", reduce.cumsum,
    "cumsum(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor", extra=("dtype",),
    adapt=lambda x, dim, dtype: (with_dtype(x, dtype), dim), check=_cum_check,
    x=lambda k, g, x_shape, dim: (
        k.flip(k.cumsum(k.flip(g, (dim,)), dim), (dim,)) if x_shape else g),
)  # fmt: skip


def _scan(x: Any, factor: Any, dim: int) -> Any:
    """s[i] = x[i] + factor[i] s[i - 1] along `dim`; the first factor does not count."""
    out = np.array(x)
    if out.ndim:
        s, f = np.moveaxis(out, dim, 0), np.moveaxis(factor, dim, 0)
        for i in range(1, len(s)):
            s[i] += f[i] * s[i - 1]
    return out


def _scan_back(k: Any, g: Any, factor: Any, dim: int) -> Any:
    """The adjoint of the scan: t[i] = g[i] + factor[i + 1] t[i + 1]."""
    if not tuple(g.shape):
        return g
    shifted = _shifted(k, k.flip(factor, (dim,)), dim, 0)
    return k.flip(k.scan(k.flip(g, (dim,)), shifted, dim), (dim,))


def _scan_factor(k: Any, g: Any, factor: Any, out: Any, dim: int) -> Any:
    if not tuple(g.shape):
        return k.zeros_like_(g)
    return _scan_back(k, g, factor, dim) * _shifted(k, out, dim, 0)


scan = general(
    "scan", _scan, "_scan(Tensor self, Tensor factor, int dim) -> Tensor",
    inputs=("x", "factor"), x=_scan_back, factor=_scan_factor, public=False,
    check=lambda x, factor, dim: (canonical_dim(dim, x.ndim),),
)  # fmt: skip


def _cumprod_gradient(k: Any, g: Any, x: Any, out: Any, dim: int) -> Any:
    """What comes before an element, times the gradients of what comes after: no division, so that
    zeros are no exception."""
    if not tuple(x.shape):
        return g
    return _shifted(k, out, dim, 1) * _scan_back(k, g, x, dim)


cumprod = general(
    "cumprod", reduce.cumprod,
    "cumprod(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor", extra=("dtype",),
    adapt=lambda x, dim, dtype: (with_dtype(x, dtype), dim), check=_cum_check,
    x=_cumprod_gradient,
)  # fmt: skip
