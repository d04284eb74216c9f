"""Rows of linear systems: solve, inv, det, slogdet, triangular and least squares solutions."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _dtypes
from .._define.kinds import general, joint
from .._define.results import return_type
from .._kernels import matrices as kernels
from .by_example import whole
from .matrix_checks import (
    LinAlgError,
    adjoint,
    batch_shape,
    column,
    first_failure,
    fitted,
    floating,
    is_vector,
    row,
    square,
    supported,
    two_dims,
    type_name,
)

# ---- A X = B -------------------------------------------------------------------------------------


def _systems(k: Any, g: Any, A: Any, X: Any) -> tuple[Any, Any]:
    """The gradients of B and A in ``A X = B``."""
    gB = k.linear_systems(k.mT(A), g)
    return gB, -k.matmul(gB, k.mT(X))


def _systems_gradients(k: Any, g: Any, A: Any, out: Any, B_shape: Any, need: Any) -> Any:
    gB, gA = _systems(k, g, A, out)
    return fitted(k, gA, A.shape), fitted(k, gB, B_shape)


# What the other formulas use: matrices only, and no error where A is singular.
linear_systems = joint(
    "linear_systems", lambda A, B: kernels.solve_any(A, B)[0],
    "_linear_systems(Tensor A, Tensor B) -> Tensor", _systems_gradients, ("A", "B"),
    inputs=("A", "B"), node="LinalgSolveExBackward0", public=False,
    check=lambda A, B: supported(A, "lu_cpu"),
)  # fmt: skip


def _solve(A: Any, B: Any, left: bool) -> tuple[Any, Any]:
    vector = is_vector(A.shape, B.shape)
    if vector:
        B = B[..., None]
    if left:
        x, info = kernels.solve_any(A, B)
        if vector:
            x = x[..., 0]
            return np.asfortranarray(x) if x.ndim == 2 else x, info
        return kernels.by_columns(x), info
    else:
        x, info = kernels.solve_any(A.swapaxes(-1, -2), B.swapaxes(-1, -2))
        x = np.ascontiguousarray(x.swapaxes(-1, -2))
    return x[..., 0] if vector else x, info


def _inverse(A: Any) -> tuple[Any, Any]:
    inverse, info = kernels.inverse(A)
    return kernels.by_columns(inverse), info


def _same_dtypes(A: Any, B: Any, name: str, first: str = "A", second: str = "B") -> None:
    if A.dtype != B.dtype:
        raise RuntimeError(
            f"{name}: Expected {first} and {second} to have the same dtype, but found {first} of "
            f"type {type_name(A)} and {second} of type {type_name(B)} instead"
        )


def incompatible(A: Any, B: Any, left: bool, name: str) -> None:
    if A.shape[-1] != B.shape[-2 if left else -1]:
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation "
            f"{'AX = B' if left else 'XA = B'} ({A.shape[-2]}x{A.shape[-1]} and {B.shape[-2]}x"
            f"{B.shape[-1]})"
        )


def _solve_check(A: Any, B: Any, left: Any) -> tuple[bool]:
    name = "linalg.solve"
    floating(A, name)
    square(A, name)
    _same_dtypes(A, B, name)
    if is_vector(A.shape, B.shape):
        B = B[..., None]
    two_dims(B, name, "B")
    incompatible(A, B, left, name)
    batch_shape(B.shape[:-2], A.shape[:-2])
    floating(A, name, "lu_cpu")
    return (bool(left),)


def _solve_gradients(
    k: Any, g: Any, A: Any, out0: Any, B_shape: Any, left: bool, need: Any
) -> Any:
    vector = is_vector(A.shape, B_shape)
    if vector:
        g, X = column(k, g), column(k, out0)
    else:
        X = out0
    if left:
        gB, gA = _systems(k, g, A, X)
    else:
        gB = k.mT(k.linear_systems(A, k.mT(g)))
        gA = -k.matmul(k.mT(X), gB)
    if vector:
        gB = k.reshape(gB, tuple(gB.shape[:-1]))
    return fitted(k, gA, A.shape), fitted(k, gB, B_shape)


solve_ex = joint(
    "solve_ex", _solve, "_solve_ex(Tensor A, Tensor B, bool left) -> (Tensor result, Tensor info)",
    _solve_gradients, ("A", "B"), inputs=("A", "B"), outputs=2,
    differentiable_outputs=(True, False), node="LinalgSolveExBackward0", check=_solve_check,
    returns=return_type("linalg_solve_ex", ("result", "info")), public=False,
)  # fmt: skip


def refuse_singular(info: Any, name: str) -> None:
    """Raise what `solve` says about a singular matrix."""
    failure = first_failure(whole(info))
    if failure is not None:
        raise LinAlgError(
            f"{name}: {failure[0]}The solver failed because the input matrix is singular."
        )


# ---- inverse, determinant ------------------------------------------------------------------------


def _inv_check(A: Any) -> tuple[()]:
    name = "linalg.inv"
    square(A, name)
    floating(A, name)
    if A.dtype in _dtypes.LOW_PRECISION:
        raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {type_name(A)}")
    return ()


inv_ex = general(
    "inv_ex", _inverse, "_inv_ex(Tensor A) -> (Tensor inverse, Tensor info)", outputs=2,
    differentiable_outputs=(True, False), node="LinalgInvExBackward0", check=_inv_check,
    returns=return_type("linalg_inv_ex", ("inverse", "info")), public=False, inputs=("A",),
    A=lambda k, g, out0: -k.matmul(k.matmul(k.mT(out0), g), k.mT(out0)),
)  # fmt: skip


def refuse_no_inverse(info: Any, name: str) -> None:
    """Raise what `inv` says about a singular matrix."""
    failure = first_failure(whole(info))
    if failure is not None:
        raise LinAlgError(
            f"{name}: {failure[0]}The diagonal element {failure[1]} is zero, the inversion could "
            "not be completed because the input matrix is singular."
        )


def _det_check(A: Any) -> tuple[()]:
    name = "linalg.det"
    square(A, name)
    floating(A, name)
    floating(A, name, "lu_cpu")
    return ()


det = general(
    "linalg_det", lambda A: np.asarray(np.linalg.det(A)), "_linalg_det(Tensor A) -> Tensor",
    A=lambda k, g, A: k.reshape(g, (*g.shape, 1, 1)) * k.cofactors(A), check=_det_check,
    public=False,
)  # fmt: skip
cofactors = general(
    "cofactors", kernels.cofactors, "_cofactors(Tensor A) -> Tensor",
    A=lambda k, g, A: k.cofactor_slope(A, g), public=False,
    check=lambda A: supported(A, "lu_cpu"),
)  # fmt: skip


def _slope_gradients(k: Any, g: Any, A: Any, H: Any, out: Any, need: Any) -> Any:
    """F(A, H) = (<H, C> C - C H^T C) / d with C the cofactors of A and d its determinant; so for
    regular A only."""
    gA = None
    if need[0]:
        C = k.cofactors(A)
        d = k.reshape(k.linalg_det(A), (*A.shape[:-2], 1, 1))
        dims = (len(A.shape) - 2, len(A.shape) - 1)
        a, b = k.sum(H * C, dims, True), k.sum(g * C, dims, True)
        CT = k.mT(C)
        gC = b * H + a * g
        gC = gC - k.matmul(k.matmul(g, CT), H) - k.matmul(k.matmul(H, CT), g)
        gA = k.cofactor_slope(A, gC / d) - k.sum(g * out, dims, True) / d * C
    return gA, k.cofactor_slope(A, g) if need[1] else None


cofactor_slope = joint(
    "cofactor_slope", kernels.cofactor_slope, "_cofactor_slope(Tensor A, Tensor H) -> Tensor",
    _slope_gradients, ("A", "H"), inputs=("A", "H"), public=False,
    check=lambda A, H: supported(A, "lu_cpu"),
)  # fmt: skip


def _slogdet_check(A: Any) -> tuple[()]:
    name = "linalg.slogdet"
    square(A, name)
    floating(A, name)
    floating(A, name, "lu_cpu")
    return ()


def _slogdet_gradient(k: Any, g0: Any, g1: Any, A: Any, out0: Any) -> Any:
    """d log|det| = Re tr(A^-1 dA); a complex sign turns with Im tr(A^-1 dA)."""
    slope = None
    if g1 is not None:
        slope = g1
    if g0 is not None and k.dtype_of(A).kind == "c":
        turn = k.imag(k.conj(g0) * out0)
        slope = k.complex(k.zeros_like_(turn) if g1 is None else g1, -turn)
    if slope is None:
        return k.zeros_like_(A)
    return k.reshape(slope, (*slope.shape, 1, 1)) * adjoint(k, k.inv_ex(A)[0])


def _slogdet(A: Any) -> tuple[Any, Any]:
    sign, logabsdet = np.linalg.slogdet(A)
    return np.asarray(sign), np.asarray(logabsdet)


slogdet = general(
    "linalg_slogdet", _slogdet, "_linalg_slogdet(Tensor A) -> (Tensor sign, Tensor logabsdet)",
    outputs=2, returns=return_type("linalg_slogdet", ("sign", "logabsdet")), public=False,
    inputs=("A",), A=_slogdet_gradient, check=_slogdet_check, own_complex=True,
)  # fmt: skip

# ---- triangular systems --------------------------------------------------------------------------


def _triangular_gradients(
    k: Any, g: Any, A: Any, B_shape: Any, out: Any, upper: bool, left: bool, unitriangular: bool,
    need: Any,
) -> Any:  # fmt: skip
    gB = k.triangular_systems(k.mT(A), g, not upper, left, unitriangular)
    gA = None
    if need[0]:
        gA = k.matmul(gB, k.mT(out)) if left else k.matmul(k.mT(out), gB)
        if upper:
            gA = k.triu(gA, 1 if unitriangular else 0)
        else:
            gA = k.tril(gA, -1 if unitriangular else 0)
        gA = fitted(k, -gA, A.shape)
    return gA, fitted(k, gB, B_shape)


triangular_systems = joint(
    "triangular_systems", kernels.solve_triangular,
    "_triangular_systems(Tensor A, Tensor B, bool upper, bool left, bool unitriangular) -> Tensor",
    _triangular_gradients, ("A", "B"), inputs=("A", "B"), public=False,
    node="LinalgSolveTriangularBackward0",
    check=lambda A, B, *flags: supported(A, "triangular_solve_cpu") or flags,
)  # fmt: skip



def _cholesky_solve(B: Any, L: Any, upper: bool) -> Any:
    lower, raised = (kernels.adjoint(L), L) if upper else (L, kernels.adjoint(L))
    x = kernels.solve_triangular(lower, B, False, True, False)
    return kernels.solve_triangular(raised, x, True, True, False)


def _cholesky_solve_gradients(
    k: Any, g: Any, L: Any, B_shape: Any, out: Any, upper: bool, need: Any
) -> Any:
    """For the whole of L, as PyTorch has it, though one triangle is read."""
    gB = k.cholesky_solve(g, L, upper)
    gL = None
    if need[1]:
        inner = k.matmul(gB, adjoint(k, out))
        inner = inner + adjoint(k, inner)
        gL = fitted(k, -(k.matmul(L, inner) if upper else k.matmul(inner, L)), L.shape)
    return fitted(k, gB, B_shape), gL


cholesky_solve = joint(
    "cholesky_solve", _cholesky_solve, "_cholesky_solve(Tensor B, Tensor L, bool upper) -> Tensor",
    _cholesky_solve_gradients, ("B", "L"), inputs=("B", "L"), public=False, own_complex=True,
    check=lambda B, L, upper: supported(L, "cholesky_solve_cpu") or (upper,),
)  # fmt: skip


def _cholesky_inverse(L: Any, upper: bool) -> Any:
    return _cholesky_solve(np.eye(L.shape[-1], dtype=L.dtype), L, upper)


def _cholesky_inverse_gradient(k: Any, g: Any, L: Any, out: Any, upper: bool) -> Any:
    inner = k.matmul(out, k.matmul(g + adjoint(k, g), out))
    return -(k.matmul(L, inner) if upper else k.matmul(inner, L))


cholesky_inverse = general(
    "cholesky_inverse", _cholesky_inverse, "_cholesky_inverse(Tensor L, bool upper) -> Tensor",
    inputs=("L",), public=False, own_complex=True, L=_cholesky_inverse_gradient,
    check=lambda L, upper: supported(L, "cholesky_inverse_out_cpu") or (upper,),
)  # fmt: skip

# ---- least squares and pseudoinverse -------------------------------------------------------------


def _pinv_slope(k: Any, g: Any, A: Any, P: Any) -> Any:
    """dP = -P dA P + P P^H dA^H (1 - A P) + (1 - P A) dA^H P^H P, transposed."""
    PH, gH = adjoint(k, P), adjoint(k, g)
    right = k.matmul(k.matmul(gH, P), PH)
    left = k.matmul(PH, k.matmul(P, gH))
    gA = right - k.matmul(A, k.matmul(P, right)) + left - k.matmul(k.matmul(left, P), A)
    return gA - k.matmul(k.matmul(PH, g), PH)


def _cut(s: Any, atol: Any, rtol: Any) -> Any:
    """Which values count as not zero."""
    largest = s.max(-1, initial=0.0) if s.shape[-1] else np.zeros(s.shape[:-1], s.dtype)
    bound = np.maximum(atol, rtol * largest)
    return s > np.asarray(bound)[..., None]


def _pinv(A: Any, atol: Any, rtol: Any, hermitian: bool) -> Any:
    if not A.size:
        return np.empty((*A.shape[:-2], A.shape[-1], A.shape[-2]), A.dtype)
    if hermitian:
        values, vectors = np.linalg.eigh(A)
        kept = _cut(np.abs(values), atol, rtol)
        scale = np.where(kept, 1 / np.where(kept, values, 1), 0)
        result = (vectors * scale[..., None, :]) @ kernels.adjoint(vectors)
    else:
        u, s, vh = np.linalg.svd(A, full_matrices=False)
        kept = _cut(s, atol, rtol)
        scale = np.where(kept, 1 / np.where(kept, s, 1), 0)
        result = (kernels.adjoint(vh) * scale[..., None, :]) @ kernels.adjoint(u)
    return result.astype(A.dtype, copy=False)


pinv = general(
    "linalg_pinv", _pinv,
    "_linalg_pinv(Tensor A, Tensor atol, Tensor rtol, bool hermitian) -> Tensor",
    inputs=("A", "atol", "rtol"), own_complex=True, public=False,
    A=lambda k, g, A, out: fitted(k, _pinv_slope(k, g, A, out), A.shape),
    check=lambda A, atol, rtol, hermitian: supported(A, "linalg_svd_cpu") or (hermitian,),
)  # fmt: skip


def _lstsq(A: Any, B: Any, rcond: Any, driver: str) -> tuple[Any, Any, Any, Any]:
    m, n = A.shape[-2:]
    vector = is_vector(A.shape, B.shape) and B.ndim == A.ndim - 1
    right = B[..., None] if vector else B
    batch = A.shape[:-2]
    s = np.zeros((*batch, min(m, n)), A.real.dtype)
    x = np.zeros((*batch, n, right.shape[-1]), A.dtype)
    if A.size:
        u, s, vh = np.linalg.svd(A, full_matrices=False)
    kept = _cut(s, 0.0, 0.0 if driver == "gels" else rcond)
    if A.size:
        scale = np.where(kept, 1 / np.where(kept, s, 1), 0)[..., None]
        x = kernels.adjoint(vh) @ (scale * (kernels.adjoint(u) @ right))
        x = x.astype(A.dtype, copy=False)
    rank = np.asarray(kept.sum(-1), np.int64)
    residuals = np.empty(0, s.dtype)
    complete = driver == "gels" or (driver != "gelsy" and bool((rank == n).all()))
    if m > n and complete:
        rest = right - A @ x
        residuals = np.asarray((rest * rest.conj()).real.sum(-2))
    if driver == "gels":
        rank = np.empty(0, np.int64)
    if driver not in ("gelsd", "gelss"):
        s = np.empty(0, s.dtype)
    if vector:
        return x[..., 0], residuals, rank, s
    # LAPACK leaves the solution in the memory of the right side.
    room = np.empty((*batch, right.shape[-1], max(m, n)), A.dtype)[..., :n].swapaxes(-1, -2)
    room[...] = x
    return room, residuals, rank, s


def _lstsq_gradients(
    k: Any, g0: Any, g1: Any, A: Any, B: Any, rcond: Any, out0: Any, need: Any
) -> Any:
    vector = is_vector(A.shape, B.shape)
    right, X = B, out0
    if vector:
        right, X = column(k, B), column(k, out0)
    gA = gB = None
    if g0 is not None:
        g = column(k, g0) if vector else g0
        P = k.linalg_pinv(A, k.constant(_zero(k.dtype_of(rcond)), rcond), rcond, False)
        gA = _pinv_slope(k, k.matmul(g, adjoint(k, right)), A, P)
        gB = k.matmul(adjoint(k, P), g)
    if g1 is not None and g1.shape[-1] > 0:
        part = (right - k.matmul(A, X)) * row(k, g1) * 2
        slope = -k.matmul(part, adjoint(k, X))
        gA = slope if gA is None else gA + slope
        gB = part if gB is None else gB + part
    if gB is not None and vector:
        gB = k.reshape(gB, tuple(gB.shape[:-1]))
    return gA, gB


def _zero(dtype: Any) -> Any:
    return np.zeros((), dtype)


def _lstsq_check(A: Any, B: Any, rcond: Any, driver: Any) -> tuple[str]:
    name = "torch.linalg.lstsq"
    if A.dtype.kind not in "fc" or A.dtype in _dtypes.LOW_PRECISION:
        raise RuntimeError("This function doesn't handle types other than float and double")
    if A.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if B.ndim < 1:
        raise RuntimeError(f"{name}: other must have at least 1 dimension.")
    if A.dtype != B.dtype:
        raise RuntimeError(
            f"{name}: Expected input and other to have the same dtype, but got input's dtype "
            f"{type_name(A)} and other's dtype {type_name(B)}"
        )
    vector = is_vector(A.shape, B.shape)
    if not vector and A.shape[-2] != B.shape[-2]:
        raise RuntimeError(f"{name}: input.size(-2) should match other.size(-2)")
    if vector and A.shape[-2] != B.shape[-1]:
        raise RuntimeError(f"{name}: input.size(-2) should match other.size(-1)")
    if driver not in ("gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError(
            f"{name}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)"
        )
    return (driver,)


lstsq = joint(
    "linalg_lstsq", _lstsq,
    "_linalg_lstsq(Tensor A, Tensor B, Tensor rcond, str driver) -> "
    "(Tensor solution, Tensor residuals, Tensor rank, Tensor singular_values)",
    _lstsq_gradients, ("A", "B"), inputs=("A", "B", "rcond"), outputs=4, check=_lstsq_check,
    differentiable_outputs=(True, True, False, False), own_complex=True, public=False,
    returns=return_type(
        "linalg_lstsq", ("solution", "residuals", "rank", "singular_values")),
)  # fmt: skip

