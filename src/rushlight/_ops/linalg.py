"""Rows of matrix products, and `matmul`, which PyTorch too composes from them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _core, _dtypes
from .._core import RAW, TEN, Tensor
from .._define.kinds import bilinear, joint
from .._kernels.products import matmul as _matmul
from .movement import expand, reshape, squeeze, unsafe_view, unsqueeze


def _product(x: Any, y: Any) -> Any:
    """np.matmul; half precision is computed in float32 and rounded once."""
    if x.itemsize == 2 and x.dtype in _dtypes.LOW_PRECISION:
        return _matmul(x.astype(np.float32), y.astype(np.float32)).astype(x.dtype)
    return _matmul(x, y)


def _mm_check(x: Any, y: Any) -> Any:
    if x.ndim != 2:
        raise RuntimeError("self must be a matrix")
    if y.ndim != 2:
        raise RuntimeError("mat2 must be a matrix")
    if x.shape[1] != y.shape[0]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({x.shape[0]}x{x.shape[1]} and "
            f"{y.shape[0]}x{y.shape[1]})"
        )
    return _product(x, y)


mm = bilinear(
    "mm", _mm_check, "mm(Tensor self, Tensor mat2) -> Tensor", inputs=("x", "y"), same_dtype=(0, 1),
    x=lambda k, g, y: k.mm(g, k.t(y)), y=lambda k, g, x: k.mm(k.t(x), g),
)  # fmt: skip


def _bmm(x: Any, y: Any) -> Any:
    if x.ndim != 3:
        raise RuntimeError("batch1 must be a 3D tensor")
    if y.ndim != 3:
        raise RuntimeError("batch2 must be a 3D tensor")
    if x.shape[0] != y.shape[0] or x.shape[2] != y.shape[1]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{x.shape[0]}, "
            f"{x.shape[2]}] but got: [{y.shape[0]}, {y.shape[1]}]."
        )
    return _product(x, y)


bmm = bilinear(
    "bmm", _bmm, "bmm(Tensor self, Tensor mat2) -> Tensor", inputs=("x", "y"), same_dtype=(0, 1),
    x=lambda k, g, y: k.bmm(g, k.mT(y)), y=lambda k, g, x: k.bmm(k.mT(x), g),
    mismatch=lambda x, y: f"expected scalar type {x.type_name} but found {y.type_name}",
)  # fmt: skip


def _mv(x: Any, y: Any) -> Any:
    if x.ndim != 2 or y.ndim != 1:
        raise RuntimeError(
            f"vector + matrix @ vector expected, got 1, {x.ndim}, {y.ndim}"
        )
    if x.shape[1] != y.shape[0]:
        raise RuntimeError(
            f"size mismatch, got input ({x.shape[0]}), mat ({x.shape[0]}x{x.shape[1]}), vec "
            f"({y.shape[0]})"
        )
    return _product(x, y)


mv = bilinear(
    "mv", _mv, "mv(Tensor self, Tensor vec) -> Tensor", inputs=("x", "y"), same_dtype=(0, 1),
    x=lambda k, g, y: k.outer(g, y), y=lambda k, g, x: k.mv(k.t(x), g),
    mismatch=lambda x, y: "addmv input tensors must have the same dtype, but got "
    f"{y.type_name}, {x.type_name}, and {y.type_name}",
)  # fmt: skip


def _dot(x: Any, y: Any) -> Any:
    if x.ndim != 1 or y.ndim != 1:
        raise RuntimeError(
            f"1D tensors expected, but got {x.ndim}D and {y.ndim}D tensors"
        )
    if x.shape != y.shape:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{x.shape[0]}] and src [{y.shape[0]}] to "
            "have the same number of elements, but got "
            f"{x.shape[0]} and {y.shape[0]} elements respectively"
        )
    return _product(x, y)


dot = bilinear(
    "dot", _dot, "dot(Tensor self, Tensor tensor) -> Tensor", inputs=("x", "y"), same_dtype=(0, 1),
    x=lambda g, y: g * y, y=lambda g, x: g * x,
    mismatch=lambda x, y: "dot : expected both vectors to have same dtype, but found "
    f"{x.type_name} and {y.type_name}",
)  # fmt: skip


def _outer(x: Any, y: Any) -> Any:
    for name, operand in (("self", x), ("vec2", y)):
        if operand.ndim != 1:
            raise RuntimeError(
                f"outer: Expected 1-D argument {name}, but got {operand.ndim}-D"
            )
    return np.multiply(x[:, None], y[None, :])


outer = bilinear(
    "outer", _outer,
    "outer(Tensor self, Tensor vec2) -> Tensor", inputs=("x", "y"), same_dtype=(0, 1),
    x=lambda k, g, y: k.mv(g, y), y=lambda k, g, x: k.mv(k.t(g), x), node="MulBackward0",
    promotion="same",
)  # fmt: skip


def _addmm(bias: Any, x: Any, y: Any, beta: Any, alpha: Any) -> Any:
    out = _mm_check(x, y)
    if alpha != 1:
        out *= x.dtype.type(alpha)
    if beta == 1:
        return np.add(out, bias, out=out)
    if beta != 0:
        out += bias * x.dtype.type(beta)
    return out


def _scaled(g: Any, factor: Any) -> Any:
    return g if factor == 1 else g * factor


addmm = joint(
    "addmm", _addmm,
    "addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    lambda k, g, bias_shape, x, y, beta, alpha, need: (
        k.sum_to(_scaled(g, beta), bias_shape) if need[0] else None,
        _scaled(k.mm(g, k.t(y)), alpha) if need[1] else None,
        _scaled(k.mm(k.t(x), g), alpha) if need[2] else None),
    ("bias", "x", "y"), inputs=("bias", "x", "y"), same_dtype=(0, 1, 2), promotion="equal",
    # The usual case is an input that differs from the parameters, of which the bias is one.
    mismatch=lambda bias, other: "mat1 and mat2 must have the same dtype, but got "
    f"{other.type_name} and {bias.type_name}",
)  # fmt: skip


# ---- linear: x @ w.T + b ------------------------------------------------------------------------


def _linear_check(x: Any, w: Any, b: Any) -> None:
    if w.ndim == 2 and x.ndim and x.shape[-1] != w.shape[1]:
        rows = 1
        for n in x.shape[:-1]:
            rows *= n
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({rows}x{x.shape[-1]} and "
            f"{w.shape[1]}x{w.shape[0]})"
        )


def _linear(x: Any, w: Any, b: Any) -> Any:
    if x.ndim == 2:
        if x.shape[1] != w.shape[1]:
            _linear_check(x, w, b)
        out = _product(x, w.T)
    else:
        _linear_check(x, w, b)
        out = _product(x.reshape(-1, x.shape[-1]), w.T).reshape(*x.shape[:-1], w.shape[0])
    if b is not None:
        np.add(out, b, out=out)
    return out


def _linear_gradients(k: Any, g: Any, x: Any, w: Any, b_shape: Any, need: Any) -> Any:
    rows = (-1, int(w.shape[0]))
    flat = g if g.ndim == 2 else k.reshape(g, rows)
    gx = gw = gb = None
    if need[0]:
        gx = k.mm(flat, w)
        if g.ndim != 2:
            gx = k.reshape(gx, (*g.shape[:-1], int(w.shape[1])))
    if need[1]:
        inputs = x if x.ndim == 2 else k.reshape(x, (-1, int(w.shape[1])))
        gw = k.mm(k.t(flat), inputs)
    if need[2]:
        gb = k.sum_to(flat, b_shape)
    return gx, gw, gb


def _linear_mismatch(x: Any, other: Any) -> str:
    return (
        f"mat1 and mat2 must have the same dtype, but got {x.type_name} and {other.type_name}"
    )


def _linear_named(name: str, node: str, mismatch: Any = None) -> Any:
    """PyTorch takes another path for each of these, which shows in the name of the node."""
    return joint(
        name, _linear, "linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor",
        _linear_gradients, ("x", "w", "b"), node=node,
        inputs=("x", "w", "b"), optional=("b",), same_dtype=(0, 1, 2), promotion="equal",
        public=False, mismatch=mismatch,
    )  # fmt: skip


linear_row = _linear_named("linear", "AddmmBackward0", _linear_mismatch)
linear_batched = _linear_named("linear_batched", "ViewBackward0", _linear_mismatch)
linear_plain = _linear_named("linear_plain", "MmBackward0")
linear_plain_batched = _linear_named("linear_plain_batched", "UnsafeViewBackward0")


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``input @ weight.T + bias``.

    Shape: input (*, in_features), weight (out_features, in_features) or (in_features),
    bias (out_features) or (); output (*, out_features) or (*).

    >>> import rushlight as torch
    >>> F = torch.nn.functional
    >>> F.linear(torch.ones(1, 2), torch.tensor([[1., 2.]]), torch.tensor([3.]))
    tensor([[6.]])
    """
    flat = input._data.ndim == 2
    if bias is None:
        if weight._data.ndim == 1:
            return matmul(input, weight)
        row = linear_plain if flat else linear_plain_batched
    else:
        if weight._data.ndim == 1:
            return matmul(input, weight) + bias
        row = linear_row if flat else linear_batched
    if input._data.ndim == 1:
        return squeeze.call(
            row.call(unsqueeze.call(input, 0), weight, bias), (0,)
        )
    return row.call(input, weight, bias)


# ---- matmul --------------------------------------------------------------------------------------


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The matrix product of the last two dims; the dims before them broadcast.

    >>> import rushlight as torch
    >>> torch.matmul(torch.tensor([[1., 2.]]), torch.tensor([[3.], [4.]]))
    tensor([[11.]])
    """
    a, b = input._data.ndim, other._data.ndim
    if a == 2 and b == 2:
        return mm.call(input, other)
    if a == 0 or b == 0:
        raise RuntimeError(
            f"both arguments to matmul need to be at least 1D, but they are {a}D and {b}D"
        )
    if a == 1 and b == 1:
        return dot.call(input, other)
    if a == 2 and b == 1:
        return mv.call(input, other)
    if a == 1 and b == 2:
        product = mm.call(unsqueeze.call(input, 0), other)
        return squeeze.call(product, (0,))
    return _batched(input, other, a, b)


def _batched(x: Tensor, y: Tensor, a: int, b: int) -> Tensor:
    if b <= 2 and a >= 3:
        # A matrix on the right serves all batches at once.
        rows = x._data.shape[:-1]
        flat = reshape(x, (math.prod(rows), x._data.shape[-1]))
        if b == 1:
            return reshape(mv.call(flat, y), rows)
        return unsafe_view.call(
            mm.call(flat, y), (*rows, y._data.shape[1])
        )
    left = unsqueeze.call(x, 0) if a == 1 else x
    right = unsqueeze.call(y, 1) if b == 1 else y
    p, q = left._data.shape, right._data.shape
    if p[-1] != q[-2]:
        raise RuntimeError(_mismatch(left._data, right._data))
    if left._data.dtype != right._data.dtype:
        names = [_core.dtype_of(t).type_name for t in (left, right)]
        raise RuntimeError(f"expected scalar type {names[0]} but found {names[1]}")
    lead = np.broadcast_shapes(p[:-2], q[:-2])
    count = math.prod(lead)
    left = reshape(expand.call(left, (*lead, *p[-2:])), (count, *p[-2:]))
    right = reshape(expand.call(right, (*lead, *q[-2:])), (count, *q[-2:]))
    product = bmm.call(left, right)
    shape = (*lead, *(p[-2:-1] if a > 1 else ()), *(q[-1:] if b > 1 else ()))
    return unsafe_view.call(product, shape)


def _mismatch(x: Any, y: Any) -> str:
    return (
        f"Expected size for first two dimensions of batch2 tensor to be: [{x.shape[0]}, "
        f"{x.shape[-1]}] but got: [{y.shape[0]}, {y.shape[-2]}]."
    )


RAW.matmul = _product  # type: ignore[attr-defined]
TEN.matmul = matmul  # type: ignore[attr-defined]


def inner(input: Tensor, other: Tensor) -> Tensor:
    """Sums of products over the last dims of both."""
    if not input._data.ndim or not other._data.ndim:
        return input * other
    if input._data.ndim == 1 and other._data.ndim == 1:
        return dot.call(input, other)
    rows = reshape(input, (-1, input._data.shape[-1]))
    columns = reshape(other, (-1, other._data.shape[-1]))
    shape = (*input._data.shape[:-1], *other._data.shape[:-1])
    return reshape(linear(rows, columns), shape)


def kron(input: Tensor, other: Tensor) -> Tensor:
    """The Kronecker product."""
    n = max(input._data.ndim, other._data.ndim)
    a = (1,) * (n - input._data.ndim) + input._data.shape
    b = (1,) * (n - other._data.ndim) + other._data.shape
    wide_a = reshape(input, tuple(m for size in a for m in (size, 1)))
    wide_b = reshape(other, tuple(m for size in b for m in (1, size)))
    shape = tuple(p * q for p, q in zip(a, b, strict=True))
    return reshape(wide_a * wide_b, shape)


def _scaled_sum(bias: Any, product: Any, beta: Any, alpha: Any) -> Any:
    product = product if alpha == 1 else product * alpha
    if beta == 0:
        return product
    return (bias if beta == 1 else bias * beta) + product


def baddbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1
) -> Tensor:
    """``beta * input + alpha * batch1 @ batch2``, batch by batch."""
    return _scaled_sum(input, bmm.call(batch1, batch2), beta, alpha)


def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """``beta * input + alpha * mat @ vec``."""
    return _scaled_sum(input, mv.call(mat, vec), beta, alpha)


def chain(matrices: tuple[Tensor, ...]) -> Tensor:
    """The product of several matrices."""
    product = matrices[0]
    for m in matrices[1:]:
        product = mm.call(product, m)
    return product
