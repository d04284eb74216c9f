"""torch.linalg: linear systems, inverses, determinants, least squares."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .._core import dtype_of, wrap
from .._define.calls import Odd
from .._ops import linear_algebra, matrix_checks
from .._ops import solve as rows

if TYPE_CHECKING:
    from .._core import Tensor

det = linear_algebra.det
matrix_power = linear_algebra.matrix_power


def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """X of ``A X = B``, or of ``X A = B`` where `left` is False.

    Shape: A (*, n, n), B (*, n, k), (*, n) or (n); the batch dims broadcast. Output: as B.

    Raises:
        LinAlgError: a matrix is singular.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.solve.html

    >>> import rushlight as torch
    >>> torch.linalg.solve(torch.tensor([[2., 0.], [0., 4.]]), torch.tensor([2., 2.]))
    tensor([1.0000, 0.5000])
    """
    result, info = rows.solve_ex.call(A, B, left)
    rows.refuse_singular(info, "torch.linalg.solve")
    return result


def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> Any:
    """X of ``A X = B`` and 0, or which pivot is zero in place of an error.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.solve_ex.html

    >>> import rushlight as torch
    >>> torch.linalg.solve_ex(torch.eye(2), torch.ones(2)).info
    tensor(0, dtype=torch.int32)
    """
    found = rows.solve_ex.call(A, B, left)
    if check_errors:
        rows.refuse_singular(found[1], "torch.linalg.solve_ex")
    return found


def inv(A: Tensor) -> Tensor:
    """The inverse of square matrices.

    Shape: (*, n, n) to (*, n, n).

    Raises:
        LinAlgError: a matrix is singular.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.inv.html

    >>> import rushlight as torch
    >>> torch.linalg.inv(torch.tensor([[2., 0.], [0., 4.]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    return linear_algebra.inverse(A)


def inv_ex(A: Tensor, *, check_errors: bool = False) -> Any:
    """The inverse and 0, or which pivot is zero in place of an error.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.inv_ex.html

    >>> import rushlight as torch
    >>> torch.linalg.inv_ex(torch.zeros(1, 1)).info
    tensor(1, dtype=torch.int32)
    """
    found = rows.inv_ex.call(A)
    if check_errors:
        rows.refuse_no_inverse(found[1], "linalg.inv_ex")
    return found


def slogdet(A: Tensor) -> Any:
    """The sign of the determinant and the logarithm of its absolute value.

    Shape: (*, n, n) to (*) and (*).

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.slogdet.html

    >>> import rushlight as torch
    >>> torch.linalg.slogdet(torch.eye(2))
    torch.return_types.linalg_slogdet(
    sign=tensor(1.),
    logabsdet=tensor(0.))
    """
    return rows.slogdet.call(A)


def solve_triangular(
    input: Tensor, B: Tensor, *, upper: Any = None, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """X of ``A X = B`` (``X A = B`` where `left` is False), A being one triangle of `input`.

    Shape: A (*, n, n), B (*, n, k); the batch dims broadcast.

    Args:
        unitriangular: take the diagonal to be ones.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.solve_triangular.html

    >>> import rushlight as torch
    >>> A = torch.tensor([[1., 1.], [0., 2.]])
    >>> torch.linalg.solve_triangular(A, torch.tensor([[2.], [2.]]), upper=True)
    tensor([[1.],
            [1.]])
    """
    if upper is None:
        raise TypeError("linalg_solve_triangular() needs `upper`")
    return linear_algebra.triangular(input, B, upper, left, unitriangular)


def lstsq(
    input: Tensor, b: Tensor, rcond: float | None = None, *, driver: str | None = None
) -> Any:
    """X with the least ``|A X - B|``, and among several the shortest.

    Shape: A (*, m, n), B (*, m, k) or (*, m); solution (*, n, k) or (*, n).

    Args:
        rcond: singular values below this part of the largest count as zero.
        driver: ``"gelsy"``, ``"gelsd"``, ``"gelss"``, or ``"gels"`` for full rank: which of
            the residuals, the rank and the singular values are given beside the solution.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.lstsq.html

    >>> import rushlight as torch
    >>> torch.linalg.lstsq(torch.tensor([[1.], [0.]]), torch.tensor([[2.], [3.]])).solution
    tensor([[2.]])
    """
    if rcond is None and input._data.ndim >= 2 and input._data.dtype.kind in "fc":
        rcond = float(np.finfo(input._data.dtype).eps) * max(input._data.shape[-2:])
    real = input._data.real.dtype
    limit = wrap(np.asarray(rcond or 0.0, real if real.kind == "f" else np.float64))
    a, right = input._data.shape, b._data.shape
    if len(a) > 2 and len(right) == len(a) - 1 and a[:-1] != right:
        raise matrix_checks.batch_error(a[:-1], right)
    if len(a) >= 2 and len(right) == len(a) and a[:-2] != right[:-2]:
        raise matrix_checks.batch_error(a[:-2], right[:-2])
    return rows.lstsq.call(input, b, limit, "gelsy" if driver is None else driver)


def _limits(A: Tensor, atol: Any, rtol: Any, name: str) -> tuple[Any, Any]:
    """Both tolerances as arrays; without any, rounding decides."""
    given = atol is not None
    found: list[Any] = []
    for value, argument in ((atol, "atol"), (rtol, "rtol")):
        if value is None:
            default: Any = 0.0
            if argument == "rtol":
                eps = float(np.finfo(A._data.dtype).eps) * max(A._data.shape[-2:])
                default = 0.0 if given else eps
                if given:
                    # An absolute tolerance of 0 stands for none.
                    default = np.where(np.asarray(found[0]) > 0, 0.0, eps)
            value = np.asarray(default)
        elif hasattr(value, "_data"):
            if value._data.dtype.kind == "c":
                raise RuntimeError(f"{name}: {argument} tensor of complex type is not supported.")
            value = value._data
        else:
            value = np.asarray(float(value))
        found.append(value.astype(A._data.real.dtype))
    return found[0], found[1]


def pinv(*args: Any, **kwargs: Any) -> Tensor:
    """``pinv(input, *, atol=None, rtol=None, hermitian=False)``: the pseudoinverse.

    Singular values at most ``max(atol, rtol * largest)`` count as zero.

    Shape: (*, m, n) to (*, n, m).

    Args:
        rcond: another name of `rtol`.
        hermitian: `input` equals its conjugate transpose.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.pinv.html

    >>> import rushlight as torch
    >>> torch.linalg.pinv(torch.tensor([[2.], [0.]]))
    tensor([[0.5000, 0.0000]])
    """
    if "out" in kwargs:
        raise Odd
    return _pinv(*args, **kwargs)


def _pinv(
    input: Tensor, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> Tensor:
    data = input._data
    if data.ndim < 2 or data.dtype.kind not in "fc" or data.dtype.itemsize < 4:
        shape = ", ".join(map(str, data.shape))
        raise RuntimeError(
            f"linalg.pinv({dtype_of(input).type_name}{{[{shape}]}}): expected a tensor with 2 or "
            "more dimensions of float, double, cfloat or cdouble types"
        )
    if hermitian:
        matrix_checks.square(data, "linalg.eigh")
    low, part = _limits(input, atol, rcond if rtol is None else rtol, "torch.linalg.pinv")
    return rows.pinv.call(input, wrap(low), wrap(part), hermitian)


def matrix_rank(*args: Any, **kwargs: Any) -> Tensor:
    """``matrix_rank(input, *, atol=None, rtol=None, hermitian=False)``: the number of singular
    values above ``max(atol, rtol * largest)``.

    Shape: (*, m, n) to (*).

    Args:
        tol: an absolute tolerance.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.matrix_rank.html

    >>> import rushlight as torch
    >>> torch.linalg.matrix_rank(torch.ones(2, 2))
    tensor(1)
    """
    if "out" in kwargs:
        raise Odd
    return _matrix_rank(*args, **kwargs)


def _matrix_rank(
    input: Tensor, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> Tensor:
    data = input._data
    matrix_checks.two_dims(data, "torch.linalg.matrix_rank", "input")
    if data.dtype.kind not in "fc" or data.dtype.itemsize < 4:
        raise RuntimeError("This function doesn't handle types other than float and double")
    if hermitian:
        matrix_checks.square(data, "linalg.eigh")
    if tol is not None:
        atol, rtol = tol, 0.0
    low, part = _limits(input, atol, rtol, "torch.linalg.matrix_rank")
    if not data.size:
        return wrap(np.zeros(data.shape[:-2], np.int64))
    values = (np.abs(np.linalg.eigvalsh(data)) if hermitian
              else np.linalg.svd(data, compute_uv=False))  # fmt: skip
    bound = np.maximum(low, part * values.max(-1))
    return wrap(np.asarray((values > bound[..., None]).sum(-1)))


def tensorinv(input: Tensor, ind: int = 2) -> Tensor:
    """The inverse under `tensordot`, with the first `ind` dims of `input` as rows.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.tensorinv.html

    >>> import rushlight as torch
    >>> torch.linalg.tensorinv(torch.eye(4).reshape(2, 2, 4)).shape
    torch.Size([4, 2, 2])
    """
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    shape = input._data.shape
    below, front = math.prod(shape[ind:]), math.prod(shape[:ind])
    if below != front:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == "
            f"prod(self.shape[:ind]), but got {below} != {front}"
        )
    result, info = rows.inv_ex.call(input.reshape(front, below))
    rows.refuse_no_inverse(info, "inv")
    return result.reshape(*shape[ind:], *shape[:ind])


def tensorsolve(input: Tensor, other: Tensor, dims: Any = None) -> Tensor:
    """X of ``tensordot(A, X) = B``.

    Args:
        dims: dims of `input` that are first moved to its end.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.tensorsolve.html

    >>> import rushlight as torch
    >>> torch.linalg.tensorsolve(torch.eye(4).reshape(2, 2, 4), torch.ones(2, 2))
    tensor([1., 1., 1., 1.])
    """
    x: Any = input
    if dims is not None:
        n = x.dim()
        x = x.movedim(tuple(dims), tuple(range(n - len(dims), n)))
    at = other._data.ndim
    shape = x._data.shape
    below, front = math.prod(shape[at:]), math.prod(shape[:at])
    if below != front or front != other._data.size:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
            f"prod(self.shape[:other.ndim]), but got {below} != {other._data.size}"
        )
    result = solve(x.reshape(front, below), other.flatten())
    return result.reshape(shape[at:])


def lu_solve(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False
) -> Tensor:
    """X of ``A X = B`` for the factors of A that `lu_factor` gives.

    Args:
        left: False for ``X A = B``.
        adjoint: solve with the conjugate transpose of A.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.lu_solve.html

    >>> import rushlight as torch
    >>> torch.linalg.lu_solve(*torch.linalg.lu_factor(2 * torch.eye(2)), torch.ones(2, 1))
    tensor([[0.5000],
            [0.5000]])
    """
    return linear_algebra.solve_factored(LU, pivots, B, left, adjoint)

