"""Similarities and distances of `torch.nn.functional`."""

from __future__ import annotations

from typing import Any

from ..._core import Tensor


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """``x1 . x2 / (max(|x1|, eps) max(|x2|, eps))`` along `dim`; the inputs broadcast.

    Source: torch.nn.functional.cosine_similarity.

    >>> import rushlight as torch
    >>> F = torch.nn.functional
    >>> F.cosine_similarity(torch.tensor([[3., 4.]]), torch.tensor([[4., 3.]]))
    tensor([0.9600])
    """
    from .margins import _together

    a: Any
    b: Any
    a, b = _together(x1, x2)
    if a._data.dtype != b._data.dtype:
        wide = (a.reshape(-1)[:0] + b.reshape(-1)[:0]).dtype
        a, b = a.to(wide), b.to(wide)
    # Each vector is divided by its own length, so that large ones do not overflow.
    a = a / a.norm(2, dim, keepdim=True).clamp_min(eps)
    b = b / b.norm(2, dim, keepdim=True).clamp_min(eps)
    return (a * b).sum(dim)


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """``||x1 - x2 + eps||_p`` over the last dimension; the inputs broadcast.

    Source: torch.nn.functional.pairwise_distance.

    >>> import rushlight as torch
    >>> F = torch.nn.functional
    >>> F.pairwise_distance(torch.tensor([[3., 4.]]), torch.tensor([[0., 0.]]))
    tensor([5.0000])
    """
    difference: Any = x1 - x2 + eps
    return difference.norm(p, -1, keepdim)


def pdist(input: Tensor, p: float = 2) -> Tensor:
    """The p-norm distance of every pair of rows, in the order of the upper triangle.

    Source: torch.nn.functional.pdist.

    >>> import rushlight as torch
    >>> torch.nn.functional.pdist(torch.tensor([[0., 0.], [3., 4.], [6., 8.]]))
    tensor([ 5., 10.,  5.])
    """
    import numpy as np

    import rushlight as torch

    if input._data.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input._data.ndim}D")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    rows, columns = np.triu_indices(input._data.shape[0], 1)
    left = input.index_select(0, torch.from_numpy(rows))
    right = input.index_select(0, torch.from_numpy(columns))
    return (left - right).norm(p, -1)


