"""torch.linalg: norms of vectors and matrices, and condition numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _dtypes
from .._core import OPS, dtype_of, wrap
from .._ops import linear_algebra, matrix_checks, spectral
from .._ops import reduce as _reduce
from .._ops import solve as _solve
from .._ops import statistics as _statistics
from .._ops.checks import canonical_dim

if TYPE_CHECKING:
    from .._core import Tensor


def vector_norm(
    input: Tensor, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """``(sum |x_i|^ord)^(1/ord)`` over all elements, or over `dim`.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.vector_norm.html

    >>> import rushlight as torch
    >>> torch.linalg.vector_norm(torch.tensor([3., 4.]))
    tensor(5.)
    """
    x = _widened(input, dtype, "linalg.vector_norm")
    return _statistics.norm_row.call(x, ord, dim, keepdim)


def _widened(x: Tensor, dtype: Any, name: str) -> Tensor:
    if dtype is None:
        return x
    given = dtype_of(x)
    joined = _dtypes.result_type(((given, 2), (dtype, 2)))
    if given.category >= _dtypes.FLOATING and joined is not dtype:
        raise RuntimeError(
            f"{name}: the dtype of the input ({given.type_name}) should be convertible without "
            f"narrowing to the specified dtype ({dtype.type_name})"
        )
    return _reduce.with_dtype(x, dtype)


def matrix_norm(
    input: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *,
    dtype: Any = None,
) -> Tensor:  # fmt: skip
    """The norm of matrices.

    Args:
        ord: ``"fro"``: the root of all squares; ``"nuc"``: the sum of the singular values; 2 and
            -2: the largest and smallest of them; 1, -1: the largest and smallest absolute sum of a
            column; ``inf``, ``-inf``: of a row.
        dim: which dims are rows and columns.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.matrix_norm.html

    >>> import rushlight as torch
    >>> torch.linalg.matrix_norm(torch.tensor([[3., 4.], [0., 0.]]))
    tensor(5.)
    """
    name = "linalg.matrix_norm"
    size = abs(ord) if isinstance(ord, int | float) else None
    if ord not in ("fro", "nuc") and size not in (1, 2, math.inf):
        raise RuntimeError(f"{name}: Order {_shown(ord)} not supported.")
    data = input._data
    matrix_checks.two_dims(data, name)
    if len(dim) != 2:
        raise RuntimeError(
            f"{name}: dim must be a 2-tuple. Got {' '.join(map(str, dim))}"
        )
    matrix_checks.floating(data, name)
    rows, columns = (canonical_dim(d, data.ndim) for d in dim)
    if rows == columns:
        raise RuntimeError(f"{name}: dims must be different. Got ({dim[0]}, {dim[1]})")
    x: Any = _widened(input, dtype, name)
    if ord == "fro":
        return _statistics.norm_row.call(x, 2, (rows, columns), keepdim)
    if ord == "nuc":
        return linear_algebra.nuclear_norm(x, (rows, columns), keepdim)
    if size == 2:
        order = (*(d for d in range(data.ndim) if d not in (rows, columns)), rows, columns)
        values = spectral.svdvals.call(OPS["permute"].call(x, order))
        result = _extremum(values, values.dim() - 1, ord, keepdim)
        return linear_algebra.moved_back(result, rows, columns) if keepdim else result
    summed, kept = (rows, columns) if size == 1 else (columns, rows)
    if not keepdim and kept > summed:
        kept -= 1
    sums = _statistics.norm_row.call(x, 1, summed, keepdim)
    return _extremum(sums, kept, ord, keepdim)


def _shown(ord: Any) -> str:
    return f"{ord:g}" if isinstance(ord, float) else str(ord)


def _extremum(values: Any, dim: int, ord: float, keepdim: bool) -> Any:
    if not values._data.shape[dim]:
        return values.sum(dim, keepdim)
    return (_reduce.amax if ord > 0 else _reduce.amin).call(values, (dim,), keepdim)


def norm(
    input: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """A vector norm, or a matrix norm where two dims and an order are given.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.norm.html

    >>> import rushlight as torch
    >>> torch.linalg.norm(torch.tensor([[3., 4.]]))
    tensor(5.)
    """
    dims = (dim,) if isinstance(dim, int) else dim
    if isinstance(ord, str):
        n = input._data.ndim
        if dims is None and n not in (1, 2):
            raise _unclear(n)
        return matrix_norm(input, ord, (-2, -1) if dims is None else dims, keepdim, dtype=dtype)
    if dims is not None and len(dims) not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dims)}"
        )
    if ord is not None and dims is None:
        if input._data.ndim not in (1, 2):
            raise _unclear(input._data.ndim)
        dims = (0, 1) if input._data.ndim == 2 else None
    if ord is not None and dims is not None and len(dims) == 2:
        return matrix_norm(input, ord, dims, keepdim, dtype=dtype)
    return vector_norm(input, 2 if ord is None else ord, dims, keepdim, dtype=dtype)


def _unclear(n: int) -> Exception:
    return RuntimeError(
        "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got "
        f"{n}D."
    )


def cond(input: Tensor, p: Any = None) -> Tensor:
    """The condition number ``|A| |A^-1|``; infinite for singular matrices.

    Shape: (*, n, n) to (*); any matrices with `p` 2 or -2.

    Args:
        p: the norm, as in `matrix_norm`; by default the largest singular value.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.cond.html

    >>> import rushlight as torch
    >>> torch.linalg.cond(torch.tensor([[4., 0.], [0., 2.]]))
    tensor(2.)
    """
    data = input._data
    if data.ndim < 2:
        raise RuntimeError("linalg.cond: The input tensor must have at least 2 dimensions.")
    p = 2 if p is None else p
    if p not in ("fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf):
        raise RuntimeError(f"linalg.cond got an invalid norm type: {_shown(p)}")
    matrix_checks.floating(data, "linalg.svd")
    if p not in (2, -2):
        matrix_checks.square(data, f"linalg.cond(ord={_shown(p)})")
    if not data.size:
        return wrap(np.zeros(data.shape[:-2], data.real.dtype))
    if p in (2, -2):
        values: Any = spectral.svdvals.call(input)
        largest, smallest = values[..., :1], values[..., -1:]
        ratio = largest / smallest if p == 2 else smallest / largest
        return ratio.squeeze(-1)
    inverse, info = _solve.inv_ex.call(input)
    singular = info > 0
    if singular._data.any():
        inverse = inverse.masked_fill(singular[..., None, None], 0)
    product: Any = matrix_norm(input, p) * matrix_norm(inverse, p).masked_fill(singular, math.inf)
    return product.nan_to_num(math.inf, math.inf, -math.inf)
