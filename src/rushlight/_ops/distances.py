"""Rows and functions of distances and products of vectors, and statistics of several variables."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _dtypes
from .._core import OPS, Tensor, dtype_of, wrap
from .._define.kinds import bilinear, joint
from .._tensor import registry
from . import reduce
from .checks import canonical_dim
from .deprecation import tell_once
from .linalg import mm
from .matrix_checks import batch_shape, fitted, type_name
from .movement import view

# ---- all distances between two sets --------------------------------------------------------------

_MANY = 25  # rows from which on PyTorch takes the Euclidean distance by a matrix product
_MODES = {
    "use_mm_for_euclid_dist_if_necessary": 0, "use_mm_for_euclid_dist": 1,
    "donot_use_mm_for_euclid_dist": 2,
}  # fmt: skip


def _by_product(p: float, mode: int, rows: int, others: int) -> bool:
    return p == 2 and (mode == 1 or (mode == 0 and (rows > _MANY or others > _MANY)))


def _cdist(x: Any, y: Any, p: float, mode: int) -> Any:
    if _by_product(p, mode, x.shape[-2], y.shape[-2]):
        squares = (x * x).sum(-1)[..., None] + (y * y).sum(-1)[..., None, :]
        products = x @ y.swapaxes(-1, -2)
        return np.sqrt(np.maximum(squares - 2 * products, 0)).astype(x.dtype, copy=False)
    batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    out = np.zeros((*batch, x.shape[-2], y.shape[-2]), x.dtype)
    # Column by column: all differences at once would not fit into the cache, or the memory.
    for i in range(x.shape[-1]):
        apart = np.abs(x[..., :, None, i] - y[..., None, :, i])
        if p == math.inf:
            np.maximum(out, apart, out=out)
        else:
            out += apart if p == 1 else _powers(apart, p)
    return out if p in (0, 1, math.inf) else np.sqrt(out) if p == 2 else out ** x.dtype.type(1 / p)


def _powers(apart: Any, p: float) -> Any:
    if p == 2:
        return apart * apart
    return apart != 0 if p == 0 else apart ** apart.dtype.type(p)


def _cdist_gradients(
    k: Any, g: Any, x: Any, y: Any, out: Any, p: float, mode: int, need: Any
) -> Any:
    if p == 0:
        return k.zeros_like_(x), k.zeros_like_(y)
    dims = len(g.shape)
    if _by_product(p, mode, x.shape[-2], y.shape[-2]):
        ratio = g / k.where(out == 0, math.inf, out)
        gx = x * k.sum(ratio, (dims - 1,), True) - k.matmul(ratio, y)
        across = k.reshape(k.sum(ratio, (dims - 2,), False), (*ratio.shape[:-2], y.shape[-2], 1))
        gy = y * across - k.matmul(k.mT(ratio), x)
        return fitted(k, gx, x.shape), fitted(k, gy, y.shape)
    apart = (k.reshape(x, (*x.shape[:-1], 1, x.shape[-1]))
             - k.reshape(y, (*y.shape[:-2], 1, *y.shape[-2:])))  # fmt: skip
    slope = k.reshape(g, (*g.shape, 1))
    length = k.reshape(out, (*out.shape, 1))
    if p == 1:
        slope = slope * k.sign(apart)
    elif p == math.inf:
        slope = slope * k.sign(apart) * k.cast(k.abs(apart) == length, k.dtype_of(g))
    elif p == 2:
        slope = apart * (slope / k.where(length == 0, math.inf, length))
    else:
        steep = k.where(apart == 0, 0.0, k.pow_scalar(k.abs(apart), p - 1) * k.sign(apart))
        flat = k.pow_scalar(k.where(length == 0, 1.0, length), p - 1)
        slope = steep * (slope / flat)
    gx = k.sum(slope, (dims - 1,), False) if need[0] else None
    gy = -k.sum(slope, (dims - 2,), False) if need[1] else None
    return (
        None if gx is None else fitted(k, gx, x.shape),
        None if gy is None else fitted(k, gy, y.shape),
    )


def _cdist_check(x: Any, y: Any, p: Any, mode: Any) -> tuple[float, int]:
    for name, value in (("X1", x), ("X2", y)):
        if value.ndim < 2:
            raise RuntimeError(
                f"cdist only supports at least 2D tensors, {name} got: {value.ndim}D"
            )
    if x.shape[-1] != y.shape[-1]:
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {x.shape[-1]} X2: {y.shape[-1]}"
        )
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    for name, value in (("X1", x), ("X2", y)):
        if value.dtype.kind != "f" and value.dtype not in _dtypes.LOW_PRECISION:
            raise RuntimeError(
                f"cdist only supports floating-point dtypes, {name} got: {type_name(value)}"
            )
    if x.dtype != y.dtype:
        raise RuntimeError(
            f"expected scalar type {type_name(x)} but found {type_name(y)}"
        )
    if x.dtype in _dtypes.LOW_PRECISION:
        raise NotImplementedError(f"\"cdist\" not implemented for '{type_name(x)}'")
    batch_shape(x.shape[:-2], y.shape[:-2])
    return float(p), int(mode)


cdist_row = joint(
    "cdist", _cdist, "_cdist(Tensor x1, Tensor x2, float p, int mode) -> Tensor", _cdist_gradients,
    ("x", "y"), inputs=("x", "y"), check=_cdist_check, public=False,
)  # fmt: skip


def cdist(
    x1: Tensor, x2: Tensor, p: float = 2.0,
    compute_mode: Any = "use_mm_for_euclid_dist_if_necessary",
) -> Tensor:  # fmt: skip
    """The p-norm distances between all rows of `x1` and all rows of `x2`.

    Shape: x1 (*, n, d), x2 (*, m, d); output (*, n, m). The batch dims broadcast.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.cdist.html

    >>> import rushlight as torch
    >>> torch.cdist(torch.zeros(1, 2), torch.tensor([[3., 4.]]))
    tensor([[5.]])
    """
    mode = _MODES.get(compute_mode)
    if mode is None:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    return cdist_row.call(x1, x2, p, mode)


# ---- the vector product --------------------------------------------------------------------------


def _cross_check(x: Any, y: Any, dim: Any) -> tuple[int]:
    if x.ndim != y.ndim:
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    given, dim = dim, canonical_dim(dim, x.ndim)
    if x.shape[dim] != 3 or y.shape[dim] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {given} must have length 3. Got {x.shape[dim]} and "
            f"{y.shape[dim]}"
        )
    batch_shape(x.shape, y.shape)
    if x.dtype != y.dtype:
        raise RuntimeError(f"expected scalar type {type_name(x)} but found {type_name(y)}")
    if x.dtype.kind == "b":
        raise NotImplementedError("\"cross\" not implemented for 'Bool'")
    return (dim,)


def _cross(x: Any, y: Any, dim: int) -> Any:
    front = (slice(None),) * dim
    a, b = ([v[(*front, i)] for i in range(3)] for v in (x, y))
    parts = (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])
    return np.stack(parts, dim)


cross_row = bilinear(
    "linalg_cross", _cross, "_linalg_cross(Tensor self, Tensor other, int dim) -> Tensor",
    inputs=("x", "y"), check=_cross_check, promotion="none", public=False, broadcasts=(0, 1),
    x=lambda k, g, y, dim: k.linalg_cross(y, g, dim),
    y=lambda k, g, x, dim: k.linalg_cross(g, x, dim),
)  # fmt: skip


def linalg_cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The vector product along a dim of size 3; the inputs broadcast.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.linalg.cross.html

    >>> import rushlight as torch
    >>> torch.linalg.cross(torch.tensor([1., 0., 0.]), torch.tensor([0., 1., 0.]))
    tensor([0., 0., 1.])
    """
    return cross_row.call(input, other, dim)


def cross(input: Tensor, other: Tensor, dim: Any = None) -> Tensor:
    """The vector product along `dim`, by default the first one of size 3.

    >>> import rushlight as torch
    >>> torch.cross(torch.tensor([1., 0., 0.]), torch.tensor([0., 1., 0.]), dim=0)
    tensor([0., 0., 1.])
    """
    if dim is None:
        tell_once("cross")
        dim = next((i for i, n in enumerate(input._data.shape) if n == 3), None)
        if dim is None:
            raise RuntimeError("no dimension of size 3 in input")
    return cross_row.call(input, other, dim)


# ---- products of several matrices ----------------------------------------------------------------


def multi_dot(matrices: tuple[Tensor, ...]) -> Tensor:
    """The product of matrices in the cheapest order; the first and last may be vectors."""
    n = len(matrices)
    if n < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {n}")
    given: list[Any] = list(matrices)
    shape: list[int] = []
    for i, at in ((0, 0), (n - 1, -1)):
        t = given[i]._data
        which = "first" if i == 0 else "last"
        if t.ndim not in (1, 2):
            raise RuntimeError(
                f"multi_dot(): the {which} tensor must be 1D or 2D but got {t.ndim}D"
            )
        if t.ndim == 1:
            given[i] = given[i].unsqueeze(at)
        else:
            shape.append(t.shape[at])
    for i, t in enumerate(given):
        if t._data.ndim != 2:
            raise RuntimeError(
                f"multi_dot(): tensor {i} must be 2D but got {t._data.ndim}D"
            )
        if t._data.dtype != given[0]._data.dtype:
            names = [_C_NAMES.get(dtype_of(u).name, dtype_of(u).name) for u in (given[0], t)]
            raise RuntimeError(
                "multi_dot(): all tensors must have be the same dtype but tensor 0 is "
                f"{names[0]} and tensor {i} {names[1]}"
            )
    for i in range(n - 1):
        a, b = given[i]._data.shape, given[i + 1]._data.shape
        if a[1] != b[0]:
            raise RuntimeError(
                f"multi_dot(): tensors {i} and {i + 1} with shapes {list(a)} and {list(b)} cannot "
                "be multiplied"
            )
    return view.call(_in_order(given), tuple(shape))


_C_NAMES = {"float32": "float", "float64": "double", "float16": "c10::Half",
            "int64": "long int", "int32": "int"}  # fmt: skip


def _in_order(matrices: list[Any]) -> Any:
    """Cormen et al., Introduction to Algorithms: matrix-chain multiplication."""
    n = len(matrices)
    sizes = [m._data.shape[0] for m in matrices] + [matrices[-1]._data.shape[1]]
    cost = [[0] * n for _ in range(n)]
    cut = [[0] * n for _ in range(n)]
    for span in range(1, n):
        for i in range(n - span):
            j = i + span
            choices = [
                cost[i][s] + cost[s + 1][j] + sizes[i] * sizes[s + 1] * sizes[j + 1]
                for s in range(i, j)
            ]
            # Of equals the last, as PyTorch has it for three.
            best = min(choices)
            cost[i][j] = best
            cut[i][j] = i + len(choices) - 1 - choices[::-1].index(best)

    def product(i: int, j: int) -> Any:
        if i == j:
            return matrices[i]
        s = cut[i][j]
        return mm.call(product(i, s), product(s + 1, j))

    return product(0, n - 1)


def chain_matmul(*matrices: Any, out: Any = None) -> Tensor:
    """The product of several matrices, as `torch.linalg.multi_dot`."""
    tell_once("chain_matmul")
    for m in matrices:
        if m._data.ndim != 2:
            raise RuntimeError(f"Tensor dimension is {m._data.ndim}, expected 2 instead.")
    found = matrices[0].clone() if len(matrices) == 1 else multi_dot(tuple(matrices))
    if out is None:
        return found
    from .._define.promote import into

    return into("chain_matmul", found, out)


# ---- several variables ---------------------------------------------------------------------------


def _weights(w: Any, name: str, observations: int, kind: str) -> None:
    data = w._data
    if data.ndim > 1:
        raise RuntimeError(
            f"cov(): expected {name} to have one or fewer dimensions but got {name} with "
            f"{data.ndim} dimensions"
        )
    good = data.dtype.kind in "iu" if kind == "integral" else data.dtype.kind in "fV"
    if not good:
        raise RuntimeError(
            f"cov(): expected {name} to have {kind} dtype but got {name} with "
            f"{type_name(data)} dtype"
        )
    if data.size != observations:
        raise RuntimeError(
            f"cov(): expected {name} to have the same numel as there are observations in the input "
            f"but got {data.size} != {observations}"
        )
    if (data < 0).any():
        raise RuntimeError(f"cov(): {name} cannot be negative")


def cov(
    input: Tensor, *, correction: int = 1, fweights: Any = None, aweights: Any = None
) -> Tensor:
    """The covariance of variables, which are rows, over observations, which are columns.

    Shape: (variables, observations) to (variables, variables); (observations) to ().

    Args:
        fweights: how often each observation occurs.
        aweights: how much each observation counts.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.cov.html

    >>> import rushlight as torch
    >>> torch.cov(torch.tensor([[0., 1., 2.], [2., 1., 0.]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    x: Any = input
    if x.dim() > 2:
        raise RuntimeError(
            "cov(): expected input to have two or fewer dimensions but got an input with "
            f"{x.dim()} dimensions"
        )
    if x._data.dtype.kind == "b":
        raise RuntimeError("cov(): bool dtype is not supported for input")
    x = x.reshape(1, -1) if x.dim() < 2 else x
    n = x._data.shape[1]
    w: Any = None
    if fweights is not None:
        _weights(fweights, "fweights", n, "integral")
        w = fweights
    if aweights is not None:
        _weights(aweights, "aweights", n, "floating point")
        w = aweights if w is None else w * aweights
    total: Any = n if w is None else w.sum()
    if w is not None and (total._data == 0).any():
        raise RuntimeError("cov(): weights sum to zero, can't be normalized")
    mean = (x if w is None else x * w).sum(1) / total
    if w is not None and aweights is not None and correction:
        freedom: Any = total - correction * (w * aweights).sum() / total
    else:
        freedom = total - correction
    if isinstance(freedom, Tensor):
        few = bool((freedom._data <= 0).all())
        freedom = freedom * 0 if few else freedom
    else:
        few = freedom <= 0
        freedom = max(freedom, 0)
    if few:
        import warnings

        warnings.warn(
            "cov(): degrees of freedom is <= 0. Correction should be strictly less than the number "
            "of observations.", UserWarning, stacklevel=4,
        )  # fmt: skip
    x = x - mean.unsqueeze(1)
    other = (x if w is None else x * w).t()
    product = mm.call(x, other.conj() if x._data.dtype.kind == "c" else other)
    if not isinstance(freedom, Tensor):
        freedom = wrap(np.asarray(freedom))
    return (product / freedom).squeeze()


def corrcoef(input: Tensor) -> Tensor:
    """Pearson's correlation coefficients of variables, which are rows.

    Shape: (variables, observations) to (variables, variables); (observations) to ().

    Source: https://docs.pytorch.org/docs/stable/generated/torch.corrcoef.html

    >>> import rushlight as torch
    >>> torch.corrcoef(torch.tensor([[0., 1., 2.], [2., 1., 0.]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if input._data.ndim > 2:
        raise RuntimeError(
            "corrcoef(): expected input to have two or fewer dimensions but got an input with "
            f"{input._data.ndim} dimensions"
        )
    c: Any = cov(input)
    if c.dim() == 0:
        return c / c
    d = c.diagonal()
    deviation = (d.real if c._data.dtype.kind == "c" else d).sqrt()
    c = c / deviation.view(-1, 1) / deviation.view(1, -1)
    if c._data.dtype.kind != "c":
        return c.clamp(-1, 1)
    clipped = (part.clamp(-1, 1) for part in (c.real, c.imag))
    return OPS["complex"].call(*clipped)


def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """The powers of the elements of a vector as columns, the highest first.

    >>> import rushlight as torch
    >>> torch.vander(torch.tensor([1, 2]), 3)
    tensor([[1, 1, 1],
            [4, 2, 1]])
    """
    given: Any = x
    if given.dim() != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    rows = given._data.shape[0]
    n = rows if N is None else N
    if n < 0:
        raise RuntimeError("N must be non-negative.")
    kind = given._data.dtype if given._data.dtype.kind in "fcV" else np.dtype(np.int64)
    parts = [wrap(np.ones((rows, min(n, 1)), kind))]
    if n > 1:
        if given._data.dtype != kind:
            given = reduce.with_dtype(given, _dtypes.from_numpy(kind))
        parts.append(given.unsqueeze(-1).expand(rows, n - 1).cumprod(-1))
    found = OPS["cat"].call(parts, 1) if n > 1 else parts[0]
    return found if increasing else found.flip([1])


for _function in (cross, cov, corrcoef):
    registry.public(_function.__name__, _function)
for _function in (cdist, chain_matmul, vander):  # type: ignore[assignment]
    registry.public(_function.__name__, _function, method=False)
