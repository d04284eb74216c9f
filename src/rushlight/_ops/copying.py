"""Overwriting whole tensors: ``copy_``, ``fill_`` and ``zero_``, with their rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core, _dtypes
from .._core import Tensor, ctx
from .._define import promote
from .._define.kinds import linear
from .._tensor import registry
from ..autograd import inplace
from ..autograd.naming import renamed
from .casting import cast
from .movement import broadcast_view

_RANGES = {
    np.dtype(np.uint8): (-255, 255, "uint8_t"), np.dtype(np.int8): (-128, 127, "int8_t"),
    np.dtype(np.int16): (-(2**15), 2**15 - 1, "short"),
    np.dtype(np.int32): (-(2**31), 2**31 - 1, "int"),
    np.dtype(np.int64): (-(2**63), 2**63 - 1, "int64_t"),
}  # fmt: skip


def as_element(value: Any, dtype: Any) -> Any:
    """The Python number `value` as a NumPy scalar of `dtype`.

    Raises:
        RuntimeError: the number is beyond the dtype's range.
    """
    limits = _RANGES.get(dtype)
    if limits is not None:
        low, high, name = limits
        if isinstance(value, complex):
            if value.imag:
                raise _overflow(name)
            value = value.real
        if value != value or not low <= value <= high:
            raise _overflow(name)
        return np.array(int(value)).astype(dtype)[()]
    if isinstance(value, complex) and dtype.kind != "c":
        if value.imag and dtype.kind != "b":
            raise _overflow(_C_NAMES.get(_dtypes.from_numpy(dtype).name, "float"))
        value = bool(value) if dtype.kind == "b" else value.real
    if dtype.kind == "b":
        return np.bool_(bool(value))
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**64:
        raise ValueError("Overflow when unpacking long long")
    with _core.quiet():
        return np.array(value).astype(dtype)[()]


_C_NAMES = {"float32": "float", "float64": "double", "float16": "c10::Half",
            "bfloat16": "c10::BFloat16"}  # fmt: skip


def _overflow(name: str) -> RuntimeError:
    return RuntimeError(f"value cannot be converted to type {name} without overflow")


def _zeros(k: Any, g: Any) -> Any:
    return k.zeros_like_(g)


def _copied(x: Any, src: Any, non_blocking: bool) -> Any:
    fitting = broadcast_view(src, x.shape)
    return fitting if fitting.dtype == x.dtype else fitting.astype(x.dtype)


def _copy_check(x: Any, src: Any, non_blocking: Any) -> tuple[bool]:
    if src.shape != x.shape:
        _check_broadcast(x.shape, src.shape)
    return (bool(non_blocking),)


def _check_broadcast(wanted: tuple[int, ...], found: tuple[int, ...]) -> None:
    if np.broadcast_shapes(wanted, found) != wanted:
        whole = np.broadcast_shapes(wanted, found)
        raise RuntimeError(
            f"output with shape {list(wanted)} doesn't match the broadcast shape {list(whole)}"
        )


def _explain_copy(error: Exception, x: Any, src: Any, non_blocking: Any) -> Exception | None:
    if isinstance(error, ValueError):
        return promote.broadcast_error(x._data.shape, src._data.shape)
    return None


copy = linear(
    "copy", _copied, "copy(Tensor self, Tensor src, bool non_blocking=False) -> Tensor",
    inputs=("x", "src"), x=_zeros, check=_copy_check, explain=_explain_copy,
    src=lambda k, g, src_shape, src_dtype: k.cast(k.sum_to(g, src_shape), src_dtype),
    node="CopyBackwards", public=False,
)  # fmt: skip
fill_scalar = linear(
    "fill_scalar", lambda x, value: np.full(x.shape, as_element(value, x.dtype), x.dtype),
    "fill.Scalar(Tensor self, Scalar value) -> Tensor", x=_zeros, node="FillBackward2",
    public=False,
)  # fmt: skip


def _fill_check(x: Any, value: Any) -> tuple[()]:
    if value.ndim:
        raise RuntimeError(
            "fill_ only supports 0-dimension value tensor but got tensor with "
            f"{value.ndim} dimensions."
        )
    return ()


fill_tensor = linear(
    "fill_tensor", lambda x, value: np.full(x.shape, value, x.dtype),
    "fill.Tensor(Tensor self, Tensor value) -> Tensor", inputs=("x", "value"), x=_zeros,
    value=lambda k, g, value_dtype: k.cast(k.sum_all(g), value_dtype), node="FillBackward3",
    public=False,
)  # fmt: skip
zero = linear(
    "zero", lambda x: np.zeros(x.shape, x.dtype), "zero(Tensor self) -> Tensor", x=_zeros,
    public=False,
)  # fmt: skip


def copy_(self: Any, src: Any, non_blocking: bool = False) -> Any:
    """Overwrite this tensor with `src`, cast and broadcast.

    Args:
        non_blocking: without meaning on a CPU.

    Source: https://pytorch.org/docs/stable/generated/torch.Tensor.copy_.html

    >>> import rushlight as torch
    >>> torch.zeros(2, 2).copy_(torch.tensor([1, 2]))
    tensor([[1., 2.],
            [1., 2.]])
    """
    if not isinstance(src, Tensor):
        if isinstance(src, int | float | complex):
            return fill_(self, src)
        raise TypeError(
            f"copy_(): argument 'other' (position 1) must be Tensor, not {type(src).__name__}"
        )
    if ctx.handler is None and (not _core.thread.grad or inplace._untracked(self, (src,))):
        inplace.check_writable(self)
        data, value = self._data, src._data
        if value.shape != data.shape:
            try:
                _check_broadcast(data.shape, value.shape)
            except ValueError:
                raise promote.broadcast_error(data.shape, value.shape) from None
        assign(data, value)
        _core.bump(self)
        return self
    inplace.check_writable(self)
    return inplace.write(self, copy.call(inplace.shadow_of(self, False), src, False))


def assign(data: Any, value: Any) -> None:
    """``data[...] = value`` between any two dtypes, without NumPy's warnings."""
    if value.dtype.kind == "c" and data.dtype.kind not in "cb":
        value = value.real
    if value.dtype is data.dtype:
        data[...] = value
        return
    with _core.quiet():
        data[...] = value if data.dtype.kind != "b" else value != 0


def fill_(self: Any, value: Any) -> Any:
    """Set every element to `value`, a number or a 0-d tensor.

    Source: https://pytorch.org/docs/stable/generated/torch.Tensor.fill_.html

    >>> import rushlight as torch
    >>> torch.zeros(3).fill_(2)
    tensor([2., 2., 2.])
    """
    if ctx.handler is None and (not _core.thread.grad or inplace._untracked(self, (value,))):
        kind = type(value)
        if kind is float or kind is int or kind is bool or kind is complex:
            inplace.check_writable(self)
            self._data.fill(as_element(value, self._data.dtype))
            _core.bump(self)
            return self
    return _fill(self, value)


def _fill_number(x: Any, value: Any) -> Any:
    inplace.check_writable(x)
    return inplace.write(x, fill_scalar.call(inplace.shadow_of(x, False), value))


def _fill_value(x: Any, value: Any) -> Any:
    _fill_check(x._data, value._data)
    inplace.check_writable(x)
    if ctx.handler is None and (not _core.thread.grad or inplace._untracked(x, (value,))):
        assign(x._data, value._data)
        _core.bump(x)
        return x
    if value._data.dtype != x._data.dtype:
        value = cast.call(value, x._data.dtype)
    return inplace.write(x, fill_tensor.call(inplace.shadow_of(x, False), value))


_overloads = registry.Overloads(
    "fill_",
    ("fill_.Tensor(Tensor(a!) self, Tensor value) -> Tensor(a!)",
     "fill_.Scalar(Tensor(a!) self, Scalar value) -> Tensor(a!)"),
    (_fill_value, _fill_number),
)  # fmt: skip


def _fill(x: Any, value: Any) -> Any:
    if type(value) is Tensor:
        return _fill_value(x, value)
    return _overloads.make(True)(x, value)


def zero_(self: Any) -> Any:
    """Set every element to 0.

    >>> import rushlight as torch
    >>> torch.ones(3).zero_()
    tensor([0., 0., 0.])
    """
    inplace.check_writable(self)
    if ctx.handler is None and (not _core.thread.grad or inplace._untracked(self, ())):
        self._data.fill(0)
        _core.bump(self)
        return self
    return inplace.write(self, zero.call(inplace.shadow_of(self, False)))


def fill(input: Any, value: Any) -> Any:
    """A tensor like `input` whose every element is `value`."""
    if isinstance(value, Tensor):
        _fill_check(input._data, value._data)
        if value._data.dtype != input._data.dtype:
            value = cast.call(value, input._data.dtype)
        return renamed(fill_tensor.call(input, value), "FillBackward1")
    return renamed(fill_scalar.call(input, value), "FillBackward0")


registry.public("copy_", copy_, torch=False)
registry.public("fill_", fill_, method=True)
registry.public("zero_", zero_, method=True)
registry.public("fill", fill, method=False)
