"""Linear algebra in the torch namespace: functions over the rows of `solve`, `factor` and
`spectral`, under the names and conventions that `torch` has beside `torch.linalg`."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _dtypes
from .._core import OPS, Tensor, dtype_of, wrap
from .._define.results import return_type
from .._tensor import registry
from ..autograd.naming import renamed
from . import factor, solve, spectral
from .deprecation import tell_once
from .linalg import matmul
from .matrix_checks import batch_shape, floating, square, supported, two_dims, type_name
from .movement import expand

# ---- inverse, determinant, powers ----------------------------------------------------------------


def inverse(input: Tensor) -> Tensor:
    """The inverse of square matrices, as `torch.linalg.inv`.

    >>> import rushlight as torch
    >>> torch.inverse(torch.tensor([[2.]]))
    tensor([[0.5000]])
    """
    result, info = solve.inv_ex.call(input)
    solve.refuse_no_inverse(info, "linalg.inv")
    return result


def det(A: Tensor) -> Tensor:
    """The determinant of square matrices.

    Shape: (*, n, n) to (*).

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.det.html

    >>> import rushlight as torch
    >>> torch.linalg.det(torch.tensor([[1., 2.], [3., 5.]]))
    tensor(-1.)
    """
    return solve.det.call(A)


_slogdet_type = return_type("slogdet", ("sign", "logabsdet"))


def slogdet(input: Tensor) -> Any:
    """The sign of the determinant and the logarithm of its absolute value."""
    return _slogdet_type(*solve.slogdet.call(input))


def logdet(input: Tensor) -> Tensor:
    """The logarithm of the determinant; NaN where it is negative.

    >>> import rushlight as torch
    >>> torch.logdet(torch.eye(2))
    tensor(0.)
    """
    square(input._data, "logdet")
    floating(input._data, "logdet")
    sign, logabsdet = solve.slogdet.call(input)
    if input._data.dtype.kind == "c":
        return sign.log() + logabsdet
    return OPS["where"].call(sign == -1, float("nan"), logabsdet)


def matrix_power(input: Tensor, n: int) -> Tensor:
    """The n-th power of square matrices; of their inverses for negative n.

    Shape: (*, n, n) to (*, n, n).

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.matrix_power.html

    >>> import rushlight as torch
    >>> torch.matrix_power(torch.tensor([[2.]]), 3)
    tensor([[8.]])
    """
    if not isinstance(n, int):
        raise TypeError(f"matrix_power() takes an int, not {type(n).__name__}")
    square(input._data, "linalg.matrix_power")
    x: Any = input
    if n == 0:
        eye = np.broadcast_to(np.eye(x._data.shape[-1], dtype=x._data.dtype), x._data.shape)
        return x.clone().copy_(wrap(eye.copy()))
    if n < 0:
        x, n = inverse(x), -n
    if n == 1:
        return x if x is not input else x.clone()
    if n == 3:
        return matmul(matmul(x, x), x)
    result: Any = None
    while n:
        n, odd = divmod(n, 2)
        if odd:
            result = x if result is None else matmul(result, x)
        if n:
            x = matmul(x, x)
    return result


def matrix_exp(input: Tensor) -> Tensor:
    """The exponential ``sum A^k / k!`` of square matrices.

    Shape: (*, n, n) to (*, n, n).

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.matrix_exp.html; computed
    by Higham, The Scaling and Squaring Method for the Matrix Exponential Revisited (2005).

    >>> import rushlight as torch
    >>> torch.matrix_exp(torch.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    return spectral.matrix_exp.call(input)


# ---- Cholesky ------------------------------------------------------------------------------------


def cholesky(input: Tensor, upper: bool = False) -> Tensor:
    """The Cholesky factor, as `torch.linalg.cholesky`."""
    tell_once("cholesky")
    square(input._data, "cholesky")
    supported(input._data, "cholesky_cpu")
    result, info = factor.cholesky_ex.call(input, upper)
    factor.refuse_indefinite(info, "cholesky")
    renamed(result, "CholeskyBackward0")
    return result


def _mH(x: Any) -> Any:
    flipped = OPS["transpose"].call(x, -2, -1)
    return flipped.conj() if x._data.dtype.kind == "c" else flipped


def _together(A: Any, B: Any) -> tuple[Any, Any]:
    """Both with all batch dims."""
    batch = batch_shape(B._data.shape[:-2], A._data.shape[:-2])
    wide = ((x, (*batch, *x._data.shape[-2:])) for x in (A, B))
    return tuple(x if x._data.shape == s else expand.call(x, s) for x, s in wide)


def cholesky_solve(input: Tensor, input2: Tensor, upper: bool = False) -> Tensor:
    """X of ``A X = input`` for the Cholesky factor `input2` of A.

    Shape: input (*, n, k), input2 (*, n, n); the batch dims broadcast.

    >>> import rushlight as torch
    >>> torch.cholesky_solve(torch.ones(2, 1), 2 * torch.eye(2))
    tensor([[0.2500],
            [0.2500]])
    """
    b, A = input._data, input2._data
    for name, x in (("b", b), ("u", A)):
        if x.ndim < 2:
            raise RuntimeError(
                f"{name} should have at least 2 dimensions, but has {x.ndim} dimensions instead"
            )
    _check_system(b, A, "cholesky_solve")
    supported(b, "cholesky_solve_cpu")
    batch_shape(b.shape[:-2], A.shape[:-2])
    return solve.cholesky_solve.call(input, input2, bool(upper))


def _check_system(b: Any, A: Any, name: str) -> None:
    square(A, "")
    if A.shape[-1] != b.shape[-2]:
        raise RuntimeError(
            f"Incompatible matrix sizes for {name}: each A matrix is {A.shape[-1]} by "
            f"{A.shape[-1]} but each b matrix is {b.shape[-2]} by {b.shape[-1]}"
        )
    if b.dtype != A.dtype:
        raise RuntimeError(
            "Expected b and A to have the same dtype, but found b of type "
            f"{type_name(b)} and A of type {type_name(A)} instead."
        )


def cholesky_inverse(input: Tensor, upper: bool = False) -> Tensor:
    """The inverse of A for its Cholesky factor `input`.

    Raises:
        LinAlgError: a diagonal element is zero.

    >>> import rushlight as torch
    >>> torch.cholesky_inverse(torch.tensor([[2.]]))
    tensor([[0.2500]])
    """
    data = input._data
    square(data, "cholesky_inverse")
    supported(data, "cholesky_inverse_out_cpu")
    zero = data.diagonal(0, -2, -1) == 0
    info = np.where(zero.any(-1), zero.argmax(-1) + 1 if zero.size else 0, 0)
    solve.refuse_no_inverse(wrap(np.asarray(info)), "cholesky_inverse")
    return solve.cholesky_inverse.call(input, bool(upper))


# ---- triangles -----------------------------------------------------------------------------------


def triangular(A: Tensor, B: Any, upper: bool, left: bool, unitriangular: bool) -> Tensor:
    """`torch.linalg.solve_triangular`."""
    name = "linalg.solve_triangular"
    if B._data.dtype != A._data.dtype:
        B = B.to(dtype_of(A))
    square(A._data, name)
    two_dims(B._data, name, "B")
    solve.incompatible(A._data, B._data, left, name)
    batch_shape(B._data.shape[:-2], A._data.shape[:-2])
    supported(A._data, "triangular_solve_cpu")
    return solve.triangular_systems.call(A, B, bool(upper), bool(left), bool(unitriangular))


_triangular_type = return_type("triangular_solve", ("solution", "cloned_coefficient"))


def triangular_solve(
    b: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> Any:
    """X of ``A X = b`` for one triangle of A, and A itself with all batch dims."""
    tell_once("triangular_solve")
    for name, x in (("b", b._data), ("A", A._data)):
        if x.ndim < 2:
            raise RuntimeError(
                f"torch.triangular_solve: Expected {name} to have at least 2 dimensions, but it "
                f"has {x.ndim} dimensions instead"
            )
    _check_system(b._data, A._data, "triangular_solve")
    supported(b._data, "triangular_solve_cpu")
    wide, right = _together(A, b)
    matrix: Any = OPS["transpose"].call(wide, -2, -1) if transpose else wide
    flipped = bool(upper) != bool(transpose)
    found = solve.triangular_systems.call(matrix, right, flipped, True, bool(unitriangular))
    renamed(found, "TriangularSolveBackward0")
    copied = OPS["transpose"].call(wide.clone(), -2, -1).contiguous()
    coefficient = renamed(OPS["transpose"].call(copied, -2, -1), "TriangularSolveBackward0")
    return _triangular_type(found, coefficient)


# ---- LU ------------------------------------------------------------------------------------------

_lu_type = return_type("_lu_with_info", ("LU", "pivots", "info"))


def lu(A: Tensor, pivot: bool = True, get_infos: bool = False, out: Any = None) -> Any:
    """L and U in one matrix, and the pivots; singular matrices are no error."""
    tell_once("lu")
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")
    factors, pivots, info = factor.lu_factor_ex.call(A)
    found = _lu_type(factors, pivots, info) if get_infos else (factors, pivots)
    if out is None:
        return found
    from .._define.promote import into

    return into("lu", found, out)


def lu_unpack(
    LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True
) -> Any:
    """P, L and U of what `lu` gives; empty tensors for what is not asked for.

    >>> import rushlight as torch
    >>> torch.lu_unpack(*torch.linalg.lu_factor(torch.tensor([[1., 2.], [2., 2.]]))).U
    tensor([[2., 2.],
            [0., 1.]])
    """
    found = factor.lu_unpack.call(LU_data, LU_pivots)
    P, L, U = found
    if unpack_data and unpack_pivots:
        return found
    nothing = (wrap(np.empty(0, LU_data._data.dtype)) for _ in range(3))
    none = tuple(nothing)
    kept = (P if unpack_pivots else none[0],
            *((L, U) if unpack_data else none[1:]))  # fmt: skip
    return type(found)(kept)


def lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """X of ``A X = b`` for the factors of A that `lu` gives."""
    tell_once("lu_solve")
    return solve_factored(LU_data, LU_pivots, b, True, False)


def solve_factored(LU: Tensor, pivots: Tensor, B: Tensor, left: bool, adjoint: bool) -> Tensor:
    """`torch.linalg.lu_solve`."""
    name = "linalg.lu_solve"
    factors, right = LU._data, B._data
    floating(factors, name)
    if factors.dtype != right.dtype:
        raise RuntimeError(
            f"{name}: Expected LU and B to have the same dtype, but found LU of type "
            f"{type_name(factors)} and B of type {type_name(right)} instead"
        )
    if pivots._data.dtype != np.int32:
        raise RuntimeError(f"{name}: pivots should be a Tensor of scalar type torch.int32")
    square(factors, f"torch.{name}")
    two_dims(right, name, "B")
    solve.incompatible(factors, right, left, name)
    if pivots._data.shape[-1:] != factors.shape[-1:]:
        raise RuntimeError(
            f"{name}: Number of pivots per batch should be same as the dimension of the matrix"
        )
    batch_shape(right.shape[:-2], factors.shape[:-2])
    floating(factors, name, "lu_solve_cpu")
    return factor.lu_solve.call(LU, pivots, B, bool(left), bool(adjoint))


# ---- QR and reflections --------------------------------------------------------------------------

_qr_type = return_type("qr", ("Q", "R"))


def qr(input: Tensor, some: bool = True) -> Any:
    """The QR factorisation, as `torch.linalg.qr`."""
    tell_once("qr")
    return _qr_type(*factor.qr.call(input, "reduced" if some else "complete"))


def geqrf(input: Tensor) -> Any:
    """R above the diagonal and the reflections below it, and their scales."""
    return factor.geqrf.call(input)


def householder_product(input: Tensor, tau: Tensor) -> Tensor:
    """The first columns of the product of the reflections ``I - tau v v^H`` that `geqrf` gives.

    Shape: A (*, m, n), tau (*, k) with k <= n <= m; output (*, m, n).

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.householder_product.html

    >>> import rushlight as torch
    >>> torch.linalg.householder_product(torch.zeros(2, 1), torch.ones(1))
    tensor([[0.],
            [0.]])
    """
    factor.householder_check(input._data, tau._data)
    eye = np.eye(*input._data.shape[-2:], dtype=input._data.dtype)
    first = wrap(np.broadcast_to(eye, input._data.shape).copy())
    return factor.reflected.call(input, tau, first, True, True)


def orgqr(input: Tensor, input2: Tensor) -> Tensor:
    """Another name of `torch.linalg.householder_product`."""
    return householder_product(input, input2)


def ormqr(
    input: Tensor, input2: Tensor, input3: Tensor, left: bool = True, transpose: bool = False
) -> Tensor:
    """``Q C`` (``C Q`` unless `left`) for the reflections `input`, `input2` that make Q; of its
    conjugate transpose with `transpose`.

    Shape: input (*, m, k), input2 (*, k), input3 (*, m, n) or (*, n, m).
    """
    a, tau, c = input._data, input2._data, input3._data
    if a.ndim < 2:
        raise RuntimeError("torch.ormqr: input must have at least 2 dimensions.")
    if c.ndim < 2:
        raise RuntimeError("torch.ormqr: other must have at least 2 dimensions.")
    at = -2 if left else -1
    if c.shape[at] < tau.shape[-1]:
        raise RuntimeError(
            f"torch.ormqr: other.shape[{at}] must be greater than or equal to tau.shape[-1]"
        )
    if c.shape[at] != a.shape[-2]:
        raise RuntimeError(f"torch.ormqr: other.shape[{at}] must be equal to input.shape[-2]")
    if tau.shape[-1] > a.shape[-1]:
        raise RuntimeError(
            "torch.ormqr: tau.shape[-1] must be equal to min(other.shape[-2], input.shape[-1])"
        )
    supported(a, "ormqr_cpu")
    found: Any = factor.reflected.call(input, input2, input3, left != transpose, left)
    return renamed(found, "OrmqrBackward0")


# ---- singular values -----------------------------------------------------------------------------

_svd_type = return_type("svd", ("U", "S", "V"))


def svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> Any:
    """``input = U diag(S) V^H``; beside `torch.linalg.svd`, V is not transposed.

    Args:
        some: reduced U and V.
        compute_uv: False for zeros in place of U and V.

    >>> import rushlight as torch
    >>> torch.svd(torch.tensor([[3., 0.], [0., -4.]])).S
    tensor([4., 3.])
    """
    if compute_uv:
        U, S, Vh = spectral.svd.call(input, not some)
        return _svd_type(U, S, _mH(Vh))
    S = spectral.svdvals.call(input)
    *batch, m, n = input._data.shape
    U, V = (np.zeros((*batch, size, size), input._data.dtype) for size in (m, n))
    return _svd_type(wrap(U), S, wrap(V.swapaxes(-1, -2)))


def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """The pseudoinverse; singular values below ``rcond`` of the largest count as zero."""
    data = input._data
    if data.ndim < 2 or data.dtype.kind not in "fc" or data.dtype in _dtypes.LOW_PRECISION:
        shape = ", ".join(map(str, data.shape))
        raise RuntimeError(
            f"linalg.pinv({type_name(data)}{{[{shape}]}}): expected a tensor with 2 or more "
            "dimensions of float, double, cfloat or cdouble types"
        )
    real = data.real.dtype
    return solve.pinv.call(
        input, wrap(np.zeros((), real)), wrap(np.asarray(rcond, real)), False
    )


def nuclear_norm(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The sum of the singular values of matrices in the dims `dim`."""
    x: Any = input
    if dim is None:
        dim = (-2, -1)
    n = x.dim()
    first, second = (d % n for d in dim)
    moved = OPS["permute"].call(
        x, (*(d for d in range(n) if d not in (first, second)), first, second)
    )
    found = spectral.svdvals.call(moved).sum(-1, keepdim)
    return moved_back(found, first, second) if keepdim else found


def moved_back(x: Any, first: int, second: int) -> Tensor:
    """``(*, 1)`` with its last dim at `first` and a further one at `second`."""
    n = x.dim() + 1
    order = [d for d in range(n) if d not in (first, second)]
    places = {d: i for i, d in enumerate((*order, first, second))}
    return OPS["permute"].call(x.unsqueeze(-1), tuple(places[d] for d in range(n)))


for _function in (
    inverse, slogdet, logdet, cholesky, cholesky_solve, cholesky_inverse, triangular_solve,
    lu_solve, qr, geqrf, orgqr, ormqr, svd, pinverse,
):  # fmt: skip
    registry.public(_function.__name__, _function)
registry.public("det", lambda input: det(input))
registry.public("matrix_power", lambda input, n: matrix_power(input, n))
registry.public("matrix_exp", lambda input: matrix_exp(input))
registry.public("lu", lu, method=False)
registry.public(
    "lu", lambda self, pivot=True, get_infos=False: lu(self, pivot, get_infos), torch=False
)
registry.public("lu_unpack", lu_unpack, method=False)
registry.public("nuclear_norm", nuclear_norm, method=False)
