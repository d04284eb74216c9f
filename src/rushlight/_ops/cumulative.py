"""Rows and functions that run along a dim: cumulative extrema and log-sums, trapezoids, slopes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _dtypes
from .._core import Tensor, dtype_of, wrap
from .._define.kinds import general
from .._tensor import registry
from ..autograd.naming import renamed
from . import elementwise as e
from . import movement, reduce
from .checks import canonical_dim, canonical_dims

# ---- cumulative extrema -------------------------------------------------------------------------


def _running(ufunc: Any, kernel: str) -> Any:
    def forward(x: Any, dim: int) -> tuple[Any, Any]:
        if x.dtype.kind == "c":
            name = _dtypes.from_numpy(x.dtype).type_name
            raise NotImplementedError(f"\"{kernel}\" not implemented for '{name}'")
        if not x.ndim:
            return x.copy(), np.zeros((), np.int64)
        x = np.ascontiguousarray(x)
        values = ufunc.accumulate(x, dim)
        # Of equal values the last one counts, and once there was a NaN only further NaNs do.
        attained = x == values
        if x.dtype.kind in "fV":
            attained |= np.isnan(x)
        places = np.arange(x.shape[dim]).reshape((-1,) + (1,) * (x.ndim - 1 - dim))
        return values, np.maximum.accumulate(np.where(attained, places, 0), dim)

    return forward


def _dim_check(x: Any, dim: Any) -> tuple[int]:
    return (canonical_dim(dim, x.ndim),)


def _extremum_check(name: str) -> Any:
    def check(x: Any, dim: Any) -> tuple[int]:
        if not x.ndim and dim not in (-1, 0):
            raise IndexError(f"{name}(): Expected reduction dim -1 or 0 for scalar but got {dim}")
        if not x.size and not -x.ndim <= dim < x.ndim:
            return (0,)  # PyTorch does not look
        return (canonical_dim(dim, x.ndim),)

    return check


def _cumulative_extremum(name: str, ufunc: Any) -> Any:
    return general(
        name, _running(ufunc, f"{name}_cpu"),
        f"{name}(Tensor self, int dim) -> (Tensor values, Tensor indices)", outputs=2,
        differentiable_outputs=(True, False), check=_extremum_check(name),
        returns=reduce.value_and_indices(name),
        x=lambda k, g, out1, x_shape, dim: k.gather_backward(g, x_shape, dim, out1),
    )  # fmt: skip


cummax = _cumulative_extremum("cummax", np.maximum)
cummin = _cumulative_extremum("cummin", np.minimum)

# ---- logcumsumexp -------------------------------------------------------------------------------


def _logcumsumexp(x: Any, dim: int) -> Any:
    if x.dtype.kind == "c":
        raise NotImplementedError("torch.logcumsumexp of complex numbers")
    return np.logaddexp.accumulate(np.ascontiguousarray(x), dim) if x.ndim else x.copy()


def _dim_first(x: Any, dim: Any) -> Exception | None:
    """PyTorch looks at the dim before it looks at the dtype."""
    try:
        canonical_dim(dim, x._data.ndim)
    except IndexError as error:
        return error
    return None


def _weighted_tail(k: Any, g: Any, x: Any, out: Any, dim: int) -> Any:
    """``sum of g[j] exp(x[i] - out[j]) over j >= i``, as a scan from the end: out only grows, so
    that no exponent is positive."""
    if not tuple(x.shape):
        return g
    n = int(x.shape[dim])
    if math.prod(x.shape) == 0:
        return g
    here, there = k.slice(out, dim, 0, n - 1, 1), k.slice(out, dim, 1, n, 1)
    decay = k.where(here == there, 1.0, k.exp(here - there))
    first = k.zeros_like_(k.slice(out, dim, 0, 1, 1))
    factors = k.cat([first, k.flip(decay, (dim,))], dim)
    tails = k.flip(k.scan(k.flip(g, (dim,)), factors, dim), (dim,))
    return k.where(x == out, 1.0, k.exp(x - out)) * tails


logcumsumexp = general(
    "logcumsumexp", _logcumsumexp, "logcumsumexp(Tensor self, int dim) -> Tensor",
    check=_dim_check, floats=True, promotion="float", kernel="logcumsumexp_out_cpu",
    refuse=_dim_first,
    x=lambda k, g, x, out, dim: _weighted_tail(k, g, x, out, dim),
)  # fmt: skip

# ---- trapezoids ---------------------------------------------------------------------------------


def _sides(name: str, y: Tensor, dim: int) -> tuple[Any, Any, int]:
    """The left and the right end of every interval."""
    if y._data.dtype.kind == "b":
        raise RuntimeError(f"{name}: received a bool input for `y`, but bool is not supported")
    dim = canonical_dim(dim, y._data.ndim)
    n = y._data.shape[dim]
    return (
        movement.slice_row.call(y, dim, 0, max(n - 1, 0), 1),
        movement.slice_row.call(y, dim, 1, n, 1),
        dim,
    )


def _widths(name: str, y: Tensor, x: Tensor, dim: int) -> Any:
    if x._data.dtype.kind == "b":
        raise RuntimeError(f"{name}: received a bool input for `x`, but bool is not supported")
    dim = canonical_dim(dim, y._data.ndim)
    n = y._data.shape[dim]
    if x._data.ndim == 1:
        if x._data.shape[0] != n:
            raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
        along = 0
    else:
        along = dim - y._data.ndim
        if x._data.ndim < y._data.ndim:
            raise RuntimeError(
                f"{name}: There must be one `x` value for each sample point"
            )
    m = x._data.shape[along]
    position = along % x._data.ndim
    steps = movement.slice_row.call(x, position, 1, m, 1) - movement.slice_row.call(
        x, position, 0, m - 1, 1
    )
    if x._data.ndim == 1 and y._data.ndim > 1:
        steps = movement.reshape(steps, (-1,) + (1,) * (y._data.ndim - 1 - dim))
    return steps


def _areas(name: str, y: Tensor, x: Any, dx: Any, dim: int) -> tuple[Any, Any, int]:
    """Twice the area of every interval, and what remains to be multiplied with the sum."""
    left, right, dim = _sides(name, y, dim)
    if x is None:
        return left + right, dx / 2.0, dim
    return (left + right) * _widths(name, y, x, dim), None, dim


def _total(name: str, y: Tensor, x: Any, dx: Any, dim: int) -> Any:
    if y._data.ndim and y._data.shape[canonical_dim(dim, y._data.ndim)] == 0:
        shape = [n for i, n in enumerate(y._data.shape) if i != canonical_dim(dim, y._data.ndim)]
        like = y._data.dtype if y._data.dtype.kind in "fcV" else np.float32
        return wrap(np.zeros(shape, like))
    areas, factor, dim = _areas(name, y, x, dx, dim)
    total = reduce.sum_row.call(areas, (dim,), False)
    if factor is None:
        return renamed(total / 2.0, "DivBackward1")
    return renamed(total * factor, "MulBackward1")


def _running_total(y: Tensor, x: Any, dx: Any, dim: int) -> Any:
    areas, factor, dim = _areas("cumulative_trapezoid", y, x, dx, dim)
    if factor is not None:
        return reduce.cumsum.call(areas * factor, dim)
    return renamed(reduce.cumsum.call(areas, dim) / 2.0, "DivBackward1")


for _name in ("trapezoid", "trapz"):
    registry.overloaded(
        _name,
        (f"{_name}.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor",
         lambda y, x, dim: _total("trapezoid", y, x, None, dim)),
        (f"{_name}.dx(Tensor y, *, Scalar dx=1, int dim=-1) -> Tensor",
         lambda y, dx, dim: _total("trapezoid", y, None, dx, dim)),
        method=False,
    )  # fmt: skip
registry.overloaded(
    "cumulative_trapezoid",
    ("cumulative_trapezoid.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor",
     lambda y, x, dim: _running_total(y, x, None, dim)),
    ("cumulative_trapezoid.dx(Tensor y, *, Scalar dx=1, int dim=-1) -> Tensor",
     lambda y, dx, dim: _running_total(y, None, dx, dim)),
    method=False,
)  # fmt: skip

# ---- slopes -------------------------------------------------------------------------------------


def gradient(input: Tensor, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1) -> Any:
    """The slope along each dim, by central differences inside and one-sided ones at the ends.

    Args:
        spacing: the distance of the samples: a number, one for each dim, or for each dim a tensor
            of their coordinates.
        dim: one dim or several; all by default.
        edge_order: 1 or 2, the order of the differences at the ends.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.gradient.html

    >>> import rushlight as torch
    >>> torch.gradient(torch.tensor([1., 4., 9.]))
    (tensor([3., 4., 5.]),)
    """
    ndim = input._data.ndim
    if isinstance(dim, int):
        dim = (dim,)
    dims = canonical_dims(dim, ndim)
    if isinstance(spacing, int | float) or (isinstance(spacing, Tensor) and not spacing._data.ndim):
        spacings: list[Any] = [spacing] * len(dims)
    else:
        spacings = list(spacing)
        if len(spacings) != len(dims):
            raise RuntimeError(
                "torch.gradient expected spacing to be unspecified, a scalar or it's spacing and "
                "dim arguments to have the same length, but got a spacing argument of length "
                f"{len(spacings)} and a dim argument of length {len(dims)}."
            )
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    if dtype_of(input) is _dtypes.uint8:
        raise RuntimeError("torch.gradient does not support uint8 input.")
    for d in dims:
        if input._data.shape[d] < edge_order + 1:
            raise RuntimeError(
                "torch.gradient expected each dimension size to be at least edge_order+1"
            )
    return tuple(
        _slope(input, h, d, edge_order) for h, d in zip(spacings, dims, strict=True)
    )


def _part(x: Tensor, dim: int, start: int, end: int) -> Any:
    return movement.slice_row.call(x, dim, start, end, 1)


def _slope(x: Tensor, h: Any, dim: int, edge_order: int) -> Any:
    n = x._data.shape[dim]
    if isinstance(h, Tensor) and h._data.ndim:
        return _uneven_slope(x, h, dim, edge_order)
    left, right = _part(x, dim, 0, n - 2), _part(x, dim, 2, n)
    inner = e.div.call(right - left, h * 2)
    if edge_order == 1:
        first = e.div.call(_part(x, dim, 1, 2) - _part(x, dim, 0, 1), h)
        last = e.div.call(_part(x, dim, n - 1, n) - _part(x, dim, n - 2, n - 1), h)
    else:
        a, b, c = (_part(x, dim, i, i + 1) for i in range(3))
        first = e.div.call(b * 2.0 - a * 1.5 - c * 0.5, h)
        a, b, c = (_part(x, dim, n - 1 - i, n - i) for i in range(3))
        last = e.div.call(a * 1.5 - b * 2.0 + c * 0.5, h)
    return movement.cat.call([first, inner, last], dim)


def _uneven_slope(x: Tensor, at: Tensor, dim: int, edge_order: int) -> Any:
    n = x._data.shape[dim]
    shape = (-1,) + (1,) * (x._data.ndim - 1 - dim)
    steps = movement.reshape(_part(at, 0, 1, n) - _part(at, 0, 0, n - 1), shape)
    m = n - 1
    before, after = _part(steps, 0, 0, m - 1), _part(steps, 0, 1, m)
    left = -after / (before * (before + after))
    middle = (after - before) / (before * after)
    right = before / (after * (before + after))
    inner = (
        _part(x, dim, 0, n - 2) * left + _part(x, dim, 1, n - 1) * middle
        + _part(x, dim, 2, n) * right
    )  # fmt: skip
    if edge_order == 1:
        first = (_part(x, dim, 1, 2) - _part(x, dim, 0, 1)) / _part(steps, 0, 0, 1)
        last = (_part(x, dim, n - 1, n) - _part(x, dim, n - 2, n - 1)) / _part(steps, 0, m - 1, m)
    else:
        first = _one_sided(x, dim, (0, 1, 2), _part(steps, 0, 0, 1), _part(steps, 0, 1, 2))
        ends = _part(steps, 0, m - 1, m), _part(steps, 0, m - 2, m - 1)
        last = -_one_sided(x, dim, (n - 1, n - 2, n - 3), *ends)
    return movement.cat.call([first, inner, last], dim)


def _one_sided(x: Tensor, dim: int, places: tuple[int, int, int], near: Any, far: Any) -> Any:
    a, b, c = (_part(x, dim, i, i + 1) for i in places)
    whole = near + far
    return (
        a * (-(near + whole) / (near * whole)) + b * (whole / (near * far))
        - c * (near / (far * whole))
    )  # fmt: skip


registry.public("gradient", gradient, method=False)
for _row in (cummax, cummin, logcumsumexp):
    registry.public(_row.name, _row)
