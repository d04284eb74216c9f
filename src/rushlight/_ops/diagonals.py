"""Rows of diagonals: views of them, copies, matrices made of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._define.kinds import linear
from .checks import canonical_dim


def _diagonal_check(x: Any, offset: Any, dim1: Any, dim2: Any) -> tuple[int, int, int]:
    dim1, dim2 = canonical_dim(dim1, x.ndim), canonical_dim(dim2, x.ndim)
    if dim1 == dim2:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return offset, dim1, dim2


def _diagonal(x: Any, offset: int, dim1: int, dim2: int) -> Any:
    d = x.diagonal(offset, dim1, dim2)
    if not d.flags.writeable and x.flags.writeable:
        d.flags.writeable = True
    return d


def _diagonal_backward(g: Any, shape: Any, offset: int, dim1: int, dim2: int) -> Any:
    out = np.zeros(shape, g.dtype)
    _diagonal(out, offset, dim1, dim2)[...] = g
    return out


diagonal = linear(
    "diagonal", _diagonal,
    "diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)",
    check=_diagonal_check, view=True,
    x=lambda k, g, x_shape, offset, dim1, dim2: k.diagonal_backward(
        g, x_shape, offset, dim1, dim2),
)  # fmt: skip
diagonal_backward = linear(
    "diagonal_backward", _diagonal_backward,
    "diagonal_backward(Tensor grad, SymInt[] sizes, int offset, int dim1, int dim2) -> Tensor",
    x=lambda k, g, offset, dim1, dim2: k.diagonal(g, offset, dim1, dim2), public=False,
)  # fmt: skip
diagonal_copy = linear(
    "diagonal_copy", lambda x, offset, dim1, dim2: _diagonal(x, offset, dim1, dim2).copy(),
    "diagonal_copy(Tensor self, int offset=0, int dim1=0, int dim2=1) -> Tensor",
    check=_diagonal_check, node="DiagonalBackward0_copy", public=False,
    x=lambda k, g, x_shape, offset, dim1, dim2: k.diagonal_backward(
        g, x_shape, offset, dim1, dim2),
)  # fmt: skip


def _embed_check(x: Any, offset: Any, dim1: Any, dim2: Any) -> tuple[int, int, int]:
    dim1, dim2 = canonical_dim(dim1, x.ndim + 1), canonical_dim(dim2, x.ndim + 1)
    if dim1 == dim2:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return offset, dim1, dim2


def _diag_embed(x: Any, offset: int, dim1: int, dim2: int) -> Any:
    n = x.shape[-1] + abs(offset)
    full = list(x.shape[:-1])
    for d in sorted((dim1, dim2)):
        full.insert(d, n)
    return _diagonal_backward(x, tuple(full), offset, dim1, dim2)


diag_embed = linear(
    "diag_embed", _diag_embed,
    "diag_embed(Tensor self, int offset=0, int dim1=-2, int dim2=-1) -> Tensor",
    check=_embed_check, public=False,
    x=lambda k, g, offset, dim1, dim2: k.diagonal(g, offset, dim1, dim2),
)  # fmt: skip
