"""Rows of a table picked by number: embedding, and one_hot, which is its matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core, _dtypes
from .._core import Tensor
from .._define.kinds import linear
from .._kernels import scatter as kernels
from .._tensor import registry
from .by_example import reads


def _long(index: Any) -> Any:
    return index if index.dtype == np.int64 else index.astype(np.int64)


def _check(weight: Any, indices: Any, *rest: Any) -> tuple[Any, ...]:
    if weight.ndim != 2:
        raise RuntimeError("'weight' must be 2-D")
    if indices.dtype != np.int64 and indices.dtype != np.int32:
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: "
            f"Long, Int; but got torch.{_dtypes.from_numpy(indices.dtype).type_name}Tensor instead "
            "(while checking arguments for embedding)"
        )
    return rest


def _shares(indices: Any, scale_grad_by_freq: bool, dtype: Any) -> Any:
    """What each use of a row counts: 1, or its share of the uses in this batch."""
    if not scale_grad_by_freq or not indices.size:
        return None
    return (1.0 / np.bincount(indices.reshape(-1))[indices]).astype(dtype)[..., None]


def _backward(
    g: Any, indices: Any, num_weights: int, padding_idx: int, scale_grad_by_freq: bool
) -> Any:
    indices = _long(indices)
    shares = _shares(indices, scale_grad_by_freq, g.dtype)
    if shares is not None:
        g = g * shares
    return kernels.embedding_backward(g, indices, num_weights, padding_idx)


def _twice(weight: Any, indices: Any, padding_idx: int) -> Any:
    """The adjoint of `_backward`; like PyTorch's it does not divide by frequency again."""
    out = kernels.embedding(weight, _long(indices))
    if padding_idx >= 0:
        out[indices == padding_idx] = 0
    return out


embedding = linear(
    "embedding",
    lambda weight, indices, padding_idx, scale_grad_by_freq, sparse: kernels.embedding(
        weight, _long(indices)),
    "embedding(Tensor weight, Tensor indices, SymInt padding_idx=-1, "
    "bool scale_grad_by_freq=False, bool sparse=False) -> Tensor", inputs=("weight", "indices"),
    check=_check,
    weight=lambda k, g, indices, weight_shape, padding_idx, scale_grad_by_freq: (
        k.embedding_dense_backward(
            g, indices, weight_shape[0], padding_idx, scale_grad_by_freq)),
)  # fmt: skip
embedding_dense_backward = linear(
    "embedding_dense_backward", _backward,
    "embedding_dense_backward(Tensor grad_output, Tensor indices, SymInt num_weights, "
    "SymInt padding_idx, bool scale_grad_by_freq) -> Tensor", inputs=("x", "indices"),
    public=False,
    x=lambda k, g, indices, padding_idx: k.embedding_twice(g, indices, padding_idx),
)  # fmt: skip
embedding_twice = linear(
    "embedding_twice", _twice,
    "_embedding_twice(Tensor weight, Tensor indices, SymInt padding_idx) -> Tensor",
    inputs=("x", "indices"), public=False,
    x=lambda k, g, indices, x_shape, padding_idx: k.embedding_dense_backward(
        g, indices, x_shape[0], padding_idx, False),
)  # fmt: skip


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """A last dim with 1 at each class number and 0 elsewhere.

    Shape: ``(*)`` to ``(*, num_classes)``.

    Args:
        num_classes: how many classes there are; -1 for the largest number plus one.

    Raises:
        RuntimeError: numbers that are negative, not int64, or too large.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.functional.one_hot.html

    >>> import rushlight as torch
    >>> torch.nn.functional.one_hot(torch.tensor([0, 2]), 3)  # doctest: +SKIP
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    return one_hot_row.call(tensor, num_classes)


def _one_hot(x: Any, num_classes: int) -> Any:
    if x.dtype != np.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if not x.size:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return np.zeros((*x.shape, num_classes), np.int64)
    if x.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    if num_classes == -1:
        num_classes = int(x.max()) + 1
    elif num_classes < 1:
        raise RuntimeError("num_classes should be positive")
    elif num_classes <= x.max():
        raise RuntimeError("Class values must be smaller than num_classes.")
    out = np.zeros((x.size, num_classes), np.int64)
    out[np.arange(x.size), x.reshape(-1)] = 1
    return out.reshape(*x.shape, num_classes)


one_hot_row = linear(
    "one_hot", _one_hot, "one_hot(Tensor self, int num_classes=-1) -> Tensor", inputs=("x",),
    public=False,
)  # fmt: skip


def embedding_function(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of `weight` with the numbers in `input`.

    Shape: input ``(*)``, weight ``(V, D)``, result ``(*, D)``.

    Args:
        padding_idx: this row receives no gradient.
        max_norm: rows that are used and longer than this are scaled to it, in place.
        scale_grad_by_freq: divide a row's gradient by its number of uses in this batch.

    Raises:
        IndexError: a number that is no row.
        AssertionError: `padding_idx` is no row.
        NotImplementedError: ``sparse=True``.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.functional.embedding.html
    """
    if sparse:
        raise NotImplementedError("embedding with sparse=True: rushlight has no sparse gradients")
    size = weight._data.shape[0]
    if padding_idx is None:
        padding_idx = -1
    elif padding_idx > 0:
        assert padding_idx < size, "Padding_idx must be within num_embeddings"
    elif padding_idx < 0:
        assert padding_idx >= -size, "Padding_idx must be within num_embeddings"
        padding_idx += size
    if max_norm is not None:
        shorten_rows(weight, input, max_norm, norm_type)
    return embedding.call(weight, input, padding_idx, scale_grad_by_freq, False)


def shorten_rows(weight: Tensor, input: Tensor, max_norm: float, norm_type: float) -> None:
    """Scale the rows in use to at most `max_norm`, outside the graph, as PyTorch does."""
    data = weight._data
    reads(input, "item()")
    used = np.unique(input._data)
    if used.size and (used[0] < 0 or used[-1] >= data.shape[0]):
        raise IndexError("index out of range in self")
    rows = data[used]
    norms = (np.abs(rows) ** norm_type).sum(1, keepdims=True) ** (1 / norm_type)
    scale = np.where(norms > max_norm, max_norm / (norms + 1e-7), 1)
    data[used] = (rows * scale).astype(data.dtype)
    _core.bump(weight)


embedding_function.__name__ = embedding_function.__qualname__ = "embedding"
registry.public("one_hot", one_hot, torch=False, method=False, nn=True)
registry.public("embedding", embedding_function, torch=False, method=False, nn=True)
