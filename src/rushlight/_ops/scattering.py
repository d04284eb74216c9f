"""Rows that read or write along one dim at positions an index tensor gives: gather, scatter,
index_select, index_add and their relatives, each linear map beside its adjoint."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _dtypes
from .._define.kinds import general, linear
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


def _covered(k: Any, g: Any, dim: int, index: Any, src_shape: Any, node: str) -> Any:
    """The gradient of a scattered source; like PyTorch's it wants an index as large as that."""
    have = tuple(index.shape)
    if have != src_shape and math.prod(have) != math.prod(src_shape):
        _refuse_part(node, have, src_shape)
    g = k.gather(g, dim, index)
    return g if have == src_shape else k.reshape(g, src_shape)


def _refuse_part(node: str, have: Any, wanted: Any) -> None:
    error = RuntimeError(
        f"Function {node} returned an invalid gradient at index 1 - got {list(have)} but expected "
        f"shape compatible with {list(wanted)}"
    )
    error.add_note(
        "rushlight: a gradient flows to a scattered source only where the index covers all of it; "
        "cut the source to the size of the index first."
    )
    raise error


scatter_src = general(
    "scatter_src", lambda x, dim, index, src: kernels.scatter(x, dim, _long(index), src),
    "scatter.src(Tensor self, int dim, Tensor index, Tensor src) -> Tensor",
    inputs=("x", "index", "src"), check=_scatter_check, public=False, node="ScatterBackward0",
    x=lambda k, g, dim, index: k.scatter_value(g, dim, index, 0),
    src=lambda k, g, dim, index, src_shape: _covered(
        k, g, dim, index, src_shape, "ScatterBackward0"),
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
    src=lambda k, g, dim, index, src_shape: _covered(
        k, g, dim, index, src_shape, "ScatterAddBackward0"),
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
    _warn_about_reduce()
    return _scatter_check(x, dim, index, src, _reduce_name(reduce))


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

# ---- index_select and the index_* family --------------------------------------------------------


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
        k.sum_all(g - k.index_fill_scalar(g, dim, index, 0)), value_dtype),
)  # fmt: skip
_INDEX_FILLS = (index_fill_scalar, index_fill_tensor)
registry.overloaded("index_fill", *((row.schemas[0], called(row)) for row in _INDEX_FILLS))
in_place_overloads("index_fill_", _INDEX_FILLS)


def _index_copy_check(x: Any, dim: Any, index: Any, source: Any) -> tuple[int]:
    dim = canonical_dim(dim, x.ndim)
    if index.dtype != np.int64:
        raise RuntimeError(
            f"index_copy_(): Expected a long tensor for index, but got {_word(index)}"
        )
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
