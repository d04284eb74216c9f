"""The mathematics of weight norm and spectral norm, which PyTorch has in two forms each."""

from __future__ import annotations

from typing import Any

from ..._core import Tensor
from ..._ops import weight_norm as rows
from ...autograd.grad_mode import no_grad
from ..functional import normalize


def norm_except_dim(v: Any, dim: int) -> Tensor:
    """The norm over all dimensions but one, which stay with size 1; over all for -1."""
    found: Tensor = rows.norm_except_dim(v, 2, dim)
    return found


def weight_norm(v: Any, g: Any, dim: int) -> Tensor:
    """``g v / |v|``. Source: Salimans and Kingma 2016, arXiv:1602.07868."""
    return rows.weight_norm.call(v, g, dim % v.ndim if dim != -1 else -1)


def as_matrix(weight: Any, dim: int) -> Any:
    """The weight with `dim` as rows and everything else as columns."""
    if dim != 0:
        weight = weight.permute(dim, *(d for d in range(weight.dim()) if d != dim))
    return weight.flatten(1)


def power_iteration(
    matrix: Any, u: Any, v: Any, times: int, eps: float, *, first: str = "u"
) -> None:
    """Bring `u` and `v` nearer to the first singular vectors, in place; `first` is computed first.

    Source: Miyato et al. 2018, arXiv:1802.05957.
    """
    with no_grad():
        for _ in range(times):
            if first == "v":
                v.copy_(normalize(matrix.T.mv(u), dim=0, eps=eps))
            u.copy_(normalize(matrix.mv(v), dim=0, eps=eps))
            if first == "u":
                v.copy_(normalize(matrix.T.mv(u), dim=0, eps=eps))
