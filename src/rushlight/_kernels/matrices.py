"""Matrix kernels that NumPy does not have, over batches: LU with its pivots, triangular systems,
Cholesky that says where it failed, the exponential, cofactors, reflections.

Arrays have shape (*, m, n). Divisions by zero give infinities, as LAPACK's do.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

_PANEL = 32
_SMALL = 16


def adjoint(a: Any) -> Any:
    """The conjugate transpose."""
    return a.swapaxes(-1, -2).conj()


def by_columns(a: Any) -> Any:
    """`a` with its matrices stored by columns, as LAPACK returns them."""
    return np.ascontiguousarray(a.swapaxes(-1, -2)).swapaxes(-1, -2)


def flattened(a: Any) -> Any:
    """`a` with one batch dim."""
    return a.reshape(math.prod(a.shape[:-2]), *a.shape[-2:])


def lu(a: Any) -> tuple[Any, Any, Any]:
    """LU with partial pivoting: L and U in one array, the rows exchanged (from 1), and the first
    zero on the diagonal of U (from 1; 0 without one)."""
    m, n = a.shape[-2:]
    count = min(m, n)
    work = flattened(a).copy()
    pivots = np.empty((len(work), count), np.int32)
    info = np.zeros(len(work), np.int32)
    for start in range(0, count, _PANEL):
        end = min(start + _PANEL, count)
        _panel(work, pivots, info, start, end)
        if end < n:
            right = work[:, start:end, end:]
            right[...] = solve_lower(work[:, start:end, start:end], right, True)
            if end < m:
                work[:, end:, end:] -= work[:, end:, start:end] @ right
    batch = a.shape[:-2]
    return work.reshape(a.shape), pivots.reshape(*batch, count), info.reshape(batch)


def _panel(work: Any, pivots: Any, info: Any, start: int, end: int) -> None:
    each = np.arange(len(work))
    for j in range(start, end):
        column = work[:, j:, j]
        sizes = abs(column.real) + abs(column.imag) if work.dtype.kind == "c" else abs(column)
        chosen = j + sizes.argmax(1)
        pivots[:, j] = chosen + 1
        if (chosen != j).any():
            rows = work[each, chosen]
            work[each, chosen] = work[:, j]
            work[:, j] = rows
        pivot = work[:, j, j]
        zero = pivot == 0
        if zero.any():
            info[zero & (info == 0)] = j + 1
            pivot = np.where(zero, 1, pivot)
        below = work[:, j + 1 :, j]
        below /= pivot[:, None]
        work[:, j + 1 :, j + 1 : end] -= below[:, :, None] * work[:, j, None, j + 1 : end]


def order_of(pivots: Any, rows: int) -> Any:
    """The permutation that exchanging rows in turn amounts to."""
    flat = pivots.reshape(-1, pivots.shape[-1]) if pivots.size else pivots.reshape(
        math.prod(pivots.shape[:-1]), pivots.shape[-1])  # fmt: skip
    order = np.tile(np.arange(rows), (len(flat), 1))
    each = np.arange(len(flat))
    for j in range(min(flat.shape[-1], rows)):
        other = flat[:, j] - 1
        kept = order[each, other]
        order[each, other] = order[:, j]
        order[:, j] = kept
    return order.reshape(*pivots.shape[:-1], rows)


def permutation_matrix(pivots: Any, rows: int, dtype: Any) -> Any:
    """P of ``A = P L U``."""
    return np.ascontiguousarray(np.eye(rows, dtype=dtype)[order_of(pivots, rows)].swapaxes(-1, -2))


def solve_lower(a: Any, b: Any, unit: bool) -> Any:
    """X of ``A X = B`` for the lower triangle of A; `unit`: ones stand on its diagonal."""
    n = a.shape[-1]
    if n > _SMALL:
        half = n // 2
        first = solve_lower(a[..., :half, :half], b[..., :half, :], unit)
        rest = b[..., half:, :] - a[..., half:, :half] @ first
        second = solve_lower(a[..., half:, half:], rest, unit)
        return np.concatenate((first, second), -2)
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    x = np.empty((*batch, *b.shape[-2:]), b.dtype)
    x[...] = b
    for i in range(n):
        row = x[..., i, :]
        if i:
            row -= (a[..., i, None, :i] @ x[..., :i, :])[..., 0, :]
        if not unit:
            row /= a[..., i, i, None]
    return x


def solve_triangular(a: Any, b: Any, upper: bool, left: bool, unit: bool) -> Any:
    """X of ``A X = B`` (``X A = B`` if not `left`) for one triangle of A."""
    if not left:
        a, b, upper = a.swapaxes(-1, -2), b.swapaxes(-1, -2), not upper
    if upper:
        x = solve_lower(a[..., ::-1, ::-1], b[..., ::-1, :], unit)[..., ::-1, :]
    else:
        x = solve_lower(a, b, unit)
    return by_columns(x if left else x.swapaxes(-1, -2))


def solve_any(a: Any, b: Any) -> tuple[Any, Any]:
    """X of ``A X = B`` and where U has its first zero: singular A give infinities and NaN."""
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    try:
        x = np.linalg.solve(a, b)
        return x.astype(b.dtype, copy=False), np.zeros(a.shape[:-2], np.int32)
    except np.linalg.LinAlgError:
        factors, pivots, info = lu(a)
    order = np.broadcast_to(order_of(pivots, a.shape[-1]), (*batch, a.shape[-1]))
    right = np.broadcast_to(b, (*batch, *b.shape[-2:]))
    right = np.take_along_axis(right, order[..., None], -2)
    return solve_triangular(factors, solve_lower(factors, right, True), True, True, False), info


def inverse(a: Any) -> tuple[Any, Any]:
    """The inverse and where U has its first zero."""
    try:
        return np.linalg.inv(a), np.zeros(a.shape[:-2], np.int32)
    except np.linalg.LinAlgError:
        return solve_any(a, np.eye(a.shape[-1], dtype=a.dtype))


def cholesky(a: Any) -> tuple[Any, Any]:
    """The lower factor of the lower triangle, and the order of the first leading minor that is
    not positive (0 without one)."""
    info = np.zeros(a.shape[:-2], np.int32)
    try:
        return np.linalg.cholesky(a), info
    except np.linalg.LinAlgError:
        work = np.tril(flattened(a))
    flat = info.reshape(-1)
    for i, matrix in enumerate(work):
        try:
            work[i] = np.linalg.cholesky(matrix)
        except np.linalg.LinAlgError:
            flat[i] = _cholesky_until(matrix)
    return work.reshape(a.shape), info


def _cholesky_until(a: Any) -> int:
    for j in range(len(a)):
        row = a[j, :j]
        rest = (a[j, j] - row @ row.conj()).real
        if not rest > 0:
            a[j, j] = rest
            return j + 1
        a[j, j] = math.sqrt(rest)
        a[j + 1 :, j] = (a[j + 1 :, j] - a[j + 1 :, :j] @ row.conj()) / a[j, j]
    return 0


#: Coefficients of the [13/13] Pade approximant of exp, and up to which norm it is exact:
#: Higham, The Scaling and Squaring Method for the Matrix Exponential Revisited (2005).
_PADE = (
    64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0,
    129060195264000.0, 10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0, 40840800.0,
    960960.0, 16380.0, 182.0, 1.0,
)  # fmt: skip
_PADE_REACH = 5.371920351148152


def exponential(a: Any) -> Any:
    """The matrix exponential; single and half precision are computed in double and rounded."""
    wide = np.dtype(np.complex128 if a.dtype.kind == "c" else np.float64)
    x = flattened(a).astype(wide)
    if not x.size:
        return a.copy()
    norms = abs(x).sum(-2).max(-1)
    broken = ~np.isfinite(norms)
    x[broken] = 0
    norms[broken] = 0
    squarings = np.maximum(np.ceil(np.log2(np.maximum(norms, 1e-300) / _PADE_REACH)), 0).astype(int)
    x /= np.exp2(squarings)[:, None, None]
    b, unit = _PADE, np.eye(x.shape[-1])
    x2 = x @ x
    x4 = x2 @ x2
    x6 = x4 @ x2
    odd = x6 @ (b[13] * x6 + b[11] * x4 + b[9] * x2)
    odd = x @ (odd + b[7] * x6 + b[5] * x4 + b[3] * x2 + b[1] * unit)
    even = x6 @ (b[12] * x6 + b[10] * x4 + b[8] * x2)
    even += b[6] * x6 + b[4] * x4 + b[2] * x2 + b[0] * unit
    result = np.linalg.solve(even - odd, even + odd)
    for i in range(int(squarings.max(initial=0))):
        more = squarings > i
        result[more] = result[more] @ result[more]
    result[broken] = np.nan
    return result.reshape(a.shape).astype(a.dtype)


def _of_others(s: Any) -> Any:
    """The product of all values but one, for each."""
    n = s.shape[-1]
    parts = np.broadcast_to(s[..., None, :], (*s.shape, n)).copy()
    parts[..., np.arange(n), np.arange(n)] = 1
    return parts.prod(-1)


def cofactors(a: Any) -> Any:
    """The matrix of cofactors, the derivative of the determinant: ``det(A) inv(A)^T``, which
    singular matrices have as well."""
    det = np.linalg.det(a)
    if (det != 0).all():
        return det[..., None, None] * np.linalg.inv(a).swapaxes(-1, -2)
    u, s, vh = np.linalg.svd(a)
    sign = np.linalg.det(u) * np.linalg.det(vh)
    scale = sign[..., None] * _of_others(s)
    return ((u.conj() * scale[..., None, :]) @ vh.conj()).astype(a.dtype, copy=False)


def cofactor_slope(a: Any, h: Any) -> Any:
    """The derivative of `cofactors` at A in the direction H, a symmetric bilinear form of H."""
    det = np.linalg.det(a)
    if (det != 0).all():
        c = det[..., None, None] * np.linalg.inv(a).swapaxes(-1, -2)
        along = (h * c).sum((-2, -1), keepdims=True)
        return (along * c - c @ h.swapaxes(-1, -2) @ c) / det[..., None, None]
    u, s, vh = np.linalg.svd(a)
    sign = np.linalg.det(u) * np.linalg.det(vh)
    n = s.shape[-1]
    each = np.arange(n)
    parts = np.broadcast_to(s[..., None, None, :], (*s.shape[:-1], n, n, n)).copy()
    parts[..., each, :, each] = 1
    parts[..., :, each, each] = 1
    others = parts.prod(-1)
    turned = adjoint(u) @ h @ adjoint(vh)
    inner = -turned.swapaxes(-1, -2) * others
    others[..., each, each] = 0
    inner[..., each, each] = (others @ turned.diagonal(0, -2, -1)[..., None])[..., 0]
    return (sign[..., None, None] * (u.conj() @ inner @ vh.conj())).astype(a.dtype, copy=False)


def reflector(a: Any, i: int) -> Any:
    """The vector of the `i`-th reflection in what LAPACK's geqrf returns, as a column."""
    v = a[..., :, i, None].copy()
    v[..., :i, :] = 0
    v[..., i, :] = 1
    return v


def reflected(a: Any, tau: Any, c: Any, backward: bool = True) -> Any:
    """``H1 H2 ... C`` of the reflections ``I - tau v v^H``; not `backward`: ``... H2^H H1^H C``."""
    batch = np.broadcast_shapes(a.shape[:-2], c.shape[:-2])
    out = np.empty((*batch, *c.shape[-2:]), c.dtype)
    out[...] = c
    steps = range(tau.shape[-1])
    for i in reversed(steps) if backward else steps:
        v = reflector(a, i)
        scale = tau[..., i, None, None]
        out -= (scale if backward else scale.conj()) * v @ (adjoint(v) @ out)
    return out
