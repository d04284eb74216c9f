"""Constructors of tensors: from data, filled, identity, coordinate lists.

Tensors over memory that exists are in `borrowed.py`, ranges in `ranges.py`, random numbers in
`randoms.py`, PyTorch's old constructors (``torch.FloatTensor``) in `legacy.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core, _dtypes
from .._core import Tensor, bump, ctx
from .._define import overriding
from . import from_data
from .device import device as device_type
from .options import (
    LONG_OPTIONS,
    OPTIONS,
    allocate,
    check_out,
    converted,
    default_of,
    empty_in,
    finish,
    like,
    like_array,
    numpy_dtype,
)  # fmt: skip
from .registry import overloaded, public

_COPY = (
    "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
    "sourceTensor.detach().clone().requires_grad_(True), rather than {}."
)


def as_dtype(dtype: Any, where: str = "tensor") -> _dtypes.dtype:
    """A dtype object from what users pass as ``dtype=``."""
    if isinstance(dtype, _dtypes.dtype):
        return dtype
    if dtype is float:
        return _dtypes.float64
    if dtype is int:
        return _dtypes.int64
    if dtype is bool:
        return _dtypes.bool
    if dtype is complex:
        return _dtypes.complex128
    raise TypeError(
        f"{where}(): argument 'dtype' must be torch.dtype, not {type(dtype).__name__}"
    )


def check_options(where: str, device: Any, requires_grad: Any) -> None:
    if type(requires_grad) is not bool:
        raise TypeError(
            f"{where}(): argument 'requires_grad' must be bool, not {type(requires_grad).__name__}"
        )
    if device is not None and not isinstance(device, str | int | device_type):
        raise TypeError(
            f"{where}(): argument 'device' must be torch.device, not {type(device).__name__}"
        )


def _copied(data: Tensor, dtype: Any, where: str) -> Tensor:
    """A copy of a tensor as a leaf, recorded as the operation that it is."""
    import warnings

    from .._ops import casting

    warnings.warn(_COPY.format(where), UserWarning, stacklevel=3)
    if overriding.ACTIVE:
        data = overriding.as_plain(data)
    before = _core.set_modes(False, _core.thread.inference)
    try:
        if dtype is None or dtype.numpy == data._data.dtype:
            return casting.clone.call(data)
        return casting.to_copy.call(data, dtype.numpy)
    finally:
        _core.set_modes(*before)


def tensor(
    data: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor with a copy of `data`: numbers, nested sequences, arrays, tensors.

    Args:
        data: what to copy.
        dtype: inferred from the data where None; Python floats become the default dtype.
        device: the CPU.
        requires_grad: record operations on the result.
        pin_memory: no pinned memory here.

    Raises:
        ValueError: nested sequences of different lengths.
        RuntimeError: something that is no number.

    Source: https://pytorch.org/docs/stable/generated/torch.tensor.html

    >>> import rushlight as torch
    >>> torch.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    if dtype is not None:
        dtype = as_dtype(dtype)
    if device is not None or requires_grad is not False:
        check_options("tensor", device, requires_grad)
    if isinstance(data, Tensor):
        t = _copied(data, dtype, "torch.tensor(sourceTensor)")
        return finish(t._data, None, device, pin_memory, requires_grad) if requires_grad else t
    array = from_data.array_from(data, None if dtype is None else dtype.numpy)
    return finish(array, None, device, pin_memory, requires_grad)


def _new_tensor(
    self: Tensor,
    data: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor with a copy of `data`, of this tensor's dtype unless another is given."""
    dtype = _core.dtype_of(self) if dtype is None else as_dtype(dtype, "new_tensor")
    if device is not None or requires_grad is not False:
        check_options("new_tensor", device, requires_grad)
    if isinstance(data, Tensor):
        t = _copied(data, dtype, "tensor.new_tensor(sourceTensor)")
        return finish(t._data, None, device, pin_memory, requires_grad) if requires_grad else t
    array = from_data.array_from(data, dtype.numpy)
    return finish(array, None, device, pin_memory, requires_grad)


# ---------------------------------------------------------------------------------------------
# Filled


def _filler(name: str, maker: Any) -> None:
    """``torch.name(*size, out=, dtype=, ...)`` and ``Tensor.new_name``."""

    def make(size: Any, dtype: Any, layout: Any, device: Any, pin: Any, grad: Any) -> Tensor:
        numpy = _dtypes.default.numpy if dtype is None else dtype.numpy
        try:
            array = maker(size, numpy)
        except (ValueError, MemoryError, OverflowError):
            array = allocate(maker, size, numpy, name)
        return finish(array, layout, device, pin, grad)

    def make_out(size: Any, out: Any, dtype: Any, *options: Any) -> Tensor:
        check_out(out, dtype)
        return into(name, allocate(maker, size, out._data.dtype, name), out)

    def make_new(self: Tensor, size: Any, dtype: Any, *options: Any) -> Tensor:
        t = finish(allocate(maker, size, numpy_dtype(dtype, self._data.dtype)), *options)
        return t if ctx.handler is None else like(self, t)

    if name != "empty":
        overloaded(
            name,
            (f"{name}(SymInt[] size, *, {OPTIONS}) -> Tensor", make),
            (f"{name}.out(SymInt[] size, *, Tensor(a!) out) -> Tensor(a!)", make_out),
            method=False,
        )
    overloaded(
        f"new_{name}",
        (f"new_{name}(Tensor self, SymInt[] size, *, {OPTIONS}) -> Tensor", make_new),
        function=False,
    )


def into(name: str, array: Any, out: Tensor) -> Tensor:
    """Write a fresh array into ``out=`` of the constructor `name`, which takes its shape."""
    if _core.thread.grad and out._edge is not None:
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, "
            "but one of the arguments requires grad."
        )
    if out._data.shape != array.shape:
        out._data = np.empty(array.shape, out._data.dtype)
    token = _core.be_quiet()
    try:
        np.copyto(out._data, array, casting="unsafe")
    finally:
        _core.be_loud(token)
    bump(out)
    return out


def _empty(size: Any, dtype: Any, layout: Any, device: Any, pin: Any, memory_format: Any,
           grad: Any) -> Tensor:  # fmt: skip
    numpy = _dtypes.default.numpy if dtype is None else dtype.numpy
    name = "contiguous_format" if memory_format is None else memory_format.name
    return finish(empty_in(size, numpy, name), layout, device, pin, grad)


def _empty_out(size: Any, memory_format: Any, out: Any, dtype: Any, *options: Any) -> Tensor:
    check_out(out, dtype)
    if out._data.shape != size:
        return into("empty", allocate(np.empty, size, out._data.dtype), out)
    return out


def full_array(size: Any, value: Any, numpy: Any) -> Any:
    """An array full of a Python number, which its dtype must hold."""
    array = allocate(np.empty, size, numpy)
    array[...] = converted(value, numpy)
    return array


def _full(size: Any, value: Any, dtype: Any, *options: Any) -> Tensor:
    numpy = default_of(value) if dtype is None else dtype.numpy
    return finish(full_array(size, value, numpy), *options)


def _full_out(size: Any, value: Any, out: Any, dtype: Any, *options: Any) -> Tensor:
    check_out(out, dtype)
    return into("full", full_array(size, value, out._data.dtype), out)


def _new_full(self: Tensor, size: Any, value: Any, dtype: Any, *options: Any) -> Tensor:
    t = finish(full_array(size, value, numpy_dtype(dtype, self._data.dtype)), *options)
    return t if ctx.handler is None else like(self, t)


def _like(name: str, value: Any) -> None:
    """``torch.name_like``: in the order of memory of its argument."""

    def make(x: Any, dtype: Any, layout: Any, device: Any, pin: Any, memory_format: Any,
             grad: Any) -> Tensor:  # fmt: skip
        data = x._data
        array = like_array(data, data.dtype if dtype is None else dtype.numpy, memory_format)
        if value is not None:
            array.fill(value)
        t = finish(array, layout, device, pin, grad)
        return t if ctx.handler is None else like(x, t)

    overloaded(
        f"{name}_like",
        (
            f"{name}_like(Tensor self, *, {OPTIONS}, MemoryFormat? memory_format=None) -> Tensor",
            make,
        ),
        method=False,
    )


def _full_like(x: Any, value: Any, dtype: Any, layout: Any, device: Any, pin: Any,
               memory_format: Any, grad: Any) -> Tensor:  # fmt: skip
    numpy = x._data.dtype if dtype is None else dtype.numpy
    array = like_array(x._data, numpy, memory_format)
    array[...] = converted(value, numpy)
    t = finish(array, layout, device, pin, grad)
    return t if ctx.handler is None else like(x, t)


def _eye_array(n: int, m: int, numpy: Any) -> Any:
    for name, size in (("n", n), ("m", m)):
        if size < 0:
            raise RuntimeError(f"{name} must be greater or equal to 0, got {size}")
    return np.eye(n, m, dtype=numpy)


def _strided_array(size: Any, stride: Any, numpy: Any) -> Any:
    if len(size) != len(stride):
        raise RuntimeError(
            f"dimensionality of sizes ({len(size)}) must match dimensionality of strides "
            f"({len(stride)})"
        )
    if 0 in size:
        return np.empty(size, numpy)
    reach = 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    memory = allocate(np.empty, (reach,), numpy)
    return np.ndarray(size, numpy, memory, 0, tuple(s * numpy.itemsize for s in stride))


def _empty_strided(size: Any, stride: Any, dtype: Any, *options: Any) -> Tensor:
    return finish(_strided_array(size, stride, numpy_dtype(dtype)), *options)


def _new_empty_strided(x: Tensor, size: Any, stride: Any, dtype: Any, *options: Any) -> Tensor:
    t = finish(_strided_array(size, stride, numpy_dtype(dtype, x._data.dtype)), *options)
    return t if ctx.handler is None else like(x, t)


def _empty_permuted(size: Any, order: Any, dtype: Any, *options: Any) -> Tensor:
    if sorted(order) != list(range(len(size))):
        raise RuntimeError(
            f"Number of dimensions in size does not match the length of the physical_layout; i.e. "
            f"len(size) = {len(size)} is not equal to len(physical_layout) = {len(order)}"
            if len(order) != len(size)
            else f"Duplicate dim not allowed, physical_layout={list(order)}"
        )
    array = allocate(np.empty, tuple(size[i] for i in order), numpy_dtype(dtype))
    return finish(array.transpose(np.argsort(order)), *options)


def _indices(name: str, maker: Any, below: bool) -> None:
    """``tril_indices`` and ``triu_indices``: coordinates row by row, as a tensor of two rows."""

    def make(row: int, col: int, offset: int, dtype: Any, *options: Any) -> Tensor:
        for what, size in (("row", row), ("col", col)):
            if size < 0:
                raise RuntimeError(f"{what} must be non-negative, got{size}")
        if not (dtype.numpy.kind == "i" and dtype.numpy.itemsize >= 4):
            raise NotImplementedError(f'"{name}" not implemented for \'{dtype.type_name}\'')
        return finish(np.stack(maker(row, offset, col)).astype(dtype.numpy), *options)

    overloaded(
        name,
        (f"{name}(int row, int col, int offset=0, *, {LONG_OPTIONS}) -> Tensor", make),
        method=False,
    )


_filler("zeros", np.zeros)
_filler("ones", np.ones)
_filler("empty", np.empty)
_like("zeros", 0)
_like("ones", 1)
_like("empty", None)
_indices("tril_indices", np.tril_indices, True)
_indices("triu_indices", np.triu_indices, False)
_MEMORY = "MemoryFormat? memory_format=None"
overloaded(
    "empty",
    (f"empty.memory_format(SymInt[] size, *, {OPTIONS}, {_MEMORY}) -> Tensor", _empty),
    (f"empty.out(SymInt[] size, *, {_MEMORY}, Tensor(a!) out) -> Tensor(a!)", _empty_out),
    method=False,
)
overloaded(
    "full",
    (f"full(SymInt[] size, Scalar fill_value, *, {OPTIONS}) -> Tensor", _full),
    ("full.out(SymInt[] size, Scalar fill_value, *, Tensor(a!) out) -> Tensor(a!)", _full_out),
    method=False,
)
overloaded(
    "full_like",
    (f"full_like(Tensor self, Scalar fill_value, *, {OPTIONS}, {_MEMORY}) -> Tensor", _full_like),
    method=False,
)
overloaded(
    "new_full",
    (f"new_full(Tensor self, SymInt[] size, Scalar fill_value, *, {OPTIONS}) -> Tensor",
     _new_full),
    function=False,
)  # fmt: skip
overloaded(
    "eye",
    (f"eye(SymInt n, *, {OPTIONS}) -> Tensor",
     lambda n, dtype, *rest: finish(_eye_array(n, n, numpy_dtype(dtype)), *rest)),
    (f"eye.m(SymInt n, SymInt m, *, {OPTIONS}) -> Tensor",
     lambda n, m, dtype, *rest: finish(_eye_array(n, m, numpy_dtype(dtype)), *rest)),
    ("eye.out(SymInt n, *, Tensor(a!) out) -> Tensor(a!)",
     lambda n, out, *_: into("eye", _eye_array(n, n, out._data.dtype), out)),
    ("eye.m_out(SymInt n, SymInt m, *, Tensor(a!) out) -> Tensor(a!)",
     lambda n, m, out, *_: into("eye", _eye_array(n, m, out._data.dtype), out)),
    method=False,
)  # fmt: skip
overloaded(
    "scalar_tensor",
    (f"scalar_tensor(Scalar s, *, {OPTIONS}) -> Tensor",
     lambda s, dtype, *rest: finish(converted(s, numpy_dtype(dtype)), *rest)),
    method=False,
)  # fmt: skip
overloaded(
    "empty_strided",
    (f"empty_strided(SymInt[] size, SymInt[] stride, *, {OPTIONS}) -> Tensor", _empty_strided),
    method=False,
)
overloaded(
    "new_empty_strided",
    (f"new_empty_strided(Tensor self, SymInt[] size, SymInt[] stride, *, {OPTIONS}) -> Tensor",
     _new_empty_strided),
    function=False,
)  # fmt: skip
overloaded(
    "empty_permuted",
    (f"empty_permuted(SymInt[] size, int[] physical_layout, *, {OPTIONS}) -> Tensor",
     _empty_permuted),
    method=False,
)  # fmt: skip
tensor.__module__ = "torch"
public("tensor", tensor, method=False)
_new_tensor.__name__ = _new_tensor.__qualname__ = "new_tensor"
public("new_tensor", _new_tensor, torch=False)
_core.Tensor.__module__ = "torch"
