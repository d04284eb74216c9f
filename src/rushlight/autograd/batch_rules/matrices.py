"""Rules of linear algebra: its rows take batches of matrices as they are."""

from __future__ import annotations

from typing import Any

from .common import RULES, all_in_front, call, directly, front, one_by_one, rule, shifted

for _name in (
    "cholesky_ex", "cholesky_inverse", "cofactors", "inv_ex", "ldl_factor_ex", "linalg_det",
    "linalg_eig", "linalg_eigh", "linalg_eigvals", "linalg_eigvalsh", "linalg_lu",
    "linalg_matrix_exp", "linalg_slogdet", "linalg_svd", "linalg_svdvals",
    "lu_factor_ex", "geqrf",
):  # fmt: skip
    RULES[_name] = directly


@rule("linalg_qr")
def _qr(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    if args[1] == "r":  # its Q is empty and has no batch
        return one_by_one(op, args, batched, size)
    return call(op, args)


@rule("cholesky_solve", "cofactor_slope", "linear_systems", "triangular_systems", "solve_ex")
def _two(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    """Both operands of one rank, or a loop: what a missing dim means depends on the shapes."""
    ranks = {a._data.ndim - b for n, a, b in zip(op.order, args, batched, strict=True)
             if n in op.inputs}  # fmt: skip
    if len(ranks) > 1:
        return one_by_one(op, args, batched, size)
    return all_in_front(op, args, batched, size)


@rule("linalg_cross")
def _cross(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x, y, dim = args
    x, y = front(x, batched[0], size), front(y, batched[1], size)
    if x._data.ndim != y._data.ndim:
        return one_by_one(op, args, batched, size)
    return call(op, [x, y, shifted(dim)])
