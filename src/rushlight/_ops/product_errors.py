"""Why a product of matrices is impossible, in PyTorch's words and order.

Where both the shapes and the dtypes are wrong PyTorch mostly speaks of the shapes: a row asks these
questions in its `refuse` before the dtypes are compared, and in its kernel.
"""

from __future__ import annotations

from typing import Any

from .. import _dtypes
from .._core import Tensor


def before_dtypes(why: Any) -> Any:
    """A row's `refuse` that asks `why` of the arrays."""

    def refuse(*values: Any) -> Exception | None:
        arrays = (v._data if isinstance(v, Tensor) else v for v in values)
        found: Exception | None = why(*arrays)
        return found

    return refuse


def why_not_mm(x: Any, y: Any) -> Exception | None:
    if x.ndim != 2:
        return RuntimeError("self must be a matrix")
    if y.ndim != 2:
        return RuntimeError("mat2 must be a matrix")
    if x.shape[1] != y.shape[0]:
        return RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({x.shape[0]}x{x.shape[1]} and "
            f"{y.shape[0]}x{y.shape[1]})"
        )
    return None


def why_not_bmm(x: Any, y: Any) -> Exception | None:
    if x.ndim != 3:
        return RuntimeError("batch1 must be a 3D tensor")
    if y.ndim != 3:
        return RuntimeError("batch2 must be a 3D tensor")
    if x.shape[0] != y.shape[0] or x.shape[2] != y.shape[1]:
        return RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{x.shape[0]}, "
            f"{x.shape[2]}] but got: [{y.shape[0]}, {y.shape[1]}]."
        )
    return None


def why_not_mv(x: Any, y: Any) -> Exception | None:
    if x.ndim == 0:
        return IndexError("Dimension specified as 0 but tensor has no dimensions")
    if x.ndim != 2 or y.ndim != 1:
        return RuntimeError(f"vector + matrix @ vector expected, got 1, {x.ndim}, {y.ndim}")
    if x.shape[1] != y.shape[0]:
        return RuntimeError(
            f"size mismatch, got input ({x.shape[0]}), mat ({x.shape[0]}x{x.shape[1]}), vec "
            f"({y.shape[0]})"
        )
    return None


def why_not_dot(x: Any, y: Any) -> Exception | None:
    if x.ndim != 1 or y.ndim != 1:
        return RuntimeError(f"1D tensors expected, but got {x.ndim}D and {y.ndim}D tensors")
    if x.dtype != y.dtype:
        names = (_dtypes.from_numpy(a.dtype).type_name for a in (x, y))
        return RuntimeError(
            "dot : expected both vectors to have same dtype, but found " + " and ".join(names)
        )
    if x.shape != y.shape:
        return RuntimeError(
            f"inconsistent tensor size, expected tensor [{x.shape[0]}] and src [{y.shape[0]}] to "
            "have the same number of elements, but got "
            f"{x.shape[0]} and {y.shape[0]} elements respectively"
        )
    return None


def cannot_expand(bias: Any, *shape: int) -> Exception | None:
    """Why the summand does not broadcast to the product."""
    lead = len(shape) - bias.ndim
    if lead < 0:
        return RuntimeError(
            f"expand(torch.FloatTensor{{{list(bias.shape)}}}, size={list(shape)}): the number of "
            f"sizes provided ({len(shape)}) must be greater or equal to the number of dimensions "
            f"in the tensor ({bias.ndim})"
        )
    for dim in range(len(shape) - 1, lead - 1, -1):
        have = bias.shape[dim - lead]
        if have not in (1, shape[dim]):
            return RuntimeError(
                f"The expanded size of the tensor ({shape[dim]}) must match the existing size "
                f"({have}) at non-singleton dimension {dim}.  Target sizes: {list(shape)}.  Tensor "
                f"sizes: {list(bias.shape)}"
            )
    return None


def type_names(*arrays: Any) -> list[str]:
    return [_dtypes.from_numpy(a.dtype).type_name for a in arrays]


def why_not_addmm(bias: Any, x: Any, y: Any, *factors: Any) -> Exception | None:
    for name, matrix in (("mat1", x), ("mat2", y)):
        if matrix.ndim != 2:
            return RuntimeError(f"{name} must be a matrix, got {matrix.ndim}-D tensor")
    a, b, c = type_names(bias, x, y)
    if a != c:
        return RuntimeError(f"self and mat2 must have the same dtype, but got {a} and {c}")
    if b != c:
        return RuntimeError(f"mat1 and mat2 must have the same dtype, but got {b} and {c}")
    return why_not_mm(x, y) or cannot_expand(bias, x.shape[0], y.shape[1])


def why_not_addmv(bias: Any, x: Any, y: Any, *factors: Any) -> Exception | None:
    if x.ndim != 2 or y.ndim != 1 or bias.ndim > 1:
        return RuntimeError(
            f"vector + matrix @ vector expected, got {bias.ndim}, {x.ndim}, {y.ndim}"
        )
    if x.shape[1] != y.shape[0] or (bias.size != 1 and bias.shape != x.shape[:1]):
        rows = bias.shape[0] if bias.ndim else 1
        return RuntimeError(
            f"size mismatch, got input ({rows}), mat ({x.shape[0]}x{x.shape[1]}), vec "
            f"({y.shape[0]})"
        )
    a, b, c = type_names(bias, x, y)
    if not a == b == c:
        return RuntimeError(
            f"addmv input tensors must have the same dtype, but got {a}, {b}, and {c}"
        )
    return None


def why_not_baddbmm(bias: Any, x: Any, y: Any, *factors: Any) -> Exception | None:
    for operand in (y, x):
        if operand.ndim < 3:
            return IndexError(
                f"Dimension out of range (expected to be in range of [{-operand.ndim}, "
                f"{operand.ndim - 1}], but got 2)"
            )
    if (error := cannot_expand(bias, x.shape[0], x.shape[1], y.shape[2])) is not None:
        return error
    names = [_dtypes.from_numpy(a.dtype).name for a in (bias, x, y)]
    if names[0] != names[1]:
        spoken = {"float32": "float", "float64": "double"}
        a, b, c = (spoken.get(n, n) for n in names)
        return RuntimeError(
            f"Input dtypes must be the same, got: input {a}, batch1: {b}, batch2: {c}"
        )
    if names[1] != names[2]:
        b, c = type_names(x, y)
        return RuntimeError(f"expected scalar type {b} but found {c}")
    return why_not_bmm(x, y)
