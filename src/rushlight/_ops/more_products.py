"""Products added to a tensor (addr, addbmm), the conjugating dot product, norms held in bounds."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core, _dtypes
from .._core import Tensor
from .._define.kinds import general, joint
from .._tensor import registry
from ..autograd.naming import renamed
from . import linalg, movement, statistics
from .checks import canonical_dim
from .in_place import register_twin


def _scaled(g: Any, factor: Any) -> Any:
    return g if factor == 1 else g * factor


def _whole_factors(x: Any, beta: Any, alpha: Any) -> None:
    if x.dtype.kind in "iub":
        for name, factor in (("beta", beta), ("alpha", alpha)):
            if isinstance(factor, float):
                raise RuntimeError(
                    f"For integral input tensors, argument {name} must not be a floating point "
                    "number."
                )


def _expanded(x: Any, shape: Any) -> Any:
    for d in range(1, 1 + x.ndim):
        if d > len(shape) or x.shape[-d] not in (1, shape[-d]):
            raise RuntimeError(
                f"The expanded size of the tensor ({shape[-d]}) must match the existing size "
                f"({x.shape[-d]}) at non-singleton dimension {len(shape) - d}.  Target sizes: "
                f"{list(shape)}.  Tensor sizes: {list(x.shape)}"
            )
    return np.broadcast_to(x, shape)


def _blended(x: Any, product: Any, beta: Any, alpha: Any) -> Any:
    """``beta x + alpha product``; a beta of 0 leaves `x` out, NaN and all."""
    kind = product.dtype.type
    product = product if alpha == 1 else product * kind(alpha)
    if beta == 0:
        return product
    return _expanded(x, product.shape) * kind(beta) + product


def _addr(x: Any, a: Any, b: Any, beta: Any, alpha: Any) -> Any:
    for name, vector in (("vec1", a), ("vec2", b)):
        if vector.ndim != 1:
            raise RuntimeError(
                f"addr: Expected 1-D argument {name}, but got {vector.ndim}-D"
            )
    _whole_factors(x, beta, alpha)
    short = x.dtype
    if short in _dtypes.LOW_PRECISION:
        x, a, b = (t.astype(np.float32) for t in (x, a, b))
        return _addr(x, a, b, beta, alpha).astype(short)
    return _blended(x, np.multiply(a[:, None], b[None, :]), beta, alpha)


addr = joint(
    "addr", _addr,
    "addr(Tensor self, Tensor vec1, Tensor vec2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    lambda k, g, x_shape, a, b, beta, alpha, need: (
        k.sum_to(_scaled(g, beta), x_shape) if need[0] else None,
        _scaled(k.mv(g, b), alpha) if need[1] else None,
        _scaled(k.mv(k.t(g), a), alpha) if need[2] else None),
    ("x", "a", "b"), inputs=("x", "a", "b"), same_dtype=(0, 1, 2), promotion="same",
)  # fmt: skip


def _addbmm(x: Any, a: Any, b: Any, beta: Any, alpha: Any) -> Any:
    if a.ndim != 3:
        raise RuntimeError("batch1 must be a 3D tensor")
    if b.ndim != 3:
        raise RuntimeError("batch2 must be a 3D tensor")
    if a.shape[0] != b.shape[0]:
        raise RuntimeError(
            f"batch1 and batch2 must have same number of batches, got {a.shape[0]} and "
            f"{b.shape[0]}"
        )
    if a.shape[2] != b.shape[1]:
        raise RuntimeError(
            f"Incompatible matrix sizes for bmm ({a.shape[1]}x{a.shape[2]} and "
            f"{b.shape[1]}x{b.shape[2]})"
        )
    short = x.dtype
    if short in _dtypes.LOW_PRECISION:
        x, a, b = (t.astype(np.float32) for t in (x, a, b))
        return _addbmm(x, a, b, beta, alpha).astype(short)
    return _blended(x, np.tensordot(a, b, ((0, 2), (0, 1))), beta, alpha)


def _unequal_dtypes(x: Any, a: Any, b: Any, beta: Any, alpha: Any) -> Exception | None:
    kinds = [_core.dtype_of(t) for t in (x, a, b) if isinstance(t, Tensor)]
    if len(kinds) < 3 or kinds[0] is kinds[1] is kinds[2]:
        return None
    first, label = (kinds[1], "mat1") if kinds[1] is not kinds[2] else (kinds[0], "self")
    return RuntimeError(
        f"{label} and mat2 must have the same dtype, but got {first.type_name} and "
        f"{kinds[2].type_name}"
    )


def _batched(k: Any, g: Any, batches: int) -> Any:
    """The gradient once for every batch."""
    return k.expand(k.unsqueeze(g, 0), (batches, int(g.shape[0]), int(g.shape[1])))


addbmm = joint(
    "addbmm", _addbmm,
    "addbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1)"
    " -> Tensor",
    lambda k, g, x_shape, a, b, a_shape, beta, alpha, need: (
        k.sum_to(_scaled(g, beta), x_shape) if need[0] else None,
        _scaled(k.bmm(_batched(k, g, a_shape[0]), k.mT(b)), alpha) if need[1] else None,
        _scaled(k.bmm(k.mT(a), _batched(k, g, a_shape[0])), alpha) if need[2] else None),
    ("x", "a", "b"), inputs=("x", "a", "b"), same_dtype=(0, 1, 2), promotion="equal",
    refuse=_unequal_dtypes,
)  # fmt: skip


def vdot(input: Tensor, other: Tensor) -> Any:
    """The sum of the products of conjugated elements of `input` with those of `other`.

    >>> import rushlight as torch
    >>> torch.vdot(torch.tensor([1., 2.]), torch.tensor([3., 4.]))
    tensor(11.)
    """
    if input._data.dtype.kind == "c":
        input = _core.OPS["conj"].call(input)
    return renamed(linalg.dot.call(input, other), "VdotBackward0")


# ---- norms --------------------------------------------------------------------------------------


def _renorm_check(x: Any, p: Any, dim: Any, maxnorm: Any) -> tuple[float, int, float]:
    if isinstance(p, complex):
        raise RuntimeError("renorm: p must be real-valued")
    if p <= 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm:g}")
    if x.ndim < 2:
        raise RuntimeError(
            f"renorm: input needs at least 2 dimensions, got {x.ndim} dimensions"
        )
    if x.dtype.kind in "iub":
        raise RuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{_dtypes.from_numpy(x.dtype).type_name}"
        )
    return float(p), canonical_dim(dim, x.ndim), float(maxnorm)


def _renorm(x: Any, p: float, dim: int, maxnorm: float) -> Any:
    if x.dtype in _dtypes.LOW_PRECISION:
        return _renorm(x.astype(np.float32), p, dim, maxnorm).astype(x.dtype)
    dims = tuple(d for d in range(x.ndim) if d != dim)
    norm = statistics._norm(x, p, dims, True)
    return x * np.where(norm > maxnorm, maxnorm / (norm + 1e-7), 1).astype(norm.dtype)


def _renorm_gradient(k: Any, g: Any, x: Any, p: float, dim: int, maxnorm: float) -> Any:
    """The factor maxnorm / (norm + 1e-7) moves with the norm where it is in force."""
    dims = tuple(d for d in range(len(x.shape)) if d != dim)
    norm = k.vector_norm(x, p, dims, True)
    along = k.sum(g * x, dims, True)
    reciprocal = k.reciprocal(norm + 1e-7)
    through = statistics._norm_gradient(k, along, x, norm, p, dims, True)
    inside = (g - through * reciprocal) * reciprocal * maxnorm
    return k.where(norm > maxnorm, inside, g)


renorm = general(
    "renorm", _renorm, "renorm(Tensor self, Scalar p, int dim, Scalar maxnorm) -> Tensor",
    check=_renorm_check, x=_renorm_gradient,
)  # fmt: skip


def frobenius_norm(input: Tensor, dim: Any, keepdim: bool = False) -> Any:
    """The Frobenius norm over one dim or two."""
    dims = dim if isinstance(dim, int) else tuple(dim)
    return renamed(statistics.norm_row.call(input, 2, dims, keepdim), "NormBackward1")


def norm_except_dim(v: Tensor, pow: int = 2, dim: int = 0) -> Any:
    """The norm over all dims but one, which keep the size 1; dim -1 leaves none out."""
    ndim = v._data.ndim
    if dim == -1:
        return renamed(statistics.norm_row.call(v, pow, None, False), "NormBackward0")
    dim = canonical_dim(dim, ndim)
    dims = tuple(d for d in range(ndim) if d != dim)
    norm = statistics.norm_row.call(v, pow, dims, True)
    sizes = tuple(n if d == dim else 1 for d, n in enumerate(v._data.shape))
    node = "ViewBackward0" if dim in (0, ndim - 1) else "TransposeBackward0"
    return renamed(movement.view.call(norm, sizes), node)


for _row in (addr, addbmm, renorm):
    registry.public(_row.name, _row)
    register_twin(_row, _row.name + "_")
register_twin(linalg.addmv, "addmv_")
registry.public("addmv_", registry.METHODS["addmv_"], method=False)
registry.public("vdot", vdot)
registry.public("frobenius_norm", frobenius_norm, method=False)
registry.public("norm_except_dim", norm_except_dim, method=False)
