"""Rows that read or write at positions of the flattened tensor: take and put; take_along_dim."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._define import promote
from .._define.kinds import linear
from .._tensor import registry
from .checks import canonical_dim
from .in_place import register_twin
from .scattering import _word, gather


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
