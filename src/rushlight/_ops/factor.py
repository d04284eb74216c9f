"""Rows of factorisations by elimination and reflection: Cholesky, LU, QR."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._define.kinds import general, joint
from .._define.results import return_type
from .._kernels import matrices as kernels
from .by_example import whole
from .matrix_checks import (
    LinAlgError,
    adjoint,
    columns,
    diagonal_matrix,
    diagonal_of,
    first_failure,
    fitted,
    floating,
    rows,
    square,
    supported,
    two_dims,
    type_name,
)

# ---- Cholesky ------------------------------------------------------------------------------------


def _cholesky(A: Any, upper: bool) -> tuple[Any, Any]:
    if upper:
        factor, info = kernels.cholesky(kernels.adjoint(A))
        return kernels.by_columns(kernels.adjoint(factor)), info
    factor, info = kernels.cholesky(A)
    return kernels.by_columns(factor), info


def _cholesky_gradient(k: Any, g: Any, out0: Any, upper: bool) -> Any:
    """``L^-H (tril(L^H g) + tril(L^H g, -1)^H) L^-1 / 2`` (Murray 2016, arXiv:1602.07527)."""
    L, gL = (adjoint(k, out0), adjoint(k, g)) if upper else (out0, g)
    LH = adjoint(k, L)
    product = k.matmul(LH, gL)
    inner = k.tril(product, 0) + adjoint(k, k.tril(product, -1))
    left = k.triangular_systems(LH, inner * 0.5, True, True, False)
    return k.triangular_systems(L, left, False, False, False)


def _cholesky_check(A: Any, upper: Any) -> tuple[bool]:
    square(A, "linalg.cholesky")
    floating(A, "linalg.cholesky", "cholesky_cpu")
    return (bool(upper),)


cholesky_ex = general(
    "cholesky_ex", _cholesky, "_cholesky_ex(Tensor A, bool upper) -> (Tensor L, Tensor info)",
    outputs=2, differentiable_outputs=(True, False), node="LinalgCholeskyExBackward0",
    returns=return_type("linalg_cholesky_ex", ("L", "info")), public=False, own_complex=True,
    check=_cholesky_check, inputs=("A",), A=_cholesky_gradient,
)  # fmt: skip


def refuse_indefinite(info: Any, name: str) -> None:
    """Raise what `cholesky` says about a matrix that is not positive-definite."""
    failure = first_failure(whole(info))
    if failure is not None:
        raise LinAlgError(
            f"{name}: {failure[0]}The factorization could not be completed because the input is "
            f"not positive-definite (the leading minor of order {failure[1]} is not "
            "positive-definite)."
        )


# ---- LU ------------------------------------------------------------------------------------------


def _parts(factors: Any) -> tuple[Any, Any]:
    m, n = factors.shape[-2:]
    count = min(m, n)
    lower = np.tril(factors[..., :count], -1)
    each = np.arange(count)
    lower[..., each, each] = 1
    return lower, np.triu(factors[..., :count, :])


def _lu(A: Any) -> tuple[Any, Any, Any]:
    factors, pivots, _ = kernels.lu(A)
    real = A.real.dtype
    return kernels.permutation_matrix(pivots, A.shape[-2], real).astype(A.dtype), *_parts(factors)


def _lu_gradient(k: Any, gL: Any, gU: Any, P: Any, L: Any, U: Any) -> Any:
    """From ``P^T dA = dL U + L dU``; what a wide or tall matrix has beside its square part is
    solved for."""
    count = L.shape[-1]
    m, n = L.shape[-2], U.shape[-1]
    L1, U1 = rows(k, L, 0, count), columns(k, U, 0, count)
    LH, UH = adjoint(k, L1), adjoint(k, U1)
    below = right = None
    lower = upper = None
    if gL is not None:
        lower = k.matmul(LH, rows(k, gL, 0, count))
        if m > count:
            below = rows(k, gL, count, m)
            upper = -k.matmul(adjoint(k, rows(k, L, count, m)), below)
    if gU is not None:
        inner = k.matmul(columns(k, gU, 0, count), UH)
        upper = inner if upper is None else upper + inner
        if n > count:
            right = columns(k, gU, count, n)
            inner = -k.matmul(right, adjoint(k, columns(k, U, count, n)))
            lower = inner if lower is None else lower + inner
    middle = None
    if lower is not None:
        middle = k.tril(lower, -1)
    if upper is not None:
        part = k.triu(upper, 0)
        middle = part if middle is None else middle + part
    left = k.triangular_systems(LH, middle, True, True, True)
    found = k.triangular_systems(UH, left, False, False, False)
    if m > count:
        rest = k.zeros_like_(rows(k, L, count, m))
        if below is not None:
            rest = k.triangular_systems(UH, below, False, False, False)
        found = k.cat([found, rest], len(L.shape) - 2)
    if n > count:
        rest = k.zeros_like_(columns(k, U, count, n))
        if right is not None:
            rest = k.triangular_systems(LH, right, True, True, True)
        found = k.cat([found, rest], len(L.shape) - 1)
    return k.matmul(P, found)


def _lu_check(A: Any) -> tuple[()]:
    if A.ndim < 2:
        raise RuntimeError(
            f"linalg.lu: Expected tensor with 2 or more dimensions. Got size: {list(A.shape)} "
            "instead"
        )
    return supported(A, "lu_cpu")


lu = general(
    "linalg_lu", _lu, "_linalg_lu(Tensor A) -> (Tensor P, Tensor L, Tensor U)", outputs=3,
    differentiable_outputs=(False, True, True), public=False, own_complex=True, check=_lu_check,
    returns=return_type("linalg_lu", ("P", "L", "U")),
    A=lambda k, g1, g2, out0, out1, out2: _lu_gradient(k, g1, g2, out0, out1, out2),
    inputs=("A",),
)  # fmt: skip


def _packed_gradient(k: Any, g: Any, out0: Any, out1: Any) -> Any:
    P, L, U = k.lu_unpack(out0, out1)
    count = L.shape[-1]
    gL = k.tril(columns(k, g, 0, count), -1)
    gU = k.triu(rows(k, g, 0, count), 0)
    return _lu_gradient(k, gL, gU, P, L, U)


def _lu_factor_check(A: Any) -> tuple[()]:
    if A.ndim < 2:
        raise RuntimeError(
            f"torch.lu_factor: Expected tensor with 2 or more dimensions. Got size: "
            f"{list(A.shape)} instead"
        )
    return supported(A, "lu_cpu")


def _lu_factor(A: Any) -> tuple[Any, Any, Any]:
    factors, pivots, info = kernels.lu(A)
    return kernels.by_columns(factors), pivots, info


lu_factor_ex = general(
    "lu_factor_ex", _lu_factor,
    "_lu_factor_ex(Tensor A) -> (Tensor LU, Tensor pivots, Tensor info)", outputs=3,
    differentiable_outputs=(True, False, False), public=False, own_complex=True,
    node="LinalgLuFactorExBackward0", check=_lu_factor_check,
    returns=return_type("linalg_lu_factor_ex", ("LU", "pivots", "info")),
    A=_packed_gradient, inputs=("A",),
)  # fmt: skip


def refuse_zero_pivot(info: Any, name: str) -> None:
    """Raise what `lu_factor` says about a zero on the diagonal of U."""
    failure = first_failure(whole(info))
    if failure is not None:
        n = failure[1]
        raise RuntimeError(
            f"{name}: {failure[0]}U[{n},{n}] is zero and using it on lu_solve would result in a "
            "division by zero. If you still want to perform the factorization, consider calling "
            "linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
        )


def _lu_unpack(factors: Any, pivots: Any) -> tuple[Any, Any, Any]:
    P = kernels.permutation_matrix(pivots, factors.shape[-2], factors.real.dtype)
    return P.astype(factors.dtype), *_parts(factors)


def _unpack_gradient(k: Any, g1: Any, g2: Any, LU_shape: Any) -> Any:
    m, n = LU_shape[-2], LU_shape[-1]
    count = min(m, n)
    dims = len(LU_shape)
    lower = upper = None
    if g1 is not None:
        lower = k.tril(g1, -1)
        if n > count:
            lower = k.slice_backward(lower, tuple(LU_shape), dims - 1, 0, count, 1)
    if g2 is not None:
        upper = k.triu(g2, 0)
        if m > count:
            upper = k.slice_backward(upper, tuple(LU_shape), dims - 2, 0, count, 1)
    if lower is None:
        return upper
    return lower if upper is None else lower + upper


def _lu_unpack_check(LU: Any, pivots: Any) -> tuple[()]:
    if pivots.dtype != np.int32:
        raise RuntimeError(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype."
        )
    return ()


lu_unpack = general(
    "lu_unpack", _lu_unpack,
    "_lu_unpack(Tensor LU, Tensor pivots) -> (Tensor P, Tensor L, Tensor U)", outputs=3,
    differentiable_outputs=(False, True, True), inputs=("LU", "pivots"), public=False,
    returns=return_type("lu_unpack", ("P", "L", "U")), own_complex=True, LU=_unpack_gradient,
    check=_lu_unpack_check,
)  # fmt: skip



def _lu_solve(factors: Any, pivots: Any, B: Any, left: bool, adjoint: bool) -> Any:
    if not left:
        # X A = B is A^H X^H = B^H.
        found = _lu_solve(factors, pivots, kernels.adjoint(B), True, not adjoint)
        return np.ascontiguousarray(kernels.adjoint(found))
    P = kernels.permutation_matrix(pivots, factors.shape[-1], factors.dtype)
    if not adjoint:
        x = kernels.solve_triangular(factors, P.swapaxes(-1, -2) @ B, False, True, True)
        return kernels.solve_triangular(factors, x, True, True, False)
    raised = kernels.adjoint(factors)
    x = kernels.solve_triangular(raised, B, False, True, False)
    return kernels.by_columns(P @ kernels.solve_triangular(raised, x, True, True, True))


def _lu_solve_gradients(
    k: Any, g: Any, LU: Any, pivots: Any, B_shape: Any, out: Any, left: bool, adjoint: bool,
    need: Any,
) -> Any:  # fmt: skip
    gB = k.lu_solve(LU, pivots, g, left, not adjoint)
    gLU = None
    if need[0]:
        P, L, U = k.lu_unpack(LU, pivots)
        x, y = (out, gB) if left != adjoint else (gB, out)
        if left:
            gA = -k.matmul(y, conjugate_transpose(k, x))
        else:
            gA = -k.matmul(conjugate_transpose(k, y), x)
        gA = k.matmul(k.mT(P), gA)
        lower = k.tril(k.matmul(gA, conjugate_transpose(k, U)), -1)
        upper = k.triu(k.matmul(conjugate_transpose(k, L), gA), 0)
        gLU = fitted(k, lower + upper, LU.shape)
    return gLU, fitted(k, gB, B_shape)


def conjugate_transpose(k: Any, x: Any) -> Any:
    return adjoint(k, x)


lu_solve = joint(
    "lu_solve", _lu_solve,
    "_lu_solve(Tensor LU, Tensor pivots, Tensor B, bool left, bool adjoint) -> Tensor",
    _lu_solve_gradients, ("LU", "B"), inputs=("LU", "pivots", "B"), public=False,
    own_complex=True, node="LinalgLuSolveBackward0",
    check=lambda LU, pivots, B, left, adjoint: supported(LU, "lu_solve_cpu") or (left, adjoint),
)  # fmt: skip

# ---- QR and reflections --------------------------------------------------------------------------


def _qr(A: Any, mode: str) -> tuple[Any, Any]:
    if mode == "r":
        return np.empty(0, A.dtype), kernels.by_columns(np.linalg.qr(A, "r"))
    Q, R = np.linalg.qr(A, "complete" if mode == "complete" else "reduced")
    return kernels.by_columns(Q), kernels.by_columns(R)


def _qr_check(A: Any, mode: Any) -> tuple[str]:
    two_dims(A, "linalg.qr")
    floating(A, "linalg.qr", "geqrf_cpu")
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', "
            "or 'complete'"
        )
    return (mode,)


def _twice_off_diagonal(k: Any, x: Any) -> Any:
    """``x + x^H`` of an upper triangle, with the diagonal counted once."""
    d = diagonal_of(k, x)
    if k.dtype_of(x).kind == "c":
        d = k.complex(k.real(d), k.zeros_like_(k.real(d)))
    return x + adjoint(k, x) - diagonal_matrix(k, d)


def _qr_gradient(k: Any, g0: Any, g1: Any, out0: Any, out1: Any, mode: str) -> Any:
    """Liao et al., Differentiable Programming Tensor Networks (2019), and for wide matrices the
    columns beyond the square part: they are ``Q R2``."""
    if mode == "r":
        raise RuntimeError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please "
            "use linalg.qr(A, mode='reduced') if you are going to differentiate through linalg.qr."
        )
    Q, R = out0, out1
    m, n = Q.shape[-2], R.shape[-1]
    if mode == "complete" and m > n:
        raise RuntimeError(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols."
        )
    gQ, gR = g0, g1
    R1, rest = R, None
    if n > m:
        R1 = columns(k, R, 0, m)
        if gR is not None:
            gR2 = columns(k, gR, m, n)
            gR = columns(k, gR, 0, m)
            rest = k.matmul(Q, gR2)
            turned = k.matmul(k.matmul(Q, columns(k, R, m, n)), adjoint(k, gR2))
            gQ = turned if gQ is None else gQ + turned
        else:
            rest = k.zeros_like_(k.matmul(Q, columns(k, R, m, n)))
    inner = None
    if gR is not None:
        inner = k.matmul(gR, adjoint(k, R1))
    if gQ is not None:
        part = k.matmul(adjoint(k, Q), gQ)
        inner = -part if inner is None else inner - part
    found = k.matmul(Q, _twice_off_diagonal(k, k.triu(inner, 0)))
    if gQ is not None:
        found = found + gQ
    found = k.triangular_systems(adjoint(k, R1), found, False, False, False)
    return found if rest is None else k.cat([found, rest], len(R.shape) - 1)


qr = general(
    "linalg_qr", _qr, "_linalg_qr(Tensor A, str mode) -> (Tensor Q, Tensor R)", outputs=2,
    returns=return_type("linalg_qr", ("Q", "R")), public=False, own_complex=True, inputs=("A",),
    check=_qr_check, A=_qr_gradient,
)  # fmt: skip


def _geqrf(A: Any) -> tuple[Any, Any]:
    reflections, tau = np.linalg.qr(A, "raw")
    return kernels.by_columns(reflections.swapaxes(-1, -2)), tau


def _geqrf_check(A: Any) -> tuple[()]:
    two_dims(A, "torch.geqrf", "input")
    return supported(A, "geqrf_cpu")


def _no_geqrf(k: Any, g0: Any, g1: Any) -> Any:
    raise NotImplementedError("the derivative for 'geqrf' is not implemented.")


geqrf = general(
    "geqrf", _geqrf, "_geqrf(Tensor A) -> (Tensor a, Tensor tau)", outputs=2, public=False,
    returns=return_type("geqrf", ("a", "tau")), inputs=("A",), A=_no_geqrf, check=_geqrf_check,
)  # fmt: skip


def _reflections(k: Any, a: Any, count: int) -> list[Any]:
    """The vectors of the reflections as columns: a one, and the numbers below the diagonal."""
    m = a.shape[-2]
    lower = k.tril(a, -1)
    found = []
    for i in range(count):
        one = k.constant(_one_at(m, i, k.dtype_of(a)), a)
        found.append(columns(k, lower, i, i + 1) + one)
    return found


def _one_at(m: int, i: int, dtype: Any) -> Any:
    return np.eye(m, dtype=dtype)[:, i : i + 1]


def _reflected(a: Any, tau: Any, c: Any, backward: bool, left: bool) -> Any:
    found = kernels.reflected(a, tau, c if left else kernels.adjoint(c), backward)
    return kernels.by_columns(found if left else kernels.adjoint(found))


def _reflected_gradients(
    k: Any, g: Any, a: Any, tau: Any, c: Any, backward: bool, left: bool, need: Any
) -> Any:
    """Each step is ``C - tau v v^H C``; the steps are done again, then undone one by one."""
    if not left:
        g, c = adjoint(k, g), adjoint(k, c)
    count = tau.shape[-1]
    vectors = _reflections(k, a, count)
    scales = [k.reshape(columns_of(k, tau, i), (*tau.shape[:-1], 1, 1)) for i in range(count)]
    if not backward:
        scales = [_conjugate(k, s) for s in scales]
    order = list(range(count))
    order = list(reversed(order)) if backward else order
    kept = []
    for i in order:
        v = vectors[i]
        kept.append(c)
        c = c - scales[i] * k.matmul(v, k.matmul(adjoint(k, v), c))
    gv: list[Any] = [None] * count
    gt: list[Any] = [None] * count
    dims = (len(g.shape) - 2, len(g.shape) - 1)
    for step in range(count):
        i = order[count - 1 - step]
        v, scale, c = vectors[i], scales[i], kept[count - 1 - step]
        vH, cH, gH = adjoint(k, v), adjoint(k, c), adjoint(k, g)
        vg, vc = k.matmul(vH, g), k.matmul(vH, c)
        # <g, v v^H c> summed, and the two places of v.
        along = k.sum(vg * _conjugate(k, vc), dims, False)
        gt[i] = -(along if backward else _conjugate(k, along))
        conj = _conjugate(k, scale)
        gv[i] = -(conj * k.matmul(g, k.matmul(cH, v)) + scale * k.matmul(c, k.matmul(gH, v)))
        g = g - conj * k.matmul(v, vg)
    ga = gtau = None
    if need[0]:
        ga = k.tril(k.cat(gv, len(g.shape) - 1), -1) if count else k.zeros_like_(a)
        if 0 < count < a.shape[-1]:
            ga = k.slice_backward(ga, tuple(a.shape), len(a.shape) - 1, 0, count, 1)
    if need[1]:
        gtau = k.stack(gt, len(tau.shape) - 1) if count else k.zeros_like_(tau)
    gc = None
    if need[2]:
        gc = g if left else adjoint(k, g)
    return ga, gtau, gc


def columns_of(k: Any, tau: Any, i: int) -> Any:
    return k.slice(tau, len(tau.shape) - 1, i, i + 1, 1)


def _conjugate(k: Any, x: Any) -> Any:
    return k.conj(x) if k.dtype_of(x).kind == "c" else x


# ``H1 H2 ... C`` (or ``... H2^H H1^H C``), with the batch dims of all three alike; if not `left`,
# its conjugate transpose for that of C.
reflected = joint(
    "reflected", _reflected,
    "_reflected(Tensor a, Tensor tau, Tensor c, bool backward, bool left) -> Tensor",
    _reflected_gradients,
    ("a", "tau", "c"), inputs=("a", "tau", "c"), public=False, own_complex=True,
    node="LinalgHouseholderProductBackward0",
    check=lambda a, tau, c, backward, left: supported(a, "orgqr_cpu") or (backward, left),
)  # fmt: skip


def householder_check(a: Any, tau: Any) -> None:
    name = "torch.linalg.householder_product"
    if a.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if a.shape[-2] < a.shape[-1]:
        raise RuntimeError(
            f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1]"
        )
    if tau.ndim and a.shape[-1] < tau.shape[-1]:
        raise RuntimeError(
            f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]"
        )
    if a.ndim - tau.ndim != 1:
        raise RuntimeError(
            f"{name}: Expected tau to have one dimension less than input, but got tau.ndim equal "
            f"to {tau.ndim} and input.ndim is equal to {a.ndim}"
        )
    if tau.dtype != a.dtype:
        raise RuntimeError(
            f"{name}: tau dtype {type_name(tau)} does not match input dtype {type_name(a)}"
        )
    supported(a, "orgqr_cpu")
