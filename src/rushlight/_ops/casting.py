"""Rows that copy, convert or un-broadcast and otherwise leave values alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from .._core import RAW, TEN
from .._define import promote
from .._define.kinds import linear
from .._kernels.reduce import sum_to as _sum_to


def _astype(x: Any, dtype: Any) -> Any:
    if dtype.kind == "c":
        _core.ctx.complex = True  # where the cast is recorded, complex gradients will flow
    if x.dtype.kind == "c" and np.dtype(dtype).kind not in "cb":
        x = x.real
    return x.astype(dtype)


# Promotion inside an op: users see the op's own node, not this one.
cast = linear(
    "cast", _astype, "_cast(Tensor self, ScalarType dtype) -> Tensor",
    x=lambda k, g, x_dtype: k.cast(g, x_dtype), hidden=True, public=False,
    integers_end=True,
)  # fmt: skip
to_copy = linear(
    "to_copy", _astype, "_to_copy(Tensor self, ScalarType dtype) -> Tensor",
    x=lambda k, g, x_dtype: k.cast(g, x_dtype), public=False, integers_end=True,
)  # fmt: skip
clone = linear(
    "clone", lambda x: x.copy(order="C" if 0 in x.strides else "K"),
    "clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor",
    extra=("memory_format",), adapt=lambda x, memory_format: (x,), x=lambda g: g,
)  # fmt: skip
contiguous = linear(
    "contiguous", lambda x: x.copy(order="C"), "_contiguous(Tensor self) -> Tensor",
    x=lambda g: g, node="CloneBackward0", public=False,
)  # fmt: skip
alias = linear(
    "alias", lambda x: x[...], "alias(Tensor(a) self) -> Tensor(a)", x=lambda g: g, view=True,
    public=False,
)  # fmt: skip
# The adjoint of broadcasting; `expand` (movement.py) is its own adjoint in turn.
sum_to = linear(
    "sum_to", _sum_to, "sum_to_size(Tensor self, SymInt[] size) -> Tensor", attrs=("shape",),
    x=lambda k, g, x_shape: k.expand(g, x_shape), public=False, node="SumBackward1",
)  # fmt: skip
zeros_like = linear(
    "zeros_like_", lambda x: np.zeros_like(x), "_zeros_like(Tensor self) -> Tensor",
    x=lambda k, g: k.zeros_like_(g), public=False,
)  # fmt: skip


def _cast_array(x: Any, dtype: Any) -> Any:
    return x if x.dtype is dtype else _astype(x, dtype)


def _cast_tensor(x: Any, dtype: Any) -> Any:
    return x if x._data.dtype is dtype else cast.call(x, dtype)


RAW.cast = _cast_array  # type: ignore[method-assign]
TEN.cast = _cast_tensor  # type: ignore[attr-defined]
promote.cast = cast.call


def detach(x: Any) -> Any:
    """A view of the same memory that the graph does not know."""
    t = _core.wrap(x._data[...])
    t._cell = _core.cell_of(x)
    if _core.ctx.handler is not None:
        hook = getattr(_core.ctx.handler, "detached", None)
        if hook is not None:
            hook(x, t)
    return t
