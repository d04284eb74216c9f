"""torch.linalg: Cholesky, LU, QR, and products of reflections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._define.results import return_type
from .._ops import factor as rows
from .._ops import ldl, linear_algebra

if TYPE_CHECKING:
    from .._core import Tensor

householder_product = linear_algebra.householder_product
ldl_solve = ldl.ldl_solve


def cholesky(input: Tensor, *, upper: bool = False) -> Tensor:
    """The lower triangular L of ``A = L L^H``; with `upper`, its conjugate transpose.

    Shape: (*, n, n) to (*, n, n). Only one triangle of `input` is read.

    Raises:
        LinAlgError: a matrix is not positive-definite.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.cholesky.html

    >>> import rushlight as torch
    >>> torch.linalg.cholesky(torch.tensor([[4., 2.], [2., 2.]]))
    tensor([[2., 0.],
            [1., 1.]])
    """
    factor, info = rows.cholesky_ex.call(input, upper)
    rows.refuse_indefinite(info, "linalg.cholesky")
    return factor


def cholesky_ex(input: Tensor, *, upper: bool = False, check_errors: bool = False) -> Any:
    """The Cholesky factor and 0, or which leading minor is not positive in place of an error.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.cholesky_ex.html

    >>> import rushlight as torch
    >>> torch.linalg.cholesky_ex(-torch.eye(2)).info
    tensor(1, dtype=torch.int32)
    """
    found = rows.cholesky_ex.call(input, upper)
    if check_errors:
        rows.refuse_indefinite(found[1], "linalg.cholesky_ex")
    return found


def qr(A: Tensor, mode: str = "reduced") -> Any:
    """Q with orthonormal columns and the upper triangular R of ``A = Q R``.

    Shape: A (*, m, n); with k = min(m, n): Q (*, m, k), R (*, k, n).

    Args:
        mode: ``"reduced"``; ``"complete"`` for Q (*, m, m); ``"r"`` for R only.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.qr.html

    >>> import rushlight as torch
    >>> Q, R = torch.linalg.qr(torch.tensor([[3.], [4.]]))
    >>> R
    tensor([[-5.]])
    """
    return rows.qr.call(A, mode)


def _refuse_no_pivoting(pivot: bool) -> None:
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")


def lu(A: Tensor, *, pivot: bool = True) -> Any:
    """``A = P L U``: a permutation, a lower triangle with ones on its diagonal, an upper one.

    Shape: A (*, m, n); with k = min(m, n): P (*, m, m), L (*, m, k), U (*, k, n).

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.lu.html

    >>> import rushlight as torch
    >>> torch.linalg.lu(torch.tensor([[1., 2.], [2., 2.]])).U
    tensor([[2., 2.],
            [0., 1.]])
    """
    _refuse_no_pivoting(pivot)
    return rows.lu.call(A)


_factored = return_type("linalg_lu_factor", ("LU", "pivots"))


def lu_factor(A: Tensor, *, pivot: bool = True) -> Any:
    """L and U in one matrix, and which rows were exchanged, counted from 1.

    Raises:
        RuntimeError: a matrix is singular.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.lu_factor.html

    >>> import rushlight as torch
    >>> torch.linalg.lu_factor(torch.tensor([[1., 2.], [2., 2.]])).pivots
    tensor([2, 2], dtype=torch.int32)
    """
    _refuse_no_pivoting(pivot)
    factors, pivots, info = rows.lu_factor_ex.call(A)
    rows.refuse_zero_pivot(info, "torch.linalg.lu_factor")
    return _factored(factors, pivots)


def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> Any:
    """`lu_factor`, and 0 or which pivot is zero in place of an error.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.lu_factor_ex.html

    >>> import rushlight as torch
    >>> torch.linalg.lu_factor_ex(torch.zeros(1, 1)).info
    tensor(1, dtype=torch.int32)
    """
    _refuse_no_pivoting(pivot)
    found = rows.lu_factor_ex.call(A)
    if check_errors:
        rows.refuse_zero_pivot(found[2], "torch.linalg.lu_factor_ex")
    return found


_ldl_factored = return_type("linalg_ldl_factor", ("LD", "pivots"))


def ldl_factor(input: Tensor, *, hermitian: bool = False) -> Any:
    """``A = L D L^T`` (``L D L^H`` if `hermitian`) in LAPACK's packed form, with its pivots.

    Raises:
        RuntimeError: D has a zero on its diagonal.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.ldl_factor.html

    >>> import rushlight as torch
    >>> torch.linalg.ldl_factor(torch.tensor([[4., 2.], [2., 5.]])).pivots
    tensor([1, 2], dtype=torch.int32)
    """
    factors, pivots, info = ldl.ldl_factor_ex.call(input, hermitian)
    ldl.refuse_zero_pivot(info, "torch.linalg.ldl_factor")
    return _ldl_factored(factors, pivots)


def ldl_factor_ex(input: Tensor, *, hermitian: bool = False, check_errors: bool = False) -> Any:
    """`ldl_factor`, and 0 or which element of D is zero in place of an error.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.ldl_factor_ex.html

    >>> import rushlight as torch
    >>> torch.linalg.ldl_factor_ex(torch.eye(2)).info
    tensor(0, dtype=torch.int32)
    """
    found = ldl.ldl_factor_ex.call(input, hermitian)
    if check_errors:
        ldl.refuse_zero_pivot(found[2], "torch.linalg.ldl_factor_ex")
    return found
