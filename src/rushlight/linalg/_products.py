"""torch.linalg: products of vectors and matrices, powers of numbers, diagonals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._core import OPS, dtype_of, wrap
from .._ops import distances, matrix_checks
from .._ops import linalg as _products

if TYPE_CHECKING:
    from .._core import Tensor

matmul = _products.matmul
cross = distances.linalg_cross


def multi_dot(tensors: Any) -> Tensor:
    """The product of several matrices, in the order that takes the least work.

    Shape: matrices that fit; the first and the last may be vectors.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.multi_dot.html

    >>> import rushlight as torch
    >>> torch.linalg.multi_dot([torch.ones(2), torch.ones(2, 3), torch.ones(3)])
    tensor(6.)
    """
    return distances.multi_dot(tuple(tensors))


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """``sum conj(x_i) y_i`` along `dim`; the inputs broadcast.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.vecdot.html

    >>> import rushlight as torch
    >>> torch.linalg.vecdot(torch.tensor([1., 2.]), torch.tensor([3., 4.]))
    tensor(11.)
    """
    matrix_checks.floating(x._data, "linalg.vecdot")
    if x._data.dtype != y._data.dtype:
        raise RuntimeError(
            "linalg.vecdot: Expected x and y to have the same dtype, but found x of type "
            f"{dtype_of(x).type_name} and y of type {dtype_of(y).type_name} instead"
        )
    return (x.conj() * y).sum(dim)


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """A view of the diagonals of matrices, by default of the last two dims.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.diagonal.html

    >>> import rushlight as torch
    >>> torch.linalg.diagonal(torch.eye(2))
    tensor([1., 1.])
    """
    return OPS["diagonal"].call(A, offset, dim1, dim2)


def vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """The powers ``x^0 ... x^(N-1)`` of each element, along a new last dim.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.vander.html

    >>> import rushlight as torch
    >>> torch.linalg.vander(torch.tensor([1, 2]), N=3)
    tensor([[1, 1, 1],
            [1, 2, 4]])
    """
    kind = x._data.dtype.kind
    if kind == "b":
        raise RuntimeError(
            "linalg.vander supports floating point, complex, and integer tensors, but got "
            f"{dtype_of(x).type_name}"
        )
    shape = x._data.shape
    n = (shape[-1] if shape else 1) if N is None else N
    if n <= 1:
        raise RuntimeError("N must be greater than 1.")
    ones = wrap(np.ones((*shape, 1), x._data.dtype))
    repeated = x.unsqueeze(-1).expand(*shape, n - 1)
    return OPS["cat"].call([ones, repeated.cumprod(-1)], -1)
