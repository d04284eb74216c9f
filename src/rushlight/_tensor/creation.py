"""Constructors of tensors: from data, filled, ranges, random."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core, _dtypes
from .._core import LEAF, Tensor, wrap
from .device import check_device
from .registry import public


def tensor(
    data: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor with a copy of `data`: numbers, nested sequences, arrays, tensors.

    >>> import rushlight as torch
    >>> torch.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    check_device(device)
    t = wrap(array_from(data, dtype))
    if requires_grad:
        t.requires_grad_()  # type: ignore[attr-defined]
    return t


def array_from(data: Any, dtype: Any) -> Any:
    """A fresh array of what the user gave; Python floats become the default dtype."""
    numpy = None if dtype is None else as_dtype(dtype).numpy
    if isinstance(data, Tensor):
        return data._data.astype(numpy or data._data.dtype, order="C")
    if isinstance(data, np.ndarray):
        _dtypes.from_numpy(numpy or data.dtype)
        return np.array(data, numpy, order="C")
    if type(data) is float:
        return np.array(data, numpy or _dtypes.default.numpy)
    found = np.array(_plain(data), dtype=None)
    if found.dtype == object or found.dtype.kind in "US":
        raise _cannot_infer(data, found)
    if numpy is None:
        numpy = found.dtype
        if found.dtype == np.float64:
            if not _has_numpy_scalar(data):
                numpy = _dtypes.default.numpy
        elif found.dtype == np.complex128 and not _has_numpy_scalar(data):
            numpy = _dtypes.default.complex.numpy
    return np.ascontiguousarray(found.astype(numpy)).reshape(found.shape)


def _plain(data: Any) -> Any:
    if isinstance(data, list | tuple) and data:
        return [_plain(d) for d in data] if not isinstance(data[0], int | float) else data
    return data.tolist() if isinstance(data, Tensor) else data  # type: ignore[attr-defined]


def _has_numpy_scalar(data: Any) -> bool:
    while isinstance(data, list | tuple) and data:
        data = data[0]
    return isinstance(data, np.generic | np.ndarray)


def _cannot_infer(data: Any, found: Any) -> Exception:
    if isinstance(data, str):
        return TypeError("new(): invalid data type 'str'")
    return ValueError("expected sequence of equal lengths")


def as_dtype(dtype: Any) -> _dtypes.dtype:
    """A dtype object from what users pass as ``dtype=``."""
    if isinstance(dtype, _dtypes.dtype):
        return dtype
    known: dict[Any, Any] = {float: _dtypes.float64, int: _dtypes.int64, bool: _dtypes.bool,
                             complex: _dtypes.complex128}  # fmt: skip
    if dtype in known:
        return known[dtype]  # type: ignore[no-any-return]
    raise TypeError(f"dtype must be torch.dtype, not {type(dtype).__name__}")


def _shape(size: tuple[Any, ...]) -> tuple[int, ...]:
    if len(size) == 1 and isinstance(size[0], list | tuple):
        size = tuple(size[0])
    return tuple(int(n) for n in size)


def _finish(array: Any, requires_grad: bool, device: Any) -> Tensor:
    check_device(device)
    t = wrap(array)
    if requires_grad:
        t._edge = LEAF
    return t


def zeros(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros in the given shape."""
    numpy = _dtypes.default.numpy if dtype is None else as_dtype(dtype).numpy
    return _finish(np.zeros(_shape(size), numpy), requires_grad, device)


def ones(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones in the given shape."""
    numpy = _dtypes.default.numpy if dtype is None else as_dtype(dtype).numpy
    return _finish(np.ones(_shape(size), numpy), requires_grad, device)


def from_numpy(array: Any) -> Tensor:
    """A tensor over the memory of `array`."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(array).__name__})")
    _dtypes.from_numpy(array.dtype)
    return wrap(array[...])


for _name, _function in {
    "tensor": tensor, "zeros": zeros, "ones": ones, "from_numpy": from_numpy,
}.items():  # fmt: skip
    public(_name, _function, method=False)
_core.Tensor.__module__ = "torch"
