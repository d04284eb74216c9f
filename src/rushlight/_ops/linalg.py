"""Rows of matrix products, and `matmul`, which PyTorch too composes from them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _core, _dtypes
from .._core import RAW, TEN, Tensor
from .._define import calls
from .._define.kinds import bilinear, joint
from .._define.promote import _mismatch, broadcast_error
from .._kernels import native
from .._kernels.products import matmul as _matmul
from .movement import expand, reshape, squeeze_first, t, unsafe_view, unsqueeze, view
from .product_errors import (
    before_dtypes,
    cannot_expand,
    type_names,
    why_not_addmm,
    why_not_addmv,
    why_not_baddbmm,
    why_not_bmm,
    why_not_dot,
    why_not_mm,
    why_not_mv,
)


def _product(x: Any, y: Any, kernel: str = "bmm") -> Any:
    """np.matmul; half precision is computed in float32 and rounded once."""
    if x.itemsize <= 2:
        if x.dtype in _dtypes.LOW_PRECISION:
            return _matmul(x.astype(np.float32), y.astype(np.float32)).astype(x.dtype)
        if x.dtype.kind == "b":
            raise NotImplementedError(f"\"{kernel}\" not implemented for 'Bool'")
    return _matmul(x, y)


def _mm(x: Any, y: Any) -> Any:
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[0]:
        raise why_not_mm(x, y) or RuntimeError
    return _product(x, y, "addmm_impl_cpu_")


mm = bilinear(
    "mm", _mm, "mm(Tensor self, Tensor mat2) -> Tensor", inputs=("x", "y"), same_dtype=(0, 1),
    x=lambda k, g, y: k.mm(g, k.t(y)), y=lambda k, g, x: k.mm(k.t(x), g),
    refuse=before_dtypes(why_not_mm),
)  # fmt: skip


def _bmm(x: Any, y: Any) -> Any:
    if x.ndim != 3 or y.ndim != 3 or x.shape[::2] != y.shape[:2]:
        raise why_not_bmm(x, y) or RuntimeError
    return _product(x, y)


bmm = bilinear(
    "bmm", _bmm, "bmm(Tensor self, Tensor mat2) -> Tensor", inputs=("x", "y"), same_dtype=(0, 1),
    x=lambda k, g, y: k.bmm(g, k.mT(y)), y=lambda k, g, x: k.bmm(k.mT(x), g),
    mismatch=lambda x, y: f"expected scalar type {x.type_name} but found {y.type_name}",
    refuse=before_dtypes(why_not_bmm),
)  # fmt: skip


def _mv(x: Any, y: Any) -> Any:
    if (error := why_not_mv(x, y)) is not None:
        raise error
    return _product(x, y, "addmv_impl_cpu")


mv = bilinear(
    "mv", _mv, "mv(Tensor self, Tensor vec) -> Tensor", inputs=("x", "y"), same_dtype=(0, 1),
    x=lambda k, g, y: k.outer(g, y), y=lambda k, g, x: k.mv(k.t(x), g),
    mismatch=lambda x, y: "addmv input tensors must have the same dtype, but got "
    f"{y.type_name}, {x.type_name}, and {y.type_name}", refuse=before_dtypes(why_not_mv),
)  # fmt: skip


def _dot(x: Any, y: Any) -> Any:
    if (error := why_not_dot(x, y)) is not None:
        raise error
    return _product(x, y, "dot")


dot = bilinear(
    "dot", _dot, "dot(Tensor self, Tensor tensor) -> Tensor", inputs=("x", "y"), same_dtype=(0, 1),
    x=lambda g, y: g * y, y=lambda g, x: g * x, refuse=before_dtypes(why_not_dot),
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


# ---- products that are added to something -------------------------------------------------------


def _added(out: Any, bias: Any, beta: Any, alpha: Any) -> Any:
    if alpha != 1:
        out *= out.dtype.type(alpha)
    if beta == 1:
        return np.add(out, bias, out=out)
    if beta != 0:
        out += bias * out.dtype.type(beta)
    return out


def _added_product(bias: Any, x: Any, y: Any, beta: Any, alpha: Any, kernel: str) -> Any:
    """``beta * bias + alpha * (x @ y)``; half precision is rounded once, at the end."""
    if x.dtype in _dtypes.LOW_PRECISION:
        wide = [t.astype(np.float32) for t in (x, y, bias)]
        return _added(_matmul(wide[0], wide[1]), wide[2], beta, alpha).astype(x.dtype)
    return _added(_product(x, y, kernel), bias, beta, alpha)


def _scaled(g: Any, factor: Any) -> Any:
    return g if factor == 1 else g * factor


def _addmm(bias: Any, x: Any, y: Any, beta: Any, alpha: Any) -> Any:
    if (error := why_not_addmm(bias, x, y)) is not None:
        raise error
    return _added_product(bias, x, y, beta, alpha, "addmm_impl_cpu_")


addmm = joint(
    "addmm", _addmm,
    "addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    lambda k, g, bias_shape, x, y, beta, alpha, need: (
        k.sum_to(_scaled(g, beta), bias_shape) if need[0] else None,
        _scaled(k.mm(g, k.t(y)), alpha) if need[1] else None,
        _scaled(k.mm(k.t(x), g), alpha) if need[2] else None),
    ("bias", "x", "y"), inputs=("bias", "x", "y"), same_dtype=(0, 1, 2), promotion="equal",
    refuse=before_dtypes(why_not_addmm),
)  # fmt: skip


def _addmv(bias: Any, x: Any, y: Any, beta: Any, alpha: Any) -> Any:
    if (error := why_not_addmv(bias, x, y)) is not None:
        raise error
    return _added(_product(x, y, "addmv_impl_cpu"), bias, beta, alpha)


addmv = joint(
    "addmv", _addmv,
    "addmv(Tensor self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    lambda k, g, bias_shape, x, y, beta, alpha, need: (
        k.sum_to(_scaled(g, beta), bias_shape) if need[0] else None,
        _scaled(k.outer(g, y), alpha) if need[1] else None,
        _scaled(k.mv(k.t(x), g), alpha) if need[2] else None),
    ("bias", "x", "y"), inputs=("bias", "x", "y"), same_dtype=(0, 1, 2), promotion="equal",
    refuse=before_dtypes(why_not_addmv),
)  # fmt: skip


def _baddbmm(bias: Any, x: Any, y: Any, beta: Any, alpha: Any) -> Any:
    if (error := why_not_baddbmm(bias, x, y)) is not None:
        raise error
    return _added_product(bias, x, y, beta, alpha, "bmm")


baddbmm = joint(
    "baddbmm", _baddbmm,
    "baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1)"
    " -> Tensor",
    lambda k, g, bias_shape, x, y, beta, alpha, need: (
        k.sum_to(_scaled(g, beta), bias_shape) if need[0] else None,
        _scaled(k.bmm(g, k.mT(y)), alpha) if need[1] else None,
        _scaled(k.bmm(k.mT(x), g), alpha) if need[2] else None),
    ("bias", "x", "y"), inputs=("bias", "x", "y"), same_dtype=(0, 1, 2), promotion="equal",
    refuse=before_dtypes(why_not_baddbmm),
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
    if b is not None and w.ndim == 2 and x.size * len(w) >= native.products:
        made = native.affine(x, w, b)
        if made is not None:
            return made
    if b is not None and x.dtype in _dtypes.LOW_PRECISION:  # rounded once, at the end
        return _linear(*(t.astype(np.float32) for t in (x, w, b))).astype(x.dtype)
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


def _why_not_linear(x: Any, w: Any, b: Any) -> Exception | None:
    """PyTorch multiplies by `addmm` where it can, and its errors are those of `addmm`."""
    if b is None:
        _linear_check(x, w, b)
        return None
    if x.dtype == w.dtype == b.dtype:
        return None
    a, c, d = type_names(x, w, b)
    if d != c:
        return RuntimeError(f"self and mat2 must have the same dtype, but got {d} and {c}")
    return RuntimeError(f"mat1 and mat2 must have the same dtype, but got {a} and {c}")


def _refuse_linear(x: Tensor, w: Tensor, b: Tensor | None) -> Exception | None:
    data = x._data
    if b is not None and data.dtype != w._data.dtype and data.ndim > 2:
        if not data.flags.c_contiguous:  # PyTorch multiplies by `matmul` then
            if x._edge is None:
                a, c = type_names(data, w._data)
                return RuntimeError(f"expected scalar type {a} but found {c}")
            return RuntimeError(_mismatch(_core.dtype_of(x), _core.dtype_of(w)))
    return _why_not_linear(data, w._data, None if b is None else b._data)


def _linear_summand(error: Exception, x: Tensor, w: Tensor, b: Tensor | None) -> Exception | None:
    if b is None or not isinstance(error, ValueError):
        return None
    rows = math.prod(x._data.shape[:-1])
    return cannot_expand(b._data, rows, w._data.shape[0])


def _linear_named(name: str, node: str) -> Any:
    """PyTorch takes another path for each of these, which shows in the name of the node."""
    return joint(
        name, _linear, "linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor",
        _linear_gradients, ("x", "w", "b"), node=node,
        inputs=("x", "w", "b"), optional=("b",), same_dtype=(0, 1, 2), promotion="equal",
        public=False, refuse=_refuse_linear, explain=_linear_summand,
    )  # fmt: skip


linear_row = _linear_named("linear", "AddmmBackward0")
linear_batched = _linear_named("linear_batched", "ViewBackward0")
linear_plain = _linear_named("linear_plain", "MmBackward0")
linear_plain_batched = _linear_named("linear_plain_batched", "UnsafeViewBackward0")
# Users see the inputs in the order of `addmm` and `mm`.
linear_row.shown_edges = (2, 0, 1)
linear_plain.shown_edges = (0, 1)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``input @ weight.T + bias``.

    Shape: input (*, in_features), weight (out_features, in_features) or (in_features),
    bias (out_features) or (); output (*, out_features) or (*).

    >>> import rushlight as torch
    >>> F = torch.nn.functional
    >>> F.linear(torch.ones(1, 2), torch.tensor([[1., 2.]]), torch.tensor([3.]))
    tensor([[6.]])
    """
    try:
        flat = input._data.ndim == 2
        vector = weight._data.ndim == 1
    except AttributeError:
        raise calls.refusal("linear", (input, weight, bias), {}, False) or TypeError from None
    if bias is None:
        if vector:
            return matmul(input, weight)
        row = linear_plain if flat else linear_plain_batched
    else:
        if vector:
            return matmul(input, weight) + bias
        row = linear_row if flat else linear_batched
    if input._data.ndim != 1:
        return row.call(input, weight, bias)
    product = row.call(unsqueeze.call(input, 0), weight, bias)
    if bias is None:
        return squeeze_first.call(product)
    return view.call(product, weight._data.shape[:1])


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
        return squeeze_first.call(mm.call(unsqueeze.call(input, 0), other))
    return _batched(input, other, a, b)


def _batched(x: Tensor, y: Tensor, a: int, b: int) -> Tensor:
    if b <= 2 and a >= 3:
        # A matrix on the right serves all batches at once.
        rows = x._data.shape[:-1]
        flat = reshape(x, (math.prod(rows), x._data.shape[-1]))
        if b == 1:
            return unsafe_view.call(mv.call(flat, y), rows)
        return unsafe_view.call(
            mm.call(flat, y), (*rows, y._data.shape[1])
        )
    left = unsqueeze.call(x, 0) if a == 1 else x
    right = unsqueeze.call(y, 1) if b == 1 else y
    p, q = left._data.shape, right._data.shape
    try:
        lead = np.broadcast_shapes(p[:-2], q[:-2])
    except ValueError:
        raise broadcast_error(p[:-2], q[:-2]) from None
    count = math.prod(lead)
    left = reshape(expand.call(left, (*lead, *p[-2:])), (count, *p[-2:]))
    right = reshape(expand.call(right, (*lead, *q[-2:])), (count, *q[-2:]))
    product = bmm.call(left, right)
    shape = (*lead, *(p[-2:-1] if a > 1 else ()), *(q[-1:] if b > 1 else ()))
    return unsafe_view.call(product, shape)


RAW.matmul = _product  # type: ignore[attr-defined]
TEN.matmul = matmul  # type: ignore[attr-defined]


def inner(input: Tensor, other: Tensor) -> Tensor:
    """Sums of products over the last dims of both."""
    if not input._data.ndim or not other._data.ndim:
        return input * other
    p, q = input._data.shape, other._data.shape
    if p[-1] != q[-1]:
        raise RuntimeError(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{list(p)} and {list(q)}"
        )
    if input._data.dtype != other._data.dtype:
        raise RuntimeError("both inputs should have same dtype")
    rows = reshape(input, (math.prod(p[:-1]), p[-1]))
    columns = reshape(other, (math.prod(q[:-1]), q[-1]))
    return reshape(mm.call(rows, t.call(columns)), (*p[:-1], *q[:-1]))


def kron(input: Tensor, other: Tensor) -> Tensor:
    """The Kronecker product."""
    n = max(input._data.ndim, other._data.ndim)
    a = (1,) * (n - input._data.ndim) + input._data.shape
    b = (1,) * (n - other._data.ndim) + other._data.shape
    wide_a = reshape(input, tuple(m for size in a for m in (size, 1)))
    wide_b = reshape(other, tuple(m for size in b for m in (1, size)))
    shape = tuple(p * q for p, q in zip(a, b, strict=True))
    return unsafe_view.call(wide_a * wide_b, shape)
