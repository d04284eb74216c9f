"""Rows of spectral factorisations: singular values, eigenvalues, the matrix exponential."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from .._define.kinds import general
from .._define.results import return_type
from .._kernels import matrices as kernels
from .matrix_checks import (
    LinAlgError,
    adjoint,
    column,
    columns,
    diagonal_matrix,
    diagonal_of,
    floating,
    over_gaps,
    real_like,
    row,
    rows,
    square,
    supported,
    two_dims,
    type_name,
)

_PHASE = (
    "vectors in the complex case are specified up to multiplication by e^{i phi}. The specified "
    "loss function depends on this "
)

# ---- singular values -----------------------------------------------------------------------------


def _svd(A: Any, full_matrices: bool) -> tuple[Any, Any, Any]:
    try:
        U, S, Vh = np.linalg.svd(A, full_matrices)
        return kernels.by_columns(U), S, kernels.by_columns(Vh)
    except np.linalg.LinAlgError as error:
        raise _not_converged(A) from error


def _not_converged(A: Any) -> Exception:
    finite = np.isfinite(A).all((-2, -1))
    where = "" if A.ndim == 2 else f"(Batch element {int(np.argmin(finite.reshape(-1)))}): "
    why = (
        "because the input matrix contained non-finite values." if not finite.all()
        else "because the input matrix is ill-conditioned or has too many repeated singular values."
    )
    return LinAlgError(f"linalg.svd: {where}The algorithm failed to converge {why}")


def _svd_check(A: Any, full_matrices: Any = False) -> tuple[bool]:
    two_dims(A, "linalg.svd")
    floating(A, "linalg.svd", "linalg_svd_cpu")
    return (bool(full_matrices),)


def _svdvals(A: Any) -> Any:
    try:
        return np.linalg.svd(A, compute_uv=False)
    except np.linalg.LinAlgError as error:
        raise _not_converged(A) from error


def _svd_gradient(
    k: Any, g0: Any, g1: Any, g2: Any, out0: Any, out1: Any, out2: Any, full_matrices: bool
) -> Any:
    """With ``F_ij = 1 / (S_j^2 - S_i^2)`` and ``skew(X) = X - X^H``:
    ``U [(F * skew(U^H gU)) S + S (F * skew(V^H gV)) + gS] V^H`` and what lies outside of U and V
    (Townsend, Differentiating the Singular Value Decomposition, 2016)."""
    U, S, Vh = out0, out1, out2
    gU, gVh = g0, g2
    count = S.shape[-1]
    m, n = U.shape[-2], Vh.shape[-1]
    if full_matrices:
        U, Vh = columns(k, U, 0, count), rows(k, Vh, 0, count)
        gU = None if gU is None else columns(k, gU, 0, count)
        gVh = None if gVh is None else rows(k, gVh, 0, count)
    if gU is None and gVh is None:
        return None if g1 is None else k.matmul(U * row(k, g1), Vh)
    squares = S * S
    inner = None if g1 is None else diagonal_matrix(k, g1)
    phases = None
    if gU is not None:
        inU = k.matmul(adjoint(k, U), gU)
        skew = inU - adjoint(k, inU)
        part = over_gaps(k, skew, squares) * row(k, S)
        inner = part if inner is None else inner + part
        phases = diagonal_of(k, inU)
    if gVh is not None:
        inV = k.matmul(Vh, adjoint(k, gVh))
        part = column(k, S) * over_gaps(k, inV - adjoint(k, inV), squares)
        inner = part if inner is None else inner + part
        diagonal = diagonal_of(k, inV)
        phases = diagonal if phases is None else phases + diagonal
    if k.dtype_of(U).kind == "c":
        checked = k.phase_checked(phases, "svd_backward: The singular " + _PHASE + _SVD_END)
        if gU is not None:
            turn = k.imag(diagonal_of(k, inU) + 0 * checked) / S
            inner = inner + diagonal_matrix(k, k.complex(k.zeros_like_(turn), turn))
    found = k.matmul(k.matmul(U, inner), Vh)
    if gU is not None and m > count:
        outside = (gU - k.matmul(U, inU)) / row(k, S)
        found = found + k.matmul(outside, Vh)
    if gVh is not None and n > count:
        outside = (gVh - k.matmul(adjoint(k, inV), Vh)) / column(k, S)
        found = found + k.matmul(U, outside)
    return found


_SVD_END = "phase term, making it ill-defined."

svd = general(
    "linalg_svd", _svd,
    "_linalg_svd(Tensor A, bool full_matrices) -> (Tensor U, Tensor S, Tensor Vh)", outputs=3,
    returns=return_type("linalg_svd", ("U", "S", "Vh")), public=False, own_complex=True,
    inputs=("A",), A=_svd_gradient, check=_svd_check,
)  # fmt: skip


def _svdvals_gradient(k: Any, g: Any, A: Any) -> Any:
    U, _, Vh = k.linalg_svd(A, False)
    return k.matmul(U * row(k, g), Vh)


svdvals = general(
    "linalg_svdvals", _svdvals, "_linalg_svdvals(Tensor A) -> Tensor", public=False,
    own_complex=True, A=_svdvals_gradient, node="LinalgSvdBackward0",
    check=lambda A: _svd_check(A)[1:],
)  # fmt: skip

# ---- symmetric eigenvalues -----------------------------------------------------------------------


def _eigh(A: Any, uplo: Any) -> tuple[Any, Any]:
    try:
        values, vectors = np.linalg.eigh(A, uplo)
    except np.linalg.LinAlgError as error:
        raise _no_eigenvalues(A) from error
    return values, kernels.by_columns(vectors)


def _eigvalsh(A: Any, uplo: Any) -> Any:
    try:
        return np.linalg.eigvalsh(A, uplo)
    except np.linalg.LinAlgError as error:
        raise _no_eigenvalues(A) from error


def _no_eigenvalues(A: Any) -> Exception:
    finite = np.isfinite(A).all((-2, -1))
    where = "" if A.ndim == 2 else f"(Batch element {int(np.argmin(finite.reshape(-1)))}): "
    return LinAlgError(
        f"linalg.eigh: {where}The algorithm failed to converge because the input matrix is "
        "ill-conditioned or has too many repeated eigenvalues."
    )


def _eigh_check(A: Any, uplo: Any) -> tuple[str]:
    square(A, "linalg.eigh")
    if str(uplo).upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {uplo}")
    supported(A, "linalg_eigh_cpu")
    return (uplo.upper(),)


def _eigh_gradient(k: Any, g0: Any, g1: Any, out0: Any, out1: Any) -> Any:
    """``V (diag(gL) + V^H gV / (L_j - L_i)) V^H``, of which the Hermitian part counts."""
    VH = adjoint(k, out1)
    if g1 is None:
        return None if g0 is None else k.matmul(out1 * row(k, g0), VH)
    inV = k.matmul(VH, g1)
    if k.dtype_of(out1).kind == "c":
        text = "linalg_eigh_backward: The eigen" + _PHASE + "quantity, so it is ill-defined."
        inV = inV + 0 * diagonal_matrix(k, k.phase_checked(diagonal_of(k, inV), text))
    inner = over_gaps(k, (inV - adjoint(k, inV)) * 0.5, out0)
    if g0 is not None:
        inner = inner + diagonal_matrix(k, g0)
    return k.matmul(k.matmul(out1, inner), VH)


_EIGEN = ("eigenvalues", "eigenvectors")

eigh = general(
    "linalg_eigh", _eigh,
    "_linalg_eigh(Tensor A, str uplo) -> (Tensor eigenvalues, Tensor eigenvectors)", outputs=2,
    returns=return_type("linalg_eigh", _EIGEN), public=False, own_complex=True, inputs=("A",),
    A=_eigh_gradient, check=_eigh_check,
)  # fmt: skip


def _eigvalsh_gradient(k: Any, g: Any, A: Any, uplo: str) -> Any:
    V = k.linalg_eigh(A, uplo)[1]
    return k.matmul(V * row(k, g), adjoint(k, V))


eigvalsh = general(
    "linalg_eigvalsh", _eigvalsh, "_linalg_eigvalsh(Tensor A, str uplo) -> Tensor", public=False,
    own_complex=True, inputs=("A",), A=_eigvalsh_gradient, node="LinalgEighBackward0",
    check=_eigh_check,
)  # fmt: skip

# ---- eigenvalues of any square matrix ------------------------------------------------------------


def _complex(x: Any) -> Any:
    _core.ctx.complex = True
    if x.dtype.kind == "c":
        return x
    return x.astype(np.complex64 if x.dtype == np.float32 else np.complex128)


def _eig(A: Any) -> tuple[Any, Any]:
    values, vectors = np.linalg.eig(A)
    return _complex(values), kernels.by_columns(_complex(vectors))


def _eig_check(A: Any) -> tuple[()]:
    if A.dtype.kind not in "fcV":
        raise RuntimeError(f"Unknown Complex ScalarType for {type_name(A)}")
    square(A, "linalg.eig")
    supported(A, "linalg_eig_out_cpu")
    if not np.isfinite(A).all():
        raise RuntimeError("torch.linalg.eig: input tensor should not contain infs or NaNs.")
    return ()


def _eig_gradient(k: Any, g0: Any, g1: Any, out0: Any, out1: Any, A_dtype: Any) -> Any:
    """``V^-H (diag(gL) + (V^H gV - V^H V Re(diag(V^H gV))) / conj(L_j - L_i)) V^H``
    (Boeddeker et al., arXiv:1701.00392, for eigenvectors of length one)."""
    VH = adjoint(k, out1)
    if g1 is None:
        if g0 is None:
            return None
        found = k.linear_systems(VH, column(k, g0) * VH)
        return real_like(k, found, A_dtype)
    inV = k.matmul(VH, g1)
    diagonal = diagonal_of(k, inV)
    text = "linalg_eig_backward: The eigen" + _PHASE + "quantity, so it is ill-defined."
    checked = diagonal + 0 * k.phase_checked(diagonal, text)
    inner = inV - k.matmul(VH, out1) * row(k, k.real(checked))
    inner = over_gaps(k, inner, k.conj(out0))
    if g0 is not None:
        inner = inner + diagonal_matrix(k, g0)
    return real_like(k, k.linear_systems(VH, k.matmul(inner, VH)), A_dtype)


eig = general(
    "linalg_eig", _eig, "_linalg_eig(Tensor A) -> (Tensor eigenvalues, Tensor eigenvectors)",
    outputs=2, returns=return_type("linalg_eig", _EIGEN), public=False, own_complex=True,
    inputs=("A",), A=_eig_gradient, check=_eig_check,
)  # fmt: skip


def _eigvals_gradient(k: Any, g: Any, A: Any, A_dtype: Any) -> Any:
    VH = adjoint(k, k.linalg_eig(A)[1])
    return real_like(k, k.linear_systems(VH, column(k, g) * VH), A_dtype)


eigvals = general(
    "linalg_eigvals", lambda A: _complex(np.linalg.eigvals(A)),
    "_linalg_eigvals(Tensor A) -> Tensor", public=False, own_complex=True, inputs=("A",),
    A=_eigvals_gradient, node="LinalgEigBackward0", check=_eig_check,
)  # fmt: skip

# ---- the exponential -----------------------------------------------------------------------------


def _exp_gradient(k: Any, g: Any, A: Any) -> Any:
    """The upper right part of ``exp([[A^T, g], [0, A^T]])``."""
    n, dims = A.shape[-1], len(A.shape)
    AT = k.mT(A)
    upper = k.cat([AT, g], dims - 1)
    lower = k.cat([k.zeros_like_(AT), AT], dims - 1)
    both = k.linalg_matrix_exp(k.cat([upper, lower], dims - 2))
    return columns(k, rows(k, both, 0, n), n, 2 * n)


def _exp_check(A: Any) -> tuple[()]:
    square(A, "linalg.matrix_exp")
    floating(A, "linalg.matrix_exp")
    return ()


matrix_exp = general(
    "linalg_matrix_exp", kernels.exponential, "_linalg_matrix_exp(Tensor A) -> Tensor",
    public=False, inputs=("A",), A=_exp_gradient, check=_exp_check,
)  # fmt: skip
