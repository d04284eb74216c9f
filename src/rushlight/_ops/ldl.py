"""Rows of the LDL factorisation; no gradient flows, as in PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core import Tensor
from .._define.kinds import general
from .._define.results import return_type
from .._kernels import ldl as kernels
from .._kernels.matrices import by_columns
from .by_example import whole
from .matrix_checks import batch_shape, first_failure, floating, square, type_name


def _check(A: Any, hermitian: Any) -> tuple[bool]:
    name = "torch.linalg.ldl_factor_ex"
    square(A, name)
    floating(A, name, "ldl_factor_cpu")
    return (bool(hermitian),)


def _no_derivative(name: str) -> Any:
    def formula(k: Any, g: Any) -> Any:
        raise RuntimeError(f"derivative for aten::{name} is not implemented")

    return formula


def _factor(A: Any, hermitian: bool) -> tuple[Any, Any, Any]:
    factors, pivots, info = kernels.factor(A, hermitian)
    return by_columns(factors), pivots, info


ldl_factor_ex = general(
    "ldl_factor_ex", _factor,
    "_ldl_factor_ex(Tensor A, bool hermitian) -> (Tensor LD, Tensor pivots, Tensor info)",
    outputs=3, differentiable_outputs=(True, False, False), inputs=("A",), check=_check,
    A=_no_derivative("linalg_ldl_factor_ex"), public=False, node="NotImplemented",
    returns=return_type("linalg_ldl_factor_ex", ("LD", "pivots", "info")),
)  # fmt: skip


def refuse_zero_pivot(info: Any, name: str) -> None:
    """Raise where D has a zero on its diagonal."""
    failure = first_failure(whole(info))
    if failure is not None:
        raise RuntimeError(f"{name}: {failure[0]}D[{failure[1]},{failure[1]}] is zero")


def _solve_check(LD: Any, pivots: Any, B: Any, hermitian: Any) -> tuple[bool]:
    name = "torch.linalg.ldl_solve"
    square(LD, name)
    if B.ndim < 2:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-max(B.ndim, 1)}, "
            f"{max(B.ndim, 1) - 1}], but got -2)"
        )
    if LD.shape[-1] != B.shape[-2]:
        raise RuntimeError(
            f"Incompatible matrix sizes for {name}: each A matrix is {LD.shape[-1]} by "
            f"{LD.shape[-1]} but each b matrix is {B.shape[-2]} by {B.shape[-1]}"
        )
    if LD.dtype != B.dtype:
        raise RuntimeError(
            f"Expected b and A to have the same dtype, but found b of type {type_name(B)} and A of "
            f"type {type_name(LD)} instead."
        )
    if pivots.shape != LD.shape[:-1]:
        raise RuntimeError(
            f"{name}: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with "
            f"shape {list(pivots.shape)} instead"
        )
    if pivots.dtype.kind not in "iu":
        raise RuntimeError(f"{name}: Expected pivots to be integers. Got {type_name(pivots)}")
    floating(LD, name, "ldl_solve_cpu")
    return (bool(hermitian),)


def _solve(LD: Any, pivots: Any, B: Any, hermitian: bool) -> Any:
    batch = batch_shape(LD.shape[:-2], B.shape[:-2])
    n = LD.shape[-1]
    factors = np.broadcast_to(LD, (*batch, n, n))
    places = np.broadcast_to(pivots, (*batch, n))
    right = np.broadcast_to(B, (*batch, *B.shape[-2:]))
    return by_columns(kernels.solve(factors, places, right, hermitian))


_solve_row = general(
    "ldl_solve", _solve,
    "_ldl_solve(Tensor LD, Tensor pivots, Tensor B, bool hermitian) -> Tensor",
    inputs=("LD", "pivots", "B"), check=_solve_check, public=False, node="NotImplemented",
    LD=_no_derivative("linalg_ldl_solve"), B=_no_derivative("linalg_ldl_solve"),
)  # fmt: skip


def ldl_solve(LD: Tensor, pivots: Tensor, B: Tensor, *, hermitian: bool = False) -> Tensor:
    """X of ``A X = B`` for the factors of A that `ldl_factor` gives.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.ldl_solve.html

    >>> import rushlight as torch
    >>> torch.linalg.ldl_solve(*torch.linalg.ldl_factor(2 * torch.eye(2)), torch.ones(2, 1))
    tensor([[0.5000],
            [0.5000]])
    """
    return _solve_row.call(LD, pivots, B, hermitian)
