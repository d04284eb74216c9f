"""torch.linalg: the norms that gradient clipping and penalties use, and products.

Factorisations and solvers are not here yet; asking for one raises, naming it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._core import OPS
from ._ops import linalg as _products
from ._ops import reduce as _reduce
from ._ops import statistics as _statistics

if TYPE_CHECKING:
    from ._core import Tensor

matmul = _products.matmul


def vector_norm(
    x: Tensor, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None,
    out: Any = None,
) -> Tensor:  # fmt: skip
    """``(sum |x_i|^ord)^(1/ord)`` over all elements, or over `dim`.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.vector_norm.html

    >>> import rushlight as torch
    >>> torch.linalg.vector_norm(torch.tensor([3., 4.]))
    tensor(5.)
    """
    if dtype is not None:
        x = _reduce.with_dtype(x, dtype)
    result: Any = _statistics.norm_row.call(x, ord, dim, keepdim)
    return _written("linalg_vector_norm", result, out)


def matrix_norm(
    A: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *,
    dtype: Any = None, out: Any = None,
) -> Tensor:  # fmt: skip
    """The norm of matrices: Frobenius, or the largest absolute row or column sum.

    Args:
        ord: ``"fro"``, ``inf``, ``-inf``, 1 or -1.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.matrix_norm.html

    >>> import rushlight as torch
    >>> torch.linalg.matrix_norm(torch.tensor([[3., 4.], [0., 0.]]))
    tensor(5.)
    """
    if dtype is not None:
        A = _reduce.with_dtype(A, dtype)
    if ord == "fro":
        result: Any = _statistics.norm_row.call(A, 2, dim, keepdim)
    elif ord in (1, -1, float("inf"), -float("inf")):
        n = A._data.ndim
        rows, columns = (d % n for d in dim)
        summed, kept = (rows, columns) if ord in (1, -1) else (columns, rows)
        sums = _reduce.sum_row.call(OPS["abs"].call(A), (summed,), True)
        extremum = _reduce.amax if ord > 0 else _reduce.amin
        result = extremum.call(sums, (kept,), True)
        if not keepdim:
            result = result.squeeze((rows, columns))
    else:
        raise NotImplementedError(f"torch.linalg.matrix_norm(ord={ord!r})")
    return _written("linalg_matrix_norm", result, out)


def norm(
    A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, out: Any = None,
    dtype: Any = None,
) -> Tensor:  # fmt: skip
    """A vector norm, or a matrix norm where two dims and an order are given.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.norm.html

    >>> import rushlight as torch
    >>> torch.linalg.norm(torch.tensor([[3., 4.]]))
    tensor(5.)
    """
    two = dim is not None and not isinstance(dim, int) and len(dim) == 2
    if isinstance(ord, str) or (ord is not None and (two or (dim is None and A._data.ndim == 2))):
        return matrix_norm(A, ord, (-2, -1) if dim is None else dim, keepdim, dtype=dtype, out=out)
    return vector_norm(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype, out=out)


def multi_dot(tensors: Any, *, out: Any = None) -> Tensor:
    """The product of several matrices.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.multi_dot.html
    """
    return _written("linalg_multi_dot", _products.chain(tuple(tensors)), out)


def _written(name: str, result: Any, out: Any) -> Any:
    if out is None:
        return result
    from ._define.promote import into

    return into(name, result, out)


def __getattr__(name: str) -> Any:
    from ._missing import missing_attribute

    raise missing_attribute("torch.linalg", name)
