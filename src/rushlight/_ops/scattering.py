"""Rows that read or write along one dim at positions an index tensor gives: gather, scatter,
index_select, index_add, take and their relatives, each linear map beside its adjoint."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _dtypes
from .._define import promote
from .._define.kinds import general, joint, linear
from .._kernels import scatter as kernels
from .._tensor import registry
from . import copying
from .checks import canonical_dim
from .in_place import called, in_place_overloads, register_twin

_INDEX = (np.dtype(np.int64), np.dtype(np.int32))


def _word(array: Any) -> str:
    return _dtypes.from_numpy(array.dtype).type_name


def _long(index: Any) -> Any:
    return index if index.dtype == np.int64 else index.astype(np.int64)


# ---- gather and scatter -----------------------------------------------------------------------


def _gather_check(x: Any, dim: Any, index: Any) -> tuple[int]:
    dim = canonical_dim(dim, x.ndim)
    if index.dtype not in _INDEX:
        raise RuntimeError("gather(): Expected dtype int32/int64 for index")
    if index.size:
        if (index.ndim or 1) != (x.ndim or 1):
            raise RuntimeError(
                "Index tensor must have the same number of dimensions as input tensor"
            )
        for d in range(min(x.ndim, index.ndim)):
            if d != dim and index.shape[d] > x.shape[d]:
                raise RuntimeError(
                    f"Size does not match at dimension {d} expected index {list(index.shape)} to "
                    f"be no larger than self {list(x.shape)} apart from dimension {dim}"
                )
    return (dim,)


gather = linear(
    "gather", lambda x, dim, index: kernels.gather(x, dim, _long(index)),
    "gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor",
    inputs=("x", "index"), extra=("sparse_grad",),
    adapt=lambda x, dim, index, sparse_grad: (x, dim, index), check=_gather_check,
    x=lambda k, g, x_shape, dim, index: k.gather_backward(g, x_shape, dim, index),
)  # fmt: skip
gather_backward = linear(
    "gather_backward",
    lambda g, shape, dim, index: kernels.scatter_add(shape, g.dtype, dim, _long(index), g),
    "_gather_backward(Tensor grad, SymInt[] shape, int dim, Tensor index) -> Tensor",
    inputs=("x", "index"), x=lambda k, g, dim, index: k.gather(g, dim, index), public=False,
)  # fmt: skip


def _put_along(g: Any, indices: Any, shape: Any, dim: int) -> Any:
    if not shape:
        return g.copy()
    out = np.zeros(shape, g.dtype)
    np.put_along_axis(out, indices, g, dim)
    return out


# Where each position is picked once at most (max, sort, topk...), writing does for adding.
value_selecting_backward = linear(
    "value_selecting_backward", _put_along,
    "value_selecting_reduction_backward(Tensor grad, Tensor indices, SymInt[] sizes, int dim)"
    " -> Tensor", inputs=("x", "indices"), public=False,
    x=lambda k, g, indices, dim: k.gather(g, dim, indices),
)  # fmt: skip


def _scatter_sizes(x: Any, dim: int, index: Any, src: Any) -> None:
    if index.dtype not in _INDEX:
        raise RuntimeError("scatter(): Expected dtype int32/int64 for index")
    if not index.size:
        return
    if (index.ndim or 1) != (x.ndim or 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as self tensor")
    if src is not None and (index.ndim or 1) != (src.ndim or 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as src tensor")
    bad = any(d != dim and index.shape[d] > x.shape[d] for d in range(min(x.ndim, index.ndim)))
    if src is None:
        if bad:
            raise RuntimeError(
                f"Expected index {list(index.shape)} to be no larger than self {list(x.shape)} "
                f"apart from dimension {dim}"
            )
        return
    bad = bad or any(
        index.shape[d] > src.shape[d] for d in range(min(src.ndim, index.ndim))
    )
    if bad:
        raise RuntimeError(
            f"Expected index {list(index.shape)} to be no larger than self {list(x.shape)} apart "
            f"from dimension {dim} and to be no larger size than src {list(src.shape)}"
        )


def _scatter_check(x: Any, dim: Any, index: Any, src: Any, *rest: Any) -> tuple[Any, ...]:
    dim = canonical_dim(dim, x.ndim)
    if x.dtype != src.dtype:
        raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
    _scatter_sizes(x, dim, index, src)
    return (dim, *rest)


def _scatter_value_check(x: Any, dim: Any, index: Any, value: Any, *rest: Any) -> tuple[Any, ...]:
    dim = canonical_dim(dim, x.ndim)
    _scatter_sizes(x, dim, index, None)
    return (dim, copying.as_element(value, x.dtype).item() if x.dtype.kind != "V" else value, *rest)


def _covered(k: Any, g: Any, dim: int, index: Any, src_shape: Any) -> Any:
    """The gradient of a scattered source; what lies beyond the index received nothing."""
    g = k.gather(g, dim, index)
    for d, n in enumerate(src_shape):
        have = tuple(g.shape)
        if have[d] != n:
            g = k.slice_backward(g, (*have[:d], n, *have[d + 1 :]), d, 0, have[d], 1)
    return g


scatter_src = general(
    "scatter_src", lambda x, dim, index, src: kernels.scatter(x, dim, _long(index), src),
    "scatter.src(Tensor self, int dim, Tensor index, Tensor src) -> Tensor",
    inputs=("x", "index", "src"), check=_scatter_check, public=False, node="ScatterBackward0",
    x=lambda k, g, dim, index: k.scatter_value(g, dim, index, 0),
    src=lambda k, g, dim, index, src_shape: _covered(k, g, dim, index, src_shape),
)  # fmt: skip
scatter_value = linear(
    "scatter_value",
    lambda x, dim, index, value: kernels.scatter(
        x, dim, _long(index), copying.as_element(value, x.dtype)),
    "scatter.value(Tensor self, int dim, Tensor index, Scalar value) -> Tensor",
    inputs=("x", "index"), check=_scatter_value_check, public=False, node="ScatterBackward1",
    x=lambda k, g, dim, index: k.scatter_value(g, dim, index, 0),
)  # fmt: skip


def _positions(x: Any, dim: int, index: Any) -> Any:
    if x.ndim == 0 or index.ndim == 0:
        kernels.check_bounds(index, dim, x.size)
        return index.reshape(-1)
    return kernels._positions(x.shape, dim, index).reshape(-1)


def _accumulate(x: Any, dim: int, index: Any, src: Any, ufunc: Any = np.add) -> Any:
    """A copy of `x` with `src` brought in by `ufunc` at `index`, one after the other."""
    short = x.dtype.itemsize == 2 and x.dtype.kind in "fV"
    out = np.array(x, np.float32 if short else x.dtype, order="C")
    index = _long(index)
    if index.size:
        values = kernels._source(src, index, out.dtype)
        values = np.broadcast_to(values, index.shape).reshape(-1)
        ufunc.at(out.reshape(-1), _positions(x, dim, index), values)
    return out.astype(x.dtype, copy=False)


scatter_add = linear(
    "scatter_add", _accumulate,
    "scatter_add(Tensor self, int dim, Tensor index, Tensor src) -> Tensor",
    inputs=("x", "index", "src"), check=_scatter_check, x=lambda g: g,
    src=lambda k, g, dim, index, src_shape: _covered(k, g, dim, index, src_shape),
)  # fmt: skip

_UFUNCS = {"add": np.add, "multiply": np.multiply}


def _reduce_name(reduce: Any) -> Any:
    if reduce not in _UFUNCS:
        raise RuntimeError("reduce argument must be either add or multiply.")
    return reduce


def _no_derivative(k: Any, g: Any) -> Any:
    raise RuntimeError("derivative for aten::scatter is not implemented")


def _scatter_src_reduce_check(
    x: Any, dim: Any, index: Any, src: Any, reduce: Any
) -> tuple[Any, ...]:
    checked = _scatter_check(x, dim, index, src, _reduce_name(reduce))
    _warn_about_reduce()
    return checked


scatter_src_reduce = general(
    "scatter_src_reduce",
    lambda x, dim, index, src, reduce: _accumulate(x, dim, index, src, _UFUNCS[reduce]),
    "scatter.reduce(Tensor self, int dim, Tensor index, Tensor src, *, str reduce) -> Tensor",
    inputs=("x", "index", "src"), public=False, node="NotImplemented",
    check=_scatter_src_reduce_check, x=_no_derivative, src=_no_derivative,
)  # fmt: skip
scatter_value_reduce = general(
    "scatter_value_reduce",
    lambda x, dim, index, value, reduce: _accumulate(
        x, dim, index, np.array(copying.as_element(value, x.dtype)), _UFUNCS[reduce]),
    "scatter.value_reduce(Tensor self, int dim, Tensor index, Scalar value, *, str reduce)"
    " -> Tensor", inputs=("x", "index"), public=False, node="NotImplemented",
    check=lambda x, dim, index, value, reduce: _scatter_value_check(
        x, dim, index, value, _reduce_name(reduce)),
    x=_no_derivative,
)  # fmt: skip
_SCATTERS = (scatter_src, scatter_value, scatter_src_reduce, scatter_value_reduce)
def _warn_about_reduce() -> None:
    import warnings

    warnings.warn(
        "The reduce argument of torch.scatter with Tensor src is deprecated and will be removed in "
        "a future PyTorch release. Use torch.scatter_reduce instead for more reduction options.",
        UserWarning,
        stacklevel=5,
    )


registry.overloaded("scatter", *((row.schemas[0], called(row)) for row in _SCATTERS))
in_place_overloads("scatter_", _SCATTERS)
register_twin(scatter_add, "scatter_add_")

# ---- scatter_reduce -----------------------------------------------------------------------------

_REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")
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
        at_src = k.cast(src == _covered(k, out, dim, index, tuple(src.shape)), k.dtype_of(g))
        share = g / k.where((total := k.scatter_add(at_x, dim, index, at_src)) == 0, 1.0, total)
        return share * at_x, at_src * _covered(k, share, dim, index, tuple(src.shape))
    return (
        _kept(k, to_x, dim, index, include_self),
        _covered(k, to_src, dim, index, tuple(src.shape)),
    )


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
    zeros_at, rest_at = _covered(k, zeros, dim, index, shape), _covered(k, rest, dim, index, shape)
    to_x = _others(k, start, x_zero, zeros, rest) * g
    to_src = _others(k, src, src_zero, zeros_at, rest_at) * _covered(k, g, dim, index, shape)
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

# ---- index_select and the index_* family ---------------------------------------------------------


def _select_check(x: Any, dim: Any, index: Any) -> tuple[int]:
    dim = canonical_dim(dim, x.ndim)
    if index.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    if index.dtype not in _INDEX:
        raise RuntimeError("index_select(): Expected dtype int32 or int64 for index")
    return (dim,)


def _index_select(x: Any, dim: int, index: Any) -> Any:
    return kernels.index_select(x, dim, _long(index).reshape(-1))


def _index_select_backward(g: Any, shape: Any, dim: int, index: Any) -> Any:
    index = _long(index).reshape(-1)
    if not shape:
        return np.array(g.sum(), g.dtype)
    return kernels.index_add(np.zeros(shape, g.dtype), dim, index, g)


index_select = linear(
    "index_select", _index_select,
    "index_select(Tensor self, int dim, Tensor index) -> Tensor", inputs=("x", "index"),
    check=_select_check,
    x=lambda k, g, x_shape, dim, index: k.index_select_backward(g, x_shape, dim, index),
)  # fmt: skip
index_select_backward = linear(
    "index_select_backward", _index_select_backward,
    "index_select_backward(Tensor grad, SymInt[] self_sizes, int dim, Tensor index) -> Tensor",
    inputs=("x", "index"), x=lambda k, g, dim, index: k.index_select(g, dim, index), public=False,
)  # fmt: skip


def _back_to(k: Any, g: Any, dim: int, index: Any, shape: Any) -> Any:
    return k.reshape(k.index_select(g, dim, index), shape)


def _index_add_check(x: Any, dim: Any, index: Any, source: Any, alpha: Any) -> tuple[Any, ...]:
    dim = canonical_dim(dim, x.ndim)
    if index.ndim > 1:
        raise IndexError("index_add_(): Index is supposed to be a vector")
    if index.dtype not in _INDEX:
        raise RuntimeError("index_add_(): Expected dtype int32/int64 for index")
    if x.dtype != source.dtype:
        raise RuntimeError(
            f"index_add_(): self ({_word(x)}) and source ({_word(source)}) must have the same "
            "scalar type"
        )
    have = source.shape[dim] if source.ndim else 1
    if index.size != have:
        raise RuntimeError(
            f"index_add_(): Number of indices ({index.size}) should be equal to source.size(dim): "
            f"({have}), for dim: {dim}"
        )
    rest = [n for i, n in enumerate(x.shape) if i != dim]
    if rest != [n for i, n in enumerate(source.shape) if i != dim]:
        raise RuntimeError(
            "source tensor shape must match self tensor shape, excluding the specified dimension. "
            f"Got self.shape = {list(x.shape)} source.shape = {list(source.shape)}"
        )
    return dim, alpha


def _index_add(x: Any, dim: int, index: Any, source: Any, alpha: Any) -> Any:
    if alpha != 1:
        source = source * x.dtype.type(alpha)
    return kernels.index_add(x, dim, _long(index), source)


index_add = linear(
    "index_add", _index_add,
    "index_add(Tensor self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor",
    inputs=("x", "index", "source"), check=_index_add_check, x=lambda g: g,
    source=lambda k, g, dim, index, alpha, source_shape: _scaled(
        _back_to(k, g, dim, index, source_shape), alpha),
)  # fmt: skip


def _scaled(g: Any, alpha: Any) -> Any:
    return g if alpha == 1 else g * alpha


def _index_key(x: Any, dim: int, index: Any) -> Any:
    size = x.shape[dim] if x.ndim else 1
    index = _long(index).reshape(-1)
    outside = index[(index < -size) | (index >= size)]
    if outside.size:
        raise IndexError(
            f"index {int(outside[0])} is out of bounds for dimension {dim} with size {size}"
        )
    return (slice(None),) * dim + (index,)


def _index_set(x: Any, dim: int, index: Any, value: Any) -> Any:
    out = np.array(x, order="C")
    if out.ndim:
        out[_index_key(x, dim, index)] = value
    elif index.size:
        _index_key(x, dim, index)
        out[...] = value
    return out


def _index_fill_check(x: Any, dim: Any, index: Any, value: Any) -> tuple[Any, ...]:
    dim = canonical_dim(dim, x.ndim)
    if index.dtype != np.int64:
        raise IndexError("index_fill_(): Expected dtype int64 for index.")
    if index.ndim > 1:
        raise IndexError("Index has to be a vector/scalar")
    if isinstance(value, np.ndarray):
        if value.ndim:
            raise RuntimeError(
                "index_fill_ only supports a 0-dimensional value tensor, but got tensor with "
                f"{value.ndim} dimension(s)."
            )
        return (dim,)
    return dim, value


index_fill_scalar = linear(
    "index_fill_scalar",
    lambda x, dim, index, value: _index_set(x, dim, index, copying.as_element(value, x.dtype)),
    "index_fill.int_Scalar(Tensor self, int dim, Tensor index, Scalar value) -> Tensor",
    inputs=("x", "index"), check=_index_fill_check, public=False, node="IndexFillBackward0",
    x=lambda k, g, dim, index: k.index_fill_scalar(g, dim, index, 0),
)  # fmt: skip
index_fill_tensor = linear(
    "index_fill_tensor", _index_set,
    "index_fill.int_Tensor(Tensor self, int dim, Tensor index, Tensor value) -> Tensor",
    inputs=("x", "index", "value"), check=_index_fill_check, public=False,
    node="IndexFillBackward1", x=lambda k, g, dim, index: k.index_fill_scalar(g, dim, index, 0),
    value=lambda k, g, dim, index, value_dtype: k.cast(
        k.sum_all(k.index_select(g, dim, index)), value_dtype),
)  # fmt: skip
_INDEX_FILLS = (index_fill_scalar, index_fill_tensor)
registry.overloaded("index_fill", *((row.schemas[0], called(row)) for row in _INDEX_FILLS))
in_place_overloads("index_fill_", _INDEX_FILLS)


def _index_copy_check(x: Any, dim: Any, index: Any, source: Any) -> tuple[int]:
    dim = canonical_dim(dim, x.ndim)
    if index.dtype != np.int64:
        raise RuntimeError(f"index_copy_(): Expected a long tensor for index, but got {_word(index)}")
    if x.dtype != source.dtype:
        raise RuntimeError(
            f"index_copy_(): self and source expected to have the same dtype, but got (self) "
            f"{_word(x)} and (source) {_word(source)}"
        )
    if source.ndim != x.ndim and source.ndim and x.ndim:
        raise IndexError(
            "index_copy_(): When source and destination are not scalars, their dimensionality "
            f"must match. Source dimensionality ({source.ndim}), destination dimensionality "
            f"({x.ndim})"
        )
    have = source.shape[dim] if source.ndim else 1
    if index.size != have:
        raise IndexError(
            f"index_copy_(): Number of indices ({index.size}) should be equal to "
            f"source.size(dim) ({have})"
        )
    return (dim,)


def _index_copy(x: Any, dim: int, index: Any, source: Any) -> Any:
    size = x.shape[dim] if x.ndim else 1
    outside = index.reshape(-1)[(index.reshape(-1) < 0) | (index.reshape(-1) >= size)]
    if outside.size:
        raise IndexError(
            f"index_copy_(): index {int(outside[0])} is out of bounds for dimension {dim} with "
            f"size {size}"
        )
    return _index_set(x, dim, index, source)


index_copy = linear(
    "index_copy", _index_copy,
    "index_copy(Tensor self, int dim, Tensor index, Tensor source) -> Tensor",
    inputs=("x", "index", "source"), check=_index_copy_check,
    x=lambda k, g, dim, index: k.index_fill_scalar(g, dim, index, 0),
    source=lambda k, g, dim, index, source_shape: _back_to(k, g, dim, index, source_shape),
)  # fmt: skip
register_twin(index_add, "index_add_")
register_twin(index_copy, "index_copy_")

def take_along_dim(input: Any, indices: Any, dim: int | None = None) -> Any:
    """Elements of `input` at `indices` along `dim`; the two broadcast together elsewhere.

    Source: https://pytorch.org/docs/stable/generated/torch.take_along_dim.html

    >>> import rushlight as torch
    >>> torch.take_along_dim(torch.tensor([[3, 1], [2, 4]]), torch.tensor([[1], [0]]), dim=1)
    tensor([[1],
            [2]])
    """
    if indices._data.dtype != np.int64:
        raise RuntimeError("torch.take_along_dim(): dtype of indices should be Long but got "
                           + _word(indices._data))  # fmt: skip
    if dim is None:
        return gather.call(input.reshape(-1), 0, indices.reshape(-1))
    have, want = input._data.shape, indices._data.shape
    if len(have) != len(want):
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, "
            f"but got {len(have)} dimensions for input, and {len(want)} dimensions for indices"
        )
    dim = canonical_dim(dim, len(have))
    ones = [(*s[:dim], 1, *s[dim + 1 :]) for s in (have, want)]
    try:
        whole = np.broadcast_shapes(*ones)
    except ValueError:
        raise promote.broadcast_error(*ones) from None
    return gather.call(
        input.expand((*whole[:dim], have[dim], *whole[dim + 1 :])), dim,
        indices.expand((*whole[:dim], want[dim], *whole[dim + 1 :])),
    )  # fmt: skip


registry.public("take_along_dim", take_along_dim)

# ---- positions in the flattened tensor --------------------------------------------------------------


def _flat_index(name: str, size: int, index: Any) -> Any:
    outside = index[(index < -size) | (index >= size)]
    if outside.size:
        raise IndexError(
            f"out of range: tried to access index {int(outside.reshape(-1)[0])} on a tensor of "
            f"{size} elements."
        )
    return index


def _take_check(name: str) -> Any:
    def check(x: Any, index: Any, *rest: Any) -> tuple[Any, ...]:
        if index.dtype != np.int64:
            raise RuntimeError(
                f"{name}(): Expected a long tensor for index, but got {_word(index)}"
            )
        return tuple(r for r in rest if not isinstance(r, np.ndarray))

    return check


def _take_backward(g: Any, shape: Any, index: Any) -> Any:
    out = np.zeros(shape, g.dtype)
    np.add.at(out.reshape(-1), index.reshape(-1), g.reshape(-1))
    return out


take = linear(
    "take", lambda x, index: x.reshape(-1).take(_flat_index("take", x.size, index)),
    "take(Tensor self, Tensor index) -> Tensor", inputs=("x", "index"), check=_take_check("take"),
    x=lambda k, g, x_shape, index: k.take_backward(g, x_shape, index),
)  # fmt: skip
take_backward = linear(
    "take_backward", _take_backward,
    "_take_backward(Tensor grad, SymInt[] shape, Tensor index) -> Tensor", inputs=("x", "index"),
    x=lambda k, g, index: k.take(g, index), public=False,
)  # fmt: skip


def _put(x: Any, index: Any, source: Any, accumulate: bool) -> Any:
    out = np.array(x, order="C")
    flat, index = out.reshape(-1), _flat_index("put_", x.size, index).reshape(-1)
    if accumulate:
        np.add.at(flat, index, source.reshape(-1))
    else:
        flat[index] = source.reshape(-1)
    return out


def _put_check(x: Any, index: Any, source: Any, accumulate: Any) -> tuple[bool]:
    _take_check("put_")(x, index)
    if x.dtype != source.dtype:
        raise RuntimeError(
            f"put_(): self and source expected to have the same dtype, but got self.dtype = "
            f"{_word(x)} and source.dtype = {_word(source)}"
        )
    if index.size != source.size:
        raise RuntimeError(
            "put_(): Expected source and index to have the same number of elements, but got "
            f"source.numel() = {source.size}, index.numel() = {index.size}"
        )
    return (bool(accumulate),)


put = linear(
    "put", _put,
    "put(Tensor self, Tensor index, Tensor source, bool accumulate=False) -> Tensor",
    inputs=("x", "index", "source"), check=_put_check,
    x=lambda k, g, index, accumulate: g if accumulate else k.put(
        g, index, k.zeros_like_(k.take(g, index)), False),
    source=lambda k, g, index, source_shape: k.reshape(k.take(g, index), source_shape),
)  # fmt: skip
register_twin(put, "put_")
