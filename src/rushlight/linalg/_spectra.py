"""torch.linalg: singular values, eigenvalues, the matrix exponential."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._ops import linear_algebra
from .._ops import spectral as rows

if TYPE_CHECKING:
    from .._core import Tensor

matrix_exp = linear_algebra.matrix_exp


def _refuse_driver(driver: Any) -> None:
    if driver is not None:
        raise RuntimeError(
            "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with "
            "cuSOLVER backend."
        )


def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> Any:
    """``A = U diag(S) Vh`` with the singular values S in falling order.

    Shape: A (*, m, n); U (*, m, m), S (*, k), Vh (*, n, n) with k = min(m, n); U (*, m, k) and
    Vh (*, k, n) without `full_matrices`.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.svd.html

    >>> import rushlight as torch
    >>> torch.linalg.svd(torch.tensor([[3., 0.], [0., -4.]])).S
    tensor([4., 3.])
    """
    _refuse_driver(driver)
    return rows.svd.call(A, full_matrices)


def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """The singular values in falling order.

    Shape: (*, m, n) to (*, min(m, n)).

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.svdvals.html

    >>> import rushlight as torch
    >>> torch.linalg.svdvals(torch.tensor([[3., 0.], [0., -4.]]))
    tensor([4., 3.])
    """
    _refuse_driver(driver)
    return rows.svdvals.call(A)


def eigh(input: Tensor, UPLO: str = "L") -> Any:
    """``A = V diag(L) V^H`` for symmetric or Hermitian A, the eigenvalues in rising order.

    Shape: A (*, n, n); L (*, n), V (*, n, n).

    Args:
        UPLO: which triangle of `input` is read: ``"L"`` or ``"U"``.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.eigh.html

    >>> import rushlight as torch
    >>> torch.linalg.eigh(torch.tensor([[2., 0.], [0., 1.]])).eigenvalues
    tensor([1., 2.])
    """
    return rows.eigh.call(input, UPLO)


def eigvalsh(input: Tensor, UPLO: str = "L") -> Tensor:
    """The eigenvalues of a symmetric or Hermitian matrix in rising order.

    Shape: (*, n, n) to (*, n).

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.eigvalsh.html

    >>> import rushlight as torch
    >>> torch.linalg.eigvalsh(torch.tensor([[2., 0.], [0., 1.]]))
    tensor([1., 2.])
    """
    return rows.eigvalsh.call(input, UPLO)


def eig(input: Tensor) -> Any:
    """``A = V diag(L) V^-1``; eigenvalues and eigenvectors are complex.

    Shape: A (*, n, n); L (*, n), V (*, n, n).

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.eig.html

    >>> import rushlight as torch
    >>> torch.linalg.eig(torch.tensor([[2., 0.], [0., 1.]])).eigenvalues
    tensor([2.+0.j, 1.+0.j])
    """
    return rows.eig.call(input)


def eigvals(input: Tensor) -> Tensor:
    """The eigenvalues of a square matrix, complex and in no order.

    Shape: (*, n, n) to (*, n).

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.eigvals.html

    >>> import rushlight as torch
    >>> torch.linalg.eigvals(torch.tensor([[2., 0.], [0., 1.]]))
    tensor([2.+0.j, 1.+0.j])
    """
    return rows.eigvals.call(input)
