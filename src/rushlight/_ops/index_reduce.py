"""index_reduce: products, means and extrema of the slices that an index sends to one place."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._define.kinds import joint
from .._tensor import registry
from . import scatter_reduce
from .checks import canonical_dim
from .in_place import register_twin
from .scattering import _INDEX, _long, _word

_REDUCTIONS = ("prod", "mean", "amax", "amin")


def _check(
    x: Any, dim: Any, index: Any, source: Any, reduce: Any, include_self: Any
) -> tuple[Any, ...]:
    if reduce not in _REDUCTIONS:
        raise RuntimeError(
            "index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got "
            f"{reduce}."
        )
    dim = canonical_dim(dim, x.ndim)
    if index.ndim > 1:
        raise IndexError("index_reduce_(): Index is supposed to be a vector")
    if index.dtype not in _INDEX:
        raise RuntimeError(
            f"index_reduce_(): Expected dtype int32/int64 for index but got: {_word(index)}"
        )
    if x.dtype != source.dtype:
        raise RuntimeError(
            f"index_reduce_(): self ({_word(x)}) and source ({_word(source)}) must have the same "
            "scalar type"
        )
    have = source.shape[dim] if source.ndim else 1
    if index.size != have:
        raise RuntimeError(
            f"index_reduce_(): Number of indices ({index.size}) should be equal to "
            f"source.size(dim): ({have}), for dim: {dim}"
        )
    rest = [n for i, n in enumerate(x.shape) if i != dim]
    if x.ndim != source.ndim or rest != [n for i, n in enumerate(source.shape) if i != dim]:
        raise RuntimeError(
            "source tensor shape must match self tensor shape, excluding the specified dimension. "
            f"Got self.shape = {list(x.shape)} source.shape = {list(source.shape)}"
        )
    return dim, reduce, bool(include_self)


def _wide(index: Any, shape: Any, dim: int) -> Any:
    """The index, once for every element of the slices."""
    if not len(shape):
        return _long(index).reshape(())
    column = _long(index).reshape((-1,) + (1,) * (len(shape) - 1 - dim))
    return np.broadcast_to(column, shape)


def _index_reduce(
    x: Any, dim: int, index: Any, source: Any, reduce: str, include_self: bool
) -> Any:
    wide = _wide(index, source.shape, dim)
    return scatter_reduce._scatter_reduce(x, dim, wide, source, reduce, include_self)


def _gradients(
    k: Any, g: Any, x: Any, index: Any, source: Any, out: Any, dim: int, reduce: str,
    include_self: bool, need: Any,
) -> tuple[Any, Any]:  # fmt: skip
    shape = tuple(source.shape)
    if len(shape):
        ones = (1,) * dim + (int(shape[dim]),) + (1,) * (len(shape) - 1 - dim)
        wide = k.expand(k.reshape(index, ones), shape)
    else:
        wide = k.reshape(index, ())
    return scatter_reduce._reduce_gradients(
        k, g, x, wide, source, out, dim, reduce, include_self, need
    )


index_reduce = joint(
    "index_reduce", _index_reduce,
    "index_reduce(Tensor self, int dim, Tensor index, Tensor source, str reduce, *, "
    "bool include_self=True) -> Tensor", _gradients, ("x", "source"),
    inputs=("x", "index", "source"), check=_check,
)  # fmt: skip
registry.public("index_reduce", index_reduce)
register_twin(index_reduce, "index_reduce_")
